//! What is in flight now, for the live view.

use std::time::SystemTime;

use super::flight::Flight;
use crate::actors::session::live::time;
use crate::model::context::SpanContext;
use crate::model::id::SpanId;

/// A delegation in flight, as it was when it was asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LiveDelegation {
    /// The id of its span.
    pub id: SpanId,
    /// The agent that the work was handed to.
    pub agent: String,
    /// Whether the answer comes as a message of its own, if it comes.
    pub asynchronous: bool,
    /// When it started.
    pub started: SystemTime,
    /// When it is abandoned unless it is answered before.
    pub deadline: SystemTime,
    /// How often it said that it is in flight.
    pub heartbeats: u64,
    /// The root of the session that does the work, where that is known.
    pub sub_session: Option<SpanContext>,
}

impl Flight {
    /// None when it has just ended.
    pub(super) fn live(&self) -> Option<LiveDelegation> {
        let open = self.open();
        let open = open.as_ref()?;
        Some(LiveDelegation {
            id: self.id,
            agent: self.agent.to_string(),
            asynchronous: self.asynchronous,
            started: time(self.start_ns),
            deadline: time(self.deadline_ns()),
            heartbeats: open.heartbeats,
            sub_session: open.sub_session.clone(),
        })
    }
}
