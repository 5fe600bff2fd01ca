//! A layer of `tracing-subscriber`: spans and events of `tracing` become spans and log records of
//! sessions.
//!
//! Holds: per open span of `tracing`, its mirror; per entered span, an entry of the thread's current
//! places. Waits: never, and runs the host's code (`Debug`, `Display`) under no lock. Loses: what
//! happens while no session is current, counted.

mod counters;
mod event;
mod fields;
pub(crate) mod mirror;
mod visit;

use std::sync::Arc;

use spanreel::{OwnedValue, Session};
use tracing::subscriber::Subscriber;
use tracing::{Event, Level, Metadata, span};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

pub use self::counters::LayerCounts;
use self::event::Said;
use self::mirror::{Live, Mirror};
use self::visit::{Fields, Told};
use crate::current::{self, Current, stack};

/// Turns spans of `tracing` into spans of the session that is current where they are made, and events
/// into its log records.
///
/// # Where a span belongs
///
/// Below the innermost of: the [`scope`](crate::current::scope) of a session or span, and the
/// `tracing` span that is entered. An entered `tracing` span is what
/// [`current::get`](crate::current::get) answers with, so that spans that the host starts itself come
/// to lie below those of the libraries that call it. A parent that is given explicitly counts, as does
/// `parent: None`, which means the session itself. Where no session is current, a span is left out and
/// counted, or goes to the [`fallback`](Self::fallback).
///
/// # What a span says
///
/// `gen_ai.*` fields make it a chat, a tool call, an agent, as the semantic conventions have it:
/// name, kind, the totals of the session. `otel.name`, `otel.kind`, `otel.status_code` and
/// `otel.status_description` mean what they mean for `tracing-opentelemetry`; `error`, `error.type`
/// and events of the level `ERROR` mark it as failed. What `follows_from` says becomes a link. All
/// other fields are attributes; `docs/bridges.md` has the table.
///
/// ```
/// use spanreel::testing::InMemory;
/// use spanreel::Pipeline;
/// use spanreel_bridge::{SessionLayer, current};
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let memory = InMemory::new();
/// let pipeline = Pipeline::builder().export(memory.clone()).start()?;
/// let subscriber = tracing_subscriber::registry().with(SessionLayer::new());
/// tracing::subscriber::with_default(subscriber, || {
///     let session = pipeline.session("conv-1")?;
///     let _entered = current::enter(&session);
///     let chat = tracing::info_span!(
///         "completion",
///         gen_ai.operation.name = "chat",
///         gen_ai.request.model = "gpt-5-mini",
///         gen_ai.usage.input_tokens = tracing::field::Empty,
///     );
///     chat.in_scope(|| tracing::warn!("it takes long"));
///     chat.record("gen_ai.usage.input_tokens", 812);
///     drop(chat);
///     session.end();
///     Ok::<(), spanreel::Closed>(())
/// })?;
/// pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
/// memory.assert_tree("
///     session
///       chat gpt-5-mini
/// ");
/// assert_eq!(memory.span("session").int("spanreel.session.input_tokens"), Some(812));
/// assert_eq!(memory.logs()[0].span_id, Some(memory.span("chat gpt-5-mini").span_id));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SessionLayer {
    fallback: Option<Current>,
    /// None: as the session has it.
    content: Option<bool>,
    spans: bool,
    max_level: LevelFilter,
    counts: LayerCounts,
}

impl Default for SessionLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl SessionLayer {
    /// A layer that leaves out what belongs to no session, what users and models wrote where their session
    /// does not record it, and what is below the level `INFO`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            fallback: None,
            content: None,
            spans: true,
            max_level: LevelFilter::INFO,
            counts: LayerCounts::default(),
        }
    }

    /// A layer for [`CaptureLogs`](crate::CaptureLogs): events alone become log records; spans of `tracing`
    /// are no spans of the session.
    #[must_use]
    pub fn logs_only() -> Self {
        Self {
            spans: false,
            ..Self::new()
        }
    }

    /// The session of what happens while none is current. Default: none, it is left out and counted.
    ///
    /// A pipeline that runs on the host's runtime ([`start_on`](spanreel::Builder::start_on)) exports
    /// with libraries that report through `tracing` themselves: filter those out before such a
    /// session gets to see them.
    #[must_use]
    pub fn fallback(mut self, session: &Session) -> Self {
        self.fallback = Some(session.into());
        self
    }

    /// Whether what users and models wrote is recorded: the fields `gen_ai.input.messages`,
    /// `gen_ai.tool.call.arguments` and their like. Default: as the session has it
    /// ([`Session::content`]), which is no unless somebody decided so. The text of an event is recorded
    /// either way.
    #[must_use]
    pub fn content(mut self, wanted: bool) -> Self {
        self.content = Some(wanted);
        self
    }

    /// The most verbose level that is recorded. Default: `INFO`; libraries write whole requests to
    /// their events of level `TRACE`. It does not turn off what is more verbose for other layers; a
    /// filter ([`Layer::with_filter`]) also saves the time.
    #[must_use]
    pub fn max_level(mut self, level: impl Into<LevelFilter>) -> Self {
        self.max_level = level.into();
        self
    }

    /// What it has done so far: to be asked for before it is given to a subscriber.
    #[must_use]
    pub fn counts(&self) -> LayerCounts {
        self.counts.clone()
    }

    /// Whether spans and events of this kind are recorded. The pipeline's own diagnostics never are:
    /// it would export what it says about exporting.
    fn takes(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let is_own = target
            .strip_prefix("spanreel")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        !is_own && *metadata.level() <= self.max_level
    }

    /// Where what is made here belongs. `tied` is the span that it was explicitly tied to.
    fn place(&self, is_root: bool, tied: Option<Arc<Live>>) -> Option<Current> {
        if let Some(live) = tied {
            return Some(live.handle().into());
        }
        let here = current::get().or_else(|| self.fallback.clone())?;
        if is_root {
            return Some(here.session().into());
        }
        Some(here)
    }
}

/// The nearest mirror of a span and those that it lies in.
fn nearest<'a, S>(span: Option<SpanRef<'a, S>>) -> Option<Arc<Live>>
where
    S: LookupSpan<'a>,
{
    let mut scope = span?.scope();
    scope.find_map(|span| live_of(&span))
}

fn live_of<'a, S>(span: &SpanRef<'a, S>) -> Option<Arc<Live>>
where
    S: LookupSpan<'a>,
{
    let extensions = span.extensions();
    extensions
        .get::<Mirror>()
        .map(|mirror| Arc::clone(mirror.live()))
}

impl<S> Layer<S> for SessionLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        if !self.spans || !self.takes(attributes.metadata()) {
            return;
        }
        let tied = attributes.parent().and_then(|id| nearest(ctx.span(id)));
        let place = self.place(attributes.is_root(), tied);
        self.counts.count_span(place.is_some());
        let Some(place) = place else { return };
        let Some(span) = ctx.span(id) else { return };
        if span.extensions().get::<Mirror>().is_some() {
            return;
        }
        let content = self.content.unwrap_or_else(|| place.content().in_spans());
        let mirror = Mirror::start(&place, attributes, content);
        span.extensions_mut().replace(mirror);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if live_of(&span).is_none() {
            return;
        }
        // Read first: a `Debug` is the host's code and may itself use `tracing`.
        let mut told: Vec<(&'static str, OwnedValue, bool)> = Vec::new();
        values.record(&mut Fields(|field, value: Told<'_>| {
            let is_error = matches!(value, Told::Error(_));
            told.push((field, value.value().into(), is_error));
        }));
        let mut extensions = span.extensions_mut();
        let Some(mirror) = extensions.get_mut::<Mirror>() else {
            return;
        };
        for (field, value, is_error) in &told {
            value.with_value(|value| match (is_error, value) {
                (true, spanreel::Value::Str(text)) => mirror.record(field, Told::Error(text)),
                _ => mirror.record(field, Told::Value(value)),
            });
        }
    }

    fn on_follows_from(&self, id: &span::Id, follows: &span::Id, ctx: Context<'_, S>) {
        let followed = ctx.span(follows).and_then(|span| live_of(&span));
        let (Some(span), Some(followed)) = (ctx.span(id), followed) else {
            return;
        };
        if let Some(mirror) = span.extensions_mut().get_mut::<Mirror>() {
            mirror.follows(&followed);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let metadata = event.metadata();
        if !self.takes(metadata) {
            return;
        }
        let tied = event.parent().and_then(|id| nearest(ctx.span(id)));
        let place = self.place(event.is_root(), tied);
        self.counts.count_event(place.is_some());
        let Some(place) = place else { return };
        let content = self.content.unwrap_or_else(|| place.content().in_events());
        let said = Said::by(event, content);
        said.emit(&place, event);
        if *metadata.level() == Level::ERROR {
            mark_failed(ctx.event_span(event), &said);
        }
    }

    fn on_enter(&self, id: &span::Id, ctx: Context<'_, S>) {
        let live = ctx.span(id).and_then(|span| live_of(&span));
        if let Some(live) = live {
            stack::push_span(id.into_u64(), live);
        }
    }

    fn on_exit(&self, id: &span::Id, _: Context<'_, S>) {
        stack::pop(stack::Key::Span(id.into_u64()));
    }

    fn on_close(&self, id: span::Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id) else { return };
        let mirror = span.extensions_mut().remove::<Mirror>();
        // Ends it, when nothing is locked any more.
        drop(mirror);
    }
}

/// Marks the nearest mirror of an error's span as failed.
fn mark_failed<'a, S>(span: Option<SpanRef<'a, S>>, said: &Said)
where
    S: LookupSpan<'a>,
{
    let Some(span) = span else { return };
    for span in span.scope() {
        if let Some(mirror) = span.extensions_mut().get_mut::<Mirror>() {
            let (error_type, message) = said.error();
            return mirror.report_error(error_type, message);
        }
    }
}

#[cfg(test)]
mod tests;
