//! What the AgentOps SDK sends (0.4.21, recorded from its decorators) as a store understands it.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::json;
use spanreel::{Request, Signal};
use spanreel_store::SessionQuery;

use super::{json, patience, with_each, write};

/// `run` of `agentops_sdk.py` beside the tests of clients: a session, an agent, an operation, two tools of which
/// one fails.
const RECORDED: &str = include_str!("agentops.json");

/// The session, which nothing names: its trace.
const ID: &str = "f53fcaf4ef8db0cef17a4e58a20d7c20";

fn recorded() -> Request {
    let request: ExportTraceServiceRequest = serde_json::from_str(RECORDED).expect("OTLP JSON");
    Request::from_bytes(Signal::Traces, 5, request.encode_to_vec().into())
}

/// A class that is decorated as an agent is the agent of its session, of its span and of all spans below, and
/// sessions are found by it.
#[test]
fn decorated_classes_are_agents() {
    with_each(|store| {
        write(&*store, &[recorded()]);
        let mut query = SessionQuery::default();
        query.filter.agent = Some("Planner".to_owned());
        let page = store.sessions(&query, &patience()).expect("an answer");
        let session = &page.items[0];
        assert_eq!(session.id, ID);
        assert_eq!(session.agent.as_deref(), Some("Planner"));
        assert_eq!(session.agents, ["Planner"]);

        let spans = store.spans(ID, 100, None, &patience()).expect("an answer");
        let spans = spans.expect("it is there").items;
        let agents: Vec<_> = spans
            .iter()
            .map(|span| (&*span.name, span.agent.as_deref()))
            .collect();
        let planner = Some("Planner");
        assert_eq!(
            agents,
            [
                ("run.session", None),
                ("Planner.agent", planner),
                ("work.task", planner),
                ("search.tool", planner),
                ("fail.tool", planner),
            ]
        );
        let whole = store.span(ID, &spans[3].span_id, &patience());
        let whole = whole.expect("an answer").expect("it is there");
        assert_eq!(whole.span.agent.as_deref(), planner);
    });
}

/// Decorated tools have the name of their function and what they were called with; a function that took nothing
/// said nothing, so that only one message is the user's.
#[test]
fn decorated_functions_say_what_they_were_called_with() {
    with_each(|store| {
        write(&*store, &[recorded()]);
        let story = store.messages(ID, &patience()).expect("an answer");
        let story = json(&story.expect("it is there").items);
        let said: Vec<_> = story
            .as_array()
            .expect("a list")
            .iter()
            .map(|message| (message["role"].clone(), message["parts"][0].clone()))
            .collect();
        assert_eq!(
            said,
            [
                (json!("user"), json!({"type": "text", "text": "4"})),
                (
                    json!("assistant"),
                    json!({"type": "tool_call", "name": "search", "arguments": "gr\u{fc}\u{df}e 4"})
                ),
                (
                    json!("tool"),
                    json!({"type": "tool_result", "name": "search", "result": "found gr\u{fc}\u{df}e 4"})
                ),
                (
                    json!("assistant"),
                    json!({"type": "tool_call", "name": "fail", "arguments": "answer"})
                ),
                (
                    json!("assistant"),
                    json!({"type": "text", "text": "found gr\u{fc}\u{df}e 4"})
                ),
            ]
        );
    });
}
