//! Spans stand under the right parents.

use std::time::Duration;

use spanreel::Pipeline;
use spanreel::testing::InMemory;

use crate::support::ledger;

/// Spans of spawned tasks and threads stand under the spans that they were started from.
#[tokio::test]
async fn spans_of_tasks_and_threads_stand_under_their_parents() {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder()
        .export(memory.clone())
        .start()
        .expect("a pipeline");
    let session = pipeline.session("nesting").expect("open");
    let plan = session.child("plan").start();
    plan.child("step").start().end();
    plan.end();
    session.end();
    let report = pipeline.shutdown(Duration::from_secs(5)).await;
    memory.assert_tree(
        "
        session
          plan
            step
        ",
    );
    ledger::assert_settled(&report);
    assert!(report.is_lossless());
}
