//! What it costs to trace calls of models with spanreel, beside NeMo Relay: the same recorded exchanges in one
//! process, in turns.
//!
//! ```sh
//! cargo run --release --manifest-path benches/peers/nemo-relay/Cargo.toml -- [ROUNDS]
//! ```
//!
//! Exchanges are those of the tests of spanreel-http, those of `SPANREEL_TEST_DATA`, and a stream of a thousand
//! chunks. What is measured is the CPU time of the process, what is behind each library included: spanreel
//! writes a span and gives it to an exporter that forgets it; NeMo Relay gives its events to a subscriber that
//! counts them. Figures are medians of rounds, ratios the medians of the ratios within a round.

mod calls;
#[path = "../../../../crates/http/tests/llm/exchange.rs"]
#[expect(dead_code, reason = "shared with the tests of spanreel-http")]
mod exchange;
mod ours;
mod round;
mod theirs;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use calls::Recorded;
use exchange::Exchange;
use round::Contestants;
use theirs::Theirs;

const ROUNDS: usize = 15;

fn main() {
    let rounds = std::env::args().nth(1);
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"));
    let contestants = Contestants::new();
    let read = both_read(&contestants, recorded()).into_iter();
    let (streams, answers): (Vec<_>, Vec<_>) = read.partition(|it| it.is_stream);
    for (title, calls) in [
        ("recorded streams", streams),
        ("recorded answers", answers),
        (
            "a stream of a thousand chunks",
            vec![Arc::new(Recorded::long())],
        ),
    ] {
        contestants.measure(title, &calls, rounds.max(1));
    }
    println!("\n{} events of NeMo Relay", contestants.theirs.events());
    contestants.finish();
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program reads its own environment"
)]
fn recorded() -> Vec<Recorded> {
    let committed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../crates/http/tests/llm/exchanges");
    let mut all = Exchange::all(&committed);
    match std::env::var_os("SPANREEL_TEST_DATA") {
        Some(folder) => all.extend(Exchange::all(&Path::new(&folder).join("llm-http"))),
        None => println!("SPANREEL_TEST_DATA is not set: the committed exchanges alone"),
    }
    calls::of(&all)
}

/// The calls whose answers both can read, which is what is compared. Says what that comes to.
fn both_read(contestants: &Contestants, calls: Vec<Recorded>) -> Vec<Arc<Recorded>> {
    let all = calls.len();
    let (mut same, mut read) = (0, Vec::new());
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls.into_iter().map(Arc::new) {
        let theirs = Theirs::read(&call);
        let (Ok(theirs), Ok(())) = (theirs, contestants.theirs.call(&call)) else {
            continue;
        };
        let theirs = theirs.usage.and_then(|usage| usage.completion_tokens);
        match (theirs, contestants.off.output_tokens(&call)) {
            (Some(theirs), Some(ours)) if theirs == ours => same += 1,
            (None, None) => {}
            (theirs, ours) => {
                let kind = if call.is_stream {
                    "a stream"
                } else {
                    "an answer"
                };
                let less = match (theirs, ours) {
                    (Some(theirs), Some(ours)) if theirs < ours => "fewer",
                    (Some(_), Some(_)) => "more",
                    (None, _) => "none",
                    (_, None) => "some",
                };
                let line = format!("{kind} of {}: NeMo Relay has {less}", call.codec);
                *others.entry(line).or_default() += 1;
            }
        }
        read.push(call);
    }
    println!(
        "{} of {all} exchanges are read by both: output tokens are the same in {same}, and differ in {}",
        read.len(),
        others.values().sum::<usize>()
    );
    for (line, count) in &others {
        println!("  {count:4} {line}");
    }
    read
}
