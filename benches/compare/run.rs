//! Does one job with one contestant, in a process that does nothing else.

use std::io::{Write, stderr};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use crate::contestant::{Contestant, Failure, Producer, Setup};
use crate::measure;
use crate::mode::{GRACE, Mode, PRODUCERS};
use crate::task::Task;
use crate::workload::{SessionId, Turns};

/// Threads of the host's runtime.
const WORKERS: usize = 2;

/// What a process is told to do.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) mode: Mode,
    pub(crate) spans: u64,
    pub(crate) seconds: u64,
    pub(crate) budget_mib: u64,
    pub(crate) receiver: SocketAddr,
    pub(crate) count_allocations: bool,
}

/// What one run showed. Times are in nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Spans that were ended.
    pub(crate) ended: u64,
    /// From the first span to the last delivery, or the end of the grace.
    pub(crate) took: u64,
    /// Processor time of the tasks that record spans.
    pub(crate) caller_time: u64,
    /// Processor time of all threads, over the same stretch as `took`.
    pub(crate) process_time: u64,
    pub(crate) peak_rss_mib: Option<f64>,
    /// All threads; only where they were counted.
    pub(crate) allocations: Option<u64>,
    /// Per span, unsampled.
    pub(crate) bare_span: Option<f64>,
    pub(crate) llm_span: Option<f64>,
}

/// Does the job with the contestant that `start` starts.
pub(crate) fn run<C: Contestant>(
    job: &Job,
    start: impl FnOnce(&Setup) -> Result<C, Failure>,
) -> Result<Sample, Failure> {
    let exports = runtime("export", 1)?;
    let setup = Setup {
        receiver: job.receiver,
        sampled: job.mode != Mode::Unsampled,
        budget_mib: job.budget_mib,
        exports: exports.handle().clone(),
    };
    let contestant = {
        let _entered = exports.enter();
        start(&setup)?
    };
    let sample = match job.mode {
        Mode::Unsampled => unsampled(contestant, job),
        _ => loaded(contestant, job),
    };
    // A contestant that did not finish in time may still be busy there.
    exports.shutdown_background();
    sample
}

fn runtime(name: &str, workers: usize) -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name(name)
        .enable_all()
        .build()?)
}

fn loaded<C: Contestant>(contestant: C, job: &Job) -> Result<Sample, Failure> {
    let host = runtime("host", WORKERS)?;
    let shape = job.mode.shape(job.spans, job.seconds);
    let turns = Arc::new(Turns::new());
    if job.count_allocations {
        measure::count_allocations();
    }
    let process_time = measure::process_time();
    let started = Instant::now();

    let tasks: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            let task = Task::new(contestant.producer(), shape, Arc::clone(&turns));
            host.spawn(task.run())
        })
        .collect();
    let mut caller_time = Duration::ZERO;
    for task in tasks {
        caller_time += host.block_on(task)?;
    }
    finish(contestant)?;

    Ok(Sample {
        ended: shape.spans(),
        took: nanos(started.elapsed()),
        caller_time: nanos(caller_time),
        process_time: nanos(measure::process_time() - process_time),
        peak_rss_mib: measure::peak_rss_mib(),
        allocations: job.count_allocations.then(measure::allocations),
        ..Sample::default()
    })
}

/// Lets the contestant finish, for as long as the grace lasts.
fn finish<C: Contestant>(contestant: C) -> Result<(), Failure> {
    let (finished, wait) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let outcome = contestant.finish(GRACE);
        // Nobody listens any longer when the grace is over.
        drop(finished.send(outcome));
    });
    match wait.recv_timeout(GRACE) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => writeln!(stderr(), "while finishing: {error}")?,
        Err(_) => writeln!(stderr(), "not finished after {GRACE:?}")?,
    }
    Ok(())
}

/// Spans of one session that is not sampled, on one thread.
fn unsampled<C: Contestant>(contestant: C, job: &Job) -> Result<Sample, Failure> {
    let mut producer = contestant.producer();
    let mut session = producer.open(&SessionId::random());
    let turns = Turns::new();
    let per_span = |spent: Duration| spent.as_nanos() as f64 / job.spans as f64;

    let before = measure::thread_time();
    for _ in 0..job.spans {
        producer.bare(&mut session);
    }
    let bare_span = per_span(measure::thread_time() - before);

    let before = measure::thread_time();
    for number in 0..job.spans {
        producer.chat(&mut session, &turns.get(number).chat);
    }
    let llm_span = per_span(measure::thread_time() - before);

    producer.close(session);
    drop(producer);
    finish(contestant)?;
    Ok(Sample {
        ended: 2 * job.spans,
        bare_span: Some(bare_span),
        llm_span: Some(llm_span),
        peak_rss_mib: measure::peak_rss_mib(),
        ..Sample::default()
    })
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
