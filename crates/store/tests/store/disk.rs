//! What the store on disk promises: restarts, damage, other versions, retention.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use spanreel::Export as _;
use spanreel_store::{
    Buckets, Retention, SessionQuery, SqliteStore, State, Store, StoreError, StoreExporter,
};

use super::telemetry::{span, spans, text, usual_span, with};
use super::{T, patience, write};

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, Retention::default()).expect("a store")
}

/// Sessions of eight spans each.
fn fill(store: &dyn Store, sessions: std::ops::Range<u64>) {
    for number in sessions {
        let all = (0..8).map(|index| usual_span(number, index, 8, T));
        write(store, &[spans("disk", all.collect())]);
    }
}

fn count(store: &dyn Store) -> u64 {
    let page = store
        .sessions(&SessionQuery::default(), &patience())
        .expect("an answer");
    page.total.expect("few")
}

/// What was written is there after a restart, and what comes twice is still known.
#[test]
fn what_was_written_is_there_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    fill(&open(directory.path()), 0..3);
    let store = open(directory.path());
    fill(&store, 0..3);
    let stats = store.stats();
    assert_eq!((stats.sessions, stats.spans, stats.duplicates), (3, 24, 24));
    let page = store
        .spans("conv-00000001", 100, None, &patience())
        .expect("an answer");
    assert_eq!(page.expect("it is there").items.len(), 8);
}

/// Many small writes of one session become few blocks, and nothing of it is lost.
#[test]
fn small_writes_are_joined() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for index in 0..40 {
        write(&store, &[spans("disk", vec![usual_span(1, index, 40, T)])]);
    }
    let page = store
        .spans("conv-00000001", 100, None, &patience())
        .expect("an answer");
    assert_eq!(page.expect("it is there").items.len(), 40);
    drop(store);
    let file = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    let blocks: i64 = file
        .query_row("SELECT count(*) FROM blocks", [], |row| row.get(0))
        .expect("a number");
    assert!(blocks <= 8 + 5, "{blocks}");
}

/// A damaged file is set aside whole, and an empty one begun.
#[test]
fn a_damaged_file_is_set_aside() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sessions.db");
    fs::write(
        &path,
        b"this is no file of SQLite, but somebody may want it back",
    )
    .expect("written");
    let store = open(directory.path());
    assert_eq!(count(&store), 0);
    fill(&store, 0..1);
    assert_eq!(count(&store), 1);
    let kept = fs::read(directory.path().join("sessions.db.damaged-1")).expect("it is kept");
    assert!(kept.starts_with(b"this is no file of SQLite"));
}

/// The file of a newer version is refused, and untouched.
#[test]
fn the_file_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(open(directory.path()));
    let path = directory.path().join("sessions.db");
    let file = rusqlite::Connection::open(&path).expect("SQLite");
    file.pragma_update(None, "user_version", 99)
        .expect("it can be set");
    drop(file);
    let refused = SqliteStore::open(directory.path(), Retention::default());
    let Err(StoreError::Newer { found: 99, .. }) = &refused else {
        panic!("{refused:?}");
    };
    assert!(
        refused
            .expect_err("it was refused")
            .to_string()
            .contains("use the newer spanreel")
    );
    let file = rusqlite::Connection::open(&path).expect("SQLite");
    let version: i64 = file
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .expect("a number");
    assert_eq!(version, 99);
}

/// Who only reads is told what a file is that cannot be read, in one line that says what to do, and changes none.
#[test]
fn who_only_reads_is_told_what_a_file_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sessions.db");
    let refused = || {
        let error = SqliteStore::open_to_read(directory.path()).expect_err("it cannot be read");
        assert!(!error.to_string().contains('\n'));
        error
    };
    assert!(matches!(refused(), StoreError::Missing { .. }));
    assert!(!path.exists());

    fs::write(&path, b"").expect("written");
    assert!(refused().to_string().contains("it is empty"));
    fs::write(&path, [b'x'; 4_096]).expect("written");
    assert!(refused().to_string().contains("it is no database"));
    fs::remove_file(&path).expect("removed");
    let file = rusqlite::Connection::open(&path).expect("SQLite");
    file.execute_batch("CREATE TABLE mine (it)").expect("made");
    drop(file);
    assert!(refused().to_string().contains("of something else"));
    fs::remove_file(&path).expect("removed");

    drop(open(directory.path()));
    let file = rusqlite::Connection::open(&path).expect("SQLite");
    file.pragma_update(None, "user_version", 1)
        .expect("it can be set");
    drop(file);
    let older = refused();
    assert!(matches!(
        older,
        StoreError::Older {
            found: 1,
            known: 3,
            ..
        }
    ));
    assert!(
        older
            .to_string()
            .contains("start 'spanreel serve' with the same --data-dir")
    );
    assert!(matches!(refused(), StoreError::Older { found: 1, .. }));
}

/// One process has a store, the others are told so.
#[test]
fn one_process_has_a_store() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let second = SqliteStore::open(directory.path(), Retention::default());
    assert!(matches!(second, Err(StoreError::InUse { .. })));
    fill(&store, 0..1);
    let reader = SqliteStore::open_to_read(directory.path()).expect("it can be read meanwhile");
    assert_eq!(count(&reader), 1);
    assert!(matches!(reader.write(&[]), Err(StoreError::ReadOnly)));
    drop(store);
    drop(open(directory.path()));
    let nothing = tempfile::tempdir().expect("a directory");
    assert!(SqliteStore::open_to_read(nothing.path()).is_err());
}

/// What is too old is forgotten, with everything that belongs to it.
#[test]
fn what_is_too_old_is_forgotten() {
    let directory = tempfile::tempdir().expect("a directory");
    fill(&open(directory.path()), 0..100);
    let mut retention = Retention::default();
    retention.max_age = Duration::ZERO;
    let store = SqliteStore::open(directory.path(), retention).expect("a store");
    while store.tidy().expect("it can be done") {}
    assert_eq!(count(&store), 0);
    assert_eq!(store.stats().spans, 0);
    assert!(store.fields(&patience()).expect("an answer").is_empty());
    drop(store);
    let file = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    for table in ["blocks", "tales", "traces", "documents", "session_values"] {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows: i64 = file
            .query_row(&sql, [], |row| row.get(0))
            .expect("a number");
        assert_eq!(rows, 0, "{table}");
    }
}

/// Where there is too much, the sessions that were quiet longest go, and the others stay whole.
#[test]
fn where_there_is_too_much_the_quiet_ones_go() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut retention = Retention::default();
    retention.max_bytes = 512 << 10;
    let store = SqliteStore::open(directory.path(), retention).expect("a store");
    fill(&store, 0..600);
    assert!(store.stats().bytes > retention.max_bytes);
    while store.tidy().expect("it can be done") {}
    assert!(store.stats().bytes <= retention.max_bytes);
    let left = count(&store);
    assert!(left > 0 && left < 600, "{left}");
    let last = store
        .spans("conv-00000257", 100, None, &patience())
        .expect("an answer");
    assert_eq!(last.expect("the latest are kept").items.len(), 8);
    fill(&store, 600..610);
    assert_eq!(count(&store), left + 10, "it goes on");
}

/// A file of format 1 is brought up to date: its sessions are listed, searched and forgotten as before.
#[test]
fn an_older_file_is_brought_up_to_date() {
    let other = tempfile::tempdir().expect("a directory");
    fill(&open(other.path()), 7..8);
    let other = rusqlite::Connection::open(other.path().join("sessions.db")).expect("SQLite");
    let tale: String = other
        .query_row("SELECT tale FROM tales", [], |row| row.get(0))
        .expect("its tale");
    let directory = tempfile::tempdir().expect("a directory");
    let file = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    file.execute_batch(include_str!("../../src/sqlite/schema/1.sql"))
        .expect("format 1");
    file.execute_batch(
        "PRAGMA user_version = 1;
        INSERT INTO sessions VALUES
            (1, 'conv-00000007', NULL, 'done', NULL, NULL, 18446744073709549, 7, 1, 0, 9223372036854775807, 0, 0, 0);
        INSERT INTO documents VALUES (1, 1);
        INSERT INTO texts (rowid, body) VALUES (1, 'the giraffe');",
    )
    .expect("as it was written then");
    file.execute("INSERT INTO tales VALUES (1, ?1)", [tale])
        .expect("as it was written then");
    drop(file);
    let store = open(directory.path());
    fill(&store, 0..2);
    let found = |text: &str| {
        let mut query = SessionQuery::default();
        query.filter.text = Some(text.to_owned());
        let page = store.sessions(&query, &patience()).expect("an answer");
        page.items.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(count(&store), 3);
    assert_eq!(found("giraffe"), ["conv-00000007"]);
    let file = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    let sorted_by = file.query_row(
        "SELECT tokens, start_us FROM sessions WHERE id = 1",
        [],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
    );
    let most = (1 << 53) - 1;
    assert_eq!(sorted_by.expect("its row"), (most, most));
    drop(file);
    assert_eq!(found("planner"), ["conv-00000000"]);
    drop(store);
    let mut retention = Retention::default();
    retention.max_age = Duration::ZERO;
    let store = SqliteStore::open(directory.path(), retention).expect("a store");
    while store.tidy().expect("it can be done") {}
    assert_eq!(count(&store), 0);
    drop(store);
    let file = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    let texts: i64 = file
        .query_row("SELECT count(*) FROM texts_docsize", [], |row| row.get(0))
        .expect("a number");
    assert_eq!(texts, 0, "no text is left behind");
}

/// The store's files are readable by their owner alone, also in a directory that was there before and lets others in,
/// and where a version before had made them.
#[cfg(unix)]
#[test]
fn its_files_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().expect("a directory");
    let set = |name: &str, mode| {
        let path = directory.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    let check = || {
        for name in ["sessions.db", "sessions.db-wal", "sessions.db-shm", "LOCK"] {
            let file = fs::metadata(directory.path().join(name)).expect("it is there");
            assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
        }
    };
    set(".", 0o755);
    let store = open(directory.path());
    fill(&store, 0..1);
    check();
    drop(store);

    let path = directory.path().join("sessions.db");
    fs::remove_file(&path).expect("it is there");
    let file = rusqlite::Connection::open(&path).expect("SQLite");
    file.execute_batch(include_str!("../../src/sqlite/schema/1.sql"))
        .expect("format 1");
    file.execute_batch("PRAGMA user_version = 1; PRAGMA journal_mode = WAL;")
        .expect("as it was then");
    for name in ["sessions.db", "sessions.db-wal", "sessions.db-shm"] {
        fs::File::options()
            .append(true)
            .create(true)
            .open(directory.path().join(name))
            .expect("a file");
        set(name, 0o644);
    }
    drop(file);
    let store = open(directory.path());
    fill(&store, 0..1);
    check();
}

/// A session that cannot be read hides no other in a list, and one of which a version before wrote a cost beyond all
/// numbers is read.
#[test]
fn a_session_that_cannot_be_read_hides_no_other() {
    let directory = tempfile::tempdir().expect("a directory");
    fill(&open(directory.path()), 0..3);
    let file = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    let session = "(SELECT id FROM sessions WHERE name = 'conv-0000000";
    let broken = format!("UPDATE tales SET tale = '{{' WHERE session = {session}0')");
    assert_eq!(file.execute(&broken, []).expect("it can be set"), 1);
    let sums = r#"{"calls":2,"errors":0,"input":0,"output":0,"cached":0,"cost":null,"retries_cost":null,"took":[],"first_chunk":[]}"#;
    let beyond = format!(
        "UPDATE tales SET tale = json_set(tale, '$.of_user', json('{{\"counted\":[[60,{sums}]]}}')) WHERE session = {session}1')"
    );
    assert_eq!(file.execute(&beyond, []).expect("it can be set"), 1);
    drop(file);
    let store = open(directory.path());
    let page = store
        .sessions(&SessionQuery::default(), &patience())
        .expect("an answer");
    let ids: Vec<_> = page.items.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["conv-00000002", "conv-00000001"]);
    write(&store, &[spans("disk", vec![usual_span(1, 8, 20, T)])]);
}

/// Where several requests are written at once, one whose session cannot be read harms none of the others.
#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::disallowed_methods,
    reason = "the test sends several requests at once"
)]
async fn one_session_that_cannot_be_read_harms_no_other() {
    let directory = tempfile::tempdir().expect("a directory");
    fill(&open(directory.path()), 0..1);
    let file = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    file.execute("UPDATE tales SET tale = '{'", [])
        .expect("it can be set");
    let store: Arc<dyn Store> = Arc::new(open(directory.path()));
    let (exporter, _live) = StoreExporter::start(Arc::clone(&store)).expect("threads");
    drop(file);
    let exporter = Arc::new(exporter);
    // While the first are written, the others wait to be written at once.
    let sent = (0..30).map(|number| {
        let session = if number % 7 == 6 { 0 } else { number + 1 };
        let request = spans("disk", vec![usual_span(session, 9 + number, 99, T)]);
        let exporter = Arc::clone(&exporter);
        tokio::spawn(async move { exporter.export(request).await.is_ok() })
    });
    let sent: Vec<_> = sent.collect();
    for (number, sent) in sent.into_iter().enumerate() {
        let is_stored = sent.await.expect("it was answered");
        assert_eq!(is_stored, number % 7 != 6, "{number}");
    }
}

/// A session whose process is told by a resource of its own, of some size.
fn of_process(number: u64) -> spanreel::Request {
    let process = format!("process-{number}-{}", "x".repeat(16 << 10));
    let all = (0..3).map(|index| usual_span(number, index, 3, T));
    spans(&process, all.collect())
}

/// Resources go with the last session that has them: what they took is free again, the newest sessions stay, and
/// those that share one stay whole.
#[test]
fn resources_go_with_their_last_session() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut retention = Retention::default();
    retention.max_bytes = 1 << 20;
    let store = SqliteStore::open(directory.path(), retention).expect("a store");
    for number in 0..200 {
        write(&store, &[of_process(number)]);
        if number % 50 == 49 {
            while store.tidy().expect("it can be done") {}
        }
    }
    assert!(store.stats().bytes <= retention.max_bytes);
    let left = count(&store);
    assert!((20..100).contains(&left), "{left}");
    // The same resource again, after it has gone.
    write(&store, &[of_process(0), of_process(199)]);
    for number in [0, 199] {
        let id = format!("conv-{number:08x}");
        let document = store.document(&id, &patience()).expect("an answer");
        assert_eq!(document.expect("it is there").spans.len(), 3);
    }
    let file = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    let origins = || -> i64 {
        file.query_row("SELECT count(*) FROM origins", [], |row| row.get(0))
            .expect("a number")
    };
    assert_eq!(origins(), left as i64 + 1);
    drop(store);
    retention.max_age = Duration::ZERO;
    let store = SqliteStore::open(directory.path(), retention).expect("a store");
    while store.tidy().expect("it can be done") {}
    assert_eq!((count(&store), origins()), (0, 0));
}

/// A resource stays for as long as one of several sessions has it, also one that took over what had no name.
#[test]
fn a_shared_resource_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let unnamed = span(7, 1, 9, "step", T, T + 1);
    write(&store, &[spans("first", vec![unnamed.clone()])]);
    let named = with(
        span(7, 2, 9, "step", T, T + 1),
        vec![text("session.id", "conv")],
    );
    write(&store, &[spans("second", vec![named])]);
    let file = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    let has: i64 = file
        .query_row(
            "SELECT count(*) FROM session_origins o JOIN sessions s ON s.id = o.session WHERE s.name = 'conv'",
            [],
            |row| row.get(0),
        )
        .expect("a number");
    assert_eq!((has, count(&store)), (2, 1));
    let document = store.document("conv", &patience()).expect("an answer");
    assert_eq!(document.expect("it is there").spans.len(), 2);
}

/// Resources that sessions of format 2 have stay until the last of those has gone, and go then.
#[test]
fn resources_of_an_older_file_stay_with_its_sessions() {
    let directory = tempfile::tempdir().expect("a directory");
    for number in 0..4 {
        write(&open(directory.path()), &[of_process(number)]);
    }
    let path = directory.path().join("sessions.db");
    let file = rusqlite::Connection::open(&path).expect("SQLite");
    file.execute_batch("DROP TABLE session_origins; PRAGMA user_version = 2;")
        .expect("as it was then");
    let store = open(directory.path());
    // One of today that has a resource of then, and is forgotten before the old ones.
    let shared = span(77, 1, 0, "step", T, T + 1);
    let process = format!("process-3-{}", "x".repeat(16 << 10));
    write(&store, &[spans(&process, vec![shared])]);
    drop(store);
    let forget = |condition: &str| {
        let old = format!("UPDATE sessions SET last_us = 1 WHERE {condition}");
        file.execute(&old, []).expect("it can be set");
        let store = open(directory.path());
        while store.tidy().expect("it can be done") {}
        store
    };
    let origins = || -> i64 {
        file.query_row("SELECT count(*) FROM origins", [], |row| row.get(0))
            .expect("a number")
    };
    let store = forget("name NOT LIKE 'conv%'");
    assert_eq!((count(&store), origins()), (4, 4));
    let document = store
        .document("conv-00000003", &patience())
        .expect("an answer");
    assert_eq!(document.expect("it is there").spans.len(), 3);
    drop(store);
    let store = forget("name LIKE 'conv%'");
    assert_eq!((count(&store), origins()), (0, 0));
}

/// Where nobody writes any more nothing is running: who reads the store of a process that has ended is told that its
/// sessions are stalled, in lists, by filters and of one session.
#[test]
fn nothing_runs_where_nobody_writes() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    write(&store, &[spans("disk", vec![usual_span(1, 0, 9, T)])]);
    fill(&store, 2..3);
    let reader = SqliteStore::open_to_read(directory.path()).expect("it is there");
    let is_said = |state: State| {
        let page = reader.sessions(&SessionQuery::default(), &patience());
        let page = page.expect("an answer").items;
        let of = |id: &str| page.iter().find(|it| it.id == id).map(|it| it.state);
        assert_eq!(of("conv-00000001"), Some(state));
        assert_eq!(of("conv-00000002"), Some(State::Done));
        let one = reader.session("conv-00000001", &patience());
        let one = one.expect("an answer").expect("it is there");
        assert_eq!(one.summary.state, state);
        let mut query = SessionQuery::default();
        query.filter.state = Some(state);
        let found = reader.sessions(&query, &patience()).expect("an answer");
        assert_eq!(found.items[0].id, "conv-00000001");
        let buckets = Buckets {
            from_us: T as i64,
            to_us: T as i64 + 1_000_000,
            count: 4,
        };
        let activity = reader.activity(&query.filter, Some(&buckets), 4, &patience());
        let counts = activity.expect("an answer").sessions;
        assert_eq!(counts.iter().sum::<u64>(), 1);
    };
    is_said(State::Running);
    drop(store);
    is_said(State::Stalled);
    // Who looks does not keep anybody from writing.
    let _store = open(directory.path());
    is_said(State::Running);
}

/// A session that is forgotten while it is looked up is not there, which is no failure.
#[test]
fn a_session_forgotten_on_the_way_is_not_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    fill(&store, 0..1);
    // Its name is found, and what is known of it has gone.
    let file = rusqlite::Connection::open(directory.path().join("sessions.db")).expect("SQLite");
    file.execute("DELETE FROM tales", [])
        .expect("it can be set");
    let found = store.session("conv-00000000", &patience());
    assert!(found.expect("an answer").is_none());
}
