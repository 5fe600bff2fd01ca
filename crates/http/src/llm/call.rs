//! One call of a model, from its request to the end of its answer.
//!
//! Holds: a span, a copy of the request until it is read, and of the answer what its reading holds. Waits:
//! never. Loses: nothing but what its reading loses; dropped, it ends its span as cancelled.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::header::HOST;
use http::{HeaderMap, StatusCode, Uri};
use spanreel::{Content, Operation, Span, SpanKind, SpanRef};

use super::asked::Asked;
use super::describe;
use super::key;
use super::measured::Measured;
use super::pace::Pace;
use super::prices::{Cost, Priced};
use super::provider::{Provider, ProviderName, Recognised};
use super::reading::{Expected, Read, Reading, Unread};
use super::request_copy::RequestCopy;
use super::said::Said;
use super::settings::Llm;
use super::tokens::Settled;
use super::told::Told;
use crate::request::{self, tell_server};
use crate::semconv;

/// A call that is under way: its span ends with it. Layers make these; by hand they come from
/// [`Llm::begin`].
///
/// Dropped before [`end`](Self::end) or [`fail`](Self::fail), the call was cancelled: its span says so,
/// with what was known by then. A stream that had come to its last event was not.
#[derive(Debug)]
pub struct Call {
    llm: Llm,
    provider: Arc<dyn Provider>,
    recognised: Recognised,
    /// Where it goes, for who measures it.
    server: Option<(String, Option<u16>)>,
    span: Option<Span>,
    /// What the session decided.
    content: Content,
    request: RequestCopy,
    status: Option<StatusCode>,
    reading: Option<Reading>,
    /// All bytes of the answer have come.
    is_whole: bool,
    started: Instant,
    first: Option<Instant>,
    last: Option<Instant>,
    pace: Pace,
}

/// How a call ended.
enum End<'a> {
    Done,
    Failed {
        error_type: &'a str,
        message: &'a str,
    },
    Cancelled,
}

impl Call {
    pub(crate) fn start(
        llm: Llm,
        provider: Arc<dyn Provider>,
        recognised: Recognised,
        place: &SpanRef,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Self {
        let operation = recognised.operation;
        let name = match &recognised.model {
            Some(model) => describe::name(operation, model),
            None => operation.name().unwrap_or("call").to_owned(),
        };
        let server = request::server(uri, || headers.get(HOST));
        let mut span = place
            .child(&name)
            .kind(SpanKind::Client)
            .operation(operation)
            .attribute(key::PROVIDER_NAME, &*recognised.provider);
        if let Some(model) = &recognised.model {
            span = span.attribute(key::REQUEST_MODEL, model);
        }
        span = tell_server(span, server);
        let server = llm.listener().and(server);
        let server = server.map(|(host, port)| (host.to_owned(), port));
        let span = span.start();
        let content = span.content();
        let asked = Asked {
            model: recognised.model.clone(),
            stream: recognised.is_stream.then_some(true),
            wants_content: content.is_wanted(),
            ..Asked::default()
        };
        Self {
            request: RequestCopy::new(Arc::clone(&provider), asked, llm.limit()),
            llm,
            provider,
            recognised,
            server,
            span: Some(span),
            content,
            status: None,
            reading: None,
            is_whole: false,
            started: Instant::now(),
            first: None,
            last: None,
            pace: Pace::default(),
        }
    }

    /// Says what the provider is called: see [`ProviderName`](super::ProviderName).
    pub fn name_provider(&mut self, name: ProviderName) {
        if let Some(span) = &mut self.span {
            span.set(key::PROVIDER_NAME, &*name.0);
        }
        self.recognised.provider = name.0;
    }

    /// The span, for attributes of one's own.
    pub fn span(&mut self) -> Option<&mut Span> {
        self.span.as_mut()
    }

    /// Takes the next bytes of the request's body.
    pub fn request(&mut self, bytes: &[u8]) {
        self.request.push(bytes);
    }

    /// The copy of the request, for the body that is sent elsewhere.
    pub(crate) fn request_copy(&self) -> RequestCopy {
        self.request.clone()
    }

    /// Says what was asked now rather than when the answer comes: the whole request is known.
    pub(crate) fn asked(&mut self) {
        let asked = self.request.asked();
        if let Some(span) = &mut self.span {
            describe::request(span, self.recognised.operation, &asked);
        }
    }

    /// Takes the head of the answer.
    pub fn response(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = Some(status);
        let expected = Expected {
            is_array: self.recognised.is_array,
            wants_content: self.content.is_wanted(),
            limit: self.llm.limit(),
        };
        self.reading = Some(Reading::new(status, headers, expected));
    }

    /// Takes the next bytes of the answer's body, as they come.
    pub fn chunk(&mut self, bytes: &[u8]) {
        let Some(mut reading) = self.reading.take() else {
            return;
        };
        let provider = &*self.provider;
        let fed = catch_unwind(AssertUnwindSafe(|| {
            let events = reading.feed(provider, bytes);
            (reading, events)
        }));
        let Ok((reading, events)) = fed else {
            return self.panicked();
        };
        self.reading = Some(reading);
        if events > 0 {
            self.came(events);
        }
    }

    /// So many events of a stream have come at once.
    fn came(&mut self, events: u64) {
        let now = Instant::now();
        self.first.get_or_insert(now);
        if let Some(last) = self.last.replace(now) {
            self.pace.add(now - last, 1);
        }
        self.pace.add(Duration::ZERO, events - 1);
    }

    /// All bytes of the answer have come: dropped now, it was not cancelled.
    pub(crate) fn is_whole(&mut self) {
        self.is_whole = true;
    }

    /// Ends it: the answer has come to its end.
    pub fn end(mut self) {
        self.finish(&End::Done);
    }

    /// Ends it: the request failed, or the answer broke off. `error_type` is a low-cardinality name.
    pub fn fail(mut self, error_type: &str, message: &str) {
        self.finish(&End::Failed {
            error_type,
            message,
        });
    }

    fn panicked(&mut self) {
        if let Some(span) = &mut self.span {
            span.set(key::UNREAD, Unread::Panic.name());
        }
        let provider = &self.provider;
        tracing::warn!(target: "spanreel", ?provider, "a provider panicked while it read an answer");
    }

    fn finish(&mut self, end: &End<'_>) {
        if self.span.is_none() {
            return;
        }
        let was_complete = self.reading.as_ref().is_some_and(Reading::is_complete);
        let end = match end {
            End::Cancelled if was_complete || self.is_whole => &End::Done,
            end => end,
        };
        let read = self.read();
        let Some(mut span) = self.span.take() else {
            return;
        };
        let asked = self.request.asked();
        describe::request(&mut span, self.recognised.operation, &asked);
        if let Some(status) = self.status {
            span.set(semconv::RESPONSE_STATUS_CODE, status.as_u16());
        }
        let is_unread = read.as_ref().is_none_or(|read| read.unread.is_some());
        if let Some(Read {
            unread: Some(why), ..
        }) = &read
        {
            span.set(key::UNREAD, why.name());
        }
        let events = read.as_ref().and_then(|read| read.events);
        let first = self.first.map(|first| first - self.started);
        let rest = match (self.first, self.last) {
            (Some(first), Some(last)) => last - first,
            _ => Duration::ZERO,
        };
        if let Some(events) = events {
            describe::stream(&mut span, events, first, rest);
        }
        let told = read.map(|read| read.told).unwrap_or_default();
        if told.said().is_some_and(Said::is_cut) {
            span.set(key::OUTPUT_CUT, true);
        }
        let settled = told.usage.settled();
        describe::response(&mut span, &told, &settled);
        describe::content(&mut span, &asked, &told);
        let has_ended = matches!(end, End::Done);
        let cost = self.cost(&told, &settled, &asked);
        if let Some(cost) = &cost {
            describe::cost(&mut span, cost, !has_ended);
        }
        let failure = self.failure(end, &told);
        if let Some((kind, message)) = failure {
            span.error(kind, message);
        }
        if let Some(listener) = self.llm.listener() {
            let server = self.server.as_ref();
            let pauses = self.pace.means();
            listener.tell(&Measured {
                trace_id: span.context().trace_id(),
                operation: self.recognised.operation.name().unwrap_or("call"),
                provider: &self.recognised.provider,
                request_model: asked.model.as_deref(),
                response_model: told.model.as_deref(),
                server_address: server.map(|(host, _)| host.as_str()),
                server_port: server.and_then(|(_, port)| *port),
                error_type: failure.map(|(kind, _)| kind),
                usage: settled.usage,
                cost: cost.as_ref().map(|cost| cost.usd),
                took: self.started.elapsed(),
                first_chunk: first.filter(|_| events.is_some()),
                chunks: events.unwrap_or(0),
                streamed: rest,
                pauses: &pauses,
                is_recorded: span.is_recording(),
            });
        }
        let is_unpriced = cost.is_none() && failure.is_none() && self.llm.price_list().is_some();
        self.llm.ended(is_unpriced, is_unread && has_ended);
    }

    /// Reads what is left.
    fn read(&mut self) -> Option<Read> {
        let reading = self.reading.take()?;
        let provider = &*self.provider;
        let read = catch_unwind(AssertUnwindSafe(|| reading.finish(provider)));
        if read.is_err() {
            self.panicked();
        }
        read.ok()
    }

    /// What it cost: what the provider says, else what the price list says.
    fn cost(&self, told: &Told, settled: &Settled, asked: &Asked) -> Option<Cost> {
        if let Some(usd) = told.cost.filter(|usd| usd.is_finite() && *usd >= 0.0) {
            return Some(Cost::told(usd));
        }
        let model = told.model.as_ref().or(asked.model.as_ref())?;
        self.llm.price_list()?.cost(&Priced {
            provider: &self.recognised.provider,
            model,
            service_tier: told.service_tier.as_deref(),
            tokens: settled,
            has_output: self.recognised.operation != Operation::Embeddings,
            time: now(),
        })
    }

    /// How it failed, if it did: a name of low cardinality, and words for people.
    fn failure<'a>(&'a self, end: &'a End<'_>, told: &'a Told) -> Option<(&'a str, &'a str)> {
        let status = self.status.as_ref();
        let status = status.filter(|status| status.as_u16() >= 400);
        let failure = told.failure.as_ref();
        if status.is_some() || failure.is_some() {
            let kind = failure.and_then(|failure| failure.kind.as_deref());
            let kind = kind.or(status.map(StatusCode::as_str)).unwrap_or("_OTHER");
            let message = failure.and_then(|failure| failure.message.as_deref());
            // It may quote what was asked, or a part of a key.
            let message = message.filter(|_| self.content.in_spans());
            return Some((kind, message.unwrap_or_default()));
        }
        match end {
            End::Done => None,
            End::Failed {
                error_type,
                message,
            } => Some((error_type, message)),
            End::Cancelled => Some((
                "cancelled",
                "the call was dropped before its answer had ended",
            )),
        }
    }
}

/// Prices change from day to day.
#[expect(
    clippy::disallowed_methods,
    reason = "the day of a call chooses its price, nothing else"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

impl Drop for Call {
    fn drop(&mut self) {
        self.finish(&End::Cancelled);
    }
}
