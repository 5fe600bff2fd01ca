//! A sampler of one's own: keeps sessions that failed or were expensive, whole, and drops the
//! others, whole.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::time::Duration;

use spanreel::testing::InMemory;
use spanreel::{Pipeline, Sample, SessionFacts, Verdict};

struct Interesting {
    usd: f64,
}

impl Sample for Interesting {
    fn sample(&mut self, session: &SessionFacts) -> Verdict {
        if session.error || session.cost > self.usd {
            Verdict::Keep
        } else if session.ended {
            Verdict::Drop
        } else {
            Verdict::Wait
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder()
        .sample(Interesting { usd: 0.05 })
        .export(memory.clone())
        .start()?;
    for (id, usd) in [("cheap", 0.01), ("expensive", 0.09)] {
        let session = pipeline.session(id)?;
        session
            .chat("anthropic", "claude-sonnet-4-5")
            .start()
            .cost(usd);
        session.end();
    }
    let failed = pipeline.session("failed")?;
    failed.tool("search").start().error("timeout", "no answer");
    failed.end();
    println!("{}", pipeline.shutdown_blocking(Duration::from_secs(5)));
    println!("{}", memory.tree_with(&["session.id"]));
    Ok(())
}
