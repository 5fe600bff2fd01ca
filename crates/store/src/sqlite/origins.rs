//! Resources and scopes in the file: each is there once, for as long as a session has items of it.
//!
//! Every process has a resource of its own, so that they come without end. Of sessions that versions up to format 2
//! wrote it is not known which they have: two numbers in `sums` say which sessions and origins those are, and such
//! origins stay until the last such session has gone.

use rusqlite::{Connection, OptionalExtension as _};

use super::open_session::Open;
use crate::error::StoreError;

/// Old origins that one step removes, at the most.
const AT_A_TIME: i64 = 64;

/// The names of the numbers in `sums`.
const LAST_OLD_SESSION: &str = "last_old_session";
const LAST_OLD_ORIGIN: &str = "last_old_origin";

impl Open {
    /// Notes that the session has items of an origin.
    pub(super) fn has_origin(
        &mut self,
        connection: &Connection,
        origin: i64,
    ) -> Result<(), StoreError> {
        if self.origins.insert(origin) {
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO session_origins (session, origin) VALUES (?1, ?2)",
                )?
                .execute([self.row, origin])?;
        }
        Ok(())
    }

    /// Reads what was noted before.
    pub(super) fn load_origins(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let mut find =
            connection.prepare_cached("SELECT origin FROM session_origins WHERE session = ?1")?;
        for origin in find.query_map([self.row], |row| row.get(0))? {
            self.origins.insert(origin?);
        }
        Ok(())
    }
}

fn number(connection: &Connection, name: &str) -> Result<Option<i64>, StoreError> {
    let mut find = connection.prepare_cached("SELECT value FROM sums WHERE name = ?1")?;
    Ok(find.query_row([name], |row| row.get(0)).optional()?)
}

/// Removes the origins that this session alone has, and what is noted of it.
pub(super) fn remove(connection: &Connection, session: i64) -> Result<(), StoreError> {
    let last_old = number(connection, LAST_OLD_ORIGIN)?.unwrap_or_default();
    connection
        .prepare_cached(
            "DELETE FROM origins WHERE id > ?2
             AND id IN (SELECT origin FROM session_origins WHERE session = ?1)
             AND NOT EXISTS (SELECT 1 FROM session_origins AS other
                             WHERE other.origin = origins.id AND other.session <> ?1)",
        )?
        .execute([session, last_old])?;
    connection
        .prepare_cached("DELETE FROM session_origins WHERE session = ?1")?
        .execute([session])?;
    Ok(())
}

/// Removes some of the old origins, once the old sessions have gone. Says whether there are more.
pub(super) fn remove_old(connection: &mut Connection) -> Result<bool, StoreError> {
    let Some(last) = number(connection, LAST_OLD_ORIGIN)? else {
        return Ok(false);
    };
    let last_session = number(connection, LAST_OLD_SESSION)?.unwrap_or_default();
    let oldest: Option<i64> = connection
        .prepare_cached("SELECT min(id) FROM sessions")?
        .query_row([], |row| row.get(0))?;
    if oldest.is_some_and(|oldest| oldest <= last_session) {
        return Ok(false);
    }
    let transaction = connection.transaction()?;
    let removed = transaction
        .prepare_cached(
            "DELETE FROM origins WHERE id IN
             (SELECT id FROM origins WHERE id <= ?1
              AND NOT EXISTS (SELECT 1 FROM session_origins WHERE origin = origins.id) LIMIT ?2)",
        )?
        .execute([last, AT_A_TIME])?;
    let is_done = (removed as i64) < AT_A_TIME;
    if is_done {
        transaction
            .prepare_cached("DELETE FROM sums WHERE name IN (?1, ?2)")?
            .execute([LAST_OLD_SESSION, LAST_OLD_ORIGIN])?;
    }
    transaction.commit()?;
    Ok(!is_done)
}
