//! Which sessions pass a filter. Values are always bound and never part of the SQL.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _};
use spanreel::TraceId;

use super::chosen::Chosen;
use super::texts;
use crate::answer::State;
use crate::error::StoreError;
use crate::query::{ErrorFilter, Filter, words};
use crate::tale::STALLED_AFTER_US;

/// The sessions that pass; `None` where all do.
pub(super) fn passing(
    connection: &Connection,
    filter: &Filter,
    now_us: i64,
) -> Result<Option<Chosen>, StoreError> {
    let mut passing = Passing {
        connection,
        chosen: None,
    };
    passing.by_columns(filter, now_us)?;
    for (field, value) in [("agent", &filter.agent), ("model", &filter.model)] {
        if let Some(value) = value {
            passing.by_value(field, value)?;
        }
    }
    for (field, value) in &filter.attributes {
        passing.by_value(field, value)?;
    }
    let text = filter.text.as_deref().map(str::trim);
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        passing.by_text(text)?;
    }
    Ok(passing.chosen)
}

struct Passing<'c> {
    connection: &'c Connection,
    chosen: Option<Chosen>,
}

impl Passing<'_> {
    fn keep(&mut self, also: Chosen) {
        match &mut self.chosen {
            Some(chosen) => chosen.keep(&also),
            None => self.chosen = Some(also),
        }
    }

    /// Whether nothing passes whatever else there is.
    fn is_empty(&self) -> bool {
        self.chosen.as_ref().is_some_and(|it| it.count() == 0)
    }

    /// Keeps what a condition on one column lets pass: an index has all that it takes.
    fn by(&mut self, condition: &str, bound: &[Value]) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let sql = format!("SELECT id FROM sessions WHERE {condition}");
        let also = Chosen::by_query(self.connection, &sql, bound)?;
        self.keep(also);
        Ok(())
    }

    fn by_columns(&mut self, filter: &Filter, now_us: i64) -> Result<(), StoreError> {
        if let Some(state) = filter.state {
            let since = now_us.saturating_sub(STALLED_AFTER_US);
            match state {
                State::Running => {
                    self.by("state = 'running' AND last_us >= ?", &[since.into()])?;
                }
                State::Stalled => {
                    self.by("state = 'running' AND last_us < ?", &[since.into()])?;
                }
                state => self.by("state = ?", &[state.name().to_owned().into()])?,
            }
        }
        if let Some(user) = &filter.user {
            self.by("user = ?", &[user.clone().into()])?;
        }
        match &filter.error {
            None => {}
            Some(ErrorFilter::Any) => self.by("errors > 0", &[])?,
            Some(ErrorFilter::Type(kind)) => self.by("error = ?", &[kind.clone().into()])?,
        }
        match (filter.from_us, filter.to_us) {
            (None, None) => {}
            (Some(from), None) => self.by("start_us >= ?", &[from.into()])?,
            (None, Some(to)) => self.by("start_us < ?", &[to.into()])?,
            (Some(from), Some(to)) => {
                self.by("start_us >= ? AND start_us < ?", &[from.into(), to.into()])?;
            }
        }
        match (filter.min_cost, filter.max_cost) {
            (None, None) => Ok(()),
            (Some(least), None) => self.by("cost >= ?", &[least.into()]),
            (None, Some(most)) => self.by("cost <= ?", &[most.into()]),
            (Some(least), Some(most)) => {
                self.by("cost >= ? AND cost <= ?", &[least.into(), most.into()])
            }
        }
    }

    /// Keeps sessions that have this value of a field; any value, where it is empty.
    fn by_value(&mut self, field: &str, value: &str) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let (sql, bound): (&str, Vec<Value>) = match value.is_empty() {
            true => (
                "SELECT session FROM session_values WHERE value IN
                 (SELECT v.id FROM field_values v JOIN fields f ON f.id = v.field WHERE f.key = ?)",
                vec![field.to_owned().into()],
            ),
            false => {
                let mut find = self
                    .connection
                    .prepare_cached(
                        "SELECT v.id FROM field_values v JOIN fields f ON f.id = v.field
                         WHERE f.key = ?1 AND v.value = ?2",
                    )
                    .map_err(StoreError::of_query)?;
                let number = find.query_row([field, value], |row| row.get::<_, i64>(0));
                let number = number.optional().map_err(StoreError::of_query)?;
                // No value has the number 0.
                let bound = vec![number.unwrap_or_default().into()];
                ("SELECT session FROM session_values WHERE value = ?", bound)
            }
        };
        let also = Chosen::by_query(self.connection, sql, &bound)?;
        self.keep(also);
        Ok(())
    }

    /// Keeps sessions that have all words, or this id, or this trace.
    fn by_text(&mut self, text: &str) -> Result<(), StoreError> {
        if self.is_empty() {
            return Ok(());
        }
        let named = "SELECT id FROM sessions WHERE name = ?";
        let mut also = Chosen::by_query(self.connection, named, &[text.to_owned().into()])?;
        if let Ok(trace) = text.parse::<TraceId>() {
            let traced = "SELECT session FROM traces WHERE trace = ?";
            let bound = [trace.to_bytes().to_vec().into()];
            also.extend(&Chosen::by_query(self.connection, traced, &bound)?);
        }
        let words = words(text);
        let mut with_words: Option<Chosen> = None;
        for (index, word) in words.iter().enumerate() {
            // Words are letters and digits, so that quoting is all there is to it. The last may go on.
            let wanted = match index + 1 == words.len() {
                true => format!("\"{word}\"*"),
                false => format!("\"{word}\""),
            };
            let found = texts::find(self.connection, &wanted)?;
            match &mut with_words {
                Some(chosen) => chosen.keep(&found),
                None => with_words = Some(found),
            }
        }
        if let Some(with_words) = with_words {
            also.extend(&with_words);
        }
        self.keep(also);
        Ok(())
    }
}
