//! Which sessions are forwarded, as the file says it.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::Status;
use rustix::process::Signal;

use super::collector::Collector;
use super::server::{File, Server, request};

/// The value of a line of /metrics.
fn metric(server: &Server, name: &str) -> f64 {
    let (_, page) = server.ask("/metrics");
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    let value = line.unwrap_or_else(|| panic!("{name} in {page}"));
    value.parse().expect(name)
}

/// Sessions that failed are forwarded, whole, and the others are not; /metrics tell which policy decided,
/// the end that nothing was lost. A hangup applies other policies to sessions that begin from then on.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_forwarded_as_the_file_says() {
    let collector = Collector::default();
    let backend = collector.listen().await;
    let policy = "[[sampling.policy]]\nname = \"failed\"\nwhen = \"errors\"\nthen = \"keep\"\n";
    let text = |ratio: &str| {
        format!(
            "batch-delay = \"10ms\"\n[[export]]\nurl = \"grpc://{backend}\"\n[sampling]\nratio = {ratio}\n{policy}"
        )
    };
    let file = File::new(&text("0.0"));
    let mut server = Server::start(&["--config", file.name()]);
    let mut client = TraceServiceClient::connect(format!("http://{}", server.grpc()))
        .await
        .expect("it listens");
    let spans = |session: &str, fails: bool| {
        let mut request = request(session, 4);
        let spans = &mut request.resource_spans[0].scope_spans[0].spans;
        for span in spans.iter_mut() {
            span.trace_id = [[9; 8].as_slice(), &[session.len() as u8; 8]].concat();
        }
        if fails {
            let status = Status {
                code: 2,
                ..Status::default()
            };
            spans[2].status = Some(status);
        }
        // The root comes last, and by itself.
        let mut last = spans.pop().expect("four");
        let mut root = request.clone();
        last.parent_span_id.clear();
        root.resource_spans[0].scope_spans[0].spans = vec![last];
        [request, root]
    };
    for [first, root] in [spans("fails", true), spans("is fine", false)] {
        client.export(first).await.expect("taken");
        client.export(root).await.expect("taken");
    }
    while metric(
        &server,
        "spanreel_sampling_sessions_total{policy=\"rest\",verdict=\"dropped\"}",
    ) < 1.0
    {}
    let kept = "spanreel_sampling_items_total{policy=\"failed\",verdict=\"kept\"}";
    assert!((metric(&server, kept) - 4.0).abs() < 1e-9);
    assert!(metric(&server, "spanreel_sampling_undecided").abs() < 1e-9);

    std::fs::write(&file.path, text("1.0")).expect("written");
    server.signal(Signal::HUP);
    let applied = server.wait_for("was read again");
    assert!(applied.contains("sampling"), "{applied}");
    for request in spans("is fine, too", false) {
        client.export(request).await.expect("taken");
    }
    let [late, _] = spans("is fine", false);
    client.export(late).await.expect("taken");
    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.report.contains("nothing was lost"), "{ended:?}");
    let mut sessions: Vec<_> = collector
        .spans()
        .iter()
        .map(|span| span.trace_id[15])
        .collect();
    sessions.sort_unstable();
    let (fails, too) = ("fails".len() as u8, "is fine, too".len() as u8);
    assert_eq!(sessions, [[fails; 4], [too; 4]].concat());
}
