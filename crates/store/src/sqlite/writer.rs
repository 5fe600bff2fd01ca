//! Writes requests: all of them in one transaction.
//!
//! Holds: what is known of the sessions that were written last, within the bounds of [`Memory`]; numbers of origins and
//! of values. Waits: for the disk. Loses: nothing; a write that fails leaves nothing behind.

mod memory;

use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest, Sha256};
use spanreel::TraceId;

use self::memory::Memory;
use super::open_session::{Kind, Open, Press};
use crate::error::StoreError;
use crate::facets::{Of, facets};
use crate::facts::{Facts, Name};
use crate::gather::{Arrived, Gathered, Resource, Source, Split};
use crate::identity::{identity, identity_of_log};
use crate::spread::number_of;
use crate::store::Written;
use crate::tale::Tale;
use crate::used::Changes;

pub(super) struct Writer {
    pub(super) connection: Connection,
    press: Press,
    memory: Memory,
}

/// Adds to a sum, which may be the first of its name.
pub(super) fn add_to_sum(connection: &Connection, name: &str, more: i64) -> Result<(), StoreError> {
    if more == 0 {
        return Ok(());
    }
    let sql = "INSERT INTO sums (name, value) VALUES (?1, max(?2, 0))
               ON CONFLICT (name) DO UPDATE SET value = max(value + ?2, 0)";
    connection
        .prepare_cached(sql)?
        .execute(params![name, more])?;
    Ok(())
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Result<Self, StoreError> {
        connection.set_prepared_statement_cache_capacity(128);
        Ok(Self {
            press: Press::new(&connection)?,
            connection,
            memory: Memory::default(),
        })
    }

    /// Forgets what is remembered of these sessions, which are gone.
    pub(super) fn forget(&mut self, rows: &[i64]) {
        if !rows.is_empty() {
            self.memory.forget(rows);
        }
    }

    /// Forgets all that is remembered: what is in the file is true, and is read again.
    pub(super) fn forget_all(&mut self) {
        self.memory = Memory::default();
    }

    /// Writes what was read of requests, all or none.
    pub(super) fn write(
        &mut self,
        split: &Split<'_>,
        of_resources: &[Facts<'_>],
        gathered: &Gathered<'_>,
        now_us: i64,
    ) -> Result<Written, StoreError> {
        let transaction = self.connection.transaction()?;
        let mut write = Write {
            connection: &transaction,
            press: &mut self.press,
            memory: &mut self.memory,
            resources: &split.resources,
            of_resources,
            sources: &split.sources,
            origins: vec![None; split.sources.len()],
            facets: vec![None; split.resources.len()],
            changes: Changes::default(),
            now_us,
            written: Written::default(),
            spans: 0,
            duplicates: 0,
        };
        let done = write.all(gathered);
        let written = write.written;
        let done = done.and_then(|()| Ok(transaction.commit()?));
        if let Err(error) = done {
            self.forget_all();
            return Err(error);
        }
        self.memory.relieve();
        Ok(written)
    }
}

/// One write under way.
struct Write<'w> {
    connection: &'w Connection,
    press: &'w mut Press,
    memory: &'w mut Memory,
    resources: &'w [Resource],
    /// What each of them says.
    of_resources: &'w [Facts<'w>],
    sources: &'w [Source],
    /// The numbers of sources, as far as they were needed.
    origins: Vec<Option<i64>>,
    /// What can be filtered by of resources, as far as it was needed.
    facets: Vec<Option<Vec<(String, String)>>>,
    changes: Changes,
    now_us: i64,
    written: Written,
    spans: i64,
    duplicates: i64,
}

impl Write<'_> {
    fn all(&mut self, gathered: &Gathered<'_>) -> Result<(), StoreError> {
        for arrived in &gathered.sessions {
            let mut open = self.open(arrived)?;
            self.memory.weight = self.memory.weight.saturating_sub(open.weight());
            self.take_in(&mut open, arrived)?;
            self.memory.weight += open.weight();
            self.written
                .sessions
                .push(open.tale.summary_at(self.now_us));
            self.memory.sessions.put(open.row, open);
        }
        super::usage::change(self.connection, std::mem::take(&mut self.changes))?;
        add_to_sum(self.connection, "spans", self.spans)?;
        add_to_sum(self.connection, "duplicates", self.duplicates)?;
        add_to_sum(
            self.connection,
            "of_no_session",
            gathered.of_no_session as i64,
        )
    }

    /// The session of what arrived, as it was before.
    fn open(&mut self, arrived: &Arrived<'_>) -> Result<Open, StoreError> {
        let row = match &arrived.name {
            Name::Id(id) => self.row_of_name(id)?,
            Name::Trace(trace) => self.row_of_trace(*trace)?,
        };
        if let Some(row) = row
            && let Some(open) = self.take(row)?
        {
            return self.claim_traces(open, arrived);
        }
        let tale = Tale::new(&arrived.name);
        let id = tale.summary.id.clone();
        let open = Open::new(self.new_row()?, tale);
        self.memory.weight += open.weight();
        self.memory.rows.put(id, open.row);
        self.claim_traces(open, arrived)
    }

    /// The number of a new session. Nobody else makes any.
    fn new_row(&mut self) -> Result<i64, StoreError> {
        let last = match self.memory.last_row {
            Some(last) => last,
            None => {
                let sql = "SELECT coalesce(max(id), 0) FROM sessions";
                let mut find = self.connection.prepare_cached(sql)?;
                find.query_row([], |row| row.get(0))?
            }
        };
        self.memory.last_row = Some(last + 1);
        Ok(last + 1)
    }

    /// What is remembered of a session, else what was written of it.
    fn take(&mut self, row: i64) -> Result<Option<Open>, StoreError> {
        match self.memory.sessions.pop(&row) {
            Some(open) => Ok(Some(open)),
            None => {
                let open = Open::load(self.connection, row)?;
                self.memory.weight += open.as_ref().map_or(0, Open::weight);
                Ok(open)
            }
        }
    }

    fn row_of_name(&mut self, name: &str) -> Result<Option<i64>, StoreError> {
        if let Some(row) = self.memory.rows.get(name) {
            return Ok(Some(*row));
        }
        let mut find = self
            .connection
            .prepare_cached("SELECT id FROM sessions WHERE name = ?1")?;
        let row = find.query_row([name], |row| row.get(0)).optional()?;
        if let Some(row) = row {
            self.memory.rows.put(name.to_owned(), row);
        }
        Ok(row)
    }

    fn row_of_trace(&mut self, trace: TraceId) -> Result<Option<i64>, StoreError> {
        if let Some(row) = self.memory.traces.get(&trace) {
            return Ok(Some(*row));
        }
        let mut find = self
            .connection
            .prepare_cached("SELECT session FROM traces WHERE trace = ?1")?;
        let row = find
            .query_row([trace.to_bytes()], |row| row.get(0))
            .optional()?;
        if let Some(row) = row {
            self.memory.traces.put(trace, row);
        }
        Ok(row)
    }

    /// Notes that the traces of what arrived are of this session. Where one was taken for a session of its own,
    /// because nothing had named it yet, that becomes part of this one.
    fn claim_traces(&mut self, mut open: Open, arrived: &Arrived<'_>) -> Result<Open, StoreError> {
        let mut last = None;
        let of_spans = arrived.spans.iter().map(|span| span.bones.trace);
        let of_logs = arrived.logs.iter().filter_map(|log| log.view.trace_id());
        for trace in of_spans.chain(of_logs) {
            if last == Some(trace) {
                continue;
            }
            last = Some(trace);
            match self.row_of_trace(trace)? {
                Some(row) if row == open.row => {}
                Some(row) => {
                    let Name::Id(_) = arrived.name else { continue };
                    if self.row_of_name(&trace.to_string())? != Some(row) {
                        continue;
                    }
                    let Some(other) = self.take(row)? else {
                        continue;
                    };
                    self.memory.weight = self.memory.weight.saturating_sub(other.weight());
                    self.memory.weight = self.memory.weight.saturating_sub(open.weight());
                    open.absorb(self.connection, self.press, other)?;
                    self.memory.weight += open.weight();
                    self.memory.rows.pop(&trace.to_string());
                    // Other traces may have led to it, too.
                    self.memory.traces.clear();
                    self.memory.traces.put(trace, open.row);
                }
                None => {
                    self.connection
                        .prepare_cached(
                            "INSERT OR REPLACE INTO traces (trace, session) VALUES (?1, ?2)",
                        )?
                        .execute(params![trace.to_bytes(), open.row])?;
                    self.memory.traces.put(trace, open.row);
                }
            }
        }
        Ok(open)
    }

    /// Adds what arrived to its session.
    fn take_in(&mut self, open: &mut Open, arrived: &Arrived<'_>) -> Result<(), StoreError> {
        let mut given: Vec<(String, String)> = Vec::new();
        for span in &arrived.spans {
            let identity = identity(span.bones.trace, span.bones.id);
            if !open.is_new(identity) {
                self.duplicates += 1;
                continue;
            }
            self.spans += 1;
            self.written.items += 1;
            let resource = &self.of_resources[self.sources[span.origin].resource];
            open.tale
                .add_span(&span.bones, &span.facts, resource, &span.view);
            self.changes.note_span(&span.bones, &span.facts);
            if span.bones.parent.is_none() {
                facets(span.view.attributes(), &open.tale.summary.id, &mut given);
            }
            open.say_span(&span.bones, &span.facts);
            let origin = self.origin(span.origin)?;
            open.has_origin(self.connection, origin)?;
            open.push(Kind::Spans, identity, origin, span.bytes);
            open.write_blocks(self.connection, self.press, false)?;
        }
        for log in &arrived.logs {
            let identity = identity_of_log(log.bytes);
            if !open.is_new(identity) {
                self.duplicates += 1;
                continue;
            }
            self.written.items += 1;
            let resource = &self.of_resources[self.sources[log.origin].resource];
            open.tale.add_log(&log.facts, resource, &log.view);
            open.say_log(&log.view, &log.facts);
            let origin = self.origin(log.origin)?;
            open.has_origin(self.connection, origin)?;
            open.push(Kind::Logs, identity, origin, log.bytes);
            open.write_blocks(self.connection, self.press, false)?;
        }
        open.tale.settle(self.now_us, &mut self.changes);
        open.write_blocks(self.connection, self.press, true)?;
        open.write_text(self.connection)?;
        self.give_values(open, arrived, given)?;
        open.write_row(self.connection)
    }

    /// Notes the values of fields that it has.
    fn give_values(
        &mut self,
        open: &mut Open,
        arrived: &Arrived<'_>,
        given: Vec<(String, String)>,
    ) -> Result<(), StoreError> {
        let mut of_tale = Vec::new();
        open.tale.facets(&mut of_tale);
        for (field, value) in &of_tale {
            self.give(open, field, value, Of::Tale)?;
        }
        let mut last = None;
        for span in &arrived.spans {
            let resource = self.sources[span.origin].resource;
            if last == Some(resource) {
                continue;
            }
            last = Some(resource);
            let of_resource =
                self.facets[resource].get_or_insert_with(|| self.resources[resource].facets());
            // Taken for as long as it is walked through: each is walked through alone.
            let of_resource = std::mem::take(of_resource);
            for (field, value) in &of_resource {
                self.give(open, field, value, Of::Attributes)?;
            }
            self.facets[resource] = Some(of_resource);
        }
        for (field, value) in &given {
            self.give(open, field, value, Of::Attributes)?;
        }
        Ok(())
    }

    /// Notes that a session has a value of a field, where that is not known.
    fn give(
        &mut self,
        open: &mut Open,
        field: &str,
        value: &str,
        of: Of,
    ) -> Result<(), StoreError> {
        let number = match of {
            // An attribute of the same name may have found no room.
            Of::Tale => number_of(&[field, value, "tale"]),
            Of::Attributes => number_of(&[field, value]),
        };
        if !open.given.insert(number) {
            return Ok(());
        }
        let names = &mut self.memory.names;
        names.give(self.connection, open, (field, value), of)
    }

    /// The number of a source.
    fn origin(&mut self, source: usize) -> Result<i64, StoreError> {
        if let Some(number) = self.origins[source] {
            return Ok(number);
        }
        let origin = self.sources[source].origin.to_bytes();
        let digest: [u8; 32] = Sha256::digest(&origin).into();
        if let Some(number) = self.memory.origins.get(&digest) {
            self.origins[source] = Some(*number);
            return Ok(*number);
        }
        let mut find = self
            .connection
            .prepare_cached("SELECT id FROM origins WHERE digest = ?1")?;
        let number = match find.query_row([digest], |row| row.get(0)).optional()? {
            Some(number) => number,
            None => self
                .connection
                .prepare_cached("INSERT INTO origins (digest, origin) VALUES (?1, ?2)")?
                .insert(params![digest, origin])?,
        };
        self.memory.origins.put(digest, number);
        self.origins[source] = Some(number);
        Ok(number)
    }
}

#[cfg(test)]
mod tests;
