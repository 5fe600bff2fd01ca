//! The rows of searched text. Their numbers name their session, so that what is found leads to it without
//! another look.
//!
//! A row is a few new words of one session, as one write brought them. The table keeps no text, and FTS5 wants
//! numbers: that of row `n` of session `s` is `FIRST + s * MOST + n`. Rows of stores of format 1 have smaller
//! numbers, and their sessions in `documents`.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::chosen::Chosen;
use crate::error::StoreError;

/// The smallest number of a row.
const FIRST: i64 = 1 << 40;

/// Rows of one session: each has a new word at least, and there are not more different words.
const MOST: i64 = 1 << 15;

/// Adds text to a session that has `count` rows. Says whether there was room.
pub(super) fn add(
    connection: &Connection,
    session: i64,
    count: i64,
    text: &str,
) -> Result<bool, StoreError> {
    if count >= MOST {
        return Ok(false);
    }
    connection
        .prepare_cached("INSERT INTO texts (rowid, body) VALUES (?1, ?2)")?
        .execute(params![FIRST + session * MOST + count, text])?;
    Ok(true)
}

/// Removes all text of a session.
pub(super) fn remove(connection: &Connection, session: i64) -> Result<(), StoreError> {
    let mut count =
        connection.prepare_cached("SELECT coalesce(max(texts), 0) FROM sessions WHERE id = ?1")?;
    let count: i64 = count.query_row([session], |row| row.get(0))?;
    let mut delete = connection.prepare_cached("DELETE FROM texts WHERE rowid = ?1")?;
    for number in 0..count {
        delete.execute([FIRST + session * MOST + number])?;
    }
    connection
        .prepare_cached(
            "DELETE FROM texts WHERE rowid IN (SELECT id FROM documents WHERE session = ?1)",
        )?
        .execute([session])?;
    connection
        .prepare_cached("DELETE FROM documents WHERE session = ?1")?
        .execute([session])?;
    Ok(())
}

/// The sessions in which FTS5 finds this.
pub(super) fn find(connection: &Connection, wanted: &str) -> Result<Chosen, StoreError> {
    let mut found = Chosen::default();
    let mut before = Vec::new();
    let mut find = connection
        .prepare_cached("SELECT rowid FROM texts WHERE texts MATCH ?1")
        .map_err(StoreError::of_query)?;
    let mut rows = find.query([wanted]).map_err(StoreError::of_query)?;
    while let Some(row) = rows.next().map_err(StoreError::of_query)? {
        let number: i64 = row.get(0)?;
        match number.checked_sub(FIRST).filter(|number| *number >= 0) {
            Some(number) => found.add(number / MOST),
            None => before.push(number),
        }
    }
    if before.is_empty() {
        return Ok(found);
    }
    let mut find = connection
        .prepare_cached("SELECT id, session FROM documents")
        .map_err(StoreError::of_query)?;
    let mut sessions: HashMap<i64, i64> = HashMap::new();
    let mut rows = find.query([]).map_err(StoreError::of_query)?;
    while let Some(row) = rows.next().map_err(StoreError::of_query)? {
        sessions.insert(row.get(0)?, row.get(1)?);
    }
    for number in before {
        if let Some(session) = sessions.get(&number) {
            found.add(*session);
        }
    }
    Ok(found)
}
