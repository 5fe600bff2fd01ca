//! A session with secrets, for every way on which one leaves.

use std::collections::HashMap;

use spanreel::{Part, Pipeline, Value};

use super::planter::Planter;

/// A session in which there is a secret wherever there can be text.
/// What is shown or sent along meanwhile is given to `shown`.
pub(super) fn speak(pipeline: &Pipeline, planter: &mut Planter, mut shown: impl FnMut(String)) {
    let key = |planter: &mut Planter| format!("key of {}", planter.secret());
    let session = pipeline
        .open_session(&planter.said())
        .agent(&planter.said())
        .agent_id(&planter.said())
        .user(&planter.said())
        .conversation_id(&planter.said())
        .tag(&planter.said())
        .previous_id(&planter.said())
        .baggage("tenant", &planter.said())
        .attribute("question", &*planter.said())
        .open()
        .expect("it is open");
    let other = pipeline.session("other").expect("it is open");
    let link = [("why", Value::from("x")), ("how", Value::from("y"))];
    session.link(&other.context(), &link);

    let mut span = session.child(&planter.said()).start();
    span.set(&key(planter), &*planter.said());
    span.set("json", &*planter.json());
    span.set("password", &*planter.secret());
    span.set("bytes", planter.said().as_bytes());
    let (one, two) = (planter.said(), planter.json());
    span.set(
        "list",
        &[Value::Str(&one), Value::Array(&[Value::Str(&two)])][..],
    );
    let (name, value) = (key(planter), planter.json());
    span.set("map", Value::Map(&[(&name, Value::Str(&value))]));
    let (name, value) = (planter.said(), planter.json());
    let event_key = key(planter);
    span.event(&name, &[(&event_key, value.as_str().into())]);
    let why = planter.said();
    span.link(&other.context(), &[("why", why.as_str().into())]);
    span.set_content(Part::InputMessages, &*planter.json());
    span.log(planter.said().as_str())
        .event_name(&planter.said())
        .attribute(&key(planter), &*planter.json())
        .content(Part::OutputMessages, &*planter.json())
        .emit();
    let body = planter.json();
    session
        .log(Value::Map(&[("body", Value::Str(&body))]))
        .emit();
    let delegation = span.delegate(&planter.said()).start();
    let mut carrier: HashMap<String, String> = HashMap::new();
    span.inject_to("localhost", &mut carrier);
    shown(format!("{carrier:?}"));
    shown(format!("{:?}", pipeline.sessions()));
    delegation.failed(&planter.said(), &planter.said());
    span.exception(&planter.said(), &planter.said(), &planter.json());
    span.exception_event(&planter.said(), &planter.said(), &planter.json());
    span.evaluation(&planter.said())
        .content(Part::EvaluationExplanation, &*planter.said())
        .emit();
    let mut chat = span.chat(&planter.said(), &planter.said()).start();
    chat.set("password", &*planter.secret());
    chat.set_content(Part::ToolArguments, &*planter.json());
    chat.error(&planter.said(), &planter.said());
    shown(format!("{:?}", pipeline.sessions()));
    chat.end();
    span.end();
    session.fail(&planter.said());
}
