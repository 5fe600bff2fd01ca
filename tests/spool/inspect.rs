//! A spool from outside: what is in it, and changing it while no pipeline uses it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use spanreel::spool::{Editor, inspect};
use spanreel::{Fate, Signal, SpoolError};

use crate::backend::{Backend, Manner};
use crate::ledger::assert_settled;
use crate::{prompt, spool, wait_until, work};

const GRACE: Duration = Duration::from_secs(10);

/// Runs a pipeline with these backends until all that it can do is done.
fn run(path: &Path, backends: &[&Backend], spans: usize) -> spanreel::ShutdownReport {
    let builder = prompt().spool_with(spool(path));
    let builder = backends.iter().fold(builder, |builder, backend| {
        builder.export((*backend).clone())
    });
    let pipeline = builder.start().expect("a pipeline");
    if spans > 0 {
        let session = pipeline.session("s").expect("open");
        work(&session, spans - 1);
        session.end();
    }
    let report = pipeline.shutdown_blocking(GRACE);
    assert_settled(&report);
    report
}

/// Every file below a directory.
fn contents(path: &Path) -> BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(path).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(contents(&path)),
            false => {
                found.insert(path.clone(), std::fs::read(&path).expect("read"));
            }
        }
    }
    found
}

/// What waits is told for each exporter, also while it is in use, and looking changes nothing.
#[test]
fn what_waits_is_told_and_nothing_is_changed() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let (well, away) = (
        Backend::named("well", Manner::Accepts),
        Backend::named("away", Manner::Away),
    );
    run(path, &[&well, &away], 7);
    let before = contents(path);
    let found = inspect(path).expect("a spool");
    assert!(!found.in_use && found.is_whole());
    let waiting = |name: &str| {
        let waiting = found.exporters.iter().find(|it| it.exporter == name);
        waiting.map_or(0, |waiting| waiting.spans)
    };
    assert_eq!((waiting("well"), waiting("away")), (0, 7));
    let requests = found.waiting(0, 100).expect("read");
    let spans: u64 = requests.iter().map(|it| it.request.items()).sum();
    assert_eq!(spans, 7);
    assert!(requests.iter().all(|it| it.exporters == ["away"]));
    assert!(
        requests
            .iter()
            .all(|it| it.request.signal() == Signal::Traces)
    );
    let first = found.waiting(requests[0].position, 1).expect("read");
    assert_eq!(first[0].position, requests[0].position);
    assert_eq!(contents(path), before);

    let pipeline = prompt().spool_with(spool(path)).export(away).start();
    let pipeline = pipeline.expect("a pipeline");
    let found = inspect(path).expect("a spool");
    assert!(found.in_use);
    assert_eq!(found.process, Some(std::process::id()));
    let refused = Editor::open(path).expect_err("it is in use");
    let said = refused.to_string();
    assert!(said.contains("stop that process first"), "{said}");
    assert!(matches!(
        refused,
        SpoolError::InUse {
            process: Some(_),
            ..
        }
    ));
    pipeline.shutdown_blocking(GRACE);
}

/// A directory that is none is told apart from one that is something else, and neither is changed.
#[test]
fn what_is_no_spool_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("missing");
    assert!(matches!(inspect(&missing), Err(SpoolError::Missing(_))));
    assert!(matches!(
        Editor::open(&missing),
        Err(SpoolError::Missing(_))
    ));
    std::fs::write(directory.path().join("photo.jpg"), "x").expect("written");
    let before = contents(directory.path());
    assert!(matches!(
        inspect(directory.path()),
        Err(SpoolError::Foreign(_))
    ));
    assert!(matches!(
        Editor::open(directory.path()),
        Err(SpoolError::Foreign(_))
    ));
    assert_eq!(contents(directory.path()), before);
}

/// What was refused is told with the backend's words, can be read, and is delivered by the next start after
/// it was asked for; or removed.
#[test]
fn what_was_refused_can_be_delivered_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let backend = Backend::new(Manner::RefusesAll);
    let report = run(path, &[&backend], 2);
    assert_eq!(report.lanes[0].traces.of(Fate::Quarantined), 2);
    let quarantine = inspect(path).expect("a spool").quarantine;
    assert_eq!(quarantine.len(), 2, "each span alone");
    for refused in &quarantine {
        assert_eq!((refused.exporter.as_str(), refused.items), ("backend", 1));
        assert!(refused.answer.contains("no"), "{refused:?}");
        let request = inspect(path).expect("a spool").refused(&refused.id);
        assert_eq!(request.expect("read").encoded_len() as u64, refused.bytes);
    }
    let mut editor = Editor::open(path).expect("nobody uses it");
    editor.drop_refused(&quarantine[0].id).expect("it is there");
    editor
        .deliver_again(&quarantine[1].id, "backend")
        .expect("it is there");
    for unknown in [&quarantine[1].id, "../lock", ""] {
        let error = editor.deliver_again(unknown, "backend");
        assert!(
            matches!(error, Err(SpoolError::Unknown { .. })),
            "{error:?}"
        );
    }
    drop(editor);
    let found = inspect(path).expect("a spool");
    assert!(found.quarantine.is_empty());
    assert_eq!(found.exporters[0].spans, 1);

    let mended = Backend::new(Manner::Accepts);
    let pipeline = prompt().spool_with(spool(path)).export(mended.clone());
    let pipeline = pipeline.start().expect("a pipeline");
    wait_until("it is delivered", || mended.spans() == 1);
    let report = pipeline.shutdown_blocking(GRACE);
    assert_eq!(report.lanes[0].recovered, 1);
}

/// What is given up for one exporter is delivered to the others.
#[test]
fn what_is_forgotten_is_forgotten_for_one_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let backends = ["one", "other"].map(|name| Backend::named(name, Manner::Away));
    run(path, &[&backends[0], &backends[1]], 5);
    let mut editor = Editor::open(path).expect("nobody uses it");
    assert_eq!(editor.forget("one").expect("it is known").spans, 5);
    let unknown = editor.forget("nobody").expect_err("unknown");
    assert!(
        unknown.to_string().contains("no exporter nobody"),
        "{unknown}"
    );
    drop(editor);
    let backends = ["one", "other"].map(|name| Backend::named(name, Manner::Accepts));
    let pipeline = prompt().spool_with(spool(path));
    let pipeline = pipeline
        .export(backends[0].clone())
        .export(backends[1].clone());
    let pipeline = pipeline.start().expect("a pipeline");
    wait_until("it is delivered", || backends[1].spans() == 5);
    pipeline.shutdown_blocking(GRACE);
    assert_eq!(backends[0].spans(), 0);

    // When it is given up for the last one, nothing is left on disk.
    run(path, &[&Backend::named("one", Manner::Away)], 5);
    let mut editor = Editor::open(path).expect("nobody uses it");
    editor.forget("one").expect("it is known");
    assert_eq!(inspect(path).expect("a spool").bytes, 0);
}

/// What waits for an exporter of another name is kept under that name; what it had delivered is not.
#[test]
fn what_waits_for_nobody_is_kept_under_its_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let names = ["away", "well"];
    let manners = [Manner::Away, Manner::Accepts];
    let old = [0, 1].map(|it| Backend::named(names[it], manners[it]));
    let pipeline = prompt().spool_with(spool(path).mode(spanreel::SpoolMode::Always));
    let pipeline = pipeline.export(old[0].clone()).export(old[1].clone());
    let pipeline = pipeline.start().expect("a pipeline");
    let session = pipeline.session("s").expect("open");
    work(&session, 3);
    session.end();
    wait_until("one has it", || old[1].spans() == 4);
    pipeline.shutdown_blocking(GRACE);
    run(path, &[&Backend::named("new", Manner::Accepts)], 0);
    let quarantine = inspect(path).expect("a spool").quarantine;
    let spans: u64 = quarantine.iter().map(|it| it.items).sum();
    assert_eq!(spans, 4, "{quarantine:?}");
    assert!(quarantine.iter().all(|it| it.exporter == "away"));
    run(path, &[&Backend::named("new", Manner::Accepts)], 0);
    let again = inspect(path).expect("a spool").quarantine;
    assert_eq!(again, quarantine, "once");
}

/// Damage is told, and costs what it hits.
#[test]
fn damage_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    run(path, &[&Backend::new(Manner::Away)], 5);
    let file = inspect(path).expect("a spool").files.pop().expect("a file");
    let name = path.join(&file.name);
    let mut bytes = std::fs::read(&name).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x20;
    std::fs::write(&name, bytes).expect("written");
    let found = inspect(path).expect("a spool");
    assert!(!found.is_whole());
    assert!(found.files[0].unreadable > 0, "{found:?}");
    assert!(found.requests < file.requests);
}
