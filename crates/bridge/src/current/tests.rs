use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures::FutureExt;
use futures::future::BoxFuture;
use proptest::prelude::*;
use spanreel::{Null, Pipeline};

use super::*;

fn pipeline() -> Pipeline {
    let builder = Pipeline::builder().export(Null);
    builder.start().expect("the configuration is valid")
}

fn here() -> Option<String> {
    get().map(|current| current.session().id().into_owned())
}

/// What a task does between two looks at what is current.
#[derive(Clone, Debug)]
enum Step {
    Yield,
    /// Runs the rest in the scope of another session.
    Scope(Vec<Step>),
    Spawn(Vec<Step>),
    Blocking,
    /// Enters another session for a moment, without waiting.
    Enter,
    /// Waits for the rest or for something that never comes, which is then dropped.
    Select(Vec<Step>),
    Join(Vec<Step>, Vec<Step>),
    /// A task that was handed nothing.
    Bare,
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        3 => Just(Step::Yield),
        1 => Just(Step::Blocking),
        1 => Just(Step::Enter),
        1 => Just(Step::Bare),
    ];
    let step = leaf.prop_recursive(3, 12, 3, |inner| {
        let steps = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            steps().prop_map(Step::Scope),
            steps().prop_map(Step::Spawn),
            steps().prop_map(Step::Select),
            (steps(), steps()).prop_map(|(left, right)| Step::Join(left, right)),
        ]
    });
    prop::collection::vec(step, 1..6)
}

/// Asserts that what is current is what should be, before and after every step.
fn walk(pipeline: Pipeline, steps: Vec<Step>, expected: String) -> BoxFuture<'static, ()> {
    async move {
        for (at, step) in steps.into_iter().enumerate() {
            assert_eq!(here().as_deref(), Some(&*expected));
            let other = || {
                let id = format!("{expected}.{at}");
                let session = pipeline.session(&id).expect("it is not shut down");
                (session, id)
            };
            match step {
                Step::Yield => tokio::task::yield_now().await,
                Step::Scope(steps) => {
                    let (session, id) = other();
                    scope(&session, walk(pipeline.clone(), steps, id)).await;
                }
                Step::Spawn(steps) => {
                    let work = walk(pipeline.clone(), steps, expected.clone());
                    spawn(work).await.expect("it does not panic");
                }
                Step::Blocking => {
                    let seen = spawn_blocking(here).await.expect("it does not panic");
                    assert_eq!(seen.as_deref(), Some(&*expected));
                }
                Step::Enter => {
                    let (session, id) = other();
                    let _entered = enter(&session);
                    assert_eq!(here(), Some(id));
                }
                Step::Select(steps) => {
                    let (session, _) = other();
                    let never = scope(&session, async {
                        tokio::task::yield_now().await;
                        pending::<()>().await;
                    });
                    tokio::select! {
                        biased;
                        () = never => unreachable!("it is pending"),
                        () = walk(pipeline.clone(), steps, expected.clone()) => {}
                    }
                }
                Step::Join(left, right) => {
                    let ((session, id), work) = (other(), pipeline.clone());
                    tokio::join!(
                        scope(&session, walk(work, left, id)),
                        walk(pipeline.clone(), right, expected.clone()),
                    );
                }
                Step::Bare => {
                    #[expect(clippy::disallowed_methods, reason = "the bare one is compared with")]
                    let bare = tokio::spawn(async { here() });
                    assert_eq!(bare.await.expect("it does not panic"), None);
                }
            }
            assert_eq!(here().as_deref(), Some(&*expected));
        }
    }
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 20, ..ProptestConfig::default() })]

    /// Whatever thousands of interleaved tasks do, each sees its own session and nothing else.
    #[test]
    fn each_of_thousands_of_tasks_sees_its_own_session(
        programs in prop::collection::vec(any_steps(), 8),
    ) {
        let pipeline = pipeline();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(3)
            .enable_all()
            .build()
            .expect("threads can be started");
        runtime.block_on(async {
            let start = |number: usize| {
                let (id, steps) = (format!("task-{number}"), programs[number % programs.len()].clone());
                let session = pipeline.session(&id).expect("it is not shut down");
                let _entered = enter(&session);
                spawn(walk(pipeline.clone(), steps, id))
            };
            let tasks: Vec<_> = (0..1000).map(start).collect();
            assert_eq!(here(), None);
            for task in tasks {
                task.await.expect("no assertion fails");
            }
        });
        drop(runtime);
        pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
    }
}

/// Notes what is current when it is dropped.
struct Witness(Arc<Mutex<Vec<Option<String>>>>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.lock().expect("nobody panicked").push(here());
    }
}

/// What a future holds is dropped in its scope: cancelled, finished, or never polled.
#[test]
fn what_a_future_holds_is_dropped_in_its_scope() {
    let pipeline = pipeline();
    let session = pipeline.session("conv-1").expect("it is open");
    let seen = Arc::default();
    let witness = || Witness(Arc::clone(&seen));

    let held = witness();
    scope(&session, async move { drop(held) })
        .now_or_never()
        .expect("it is ready");
    let held = witness();
    drop(scope(&session, async move { drop(held) }));
    let held = witness();
    let waits = scope(&session, async move {
        pending::<()>().await;
        drop(held);
    });
    assert!(waits.now_or_never().is_none());

    let seen = seen.lock().expect("nobody panicked");
    assert_eq!(*seen, vec![Some("conv-1".to_owned()); 3]);
    assert_eq!(here(), None);
    pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
}

/// A panic leaves nothing behind, neither in a future nor in synchronous code.
#[test]
fn a_panic_leaves_nothing_behind() {
    let pipeline = pipeline();
    let session = pipeline.session("conv-1").expect("it is open");
    let work = scope(&session, async { panic!("the work fails") });
    let outcome = AssertUnwindSafe(work).catch_unwind().now_or_never();
    assert!(outcome.expect("it is ready").is_err());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let _entered = enter(&session);
        panic!("the work fails");
    }));
    assert!(outcome.is_err());
    assert_eq!((here(), stack::depth()), (None, 0));
    pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
}

/// Synchronous scopes may end in any order; the innermost that is left counts.
#[test]
fn scopes_may_end_in_any_order() {
    let pipeline = pipeline();
    let [a, b, c] = ["a", "b", "c"].map(|id| pipeline.session(id).expect("it is open"));
    let (in_a, in_b, in_c) = (enter(&a), enter(&b), enter(&c));
    assert_eq!(here().as_deref(), Some("c"));
    drop(in_b);
    assert_eq!(here().as_deref(), Some("c"));
    drop(in_c);
    assert_eq!(here().as_deref(), Some("a"));
    drop(in_a);
    assert_eq!((here(), stack::depth()), (None, 0));
    pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
}

/// A future that is polled on one thread after the other has its scope on each and leaves none.
#[test]
fn a_scope_follows_its_future_to_any_thread() {
    let pipeline = pipeline();
    let session = pipeline.session("conv-1").expect("it is open");
    let mut work = Box::pin(scope(&session, async {
        for _ in 0..3 {
            assert_eq!(here().as_deref(), Some("conv-1"));
            let mut waited = false;
            std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
                false => Poll::Pending,
                true => Poll::Ready(()),
            })
            .await;
        }
    }));
    for turn in 0..4 {
        let poll = || {
            let ready = work.as_mut().now_or_never().is_some();
            (ready, here(), stack::depth())
        };
        let seen = std::thread::scope(|threads| threads.spawn(poll).join());
        assert_eq!(seen.expect("it does not panic"), (turn == 3, None, 0));
    }
    pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
}

/// Spans of a current span lie below it, log records are its own, and its context is what goes out.
#[test]
fn what_is_started_at_a_current_span_lies_below_it() {
    let memory = spanreel::testing::InMemory::new();
    let builder = Pipeline::builder().export(memory.clone());
    let pipeline = builder.start().expect("the configuration is valid");
    let session = pipeline.session("conv-1").expect("it is open");
    let turn = session.child("turn").start();
    {
        let _entered = enter(&turn);
        let here = get().expect("it was entered");
        assert_eq!(here.context(), turn.context());
        assert_eq!(here.span().map(SpanRef::id), Some(turn.id()));
        here.chat("openai", "gpt-5-mini").start().end();
        here.log("said").emit();
    }
    turn.end();
    session.end();
    pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
    memory.assert_tree(
        "
        session
          turn
            chat gpt-5-mini
        ",
    );
    assert_eq!(memory.logs()[0].span_id, Some(memory.span("turn").span_id));
}
