//! What `spanreel convert` says to inputs and command lines that cannot be right.

use std::path::Path;

use super::{Run, fixture, run};

fn convert(path: &Path, options: &[&str]) -> Run {
    let args = ["convert".as_ref(), path.as_os_str()];
    run(args.into_iter().chain(options.iter().map(AsRef::as_ref)))
}

/// Asserts that something cannot be converted, and that the message tells why and what to do.
#[track_caller]
fn refused(run: &Run, code: i32, words: &[&str]) {
    assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{run:?}");
    assert!(run.stderr.starts_with("error: "), "{run:?}");
    assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
    for word in words {
        assert!(run.stderr.contains(word), "{word}: {run:?}");
    }
}

/// Each input that is no recording is told apart, with what to do about it.
#[test]
fn what_is_no_recording_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let formats = "known are PromptKit's event stores";
    for (name, bytes, words) in [
        ("empty", &b""[..], &["is empty"][..]),
        (
            "blank",
            b"\n\n",
            &["is not a recording: it has no event", formats],
        ),
        (
            "run.gz",
            b"\x1f\x8b\x08\0",
            &["gunzip -c", "| spanreel convert -"],
        ),
        ("binary", b"\x7fELF\x02\0\0", &["binary data", formats]),
        ("utf16", b"\xff\xfe{\0", &["UTF-16"]),
        (
            "text",
            b"Dear diary,\nnothing.",
            &["no event (line 1: not JSON", formats],
        ),
        (
            "list",
            b"[1, 2]\n",
            &["no event (line 1: not a JSON object", formats],
        ),
        (
            "other",
            b"{\"name\": \"x\"}\n",
            &["no event (line 1: no event type", formats],
        ),
        (
            "module",
            b"{\n  \"type\": \"module\"\n}\n",
            &["is not a recording", formats],
        ),
        (
            "kinds",
            b"{\"type\": \"module\"}\n",
            &["all its events are of unknown types", formats],
        ),
    ] {
        let path = path(name);
        std::fs::write(&path, bytes).expect("a file");
        refused(&convert(&path, &[]), 1, words);
    }
    refused(
        &convert(&path("none"), &[]),
        1,
        &["there is no file", "none"],
    );
    refused(
        &convert(folder.path(), &[]),
        1,
        &["is a directory in which there is no recording", formats],
    );
}

/// A strict conversion stops at the line that cannot be used, and nothing of the recording is sent.
#[test]
fn strict_stops_at_the_first_bad_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.jsonl");
    let run = convert(
        &fixture("hostile.jsonl"),
        &["--strict", "--out", out.to_str().expect("text")],
    );
    refused(
        &run,
        1,
        &["line 10", "without --strict it would be skipped"],
    );
    assert_eq!(std::fs::read(&out).expect("a file"), b"");
}

/// What cannot be converted does not keep the others from it, and is told in the end.
#[test]
fn one_bad_file_costs_itself_alone() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let good = fixture("narrowed.jsonl");
    let run = run(["convert".as_ref(), manifest.as_os_str(), good.as_os_str()]);
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.starts_with("session support-call-42"), "{run:?}");
    assert!(
        run.stderr.contains("Cargo.toml is not a recording"),
        "{run:?}"
    );
    assert!(run.stderr.contains("2 recordings: 18 lines"), "{run:?}");
    assert!(
        run.stderr.contains("1 file could not be converted"),
        "{run:?}"
    );
}

/// No recording is overwritten by what it becomes.
#[test]
fn a_recording_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.jsonl");
    std::fs::copy(fixture("narrowed.jsonl"), &path).expect("a copy");
    let same = folder.path().join(".").join("run.jsonl");
    let run = convert(&path, &["--out", same.to_str().expect("text")]);
    refused(&run, 2, &["would overwrite the recording"]);
    assert!(std::fs::read(&path).expect("a file").len() > 1_000);
}

/// A place that cannot be written to or reached is told before anything is converted.
#[test]
fn outputs_are_checked_first() {
    let good = fixture("narrowed.jsonl");
    let run = convert(&good, &["--out", "/nowhere/out.jsonl"]);
    refused(&run, 1, &["cannot open /nowhere/out.jsonl for writing"]);
    let run = convert(&good, &["--export", "grpc://127.0.0.1:1"]);
    refused(
        &run,
        1,
        &[
            "cannot reach grpc://127.0.0.1:1",
            "is a receiver listening there?",
        ],
    );
}

/// Command lines that contradict themselves are told from failures by their exit code.
#[test]
fn a_wrong_command_line_has_its_own_exit_code() {
    let good = fixture("narrowed.jsonl");
    refused(
        &convert(&good, &["--json", "--out", "-"]),
        2,
        &["give --out a file"],
    );
    let run = convert(
        &good,
        &["--export", "http://127.0.0.1:1", "--header", "secret"],
    );
    refused(&run, 2, &["header number 1", "NAME=VALUE"]);
    assert!(!run.stderr.contains("secret"));
    for wrong in [
        &["--export", "localhost"][..],
        &["--parent", "1-2-3"],
        &["--nonsense"],
    ] {
        assert_eq!(convert(&good, wrong).code, Some(2));
    }
    assert_eq!(super::run(["convert"]).code, Some(2));
}
