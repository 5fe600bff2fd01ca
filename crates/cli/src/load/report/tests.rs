//! The table and the keys of a report.

use super::*;

fn fate(name: &str, loss: bool, traces: u64, logs: u64) -> Fate {
    Fate {
        name: name.into(),
        loss,
        items: BySignal { traces, logs },
    }
}

fn report() -> Report {
    let latency = |nanos| Percentiles {
        p50: Duration::from_nanos(nanos),
        p90: Duration::from_nanos(nanos * 2),
        p99: Duration::from_nanos(nanos * 4),
        p999: Duration::from_nanos(nanos * 8),
        max: Duration::from_nanos(nanos * 100),
    };
    Report::new(Measured {
        endpoint: "grpc://127.0.0.1:4317".into(),
        protocol: "grpc".into(),
        compression: "none".into(),
        sessions: 1_000,
        policies: Vec::new(),
        elapsed: Duration::from_millis(2_500),
        ended: BySignal {
            traces: 1_000_000,
            logs: 120_000,
        },
        exported_spans: 999_000,
        requests: 450,
        retries: 3,
        bytes: 443_000_000,
        emit_latency: Some(latency(120)),
        export_latency: Some(latency(1_250_000)),
        ledger: vec![
            fate("exported", false, 999_000, 120_000),
            fate("queue_full", true, 1_000, 0),
            fate("expired", true, 0, 0),
        ],
        cpu: Some(Duration::from_millis(360)),
        peak_rss_bytes: Some(24 * 1_024 * 1_024),
        sink: Some(SinkCounts {
            requests: 450,
            refused: 3,
            spans: 999_000,
            logs: 120_000,
            bytes: 443_002_250,
        }),
    })
}

/// The table as people see it without colours.
#[test]
fn the_table_is_readable() {
    let table = report().table(Palette::PLAIN);
    let expected = "\
to            grpc://127.0.0.1:4317 (grpc, compression none)
sessions      1,000
emitted       1,000,000 spans, 120,000 log records in 2.5 s
throughput    400k spans/s, 169 MiB/s
requests      450, 3 of them repeated
CPU           360 ms, 0.36 s per million spans
peak memory   24 MiB
sink counted  999,000 spans, 120,000 log records; 3 requests refused

latency               p50        p90        p99      p99.9        max
emit               120 ns     240 ns     480 ns     960 ns      12 us
export            1.25 ms     2.5 ms       5 ms      10 ms     125 ms

ledger                   spans     log records
exported               999,000         120,000
queue_full               1,000               0  lost
lost: 1,000 spans and 0 log records
";
    assert_eq!(table, expected, "{table}");
    assert!(table.lines().all(|line| line.len() <= 80));
}

/// The keys that programs rely on, in their order, and the units that they name.
#[test]
fn the_keys_of_the_json_are_stable() {
    let expected = concat!(
        r#"{"endpoint":"grpc://127.0.0.1:4317","protocol":"grpc","compression":"none","#,
        r#""sessions":1000,"policies":[],"elapsed_seconds":2.5,"spans":1000000,"logs":120000,"#,
        r#""spans_per_second":399600.0,"requests":450,"retries":3,"bytes":443000000,"#,
        r#""emit_latency_ns":{"p50":120,"p90":240,"p99":480,"p999":960,"max":12000},"#,
        r#""export_latency_ns":{"p50":1250000,"p90":2500000,"p99":5000000,"p999":10000000,"max":125000000},"#,
        r#""ledger":[{"fate":"exported","loss":false,"traces":999000,"logs":120000},"#,
        r#"{"fate":"queue_full","loss":true,"traces":1000,"logs":0},"#,
        r#"{"fate":"expired","loss":true,"traces":0,"logs":0}],"#,
        r#""lost":{"traces":1000,"logs":0},"cpu_seconds":0.36,"#,
        r#""cpu_seconds_per_million_spans":0.36036036036036034,"peak_rss_bytes":25165824,"#,
        r#""sink":{"requests":450,"refused":3,"spans":999000,"logs":120000,"bytes":443002250}}"#,
    );
    assert_eq!(report().json(), expected);
}

/// What could not be measured is absent, not zero, and nothing divides by it.
#[test]
fn a_run_without_result_has_no_figures() {
    let empty = Report::new(Measured {
        endpoint: "grpc://127.0.0.1:1".into(),
        protocol: "grpc".into(),
        compression: "none".into(),
        sessions: 0,
        policies: Vec::new(),
        elapsed: Duration::ZERO,
        ended: BySignal::default(),
        exported_spans: 0,
        requests: 0,
        retries: 0,
        bytes: 0,
        emit_latency: None,
        export_latency: None,
        ledger: vec![],
        cpu: Some(Duration::ZERO),
        peak_rss_bytes: None,
        sink: None,
    });
    assert!(empty.is_lossless() && !report().is_lossless());
    assert!(
        empty
            .json()
            .contains(r#""cpu_seconds_per_million_spans":null,"peak_rss_bytes":null"#)
    );
    let table = empty.table(Palette::PLAIN);
    assert!(
        table.contains("nothing was lost") && !table.contains("NaN"),
        "{table}"
    );
}
