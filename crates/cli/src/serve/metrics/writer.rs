//! Writes families of metrics, each with its help once and a row for each set of labels.

use std::fmt::Result;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// The names and values of labels.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Writes metrics, one family after the other.
pub(super) struct Writer<'a>(pub(super) DescriptorEncoder<'a>);

impl Writer<'_> {
    fn family(
        &mut self,
        (name, help): (&str, &str),
        unit: Option<&Unit>,
        kind: MetricType,
        write: impl FnOnce(MetricEncoder<'_>) -> Result,
    ) -> Result {
        let encoder = self.0.encode_descriptor(name, help, unit, kind)?;
        write(encoder)
    }

    /// Counters, a row each; the format appends `_total` to the name.
    pub(super) fn counters<'a, N: EncodeCounterValue>(
        &mut self,
        about: (&str, &str),
        rows: impl IntoIterator<Item = (Labels<'a>, N)>,
    ) -> Result {
        self.family(about, None, MetricType::Counter, |mut encoder| {
            for (labels, value) in rows {
                if labels.is_empty() {
                    encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
                    continue;
                }
                let mut row = encoder.encode_family(&labels)?;
                row.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            }
            Ok(())
        })
    }

    /// A counter without labels.
    pub(super) fn counter<N: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        value: N,
    ) -> Result {
        self.counters((name, help), [(Vec::new(), value)])
    }

    /// Gauges, a row each; the unit is appended to the name.
    pub(super) fn gauges<'a, N: EncodeGaugeValue>(
        &mut self,
        about: (&str, &str),
        unit: Option<&Unit>,
        rows: impl IntoIterator<Item = (Labels<'a>, N)>,
    ) -> Result {
        self.family(about, unit, MetricType::Gauge, |mut encoder| {
            for (labels, value) in rows {
                if labels.is_empty() {
                    encoder.encode_gauge(&value)?;
                    continue;
                }
                encoder.encode_family(&labels)?.encode_gauge(&value)?;
            }
            Ok(())
        })
    }

    /// A gauge without labels.
    pub(super) fn gauge<N: EncodeGaugeValue>(
        &mut self,
        about: (&str, &str),
        unit: Option<&Unit>,
        value: N,
    ) -> Result {
        self.gauges(about, unit, [(Vec::new(), value)])
    }
}

/// Gauges are signed.
pub(super) fn gauge_of(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
