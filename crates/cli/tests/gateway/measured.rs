//! What is measured of calls that pass the gateway.

use http_body_util::BodyExt;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use crate::passing::{chat, client};
use crate::provider::{CHUNKS, Provider};
use crate::server::File;
use crate::spans::Rig;

/// One call as JSON and one as a stream.
async fn call(rig: &Rig) {
    let client = client();
    for is_stream in [false, true] {
        let request = chat(&format!("{}/openai", rig.url()), is_stream);
        let response = client.request(request).await.expect("it answers");
        response.into_body().collect().await.expect("whole");
    }
}

/// The value of the one sample whose name and labels hold all of these.
#[track_caller]
fn sample(page: &str, parts: &[&str]) -> f64 {
    let is_it = |line: &&str| parts.iter().all(|part| line.contains(part));
    let found: Vec<&str> = page.lines().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{parts:?} in {page}");
    let value = found[0].rsplit(' ').next().expect("a value");
    value.parse().expect("a number")
}

/// Calls are measured whatever sampling decides: `/metrics` has the client metrics of the GenAI conventions, the
/// exports have them where that is asked for, and no span is forwarded.
#[tokio::test(flavor = "multi_thread")]
async fn unsampled_calls_are_measured() {
    let file = File::new("[sampling]\nratio = 0.0\n");
    let options = ["--config", file.name(), "--genai-metrics-export"];
    let rig = Rig::with(Provider::default(), &options).await;
    call(&rig).await;
    let page = rig.server.ask("/metrics").1;
    assert!(page.ends_with("# EOF\n"), "{page}");
    for kind in [
        "# TYPE gen_ai_client_token_usage histogram",
        "# TYPE gen_ai_client_operation_duration_seconds histogram",
        "# UNIT gen_ai_client_operation_duration_seconds seconds",
    ] {
        assert!(page.contains(kind), "{kind} in {page}");
    }
    let count = |metric: &str, labels: &[&str]| {
        let name = format!("gen_ai_client_{metric}");
        sample(
            &page,
            &[&[name.as_str(), "gen_ai_request_model=\"gpt-5\""], labels].concat(),
        )
    };
    assert!((count("operation_duration_seconds_count{", &[]) - 2.0).abs() < 1e-9);
    assert!((count("operation_duration_seconds_bucket{", &["le=\"+Inf\""]) - 2.0).abs() < 1e-9);
    assert!((count("operation_time_to_first_chunk_seconds_count{", &[]) - 1.0).abs() < 1e-9);
    // Pauses between the chunks that had an event.
    let pauses = count("operation_time_per_output_chunk_seconds_count{", &[]);
    assert!((pauses - CHUNKS as f64).abs() < 1e-9, "{pauses}");
    // The stream tells no usage: nobody asked for it.
    for (kind, tokens) in [("input", 20.0), ("output", 5.0)] {
        let kind = format!("gen_ai_token_type=\"{kind}\"");
        assert!((count("token_usage_count{", &[&kind]) - 1.0).abs() < 1e-9);
        assert!((count("token_usage_sum{", &[&kind]) - tokens).abs() < 1e-9);
    }
    assert!((sample(&page, &["spanreel_tokens_total "]) - 25.0).abs() < 1e-9);

    let (metrics, spans) = rig.stop_measured();
    assert!(spans.is_empty(), "{spans:?}");
    let duration = metrics
        .iter()
        .rfind(|it| it.name == "gen_ai.client.operation.duration");
    let Some(Data::Histogram(duration)) = duration.and_then(|it| it.data.as_ref()) else {
        panic!("{metrics:?}");
    };
    let calls: u64 = duration.data_points.iter().map(|point| point.count).sum();
    assert_eq!(calls, 2);
}

/// With `all`, what is recorded is measured by its span and nothing is counted twice; with `off` nothing is.
#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_measured_once() {
    for (setting, calls) in [("all", 2.0), ("off", 0.0)] {
        let rig = Rig::with(Provider::default(), &["--genai-metrics", setting]).await;
        call(&rig).await;
        let deadline = std::time::Instant::now() + crate::server::LONG;
        let counted = loop {
            let page = rig.server.ask("/metrics").1;
            let is_count =
                |line: &&str| line.starts_with("gen_ai_client_operation_duration_seconds_count");
            let counts = page.lines().filter(is_count);
            let values = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
            let counted: f64 = values.sum();
            if counted >= calls || std::time::Instant::now() > deadline {
                break counted;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        assert!((counted - calls).abs() < 1e-9, "{setting}: {counted}");
        assert!(rig.stop_measured().0.is_empty(), "nothing is exported");
    }
}
