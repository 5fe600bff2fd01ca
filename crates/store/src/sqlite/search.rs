//! Lists of sessions, and sessions over time.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::chosen::Chosen;
use super::filter::passing;
use crate::answer::{Activity, Page, Summary};
use crate::error::StoreError;
use crate::query::{Buckets, Cursor, Filter, SessionQuery, Sort, SortBy};
use crate::tale::Tale;

/// Up to how many the total of all sessions is counted.
const COUNTED: u64 = 100_000;

/// So many sessions are looked up and sorted. More of them are met soon on the way through all.
const FEW: u64 = 1_000;

fn column(by: SortBy) -> &'static str {
    match by {
        SortBy::Start => "start_us",
        SortBy::Duration => "duration_us",
        SortBy::Cost => "cost",
        SortBy::Tokens => "tokens",
        SortBy::Errors => "errors",
    }
}

/// A session in a list: by what it is sorted, and its row.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    value: f64,
    row: i64,
}

impl Place {
    fn cursor(self) -> Cursor {
        Cursor {
            value: self.value,
            tie: self.row as u64,
        }
    }

    /// Whether a list that is sorted so has this one before the other.
    fn is_before(&self, other: &Self, sort: Sort) -> bool {
        let order = self.value.total_cmp(&other.value);
        let order = order.then(self.row.cmp(&other.row));
        match sort.descending {
            true => order.is_gt(),
            false => order.is_lt(),
        }
    }
}

/// A page of sessions.
pub(super) fn sessions(
    connection: &Connection,
    query: &SessionQuery,
    now_us: i64,
) -> Result<Page<Summary>, StoreError> {
    let chosen = passing(connection, &query.filter, now_us)?;
    let after = match &query.cursor {
        None => None,
        Some(cursor) => {
            let cursor = Cursor::from_text(cursor)?;
            let (value, row) = (cursor.value, cursor.tie as i64);
            Some(Place { value, row })
        }
    };
    let (total, total_at_least) = match &chosen {
        Some(chosen) => (Some(chosen.count()), None),
        None => count(connection)?,
    };
    let limit = query.limit.clamp(1, 1_000);
    let mut found = match &chosen {
        Some(chosen) if chosen.count() <= FEW => look_up(connection, chosen, query.sort, after)?,
        chosen => walk(connection, chosen.as_ref(), query.sort, after, limit + 1)?,
    };
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let next = found.last().filter(|_| !is_last);
    let next = next.map(|place| place.cursor().to_text());
    let mut tale = connection
        .prepare_cached("SELECT tale FROM tales WHERE session = ?1")
        .map_err(StoreError::of_query)?;
    let mut items = Vec::with_capacity(found.len());
    for place in found {
        let mut rows = tale.query([place.row]).map_err(StoreError::of_query)?;
        // A session is forgotten between two looks only where the list was not read in one transaction.
        let Some(row) = rows.next().map_err(StoreError::of_query)? else {
            continue;
        };
        let tale = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        let Ok(tale) = serde_json::from_str::<Tale>(tale) else {
            // One that cannot be read is not to hide all others.
            tracing::warn!(target: "spanreel", row = place.row, "what is known of a session cannot be read: it is left out of a list");
            continue;
        };
        items.push(tale.summary_at(now_us));
    }
    Ok(Page {
        next,
        items,
        total,
        total_at_least,
    })
}

/// The chosen ones behind `after`, in order.
fn look_up(
    connection: &Connection,
    chosen: &Chosen,
    sort: Sort,
    after: Option<Place>,
) -> Result<Vec<Place>, StoreError> {
    let sql = format!("SELECT {} FROM sessions WHERE id = ?1", column(sort.by));
    let mut find = connection
        .prepare_cached(&sql)
        .map_err(StoreError::of_query)?;
    let mut found = Vec::new();
    for row in chosen.rows() {
        let mut rows = find.query([row]).map_err(StoreError::of_query)?;
        let Some(it) = rows.next().map_err(StoreError::of_query)? else {
            continue;
        };
        let place = Place {
            value: it.get(0)?,
            row,
        };
        if after.is_none_or(|after| after.is_before(&place, sort)) {
            found.push(place);
        }
    }
    found.sort_by(|one, other| match one.is_before(other, sort) {
        true => std::cmp::Ordering::Less,
        false => std::cmp::Ordering::Greater,
    });
    Ok(found)
}

/// The first of them behind `after`, on the way through the index of the order.
fn walk(
    connection: &Connection,
    chosen: Option<&Chosen>,
    sort: Sort,
    after: Option<Place>,
    most: usize,
) -> Result<Vec<Place>, StoreError> {
    let column = column(sort.by);
    let (order, beyond) = match sort.descending {
        true => ("DESC", "<"),
        false => ("ASC", ">"),
    };
    let (condition, bound): (String, Vec<Value>) = match after {
        None => ("1".to_owned(), Vec::new()),
        Some(after) => (
            format!("({column}, id) {beyond} (?, ?)"),
            vec![after.value.into(), after.row.into()],
        ),
    };
    let sql = format!(
        "SELECT {column}, id FROM sessions WHERE {condition} ORDER BY {column} {order}, id {order}"
    );
    let mut statement = connection
        .prepare_cached(&sql)
        .map_err(StoreError::of_query)?;
    let mut rows = statement
        .query(params_from_iter(&bound))
        .map_err(StoreError::of_query)?;
    let mut found = Vec::with_capacity(most);
    while found.len() < most
        && let Some(row) = rows.next().map_err(StoreError::of_query)?
    {
        let place = Place {
            value: row.get(0)?,
            row: row.get(1)?,
        };
        if chosen.is_none_or(|chosen| chosen.has(place.row)) {
            found.push(place);
        }
    }
    Ok(found)
}

/// How many there are: exactly, or at least.
fn count(connection: &Connection) -> Result<(Option<u64>, Option<u64>), StoreError> {
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM sessions LIMIT {})",
        COUNTED + 1
    );
    let mut statement = connection
        .prepare_cached(&sql)
        .map_err(StoreError::of_query)?;
    let count: i64 = statement
        .query_row([], |row| row.get(0))
        .map_err(StoreError::of_query)?;
    let count = count.max(0) as u64;
    Ok(match count > COUNTED {
        true => (None, Some(COUNTED)),
        false => (Some(count), None),
    })
}

/// When the first of them started.
fn first(connection: &Connection, chosen: Option<&Chosen>) -> Result<Option<i64>, StoreError> {
    let sort = Sort {
        by: SortBy::Start,
        descending: false,
    };
    let first = walk(connection, chosen, sort, None, 1)?;
    Ok(first.first().map(|place| place.value as i64))
}

/// Sessions over time.
pub(super) fn activity(
    connection: &Connection,
    filter: &Filter,
    buckets: Option<&Buckets>,
    count: usize,
    now_us: i64,
) -> Result<Activity, StoreError> {
    let chosen = passing(connection, filter, now_us)?;
    let buckets = match buckets {
        Some(buckets) => *buckets,
        None => Buckets::since(first(connection, chosen.as_ref())?, count),
    };
    let mut statement = connection
        .prepare_cached(
            "SELECT id, start_us, spans, errors FROM sessions WHERE start_us >= ?1 AND start_us < ?2",
        )
        .map_err(StoreError::of_query)?;
    let mut rows = statement
        .query([buckets.from_us, buckets.to_us])
        .map_err(StoreError::of_query)?;
    let mut activity = Activity::empty(&buckets);
    while let Some(row) = rows.next().map_err(StoreError::of_query)? {
        if let Some(chosen) = &chosen
            && !chosen.has(row.get(0)?)
        {
            continue;
        }
        let number =
            |index| -> rusqlite::Result<u64> { Ok(row.get::<_, i64>(index)?.max(0) as u64) };
        if let Some(bucket) = buckets.index(row.get(1)?) {
            activity.sessions[bucket] += 1;
            activity.spans[bucket] += number(2)?;
            activity.errors[bucket] += number(3)?;
        }
    }
    Ok(activity)
}
