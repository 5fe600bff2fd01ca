//! Queries of the store in memory: each looks at all sessions.

use std::collections::{BTreeMap, HashMap};

use spanreel::Request;

use super::{Kept, MemoryStore};
use crate::answer::{
    Activity, Detail, Field, FieldValue, LatencyRow, Log, Page, Span, State, StoreStats, Summary,
    Usage, WholeSpan,
};
use crate::clock::now_us;
use crate::error::StoreError;
use crate::messages;
use crate::query::{
    Buckets, By, Cursor, ErrorFilter, Filter, Patience, SessionQuery, SortBy, words,
};
use crate::read::{Blocks, detail};
use crate::store::{Document, News, Seen, Store, Story, Written};
use crate::tally::Sums;
use crate::usage_of::{Sizes, SumsInTime, latency_rows};
use crate::used::{AGENTS_AT_WORK, LENGTHS};

/// Whether a session is one of those that are asked for.
fn passes(kept: &Kept, summary: &Summary, filter: &Filter) -> bool {
    let has = |field: &str, value: &str| {
        let pair = (field.to_owned(), value.to_owned());
        match value.is_empty() {
            true => kept.values.iter().any(|(known, _)| known == field),
            false => kept.values.contains(&pair),
        }
    };
    let named = |name: &Option<String>, names: &[String]| {
        name.as_ref().is_none_or(|name| names.contains(name))
    };
    let cost = summary.cost.unwrap_or_default();
    let failed = match &filter.error {
        None => true,
        Some(ErrorFilter::Any) => summary.errors > 0,
        Some(ErrorFilter::Type(kind)) => summary
            .error
            .as_ref()
            .is_some_and(|error| error.kind == *kind),
    };
    failed
        && filter.state.is_none_or(|state| summary.state == state)
        && named(&filter.agent, &summary.agents)
        && named(&filter.model, &summary.models)
        && (filter.user.is_none() || filter.user == summary.user)
        && filter.from_us.is_none_or(|from| summary.start_us >= from)
        && filter.to_us.is_none_or(|to| summary.start_us < to)
        && filter.min_cost.is_none_or(|least| cost >= least)
        && filter.max_cost.is_none_or(|most| cost <= most)
        && filter.attributes.iter().all(|(key, value)| has(key, value))
        && filter
            .text
            .as_deref()
            .is_none_or(|text| says(kept, text.trim()))
}

fn says(kept: &Kept, text: &str) -> bool {
    let summary = &kept.tale.summary;
    if text.is_empty() || summary.id == text || summary.trace_id.eq_ignore_ascii_case(text) {
        return true;
    }
    let words = words(text);
    let Some((last, others)) = words.split_last() else {
        return false;
    };
    let begins = |start: &String| {
        let mut from = kept.words.range(start.clone()..);
        from.next()
            .is_some_and(|word| word.starts_with(start.as_str()))
    };
    others.iter().all(|word| kept.words.contains(word)) && begins(last)
}

fn sort_value(summary: &Summary, by: SortBy) -> f64 {
    match by {
        SortBy::Start => summary.start_us as f64,
        SortBy::Duration => summary.duration_us.unwrap_or_default() as f64,
        SortBy::Cost => summary.cost.unwrap_or_default(),
        SortBy::Tokens => {
            let tokens = summary.input_tokens.unwrap_or_default();
            tokens.saturating_add(summary.output_tokens.unwrap_or_default()) as f64
        }
        SortBy::Errors => summary.errors as f64,
    }
}

/// Tells sessions of the same value apart: a number of their ids.
fn tie(id: &str) -> u64 {
    crate::identity::identity_of_log(id.as_bytes())
}

impl MemoryStore {
    /// Does something with the blocks of a session.
    fn with_blocks<T>(
        &self,
        id: &str,
        ask: impl FnOnce(&Blocks) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        // Copied, so that no writer waits for what is done with them.
        let blocks = self.read().sessions.get(id).map(Kept::blocks);
        blocks.as_ref().map(ask).transpose()
    }

    fn each(&self, filter: &Filter, mut each: impl FnMut(&Kept, Summary)) {
        let now_us = now_us();
        for kept in self.read().sessions.values() {
            let summary = kept.tale.summary_at(now_us);
            if passes(kept, &summary, filter) {
                each(kept, summary);
            }
        }
    }
}

impl Store for MemoryStore {
    fn write(&self, requests: &[Request]) -> Result<Written, StoreError> {
        self.write_requests(requests)
    }

    fn tidy(&self) -> Result<bool, StoreError> {
        Ok(self.forget())
    }

    fn sessions(
        &self,
        query: &SessionQuery,
        patience: &Patience,
    ) -> Result<Page<Summary>, StoreError> {
        patience.check()?;
        let mut found: Vec<(f64, u64, Summary)> = Vec::new();
        self.each(&query.filter, |_, summary| {
            let value = sort_value(&summary, query.sort.by);
            found.push((value, tie(&summary.id), summary));
        });
        let total = found.len() as u64;
        let in_order = |one: (f64, u64), other: (f64, u64)| {
            let order = one.0.total_cmp(&other.0).then(one.1.cmp(&other.1));
            match query.sort.descending {
                true => order.reverse(),
                false => order,
            }
        };
        found.sort_by(|one, other| in_order((one.0, one.1), (other.0, other.1)));
        if let Some(cursor) = &query.cursor {
            let cursor = Cursor::from_text(cursor)?;
            found.retain(|it| in_order((it.0, it.1), (cursor.value, cursor.tie)).is_gt());
        }
        let limit = query.limit.clamp(1, 1_000);
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let next = found.last().filter(|_| !is_last).map(|(value, tie, _)| {
            let (value, tie) = (*value, *tie);
            Cursor { value, tie }.to_text()
        });
        Ok(Page {
            items: found.into_iter().map(|(_, _, summary)| summary).collect(),
            next,
            total: Some(total),
            total_at_least: None,
        })
    }

    fn session(&self, id: &str, _patience: &Patience) -> Result<Option<Detail>, StoreError> {
        let all = self.read();
        let Some(kept) = all.sessions.get(id) else {
            return Ok(None);
        };
        let resource = kept.blocks().resource()?;
        Ok(Some(detail(&kept.tale, resource, now_us())))
    }

    fn spans(
        &self,
        id: &str,
        limit: usize,
        cursor: Option<&str>,
        patience: &Patience,
    ) -> Result<Option<Page<Span>>, StoreError> {
        self.with_blocks(id, |blocks| {
            blocks.spans(&blocks.outline(patience)?, limit, cursor)
        })
    }

    fn news(
        &self,
        id: &str,
        seen: &mut Seen,
        patience: &Patience,
    ) -> Result<Option<News>, StoreError> {
        let is_first = std::mem::replace(&mut seen.last, 1) == 0;
        let news = self.with_blocks(id, |blocks| blocks.news(seen, patience))?;
        Ok(match is_first {
            true => news.map(|_| News::default()),
            false => news,
        })
    }

    fn span(
        &self,
        id: &str,
        span: &str,
        patience: &Patience,
    ) -> Result<Option<WholeSpan>, StoreError> {
        let Ok(span) = span.parse() else {
            return Ok(None);
        };
        let found = self.with_blocks(id, |blocks| {
            let outline = blocks.outline(patience)?;
            let index = outline.find(span);
            index
                .map(|index| blocks.whole_span(&outline, index))
                .transpose()
        })?;
        Ok(found.flatten())
    }

    fn whole_spans(
        &self,
        id: &str,
        limit: usize,
        cursor: Option<&str>,
        patience: &Patience,
    ) -> Result<Option<Page<WholeSpan>>, StoreError> {
        self.with_blocks(id, |blocks| {
            blocks.whole_spans(&blocks.outline(patience)?, limit, cursor)
        })
    }

    fn messages(&self, id: &str, patience: &Patience) -> Result<Option<Story>, StoreError> {
        self.with_blocks(id, |blocks| messages::story(blocks, patience))
    }

    fn logs(&self, id: &str, patience: &Patience) -> Result<Option<Vec<Log>>, StoreError> {
        self.with_blocks(id, |blocks| blocks.logs(patience))
    }

    fn export(&self, id: &str, _patience: &Patience) -> Result<Option<Vec<Request>>, StoreError> {
        self.with_blocks(id, Blocks::requests)
    }

    fn document(&self, id: &str, patience: &Patience) -> Result<Option<Document>, StoreError> {
        let Some(session) = self.session(id, patience)? else {
            return Ok(None);
        };
        self.with_blocks(id, |blocks| blocks.document(session, patience))
    }

    fn fields(&self, _patience: &Patience) -> Result<Vec<Field>, StoreError> {
        let mut counts: HashMap<String, u64> = HashMap::new();
        for kept in self.read().sessions.values() {
            let mut last = None;
            for (key, _) in &kept.values {
                // Values are sorted by their keys.
                if last != Some(key) {
                    *counts.entry(key.clone()).or_default() += 1;
                }
                last = Some(key);
            }
        }
        let fields = counts.into_iter().map(|(key, count)| Field { key, count });
        let mut fields: Vec<Field> = fields.collect();
        fields.sort_by(|one, other| {
            other
                .count
                .cmp(&one.count)
                .then_with(|| one.key.cmp(&other.key))
        });
        Ok(fields)
    }

    fn values(
        &self,
        field: &str,
        prefix: &str,
        _patience: &Patience,
    ) -> Result<Vec<FieldValue>, StoreError> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for kept in self.read().sessions.values() {
            for (_, value) in kept.values.iter().filter(|(key, _)| key == field) {
                if value.starts_with(prefix) {
                    *counts.entry(value.clone()).or_default() += 1;
                }
            }
        }
        let values = counts.into_iter();
        let mut values: Vec<FieldValue> = values
            .map(|(value, count)| FieldValue { value, count })
            .collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.count));
        values.truncate(200);
        Ok(values)
    }

    fn activity(
        &self,
        filter: &Filter,
        buckets: Option<&Buckets>,
        count: usize,
        _patience: &Patience,
    ) -> Result<Activity, StoreError> {
        let mut found: Vec<(i64, u64, u64)> = Vec::new();
        self.each(filter, |_, summary| {
            found.push((summary.start_us, summary.spans, summary.errors));
        });
        let buckets = buckets.copied().unwrap_or_else(|| {
            let first = found.iter().map(|(start, ..)| *start).min();
            Buckets::since(first, count)
        });
        let mut activity = Activity::empty(&buckets);
        for (start_us, spans, errors) in found {
            if let Some(bucket) = buckets.index(start_us) {
                activity.sessions[bucket] += 1;
                activity.spans[bucket] += spans;
                activity.errors[bucket] += errors;
            }
        }
        Ok(activity)
    }

    fn usage(&self, by: By, buckets: &Buckets, _patience: &Patience) -> Result<Usage, StoreError> {
        let all = self.read();
        let from = buckets.from_us.div_euclid(60_000_000) * 60;
        let of_minutes = all.usage.iter().filter(|(key, _)| {
            key.length == LENGTHS[0] && key.begin >= from && key.begin * 1_000_000 < buckets.to_us
        });
        let mut sizes = Sizes::new(*buckets);
        for (key, sums) in of_minutes.clone() {
            if key.by == by.number() {
                sizes.add(&key.name, key.begin * 1_000_000, sums);
            }
        }
        let mut in_time = SumsInTime::new(*buckets, sizes.largest());
        for (key, sums) in of_minutes {
            if key.by == by.number() {
                in_time.add(&key.name, key.begin * 1_000_000, sums);
            }
            if key.by == By::None.number() {
                in_time.add_total(key.begin * 1_000_000, sums);
            }
        }
        drop(all);
        let mut failed = 0.0;
        self.each(&Filter::default(), |_, summary| {
            let is_within = (buckets.from_us..buckets.to_us).contains(&summary.start_us);
            if summary.state == State::Failed && is_within {
                failed += summary.cost.unwrap_or_default();
            }
        });
        Ok(in_time.into_usage(failed))
    }

    fn latency(
        &self,
        by: By,
        from_us: i64,
        to_us: i64,
        _patience: &Patience,
    ) -> Result<Vec<LatencyRow>, StoreError> {
        let number = match by {
            By::Agent => AGENTS_AT_WORK,
            by => by.number(),
        };
        let from = from_us.div_euclid(60_000_000) * 60;
        let mut found: HashMap<String, Sums> = HashMap::new();
        for (key, sums) in self.read().usage.iter() {
            let is_within = key.begin >= from && key.begin * 1_000_000 < to_us;
            if key.length == LENGTHS[0] && key.by == number && is_within {
                found.entry(key.name.clone()).or_default().merge(sums);
            }
        }
        Ok(latency_rows(found))
    }

    fn stats(&self) -> StoreStats {
        let all = self.read();
        StoreStats {
            kind: "memory",
            bytes: all.bytes as u64,
            sessions: all.sessions.len() as u64,
            spans: all
                .sessions
                .values()
                .map(|kept| kept.tale.summary.spans)
                .sum(),
            duplicates: all.duplicates,
            of_no_session: all.of_no_session,
        }
    }
}
