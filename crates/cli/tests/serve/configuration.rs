//! The configuration, as the command reads, checks, explains and reloads it.

use std::process::Output;

use rustix::process::Signal;

use super::server::{File, Server, spanreel};

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = spanreel()
        .env_remove("SPANREEL_DATA_DIR")
        .args(args)
        .output()
        .expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

/// All problems are told at once with their places, by `config check` as by `serve`, and nothing starts.
#[test]
fn problems_are_told_at_once_with_their_places() {
    let file = File::new("oltp-grpc = \"x\"\ngrace = 10\n\n[[export]]\nurl = \"ftp://x\"\n");
    let name = file.name();
    for args in [
        &["config", "check", name, "--memory", "1"][..],
        &["config", "check", "--config", name, "--memory", "1"],
        &["config", "explain", name, "--memory", "1"],
        &["serve", "--config", name, "--memory", "1"],
    ] {
        let (code, stdout, stderr) = run(args);
        assert_eq!(code, Some(2), "{stderr}");
        assert_eq!(stdout, "");
        for problem in [
            format!("{name}:1:1: oltp-grpc: there is no such setting; did you mean otlp-grpc?"),
            format!("{name}:2:9: grace: write a time"),
            format!("{name}:5:7: url: begin it with"),
            "--memory: must be 8 MiB or more".to_owned(),
            "wrong in 4 places".to_owned(),
        ] {
            assert!(stderr.contains(&problem), "{problem} in {stderr}");
        }
    }
    let (code, _, stderr) = run(&["config", "check", "/no/such/file.toml"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("/no/such/file.toml"), "{stderr}");
}

/// What `config example` prints is a configuration that is fine, and changes nothing.
#[test]
fn the_example_is_fine_and_changes_nothing() {
    let (code, example, _) = run(&["config", "example"]);
    assert_eq!(code, Some(0));
    let file = File::new(&example);
    let (code, stdout, _) = run(&["config", "check", file.name()]);
    assert_eq!(
        (code, stdout),
        (Some(0), format!("{}: fine\n", file.name()))
    );
    let (_, explained, _) = run(&["config", "explain", file.name()]);
    assert!(explained.lines().count() > 20, "{explained}");
    assert!(
        explained.lines().all(|line| line.ends_with("default")),
        "{explained}"
    );
}

/// `config explain` tells where each value came from, and no secret.
#[test]
fn explain_tells_origins_and_no_secrets() {
    let file = File::new(
        "grace = \"3s\"\n[[export]]\nurl = \"https://a.example/x?key=s3cret\"\nheaders = { k = \"s3cret\" }\n",
    );
    let mut command = spanreel();
    command
        .env("SPANREEL_TOKEN", "s3cret")
        .env("SPANREEL_MEMORY", "64MiB");
    command.args(["config", "explain", file.name(), "--batch-size", "10"]);
    let output = command.output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(!text.contains("s3cret"), "{text}");
    for (name, value, origin) in [
        ("grace", "\"3s\"", format!("{}:1:9", file.name())),
        ("memory", "\"64 MiB\"", "SPANREEL_MEMORY".to_owned()),
        ("batch-size", "10", "--batch-size".to_owned()),
        ("token", "(hidden)", "SPANREEL_TOKEN".to_owned()),
        (
            "export",
            "https://a.example/x",
            format!("{}:3:7", file.name()),
        ),
        ("http", "\"127.0.0.1:4320\"", "default".to_owned()),
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        let line = line.unwrap_or_else(|| panic!("{name} in {text}"));
        assert!(line.contains(value) && line.ends_with(&origin), "{line}");
    }
}

/// SIGHUP applies what can be applied, names what needs a restart, and goes on as before where the new
/// configuration is wrong.
#[test]
fn a_hangup_applies_what_can_be_applied() {
    let file = File::new("log-level = \"warn\"\n");
    let mut server = Server::start(&["--config", file.name()]);
    let write = |text: &str| std::fs::write(&file.path, text).expect("written");
    write("log-level = \"info\"\nmemory = \"64MiB\"\nstatus-every = \"50ms\"\n");
    server.signal(Signal::HUP);
    assert!(server.wait_for("was read again").contains("log-level"));
    assert!(server.wait_for("need a restart").contains("memory"));
    server.wait_for("sessions 0 live / 0");
    write("log-level = \"loud\"\n");
    server.signal(Signal::HUP);
    assert!(server.wait_for("spanreel.toml:1:13").contains("log-level"));
    server.wait_for("going on with the one before");
    assert_eq!(server.ask("/readyz").0, 200);
    assert_eq!(server.stop().code, Some(0));
}

/// A variable that looks like a setting and is none is told; it stops nothing.
#[test]
fn an_unknown_variable_is_told() {
    let mut command = spanreel();
    command
        .env("SPANREEL_GRCE", "1s")
        .arg("serve")
        .args(super::server::ANY_PORT);
    let mut server = Server::of(command);
    server.wait_for("SPANREEL_GRCE");
    assert_eq!(server.stop().code, Some(0));
}
