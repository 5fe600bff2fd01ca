//! What the gateway adds to a stream, beside direct connections in the same run.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;

use crate::passing::{chat, client};
use crate::provider::Provider;
use crate::spans::Rig;

const STREAMS: usize = 16;
const ROUNDS: usize = 4;

/// How long after its chunk before a chunk came, less the pause of the provider: for each chunk of so many
/// streams at once.
async fn delays(url: &str) -> Vec<Duration> {
    let client = client();
    let mut all = Vec::new();
    for _ in 0..ROUNDS {
        let streams = (0..STREAMS).map(|_| {
            let (client, request) = (client.clone(), chat(url, true));
            async move {
                let begun = Instant::now();
                let response = client.request(request).await.expect("it answers");
                let mut body = response.into_body();
                let mut delays = Vec::new();
                let mut due = begun;
                while let Some(frame) = body.frame().await {
                    frame.expect("whole");
                    delays.push(due.elapsed());
                    due = Instant::now() + PAUSE;
                }
                delays
            }
        });
        all.extend(futures::future::join_all(streams).await.concat());
    }
    all.sort();
    all
}

const PAUSE: Duration = Duration::from_millis(5);

fn quantile(sorted: &[Duration], share: f64) -> Duration {
    sorted[(sorted.len() as f64 * share) as usize]
}

/// With 16 streams at once, a chunk comes through the gateway hardly later than without it. The bound is for
/// a machine that does much else; the figures are printed.
#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_is_hardly_later() {
    let provider = Provider::pausing(PAUSE);
    let direct = format!("http://{}", provider.listen().await);
    let rig = Rig::start(provider).await;
    let through = format!("{}/openai", rig.url());
    // Both ways once, for what is done but once.
    delays(&direct).await;
    delays(&through).await;
    let (direct, through) = (delays(&direct).await, delays(&through).await);
    for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
        let (direct, through) = (quantile(&direct, share), quantile(&through, share));
        eprintln!("{name}: direct {direct:?}, through the gateway {through:?}");
    }
    let added = quantile(&through, 0.5).saturating_sub(quantile(&direct, 0.5));
    assert!(added < Duration::from_millis(200), "added {added:?}");
    rig.stop();
}
