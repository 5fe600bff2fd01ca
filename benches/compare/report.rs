//! Medians and ratios, as a table and as JSON.

use std::fmt;

use serde_json::{Value, json};

use crate::Comparison;
use crate::contestant::Entry;
use crate::mode::Mode;
use crate::round::{Results, Run};
use crate::run::Sample;

/// A column.
struct Figure {
    /// Its name in JSON; the unit is in it.
    name: &'static str,
    title: &'static str,
    digits: usize,
    /// Whether it is shown against another contestant's.
    compared: bool,
    of: fn(&Entry, &Run) -> Option<f64>,
}

const PER_LOAD: &[Figure] = &[
    Figure {
        name: "delivered_percent",
        title: "delivered %",
        digits: 1,
        compared: false,
        of: |entry, run| {
            let share = run.arrived.spans as f64 / run.sample.ended as f64;
            entry.sends.then_some(100.0 * share)
        },
    },
    Figure {
        name: "caller_cpu_ns_per_span",
        title: "caller CPU ns/span",
        digits: 0,
        compared: true,
        of: |_, run| Some(run.sample.caller_time as f64 / run.sample.ended as f64),
    },
    Figure {
        name: "process_cpu_s_per_million_delivered",
        title: "process CPU s/1M",
        digits: 2,
        compared: true,
        of: |entry, run| {
            let spans = if entry.sends {
                run.arrived.spans
            } else {
                run.sample.ended
            };
            (spans > 0).then(|| run.sample.process_time as f64 / 1_000.0 / spans as f64)
        },
    },
    Figure {
        name: "delivered_spans_per_second",
        title: "spans/s",
        digits: 0,
        compared: true,
        of: |entry, run| {
            let rate = run.arrived.spans as f64 * 1e9 / run.sample.took as f64;
            entry.sends.then_some(rate)
        },
    },
    Figure {
        name: "peak_rss_mib",
        title: "peak RSS MiB",
        digits: 0,
        compared: true,
        of: |_, run| run.sample.peak_rss_mib,
    },
    Figure {
        name: "bytes_per_span",
        title: "bytes/span",
        digits: 0,
        compared: false,
        of: |_, run| {
            let spans = run.arrived.spans;
            (spans > 0).then(|| run.arrived.bytes as f64 / spans as f64)
        },
    },
];

const UNSAMPLED: &[Figure] = &[
    Figure {
        name: "bare_span_ns",
        title: "bare span ns",
        digits: 1,
        compared: true,
        of: |_, run| run.sample.bare_span,
    },
    Figure {
        name: "llm_span_ns",
        title: "LLM span ns",
        digits: 1,
        compared: true,
        of: |_, run| run.sample.llm_span,
    },
];

/// What the contestants showed in one mode.
pub(crate) struct Report {
    mode: Mode,
    results: Vec<Results>,
    against: &'static Entry,
}

impl Report {
    pub(crate) fn new(mode: Mode, results: Vec<Results>, against: &'static Entry) -> Self {
        Self {
            mode,
            results,
            against,
        }
    }

    fn figures(&self) -> &'static [Figure] {
        match self.mode {
            Mode::Unsampled => UNSAMPLED,
            _ => PER_LOAD,
        }
    }

    /// The median over the rounds of the ratio within each.
    fn ratio(&self, figure: &Figure, results: &Results) -> Option<f64> {
        if !figure.compared {
            return None;
        }
        let mut all = self.results.iter();
        let other = all.find(|it| it.entry.name == self.against.name)?;
        let rounds = results.runs.iter().zip(&other.runs);
        median(rounds.filter_map(|(one, base)| {
            let one = (figure.of)(results.entry, one)?;
            let base = (figure.of)(other.entry, base)?;
            (base > 0.0).then_some(one / base)
        }))
    }

    fn cell(&self, figure: &Figure, results: &Results) -> String {
        let runs = results.runs.iter();
        let values = runs.filter_map(|run| (figure.of)(results.entry, run));
        let Some(value) = median(values) else {
            return "-".into();
        };
        let digits = figure.digits;
        match self.ratio(figure, results) {
            Some(ratio) => format!("{value:.digits$} ({ratio:.2}x)"),
            None => format!("{value:.digits$}"),
        }
    }

    fn json(&self) -> Value {
        let contestants = self.results.iter().map(|results| {
            let figures = self.figures().iter().map(|figure| {
                let runs = results.runs.iter();
                let values: Vec<f64> = runs
                    .filter_map(|run| (figure.of)(results.entry, run))
                    .collect();
                let shown = json!({
                    "median": median(values.iter().copied()),
                    "ratio": self.ratio(figure, results),
                    "rounds": values,
                });
                (figure.name.to_owned(), shown)
            });
            let runs = results.runs.iter();
            json!({
                "name": results.entry.name,
                "about": results.entry.about,
                "figures": figures.collect::<serde_json::Map<_, _>>(),
                "allocations_per_span": results.counted.as_ref().and_then(allocations_per_span),
                "runs": runs
                    .map(|run| json!({ "contestant": run.sample, "receiver": run.arrived }))
                    .collect::<Vec<_>>(),
            })
        });
        json!({
            "mode": self.mode.to_string(),
            "question": self.mode.question(),
            "against": self.against.name,
            "contestants": contestants.collect::<Vec<_>>(),
        })
    }
}

/// A table in Markdown, aligned.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = self.results.iter().any(|it| it.counted.is_some());
        let mut titles: Vec<&str> = self.figures().iter().map(|it| it.title).collect();
        titles.insert(0, "");
        titles.extend(counted.then_some("allocations/span"));
        let mut rows = vec![titles.into_iter().map(str::to_owned).collect::<Vec<_>>()];
        for results in &self.results {
            let mut row = vec![results.entry.name.to_owned()];
            let figures = self.figures().iter();
            row.extend(figures.map(|figure| self.cell(figure, results)));
            if counted {
                let allocations = results.counted.as_ref().and_then(allocations_per_span);
                row.push(allocations.map_or_else(|| "-".into(), |it| format!("{it:.2}")));
            }
            rows.push(row);
        }

        let columns = rows[0].len();
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        writeln!(f, "\n{}: {}\n", self.mode, self.mode.question())?;
        for (number, row) in rows.iter().enumerate() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => write!(f, "| {cell:<width$} |")?,
                    _ => write!(f, " {cell:>width$} |")?,
                }
            }
            writeln!(f)?;
            if number == 0 {
                let lines = widths.iter().map(|width| format!("{:-<width$}", ""));
                writeln!(f, "| {} |", lines.collect::<Vec<_>>().join(" | "))?;
            }
        }
        Ok(())
    }
}

/// All modes, with what is needed to repeat them.
pub(crate) fn json(comparison: &Comparison, reports: &[Report]) -> Value {
    json!({
        "os": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "processors": std::thread::available_parallelism().ok().map(usize::from),
        "optimized": !cfg!(debug_assertions),
        "rounds": comparison.rounds,
        "spans": comparison.spans,
        "latency_seconds": comparison.seconds,
        "modes": reports.iter().map(Report::json).collect::<Vec<_>>(),
    })
}

fn allocations_per_span(sample: &Sample) -> Option<f64> {
    Some(sample.allocations? as f64 / sample.ended as f64)
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}
