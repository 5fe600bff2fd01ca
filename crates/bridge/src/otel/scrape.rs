//! Metrics of an SDK as the text that Prometheus reads.
//!
//! OpenMetrics 1.0 and OpenTelemetry "Prometheus and OpenMetrics Compatibility". Holds: the reader. Waits:
//! for the SDK's own locks. Loses: nothing; histograms with exponential buckets are not written.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Weak};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, HistogramDataPoint, Metric, MetricData, ResourceMetrics,
};
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{InstrumentKind, ManualReader, Pipeline, Temporality};

/// A reader of a meter provider whose metrics are read when Prometheus asks for them. Cheap to clone.
///
/// ```
/// use opentelemetry::metrics::MeterProvider;
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
/// use spanreel_bridge::otel::Scrape;
///
/// let scrape = Scrape::new();
/// let provider = SdkMeterProvider::builder().with_reader(scrape.clone()).build();
/// provider.meter("mine").u64_counter("jobs.done").with_unit("{job}").build().add(2, &[]);
/// assert_eq!(scrape.openmetrics()?, "# TYPE jobs_done counter\njobs_done_total 2\n");
/// # Ok::<(), opentelemetry_sdk::error::OTelSdkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scrape(Arc<ManualReader>);

impl Default for Scrape {
    fn default() -> Self {
        Self::new()
    }
}

impl Scrape {
    /// A reader, for [`with_reader`](opentelemetry_sdk::metrics::MeterProviderBuilder::with_reader).
    #[must_use]
    pub fn new() -> Self {
        let reader = ManualReader::builder().with_temporality(Temporality::Cumulative);
        Self(Arc::new(reader.build()))
    }

    /// All metrics as they stand, without the `# EOF` that ends a page: others may stand behind them.
    ///
    /// Dots become underscores, a unit of seconds or bytes is a suffix, counters end with `_total`. Exponential
    /// histograms are left out.
    ///
    /// # Errors
    /// The reader has no provider, or that is shut down.
    pub fn openmetrics(&self) -> Result<String, opentelemetry_sdk::error::OTelSdkError> {
        let mut metrics = ResourceMetrics::default();
        self.0.collect(&mut metrics)?;
        let mut text = String::new();
        for metric in metrics.scope_metrics().flat_map(|scope| scope.metrics()) {
            family(&mut text, metric).expect("writing to a text does not fail");
        }
        Ok(text)
    }
}

impl MetricReader for Scrape {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

fn family(text: &mut String, metric: &Metric) -> fmt::Result {
    match metric.data() {
        AggregatedMetrics::F64(data) => samples(text, metric, data),
        AggregatedMetrics::U64(data) => samples(text, metric, data),
        AggregatedMetrics::I64(data) => samples(text, metric, data),
    }
}

fn samples<T: Copy + fmt::Display>(
    text: &mut String,
    metric: &Metric,
    data: &MetricData<T>,
) -> fmt::Result {
    match data {
        MetricData::Gauge(gauge) => {
            let name = name(metric, "");
            head(text, &name, metric, "gauge")?;
            for point in gauge.data_points() {
                let labels = labels(point.attributes());
                writeln!(text, "{name}{} {}", braced(&labels), point.value())?;
            }
        }
        MetricData::Sum(sum) => {
            let (kind, end) = match sum.is_monotonic() {
                true => ("counter", "_total"),
                false => ("gauge", ""),
            };
            let name = name(metric, end);
            head(text, &name, metric, kind)?;
            for point in sum.data_points() {
                let labels = labels(point.attributes());
                writeln!(text, "{name}{end}{} {}", braced(&labels), point.value())?;
            }
        }
        MetricData::Histogram(histogram) => {
            let name = name(metric, "");
            head(text, &name, metric, "histogram")?;
            for point in histogram.data_points() {
                buckets(text, &name, point)?;
            }
        }
        MetricData::ExponentialHistogram(_) => {}
    }
    Ok(())
}

fn head(text: &mut String, name: &str, metric: &Metric, kind: &str) -> fmt::Result {
    writeln!(text, "# TYPE {name} {kind}")?;
    if let Some(unit) = unit(metric) {
        writeln!(text, "# UNIT {name} {unit}")?;
    }
    if !metric.description().is_empty() {
        writeln!(text, "# HELP {name} {}", escaped(metric.description()))?;
    }
    Ok(())
}

/// Buckets add up from the smallest to all.
fn buckets<T: Copy + fmt::Display>(
    text: &mut String,
    name: &str,
    point: &HistogramDataPoint<T>,
) -> fmt::Result {
    let labels = labels(point.attributes());
    let separator = if labels.is_empty() { "" } else { "," };
    let mut sum = 0;
    let bounds = point.bounds().map(|bound| format!("{bound:?}"));
    let bounds = bounds.chain(std::iter::once("+Inf".to_owned()));
    for (bound, count) in bounds.zip(point.bucket_counts()) {
        sum += count;
        writeln!(
            text,
            "{name}_bucket{{{labels}{separator}le=\"{bound}\"}} {sum}"
        )?;
    }
    let labels = braced(&labels);
    writeln!(text, "{name}_count{labels} {}", point.count())?;
    writeln!(text, "{name}_sum{labels} {}", point.sum())
}

/// The name in Prometheus' form, with its unit and without the end that its samples have.
fn name(metric: &Metric, end: &str) -> String {
    let name = word(metric.name());
    let name = name.strip_suffix(end).unwrap_or(&name);
    match unit(metric) {
        Some(unit) if !name.ends_with(&format!("_{unit}")) => format!("{name}_{unit}"),
        _ => name.to_owned(),
    }
}

/// The unit in words, where Prometheus has one for it. What stands in braces is no unit.
fn unit(metric: &Metric) -> Option<&'static str> {
    match metric.unit() {
        "s" => Some("seconds"),
        "By" => Some("bytes"),
        _ => None,
    }
}

fn word(name: &str) -> String {
    let plain = |it: char| match it {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => it,
        _ => '_',
    };
    let word: String = name.chars().map(plain).collect();
    match word.starts_with(|it: char| it.is_ascii_digit()) {
        true => format!("_{word}"),
        false => word,
    }
}

/// Labels without braces, by name. Values of attributes whose names become the same are joined.
fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for KeyValue { key, value, .. } in attributes {
        let value = escaped(&value.as_str());
        labels
            .entry(word(key.as_str()))
            .and_modify(|known| *known = format!("{known};{value}"))
            .or_insert(value);
    }
    let labels: Vec<_> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    labels.join(",")
}

fn braced(labels: &str) -> String {
    match labels {
        "" => String::new(),
        labels => format!("{{{labels}}}"),
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\");
    text.replace('"', "\\\"").replace('\n', "\\n")
}
