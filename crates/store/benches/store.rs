//! How many spans a second can the store in SQLite take, how fast are queries with many stored, and how much
//! disk does a span take?
//!
//! `cargo bench -p spanreel-store -- SPANS` fills a store with so many (200,000 without it, in sessions of 50,
//! of which 160 are open at any time) and prints a table. Content is not captured: it would be measured
//! instead of the store.

#![expect(clippy::print_stdout, reason = "a bench shows what it measured")]

#[path = "../tests/store/telemetry.rs"]
#[expect(dead_code, reason = "tests use the rest")]
mod telemetry;

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use spanreel::Request;
use spanreel_store::{
    Buckets, By, Filter, Patience, Retention, SessionQuery, Sort, SqliteStore, Store,
};

/// Spans of a session.
const SPANS: u64 = 50;

/// Sessions that are open at once.
const OPEN: u64 = 160;

/// Spans of a request.
const BATCH: usize = 8_192;

/// When the first session starts, in microseconds since 1970.
const BEGIN: u64 = 1_790_000_000_000_000;

/// Time that this thread has computed: what others on the machine do does not count.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn patience() -> Patience {
    Patience::of(Duration::from_secs(60))
}

/// The spans of sessions that run beside one another, in requests.
fn requests(sessions: u64) -> impl Iterator<Item = Request> {
    let rounds = sessions.div_ceil(OPEN);
    let spans = (0..rounds).flat_map(move |round| {
        (0..SPANS).flat_map(move |index| {
            let from = round * OPEN;
            (from..(from + OPEN).min(sessions)).map(move |number| {
                telemetry::usual_span(number, index, SPANS, BEGIN + number * 1_000_000)
            })
        })
    });
    let mut spans = spans.peekable();
    std::iter::from_fn(move || {
        spans.peek()?;
        let batch: Vec<_> = spans.by_ref().take(BATCH).collect();
        Some(telemetry::spans("bench", batch))
    })
}

/// The median and the 95th percentile of how long it takes, and the median of what it computes.
fn time(name: &str, times: usize, mut ask: impl FnMut(u64)) {
    let (mut took, mut busy): (Vec<f64>, Vec<f64>) = Default::default();
    for number in 0..times as u64 {
        let (begun, before) = (Instant::now(), computed());
        ask(number);
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        busy.push((computed() - before).as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    busy.sort_by(f64::total_cmp);
    let (p50, p95, cpu) = (took[times / 2], took[times * 95 / 100], busy[times / 2]);
    println!("{name:40} p50 {p50:8.2} ms   p95 {p95:8.2} ms   computed {cpu:8.2} ms");
}

fn main() {
    let asked = std::env::args()
        .filter_map(|argument| argument.parse::<u64>().ok())
        .next();
    let spans = asked.unwrap_or(200_000);
    let sessions = spans / SPANS;
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let store = SqliteStore::open(directory.path(), Retention::default()).expect("a store");
    let (mut wire, mut written, mut busy, mut cpu) = (0, 0, Duration::ZERO, Duration::ZERO);
    let mut slowest = Duration::ZERO;
    for request in requests(sessions) {
        wire += request.encoded_len() as u64;
        written += request.items();
        let (begun, before) = (Instant::now(), computed());
        store.write(&[request]).expect("it can be written");
        let took = begun.elapsed();
        busy += took;
        cpu += computed() - before;
        slowest = slowest.max(took);
    }
    let stats = store.stats();
    assert_eq!((stats.sessions, stats.spans), (sessions, written));
    let rate = written as f64 / busy.as_secs_f64();
    println!(
        "{written} spans of {sessions} sessions: {rate:.0} spans/s, slowest write {slowest:?}"
    );
    let by_cpu = written as f64 / cpu.as_secs_f64();
    println!("{by_cpu:.0} spans for each second of computing");
    println!(
        "OTLP {:.0} bytes a span, on disk {:.0}: {:.0} %",
        wire as f64 / written as f64,
        stats.bytes as f64 / written as f64,
        stats.bytes as f64 / wire as f64 * 100.0
    );
    queries(&store, sessions);
}

fn queries(store: &SqliteStore, sessions: u64) {
    let list = |change: &dyn Fn(&mut SessionQuery)| {
        let mut query = SessionQuery::default();
        change(&mut query);
        store.sessions(&query, &patience()).expect("an answer")
    };
    let filter = |change: &dyn Fn(&mut Filter)| {
        list(&|query| change(&mut query.filter));
    };
    time("list, latest first", 40, |_| drop(list(&|_| {})));
    for sort in ["-cost", "-duration", "-tokens", "-errors", "start"] {
        time(&format!("list, sort={sort}"), 20, |_| {
            list(&|query| query.sort = Sort::from_word(sort).expect("a sort"));
        });
    }
    time("list, state=failed", 20, |_| {
        filter(&|filter| filter.state = spanreel_store::State::from_name("failed"));
    });
    time("list, agent=coder", 20, |_| {
        filter(&|it| it.agent = Some("coder".to_owned()))
    });
    time("list, model=gpt-5-mini", 20, |_| {
        filter(&|it| it.model = Some("gpt-5-mini".to_owned()))
    });
    time("list, user=u-N", 20, |number| {
        filter(&|it| it.user = Some(format!("u-{number}")))
    });
    time("list, tenant=blue, cost above 0.2", 20, |_| {
        filter(&|it| {
            it.attributes = vec![("tenant".to_owned(), "blue".to_owned())];
            it.min_cost = Some(0.2);
        });
    });
    time("text, in 5 % of sessions and fewer", 20, |_| {
        filter(&|it| it.text = Some("u 17".to_owned()))
    });
    time("text, in every session", 20, |_| {
        filter(&|it| it.text = Some("timeout search".to_owned()))
    });
    time("a session with its totals", 50, |number| {
        let id = format!("conv-{:08x}", telemetry::mix(number) % sessions);
        assert!(
            store
                .session(&id, &patience())
                .expect("an answer")
                .is_some()
        );
    });
    time("its spans", 50, |number| {
        let id = format!("conv-{:08x}", telemetry::mix(number) % sessions);
        let page = store
            .spans(&id, 10_000, None, &patience())
            .expect("an answer");
        assert_eq!(page.expect("it is there").items.len() as u64, SPANS);
    });
    let end = BEGIN + sessions * 1_000_000;
    let buckets = Buckets {
        from_us: BEGIN as i64,
        to_us: end as i64,
        count: 60,
    };
    time("activity of all time", 10, |_| {
        drop(
            store
                .activity(&Filter::default(), Some(&buckets), 60, &patience())
                .expect("an answer"),
        );
    });
    time("usage by model, all time", 10, |_| {
        drop(
            store
                .usage(By::Model, &buckets, &patience())
                .expect("an answer"),
        );
    });
    time("latency by model, all time", 10, |_| {
        drop(
            store
                .latency(By::Model, buckets.from_us, buckets.to_us, &patience())
                .expect("an answer"),
        );
    });
    let large: Vec<_> = (0..1_000)
        .map(|index| telemetry::usual_span(u64::MAX >> 20, index, 1_000, BEGIN))
        .collect();
    store
        .write(&[telemetry::spans("bench", large)])
        .expect("it can be written");
    let id = format!("conv-{:08x}", u64::MAX >> 20);
    time("a session of 1,000 spans", 20, |_| {
        let page = store
            .spans(&id, 10_000, None, &patience())
            .expect("an answer");
        assert_eq!(page.expect("it is there").items.len(), 1_000);
    });
}
