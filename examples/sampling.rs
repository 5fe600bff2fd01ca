//! Keeps all sessions that failed, all above one dollar, all slower than a minute, and one percent of the
//! rest, at most 50 sessions each second; then tells what each rule kept.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]
#![expect(
    clippy::disallowed_methods,
    reason = "some sessions are said to have begun long ago"
)]

use std::time::{Duration, SystemTime};

use spanreel::testing::InMemory;
use spanreel::{Pipeline, Policy, Rate, Rule, Sampling};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let minute = Duration::from_secs(60);
    let sampling = Sampling::ratio(0.01)
        .policy(Policy::keep(Rule::Errors).named("failed"))
        .policy(Policy::keep(Rule::CostAbove(1.0)).named("above one dollar"))
        .policy(Policy::keep(Rule::SlowerThan(minute)).named("slower than a minute"))
        .at_most(Rate::per_second(50));
    let memory = InMemory::new();
    let pipeline = Pipeline::builder()
        .sampling(sampling)
        .export(memory.clone())
        .start()?;

    for number in 0..1000 {
        let mut session = pipeline
            .open_session(&format!("conv-{number}"))
            .agent("planner");
        if number % 100 == 3 {
            session = session.started_at(SystemTime::now() - 2 * minute);
        }
        let session = session.open()?;
        let mut chat = session.chat("anthropic", "claude-sonnet-4-5").start();
        chat.cost(if number % 125 == 1 { 1.25 } else { 0.02 });
        chat.end();
        if number % 200 == 2 {
            session.fail("the user gave up");
        } else {
            session.succeed();
        }
    }

    let report = pipeline.shutdown_blocking(Duration::from_secs(5));
    for policy in pipeline.stats().sampling.policies {
        println!(
            "{:<22} kept {:>4}  dropped {:>4}",
            policy.name, policy.kept, policy.dropped
        );
    }
    let roots = memory
        .spans()
        .into_iter()
        .filter(|span| span.parent_span_id.is_none());
    let sampled = roots
        .filter(|span| span.trace_state.starts_with("ot=th:"))
        .count();
    println!("{sampled} sessions carry a probability below one");
    println!("{report}");
    Ok(())
}
