//! What `/metrics` answers is well-formed, and its books add up.

use std::collections::{BTreeMap, BTreeSet};

use spanreel::testing::InMemory;
use spanreel::{Pipeline, Sampling};

use super::*;

fn snapshot(pipeline: &Pipeline) -> Snapshot {
    Snapshot {
        stats: pipeline.stats(),
        arrived: Totals {
            sessions: 3,
            cost: 0.25,
            ..Totals::default()
        },
        received: Stats::default(),
        stuck: vec![("in \"quotes\"\n".to_owned(), Duration::from_secs(3))],
        is_ready: true,
        uptime: Duration::from_millis(1_500),
        calls: String::new(),
    }
}

/// Samples by name with labels, after a strict check of every line (OpenMetrics 1.0): metadata first and
/// once, families not mixed, counters that end with `_total`, no sample twice, `# EOF` at the end.
pub(crate) fn parse(text: &str) -> BTreeMap<String, f64> {
    let body = text.strip_suffix("# EOF\n").expect("an end");
    let mut samples = BTreeMap::new();
    let mut types = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut family = String::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (kind, name) = (words.next().expect("a kind"), words.next().expect("a name"));
            let rest = words.next().expect("a text");
            match kind {
                "TYPE" => assert!(
                    types.insert(name.to_owned(), rest.to_owned()).is_none(),
                    "{line}"
                ),
                "HELP" | "UNIT" => {}
                other => panic!("{other} in {line}"),
            }
            if name != family {
                assert!(seen.insert(name.to_owned()), "{name} is mixed with others");
                family = name.to_owned();
            }
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').expect(line);
        let name = sample.split('{').next().expect("a name");
        let is_counter = types.get(&family).expect(line) == "counter";
        let expected = if is_counter {
            format!("{family}_total")
        } else {
            family.clone()
        };
        assert_eq!(name, expected, "{line}");
        assert!(
            name.bytes()
                .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_'),
            "{line}"
        );
        if let Some(labels) = sample.strip_prefix(&format!("{name}{{")) {
            assert!(labels.ends_with("\"}"), "{line}");
        }
        let value: f64 = value.parse().expect(line);
        assert!(value >= 0.0, "{line}");
        assert!(
            samples.insert(sample.to_owned(), value).is_none(),
            "{sample} stands there twice"
        );
    }
    samples
}

/// Every line is what Prometheus reads, also where a name has quotes and ends of lines in it.
#[test]
fn every_line_is_well_formed() {
    let pipeline = Pipeline::builder()
        .export(InMemory::new())
        .start()
        .expect("a pipeline");
    let samples = parse(&page(snapshot(&pipeline)).expect("a page"));
    let value = |name: &str| {
        *samples
            .get(name)
            .unwrap_or_else(|| panic!("{name} in {samples:#?}"))
    };
    assert!((value("spanreel_uptime_seconds") - 1.5).abs() < 1e-9);
    assert!((value("spanreel_cost_usd_total") - 0.25).abs() < 1e-9);
    assert!((value("spanreel_sessions_total") - 3.0).abs() < 1e-9);
    assert!(
        samples.contains_key(
            "spanreel_receiver_requests_total{protocol=\"grpc\",outcome=\"accepted\"}"
        )
    );
    assert!((value("spanreel_lane_lag_seconds{lane=\"in \\\"quotes\\\"\\n\"}") - 3.0).abs() < 1e-9);
    assert!(value("spanreel_memory_budget_bytes") > 0.0);
    pipeline.shutdown_blocking(Duration::from_secs(5));
}

/// The books in the metrics are those of the pipeline: what was entered is what is settled and in flight,
/// and what was handed is what the lanes were handed.
#[test]
fn the_books_add_up() {
    for sampling in [Sampling::always_on(), Sampling::always_off()] {
        let pipeline = Pipeline::builder()
            .sampling(sampling)
            .export(InMemory::new())
            .start();
        let pipeline = pipeline.expect("a pipeline");
        let session = pipeline.session("s").expect("open");
        session.child("work").start().end();
        session.log("said").emit();
        session.end();
        pipeline.shutdown_blocking(Duration::from_secs(5));
        let samples = parse(&page(snapshot(&pipeline)).expect("a page"));
        let sum = |name: &str, signal: &str| -> f64 {
            let signal = format!("signal=\"{signal}\"");
            let of_name = samples
                .iter()
                .filter(|(sample, _)| sample.split('{').next() == Some(name));
            of_name
                .filter(|(sample, _)| sample.contains(&signal))
                .map(|(_, value)| value)
                .sum()
        };
        for signal in ["traces", "logs", "metrics"] {
            for book in ["spanreel_items", "spanreel_lane_items"] {
                let settled = sum(&format!("{book}_total"), signal);
                let in_flight = sum(&format!("{book}_in_flight"), signal);
                let entered = sum(&format!("{book}_entered_total"), signal);
                assert!(
                    (settled + in_flight - entered).abs() < 1e-9,
                    "{book} {signal}"
                );
            }
            let handed =
                samples[&format!("spanreel_items_total{{signal=\"{signal}\",fate=\"handed\"}}")];
            let lanes = sum("spanreel_lane_items_entered_total", signal);
            assert!((handed - lanes).abs() < 1e-9, "{signal}");
        }
        assert!((sum("spanreel_items_entered_total", "traces") - 2.0).abs() < 1e-9);
    }
}
