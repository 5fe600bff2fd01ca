//! Mailboxes and actors, in the order of the diagram; the only file that starts tasks.

pub(super) mod own_runtime;
mod side;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::config::Config;
use super::finish::{Finish, Guard};
use super::{Inner, LaneHandle, Pipeline, QueueHandle, orphans, room};
use crate::actors::apart::Apart;
use crate::actors::batcher::Batcher;
use crate::actors::batcher::config::Seal;
use crate::actors::batcher::lane_end::LaneEnd;
use crate::actors::clock::{Clock, Wall};
use crate::actors::deadline::Deadline;
use crate::actors::exporter::delivery::LaneCounters;
use crate::actors::exporter::lane::Lane;
use crate::actors::exporter::{DynExport, LaneSettings};
use crate::actors::fork::Fork;
use crate::actors::intake::{self, Intake};
use crate::actors::mailbox::{Gauge, Inbox, Mailbox, bounded};
use crate::actors::notice::Notice;
use crate::actors::pool::Pool;
use crate::actors::processor::{Processor, Processors};
use crate::actors::road::Msg;
use crate::actors::run::{Actor, Exit, run};
use crate::actors::sampler::Sampler;
use crate::actors::sampler::counters::SamplerCounters;
use crate::actors::sampler::journal::Journal;
use crate::actors::sampler::own::Sample;
use crate::actors::session::head::Head;
use crate::actors::session::shared::Shared;
use crate::actors::session::sweeper::Sweeper;
use crate::actors::session::will::Wills;
use crate::actors::spool::desk::LaneSpool;
use crate::actors::spool::feed::Feed;
use crate::actors::spool::handle::{End, Running};
use crate::model::ledger::Books;
use crate::model::redaction::Redactor;
use crate::model::request::Signal;
use crate::model::resource::Origin;
use crate::model::sampling::case::Plans;
use crate::model::sampling::plan::Plan as SamplingPlan;

/// Messages that may wait between two stages.
const STAGE_MESSAGES: usize = 64;
/// Flushes that may wait for one another.
const FLUSHES: usize = 16;
/// How long the first stage lets chunks gather: being woken for each would cost its sender more
/// than the chunk. Not where somebody waits for the delivery: whole requests come there, which are worth it.
const NAP: Duration = Duration::from_millis(1);

/// Everything a pipeline is made of, checked.
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) origin: Arc<Origin>,
    pub(crate) lanes: Vec<LanePlan>,
    /// Those that stand before the sampler.
    pub(crate) early: Vec<LanePlan>,
    pub(crate) processors: Processors,
    pub(crate) redactor: Option<Arc<Redactor>>,
    pub(crate) sampling: SamplingPlan,
    pub(crate) sample: Option<Box<dyn Sample>>,
    /// With a place for each lane.
    pub(crate) spool: Option<Running>,
}

pub(crate) struct LanePlan {
    pub(crate) exporter: Arc<dyn DynExport>,
    pub(crate) settings: LaneSettings,
    pub(crate) books: Arc<Books>,
}

/// Starts the actors on `runtime`.
pub(crate) fn start_on(plan: Plan, runtime: &Handle) -> Pipeline {
    let Plan {
        config,
        origin,
        lanes,
        early,
        processors,
        redactor,
        sampling,
        sample,
        spool,
    } = plan;
    let deadline = Deadline::default();
    let pool = Pool::new(config.budget.as_usize());
    let mut tasks = Tasks {
        runtime,
        deadline: &deadline,
        running: Vec::new(),
    };

    let wanted = wanted(lanes.iter().chain(&early));
    let books = Arc::new(Books::default());
    let processing = !processors.is_empty() || redactor.is_some();
    let mut journal = None;
    let (spools, spool_end, spool_gauge, door, left_open) = match spool {
        Some(it) => {
            let (desk, most) = (Arc::clone(&it.end.desk), it.most_undecided);
            let is_eager = it.lanes.iter().any(|lane| lane.always);
            let of_sampler = Journal::new(desk, is_eager, most, it.undecided);
            journal = Some(of_sampler.telling_who(!processing).entering(&books));
            let (end, gauge, door) = (Some(it.end), Some(it.gauge), Some(it.door));
            (it.lanes, end, gauge, door, it.left_open)
        }
        None => (Vec::new(), None, None, None, Vec::new()),
    };
    let desk = spool_end.as_ref().map(|end| Arc::clone(&end.desk));
    let last = CancellationToken::new();
    let (lane_ends, mut lane_handles) = start_lanes(lanes, spools, &last, &config, &mut tasks);
    let mut queues = Vec::new();

    let (to_batcher, inbox) = stage("batcher", STAGE_MESSAGES, &mut queues);
    let batcher = Batcher::new(lane_ends, config.batch.clone(), config.log_batch.clone());
    let batcher = batcher.ending(last.drop_guard());
    tasks.spawn(batcher, inbox);

    let splits = processing || sample.is_some();
    let gathers = config.batch.seal == Seal::WhenDue;
    let gathering = |inbox: Inbox<Msg>| match gathers {
        true => inbox.napping(NAP),
        false => inbox,
    };
    let room_of = |is_first| match is_first {
        true => room::head_capacity(&config),
        false => STAGE_MESSAGES,
    };
    let is_first = !processing && early.is_empty();
    let (mut head, mut inbox) = stage("sampler", room_of(is_first), &mut queues);
    if is_first {
        inbox = gathering(inbox);
    }
    let clock = Clock::new();
    let plans = Arc::new(Plans::new(sampling));
    let sampler = Arc::new(SamplerCounters::default());
    let judges_itself = sample.is_some();
    tasks.spawn(
        Sampler::new(
            to_batcher,
            Arc::clone(&plans),
            sample,
            Arc::clone(&pool),
            clock.clone(),
            Arc::clone(&sampler),
        )
        .with_journal(journal),
        inbox,
    );

    if !early.is_empty() {
        let (side, handles) = side::start(early, &config, &mut queues, &mut tasks);
        lane_handles.extend(handles);
        let (to_fork, mut inbox) = stage("fork", room_of(!processing), &mut queues);
        if !processing {
            inbox = gathering(inbox);
        }
        let to_sampler = std::mem::replace(&mut head, to_fork);
        tasks.spawn(Fork::new(to_sampler, side), inbox);
    }

    if processing {
        let (to_processor, inbox) = stage("processor", room_of(true), &mut queues);
        let to_sampler = std::mem::replace(&mut head, to_processor);
        tasks.spawn(
            Processor::new(to_sampler, Arc::clone(&pool), processors, redactor.clone()),
            gathering(inbox),
        );
    }
    queues.reverse();

    let (to_sweeper, sweeper_inbox) = bounded(FLUSHES);
    let shared = Arc::new(Shared {
        wall: Wall::new(&clock),
        anchor: clock.anchor(),
        clock,
        limits: config.limits.clone(),
        plans,
        config: config.sessions.clone(),
        propagators: config.propagators.clone(),
        baggage: config.baggage.clone(),
        content: config.content,
        redactor,
        when_full: config.when_full,
        pool,
        books,
        origin,
        head: Apart(Head::new(head)),
        sweeper: Head::new(to_sweeper),
        registry: Default::default(),
        linger: Default::default(),
        delegations: Default::default(),
        wanted,
        bundles: Default::default(),
        tells_apart: judges_itself,
        usual_size: Default::default(),
        forked: forkguard::new(),
        closed: AtomicBool::new(false),
        over: CancellationToken::new(),
        incomplete: Default::default(),
    });
    let wills = desk.clone().map(|desk| Wills::new(desk, !processing));
    let sweeper = Sweeper::new(Arc::clone(&shared)).with_wills(wills);
    tasks.spawn(sweeper, sweeper_inbox);

    let finish = Arc::new(Finish::default());
    let running = tasks.running;
    let spool_end = spool_end.map(|end| (end, deadline.clone()));
    runtime.spawn(supervise(running, spool_end, finish.guard()));
    tracing::info!(
        target: "spanreel",
        budget = %config.budget,
        lanes = lane_handles.len(),
        "pipeline started; it holds at most its budget"
    );
    let intake = intake::Core::new(Arc::clone(&shared), splits, spool_gauge.clone());
    let intake = Arc::new(intake);
    if let Some(desk) = desk.filter(|_| !left_open.is_empty()) {
        let intake = Intake::new(&intake);
        runtime.spawn(orphans::close(intake, left_open, desk, deadline.clone()));
    }
    Pipeline {
        inner: Arc::new(Inner {
            intake,
            shared,
            deadline,
            finish,
            lanes: lane_handles,
            queues,
            spool: spool_gauge,
            door,
            sampler,
            judges_itself,
            runtime: runtime.clone(),
        }),
    }
}

/// Which signals some lane takes.
fn wanted<'a>(lanes: impl Iterator<Item = &'a LanePlan> + Clone) -> [bool; Signal::ALL.len()] {
    Signal::ALL.map(|signal| {
        let takes = |lane: &LanePlan| lane.settings.signals.contains(&signal);
        lanes.clone().any(takes)
    })
}

/// Starts a lane for each exporter. Several lanes share half of the budget, so that one that is
/// stuck cannot starve the others of memory; a sole lane makes the batcher wait instead.
fn start_lanes(
    lanes: Vec<LanePlan>,
    spools: Vec<LaneSpool>,
    last: &CancellationToken,
    config: &Config,
    tasks: &mut Tasks<'_>,
) -> (Vec<LaneEnd>, Vec<LaneHandle>) {
    let count = lanes.len();
    let share = room::lane_share(config, count);
    let (mut ends, mut handles) = (Vec::new(), Vec::new());
    let spools = spools.into_iter().map(Some).chain(std::iter::repeat(None));
    for (plan, spool) in lanes.into_iter().zip(spools) {
        let LanePlan {
            exporter,
            settings,
            books,
        } = plan;
        exporter.pipeline_starts();
        let under_way = settings.concurrency.get().min((share / 2).max(1));
        let waiting = room::waiting(share, under_way, count == 1, spool.is_some());
        let settings = settings.at_most(under_way);
        let (mailbox, inbox) = bounded(waiting);
        let mailbox = Arc::new(mailbox);
        let counters = Arc::new(LaneCounters::default());
        handles.push(LaneHandle {
            name: settings.name.clone(),
            signals: settings.signals.clone(),
            books: Arc::clone(&books),
            trunk: None,
            counters: Arc::clone(&counters),
            gauge: Arc::clone(mailbox.gauge()),
        });
        let name = settings.name.clone();
        let signals = settings.signals.clone();
        let lane = Lane::new(exporter, settings, tasks.deadline.clone(), counters)
            .with_spool(spool.clone());
        if let Some(spool) = &spool {
            tasks.spawn_feed(Feed {
                spool: spool.clone(),
                lane: Arc::clone(&mailbox),
                slots: Arc::clone(lane.slots()),
                deadline: tasks.deadline.clone(),
                last: last.clone(),
            });
        }
        ends.push(LaneEnd {
            name: name.clone(),
            mailbox,
            signals,
            books,
            slots: Arc::clone(lane.slots()),
            full: Notice::default(),
            spool,
            owed: Default::default(),
        });
        tasks.spawn_named(name, lane, inbox);
    }
    (ends, handles)
}

fn stage(
    name: &'static str,
    capacity: usize,
    queues: &mut Vec<QueueHandle>,
) -> (Mailbox<Msg>, Inbox<Msg>) {
    let (mailbox, inbox) = bounded(capacity);
    let gauge: Arc<Gauge> = Arc::clone(mailbox.gauge());
    queues.push(QueueHandle {
        name: name.to_owned(),
        gauge,
    });
    (mailbox, inbox)
}

/// The actors that were started, with their names.
struct Tasks<'a> {
    runtime: &'a Handle,
    deadline: &'a Deadline,
    running: Vec<(String, JoinHandle<Exit>)>,
}

impl Tasks<'_> {
    fn spawn<A: Actor>(&mut self, actor: A, inbox: Inbox<A::Msg>) {
        self.spawn_named(A::NAME.to_owned(), actor, inbox);
    }

    fn spawn_feed(&mut self, feed: Feed) {
        let task = self.runtime.spawn(feed.run());
        self.running.push((Feed::NAME.to_owned(), task));
    }

    fn spawn_named<A: Actor>(&mut self, name: String, actor: A, inbox: Inbox<A::Msg>) {
        let task = self.runtime.spawn(run(actor, inbox, self.deadline.clone()));
        self.running.push((name, task));
    }
}

/// Waits for all actors, has written what they left to the spool, and tells how they ended. The guard
/// tells so too when this task is dropped with its runtime.
async fn supervise(
    running: Vec<(String, JoinHandle<Exit>)>,
    spool: Option<(End, Deadline)>,
    guard: Guard,
) {
    let mut exits = Vec::with_capacity(running.len());
    for (name, task) in running {
        let exit = task.await.unwrap_or_else(|error| {
            if error.is_panic() {
                Exit::Panicked
            } else {
                Exit::DeadlinePassed
            }
        });
        exits.push((name, exit));
    }
    exits.reverse();
    if let Some((spool, deadline)) = spool {
        // A disk that hangs does not hold the shutdown back.
        let _in_time = deadline.unless_passed(spool.finish()).await;
    }
    guard.finished(exits);
}
