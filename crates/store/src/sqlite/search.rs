//! Lists of sessions: filters as SQL, whose values are always bound and never part of it.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};
use spanreel::TraceId;

use crate::answer::{Activity, Page, State, Summary};
use crate::error::StoreError;
use crate::query::{Buckets, Cursor, ErrorFilter, Filter, SessionQuery, SortBy, words};
use crate::tale::{STALLED_AFTER_US, Tale};

/// Up to how many the total is counted.
const COUNTED: u64 = 100_000;

/// What fewer than one session in so many has is rare.
const RARE: i64 = 10;

/// Conditions of a query, with what is bound to them.
#[derive(Default)]
struct Conditions {
    sql: Vec<String>,
    bound: Vec<Value>,
    /// How many sessions pass, where that is known without counting: there is one condition alone.
    sole_count: Option<i64>,
}

impl Conditions {
    fn add(&mut self, sql: &str, bound: impl IntoIterator<Item = Value>) {
        self.sql.push(format!("({sql})"));
        self.bound.extend(bound);
    }

    fn to_sql(&self) -> String {
        match self.sql.is_empty() {
            true => "1".to_owned(),
            false => self.sql.join(" AND "),
        }
    }

    /// Sessions that have this value of a field; any value, where it is empty.
    fn has_value(
        &mut self,
        connection: &Connection,
        field: &str,
        value: &str,
    ) -> Result<(), StoreError> {
        if value.is_empty() {
            let sql = "id IN (SELECT session FROM session_values WHERE value IN
                       (SELECT v.id FROM field_values v JOIN fields f ON f.id = v.field WHERE f.key = ?))";
            self.add(sql, [field.to_owned().into()]);
            return Ok(());
        }
        let mut find = connection
            .prepare_cached(
                "SELECT v.id, v.sessions, (SELECT max(id) - min(id) + 1 FROM sessions) FROM field_values v
                 JOIN fields f ON f.id = v.field WHERE f.key = ?1 AND v.value = ?2",
            )
            .map_err(StoreError::of_query)?;
        let found = find.query_row([field, value], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?))
        });
        let found: Option<(i64, i64, Option<i64>)> =
            found.optional().map_err(StoreError::of_query)?;
        let Some((number, sessions, of_all)) = found else {
            self.add("0", []);
            return Ok(());
        };
        // What is frequent is met soon in any order; what is rare is looked up.
        let is_frequent = sessions.saturating_mul(RARE) > of_all.unwrap_or_default();
        let sql = match is_frequent {
            true => {
                "EXISTS (SELECT 1 FROM session_values WHERE value = ? AND session = sessions.id)"
            }
            false => "id IN (SELECT session FROM session_values WHERE value = ?)",
        };
        self.sole_count = self.sql.is_empty().then_some(sessions);
        self.add(sql, [number.into()]);
        Ok(())
    }

    fn of(connection: &Connection, filter: &Filter, now_us: i64) -> Result<Self, StoreError> {
        let mut all = Self::default();
        if let Some(state) = filter.state {
            let since = now_us.saturating_sub(STALLED_AFTER_US);
            match state {
                State::Running => all.add("state = 'running' AND last_us >= ?", [since.into()]),
                State::Stalled => all.add("state = 'running' AND last_us < ?", [since.into()]),
                state => all.add("state = ?", [state.name().to_owned().into()]),
            }
        }
        if let Some(from_us) = filter.from_us {
            all.add("start_us >= ?", [from_us.into()]);
        }
        if let Some(to_us) = filter.to_us {
            all.add("start_us < ?", [to_us.into()]);
        }
        if let Some(cost) = filter.min_cost {
            all.add("cost >= ?", [cost.into()]);
        }
        if let Some(cost) = filter.max_cost {
            all.add("cost <= ?", [cost.into()]);
        }
        match &filter.error {
            None => {}
            Some(ErrorFilter::Any) => all.add("errors > 0", []),
            Some(ErrorFilter::Type(kind)) => all.add("error = ?", [kind.clone().into()]),
        }
        if let Some(user) = &filter.user {
            all.add("user = ?", [user.clone().into()]);
        }
        for (field, value) in [("agent", &filter.agent), ("model", &filter.model)] {
            if let Some(value) = value {
                all.has_value(connection, field, value)?;
            }
        }
        for (field, value) in &filter.attributes {
            all.has_value(connection, field, value)?;
        }
        if let Some(text) = filter
            .text
            .as_deref()
            .map(str::trim)
            .filter(|it| !it.is_empty())
        {
            all.has_text(text);
        }
        Ok(all)
    }

    fn has_text(&mut self, text: &str) {
        let in_texts = "id IN (SELECT session FROM documents WHERE id IN (SELECT rowid FROM texts WHERE texts MATCH ?))";
        let words = words(text);
        let mut sql: Vec<String> = vec!["name = ?".to_owned()];
        let mut bound: Vec<Value> = vec![text.to_owned().into()];
        if let Ok(trace) = text.parse::<TraceId>() {
            sql.push("trace = ?".to_owned());
            bound.push(trace.to_bytes().to_vec().into());
        }
        if let Some((last, others)) = words.split_last() {
            let mut all: Vec<String> = Vec::new();
            for word in others {
                all.push(in_texts.to_owned());
                // Words are letters and digits, so that quoting is all there is to it.
                bound.push(format!("\"{word}\"").into());
            }
            all.push(in_texts.to_owned());
            bound.push(format!("\"{last}\"*").into());
            sql.push(format!("({})", all.join(" AND ")));
        }
        self.add(&sql.join(" OR "), bound);
    }
}

fn column(by: SortBy) -> &'static str {
    match by {
        SortBy::Start => "start_us",
        SortBy::Duration => "duration_us",
        SortBy::Cost => "cost",
        SortBy::Tokens => "tokens",
        SortBy::Errors => "errors",
    }
}

/// A page of sessions.
pub(super) fn sessions(
    connection: &Connection,
    query: &SessionQuery,
    now_us: i64,
) -> Result<Page<Summary>, StoreError> {
    let conditions = Conditions::of(connection, &query.filter, now_us)?;
    let (total, total_at_least) = total(connection, &conditions)?;
    let column = column(query.sort.by);
    let (order, beyond) = match query.sort.descending {
        true => ("DESC", "<"),
        false => ("ASC", ">"),
    };
    let mut page = Conditions {
        sql: conditions.sql,
        bound: conditions.bound,
        sole_count: None,
    };
    if let Some(cursor) = &query.cursor {
        let cursor = Cursor::from_text(cursor)?;
        let sql = format!("({column}, id) {beyond} (?, ?)");
        page.add(&sql, [cursor.value.into(), (cursor.tie as i64).into()]);
    }
    let limit = query.limit.clamp(1, 1_000);
    // The rows are found first, so that tales are read of those alone that are shown.
    let sql = format!(
        "SELECT found.id, found.value, tale FROM
         (SELECT id, {column} AS value FROM sessions WHERE {} ORDER BY {column} {order}, id {order} LIMIT {}) AS found
         JOIN tales ON tales.session = found.id ORDER BY found.value {order}, found.id {order}",
        page.to_sql(),
        limit + 1
    );
    let mut statement = connection
        .prepare_cached(&sql)
        .map_err(StoreError::of_query)?;
    let mut rows = statement
        .query(params_from_iter(&page.bound))
        .map_err(StoreError::of_query)?;
    let mut found: Vec<(Cursor, Summary)> = Vec::with_capacity(limit + 1);
    while let Some(row) = rows.next().map_err(StoreError::of_query)? {
        let tale = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
        let tale: Tale =
            serde_json::from_str(tale).map_err(|_| StoreError::Damaged("a tale is no JSON"))?;
        let cursor = Cursor {
            value: row.get(1)?,
            tie: row.get::<_, i64>(0)? as u64,
        };
        found.push((cursor, tale.summary_at(now_us)));
    }
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let next = found.last().filter(|_| !is_last);
    Ok(Page {
        next: next.map(|(cursor, _)| cursor.to_text()),
        items: found.into_iter().map(|(_, summary)| summary).collect(),
        total,
        total_at_least,
    })
}

/// How many there are: exactly, or at least.
fn total(
    connection: &Connection,
    conditions: &Conditions,
) -> Result<(Option<u64>, Option<u64>), StoreError> {
    if let (Some(count), 1) = (conditions.sole_count, conditions.sql.len()) {
        let count = count.max(0) as u64;
        return Ok(match count > COUNTED {
            true => (None, Some(COUNTED)),
            false => (Some(count), None),
        });
    }
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM sessions WHERE {} LIMIT {})",
        conditions.to_sql(),
        COUNTED + 1
    );
    let mut statement = connection
        .prepare_cached(&sql)
        .map_err(StoreError::of_query)?;
    let count: i64 = statement
        .query_row(params_from_iter(&conditions.bound), |row| row.get(0))
        .map_err(StoreError::of_query)?;
    let count = count.max(0) as u64;
    Ok(match count > COUNTED {
        true => (None, Some(COUNTED)),
        false => (Some(count), None),
    })
}

/// When the first of them started.
fn first(connection: &Connection, conditions: &Conditions) -> Result<Option<i64>, StoreError> {
    let sql = format!(
        "SELECT min(start_us) FROM sessions WHERE {}",
        conditions.to_sql()
    );
    let mut statement = connection.prepare(&sql).map_err(StoreError::of_query)?;
    statement
        .query_row(params_from_iter(&conditions.bound), |row| row.get(0))
        .map_err(StoreError::of_query)
}

/// Sessions over time.
pub(super) fn activity(
    connection: &Connection,
    filter: &Filter,
    buckets: Option<&Buckets>,
    count: usize,
    now_us: i64,
) -> Result<Activity, StoreError> {
    let mut conditions = Conditions::of(connection, filter, now_us)?;
    let buckets = match buckets {
        Some(buckets) => *buckets,
        None => Buckets::since(first(connection, &conditions)?, count),
    };
    let between = [buckets.from_us.into(), buckets.to_us.into()];
    conditions.add("start_us >= ? AND start_us < ?", between);
    let sql = format!(
        "SELECT (start_us - {}) / {} AS bucket, count(*), sum(spans), sum(errors) FROM sessions WHERE {} GROUP BY bucket",
        buckets.from_us,
        buckets.bucket_us(),
        conditions.to_sql()
    );
    let mut statement = connection.prepare(&sql).map_err(StoreError::of_query)?;
    let mut rows = statement
        .query(params_from_iter(&conditions.bound))
        .map_err(StoreError::of_query)?;
    let mut activity = Activity::empty(&buckets);
    while let Some(row) = rows.next().map_err(StoreError::of_query)? {
        let Ok(bucket) = usize::try_from(row.get::<_, i64>(0)?) else {
            continue;
        };
        let number =
            |index| -> rusqlite::Result<u64> { Ok(row.get::<_, i64>(index)?.max(0) as u64) };
        if bucket < buckets.count {
            activity.sessions[bucket] = number(1)?;
            activity.spans[bucket] = number(2)?;
            activity.errors[bucket] = number(3)?;
        }
    }
    Ok(activity)
}
