//! The tables, and how an older file becomes one of today.
//!
//! `PRAGMA user_version` is the format; each step of [`STEPS`] leads from one to the next, in a transaction
//! of its own.

use std::path::Path;

use rusqlite::Connection;

use crate::error::StoreError;

/// What leads from format 0 (an empty file) to 1, from 1 to 2, and so on.
const STEPS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
];

/// The format that is written.
pub(super) fn newest() -> i64 {
    STEPS.len() as i64
}

/// The format of a file.
fn format(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found > newest() {
        true => Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: newest(),
        }),
        false => Ok(found),
    }
}

/// Whether a file can be read as it is.
///
/// # Errors
/// It has a newer format, or an older one that nobody has brought up to date yet; it is empty, or of something
/// else.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let foreign = |why| StoreError::Foreign {
        path: path.to_owned(),
        why,
    };
    let tables = "SELECT count(*), total(name = 'sessions') FROM sqlite_schema";
    let (all, ours) = connection.query_row(tables, [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?))
    })?;
    if all == 0 {
        let why = "it is empty; where it was copied, sessions.db-wal beside it belongs to it";
        return Err(foreign(why));
    }
    if ours == 0.0 {
        return Err(foreign("it is a database of something else"));
    }
    match format(connection, path)? {
        found if found == newest() => Ok(()),
        found => Err(StoreError::Older {
            path: path.to_owned(),
            found,
            known: newest(),
        }),
    }
}

/// Brings a file to the newest format. Says whether it had another.
///
/// # Errors
/// It has a newer one, or cannot be changed.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<bool, StoreError> {
    let found = format(connection, path)?;
    for (index, step) in STEPS.iter().enumerate().skip(found.max(0) as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(found < newest())
}
