//! What `benches/peers/nemo-relay` measures of spanreel: built and run here, where it is no matter of speed.
//!
//! NeMo Relay itself is not: it brings hundreds of crates along.

#[path = "../../../../benches/peers/nemo-relay/src/calls.rs"]
mod calls;
#[path = "../../../../benches/peers/nemo-relay/src/ours.rs"]
mod ours;

use std::path::Path;

use spanreel::Content;

use crate::exchange::Exchange;
use calls::Recorded;
use ours::Ours;

/// The committed exchanges and the long stream are calls that spanreel reads, of every API that is compared,
/// streamed and not, and nothing of them is lost.
#[test]
fn the_calls_that_are_compared_are_read() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/llm/exchanges");
    let mut all = calls::of(&Exchange::all(&committed));
    all.push(Recorded::long());
    for codec in [
        "openai_chat",
        "openai_responses",
        "anthropic_messages",
        "gemini_generate_content",
    ] {
        assert!(all.iter().any(|it| it.codec == codec), "{codec}");
    }
    assert!(all.iter().any(|it| !it.is_stream && it.chunks.len() == 1));
    let ours = Ours::new(Content::Spans);
    let mut known = 0;
    for call in &all {
        ours.call(call);
        known += usize::from(ours.output_tokens(call).is_some());
    }
    assert_eq!(ours.output_tokens(&Recorded::long()), Some(1000));
    assert!(known * 3 > all.len() * 2, "{known} of {}", all.len());
    ours.settle();
    ours.finish();
}
