//! Where everything went that ended: the ledger of a pipeline with one exporter, as reports show it.

use serde::Serialize;
use spanreel::ShutdownReport;

/// How many items met one fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fate {
    /// Its name in the ledger: `exported`, `queue_full` and so on.
    #[serde(rename = "fate")]
    pub name: String,
    /// Whether the items are lost against the user's will.
    pub loss: bool,
    /// How many.
    #[serde(flatten)]
    pub items: BySignal,
}

/// A number of items for each signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BySignal {
    /// Spans.
    pub traces: u64,
    /// Log records.
    pub logs: u64,
}

/// What became of everything that ended, in the order of the fates: of what the pipeline itself
/// settled, and of what it handed to its exporter. Each item stands in it once.
#[must_use]
pub fn of(report: &ShutdownReport) -> Vec<Fate> {
    of_all(std::slice::from_ref(report))
}

/// The same of several pipelines together.
#[must_use]
pub fn of_all(reports: &[ShutdownReport]) -> Vec<Fate> {
    let items = |fate: spanreel::Fate| {
        let mut items = BySignal::default();
        for report in reports {
            if fate != spanreel::Fate::Handed {
                items.traces += report.traces.fates.of(fate);
                items.logs += report.logs.fates.of(fate);
            }
            for lane in &report.lanes {
                items.traces += lane.traces.of(fate);
                items.logs += lane.logs.of(fate);
            }
        }
        items
    };
    let fates = spanreel::Fate::ALL.into_iter();
    let rows = fates.map(|fate| Fate {
        name: fate.name().to_owned(),
        loss: fate.is_loss(),
        items: items(fate),
    });
    rows.filter(|row| row.items != BySignal::default())
        .collect()
}

/// The sum over the fates that are losses.
#[must_use]
pub fn lost(ledger: &[Fate]) -> BySignal {
    sum(ledger.iter().filter(|fate| fate.loss))
}

/// How many items were exported.
#[must_use]
pub fn exported(ledger: &[Fate]) -> BySignal {
    let exported = spanreel::Fate::Exported.name();
    sum(ledger.iter().filter(|fate| fate.name == exported))
}

fn sum<'a>(rows: impl Iterator<Item = &'a Fate>) -> BySignal {
    rows.fold(BySignal::default(), |sum, row| BySignal {
        traces: sum.traces + row.items.traces,
        logs: sum.logs + row.items.logs,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use spanreel::testing::InMemory;
    use spanreel::{Pipeline, Sampling};

    use super::*;

    /// Every item that ended stands in the ledger once, whether it was exported or not.
    #[test]
    fn every_item_stands_in_the_ledger_once() {
        for (sampling, fate) in [
            (Sampling::always_on(), "exported"),
            (Sampling::always_off(), "sampled_out"),
        ] {
            let pipeline = Pipeline::builder()
                .sampling(sampling)
                .export(InMemory::new())
                .start()
                .expect("a right configuration");
            let session = pipeline.session("s").expect("open");
            session.child("work").start().end();
            session.log("said").emit();
            session.end();
            let report = pipeline.shutdown_blocking(Duration::from_secs(5));
            let logs = u64::from(fate == "exported");
            let items = BySignal { traces: 2, logs };
            let row = Fate {
                name: fate.to_owned(),
                loss: false,
                items,
            };
            assert_eq!(of(&report), [row], "{report}");
        }
    }
}
