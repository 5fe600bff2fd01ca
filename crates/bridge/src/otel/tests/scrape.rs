//! What is written for Prometheus is what OpenMetrics has it look like.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;

use crate::otel::{GenAiCall, GenAiMetrics, Scrape};

fn rig() -> (Scrape, SdkMeterProvider) {
    let scrape = Scrape::new();
    let provider = SdkMeterProvider::builder().with_reader(scrape.clone());
    (scrape, provider.build())
}

/// Each kind of instrument has its form: names with units, labels in order and escaped, buckets that add up.
#[test]
fn each_instrument_has_its_form() {
    let (scrape, provider) = rig();
    let meter = provider.meter("m");
    let labels = [
        KeyValue::new("z.last", 1),
        KeyValue::new("a-first", "say \"hi\"\n\\"),
    ];
    let histogram = meter.f64_histogram("work.duration").with_unit("s");
    let histogram = histogram.with_description("How long\nit took.");
    let histogram = histogram.with_boundaries(vec![0.5, 1.0, 10.0]).build();
    for took in [0.25, 0.5, 2.0, 100.0] {
        histogram.record(took, &labels);
    }
    let got = scrape.openmetrics().expect("it has a provider");
    let expected = r#"# TYPE work_duration_seconds histogram
# UNIT work_duration_seconds seconds
# HELP work_duration_seconds How long\nit took.
work_duration_seconds_bucket{a_first="say \"hi\"\n\\",z_last="1",le="0.5"} 2
work_duration_seconds_bucket{a_first="say \"hi\"\n\\",z_last="1",le="1.0"} 2
work_duration_seconds_bucket{a_first="say \"hi\"\n\\",z_last="1",le="10.0"} 3
work_duration_seconds_bucket{a_first="say \"hi\"\n\\",z_last="1",le="+Inf"} 4
work_duration_seconds_count{a_first="say \"hi\"\n\\",z_last="1"} 4
work_duration_seconds_sum{a_first="say \"hi\"\n\\",z_last="1"} 102.75
"#;
    assert_eq!(got, expected);

    let (scrape, provider) = rig();
    let meter = provider.meter("m");
    let counter = meter.u64_counter("sent.total").with_unit("By").build();
    counter.add(2, &[]);
    counter.add(3, &[]);
    let got = scrape.openmetrics().expect("it has a provider");
    assert!(got.contains("# TYPE sent_bytes counter\n"), "{got}");
    assert!(got.ends_with("\nsent_bytes_total 5\n"), "{got}");
    let (scrape, provider) = rig();
    let meter = provider.meter("m");
    meter.i64_up_down_counter("open").build().add(-2, &[]);
    let joined = [KeyValue::new("a.b", "1"), KeyValue::new("a_b", "2")];
    meter.f64_gauge("first").build().record(1.5, &joined);
    let numbered = [KeyValue::new("2nd", true)];
    meter.f64_gauge("second").build().record(2.5, &numbered);
    let got = scrape.openmetrics().expect("it has a provider");
    assert!(got.contains("# TYPE open gauge\nopen -2\n"), "{got}");
    assert!(
        got.contains("\nfirst{a_b=\"1;2\"} 1.5\n") || got.contains("\nfirst{a_b=\"2;1\"} 1.5\n"),
        "{got}"
    );
    assert!(got.contains("\nsecond{_2nd=\"true\"} 2.5\n"), "{got}");
}

/// Without a provider, and behind its end, there is an error and no page.
#[test]
fn without_a_provider_there_is_an_error() {
    let (scrape, provider) = rig();
    assert!(Scrape::new().openmetrics().is_err());
    provider.shutdown().expect("it ends");
    assert!(scrape.openmetrics().is_err());
}

/// A call that is recorded by itself is measured like one that is read from its span, and what is unknown of it is
/// not; a model that somebody calls by a book is known by the beginning of that.
#[test]
fn calls_are_measured_one_by_one() {
    let (scrape, provider) = rig();
    let metrics = GenAiMetrics::new(&provider.meter("m"));
    let long = "\u{e9}".repeat(1_000_000);
    let call = GenAiCall {
        operation: Some("chat"),
        request_model: Some(&long),
        input_tokens: Some(5),
        // The mean does not count beside what is known of each.
        per_chunk: Some(100.0),
        pauses: &[
            (Duration::from_millis(20), 3),
            (Duration::from_millis(700), 1),
        ],
        chunks: 5,
        seconds: Some(0.5),
        ..GenAiCall::default()
    };
    metrics.record(&call);
    let page = scrape.openmetrics().expect("it has a provider");
    assert!(page.len() < 40_000, "{} bytes", page.len());
    let sample = |name: &str| {
        let line = page.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    assert_eq!(sample("gen_ai_client_token_usage_count"), Some(1.0));
    assert_eq!(sample("gen_ai_client_token_usage_sum"), Some(5.0));
    assert_eq!(
        sample("gen_ai_client_operation_duration_seconds_count"),
        Some(1.0)
    );
    assert_eq!(
        sample("gen_ai_client_operation_time_per_output_chunk_seconds_count"),
        Some(4.0)
    );
    let within = |seconds: &str| {
        let name = "gen_ai_client_operation_time_per_output_chunk_seconds_bucket";
        let end = format!("le=\"{seconds}\"");
        let line = page
            .lines()
            .find(|line| line.starts_with(name) && line.contains(&end));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    assert_eq!(
        [
            within("0.01"),
            within("0.025"),
            within("0.5"),
            within("0.75")
        ],
        [Some(0.0), Some(3.0), Some(3.0), Some(4.0)]
    );
    assert_eq!(
        sample("gen_ai_client_operation_time_to_first_chunk_seconds_count"),
        None
    );
}
