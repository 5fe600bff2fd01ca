//! The log records about a delegation in flight: their names, and what each of them says.
//!
//! | event name | when | says beside `gen_ai.agent.name` |
//! | --- | --- | --- |
//! | `spanreel.delegation.start` | it starts | `asynchronous`, `timeout` |
//! | `spanreel.delegation.heartbeat` | at each heartbeat | `elapsed`, `heartbeat`, the sub-session |
//! | `spanreel.delegation.end` | it ends, however | `elapsed`, `outcome`, the sub-session |
//! | `spanreel.delegation.late` | an answer comes after that | `elapsed`, `outcome` |

use crate::actors::own_thread;
use crate::actors::session::cell::Cell;
use crate::actors::session::drafts;
use crate::model::context::SpanContext;
use crate::model::genai::key;
use crate::model::id::SpanId;
use crate::model::kind::Severity;
use crate::model::otlp::draft::Draft;

use super::outcome::Outcome;

/// One of the records about a delegation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Record {
    Start { timeout: f64 },
    Heartbeat { number: u64 },
    End { outcome: Outcome },
    Late { outcome: Outcome },
}

/// What every record about a delegation may say.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) span: SpanId,
    pub(super) agent: &'a str,
    pub(super) asynchronous: bool,
    pub(super) at_ns: u64,
    pub(super) elapsed_ns: u64,
    pub(super) sub_session: Option<&'a SpanContext>,
}

impl Record {
    const fn name(self) -> &'static str {
        match self {
            Self::Start { .. } => "spanreel.delegation.start",
            Self::Heartbeat { .. } => "spanreel.delegation.heartbeat",
            Self::End { .. } => "spanreel.delegation.end",
            Self::Late { .. } => "spanreel.delegation.late",
        }
    }

    const fn severity(self) -> Severity {
        match self {
            Self::End { outcome } => outcome.severity(),
            _ => Severity::Info,
        }
    }
}

impl Told<'_> {
    /// The record, correlated with the span of the delegation; `None` where none is wanted. The caller
    /// gives the draft back.
    pub(super) fn write(&self, cell: &Cell, record: &Record) -> Option<Box<Draft>> {
        let shared = &cell.shared;
        let is_start = matches!(record, Record::Start { .. });
        // The sweeper, which tells the rest, runs on a thread of the pipeline's own.
        let is_wanted = cell.logged && shared.config.delegations.events;
        if !is_wanted || is_start && own_thread::is_own() {
            return None;
        }
        let mut draft = drafts::take();
        draft.begin_log(&shared.limits);
        draft.event_name(record.name(), &shared.limits);
        let severity = record.severity();
        draft.severity(severity as u8, severity.name());
        draft.set(key::AGENT_NAME, self.agent.into());
        let elapsed = self.elapsed_ns as f64 / 1e9;
        match *record {
            Record::Start { timeout } => {
                draft.set(key::DELEGATION_ASYNCHRONOUS, self.asynchronous.into());
                draft.set(key::DELEGATION_TIMEOUT, timeout.into());
            }
            Record::Heartbeat { number } => {
                draft.set(key::DELEGATION_ELAPSED, elapsed.into());
                draft.set(key::DELEGATION_HEARTBEAT, number.into());
            }
            Record::End { outcome } | Record::Late { outcome } => {
                draft.set(key::DELEGATION_ELAPSED, elapsed.into());
                draft.set(key::DELEGATION_OUTCOME, outcome.name().into());
            }
        }
        if let Some(to) = self.sub_session {
            let (trace_id, span_id) = (to.trace_id().to_string(), to.span_id().to_string());
            draft.set(key::DELEGATION_SUB_TRACE_ID, (&*trace_id).into());
            draft.set(key::DELEGATION_SUB_SPAN_ID, (&*span_id).into());
        }
        draft.end_log(self.at_ns, self.at_ns, Some(self.span));
        Some(draft)
    }
}
