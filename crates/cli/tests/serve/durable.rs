//! The spool of `spanreel serve`: what was acknowledged is delivered, whatever ends the process or keeps
//! the backend away.

#![expect(
    clippy::disallowed_methods,
    reason = "the test is the host: its senders are its own, and it is told how long to run"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Status;
use rustix::process::Signal;
use tonic::Code;
use tonic::transport::Channel;

use super::collector::Collector;
use super::server::{File, LONG, Server, request, spanreel};

/// Nobody listens there.
const AWAY: &str = "grpc://127.0.0.1:9";

/// How often the process is killed in the test of that; `SPANREEL_TEST_KILLS` sets another number.
fn kills() -> u64 {
    let given = std::env::var("SPANREEL_TEST_KILLS").ok();
    given.map_or(8, |given| given.parse().expect("a number"))
}

/// A server with a data directory.
fn serve(directory: &Path, backend: &str, options: &[&str]) -> Server {
    let directory = directory.to_str().expect("text");
    let mut all = vec!["--data-dir", directory, "--export", backend];
    all.extend(options);
    Server::start(&all)
}

async fn client(server: &Server) -> TraceServiceClient<Channel> {
    let url = format!("http://{}", server.grpc());
    TraceServiceClient::connect(url).await.expect("it listens")
}

/// A request of one span with this id.
fn one_span(id: u64) -> ExportTraceServiceRequest {
    let mut request = request("s", 1);
    request.resource_spans[0].scope_spans[0].spans[0].span_id = id.to_be_bytes().to_vec();
    request
}

fn arrived(collector: &Collector) -> BTreeSet<u64> {
    let ids = collector.spans().into_iter().map(|span| span.span_id);
    ids.map(|id| u64::from_be_bytes(id.try_into().expect("8 bytes")))
        .collect()
}

async fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The process is killed again and again between a client and a receiver that work: every span that was
/// acknowledged arrives.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_being_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::default();
    let backend = format!("grpc://{}", collector.listen().await);
    let mut acknowledged = BTreeSet::new();
    for round in 1..=kills() {
        // Every other time nothing can be delivered before it is killed.
        let to = if round % 2 == 0 { AWAY } else { &backend };
        let server = serve(folder.path(), to, &["--log-level", "error"]);
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..4_u64 {
            let mut client = client(&server).await;
            senders.spawn(async move {
                let mut told = Vec::new();
                for number in 0.. {
                    let id = round << 32 | sender << 24 | number;
                    match client.export(one_span(id)).await {
                        Ok(_) => told.push(id),
                        Err(_) => break,
                    }
                }
                told
            });
        }
        tokio::time::sleep(Duration::from_millis(100 + round * 37 % 200)).await;
        server.signal(Signal::KILL);
        while let Some(told) = senders.join_next().await {
            acknowledged.extend(told.expect("it does not panic"));
        }
    }
    assert!(
        acknowledged.len() as u64 > 10 * kills(),
        "{}",
        acknowledged.len()
    );
    let server = serve(folder.path(), &backend, &[]);
    wait_until("all has arrived", || {
        arrived(&collector).is_superset(&acknowledged)
    })
    .await;
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.report.contains("nothing was lost"), "{ended:?}");
}

/// A part of a session: of three spans the second fails, if the session does, and the third is its root.
fn part(session: u64, part: u8) -> ExportTraceServiceRequest {
    let mut request = one_span((session + 1) << 8 | u64::from(part));
    let span = &mut request.resource_spans[0].scope_spans[0].spans[0];
    let name = Value::StringValue(format!("s-{session}"));
    span.attributes[0].value = Some(AnyValue { value: Some(name) });
    span.trace_id = [[1; 8], session.to_be_bytes()].concat();
    if part == 2 {
        span.parent_span_id.clear();
    }
    let fails = part == 1 && session.is_multiple_of(3);
    span.status = fails.then_some(Status {
        code: 2,
        ..Status::default()
    });
    request
}

/// With policies of the tail, the process is killed again and again between answers and decisions. Senders send
/// again what was not answered, and what is left of their sessions: each that failed arrives whole, and
/// nothing of the others.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_judged_after_being_killed() {
    /// Sessions that a sender has open at a time.
    const OPEN: u64 = 20;
    let folder = tempfile::tempdir().expect("a folder");
    let collector = Collector::default();
    let backend = format!("grpc://{}", collector.listen().await);
    let policies = File::new(
        "[sampling]\nratio = 0.0\n[[sampling.policy]]\nwhen = \"errors\"\nthen = \"keep\"\n",
    );
    let options = ["--config", policies.name(), "--log-level", "error"];
    // How many requests of each sender were answered: a part of each open session after the other.
    let mut answered = [0_u64; 4];
    let request_of = |sender: u64, number: u64| {
        let (block, within) = (number / (3 * OPEN), number % (3 * OPEN));
        let session = (sender << 24) | (block * OPEN + within % OPEN);
        part(session, (within / OPEN) as u8)
    };
    let mut running = None;
    for round in 1..=kills() + 1 {
        let is_last = round > kills();
        let to = if round % 2 == 0 && !is_last {
            AWAY
        } else {
            &backend
        };
        let server = serve(folder.path(), to, &options);
        let mut senders = tokio::task::JoinSet::new();
        for (sender, from) in answered.into_iter().enumerate() {
            let mut client = client(&server).await;
            senders.spawn(async move {
                let mut number = from;
                // In the end every session that was begun is whole.
                while !is_last || number % (3 * OPEN) != 0 {
                    if client
                        .export(request_of(sender as u64, number))
                        .await
                        .is_err()
                    {
                        break;
                    }
                    number += 1;
                }
                (sender, number)
            });
        }
        if !is_last {
            tokio::time::sleep(Duration::from_millis(100 + round * 37 % 200)).await;
            server.signal(Signal::KILL);
        }
        while let Some(told) = senders.join_next().await {
            let (sender, number) = told.expect("it does not panic");
            answered[sender] = number;
        }
        running = is_last.then_some(server);
    }
    let (mut failed, mut parts) = (BTreeSet::new(), 0);
    for (sender, number) in answered.into_iter().enumerate() {
        assert!(number > kills(), "sender {sender} came to {number}");
        assert_eq!(number % (3 * OPEN), 0, "all were answered in the end");
        let sessions = (0..number / 3).map(|session| (sender as u64) << 24 | session);
        failed.extend(sessions.filter(|session| session.is_multiple_of(3)));
        parts += number;
    }
    assert!(parts > 10 * kills());
    let expected: BTreeSet<u64> = failed
        .iter()
        .flat_map(|session| (0..3).map(move |part| (session + 1) << 8 | part))
        .collect();
    wait_until("all has arrived", || {
        arrived(&collector).len() >= expected.len()
    })
    .await;
    let ended = running.expect("the last one").stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.report.contains("nothing was lost"), "{ended:?}");
    assert_eq!(arrived(&collector), expected);
}

/// While the backend is away senders are answered as ever and the process says that it is ready; the end
/// comes soon, everything is on disk, and the next start delivers it, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_away_costs_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = serve(folder.path(), AWAY, &["--lane-down-after", "100ms"]);
    assert!(server.banner.contains("disk"), "{}", server.banner);
    let mut client = client(&server).await;
    for id in 1..=20 {
        client.export(one_span(id)).await.expect("taken");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.ask("/readyz").0, 200);
    let (_, metrics) = server.ask("/metrics");
    for expected in [
        "spanreel_lane_items_on_disk{lane=\"otlp-grpc\",signal=\"traces\"} 20",
        "spanreel_spool_stuck 0",
    ] {
        assert!(metrics.contains(expected), "{expected} in {metrics}");
    }
    let begun = Instant::now();
    let ended = server.stop();
    assert!(begun.elapsed() < Duration::from_secs(8), "{ended:?}");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.report.contains("20 spooled"), "{ended:?}");
    let mode = std::fs::metadata(folder.path().join("spool")).expect("a directory");
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
    assert_eq!(mode & 0o777, 0o700);

    let collector = Collector::default();
    let backend = format!("grpc://{}", collector.listen().await);
    let server = serve(folder.path(), &backend, &[]);
    wait_until("all has arrived", || arrived(&collector).len() == 20).await;
    let ended = server.stop();
    assert!(ended.report.contains("20 exported"), "{ended:?}");
    assert_eq!(collector.spans().len(), 20, "once each");
}

/// A spool that is full has senders told to come back, says so, and takes more once there is room; with
/// `drop_oldest` senders do not notice, and what was given up is counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_has_senders_come_back_or_gives_up_the_oldest() {
    // Ten thousand spans take about 2 MB.
    let large = |first: u64| {
        let mut large = one_span(0);
        let span = large.resource_spans[0].scope_spans[0].spans[0].clone();
        let spans = (0..10_000).map(|number| {
            let mut span = span.clone();
            span.span_id = (first + number).to_be_bytes().to_vec();
            span.name = "x".repeat(100);
            span
        });
        large.resource_spans[0].scope_spans[0].spans = spans.collect();
        large
    };
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["--spool-size", "16MiB", "--patience", "200ms"];
    let mut server = serve(folder.path(), AWAY, &options);
    let mut sender = client(&server).await;
    let mut taken = 0;
    let refused = loop {
        match sender.export(large(1 + taken * 10_000)).await {
            Ok(_) => taken += 1,
            Err(refused) if server.ask("/readyz").0 == 503 => break refused,
            // A machine that is busy can refuse for want of time alone.
            Err(_) => {}
        }
        assert!(taken < 100, "it should be full");
    };
    assert!(taken >= 4, "{taken}");
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    server.wait_for("the spool is full");
    wait_until("not ready", || server.ask("/readyz").0 == 503).await;
    assert!(server.ask("/readyz").1.contains("the spool takes no more"));
    assert_eq!(server.ask("/healthz").0, 200);
    server.signal(Signal::KILL);
    server.wait();

    let collector = Collector::default();
    let backend = format!("grpc://{}", collector.listen().await);
    let patient = ["--spool-size", "16MiB", "--patience", "30s"];
    let server = serve(folder.path(), &backend, &patient);
    wait_until("all has arrived", || {
        arrived(&collector).len() as u64 >= taken * 10_000
    })
    .await;
    client(&server)
        .await
        .export(one_span(u64::MAX))
        .await
        .expect("there is room");
    assert_eq!(server.stop().code, Some(0));

    let folder = tempfile::tempdir().expect("a folder");
    let options = [&patient[..], &["--spool-full", "drop_oldest"]].concat();
    let server = serve(folder.path(), AWAY, &options);
    let mut sender = client(&server).await;
    for number in 0..12 {
        sender
            .export(large(1 + number * 10_000))
            .await
            .expect("taken");
    }
    let ended = server.stop();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.report.contains("evicted"), "{ended:?}");
}

/// A directory that cannot be used is told with its reason and with the option that names another, before
/// anything is received; and nothing in it is changed.
#[test]
fn a_directory_that_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), "x").expect("written");
    std::fs::create_dir_all(at("foreign/spool")).expect("made");
    std::fs::write(at("foreign/spool/photo.jpg"), "x").expect("written");
    std::fs::create_dir_all(at("newer/spool")).expect("made");
    std::fs::write(at("newer/spool/FORMAT"), "spanreel spool 99\n").expect("written");
    for (directory, expected) in [
        ("file", "Not a directory"),
        ("foreign", "holds files that are not a spool's"),
        ("newer", "was written by a later version (format 99)"),
    ] {
        let path = at(directory);
        let mut command = spanreel();
        command.arg("serve").args(super::server::ANY_PORT);
        command.args(["--export", AWAY, "--data-dir", path.to_str().expect("text")]);
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{expected} in {said}");
        assert!(said.contains("--data-dir"), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
    let names = std::fs::read_dir(at("newer/spool")).expect("it is there");
    assert_eq!(names.count(), 1);
}

/// A directory whose spool another process uses is shared, where no store stands in it: the second has a place
/// of its own below, says so, and what it leaves is delivered by whoever starts next.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_use_is_shared() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["--store", "off"];
    let first = serve(folder.path(), AWAY, &options);
    let mut second = serve(folder.path(), AWAY, &options);
    second.wait_for("another process uses the spool");
    client(&first)
        .await
        .export(one_span(1))
        .await
        .expect("taken");
    client(&second)
        .await
        .export(one_span(2))
        .await
        .expect("taken");
    assert_eq!(second.stop().code, Some(0));
    assert_eq!(first.stop().code, Some(0));
    let collector = Collector::default();
    let backend = format!("grpc://{}", collector.listen().await);
    let _server = serve(folder.path(), &backend, &[]);
    wait_until("both have arrived", || arrived(&collector) == [1, 2].into()).await;
}

/// Somebody removes the directory while it is in use: that is told, and what was acknowledged is written
/// again, so that it survives the process all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_removed_is_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = serve(folder.path(), AWAY, &[]);
    let mut sender = client(&server).await;
    sender.export(one_span(1)).await.expect("taken");
    std::fs::remove_dir_all(folder.path().join("spool")).expect("removed");
    server.wait_for("directory was removed or replaced");
    sender.export(one_span(2)).await.expect("taken");
    server.signal(Signal::KILL);
    server.wait();
    let collector = Collector::default();
    let backend = format!("grpc://{}", collector.listen().await);
    let _server = serve(folder.path(), &backend, &[]);
    wait_until("both have arrived", || arrived(&collector) == [1, 2].into()).await;
}
