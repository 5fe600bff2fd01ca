//! How long writes and reads wait while a store forgets.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use spanreel::Export as _;
use spanreel_store::{Patience, Retention, SessionQuery, SqliteStore, Store, StoreExporter};

use super::fill::{self, Plan};

/// A request of 2,048 spans comes so often where so many spans come in a second.
fn interval(rate: u64) -> Duration {
    Duration::from_secs(2_048) / u32::try_from(rate).expect("a rate")
}

/// How often a list is asked for.
const LOOK: Duration = Duration::from_millis(25);

/// How long forgetting is watched at the most: a busy machine may not get to its end.
const LONGEST: Duration = Duration::from_secs(45);

/// How long things took.
#[derive(Default)]
struct Took(Vec<f64>);

impl Took {
    fn print(mut self, what: &str) {
        self.0.sort_by(f64::total_cmp);
        let at = |share: usize| self.0[(self.0.len() * share / 100).min(self.0.len() - 1)];
        println!(
            "{what:44} p50 {:8.2}  p95 {:8.2}  p99 {:8.2}  most {:8.2} ms of {}",
            at(50),
            at(95),
            at(99),
            at(100),
            self.0.len()
        );
    }

    fn note(&mut self, begun: Instant) {
        self.0.push(begun.elapsed().as_secs_f64() * 1e3);
    }
}

/// Bytes of the store's files.
fn on_disk(directory: &Path) -> u64 {
    let files = ["sessions.db", "sessions.db-wal"];
    let sizes = files.map(|name| std::fs::metadata(directory.join(name)).map_or(0, |it| it.len()));
    sizes.iter().sum()
}

/// Writes and reads until `is_done`, in the way of `spanreel serve`, and says how long both took.
fn watch(
    what: &str,
    directory: &Path,
    retention: Retention,
    later: &mut (dyn Iterator<Item = spanreel::Request> + Send),
    rate: u64,
    is_done: impl Fn(&SqliteStore, Duration) -> bool + Sync,
) {
    let before = on_disk(directory);
    let store = Arc::new(SqliteStore::open(directory, retention).expect("a store"));
    let (exporter, _live) =
        StoreExporter::start(Arc::clone(&store) as Arc<dyn Store>).expect("threads");
    let over = AtomicBool::new(false);
    let begun = Instant::now();
    let (mut writes, mut reads, mut filtered) = (Took::default(), Took::default(), Took::default());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let mut ticks = tokio::time::interval(interval(rate));
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                while !over.load(Ordering::Relaxed) {
                    let request = later.next().expect("without end");
                    ticks.tick().await;
                    let begun = Instant::now();
                    exporter.export(request).await.expect("it is written");
                    writes.note(begun);
                }
            });
        });
        scope.spawn(|| {
            let patience = || Patience::of(Duration::from_secs(60));
            while !over.load(Ordering::Relaxed) {
                let mut query = SessionQuery::default();
                let begun = Instant::now();
                drop(store.sessions(&query, &patience()).expect("an answer"));
                reads.note(begun);
                pause(LOOK);
                query.filter.agent = Some("coder".to_owned());
                let begun = Instant::now();
                drop(store.sessions(&query, &patience()).expect("an answer"));
                filtered.note(begun);
                pause(LOOK);
            }
        });
        while !is_done(&store, begun.elapsed()) && begun.elapsed() < LONGEST {
            pause(Duration::from_millis(100));
        }
        over.store(true, Ordering::Relaxed);
    });
    let stats = store.stats();
    println!(
        "{what}: {:.1} s; {} sessions are left; files {} MB before, {} MB after",
        begun.elapsed().as_secs_f64(),
        stats.sessions,
        before >> 20,
        on_disk(directory) >> 20
    );
    writes.print("  a request of 2,048 spans, until it is stored");
    reads.print("  a list, the latest first");
    filtered.print("  a list of one agent");
    // Its threads end once they see that nothing comes any more; then the directory is free.
    drop(exporter);
    while Arc::strong_count(&store) > 1 {
        pause(Duration::from_millis(20));
    }
}

#[expect(clippy::disallowed_methods, reason = "the pace at which a page asks")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Forgets the older half because it is too much, then the rest because it is too old.
pub(crate) fn forget(directory: &Path, plan: &Plan, rate: u64) {
    let mut later = fill::later(plan);
    let all = SqliteStore::open(directory, Retention::default()).expect("a store");
    let stored = all.stats();
    drop(all);
    println!("{rate} spans come in a second meanwhile");
    watch(
        "nothing to forget",
        directory,
        Retention::default(),
        &mut later,
        rate,
        |_, elapsed| elapsed > Duration::from_secs(15),
    );
    let mut retention = Retention::default();
    retention.max_bytes = stored.bytes / 2;
    watch(
        "half is too much",
        directory,
        retention,
        &mut later,
        rate,
        |store, _| store.stats().bytes <= stored.bytes / 2,
    );
    // What comes is too old ten seconds later: in the end as much comes as goes.
    let mut retention = Retention::default();
    retention.max_age = Duration::from_secs(10);
    let most = 2 * rate * 10 / fill::USUAL + 1_000;
    watch(
        "all is too old",
        directory,
        retention,
        &mut later,
        rate,
        |store, _| store.stats().sessions <= most,
    );
}
