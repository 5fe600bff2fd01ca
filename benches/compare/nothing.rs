//! The contestant that does nothing: what pacing, measuring and the values themselves cost.

use std::hint::black_box;
use std::time::Duration;

use crate::contestant::{Contestant, Failure, Producer};
use crate::workload::{self, Attributes, Chat, SessionId, Tool};

pub(crate) struct Nothing;

impl Contestant for Nothing {
    type Producer = Self;

    fn producer(&self) -> Self {
        Self
    }

    fn finish(self, _grace: Duration) -> Result<(), Failure> {
        Ok(())
    }
}

impl Producer for Nothing {
    type Session = SessionId;

    fn open(&mut self, id: &SessionId) -> SessionId {
        workload::root_attributes(&mut Glance);
        id.clone()
    }

    fn bare(&mut self, session: &mut SessionId) {
        black_box(session);
    }

    fn chat(&mut self, session: &mut SessionId, chat: &Chat) {
        session.attributes(&mut Glance);
        chat.attributes(&mut Glance);
    }

    fn tool(&mut self, session: &mut SessionId, tool: &Tool) {
        session.attributes(&mut Glance);
        tool.attributes(&mut Glance);
        tool.event_attributes(&mut Glance);
    }

    fn close(&mut self, _session: SessionId) {}
}

/// Has each value computed and does no more with it.
struct Glance;

impl Attributes for Glance {
    fn literal(&mut self, key: &'static str, value: &'static str) {
        black_box((key, value));
    }

    fn text(&mut self, key: &'static str, value: &str) {
        black_box((key, value));
    }

    fn int(&mut self, key: &'static str, value: i64) {
        black_box((key, value));
    }

    fn double(&mut self, key: &'static str, value: f64) {
        black_box((key, value));
    }
}
