//! Spans whose parent is remote, as the reference decoder sees them.

use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::trace::v1::{Span, SpanFlags};
use spanreel::{BatchConfig, Limits, SpanContext, SpanId};

use super::requests::Requests;
use super::{start, stop};

const HAS_IS_REMOTE: u32 = SpanFlags::ContextHasIsRemoteMask as u32;
const IS_REMOTE: u32 = SpanFlags::ContextIsRemoteMask as u32;

fn named(requests: &Requests, name: &str) -> Span {
    let spans = requests.spans();
    let found: Vec<_> = spans.into_iter().filter(|it| it.name == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    found.into_iter().next().expect("there is one")
}

/// A span whose parent another process named says so in its flags, however it ends; all others say that
/// their parent is of this process. Nothing else of them differs.
#[test]
fn a_remote_parent_is_marked() {
    let (pipeline, requests) = start(&Limits::default(), &BatchConfig::default());
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";
    let parent = SpanContext::from_traceparent(traceparent).expect("valid");
    let session = pipeline.open_session("conv-1").parent(parent.clone());
    let session = session.open().expect("open");
    let caller = SpanId::random();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);

    session.child("local").start().end();
    session.child("remote").remote_parent(caller).start().end();
    let taken_back = session.child("taken back").remote_parent(caller);
    taken_back.parent(caller).start().end();
    let chat = session.chat("openai", "gpt");
    chat.remote_parent(caller).start().end();
    let told = session.child("told late").remote_parent(caller);
    told.record(at, at).end();
    let open = session.child("left open").remote_parent(caller).start();
    session.end();
    drop(open);
    stop(&pipeline);

    let expected = [
        ("session", true),
        ("local", false),
        ("remote", true),
        ("taken back", false),
        ("chat gpt", true),
        ("told late", true),
        ("left open", true),
    ];
    for (name, is_remote) in expected {
        let span = named(&requests, name);
        let remote = if is_remote { IS_REMOTE } else { 0 };
        assert_eq!(span.flags, HAS_IS_REMOTE | remote | 0x03, "{name}");
        let trace_id = parent.trace_id().to_bytes();
        assert_eq!(span.trace_id, trace_id, "{name}");
        let attributes: Vec<_> = span.attributes.iter().map(|it| &*it.key).collect();
        assert!(attributes.contains(&"session.id"), "{name}: {attributes:?}");
        let is_genai = ["session", "chat gpt"].contains(&name);
        let has_conversation = attributes.contains(&"gen_ai.conversation.id");
        assert_eq!(has_conversation, is_genai, "{name}: {attributes:?}");
    }
    for name in ["remote", "taken back", "chat gpt", "told late", "left open"] {
        assert_eq!(
            named(&requests, name).parent_span_id,
            caller.to_bytes(),
            "{name}"
        );
    }
}
