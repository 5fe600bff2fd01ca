//! Sums over time: adding to them, and reading them.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::answer::{LatencyRow, Usage};
use crate::error::StoreError;
use crate::query::{Buckets, By};
use crate::tally::{Histogram, Sums};
use crate::usage_of::{Sizes, SumsInTime, latency_rows};
use crate::used::{AGENTS_AT_WORK, Changes, Key, LENGTHS};

/// Changes what is stored.
pub(super) fn change(connection: &Connection, changes: Changes) -> Result<(), StoreError> {
    let mut find = connection.prepare_cached(
        "SELECT calls, errors, input, output, cached, cost, retries_cost, took, first_chunk FROM usage
         WHERE length = ?1 AND by = ?2 AND begin = ?3 AND key = ?4",
    )?;
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO usage
         (length, by, begin, key, calls, errors, input, output, cached, cost, retries_cost, took, first_chunk)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    let mut remove = connection.prepare_cached(
        "DELETE FROM usage WHERE length = ?1 AND by = ?2 AND begin = ?3 AND key = ?4",
    )?;
    for (key, change) in changes.by_key() {
        let Key {
            length,
            begin,
            by,
            name,
        } = key;
        let known = find
            .query_row(params![length, by, begin, name], |row| read(row, 0, true))
            .optional()?;
        let sums = change.applied_to(&known.unwrap_or_default());
        if sums.calls == 0 {
            remove.execute(params![length, by, begin, name])?;
            continue;
        }
        put.execute(params![
            length,
            by,
            begin,
            name,
            stored(sums.calls),
            stored(sums.errors),
            stored(sums.input),
            stored(sums.output),
            stored(sums.cached),
            sums.cost,
            sums.retries_cost,
            sums.took.to_bytes(),
            sums.first_chunk.to_bytes(),
        ])?;
    }
    Ok(())
}

/// A number as SQLite has it.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The sums of a row; how long calls took, where `with_times`.
fn read(row: &Row<'_>, at: usize, with_times: bool) -> rusqlite::Result<Sums> {
    let number = |index: usize| -> rusqlite::Result<u64> {
        Ok(row.get::<_, i64>(at + index)?.max(0) as u64)
    };
    let histogram = |index: usize| -> rusqlite::Result<Histogram> {
        if !with_times {
            return Ok(Histogram::default());
        }
        Ok(Histogram::from_bytes(row.get_ref(at + index)?.as_blob()?))
    };
    Ok(Sums {
        calls: number(0)?,
        errors: number(1)?,
        input: number(2)?,
        output: number(3)?,
        cached: number(4)?,
        cost: row.get(at + 5)?,
        retries_cost: row.get(at + 6)?,
        took: histogram(7)?,
        first_chunk: histogram(8)?,
    })
}

/// Calls `each` with all sums of a stretch of time.
fn each(
    connection: &Connection,
    by: i64,
    length: i64,
    (from_us, to_us): (i64, i64),
    with_times: bool,
    mut each: impl FnMut(&str, i64, &Sums),
) -> Result<(), StoreError> {
    let mut find = connection
        .prepare_cached(
            "SELECT key, begin, calls, errors, input, output, cached, cost, retries_cost, took, first_chunk
             FROM usage WHERE length = ?1 AND by = ?2 AND begin >= ?3 AND begin < ?4",
        )
        .map_err(StoreError::of_query)?;
    let from = from_us.div_euclid(1_000_000 * length) * length;
    let to = to_us.div_euclid(1_000_000).saturating_add(1);
    let mut rows = find
        .query(params![length, by, from, to])
        .map_err(StoreError::of_query)?;
    while let Some(row) = rows.next().map_err(StoreError::of_query)? {
        let key = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        each(key, row.get(1)?, &read(row, 2, with_times)?);
    }
    Ok(())
}

/// The names of a stretch of time that have series of their own.
fn largest(
    connection: &Connection,
    by: i64,
    length: i64,
    buckets: &Buckets,
) -> Result<Vec<String>, StoreError> {
    let mut sizes = Sizes::new(*buckets);
    let stretch = (buckets.from_us, buckets.to_us);
    each(
        connection,
        by,
        length,
        stretch,
        false,
        |key, begin, of_row| {
            sizes.add(key, begin * 1_000_000, of_row);
        },
    )?;
    Ok(sizes.largest())
}

/// The stretches that are read for buckets of this length: hours where they are long enough.
fn length_for(bucket_us: i64) -> i64 {
    let [minute, hour] = LENGTHS;
    match bucket_us >= hour * 1_000_000 {
        true => hour,
        false => minute,
    }
}

/// What was used over time.
pub(super) fn usage(
    connection: &Connection,
    by: By,
    buckets: &Buckets,
) -> Result<Usage, StoreError> {
    let length = length_for(buckets.bucket_us());
    let (from, to) = (buckets.from_us, buckets.to_us);
    let names = largest(connection, by.number(), length, buckets)?;
    let mut sums = SumsInTime::new(*buckets, names);
    each(
        connection,
        by.number(),
        length,
        (from, to),
        false,
        |key, begin, of_row| {
            sums.add(key, begin * 1_000_000, of_row);
        },
    )?;
    each(
        connection,
        By::None.number(),
        length,
        (from, to),
        false,
        |_, begin, of_row| {
            sums.add_total(begin * 1_000_000, of_row);
        },
    )?;
    let failed: f64 = connection
        .prepare_cached(
            "SELECT total(cost) FROM sessions WHERE state = 'failed' AND start_us >= ?1 AND start_us < ?2",
        )
        .map_err(StoreError::of_query)?
        .query_row([from, to], |row| row.get(0))
        .map_err(StoreError::of_query)?;
    Ok(sums.into_usage(failed))
}

/// How long calls took.
pub(super) fn latency(
    connection: &Connection,
    by: By,
    from_us: i64,
    to_us: i64,
) -> Result<Vec<LatencyRow>, StoreError> {
    let number = match by {
        By::Agent => AGENTS_AT_WORK,
        by => by.number(),
    };
    // Hours for what is longer than two days.
    let length = length_for(to_us.saturating_sub(from_us) / 48);
    let mut sums: HashMap<String, Sums> = HashMap::new();
    each(
        connection,
        number,
        length,
        (from_us, to_us),
        true,
        |key, _, of_row| match sums.get_mut(key) {
            Some(sums) => sums.merge(of_row),
            None => drop(sums.insert(key.to_owned(), of_row.clone())),
        },
    )?;
    Ok(latency_rows(sums))
}
