//! `spanreel load` against its own receiver.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde_json::Value;
use spanreel_cli::load::workload::{Workload, WorkloadConfig};

use super::collector::Collector;
use super::{Run, run, spanreel};

fn load(options: &str) -> Run {
    run(["load", "--sink"]
        .into_iter()
        .chain(options.split_whitespace()))
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no count"))
}

/// The numbers of a report that hold whatever happened: every item has one fate.
fn check_ledger(report: &Value) {
    for (signal, ended) in [("traces", &report["spans"]), ("logs", &report["logs"])] {
        let rows = report["ledger"].as_array().expect("a list");
        let sum = |wanted: &dyn Fn(&Value) -> bool| {
            let rows = rows.iter().filter(|row| wanted(row));
            rows.map(|row| number(&row[signal])).sum::<u64>()
        };
        assert_eq!(sum(&|_| true), number(ended), "{report}");
        let lost = sum(&|row| row["loss"] == true);
        assert_eq!(lost, number(&report["lost"][signal]), "{report}");
        let exported = sum(&|row| row["fate"] == "exported");
        let counted = if signal == "traces" { "spans" } else { "logs" };
        assert_eq!(exported, number(&report["sink"][counted]), "{report}");
    }
}

/// A small load arrives whole, whatever the protocol and the compression, and the report agrees with
/// what the receiver counted.
#[test]
fn everything_arrives() {
    for options in [
        "",
        "--compression gzip",
        "--compression zstd --payload-bytes 200",
        "--protocol http",
        "--protocol http-json --compression gzip",
        "--concurrency 100 --seed 7",
        "--concurrency 1",
    ] {
        let run = load(&format!(
            "--sessions 30 --spans-per-session 20 --json {options}"
        ))
        .fine();
        let report = run.json();
        check_ledger(&report);
        assert_eq!(number(&report["spans"]), 600, "{options}");
        assert_eq!(number(&report["sink"]["spans"]), 600, "{options}");
        assert_eq!(number(&report["sessions"]), 30, "{options}");
        assert_eq!(number(&report["retries"]), 0, "{options}");
        assert!(number(&report["logs"]) > 0, "{options}");
        assert_eq!(run.stderr, "", "{options}");
    }
}

/// The report has all its keys in an order that people can read, and what was measured is more than nothing.
#[test]
fn the_report_is_complete() {
    let report = load("--sessions 100 --json").fine().json();
    let keys: Vec<&str> = report
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "endpoint",
        "protocol",
        "compression",
        "sessions",
        "policies",
        "elapsed_seconds",
        "spans",
        "logs",
        "spans_per_second",
        "requests",
        "retries",
        "bytes",
        "emit_latency_ns",
        "export_latency_ns",
        "ledger",
        "lost",
        "cpu_seconds",
        "cpu_seconds_per_million_spans",
        "peak_rss_bytes",
        "sink",
    ];
    assert_eq!(keys, expected);
    for (latency, floor) in [("emit_latency_ns", 50), ("export_latency_ns", 1_000)] {
        let it = &report[latency];
        let [p50, p99, max] = ["p50", "p99", "max"].map(|key| number(&it[key]));
        assert!(floor < p50 && p50 <= p99 && p99 <= max, "{it}");
    }
    let bytes = number(&report["bytes"]);
    let spans = number(&report["spans"]);
    assert!(
        (200..1_000).contains(&(bytes / spans)),
        "{bytes} bytes for {spans} spans"
    );
    assert!(
        report["spans_per_second"].as_f64() > Some(1_000.0),
        "{report}"
    );
}

/// People get a table, and a picture that is XML.
#[test]
fn people_get_a_table_and_a_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let plot = folder.path().join("run.svg");
    let run = load(&format!("--sessions 50 --plot {}", plot.display())).fine();
    assert!(
        run.stdout.starts_with("to            grpc://127.0.0.1:"),
        "{run:?}"
    );
    assert!(
        run.stdout.contains("\nsink counted  5,000 spans"),
        "{run:?}"
    );
    assert!(run.stdout.ends_with("nothing was lost\n"), "{run:?}");
    let picture = std::fs::read_to_string(&plot).expect("a file");
    let document = roxmltree::Document::parse(&picture).expect("XML");
    assert_eq!(document.root_element().tag_name().name(), "svg");
    assert!(document.descendants().any(|node| {
        node.text()
            .is_some_and(|text| text.starts_with("spanreel load: "))
    }));
    assert!(picture.contains("as fast as possible"));
}

/// Requests that are refused for a while are repeated until they are taken.
#[test]
fn refused_requests_are_repeated() {
    let report = load(
        "--sessions 40 --spans-per-session 500 --sink-fail-rate 0.5 --sink-latency 1ms --seed 3 --json",
    );
    let report = report.fine().json();
    check_ledger(&report);
    assert_eq!(number(&report["sink"]["spans"]), 20_000);
    let [requests, retries, refused] = [
        &report["requests"],
        &report["retries"],
        &report["sink"]["refused"],
    ]
    .map(number);
    assert!(refused > 0 && retries == refused, "{report}");
    assert_eq!(number(&report["sink"]["requests"]), requests, "{report}");
}

/// What never gets through is lost: the exit code, the table and the ledger say so.
#[test]
fn a_loss_is_told() {
    let lost = "--sessions 3 --spans-per-session 10 --sink-fail-rate 1 --patience 200ms";
    let run = load(&format!("{lost} --json"));
    assert_eq!(run.code, Some(3), "{run:?}");
    let report = run.json();
    check_ledger(&report);
    assert_eq!(number(&report["lost"]["traces"]), 30);
    assert_eq!(report["cpu_seconds_per_million_spans"], Value::Null);
    let [requests, retries] = [&report["requests"], &report["retries"]].map(number);
    assert!(
        retries < requests,
        "the first attempts repeat nothing: {report}"
    );
    let run = load(lost);
    assert_eq!(run.code, Some(3));
    assert!(run.stdout.contains("lost: 30 spans"), "{run:?}");
}

/// A rate is kept to, and a time is the end of it.
#[test]
fn rate_and_time_are_kept() {
    let begun = Instant::now();
    let report = load("--rate 3000 --duration 1s --json").fine().json();
    check_ledger(&report);
    let spans = number(&report["spans"]);
    assert!((1_500..3_300).contains(&spans), "{spans} spans in a second");
    assert!(begun.elapsed() < Duration::from_secs(8));
}

/// Ctrl-C ends a run early; its report comes all the same, and nothing is lost.
#[cfg(target_os = "linux")]
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "it is looked at from outside, again and again"
)]
fn a_run_that_is_interrupted_reports() {
    let process = spanreel()
        .args([
            "load",
            "--sink",
            "--rate",
            "1000",
            "--duration",
            "10m",
            "--json",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let pid = process.id().to_string();
    // It has to be under way, and to hear the signal; when exactly it is stopped does not matter.
    while !hears_interrupts(&pid) {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(500));
    let told = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(told.expect("kill is there").success());
    let run: Run = process.wait_with_output().expect("it ends").into();
    let report = run.fine().json();
    check_ledger(&report);
    let spans = number(&report["spans"]);
    assert!((1..5_000).contains(&spans), "{spans} spans");
}

/// Whether a process catches SIGINT (proc_pid_status(5)).
#[cfg(target_os = "linux")]
fn hears_interrupts(pid: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .expect("a mask of signals");
    let caught = u64::from_str_radix(caught.trim(), 16).expect("a number");
    caught & (1 << 1) != 0
}

/// Options that contradict each other are refused before anything is started.
#[test]
fn contradictions_have_their_own_exit_code() {
    for (args, advice) in [
        (&["load"][..], "give --endpoint URL, or --sink"),
        (
            &["load", "--sink", "--endpoint", "grpc://a:1"],
            "leave one of them out",
        ),
        (
            &["load", "--sink-latency", "1ms", "--endpoint", "grpc://a:1"],
            "add --sink",
        ),
    ] {
        let run = run(args);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains(advice), "{run:?}");
    }
}

/// What keeps a run from starting is told in one line.
#[test]
fn what_cannot_start_is_told() {
    for (args, reason) in [
        (
            &["load", "--endpoint", "grpc://127.0.0.1:1"][..],
            "cannot reach grpc://127.0.0.1:1",
        ),
        (
            &["load", "--sink", "--plot", "/nowhere/run.svg"],
            "cannot write /nowhere/run.svg",
        ),
        (
            &["load", "--sink", "192.0.2.1:1"],
            "give --sink another address",
        ),
    ] {
        let run = run(args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:?}");
        assert!(
            run.stderr.contains(reason) && run.stderr.lines().count() == 1,
            "{run:?}"
        );
    }
}

/// Of 3,000 sessions one in a hundred fails: every one of those arrives whole, of the others as many as
/// configured, whole as well, and nothing of the rest.
#[tokio::test(flavor = "multi_thread")]
async fn failing_sessions_are_kept_whole() {
    const SESSIONS: u64 = 3_000;
    const SPANS: usize = 10;
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("spanreel.toml");
    let table = r#"
        [sampling]
        ratio = 0.01

        [[sampling.policy]]
        name = "failed"
        when = { end_state = "error" }
        then = "keep"
    "#;
    std::fs::write(&config, table).expect("written");
    let collector = Collector::default();
    let addr = collector.listen().await;
    let options = format!(
        "--endpoint grpc://{addr} --sessions {SESSIONS} --spans-per-session {SPANS} --failing 0.01 --json \
         --sampling {}",
        config.display()
    );
    let words: Vec<String> = options.split_whitespace().map(str::to_owned).collect();
    let load = move || run(["load".to_owned()].into_iter().chain(words));
    let report = tokio::task::spawn_blocking(load).await;
    let report = report.expect("no panic").fine().json();

    let mut sessions: HashMap<_, (usize, usize)> = HashMap::new();
    for span in collector.spans() {
        let is_failed_root = span.parent_span_id.is_empty()
            && span
                .status
                .is_some_and(|status| status.code == StatusCode::Error as i32);
        let (spans, failed) = sessions.entry(span.trace_id).or_default();
        *spans += 1;
        *failed += usize::from(is_failed_root);
    }
    let parts: Vec<_> = sessions
        .values()
        .filter(|(spans, _)| *spans != SPANS)
        .collect();
    assert!(parts.is_empty(), "{parts:?}");
    let failing = Workload::new(WorkloadConfig {
        failing: 0.01,
        ..WorkloadConfig::default()
    });
    let expected = (0..SESSIONS).filter(|it| failing.fails(*it)).count();
    let failed: usize = sessions.values().map(|(_, failed)| failed).sum();
    assert_eq!(failed, expected, "{report}");
    // Ten standard deviations around one in a hundred on both sides.
    assert!((1..=85).contains(&failed), "{failed}");
    let others = sessions.len() - failed;
    assert!((1..=85).contains(&others), "{others}");

    let policies = &report["policies"];
    assert_eq!(policies[0]["name"], "failed", "{report}");
    assert_eq!(policies[0]["kept"], failed, "{report}");
    assert_eq!(policies[1]["name"], "rest", "{report}");
    assert_eq!(policies[1]["kept"], others, "{report}");
    let dropped = SESSIONS - sessions.len() as u64;
    assert_eq!(number(&policies[1]["dropped"]), dropped, "{report}");
    let fates = report["ledger"].as_array().expect("a list");
    let fate = fates.iter().find(|fate| fate["fate"] == "sampled_out");
    let sampled_out = number(&fate.expect("it is listed")["traces"]);
    assert_eq!(sampled_out, dropped * SPANS as u64, "{report}");
}
