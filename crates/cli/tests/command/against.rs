//! `spanreel load --against`, a collector measured with requests that were encoded beforehand.

use std::process::Stdio;

use serde_json::Value;

use super::{Run, run, spanreel};

fn against(options: &str) -> Run {
    let words = ["load", "--json", "--against"].into_iter();
    run(words.chain(options.split_whitespace()))
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no count"))
}

/// `serve` takes every request and forwards every span of it, compressed or not; what it cost is told.
#[test]
fn serve_is_measured() {
    for options in [
        "",
        "--compression gzip",
        "--compression zstd --concurrency 1",
    ] {
        let options = format!("serve --requests 200 --batch 50 --sessions 40 {options}");
        let report = against(&options).fine().json();
        assert_eq!(number(&report["requests"]), 200, "{report}");
        assert_eq!(number(&report["spans"]), 10_000, "{report}");
        assert_eq!(number(&report["sink"]["spans"]), 10_000, "{report}");
        assert!(report["cpu_seconds"].as_f64().is_some(), "{report}");
        assert!(number(&report["peak_rss_bytes"]) > 1_000_000, "{report}");
        let latency = &report["latency_ns"];
        let [p50, p99, max] = ["p50", "p99", "max"].map(|key| number(&latency[key]));
        assert!(1_000 < p50 && p50 <= p99 && p99 <= max, "{report}");
    }
}

/// The receiver of load tests, run as a collector of its own; ends with its standard input.
fn collector(options: &[&str]) -> (std::process::Child, String) {
    use std::io::{BufRead, BufReader};

    let mut process = spanreel()
        .args([
            "load-sink",
            "--addr",
            "127.0.0.1:0",
            "--latency-ns",
            "0",
            "--seed",
            "1",
        ])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut hello = String::new();
    let stdout = process.stdout.as_mut().expect("a pipe");
    BufReader::new(stdout)
        .read_line(&mut hello)
        .expect("a line");
    let hello: Value = serde_json::from_str(&hello).expect("JSON");
    let addr = hello["listening"].as_str().expect("an address").to_owned();
    (process, addr)
}

/// Any collector can be measured; without its process id its cost is not known, with it it is.
#[test]
fn any_collector_is_measured() {
    let (mut process, addr) = collector(&["--fail-rate", "0"]);
    let pid = process.id();
    let options = format!("grpc://{addr} --connections 3 --in-flight 2 --requests 100 --batch 10");
    let report = against(&options).fine().json();
    assert_eq!(number(&report["spans"]), 1_000, "{report}");
    let nothing = [
        &report["cpu_seconds"],
        &report["peak_rss_bytes"],
        &report["sink"],
    ];
    assert!(nothing.iter().all(|value| value.is_null()), "{report}");
    let report = against(&format!("{options} --pid {pid}")).fine().json();
    assert!(number(&report["peak_rss_bytes"]) > 1_000_000, "{report}");
    drop(process.stdin.take());
    assert!(process.wait().expect("it is a child").success());
}

/// Requests that are refused are counted, not sent again, and the command ends with 3.
#[test]
fn refused_requests_are_counted() {
    let (mut process, addr) = collector(&["--fail-rate", "0.5"]);
    let run = against(&format!("grpc://{addr} --requests 200 --batch 10"));
    assert_eq!(run.code, Some(3), "{run:?}");
    let report = run.json();
    let refused = number(&report["refused"]);
    assert!((50..150).contains(&refused), "{report}");
    assert_eq!(number(&report["spans"]), (200 - refused) * 10, "{report}");
    drop(process.stdin.take());
    assert!(process.wait().expect("it is a child").success());
}

/// People get a table; that nobody listens is told at once.
#[test]
fn people_get_a_table() {
    let table = run("load --against serve --requests 50 --batch 20".split(' ')).fine();
    assert!(
        table.stdout.starts_with("against       spanreel serve"),
        "{table:?}"
    );
    assert!(table.stdout.contains("\nCPU           "), "{table:?}");
    assert!(
        table.stdout.contains("\nsink counted  1,000 spans in "),
        "{table:?}"
    );
    assert!(
        table.stdout.ends_with("all 50 requests were taken\n"),
        "{table:?}"
    );

    let nobody = run("load --against grpc://127.0.0.1:1".split(' '));
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(
        nobody.stderr.contains("is a receiver listening there?"),
        "{nobody:?}"
    );
    let misuse = run("load --against serve --pid 1".split(' '));
    assert_eq!(misuse.code, Some(2), "{misuse:?}");
}
