//! The tables, and how an older file becomes one of today.
//!
//! `PRAGMA user_version` is the format; each step of [`STEPS`] leads from one to the next, in a transaction
//! of its own.

use std::path::Path;

use rusqlite::Connection;

use crate::error::StoreError;

/// What leads from format 0 (an empty file) to 1, from 1 to 2, and so on.
const STEPS: &[&str] = &[include_str!("schema/1.sql")];

/// The format that is written.
pub(super) fn newest() -> i64 {
    STEPS.len() as i64
}

/// Brings a file to the newest format.
///
/// # Errors
/// It has a newer one, or cannot be changed.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > newest() {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: newest(),
        });
    }
    for (index, step) in STEPS.iter().enumerate().skip(found.max(0) as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
