//! Sessions that were open when their process was killed: the next start closes them as incomplete.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use spanreel::record::RecordedSpan;
use spanreel::testing::InMemory;
use spanreel::{Flow, Item, OwnedValue, Process};

use crate::{prompt, spool, wait_until};

/// Where the child is told its directory.
const DIRECTORY: &str = "SPANREEL_TEST_SESSIONS";
/// Whether it has a processor.
const PROCESSES: &str = "SPANREEL_TEST_PROCESSES";
const GRACE: Duration = Duration::from_secs(10);

/// Changes nothing.
struct Pass;

impl Process for Pass {
    fn process(&mut self, _item: &mut Item<'_>) -> Flow {
        Flow::Pass
    }
}

/// Opens sessions, ends one of them, waits until they are noted, and is killed. It is run by the tests below
/// alone.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let builder = prompt().spool_with(spool(Path::new(&directory)));
    let builder = match std::env::var_os(PROCESSES) {
        Some(_) => builder.process(Pass),
        None => builder,
    };
    let pipeline = builder.export(InMemory::new()).start();
    let pipeline = pipeline.expect("a pipeline");
    let open = pipeline.open_session("open").agent("planner").user("u-1");
    let _open = open.open().expect("open");
    let ended = pipeline.session("ended").expect("open");
    std::thread::sleep(Duration::from_millis(2500));
    ended.end();
    std::thread::sleep(Duration::from_millis(2500));
    let mut out = std::io::stdout().lock();
    writeln!(out, "noted").expect("a parent");
    out.flush().expect("a parent");
    drop(out);
    std::thread::sleep(Duration::from_secs(3600));
}

fn start(directory: &Path, processes: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", "sessions::child", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped());
    if processes {
        command.env(PROCESSES, "1");
    }
    command.spawn().expect("a child")
}

/// Runs a child until it has noted its sessions, and kills it.
fn kill_one(directory: &Path, processes: bool) {
    let mut child = start(directory, processes);
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    for line in lines.map_while(Result::ok) {
        if line == "noted" {
            break;
        }
    }
    child.kill().expect("it runs");
    child.wait().expect("it ended");
}

/// What the next start exports of its own accord, until there are so many.
fn next_start(directory: &Path, spans: usize) -> Vec<RecordedSpan> {
    let memory = InMemory::new();
    let pipeline = prompt().spool_with(spool(directory)).export(memory.clone());
    let pipeline = pipeline.start().expect("a pipeline");
    wait_until("they are closed", || memory.spans().len() >= spans);
    let report = pipeline.shutdown_blocking(GRACE);
    assert!(report.is_lossless(), "{report}");
    memory.spans()
}

fn text<'a>(span: &'a RecordedSpan, key: &str) -> Option<&'a str> {
    match span.attributes.get(key) {
        Some(OwnedValue::Str(text)) => Some(text),
        _ => None,
    }
}

/// A session that was open is closed as incomplete, with what was known of it, when its process was last known
/// to live; one that had ended is not. It is told once.
#[test]
fn open_sessions_are_closed_by_the_next_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let begun = SystemTime::now();
    kill_one(directory.path(), false);
    let killed = SystemTime::now();
    let spans = next_start(directory.path(), 1);
    assert_eq!(spans.len(), 1, "{spans:?}");
    let root = &spans[0];
    assert_eq!(root.name, "invoke_agent planner");
    assert_eq!(text(root, "session.id"), Some("open"));
    assert_eq!(text(root, "user.id"), Some("u-1"));
    assert_eq!(
        root.attributes.get("spanreel.incomplete"),
        Some(&OwnedValue::Bool(true))
    );
    assert!(root.parent_span_id.is_none());
    let since = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        since.expect("after 1970").as_nanos() as u64
    };
    assert!(root.start_unix_nanos >= since(begun));
    // It lived for five seconds, and is known to have lived two seconds before that at the latest.
    let lived = root.end_unix_nanos - root.start_unix_nanos;
    assert!(lived > 3_000_000_000, "{lived}");
    assert!(root.end_unix_nanos <= since(killed));
    assert!(next_start(directory.path(), 0).is_empty(), "once");
}

/// Where processors look at spans before they are written, no more than the ids of an open session is on disk.
#[test]
fn what_processors_have_not_seen_is_not_written() {
    let directory = tempfile::tempdir().expect("a directory");
    kill_one(directory.path(), true);
    for entry in std::fs::read_dir(directory.path().join("sessions")).expect("a journal") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("read");
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(!holds(b"u-1") && !holds(b"planner"));
    }
    let spans = next_start(directory.path(), 1);
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!(text(&spans[0], "session.id"), Some("open"));
}

/// A process that is killed while another uses the directory leaves its sessions below it: who starts next
/// closes them.
#[test]
fn sessions_of_a_neighbour_are_closed_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let memory = InMemory::new();
    let first = prompt()
        .spool_with(spool(directory.path()))
        .export(memory.clone());
    let first = first.start().expect("a pipeline");
    kill_one(directory.path(), false);
    first.shutdown_blocking(GRACE);
    assert!(memory.spans().is_empty());
    let spans = next_start(directory.path(), 1);
    assert_eq!(text(&spans[0], "session.id"), Some("open"));
}
