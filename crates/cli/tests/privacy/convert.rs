//! `spanreel convert --config` and `spanreel redact try`.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use spanreel::OtlpFile;

use crate::agent::speak;
use crate::collector::Collector;
use crate::got;
use crate::planter::Planter;
use crate::server::{File, spanreel};

/// Recordings in two formats, full of secrets.
async fn recordings(folder: &Path, planter: &mut Planter) -> [String; 2] {
    let otlp = folder.join("otlp.jsonl");
    speak(OtlpFile::create(&otlp).into(), planter, 12).await;
    let events = folder.join("events.jsonl");
    let mut lines = String::new();
    for number in 0..30 {
        let line = json!({"seq": number, "event": {
            "type": if number == 29 { planter.said() } else { "tool.call.completed".to_owned() },
            "timestamp": "2026-03-14T09:26:53Z",
            "session_id": planter.said(),
            "data": {"ToolName": planter.said(), "CallID": planter.said(), "Args": {"to": planter.said()}},
        }});
        lines.push_str(&format!("{line}\n"));
    }
    std::fs::write(&events, lines).expect("written");
    [otlp, events].map(|path| path.to_str().expect("text").to_owned())
}

fn said(args: &[&str]) -> Output {
    let output = spanreel().args(args).output().expect("it runs");
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Whatever is converted into whatever, to a file, to a receiver or on the screen, no secret comes along;
/// and without the configuration it does.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaves_convert() {
    let mut planter = Planter::new(0xc0de);
    let folder = tempfile::tempdir().expect("a folder");
    let inputs = recordings(folder.path(), &mut planter).await;
    let file = File::new("token-file = \"/not/here\"\n[redaction]\n");
    let collector = Collector::default();
    let export = format!("grpc://{}", collector.listen().await);
    let out = folder.path().join("out");
    let out = out.to_str().expect("text");
    let base = ["convert", "--content", "--config", file.name()];
    for input in &inputs {
        for form in ["otlp-jsonl", "otlp-proto", "zipkin", "tree", "csv"] {
            let output = said(&[&base[..], &[input, "--to", form, "--out", out]].concat());
            let written = std::fs::read(out).expect("written");
            assert!(!written.is_empty());
            planter.assert_none_in(form, &written);
            planter.assert_none_in("standard output", &output.stdout);
            planter.assert_none_in("standard error", &output.stderr);
        }
        for more in [&[][..], &["--json", "--export", &export]] {
            let output = said(&[&base[..], &[input], more].concat());
            assert!(!output.stdout.is_empty());
            planter.assert_none_in("standard output", &output.stdout);
            planter.assert_none_in("standard error", &output.stderr);
        }
    }
    assert!(collector.spans().len() > 36);
    let got = got(&collector);
    assert!(got.contains("they say") && got.contains("[email]"));
    planter.assert_none_in("the receiver", got.as_bytes());

    let plain = said(&["convert", "--content", &inputs[0], "--to", "otlp-jsonl"]);
    let plain = String::from_utf8_lossy(&plain.stdout).into_owned();
    assert!(!plain.contains("[email]") && plain.contains("sk-ant-api03-"));
}

/// A trial says what is found where and what it looks like, to people and programs, tells no secret, and
/// counts what a conversion then takes out.
#[tokio::test(flavor = "multi_thread")]
async fn a_trial_tells_what_would_be_found() {
    let mut planter = Planter::new(0x7291);
    let folder = tempfile::tempdir().expect("a folder");
    let [otlp, events] = recordings(folder.path(), &mut planter).await;
    let file = File::new("[redaction]\nmask = [\"question\"]\nignore = [\"phone\"]\n");
    let try_out = [
        "redact",
        "try",
        "--content",
        "--config",
        file.name(),
        &otlp,
        &events,
    ];
    let told = said(&[&try_out[..], &["--json"]].concat());
    planter.assert_none_in("the object", &told.stdout);
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let count = |list: &str, name: &str| {
        let list = told[list].as_array().expect("a list");
        let found = list.iter().find(|it| it["name"] == name);
        found.and_then(|it| it["changed"].as_u64())
    };
    for detector in [
        "api-key",
        "bearer-token",
        "jwt",
        "private-key",
        "url-password",
        "email",
    ] {
        assert!(count("detectors", detector) > Some(5), "{detector}: {told}");
    }
    assert_eq!(count("detectors", "phone"), Some(0));
    assert_eq!(count("rules", "question"), Some(12));
    assert!(count("rules", "secret_names") >= Some(12));
    let found = told["found"].as_array().expect("a list");
    let sums = found.iter().filter(|it| it["by"] == "email");
    let sum: u64 = sums.filter_map(|it| it["count"].as_u64()).sum();
    assert_eq!(Some(sum), count("detectors", "email"));
    let is_there = |by: &str, key: &str| found.iter().any(|it| it["by"] == by && it["key"] == key);
    assert!(is_there("secret_names", "password") && is_there("question", "question"));
    assert!(found.iter().any(|it| it["key"] == "json"), "{told}");

    let told = said(&try_out);
    planter.assert_none_in("the table", &told.stdout);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains("question (mask)") && told.contains("nothing was changed"),
        "{told}"
    );

    let without = said(&["redact", "try", &events]);
    let without = String::from_utf8_lossy(&without.stdout).into_owned();
    let advice = "was not looked through: --content does that";
    assert!(without.contains(advice), "{without}");
    assert!(!told.contains(advice), "{told}");

    let clean = folder.path().join("clean.jsonl");
    let clean = clean.to_str().expect("text");
    said(&[
        "convert",
        &otlp,
        "--config",
        file.name(),
        "--to",
        "otlp-jsonl",
        "--out",
        clean,
    ]);
    let told = said(&["redact", "try", clean, "--config", file.name(), "--json"]);
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let detectors = told["detectors"].as_array().expect("a list");
    assert!(detectors.iter().all(|it| it["changed"] == 0), "{told}");
}

/// A configuration without a redaction is no reason to take out nothing.
#[test]
fn a_configuration_without_redaction_is_refused() {
    let file = File::new("log-level = \"info\"\n");
    for args in [
        &["convert", "x.jsonl", "--config", file.name()][..],
        &["redact", "try", "x.jsonl", "--config", file.name()],
        &["run", "--config", file.name(), "--", "true"],
    ] {
        let output = spanreel().args(args).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains("there is no table [redaction]"), "{said}");
    }
}
