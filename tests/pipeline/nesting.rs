//! Spans stand under the right parents.

use std::sync::Arc;
use std::thread;

use spanreel::Session;

use crate::rig::Rig;

/// Spans stand under the spans that they were started from, in the order in which they started.
#[test]
fn spans_stand_under_their_parents() {
    let rig = Rig::start();
    let session = rig.pipeline.open_session("nesting").agent("planner").open();
    let session = session.expect("open");
    let plan = session.child("plan").start();
    let mut chat = plan.chat("anthropic", "opus").start();
    chat.error("429", "slow down");
    plan.tool("search").start().end();
    chat.end();
    let helper = plan.agent("helper").start();
    helper.action("click").start().end();
    drop(helper);
    plan.end();
    session.retrieval("docs").start().end();
    session.succeed();
    rig.stop().assert_tree(
        "
        invoke_agent planner
          plan
            chat opus ! slow down
            execute_tool search
            invoke_agent helper
              action click
          retrieval docs
        ",
    );
}

/// A span may be given to a task and its children started there, on whatever thread that runs.
#[test]
fn spans_of_tasks_stand_under_their_parents() {
    let rig = Rig::start();
    let session = rig.pipeline.session("tasks").expect("open");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..8 {
            let work = session.child(&format!("task {task}")).start();
            #[expect(
                clippy::disallowed_methods,
                reason = "a host's tasks, not the pipeline's"
            )]
            tasks.spawn(async move {
                for step in 0..3 {
                    tokio::task::yield_now().await;
                    let step = work.child(&format!("step {task}.{step}")).start();
                    tokio::task::yield_now().await;
                    step.child(&format!("call {task}")).start().end();
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("the task ran");
        }
    });
    session.end();
    let mut expected = String::from("session\n");
    for task in 0..8 {
        expected += &format!("  task {task}\n");
        for step in 0..3 {
            expected += &format!("    step {task}.{step}\n      call {task}\n");
        }
    }
    rig.stop().assert_tree(&expected);
}

/// A session may be shared between threads, and a span among the threads that work for it.
#[test]
fn spans_of_threads_stand_under_their_parents() {
    let rig = Rig::start();
    let session = rig.pipeline.session("threads").expect("open");
    let work = Arc::new(session.child("work").start());
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (session, work) = (session.clone(), Arc::clone(&work));
            thread::spawn(move || chain(&session, &work, number))
        })
        .collect();
    for thread in threads {
        thread.join().expect("the thread ran");
    }
    drop(work);
    session.end();
    let memory = rig.stop();
    let spans = memory.spans();
    let id_of = |name: &str| memory.span(name).span_id;
    for number in 0..4 {
        let beside = memory.span(&format!("beside {number}"));
        assert_eq!(beside.parent_span_id, Some(id_of("session")));
        let mut parent = id_of("work");
        for depth in 0..50 {
            let link = memory.span(&format!("link {number}.{depth}"));
            assert_eq!(link.parent_span_id, Some(parent), "{}", link.name);
            parent = link.span_id;
        }
    }
    assert_eq!(spans.len(), 2 + 4 * 51);
}

/// Fifty spans, each below the one before, ended in the order of their start.
fn chain(session: &Session, work: &spanreel::Span, number: usize) {
    session.child(&format!("beside {number}")).start().end();
    let mut links: Vec<spanreel::Span> = Vec::new();
    for depth in 0..50 {
        let above = links.last().unwrap_or(work);
        let link = above.child(&format!("link {number}.{depth}")).start();
        links.push(link);
    }
    links.into_iter().for_each(spanreel::Span::end);
}

/// A host may say itself what the parent is, and what id a span has.
#[test]
fn a_host_may_name_parent_and_id() {
    let rig = Rig::start();
    let session = rig.pipeline.session("by id").expect("open");
    let id = "00f067aa0ba902b7".parse().expect("an id");
    session.child("parent").id(id).start().end();
    let child = session.child("child").parent(id).start();
    assert_eq!(child.context().trace_id(), session.trace_id());
    child.end();
    session.end();
    rig.stop().assert_tree(
        "
        session
          parent
            child
        ",
    );
}

/// Work that runs inside a span ends it: as failed by its error, as cancelled when it is dropped, as
/// panicked, which panics on.
#[tokio::test]
async fn work_inside_a_span_ends_it() {
    let rig = Rig::start();
    let session = rig.pipeline.session("runs").expect("open");
    let fine: Result<u8, std::fmt::Error> =
        session.child("fine").start().run(async { Ok(7) }).await;
    assert_eq!(fine, Ok(7));
    let failed: Result<(), _> = session
        .child("failed")
        .start()
        .run(async { Err(std::fmt::Error) })
        .await;
    assert!(failed.is_err());
    let cancelled = session.child("cancelled").start();
    drop(cancelled.run(std::future::pending::<Result<(), std::fmt::Error>>()));
    let panicked = session.child("panicked").start();
    #[expect(
        clippy::disallowed_methods,
        reason = "a host's task, not the pipeline's"
    )]
    let panicked = tokio::spawn(panicked.run(async {
        if true {
            panic!("as tested");
        }
        Ok::<(), std::fmt::Error>(())
    }));
    assert!(panicked.await.expect_err("it panicked").is_panic());
    session.end();
    let memory = tokio::task::spawn_blocking(move || rig.stop()).await;
    memory.expect("shut down").assert_tree_with(
        &["error.type"],
        "
        session
          fine
          failed error.type=Error ! an error occurred when formatting an argument
          cancelled error.type=cancelled ! the work was dropped before its end
          panicked error.type=panic ! the work panicked
        ",
    );
}
