//! The full product: sessions, limits, books, sampling on, nothing left out.

use std::time::{Duration, SystemTime};

use spanreel::{
    ByteSize, Otlp, Pipeline, Resource, Rule, Sampling, Session, Span, Value, WhenFull,
};

use crate::contestant::{Contestant, Failure, Producer, Setup};
use crate::workload::{self, Attributes, Chat, SessionId, Tool};

/// How the host tells of a span.
pub(crate) trait Style: Send + 'static {
    /// The spans of a session begin with what this makes of a builder.
    fn begin(&self, builder: spanreel::SpanBuilder<'_>) -> Span;
    fn new() -> Self;

    /// What is done with sessions that are sampled.
    fn sampling() -> Sampling {
        Sampling::always_on()
    }
}

/// A span is started, lives, and ends.
pub(crate) struct Live;

impl Style for Live {
    #[inline]
    fn begin(&self, builder: spanreel::SpanBuilder<'_>) -> Span {
        builder.start()
    }

    fn new() -> Self {
        Self
    }
}

/// A span is started, lives, and ends; its session is held until it is decided whether it is kept. All
/// are, so that the difference to [`Live`] is what holding and judging cost.
pub(crate) struct Judged;

impl Style for Judged {
    #[inline]
    fn begin(&self, builder: spanreel::SpanBuilder<'_>) -> Span {
        builder.start()
    }

    fn new() -> Self {
        Self
    }

    fn sampling() -> Sampling {
        Sampling::always_on()
            .always_keep(Rule::Errors)
            .always_keep(Rule::CostAbove(1.0))
            .always_keep(Rule::SlowerThan(Duration::from_secs(60)))
    }
}

/// A span is told of when it is over, with its times.
pub(crate) struct Recorded {
    started: SystemTime,
    ended: SystemTime,
}

impl Style for Recorded {
    #[inline]
    fn begin(&self, builder: spanreel::SpanBuilder<'_>) -> Span {
        builder.record(self.started, self.ended)
    }

    #[expect(clippy::disallowed_methods, reason = "the times of a recorded span")]
    fn new() -> Self {
        let started = SystemTime::now();
        Self {
            started,
            ended: started + Duration::from_millis(3),
        }
    }
}

pub(crate) struct Spanreel<S> {
    pipeline: Pipeline,
    style: std::marker::PhantomData<S>,
}

impl<S: Style> Spanreel<S> {
    pub(crate) fn start(setup: &Setup) -> Result<Self, Failure> {
        let sampling = if setup.sampled {
            S::sampling()
        } else {
            Sampling::always_off()
        };
        let pipeline = Pipeline::builder()
            .resource(Resource::empty().service("compare"))
            .sampling(sampling)
            .when_full(WhenFull::Block)
            .budget(ByteSize::mib(setup.budget_mib))
            .export(Otlp::grpc(setup.url()))
            .start()?;
        Ok(Self {
            pipeline,
            style: std::marker::PhantomData,
        })
    }
}

impl<S: Style> Contestant for Spanreel<S> {
    type Producer = SpanreelProducer<S>;

    fn producer(&self) -> SpanreelProducer<S> {
        SpanreelProducer {
            pipeline: self.pipeline.clone(),
            style: S::new(),
        }
    }

    fn finish(self, grace: Duration) -> Result<(), Failure> {
        let report = self.pipeline.shutdown_blocking(grace);
        if report.is_lossless() {
            return Ok(());
        }
        Err(report.to_string().into())
    }
}

pub(crate) struct SpanreelProducer<S> {
    pipeline: Pipeline,
    style: S,
}

impl<S: Style> Producer for SpanreelProducer<S> {
    type Session = Session;

    fn open(&mut self, id: &SessionId) -> Session {
        let session = self
            .pipeline
            .open_session(id.text())
            .agent("planner")
            .user("u-19")
            .attribute("gen_ai.provider.name", "anthropic")
            .open();
        session.expect("the pipeline is shut down after its producers")
    }

    #[inline]
    fn bare(&mut self, session: &mut Session) {
        session.child(workload::BARE).start().end();
    }

    #[inline]
    fn chat(&mut self, session: &mut Session, chat: &Chat) {
        let mut span = self
            .style
            .begin(session.chat("anthropic", &chat.request_model));
        span.tokens(chat.input_tokens as u64, chat.output_tokens as u64);
        chat.further_attributes(&mut Setter(&mut span));
    }

    #[inline]
    fn tool(&mut self, session: &mut Session, tool: &Tool) {
        let mut span = self
            .style
            .begin(session.tool(&tool.name).call_id(&tool.call_id));
        span.set("gen_ai.tool.type", "function")
            .set("gen_ai.tool.description", &tool.description);
        let event: [(&str, Value<'_>); 2] = [
            ("tool.result.status", "success".into()),
            ("tool.result.bytes", tool.result_bytes.into()),
        ];
        span.event(workload::TOOL_EVENT, &event);
    }

    fn close(&mut self, session: Session) {
        session.succeed();
    }

    #[inline]
    async fn ready(&mut self, session: &mut Session) {
        // Closed only after the producers are gone.
        let _open = session.ready().await;
    }
}

struct Setter<'a>(&'a mut Span);

impl Attributes for Setter<'_> {
    #[inline(always)]
    fn literal(&mut self, key: &'static str, value: &'static str) {
        self.0.set(key, value);
    }

    #[inline(always)]
    fn text(&mut self, key: &'static str, value: &str) {
        self.0.set(key, value);
    }

    #[inline(always)]
    fn int(&mut self, key: &'static str, value: i64) {
        self.0.set(key, value);
    }

    #[inline(always)]
    fn double(&mut self, key: &'static str, value: f64) {
        self.0.set(key, value);
    }
}
