//! The spool between a network that parts and a disk that loses power: an agent's process and a backend as hosts of
//! a simulated network, with a simulated clock and a simulated disk.
//!
//! The log, the keeper, the shelf, the feed, the lane and its deliveries are those of a pipeline; the exporter speaks
//! a few bytes of its own over the network of the simulation. Which faults come when follows from a seed; the
//! back-off of deliveries has chance of its own. `SPANREEL_SIMULATIONS` says how many seeds (30),
//! `SPANREEL_FAULT_SEED` runs one alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32};

use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use turmoil::net::{TcpListener, TcpStream};

use super::*;
use crate::actors::deadline::Deadline;
use crate::actors::exporter::delivery::LaneCounters;
use crate::actors::exporter::{DynExport, ExportError, LaneSettings, lane};
use crate::actors::mailbox::bounded;
use crate::actors::run::run;
use crate::actors::spool::feed::Feed;
use crate::model::request::Request;

const AGENT: &str = "agent";
const BACKEND: &str = "backend";
const PORT: u16 = 4317;
const TICK: Duration = Duration::from_millis(5);
/// Small, so that a lane falls behind and segments come and go.
const ROOM: Room = Room {
    memory: 4_000,
    disk: 2_000,
    group: 2_000,
};
const SPOOL: u64 = 64 << 10;
/// How long everything may take to arrive when the weather is good again: more than the longest back-off.
const PATIENCE: Duration = Duration::from_secs(120);

/// A record, and what tells that it is durable.
type Told = (u32, Arc<Ticket>);

/// Chance that follows from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What survives the hosts.
#[derive(Clone, Default)]
struct World {
    disk: SimDisk,
    /// The number of the next record.
    next: Arc<AtomicU32>,
    /// What the agent was told to be durable.
    acknowledged: Arc<Mutex<BTreeSet<u32>>>,
    /// What the backend took, and how often.
    received: Arc<Mutex<BTreeMap<u32, u32>>>,
    /// Nothing more is to be recorded.
    is_over: Arc<AtomicBool>,
    /// All is delivered that the agent had.
    is_drained: Arc<AtomicBool>,
}

/// A record: a mark, its number, and as many bytes as follow from it.
fn record(number: u32) -> Vec<u8> {
    let mut bytes = vec![0x0d];
    bytes.extend(number.to_le_bytes());
    bytes.resize(bytes.len() + filling(number), b'x');
    bytes
}

fn filling(number: u32) -> usize {
    number as usize * 37 % 900
}

/// The numbers of records in a row, none of whose bytes is another than it was.
fn numbers(mut bytes: &[u8]) -> Vec<u32> {
    let mut numbers = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        assert_eq!(head[0], 0x0d, "a record begins");
        let number = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
        let (filled, rest) = rest.split_at(filling(number));
        assert!(filled.iter().all(|byte| *byte == b'x'), "it is unchanged");
        numbers.push(number);
        bytes = rest;
    }
    assert!(bytes.is_empty(), "no part of a record is left");
    numbers
}

/// An exporter over the simulated network: a length and a request; the backend answers with a byte.
struct Link;

impl DynExport for Link {
    fn export(&self, request: Request) -> BoxFuture<'_, Result<(), ExportError>> {
        Box::pin(async move {
            let bytes = request.to_bytes();
            let exchange = async {
                let mut stream = TcpStream::connect((BACKEND, PORT)).await?;
                stream.write_u32_le(bytes.len() as u32).await?;
                stream.write_all(&bytes).await?;
                stream.read_u8().await
            };
            let answer = exchange.await;
            answer.map(drop).map_err(ExportError::retryable)
        })
    }
}

/// The backend: takes whatever comes, and says so.
#[expect(clippy::disallowed_methods, reason = "a host of the simulation")]
async fn backend(world: World) -> turmoil::Result {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let world = world.clone();
        // One that breaks off is asked again.
        tokio::spawn(async move {
            let len = stream.read_u32_le().await?;
            let mut bytes = vec![0; len as usize];
            stream.read_exact(&mut bytes).await?;
            for number in numbers(&bytes) {
                let mut received = world.received.lock().expect("no panic under it");
                *received.entry(number).or_default() += 1;
            }
            stream.write_u8(1).await
        });
    }
}

/// The agent's process: records, keeps, delivers, until all is delivered.
#[expect(clippy::disallowed_methods, reason = "a host of the simulation")]
async fn agent(world: World) -> turmoil::Result {
    // A disk that fails now is tried again, as by whoever starts the process again.
    let (mut keeper, books, spool) = loop {
        match open(&world.disk, SpoolFull::Block, ROOM, SPOOL) {
            Ok(opened) => break opened,
            Err(_) => tokio::time::sleep(TICK).await,
        }
    };
    let deadline = Deadline::default();
    let settings = LaneSettings {
        timeout: Duration::from_millis(700),
        concurrency: NonZeroUsize::new(2).expect("two"),
        ..LaneSettings::of("lane")
    };
    let (mailbox, inbox) = bounded(4);
    let counters = Arc::new(LaneCounters::default());
    let lane = lane::Lane::new(Arc::new(Link), settings, deadline.clone(), counters)
        .with_spool(Some(spool.clone()));
    let feed = Feed {
        spool: spool.clone(),
        lane: Arc::new(mailbox),
        slots: Arc::clone(lane.slots()),
        deadline: deadline.clone(),
        last: CancellationToken::new(),
    };
    tokio::spawn(feed.run());
    tokio::spawn(run(lane, inbox, deadline));
    let told = Arc::new(Mutex::new(Vec::new()));
    tokio::spawn(records(
        world.clone(),
        spool.clone(),
        Arc::clone(&books),
        Arc::clone(&told),
    ));
    let mut idle = 0;
    loop {
        let taken = spool.desk.take(Some(Duration::ZERO));
        let _due = keeper.turn(taken, &mut ());
        let is_waiting = {
            let mut told = told.lock().expect("no panic under it");
            told.retain(|(number, ticket): &Told| {
                let is_durable = ticket.exposed() == 0;
                if is_durable {
                    world.acknowledge(*number);
                }
                !is_durable
            });
            !told.is_empty()
        };
        let counts = books.of(Signal::Traces).counts();
        assert!(
            counts.settled() + counts.on_disk() <= counts.entered(),
            "{counts:?}"
        );
        let is_done = counts.settled() == counts.entered() && !is_waiting;
        idle = if is_done && world.is_over() {
            idle + 1
        } else {
            0
        };
        if idle == 20 {
            assert_eq!(counts.of(Fate::Exported), counts.entered(), "{counts:?}");
            world.is_drained.store(true, Ordering::Release);
        }
        tokio::time::sleep(TICK).await;
    }
}

/// Records one after the other until it is over; who is to be told is noted before it is on the desk.
async fn records(world: World, spool: LaneSpool, books: Arc<Books>, told: Arc<Mutex<Vec<Told>>>) {
    while !world.is_over() {
        let number = world.next.fetch_add(1, Ordering::AcqRel);
        let ticket = Arc::default();
        let tally = books.of(Signal::Traces).enter(1);
        let entry = spool.entry(tally.owed_to(Shares::of(&ticket, 1)), None);
        told.lock()
            .expect("no panic under it")
            .push((number, ticket));
        let request = vec![(Bytes::from(record(number)), 1)];
        let parcel = Parcel::of_requests(Signal::Traces, request);
        let appended = spool.desk.append(parcel, vec![entry]).await;
        appended.expect("the keeper is there");
        tokio::time::sleep(TICK).await;
    }
}

impl World {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    fn acknowledge(&self, number: u32) {
        let mut acknowledged = self.acknowledged.lock().expect("no panic under it");
        acknowledged.insert(number);
    }
}

/// One world from its beginning until everything has arrived.
fn simulate(seed: u64) {
    let mut chance = Chance(seed);
    let world = World::default();
    let mut simulation = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(Duration::from_secs(3600))
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(50))
        .build();
    let of_backend = world.clone();
    simulation.host(BACKEND, move || backend(of_backend.clone()));
    let of_agent = world.clone();
    simulation.host(AGENT, move || agent(of_agent.clone()));
    let restart = |simulation: &mut turmoil::Sim<'_>, dies: &mut dyn FnMut(&SimDisk)| {
        simulation.crash(AGENT);
        dies(&world.disk);
        simulation.bounce(AGENT);
    };
    for _ in 0..25 {
        match chance.below(12) {
            0 => simulation.partition(AGENT, BACKEND),
            1 => simulation.partition_oneway(BACKEND, AGENT),
            2 => simulation.hold(AGENT, BACKEND),
            3 | 4 => clear(&simulation),
            5 => {
                simulation.crash(BACKEND);
                simulation.bounce(BACKEND);
            }
            6 | 7 => restart(&mut simulation, &mut SimDisk::kill),
            8 | 9 => restart(&mut simulation, &mut |disk| {
                disk.cut_power(|| chance.below(2) == 0);
            }),
            10 => world.disk.fail_sync_after(chance.below(8) as u32),
            _ => {
                let room = [None, Some(20_000)][chance.below(2) as usize];
                world.disk.set_capacity(room);
            }
        }
        for _ in 0..chance.below(200) {
            simulation.step().expect("no host fails");
        }
    }
    clear(&simulation);
    world.disk.set_capacity(None);
    world.is_over.store(true, Ordering::Release);
    let begun = simulation.elapsed();
    while !world.is_drained.load(Ordering::Acquire) {
        simulation.step().expect("no host fails");
        assert!(simulation.elapsed() - begun < PATIENCE, "not all arrives");
    }
    let acknowledged = world.acknowledged.lock().expect("no panic under it");
    let received = world.received.lock().expect("no panic under it");
    let missing = |number: &&u32| !received.contains_key(number);
    let missing: Vec<_> = acknowledged.iter().filter(missing).collect();
    assert!(missing.is_empty(), "never arrived: {missing:?}");
    let most = world.next.load(Ordering::Acquire);
    assert!(
        received.keys().all(|number| *number < most),
        "out of nothing"
    );
    // What was torn in a power cut is kept, beside the cursor; nothing that waits.
    let left = world.disk.list().expect("listed");
    assert!(left.iter().all(|name| !name.ends_with(".seg")), "{left:?}");
}

/// The network is whole again.
fn clear(simulation: &turmoil::Sim<'_>) {
    simulation.release(AGENT, BACKEND);
    simulation.repair(AGENT, BACKEND);
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by their own variables"
)]
fn number_of(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("it is a number"))
}

/// Whatever the network and the disk do, and however often the process dies of it: what was acknowledged arrives,
/// unchanged, the books add up, and nothing stays on disk.
#[test]
fn what_was_acknowledged_arrives_whatever_fails() {
    let seeds = match number_of("SPANREEL_FAULT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_of("SPANREEL_SIMULATIONS").unwrap_or(30),
    };
    for seed in seeds {
        let simulated = std::panic::catch_unwind(|| simulate(seed));
        assert!(simulated.is_ok(), "again with SPANREEL_FAULT_SEED={seed}");
    }
}
