//! Events of the GenAI conventions: evaluations, exceptions, what was asked and answered.

use spanreel::{Content, Part};

use crate::rig::Rig;

/// An evaluation is a log record tied to the span that it judges; why it was judged so is content.
#[test]
fn an_evaluation_is_tied_to_what_it_judges() {
    let rig = Rig::start();
    let explain = |id: &str, content| {
        let session = rig
            .pipeline
            .open_session(id)
            .content(content)
            .open()
            .expect("open");
        let chat = session.chat("openai", "gpt-5-mini").start();
        let id = chat.id();
        chat.evaluation("relevance")
            .score(0.5)
            .label("relevant")
            .content(Part::EvaluationExplanation, "because")
            .emit();
        chat.end();
        session.evaluation("whole").score(1.0).emit();
        session.end();
        id
    };
    let silent = explain("conv-1", Content::Off);
    let told = explain("conv-2", Content::Events);
    let logs = rig.stop().logs();
    for (span, why) in [(silent, None), (told, Some("because"))] {
        let log = logs
            .iter()
            .find(|it| it.span_id == Some(span))
            .expect("recorded");
        assert_eq!(log.event_name, "gen_ai.evaluation.result");
        assert_eq!(log.str("gen_ai.evaluation.name"), Some("relevance"));
        assert_eq!(log.double("gen_ai.evaluation.score.value"), Some(0.5));
        assert_eq!(log.str("gen_ai.evaluation.score.label"), Some("relevant"));
        assert_eq!(log.str("gen_ai.evaluation.explanation"), why);
    }
    let of_sessions = logs
        .iter()
        .filter(|it| it.str("gen_ai.evaluation.name") == Some("whole"));
    assert_eq!(of_sessions.count(), 2);
}

/// An exception is a log record by the name that the conventions have for its operation, and the span
/// goes on; what was asked is an event where content is wanted in events.
#[test]
fn an_exception_is_a_log_record() {
    let rig = Rig::start();
    let session = rig
        .pipeline
        .open_session("conv-1")
        .content(Content::Both)
        .open()
        .expect("open");
    let chat = session.chat("openai", "gpt-5-mini").start();
    chat.exception_event("timeout", "too slow", "at a");
    chat.inference_details()
        .content(Part::InputMessages, "[]")
        .emit();
    chat.end();
    session
        .tool("search")
        .start()
        .exception_event("io", "gone", "");
    session.end();
    let memory = rig.stop();
    assert_eq!(memory.span("chat gpt-5-mini").status as i32, 0);
    let logs = memory.logs();
    let told: Vec<_> = logs
        .iter()
        .map(|it| {
            (
                &*it.event_name,
                it.str("exception.message"),
                it.str("exception.stacktrace"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "gen_ai.client.operation.exception",
                Some("too slow"),
                Some("at a")
            ),
            ("gen_ai.client.inference.operation.details", None, None),
            ("exception", Some("gone"), None),
        ]
    );
    assert_eq!(logs[1].str(Part::InputMessages.key()), Some("[]"));
}
