//! A backend that does as it is told, and keeps what it accepted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spanreel::record::RecordedSpan;
use spanreel::{Export, ExportError, Request, Signal, SpanId};

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Manner {
    Accepts,
    /// It cannot take anything now.
    Away,
    /// It never answers.
    Hangs,
    /// It never answers what has a span of the name "bad".
    HangsBad,
    /// It takes so long for each.
    Slow(Duration),
    /// It refuses the credentials.
    Denies,
    /// It refuses for good what has a span of the name "bad".
    RefusesBad,
    /// It refuses everything for good.
    RefusesAll,
}

#[derive(Clone, Debug)]
pub(crate) struct Backend {
    name: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    manner: Manner,
    /// How often each span was accepted.
    spans: HashMap<SpanId, usize>,
    attempts: usize,
}

impl Backend {
    pub(crate) fn new(manner: Manner) -> Self {
        Self::named("backend", manner)
    }

    pub(crate) fn named(name: &'static str, manner: Manner) -> Self {
        let state = State {
            manner,
            spans: HashMap::new(),
            attempts: 0,
        };
        Self {
            name,
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(crate) fn now(&self, manner: Manner) {
        self.lock().manner = manner;
    }

    /// How many different spans it has accepted.
    pub(crate) fn spans(&self) -> u64 {
        self.lock().spans.len() as u64
    }

    /// How many spans it has accepted more than once.
    pub(crate) fn duplicates(&self) -> u64 {
        let state = self.lock();
        state.spans.values().filter(|times| **times > 1).count() as u64
    }

    /// Whether it has accepted the span with these bytes as its id.
    pub(crate) fn has(&self, id: u64) -> bool {
        let id = SpanId::from_bytes(id.to_be_bytes()).expect("no zeros");
        self.lock().spans.contains_key(&id)
    }

    pub(crate) fn attempts(&self) -> usize {
        self.lock().attempts
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic under it")
    }

    fn accept(&self, spans: &[RecordedSpan]) {
        let mut state = self.lock();
        for span in spans {
            *state.spans.entry(span.span_id).or_default() += 1;
        }
    }
}

impl Export for Backend {
    fn name(&self) -> &str {
        self.name
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let manner = {
            let mut state = self.lock();
            state.attempts += 1;
            state.manner
        };
        let spans = match request.signal() {
            Signal::Traces => RecordedSpan::read_all(&request.to_bytes()).expect("a request"),
            _ => Vec::new(),
        };
        match manner {
            Manner::Accepts => {}
            Manner::Away => return Err(ExportError::retryable("away")),
            Manner::Hangs => std::future::pending().await,
            Manner::HangsBad => {
                if spans.iter().any(|span| span.name == "bad") {
                    std::future::pending::<()>().await;
                }
            }
            Manner::Slow(takes) => tokio::time::sleep(takes).await,
            Manner::Denies => return Err(ExportError::denied("who are you")),
            Manner::RefusesAll => return Err(ExportError::permanent("no")),
            Manner::RefusesBad => {
                if spans.iter().any(|span| span.name == "bad") {
                    return Err(ExportError::permanent("a bad span"));
                }
            }
        }
        self.accept(&spans);
        Ok(())
    }
}
