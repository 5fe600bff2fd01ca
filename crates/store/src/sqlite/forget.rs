//! Forgets sessions: what is too old, and the oldest where there is too much. In small steps, each a
//! transaction of its own, so that writes are never held up for long.

use rusqlite::{Connection, OptionalExtension as _};

use super::Retention;
use crate::error::StoreError;

/// Sessions that one step forgets.
const AT_A_TIME: usize = 64;

/// Pages that one step gives back to the file system.
const PAGES: i64 = 2_000;

/// Removes all rows of a session.
pub(super) fn rows_of(connection: &Connection, row: i64) -> Result<(), StoreError> {
    super::texts::remove(connection, row)?;
    for sql in [
        "UPDATE field_values SET sessions = sessions - 1
         WHERE id IN (SELECT value FROM session_values WHERE session = ?1)",
        "UPDATE fields SET found = found -
         (SELECT count(*) FROM field_values AS v WHERE v.field = fields.id AND v.sessions <= 0
          AND v.id IN (SELECT value FROM session_values WHERE session = ?1))
         WHERE id IN (SELECT field FROM field_values WHERE sessions <= 0
          AND id IN (SELECT value FROM session_values WHERE session = ?1))",
        "DELETE FROM field_values WHERE sessions <= 0
         AND id IN (SELECT value FROM session_values WHERE session = ?1)",
        "DELETE FROM session_values WHERE session = ?1",
        "DELETE FROM blocks WHERE session = ?1",
        "DELETE FROM traces WHERE session = ?1",
        "DELETE FROM tales WHERE session = ?1",
        "DELETE FROM sessions WHERE id = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([row])?;
    }
    Ok(())
}

/// Bytes of the file that hold something.
pub(super) fn bytes_in_use(connection: &Connection) -> Result<u64, StoreError> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = number("page_count")? - number("freelist_count")?;
    Ok((pages.max(0) as u64).saturating_mul(number("page_size")?.max(0) as u64))
}

/// One step. Returns the sessions that are gone, and whether there is more to do.
pub(super) fn step(
    connection: &mut Connection,
    retention: &Retention,
    now_us: i64,
) -> Result<(Vec<i64>, bool), StoreError> {
    let age_us = i64::try_from(retention.max_age.as_micros()).unwrap_or(i64::MAX);
    let before = now_us.saturating_sub(age_us);
    let mut gone: Vec<i64> = Vec::new();
    {
        let mut old = connection.prepare_cached(
            "SELECT id FROM sessions WHERE last_us < ?1 ORDER BY last_us LIMIT ?2",
        )?;
        for row in old.query_map([before, AT_A_TIME as i64], |row| row.get(0))? {
            gone.push(row?);
        }
    }
    let used = bytes_in_use(connection)?;
    if gone.is_empty() && used > retention.max_bytes {
        let mut oldest =
            connection.prepare_cached("SELECT id FROM sessions ORDER BY last_us LIMIT ?1")?;
        for row in oldest.query_map([AT_A_TIME as i64], |row| row.get(0))? {
            gone.push(row?);
        }
    }
    if !gone.is_empty() {
        let transaction = connection.transaction()?;
        let mut spans = 0;
        for row in &gone {
            let of_session: Option<i64> = transaction
                .prepare_cached("SELECT spans FROM sessions WHERE id = ?1")?
                .query_row([row], |row| row.get(0))
                .optional()?;
            spans += of_session.unwrap_or_default();
            rows_of(&transaction, *row)?;
        }
        super::writer::add_to_sum(&transaction, "spans", -spans)?;
        transaction.execute(
            "DELETE FROM usage WHERE begin < ?1",
            [before / 1_000_000 - 3600],
        )?;
        transaction.commit()?;
    }
    let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if free > PAGES {
        // Each row that is read gives one page back.
        let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
    }
    let more = gone.len() == AT_A_TIME || free > 2 * PAGES;
    Ok((gone, more))
}
