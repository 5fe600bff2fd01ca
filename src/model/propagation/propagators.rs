//! Which formats of context are read and written, and in which order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::baggage::Baggage;
use super::carrier::{Carrier, CarrierMut};
use super::{b3, w3c, xray};
use crate::model::context::SpanContext;

pub(super) const BAGGAGE: &str = "baggage";

/// A format of context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Propagator {
    /// `traceparent` and `tracestate` (W3C Trace Context level 2).
    TraceContext,
    /// `baggage` (W3C Baggage).
    Baggage,
    /// `b3`, the one header of Zipkin. Both of its forms are read.
    B3,
    /// `X-B3-*`, the several headers of Zipkin. Both of its forms are read.
    B3Multi,
    /// `X-Amzn-Trace-Id` (AWS X-Ray), in an environment `_X_AMZN_TRACE_ID`.
    XRay,
}

impl Propagator {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::TraceContext,
        Self::Baggage,
        Self::B3,
        Self::B3Multi,
        Self::XRay,
    ];

    /// Its name in `OTEL_PROPAGATORS`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TraceContext => "tracecontext",
            Self::Baggage => "baggage",
            Self::B3 => "b3",
            Self::B3Multi => "b3multi",
            Self::XRay => "xray",
        }
    }

    fn extract<C: Carrier + ?Sized>(self, carrier: &C) -> Found {
        match self {
            Self::TraceContext => w3c::extract(carrier),
            Self::Baggage => Found::Nothing,
            Self::B3 | Self::B3Multi => b3::extract(carrier),
            Self::XRay => xray::extract(carrier),
        }
    }
}

/// What one format found in a carrier.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// None of its keys.
    Nothing,
    /// Something that it does not allow.
    Invalid,
    /// Whether to sample, without a span.
    Decision(bool),
    /// A span.
    Context {
        context: SpanContext,
        /// Something beside it was bad and is left out.
        has_flaw: bool,
    },
}

/// What a carrier says: who called, and what it passes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extracted {
    /// The span that called, where one is named.
    pub parent: Option<SpanContext>,
    /// What travels with the call.
    pub baggage: Baggage,
    /// What the caller decided about sampling, also where it names no span (B3's `b3: 0`). `None`
    /// where it leaves that open.
    pub sampled: Option<bool>,
}

/// The formats that are read and written, in their order: cheap to clone, without anything global.
///
/// Default: `tracecontext` and `baggage`. A pipeline has its own, from `OTEL_PROPAGATORS` or
/// [`Builder::propagators`](crate::Builder::propagators).
///
/// ```
/// use spanreel::{Propagator, Propagators};
///
/// let propagators = Propagators::new([Propagator::TraceContext, Propagator::B3]);
/// let headers = [("b3", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1")];
/// let inbound = propagators.extract(&headers);
/// let parent = inbound.parent.expect("a span is named");
///
/// let mut outbound: Vec<(String, String)> = Vec::new();
/// propagators.inject(&parent, &inbound.baggage, &mut outbound);
/// assert_eq!(outbound.len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Propagators {
    chosen: Arc<[Propagator]>,
    /// Shared by all clones.
    ignored: Arc<AtomicU64>,
}

impl Propagators {
    /// These formats, each once. None at all is a choice, too: then nothing is read or written.
    pub fn new(chosen: impl IntoIterator<Item = Propagator>) -> Self {
        let mut once = Vec::new();
        for propagator in chosen {
            if !once.contains(&propagator) {
                once.push(propagator);
            }
        }
        Self {
            chosen: once.into(),
            ignored: Arc::default(),
        }
    }

    /// The formats, in their order.
    #[must_use]
    pub fn chosen(&self) -> &[Propagator] {
        &self.chosen
    }

    /// Reads a carrier. The formats are asked in their order; the last one that names a span counts,
    /// but one that names the same span as the one before takes nothing of what that one told
    /// (`tracestate`, the random flag). What is invalid is ignored and counted.
    #[must_use]
    pub fn extract<C: Carrier + ?Sized>(&self, carrier: &C) -> Extracted {
        let mut extracted = Extracted::default();
        for propagator in &*self.chosen {
            if *propagator == Propagator::Baggage {
                let (baggage, all_right) = Baggage::combine(carrier.get_all(BAGGAGE));
                extracted.baggage = baggage;
                self.count(!all_right);
                continue;
            }
            match propagator.extract(carrier) {
                Found::Nothing => {}
                Found::Invalid => self.count(true),
                Found::Decision(sampled) => {
                    if extracted.parent.is_none() {
                        extracted.sampled = Some(sampled);
                    }
                }
                Found::Context { context, has_flaw } => {
                    self.count(has_flaw);
                    extracted.sampled = context.decision().is_sampled();
                    extracted.parent = Some(match extracted.parent.take() {
                        Some(before) if before.is_same_span(&context) => before.joined(&context),
                        _ => context,
                    });
                }
            }
        }
        extracted
    }

    /// Writes a span and its baggage to a carrier, in all formats. What the carrier held of these
    /// formats before is replaced or removed, so that nothing of an earlier call travels along.
    #[inline]
    pub fn inject<C: CarrierMut + ?Sized>(
        &self,
        context: &SpanContext,
        baggage: &Baggage,
        carrier: &mut C,
    ) {
        for propagator in &*self.chosen {
            match propagator {
                Propagator::TraceContext => w3c::inject(context, carrier),
                Propagator::Baggage if baggage.is_empty() => carrier.remove(BAGGAGE),
                Propagator::Baggage => carrier.set(BAGGAGE, baggage.as_str()),
                Propagator::B3 => b3::inject_single(context, carrier),
                Propagator::B3Multi => b3::inject_several(context, carrier),
                Propagator::XRay => xray::inject(context, carrier),
            }
        }
    }

    /// How many times something invalid was ignored, by all clones together.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored.load(Ordering::Relaxed)
    }

    #[inline]
    fn count(&self, is_flaw: bool) {
        if is_flaw {
            self.ignored.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Default for Propagators {
    fn default() -> Self {
        Self::new([Propagator::TraceContext, Propagator::Baggage])
    }
}

/// The same formats in the same order.
impl PartialEq for Propagators {
    fn eq(&self, other: &Self) -> bool {
        self.chosen == other.chosen
    }
}

impl Eq for Propagators {}

impl SpanContext {
    /// Reads `traceparent` and `tracestate` (W3C Trace Context level 2). `None` where there is no
    /// `traceparent`, or an invalid one: then a new trace begins. Other formats, and a count of what
    /// was invalid, have [`Propagators`].
    #[must_use]
    pub fn extract<C: Carrier + ?Sized>(carrier: &C) -> Option<Self> {
        match w3c::extract(carrier) {
            Found::Context { context, .. } => Some(context),
            _ => None,
        }
    }

    /// Writes `traceparent` and `tracestate` (W3C Trace Context level 2).
    #[inline]
    pub fn inject<C: CarrierMut + ?Sized>(&self, carrier: &mut C) {
        w3c::inject(self, carrier);
    }
}

#[cfg(test)]
mod tests;
