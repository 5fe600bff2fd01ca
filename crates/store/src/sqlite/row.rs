//! The row of a session: what lists filter and sort by.
//!
//! A row is written with every write of its session, and each column with an index costs two changes of that
//! index. So those that rarely change are written only where they did.

use rusqlite::{Connection, params};
use spanreel::TraceId;

use super::open_session::Open;
use crate::answer::State;
use crate::error::StoreError;
use crate::facts::MOST_EXACT;
use crate::tale::Tale;

/// Columns that rarely change once they are written, each of which an index has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Steady {
    trace: String,
    state: State,
    user: Option<String>,
    error: Option<String>,
    start_us: i64,
}

impl Steady {
    pub(super) fn of(tale: &Tale) -> Self {
        let summary = &tale.summary;
        debug_assert!(
            summary.state != State::Stalled,
            "that is a matter of when it is asked"
        );
        Self {
            trace: summary.trace_id.clone(),
            state: summary.state,
            user: summary.user.clone(),
            error: summary.error.as_ref().map(|error| error.kind.clone()),
            start_us: summary.start_us,
        }
    }

    fn trace_bytes(&self) -> Option<[u8; 16]> {
        self.trace.parse().ok().map(TraceId::to_bytes)
    }
}

impl Open {
    /// Writes what lists show of it.
    pub(super) fn write_row(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let says = Steady::of(&self.tale);
        match &self.row_says {
            None => self.insert_row(connection, &says)?,
            Some(known) => {
                if *known != says {
                    self.write_steady(connection, &says)?;
                }
                self.update_row(connection)?;
            }
        }
        self.row_says = Some(says);
        let tale = serde_json::to_string(&self.tale)
            .map_err(|_| StoreError::Damaged("a tale cannot be written"))?;
        connection
            .prepare_cached("INSERT OR REPLACE INTO tales (session, tale) VALUES (?1, ?2)")?
            .execute(params![self.row, tale])?;
        Ok(())
    }

    fn insert_row(&self, connection: &Connection, says: &Steady) -> Result<(), StoreError> {
        let summary = &self.tale.summary;
        connection
            .prepare_cached(
                "INSERT INTO sessions (id, name, trace, state, user, error, start_us,
                 last_us, duration_us, cost, tokens, errors, spans, bytes, texts)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?
            .execute(params![
                self.row,
                summary.id,
                says.trace_bytes(),
                says.state.name(),
                says.user,
                says.error,
                says.start_us,
                summary.last_us,
                summary.duration_us.unwrap_or_default(),
                summary.cost.unwrap_or_default(),
                self.tokens(),
                summary.errors as i64,
                summary.spans as i64,
                self.bytes as i64,
                self.texts,
            ])?;
        Ok(())
    }

    fn write_steady(&self, connection: &Connection, says: &Steady) -> Result<(), StoreError> {
        connection
            .prepare_cached(
                "UPDATE sessions SET trace = ?2, state = ?3, user = ?4, error = ?5, start_us = ?6 WHERE id = ?1",
            )?
            .execute(params![
                self.row,
                says.trace_bytes(),
                says.state.name(),
                says.user,
                says.error,
                says.start_us,
            ])?;
        Ok(())
    }

    fn update_row(&self, connection: &Connection) -> Result<(), StoreError> {
        let summary = &self.tale.summary;
        connection
            .prepare_cached(
                "UPDATE sessions SET last_us = ?2, duration_us = ?3, cost = ?4, tokens = ?5, errors = ?6,
                 spans = ?7, bytes = ?8, texts = ?9 WHERE id = ?1",
            )?
            .execute(params![
                self.row,
                summary.last_us,
                summary.duration_us.unwrap_or_default(),
                summary.cost.unwrap_or_default(),
                self.tokens(),
                summary.errors as i64,
                summary.spans as i64,
                self.bytes as i64,
                self.texts,
            ])?;
        Ok(())
    }

    fn tokens(&self) -> i64 {
        let summary = &self.tale.summary;
        let tokens = summary
            .input_tokens
            .unwrap_or_default()
            .saturating_add(summary.output_tokens.unwrap_or_default());
        i64::try_from(tokens).map_or(MOST_EXACT, |tokens| tokens.min(MOST_EXACT))
    }
}
