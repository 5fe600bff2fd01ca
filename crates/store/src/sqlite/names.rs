//! Fields and their values: what sessions can be filtered by, and what is suggested.

use std::num::NonZeroUsize;

use lru::LruCache;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::open_session::Open;
use crate::error::StoreError;
use crate::facets::{MOST_OF_SESSION, Of};

/// How many values of one field are told apart; more of them are not indexed.
const MOST_VALUES: i64 = 20_000;

/// How many fields are made for attributes; those of tales have their places beside them.
const MOST_FIELDS: i64 = 500;

/// Values whose numbers are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// The numbers of values, as far as they are remembered; `None` for what is not indexed.
pub(super) struct Names(LruCache<(String, String), Option<i64>>);

impl Default for Names {
    fn default() -> Self {
        Self(LruCache::new(REMEMBERED))
    }
}

impl Names {
    /// Notes that a session has a value of a field. What its tale says has room whatever attributes there are: by
    /// those fields alone agents and models are found.
    pub(super) fn give(
        &mut self,
        connection: &Connection,
        open: &mut Open,
        (field, value): (&str, &str),
        of: Of,
    ) -> Result<(), StoreError> {
        if of == Of::Attributes && open.values.len() >= MOST_OF_SESSION {
            return Ok(());
        }
        let key = (field.to_owned(), value.to_owned());
        let number = match self.0.get(&key) {
            // What had no room among attributes may have it here.
            Some(number) if number.is_some() || of == Of::Attributes => *number,
            _ => {
                let number = find_or_make(connection, field, value, of)?;
                self.0.put(key, number);
                number
            }
        };
        let Some(number) = number else { return Ok(()) };
        if !open.values.insert(number) {
            return Ok(());
        }
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO session_values (value, session) VALUES (?1, ?2)",
            )?
            .execute([number, open.row])?;
        connection
            .prepare_cached("UPDATE field_values SET sessions = sessions + 1 WHERE id = ?1")?
            .execute([number])?;
        Ok(())
    }
}

fn find_or_make(
    connection: &Connection,
    field: &str,
    value: &str,
    of: Of,
) -> Result<Option<i64>, StoreError> {
    let mut find = connection.prepare_cached("SELECT id, found FROM fields WHERE key = ?1")?;
    let found: Option<(i64, i64)> = find
        .query_row([field], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (field, found) = match found {
        Some(found) => found,
        None => {
            let fields: i64 =
                connection.query_row("SELECT count(*) FROM fields", [], |row| row.get(0))?;
            if of == Of::Attributes && fields >= MOST_FIELDS {
                return Ok(None);
            }
            let mut make = connection.prepare_cached("INSERT INTO fields (key) VALUES (?1)")?;
            (make.insert([field])?, 0)
        }
    };
    let mut find =
        connection.prepare_cached("SELECT id FROM field_values WHERE field = ?1 AND value = ?2")?;
    let number = find
        .query_row(params![field, value], |row| row.get(0))
        .optional()?;
    if number.is_some() || found >= MOST_VALUES {
        return Ok(number);
    }
    connection
        .prepare_cached("UPDATE fields SET found = found + 1 WHERE id = ?1")?
        .execute([field])?;
    let mut make =
        connection.prepare_cached("INSERT INTO field_values (field, value) VALUES (?1, ?2)")?;
    Ok(Some(make.insert(params![field, value])?))
}
