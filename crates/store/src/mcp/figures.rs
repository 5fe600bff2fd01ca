//! `usage_by_model` and `list_fields`.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::bounds::{MOST_BYTES, cut, fitting};
use super::inputs::{ListFields, Usage};
use super::times::{instant, readable, utc};
use super::{Answer, Refused};
use crate::answer::{LatencyRow, Series};
use crate::clock::now_us;
use crate::query::{Buckets, By};
use crate::web::Web;

/// The longest name that is looked at, in bytes.
const LONGEST: usize = 4_096;

pub(super) async fn usage(web: &Web, asked: Usage) -> Answer {
    let now = now_us();
    let from_us = instant("since", asked.since.as_deref().unwrap_or("24h"), now)?;
    let to_us = match &asked.until {
        Some(text) => instant("until", text, now)?,
        None => now,
    };
    // What is beyond it is no time that telemetry has.
    if from_us >= to_us || to_us >= 1 << 53 || from_us < 0 {
        return Err(Refused::new("since must be before until"));
    }
    let by: By = asked.by.into();
    let stretch = Buckets {
        from_us,
        to_us,
        count: 1,
    };
    let (usage, latency) = web
        .query(move |store, patience| {
            let usage = store.usage(by, &stretch, patience)?;
            let latency = match by {
                By::User => Vec::new(),
                by => store.latency(by, from_us, to_us, patience)?,
            };
            Ok((usage, latency))
        })
        .await?;
    let latency: HashMap<&str, &LatencyRow> = latency.iter().map(|row| (&*row.key, row)).collect();
    let rows = usage.series.iter().map(|series| {
        let mut row = sums(series);
        if let Some(latency) = latency.get(&*series.key) {
            // Counts are those of usage.
            let latency = readable(json!(latency));
            let kept = latency.as_object().into_iter().flatten();
            for (name, value) in kept.filter(|(name, _)| name.ends_with("_ms")) {
                row[name.as_str()] = value.clone();
            }
        }
        row
    });
    let rows = fitting(rows, MOST_BYTES - 1_000);
    let left_out = usage.series.len() - rows.len();
    let mut answer = json!({
        "since": utc(from_us),
        "until": utc(to_us),
        "totals": usage.totals,
        "rows": rows,
    });
    if left_out > 0 {
        answer["rows_left_out"] = json!(left_out);
    }
    Ok(answer)
}

fn sums(series: &Series) -> Value {
    let sum = |counts: &[u64]| {
        counts
            .iter()
            .fold(0, |sum: u64, it| sum.saturating_add(*it))
    };
    json!({
        "key": cut(&series.key, 200),
        "calls": sum(&series.calls),
        "errors": sum(&series.errors),
        "input_tokens": sum(&series.input_tokens),
        "output_tokens": sum(&series.output_tokens),
        "cached_tokens": sum(&series.cached_tokens),
        "cost": series.cost.iter().sum::<f64>(),
    })
}

pub(super) async fn fields(web: &Web, asked: ListFields) -> Answer {
    let prefix = asked.prefix.unwrap_or_default();
    let Some(key) = asked.key else {
        let fields = web.query(|store, patience| store.fields(patience)).await?;
        let fields = fields.into_iter().filter(|it| it.key.starts_with(&prefix));
        return Ok(json!({ "fields": fitting(fields.map(|it| json!(it)), MOST_BYTES) }));
    };
    if key.len().max(prefix.len()) > LONGEST {
        return Err(Refused(format!(
            "key and prefix have at most {LONGEST} bytes"
        )));
    }
    let values = web
        .query(move |store, patience| store.values(&key, &prefix, patience))
        .await?;
    let values = values.iter().map(|it| json!(it));
    Ok(json!({ "values": fitting(values, MOST_BYTES) }))
}
