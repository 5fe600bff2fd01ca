//! The lane that feeds a store: an exporter of a pipeline, with two threads of its own that write.
//!
//! Two, because a good part of a write is reading what came, for which the other need not wait.
//!
//! Holds: the requests that are being written, as many as the lane has under way. Waits: for the store. Loses:
//! nothing; what the store cannot take is tried again and in the end booked by the pipeline, for this lane.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use spanreel::{Export, ExportError, Exporter, Request, Signal};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::answer::Summary;
use crate::error::StoreError;
use crate::store::{Store, Written};

/// Requests that may be under way at once: as many as two writes have, so that while one is done the next one is
/// read.
const UNDER_WAY: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// A write has at most so many bytes of requests, one request apart.
const MOST_BYTES: usize = 4 << 20;

/// Threads that write.
const THREADS: usize = 2;

/// How often it is looked whether there is something to tidy up.
const TIDY: Duration = Duration::from_secs(2);

/// How long one request may take: a disk can be slow for long without anything being wrong.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Changes that somebody who listens may be behind.
const CHANGES: usize = 256;

/// The sessions of one write, as they are after it.
pub type Change = Arc<Vec<Summary>>;

/// Tells of every write.
#[derive(Clone, Debug)]
pub struct Live(broadcast::Sender<Change>);

impl Live {
    /// All changes from now on. Who is too slow for them is told how many are missing.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}

/// A request to be written, and who is told.
struct Job {
    request: Request,
    done: oneshot::Sender<Result<(), Failed>>,
}

/// Why a request was not written.
#[derive(Clone, Debug)]
struct Failed {
    message: String,
    is_broken: bool,
}

/// Feeds a store.
#[derive(Debug)]
pub struct StoreExporter {
    jobs: mpsc::Sender<Job>,
}

impl StoreExporter {
    /// Starts the threads that write. They end when the exporter is gone and all is written.
    ///
    /// # Errors
    /// There are no threads to be had.
    pub fn start(store: Arc<dyn Store>) -> io::Result<(Self, Live)> {
        let (jobs, inbox) = mpsc::channel(UNDER_WAY.get());
        let (changes, _) = broadcast::channel(CHANGES);
        let live = Live(changes.clone());
        let writer = Arc::new(Writer {
            store,
            inbox: Mutex::new(inbox),
            changes,
            tidied: Mutex::new(Tidied {
                at: Instant::now(),
                pause: TIDY,
            }),
            writing: AtomicUsize::new(0),
        });
        for _ in 0..THREADS {
            let writer = Arc::clone(&writer);
            std::thread::Builder::new()
                .name("spanreel-store".to_owned())
                .spawn(move || writer.run())?;
        }
        Ok((Self { jobs }, live))
    }

    /// The exporter with the settings of its lane, for
    /// [`export_before_sampling`](spanreel::Builder::export_before_sampling).
    #[must_use]
    pub fn lane(self) -> Exporter {
        Exporter::new(self)
            .signals(&[Signal::Traces, Signal::Logs])
            .timeout(TIMEOUT)
    }
}

impl Export for StoreExporter {
    fn name(&self) -> &str {
        "store"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let (done, answer) = oneshot::channel();
        let gone = || ExportError::retryable("the store's thread has ended");
        let job = Job { request, done };
        self.jobs.send(job).await.map_err(|_| gone())?;
        match answer.await.map_err(|_| gone())? {
            Ok(()) => Ok(()),
            Err(failed) if failed.is_broken => Err(ExportError::permanent(failed.message)),
            Err(failed) => Err(ExportError::retryable(failed.message)),
        }
    }

    fn usual_concurrency(&self) -> NonZeroUsize {
        UNDER_WAY
    }
}

/// What the threads share.
struct Writer {
    store: Arc<dyn Store>,
    /// Whoever has it waits for the next request.
    inbox: Mutex<mpsc::Receiver<Job>>,
    changes: broadcast::Sender<Change>,
    /// Whoever has it tidies up.
    tidied: Mutex<Tidied>,
    /// Threads that write at the moment.
    writing: AtomicUsize,
}

/// When it was tidied up last, and how long nothing of that is done after it.
struct Tidied {
    at: Instant,
    pause: Duration,
}

/// What a thread found in the inbox.
enum Next {
    Jobs(Vec<Job>),
    Nothing,
    End,
}

impl Writer {
    fn run(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(target: "spanreel", %error, "a thread of the store cannot wait; it does not store");
                return;
            }
        };
        loop {
            match self.next(&runtime) {
                Next::Jobs(jobs) => {
                    self.writing.fetch_add(1, Ordering::Relaxed);
                    self.write_all(jobs);
                    self.writing.fetch_sub(1, Ordering::Relaxed);
                }
                Next::Nothing => {}
                Next::End => return,
            }
            self.tidy();
        }
    }

    /// A request with what else waits, once there is one.
    fn next(&self, runtime: &tokio::runtime::Runtime) -> Next {
        // A thread that panicked has left nothing half done in it.
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        let next = runtime.block_on(async { tokio::time::timeout(TIDY, inbox.recv()).await });
        let first = match next {
            Ok(Some(job)) => job,
            Ok(None) => return Next::End,
            Err(_elapsed) => return Next::Nothing,
        };
        let mut bytes = first.request.encoded_len();
        let mut jobs = vec![first];
        while bytes < MOST_BYTES
            && let Ok(job) = inbox.try_recv()
        {
            bytes += job.request.encoded_len();
            jobs.push(job);
        }
        Next::Jobs(jobs)
    }

    /// Writes requests, together where that can be done.
    fn write_all(&self, mut jobs: Vec<Job>) {
        let requests: Vec<Request> = jobs.iter().map(|job| job.request.clone()).collect();
        if self.write(&requests, &mut jobs).is_err() {
            // One of them is broken: the others are not to suffer for it.
            for job in jobs {
                let request = [job.request.clone()];
                // Its own answer has been given.
                let _told = self.write(&request, &mut vec![job]);
            }
        }
    }

    /// Writes, and answers those who wait; leaves them to be asked one by one where one of several is broken.
    fn write(&self, requests: &[Request], jobs: &mut Vec<Job>) -> Result<(), StoreError> {
        let written = self.write_guarded(requests);
        let written = match written {
            Err(error) if error.is_of_one_request() && requests.len() > 1 => return Err(error),
            written => written,
        };
        let answer = match &written {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(target: "spanreel", %error, "the store could not write");
                Err(Failed {
                    message: said(error),
                    is_broken: error.is_of_one_request(),
                })
            }
        };
        for job in jobs.drain(..) {
            // Who has waited may have been given up meanwhile.
            let _listening = job.done.send(answer.clone());
        }
        if let Ok(written) = written
            && !written.sessions.is_empty()
        {
            // Mostly nobody listens.
            let _listeners = self.changes.send(Arc::new(written.sessions));
        }
        Ok(())
    }

    /// A panic costs this write alone, and is no reason to try it again.
    fn write_guarded(&self, requests: &[Request]) -> Result<Written, StoreError> {
        let write = std::panic::AssertUnwindSafe(|| self.store.write(requests));
        let written = std::panic::catch_unwind(write);
        written.unwrap_or(Err(StoreError::Damaged("writing panicked")))
    }

    /// Tidies up now and then, in steps: one after the other while there is nothing to write, else with pauses as
    /// long as the steps, so that what comes and what goes share the time. One thread does.
    fn tidy(&self) {
        let Ok(mut tidied) = self.tidied.try_lock() else {
            return;
        };
        while tidied.at.elapsed() >= tidied.pause {
            let begun = Instant::now();
            let done = self.store.tidy();
            tidied.pause = match done {
                Ok(true) if self.is_idle() => Duration::ZERO,
                Ok(true) => begun.elapsed().min(TIDY),
                Ok(false) => TIDY,
                Err(error) => {
                    tracing::warn!(target: "spanreel", error = said(&error), "the store could not tidy up");
                    TIDY
                }
            };
            tidied.at = Instant::now();
        }
    }

    /// Whether nothing waits to be written: what comes while the other thread waits for it is written first.
    fn is_idle(&self) -> bool {
        let is_empty = match self.inbox.try_lock() {
            Ok(inbox) => inbox.is_empty(),
            // The other one waits there.
            Err(_) => true,
        };
        is_empty && self.writing.load(Ordering::Relaxed) == 0
    }
}

/// An error with what is below it.
fn said(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(error) = below {
        text.push_str(": ");
        text.push_str(&error.to_string());
        below = error.source();
    }
    text
}
