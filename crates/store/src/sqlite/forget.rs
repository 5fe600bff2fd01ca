//! Forgets sessions: what is too old, and the oldest where there is too much. In small steps, each a
//! transaction of its own, so that writes are never held up for long.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _};

use super::Retention;
use crate::error::StoreError;

/// Sessions that one step forgets, at the most.
const AT_A_TIME: usize = 64;

/// How long each part of a step goes on before it lets writes pass.
const LONGEST: Duration = Duration::from_millis(10);

/// Sums of the hour in which something is too old are kept whole, in seconds.
const HOUR: i64 = 3_600;

/// Free pages that are kept: what comes next needs them.
const SPARE: i64 = 2_000;

/// Removes all rows of a session.
pub(super) fn rows_of(connection: &Connection, row: i64) -> Result<(), StoreError> {
    super::texts::remove(connection, row)?;
    super::origins::remove(connection, row)?;
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

/// What one step did.
pub(super) struct Step {
    /// Sessions that are gone.
    pub(super) gone: Vec<i64>,
    /// Whether there is more to do.
    pub(super) more: bool,
}

/// Does one step: forgets sessions, then sums, then gives pages back, each for [`LONGEST`] and one more at the most.
///
/// # Errors
/// The file could not be changed; what was forgotten before stays so.
pub(super) fn step(
    connection: &mut Connection,
    retention: &Retention,
    now_us: i64,
) -> Result<Step, StoreError> {
    let age_us = i64::try_from(retention.max_age.as_micros()).unwrap_or(i64::MAX);
    let before_us = now_us.saturating_sub(age_us);
    let (found, enough) = superfluous(connection, before_us, retention.max_bytes)?;
    let gone = forget(connection, &found, enough)?;
    let is_behind = gone.len() < found.len() || found.len() == AT_A_TIME;
    let has_sums = forget_sums(connection, before_us / 1_000_000 - HOUR)?;
    let has_old = super::origins::remove_old(connection)?;
    let free = give_back(connection)?;
    Ok(Step {
        gone,
        more: is_behind || has_sums || has_old || free > SPARE,
    })
}

/// Sessions that are too old, else the oldest where there is too much, with the bytes in use that are enough.
fn superfluous(
    connection: &Connection,
    before_us: i64,
    max_bytes: u64,
) -> Result<(Vec<i64>, Option<u64>), StoreError> {
    let oldest = |before_us: i64| -> Result<Vec<i64>, StoreError> {
        let mut find = connection.prepare_cached(
            "SELECT id FROM sessions WHERE last_us < ?1 ORDER BY last_us LIMIT ?2",
        )?;
        let rows = find.query_map([before_us, AT_A_TIME as i64], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let too_old = oldest(before_us)?;
    match too_old.is_empty() && bytes_in_use(connection)? > max_bytes {
        true => Ok((oldest(i64::MAX)?, Some(max_bytes))),
        false => Ok((too_old, None)),
    }
}

/// Forgets sessions while there is time and not `enough` is gone, one at least. Returns those that are gone.
fn forget(
    connection: &mut Connection,
    found: &[i64],
    enough: Option<u64>,
) -> Result<Vec<i64>, StoreError> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let begun = Instant::now();
    let transaction = connection.transaction()?;
    let (mut gone, mut spans) = (Vec::new(), 0);
    for row in found {
        let of_session: Option<i64> = transaction
            .prepare_cached("SELECT spans FROM sessions WHERE id = ?1")?
            .query_row([row], |row| row.get(0))
            .optional()?;
        spans += of_session.unwrap_or_default();
        rows_of(&transaction, *row)?;
        gone.push(*row);
        if begun.elapsed() > LONGEST {
            break;
        }
        if let Some(bytes) = enough
            && bytes_in_use(&transaction)? <= bytes
        {
            break;
        }
    }
    super::writer::add_to_sum(&transaction, "spans", -spans)?;
    // Fields that nobody has any more make room for others.
    transaction
        .prepare_cached(
            "DELETE FROM fields WHERE NOT EXISTS (SELECT 1 FROM field_values WHERE field = fields.id)",
        )?
        .execute([])?;
    transaction.commit()?;
    Ok(gone)
}

/// Forgets what was used in the time before, a stretch at a time while there is time. Says whether there is more.
fn forget_sums(connection: &mut Connection, before: i64) -> Result<bool, StoreError> {
    let begun = Instant::now();
    // The kinds of sums follow one another in the table: each is found without reading the one before.
    let next_kind =
        "SELECT length, by FROM usage WHERE (length, by) > (?1, ?2) ORDER BY length, by LIMIT 1";
    let oldest = "SELECT min(begin) FROM usage WHERE length = ?1 AND by = ?2";
    let remove = "DELETE FROM usage WHERE length = ?1 AND by = ?2 AND begin = ?3";
    let mut kind = (-1_i64, -1_i64);
    loop {
        let found = connection
            .prepare_cached(next_kind)?
            .query_row([kind.0, kind.1], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some(found) = found else {
            return Ok(false);
        };
        kind = found;
        loop {
            let begin: Option<i64> = connection
                .prepare_cached(oldest)?
                .query_row([kind.0, kind.1], |row| row.get(0))?;
            let Some(begin) = begin.filter(|begin| *begin < before) else {
                break;
            };
            if begun.elapsed() > LONGEST {
                return Ok(true);
            }
            connection
                .prepare_cached(remove)?
                .execute([kind.0, kind.1, begin])?;
        }
    }
}

/// Gives free pages back to the file system while there is time. Returns how many are left that can be given.
fn give_back(connection: &mut Connection) -> Result<i64, StoreError> {
    let free = |connection: &Connection| {
        connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0))
    };
    let mut left = free(connection)?;
    if left <= SPARE {
        return Ok(left);
    }
    let begun = Instant::now();
    let transaction = connection.transaction()?;
    while left > SPARE && begun.elapsed() < LONGEST {
        // Each row that is read gives one page back.
        let mut vacuum = transaction.prepare_cached("PRAGMA incremental_vacuum(32)")?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        let before = std::mem::replace(&mut left, free(&transaction)?);
        if left == before {
            // A file that somebody made anew by VACUUM, say, may give nothing back.
            left = 0;
        }
    }
    transaction.commit()?;
    Ok(left)
}
