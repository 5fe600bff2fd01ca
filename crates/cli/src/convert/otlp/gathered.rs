//! The sessions of OTLP, gathered from all requests of a file: recognised as `spanreel serve` does, by
//! their attributes or else by their traces (`docs/receiving.md`).
//!
//! Holds: a few numbers for each session, and, where sessions are drawn, spans up to a bound. Loses:
//! spans above the bound, which are counted all the same.

use std::collections::HashMap;

use spanreel::dialect::{Meaning, Work, meaning};
use spanreel::record::{RecordedAttributes, RecordedLog, RecordedSpan};
use spanreel::{Operation, OwnedValue, Signal, StatusCode, Totals, TraceId};

use super::{OtlpRequest, Rewrite};

/// A session of others.
#[derive(Clone, Debug, PartialEq)]
pub struct OtlpSession {
    /// Its id, or its trace where no attribute says more.
    pub session_id: String,
    /// The trace of its first span.
    pub trace_id: TraceId,
    /// The conversation, where one is named.
    pub conversation_id: Option<String>,
    /// The user, where one is named.
    pub user_id: Option<String>,
    /// The agent that its first spans name.
    pub agent: Option<String>,
    /// How it ended: `success`, `error`, `incomplete`, or `unset` where nothing tells.
    pub end_state: &'static str,
    /// When its first span began, in nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// When its last span ended.
    pub end_ns: u64,
    /// Its log records.
    pub logs: u64,
    /// What its spans add up to, all of them.
    pub totals: Totals,
    /// Its spans, if they were to be kept and were few enough; then all of them.
    pub spans: Option<Vec<RecordedSpan>>,
}

/// The sessions of a file.
#[derive(Debug)]
pub struct Gathered {
    sessions: HashMap<String, Facts>,
    /// Log records of traces, whose spans name the session.
    logs_of_traces: HashMap<TraceId, u64>,
    /// How many spans may still be kept.
    room: usize,
    spans: u64,
    logs: u64,
}

#[derive(Debug)]
struct Facts {
    session: OtlpSession,
    /// When the root began that said how it ended.
    root_start: Option<u64>,
    /// When the span began that named the agent.
    agent_start: u64,
}

impl Gathered {
    /// Keeps at most so many spans of all sessions together.
    #[must_use]
    pub fn keeping(spans: usize) -> Self {
        Self {
            sessions: HashMap::new(),
            logs_of_traces: HashMap::new(),
            room: spans,
            spans: 0,
            logs: 0,
        }
    }

    /// How many spans and log records there were, those of no session included.
    #[must_use]
    pub fn items(&self) -> (u64, u64) {
        (self.spans, self.logs)
    }

    /// Adds what is in a request. Other names than those of today are understood.
    ///
    /// # Errors
    /// It is no request: says why.
    pub fn add(&mut self, request: &OtlpRequest) -> Result<(), String> {
        let names_of_today = Rewrite {
            names: true,
            parent: None,
        };
        let rewritten = names_of_today.apply(request.clone());
        let bytes = rewritten.map_err(|error| error.to_string())?.bytes;
        if request.signal == Signal::Logs {
            for log in RecordedLog::read_all(&bytes).map_err(|error| error.to_string())? {
                self.log(&log);
            }
            return Ok(());
        }
        for span in RecordedSpan::read_all(&bytes).map_err(|error| error.to_string())? {
            self.span(span);
        }
        Ok(())
    }

    fn log(&mut self, log: &RecordedLog) {
        self.logs += 1;
        let named = named(&log.attributes, &log.resource).map(str::to_owned);
        let facts = named.and_then(|id| self.sessions.get_mut(&id));
        if let Some(facts) = facts {
            facts.session.logs += 1;
        } else if let Some(trace_id) = log.trace_id {
            *self.logs_of_traces.entry(trace_id).or_default() += 1;
        }
    }

    fn span(&mut self, span: RecordedSpan) {
        self.spans += 1;
        let named = named(&span.attributes, &span.resource);
        let id = named.map_or_else(|| span.trace_id.to_string(), str::to_owned);
        let room = &mut self.room;
        let facts = (self.sessions.entry(id)).or_insert_with_key(|id| Facts::new(id, &span));
        facts.add(&span);
        if *room == 0 {
            facts.session.spans = None;
        } else if let Some(spans) = &mut facts.session.spans {
            *room -= 1;
            spans.push(span);
        }
    }

    /// The sessions, by the start of their first span, then by id.
    #[must_use]
    pub fn finish(self) -> Vec<OtlpSession> {
        let mut logs = self.logs_of_traces;
        let mut sessions: Vec<OtlpSession> =
            self.sessions.into_values().map(|it| it.session).collect();
        sessions.sort_by(|one, other| {
            (one.start_ns, &one.session_id).cmp(&(other.start_ns, &other.session_id))
        });
        for session in &mut sessions {
            session.logs += logs.remove(&session.trace_id).unwrap_or_default();
        }
        sessions
    }
}

/// The session that an item names, or else its resource.
fn named<'a>(item: &'a RecordedAttributes, resource: &'a RecordedAttributes) -> Option<&'a str> {
    let keys = ["session.id", "gen_ai.conversation.id"];
    let places = [item, resource].into_iter();
    let mut ids = places.flat_map(|place| keys.map(|key| place.str(key)));
    ids.find_map(|id| id.filter(|id| !id.is_empty()))
}

impl Facts {
    fn new(id: &str, span: &RecordedSpan) -> Self {
        Self {
            session: OtlpSession {
                session_id: id.to_owned(),
                trace_id: span.trace_id,
                conversation_id: None,
                user_id: None,
                agent: None,
                end_state: "unset",
                start_ns: span.start_unix_nanos,
                end_ns: span.end_unix_nanos,
                logs: 0,
                totals: Totals::default(),
                spans: Some(Vec::new()),
            },
            root_start: None,
            agent_start: 0,
        }
    }

    fn add(&mut self, span: &RecordedSpan) {
        let session = &mut self.session;
        let start = span.start_unix_nanos;
        if (start, span.trace_id) < (session.start_ns, session.trace_id) {
            session.trace_id = span.trace_id;
        }
        session.start_ns = session.start_ns.min(start);
        session.end_ns = session.end_ns.max(span.end_unix_nanos);
        if let Some(agent) = span.str("gen_ai.agent.name")
            && (session.agent.is_none() || start < self.agent_start)
        {
            session.agent = Some(agent.to_owned());
            self.agent_start = start;
        }
        let text = |keys: &[&str]| keys.iter().find_map(|key| span.str(key)).map(str::to_owned);
        if session.user_id.is_none() {
            session.user_id = text(&["user.id", "langfuse.user.id", "enduser.id"]);
        }
        if session.conversation_id.is_none() {
            session.conversation_id = text(&["gen_ai.conversation.id"]);
        }
        // The last root knows how a session ended that was opened again.
        if span.is_local_root() && self.root_start.is_none_or(|known| known <= start) {
            self.root_start = Some(start);
            session.end_state = end_state(span);
        }
        add_up(&mut session.totals, span);
    }
}

fn end_state(root: &RecordedSpan) -> &'static str {
    if root.bool("spanreel.incomplete") == Some(true) {
        return "incomplete";
    }
    match (root.str("spanreel.session.end_state"), root.status) {
        (Some("success"), _) => "success",
        (Some("error"), _) => "error",
        (_, StatusCode::Ok) => "success",
        (_, StatusCode::Error) => "error",
        _ => "unset",
    }
}

fn add_up(totals: &mut Totals, span: &RecordedSpan) {
    let operation = span
        .str("gen_ai.operation.name")
        .map_or(Operation::Other, Operation::from_name);
    totals.spans += 1;
    totals.errors += u64::from(span.status == StatusCode::Error);
    totals.llm_calls += u64::from(operation.is_llm_call());
    totals.tool_calls += u64::from(operation == Operation::ExecuteTool);
    if is_container(span) {
        return;
    }
    let tokens = |key| span.int(key).and_then(|tokens| u64::try_from(tokens).ok());
    let usage = &mut totals.usage;
    for (sum, key) in [
        (&mut usage.input, "gen_ai.usage.input_tokens"),
        (&mut usage.output, "gen_ai.usage.output_tokens"),
        (
            &mut usage.cache_read,
            "gen_ai.usage.cache_read.input_tokens",
        ),
        (&mut usage.reasoning, "gen_ai.usage.reasoning.output_tokens"),
    ] {
        if let Some(tokens) = tokens(key) {
            *sum = Some(sum.unwrap_or_default().saturating_add(tokens));
        }
    }
    if let Some(cost) = span
        .double("gen_ai.usage.cost")
        .filter(|cost| cost.is_finite())
    {
        *totals.cost.get_or_insert(0.0) += cost;
    }
}

/// Whether a span is of an agent, a workflow or the like: what it says of tokens and cost is the sum of what
/// the spans below it say.
fn is_container(span: &RecordedSpan) -> bool {
    span.attributes.iter().any(|(key, value)| {
        let OwnedValue::Str(word) = value else {
            return false;
        };
        meaning(key.as_bytes()) == Some(Meaning::Work)
            && Work::of(word.as_bytes()) == Some(Work::Container)
    })
}
