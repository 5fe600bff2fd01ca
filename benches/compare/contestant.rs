//! What a library must do to take part, and the list of those that do.
//!
//! A new contestant is a file with a type that implements [`Contestant`], and a line in [`ALL`].

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::direct::Direct;
use crate::fast_trace::{FastTrace, Local, Threadsafe};
use crate::nothing::Nothing;
use crate::opentelemetry_sdk::{OpenTelemetry, Queue};
use crate::run::{Job, Sample, run};
use crate::spanreel::{Judged, Live, Recorded, Spanreel};
use crate::tracing_opentelemetry::TracingOpenTelemetry;
use crate::workload::{Chat, SessionId, Tool, Turn};

/// What went wrong, in words.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// What a contestant is told when it starts.
pub(crate) struct Setup {
    /// Where the receiver listens: OTLP over gRPC, without TLS.
    pub(crate) receiver: SocketAddr,
    /// Whether its sessions are sampled.
    pub(crate) sampled: bool,
    /// What a library with a memory budget may hold.
    pub(crate) budget_mib: u64,
    /// A runtime of one thread, apart from the host's, for contestants that need one to export.
    pub(crate) exports: Handle,
}

impl Setup {
    /// The receiver as a URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.receiver)
    }
}

/// A library that records spans and exports them.
pub(crate) trait Contestant: Send + Sized + 'static {
    type Producer: Producer;

    /// What one task of the host records with.
    fn producer(&self) -> Self::Producer;

    /// Delivers what it still holds. Called once, outside async code, when all producers are gone;
    /// after `grace` nobody waits any longer, and what has not arrived is lost.
    ///
    /// # Errors
    ///
    /// What the library said; it is shown, the figures stand as they are.
    fn finish(self, grace: Duration) -> Result<(), Failure>;
}

/// One task's side of a library. A span is started, gets its attributes and ends within one call.
pub(crate) trait Producer: Send + 'static {
    type Session: Send;

    /// Opens a session: starts a trace with its root span.
    fn open(&mut self, id: &SessionId) -> Self::Session;

    /// Records a span without attributes; only for contestants that know sampling.
    fn bare(&mut self, session: &mut Self::Session);

    /// Records an LLM span below the root.
    fn chat(&mut self, session: &mut Self::Session, chat: &Chat);

    /// Records a tool span below the root.
    fn tool(&mut self, session: &mut Self::Session, tool: &Tool);

    /// Records an LLM span and its two tool spans.
    #[inline]
    fn turn(&mut self, session: &mut Self::Session, turn: &Turn) {
        self.chat(session, &turn.chat);
        for tool in &turn.tools {
            self.tool(session, tool);
        }
    }

    /// Ends the root span, and the session.
    fn close(&mut self, session: Self::Session);

    /// Waits for room, where the library knows such a thing. Called before every turn and before
    /// `close`.
    fn ready(&mut self, _session: &mut Self::Session) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Hands on what the task still holds. Called once, at its end.
    fn done(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// A contestant on the list.
pub(crate) struct Entry {
    /// Its name on the command line and in the table.
    pub(crate) name: &'static str,
    /// What it is, in a line.
    pub(crate) about: &'static str,
    /// Whether spans leave the process.
    pub(crate) sends: bool,
    /// Whether it can leave a session out (`--mode unsampled`).
    pub(crate) samples: bool,
    /// Does the job in this process.
    pub(crate) run: fn(&Job) -> Result<Sample, Failure>,
}

const LARGE: Queue = Queue {
    spans: 1 << 20,
    batch: 8_192,
};

/// Who takes part, in the order of the table.
pub(crate) const ALL: &[Entry] = &[
    Entry {
        name: "nothing",
        about: "looks at the values and forgets them: what the bench itself costs",
        sends: false,
        samples: true,
        run: |job| run(job, |_| Ok(Nothing)),
    },
    Entry {
        name: "direct",
        about: "the floor: attributes encoded into a buffer of the task, buffers passed on whole",
        sends: true,
        samples: false,
        run: |job| run(job, Direct::start),
    },
    Entry {
        name: "spanreel",
        about: "spanreel, defaults, awaiting ready()",
        sends: true,
        samples: true,
        run: |job| run(job, Spanreel::<Live>::start),
    },
    Entry {
        name: "spanreel-record",
        about: "spanreel, spans recorded when they are over",
        sends: true,
        samples: true,
        run: |job| run(job, Spanreel::<Recorded>::start),
    },
    Entry {
        name: "spanreel-tail",
        about: "spanreel with tail rules: sessions are held until they end, then judged and kept",
        sends: true,
        samples: false,
        run: |job| run(job, Spanreel::<Judged>::start),
    },
    Entry {
        name: "otel",
        about: "opentelemetry_sdk, thread processor, defaults (queue 2048, batch 512)",
        sends: true,
        samples: true,
        run: |job| run(job, |setup| OpenTelemetry::thread(setup, None)),
    },
    Entry {
        name: "otel-64k",
        about: "opentelemetry_sdk, thread processor, queue 64k, batch 512",
        sends: true,
        samples: false,
        run: |job| {
            let queue = Queue {
                spans: 1 << 16,
                batch: 512,
            };
            run(job, |setup| OpenTelemetry::thread(setup, Some(queue)))
        },
    },
    Entry {
        name: "otel-1m",
        about: "opentelemetry_sdk, thread processor, queue 1M, batch 8192",
        sends: true,
        samples: false,
        run: |job| run(job, |setup| OpenTelemetry::thread(setup, Some(LARGE))),
    },
    Entry {
        name: "otel-async",
        about: "opentelemetry_sdk, async processor, queue 1M, batch 8192, 4 concurrent exports",
        sends: true,
        samples: false,
        run: |job| run(job, |setup| OpenTelemetry::asynchronous(setup, LARGE, 4)),
    },
    Entry {
        name: "tracing-otel",
        about: "tracing-opentelemetry over opentelemetry_sdk, queue 1M, batch 8192",
        sends: true,
        samples: true,
        run: |job| run(job, |setup| TracingOpenTelemetry::start(setup, LARGE)),
    },
    Entry {
        name: "fastrace",
        about: "fastrace, Span, fastrace-opentelemetry",
        sends: true,
        samples: true,
        run: |job| run(job, FastTrace::<Threadsafe>::start),
    },
    Entry {
        name: "fastrace-local",
        about: "fastrace, LocalSpan within a turn, fastrace-opentelemetry",
        sends: true,
        samples: true,
        run: |job| run(job, FastTrace::<Local>::start),
    },
];

/// The contestant of this name.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}
