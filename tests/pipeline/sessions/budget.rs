//! What a session may cost, and who is told.

use std::sync::{Arc, Mutex};

use spanreel::{Budget, Sampling, Session, SessionConfig};

use crate::rig::Rig;

fn spend(session: &Session, usd: f64) {
    let mut chat = session.chat("openai", "gpt").start();
    chat.cost(usd);
    chat.end();
}

/// What was told: part, and what was spent.
type Told = Arc<Mutex<Vec<(f64, f64)>>>;

fn telling(budget: Budget) -> (Budget, Told) {
    let told = Told::default();
    let notes = Arc::clone(&told);
    let budget = budget.on_reached(move |reached| {
        let mut notes = notes.lock().expect("no panic");
        notes.push((reached.part(), reached.spent()));
    });
    (budget, told)
}

/// The host and the backend are told at each part, once; what was spent before counts.
#[test]
fn a_budget_is_told_of() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    spend(&session, 0.5);
    let (budget, told) = telling(Budget::usd(1.0).at([0.5, 1.0]));
    session.budget(budget);
    assert_eq!(*told.lock().expect("no panic"), [(0.5, 0.5)]);
    spend(&session, 0.25);
    spend(&session, 0.5);
    spend(&session, 5.0);
    session.end();
    let expected = [(0.5, 0.5), (1.0, 1.25)];
    assert_eq!(*told.lock().expect("no panic"), expected);
    let mut logs = rig.stop().logs();
    logs.sort_by_key(|log| log.time_unix_nanos);
    let logged = logs.iter().map(|log| {
        assert_eq!(log.event_name, "spanreel.session.budget");
        assert_eq!(log.double("spanreel.budget.limit"), Some(1.0));
        let number = |key| log.double(key).expect("it is told");
        (
            number("spanreel.budget.part"),
            number("spanreel.budget.spent"),
        )
    });
    assert_eq!(logged.collect::<Vec<_>>(), expected);
}

/// A session that is not sampled has its budget all the same, and one that goes on in a next segment goes on
/// with it.
#[test]
fn a_budget_is_of_the_whole_session() {
    for (sampling, max_spans) in [(Sampling::always_off(), 1_000), (Sampling::always_on(), 3)] {
        let rig = Rig::with(|builder| {
            builder.sampling(sampling).sessions(SessionConfig {
                max_spans,
                ..SessionConfig::default()
            })
        });
        let session = rig.pipeline.session("conv-1").expect("open");
        let (budget, told) = telling(Budget::usd(10.0));
        session.budget(budget);
        for _ in 0..11 {
            spend(&session, 1.0);
        }
        let parts: Vec<_> = told.lock().expect("no panic").clone();
        assert_eq!(parts, [(0.8, 8.0), (1.0, 10.0)]);
        session.end();
        rig.stop();
    }
}

/// A call that panics costs itself alone.
#[test]
fn a_call_that_panics_costs_itself_alone() {
    let rig = Rig::start();
    let session = rig.pipeline.session("conv-1").expect("open");
    session.budget(Budget::usd(1.0).on_reached(|_| panic!("on purpose")));
    spend(&session, 2.0);
    session.end();
    let memory = rig.stop();
    assert_eq!(memory.logs().len(), 2);
    assert_eq!(memory.spans().len(), 2);
}

/// A budget that is set while the session goes on in its next segment is that of all that follow.
#[test]
fn a_budget_set_between_segments_is_kept() {
    let rig = Rig::with(|builder| {
        builder.sessions(SessionConfig {
            max_spans: 1,
            ..SessionConfig::default()
        })
    });
    for round in 0..100 {
        let session = rig
            .pipeline
            .session(&format!("conv-{round}"))
            .expect("open");
        let told = std::thread::scope(|scope| {
            scope.spawn(|| (0..20).for_each(|_| spend(&session, 0.0)));
            let mut last = None;
            for _ in 0..20 {
                let (budget, told) = telling(Budget::usd(1.0).at([1.0]));
                session.budget(budget);
                last = Some(told);
            }
            last.expect("one")
        });
        spend(&session, 2.0);
        assert_eq!(*told.lock().expect("no panic"), [(1.0, 2.0)], "{round}");
        session.end();
    }
    rig.stop();
}
