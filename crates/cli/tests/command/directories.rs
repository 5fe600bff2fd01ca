//! `spanreel convert` of directories: many files, bad ones among them, in little memory.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Run, fixture, run, spanreel};

fn convert(path: &Path, options: &[&str]) -> Run {
    let args = ["convert".as_ref(), path.as_os_str()];
    run(args.into_iter().chain(options.iter().map(AsRef::as_ref)))
}

/// What is no recording in a directory is passed over and told; what is torn costs itself alone.
#[test]
fn bad_files_do_not_stop_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("deep")).expect("a folder");
    fs::copy(fixture("narrowed.jsonl"), path("deep/good.jsonl")).expect("a copy");
    fs::copy(fixture("hostile.jsonl"), path("torn.jsonl")).expect("a copy");
    for (name, bytes) in [
        ("README.md", &b"# Recordings\n"[..]),
        ("empty", b""),
        ("image.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("run.gz", b"\x1f\x8b\x08\0"),
    ] {
        fs::write(path(name), bytes).expect("a file");
    }
    let run = convert(folder.path(), &[]).fine();
    assert!(run.stdout.starts_with("session support-call-42"), "{run:?}");
    for said in [
        "7 lines skipped",
        "2 recordings: 36 lines",
        "4 files passed over",
        "README.md is not a recording",
        "image.png is binary data",
    ] {
        assert!(run.stderr.contains(said), "{said}: {run:?}");
    }
    let strict = convert(folder.path(), &["--strict"]);
    assert_eq!(strict.code, Some(1), "{strict:?}");
}

/// Where no file of a directory is a recording, that is an error.
#[test]
fn a_directory_without_recordings_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("notes.txt"), "nothing\n").expect("a file");
    let run = convert(folder.path(), &[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert!(
        run.stderr.contains("in which there is no recording"),
        "{run:?}"
    );
}

/// An output within the directory is not read as an input, nor overwritten before it is.
#[test]
fn an_output_is_no_input() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(fixture("narrowed.jsonl"), folder.path().join("a.jsonl")).expect("a copy");
    let out = folder.path().join("out.jsonl");
    let options = ["--out", out.to_str().expect("text"), "--quiet"];
    convert(folder.path(), &options).fine();
    let written = fs::read(&out).expect("a file");
    let again = convert(folder.path(), &options);
    assert_eq!(again.code, Some(1));
    assert!(
        again.stderr.contains("would overwrite the recording"),
        "{again:?}"
    );
    assert_eq!(fs::read(&out).expect("a file"), written);
}

/// A directory of 10,000 recordings is converted whole, in the memory that a few of them take.
#[test]
fn ten_thousand_files_take_the_memory_of_one() {
    const FILES: usize = 10_000;
    let folder = tempfile::tempdir().expect("a folder");
    let place = tempfile::tempdir().expect("a folder");
    let table = place.path().join("table.csv");
    let line = |number: usize, id: usize| {
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{number:032x}","spanId":"{id:016x}","name":"chat m","startTimeUnixNano":"{}","endTimeUnixNano":"{}","attributes":[{{"key":"session.id","value":{{"stringValue":"s-{number}"}}}},{{"key":"gen_ai.operation.name","value":{{"stringValue":"chat"}}}},{{"key":"pad","value":{{"stringValue":"{:01500}"}}}}]}}]}}]}}]}}"#,
            1_717_236_000_000_000_000_u64 + number as u64,
            1_717_236_000_000_001_000_u64 + number as u64,
            0,
        ) + "\n"
    };
    for number in 1..=FILES {
        let below = folder.path().join(format!("{:02}", number % 100));
        fs::create_dir_all(&below).expect("a folder");
        let text: String = (1..=8).map(|id| line(number, id)).collect();
        fs::write(below.join(format!("{number}.jsonl")), text).expect("a file");
    }
    let begun = Instant::now();
    let mut process = spanreel()
        .arg("convert")
        .arg(folder.path())
        .args(["--to", "csv", "--out"])
        .arg(&table)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut peak_kib = 0;
    while process.try_wait().expect("ours").is_none() {
        peak_kib = peak_kib.max(peak(process.id()));
        assert!(
            begun.elapsed() < Duration::from_secs(300),
            "it takes too long"
        );
        #[expect(clippy::disallowed_methods, reason = "looks now and then")]
        std::thread::sleep(Duration::from_millis(20));
    }
    let run = Run::from(process.wait_with_output().expect("it ends")).fine();
    let rows = fs::read_to_string(&table).expect("a table");
    assert_eq!(rows.lines().count(), FILES + 1);
    assert!(rows.contains("s-10000,"));
    assert!(
        run.stderr.contains("10,000 recordings: 80,000 lines"),
        "{run:?}"
    );
    // The input is 150 MiB; rows and names are a few.
    assert!(peak_kib < 96 * 1024, "{peak_kib} KiB");
    assert!(peak_kib > 0 || cfg!(not(target_os = "linux")));
}

/// The most memory that a process has had so far, in KiB; 0 where nobody tells.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
