//! Puts messages onto the model calls that took them in and gave them out.
//!
//! Runs only where content was asked for. A call gets the messages that are new since the call
//! before it, not the whole conversation again: that would grow with the square of its length.

use std::collections::{HashMap, HashSet, VecDeque};

use super::building::Building;
use super::draft::set;
use super::event::{Event, Family};

/// The messages of a run on their way to its calls.
#[derive(Default)]
struct Talk<'a> {
    /// Messages that no call has taken in yet.
    unheard: Vec<&'a str>,
    /// Calls that have not answered yet, by index.
    unanswered: VecDeque<usize>,
}

/// Sets `gen_ai.input.messages` and `gen_ai.output.messages` on the model calls among the spans,
/// which are in order of their starts, as the events are in order of time.
pub(crate) fn attach(spans: &mut [Building], events: &[Event]) {
    let calls: Vec<usize> = (0..spans.len())
        .filter(|&at| spans[at].family == Family::Provider)
        .collect();
    let runs: HashSet<String> = calls.iter().map(|&at| spans[at].run.to_string()).collect();
    let messages: Vec<&Event> = events
        .iter()
        .filter(|it| it.family == Family::MessageCreated)
        .collect();
    // Where messages and calls name different runs, the session is one talk.
    let by_run = messages.iter().all(|message| runs.contains(&*message.run));
    let run_of = |run: &str| {
        if by_run {
            run.to_owned()
        } else {
            String::new()
        }
    };

    let mut talks: HashMap<String, Talk<'_>> = HashMap::new();
    let mut calls = calls.into_iter().peekable();
    for message in messages {
        let time = message.time.unwrap_or_default();
        let Some(said) = &message.detail.message else {
            continue;
        };
        let is_answer = said.role == "assistant";
        // A message takes part in a call that begins with it, unless it is one's answer.
        while let Some(call) =
            calls.next_if(|&at| spans[at].start < time || is_answer && spans[at].start == time)
        {
            listen(spans, call, &mut talks, &run_of);
        }
        let talk = talks.entry(run_of(&message.run)).or_default();
        let Some(json) = &said.json else { continue };
        if !is_answer {
            talk.unheard.push(json);
            continue;
        }
        let Some(call) = talk.unanswered.pop_front() else {
            talk.unheard.push(json);
            continue;
        };
        let attributes = &mut spans[call].attributes;
        if !attributes
            .iter()
            .any(|(key, _)| key == "gen_ai.input.messages")
            && !talk.unheard.is_empty()
        {
            set(
                attributes,
                "gen_ai.input.messages",
                array(&std::mem::take(&mut talk.unheard)),
            );
        }
        set(attributes, "gen_ai.output.messages", array(&[json]));
    }
    for call in calls {
        listen(spans, call, &mut talks, &run_of);
    }
}

/// Lets a call take in what was said before it began.
fn listen(
    spans: &mut [Building],
    call: usize,
    talks: &mut HashMap<String, Talk<'_>>,
    run_of: &impl Fn(&str) -> String,
) {
    let talk = talks.entry(run_of(&spans[call].run)).or_default();
    if !talk.unheard.is_empty() {
        set(
            &mut spans[call].attributes,
            "gen_ai.input.messages",
            array(&talk.unheard),
        );
    }
    // A call that failed answers nothing; the next one is told the same again.
    if spans[call].failure.is_none() && !spans[call].is_open {
        talk.unheard.clear();
        talk.unanswered.push_back(call);
    }
}

fn array(messages: &[impl AsRef<str>]) -> String {
    let messages: Vec<&str> = messages.iter().map(AsRef::as_ref).collect();
    format!("[{}]", messages.join(","))
}
