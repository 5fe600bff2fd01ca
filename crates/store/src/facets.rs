//! Which attributes sessions are filtered by: short ones of root spans and resources, and what their tales say.

use spanreel::Signal;
use spanreel::view::{AttributesView, RequestView, ValueView};

use crate::gather::Resource;
use crate::tale::Tale;

/// The longest value that is indexed, in bytes.
const LONGEST_VALUE: usize = 128;

/// The longest key.
const LONGEST_KEY: usize = 96;

/// How many values one session may have before no more of attributes are given to it.
pub(crate) const MOST_OF_SESSION: usize = 96;

/// Where something comes from that sessions are filtered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// What is known of a session: a few values of six fields.
    Tale,
    /// Whatever its sender calls it.
    Attributes,
}

/// Keys of resources that tell processes apart and not sessions.
const OF_PROCESSES: [&str; 7] = [
    "process.",
    "telemetry.",
    "os.",
    "host.id",
    "host.ip",
    "service.instance.id",
    "container.id",
];

/// Keys of root spans that are numbers to be summed up, identities, or said in other words.
const NOT_OF_ROOTS: [&str; 9] = [
    "gen_ai.usage.",
    "llm.token_count.",
    "llm.usage.",
    "spanreel.session.",
    "gen_ai.input",
    "gen_ai.output",
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "thread.",
];

/// Notes what can be filtered by of the attributes of a root span.
pub(crate) fn facets(
    attributes: AttributesView<'_>,
    session: &str,
    into: &mut Vec<(String, String)>,
) {
    for (key, value) in attributes {
        if NOT_OF_ROOTS.iter().any(|start| key.starts_with(start)) {
            continue;
        }
        note(key, &value, session, into);
    }
}

fn note(key: &str, value: &ValueView<'_>, session: &str, into: &mut Vec<(String, String)>) {
    let value = match value {
        ValueView::Str(text) => (*text).to_owned(),
        ValueView::Bool(truth) => truth.to_string(),
        ValueView::Int(number) => number.to_string(),
        _ => return,
    };
    let fits = !value.is_empty() && value.len() <= LONGEST_VALUE && key.len() <= LONGEST_KEY;
    if fits && value != session {
        into.push((key.to_owned(), value));
    }
}

impl Resource {
    /// What can be filtered by of it: as much as one session may have, each of its sessions is given all of it.
    pub(crate) fn facets(&self) -> Vec<(String, String)> {
        let mut facets = Vec::new();
        let Ok(view) = RequestView::new(Signal::Traces, &self.empty) else {
            return facets;
        };
        for group in view.resources() {
            for (key, value) in group.resource().attributes() {
                if facets.len() >= MOST_OF_SESSION {
                    return facets;
                }
                if !OF_PROCESSES.iter().any(|start| key.starts_with(start)) {
                    note(key, &value, "", &mut facets);
                }
            }
        }
        facets
    }
}

impl Tale {
    /// What is searched of it beside what was said.
    pub(crate) fn texts(&self) -> Vec<String> {
        let summary = &self.summary;
        let mut texts: Vec<String> = summary.agents.clone();
        texts.extend(summary.user.clone());
        texts.extend(summary.tags.iter().cloned());
        texts.extend(self.by_tool.iter().map(|part| part.name.clone()));
        texts.extend(summary.error.iter().map(|error| error.kind.clone()));
        texts.push(summary.service.clone());
        texts
    }

    /// Notes what can be filtered by beside attributes.
    pub(crate) fn facets(&self, into: &mut Vec<(String, String)>) {
        let mut note = |field: &str, value: &str| {
            if !value.is_empty() && value.len() <= LONGEST_VALUE {
                into.push((field.to_owned(), value.to_owned()));
            }
        };
        let summary = &self.summary;
        for agent in &summary.agents {
            note("agent", agent);
        }
        for model in &summary.models {
            note("model", model);
        }
        for tag in &summary.tags {
            note("tag", tag);
        }
        for tool in &self.by_tool {
            note("tool", &tool.name);
        }
        if let Some(user) = &summary.user {
            note("user", user);
        }
        if let Some(error) = &summary.error {
            note("error.type", &error.kind);
        }
    }
}
