//! How calls are traced: where, by which providers, at which prices.
//!
//! Holds: the settings, shared by all that was made of them, and a few counters. Loses nothing.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::HOST;
use http::{HeaderMap, Method, Uri};
use spanreel::{ByteSize, SpanRef};

use super::call::Call;
use super::measured::{Listener, Measured};
use super::prices::Prices;
use super::provider::{Provider, Recognised, Target};
use super::{
    AnthropicMessages, GeminiContent, GeminiInteractions, Ollama, OpenAiChat, OpenAiEmbeddings,
    OpenAiResponses,
};

type PlaceBy = Arc<dyn Fn() -> Option<SpanRef> + Send + Sync>;

/// How calls of models are traced. Cheap to clone; make it once and give each client its layer.
///
/// ```
/// use spanreel::Session;
/// use spanreel_http::llm::{Llm, LlmLayer};
///
/// fn layer(session: &Session) -> LlmLayer {
///     Llm::under(session).layer()
/// }
/// ```
#[derive(Clone)]
pub struct Llm {
    place: Option<SpanRef>,
    place_by: Option<PlaceBy>,
    /// Asked in this order.
    providers: Arc<[Arc<dyn Provider>]>,
    names: Arc<[(String, Cow<'static, str>)]>,
    prices: Option<Prices>,
    limit: ByteSize,
    listener: Option<Listener>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    unpriced: AtomicU64,
    unread: AtomicU64,
}

/// What became of the calls so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LlmCounts {
    /// Calls that were traced and have ended.
    pub calls: u64,
    /// Those without a cost although there is a price list: the model has no price, or its usage is
    /// unknown.
    pub unpriced: u64,
    /// Those whose answers could not be read, or not wholly (`spanreel.llm.unread`).
    pub unread: u64,
}

impl Default for Llm {
    fn default() -> Self {
        let providers: [Arc<dyn Provider>; 7] = [
            Arc::new(OpenAiChat),
            Arc::new(OpenAiResponses),
            Arc::new(OpenAiEmbeddings),
            Arc::new(AnthropicMessages),
            Arc::new(GeminiContent),
            Arc::new(GeminiInteractions),
            Arc::new(Ollama),
        ];
        Self {
            place: None,
            place_by: None,
            providers: Arc::new(providers),
            names: Arc::new([]),
            prices: None,
            limit: ByteSize::mib(32),
            listener: None,
            counters: Arc::default(),
        }
    }
}

impl Llm {
    /// Requests say whom they are made for, by a [`SpanRef`] in their extensions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests that do not say it are made for this span or session.
    #[must_use]
    pub fn under(place: impl Into<SpanRef>) -> Self {
        Self {
            place: Some(place.into()),
            ..Self::default()
        }
    }

    /// Requests that do not say it are made for what this returns, as it is called where the request is
    /// made: the current span of a task, for example.
    #[must_use]
    pub fn place_by(mut self, place: impl Fn() -> Option<SpanRef> + Send + Sync + 'static) -> Self {
        self.place_by = Some(Arc::new(place));
        self
    }

    /// Adds a provider, which is asked before those that were added earlier and before the built-in ones.
    #[must_use]
    pub fn provider(mut self, provider: impl Provider + 'static) -> Self {
        let first: Arc<dyn Provider> = Arc::new(provider);
        self.providers = std::iter::once(first)
            .chain(self.providers.iter().cloned())
            .collect();
        self
    }

    /// Says what the provider at a host is called (`gen_ai.provider.name`), where its host does not tell:
    /// `llm.named("models.internal:8000", "vllm")`. A host without a port is meant at all of them.
    #[must_use]
    pub fn named(mut self, host: &str, provider: &str) -> Self {
        let name = (host.to_ascii_lowercase(), Cow::Owned(provider.to_owned()));
        self.names = std::iter::once(name)
            .chain(self.names.iter().cloned())
            .collect();
        self
    }

    /// Says what calls cost. Default: they have no cost but that which their providers tell.
    #[must_use]
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = Some(prices);
        self
    }

    /// The longest body, or event of a stream, that is read: as much is held for each call that is under
    /// way. What is longer is passed on all the same. Default: 32 MiB.
    #[must_use]
    pub fn read_at_most(mut self, limit: ByteSize) -> Self {
        self.limit = limit;
        self
    }

    /// Tells of each call that has ended, also of those whose sessions are not sampled: for metrics
    /// (`spanreel_bridge::otel::GenAiMetrics::record`). Recorded pairs ([`Llm::observe`]) have no times, and
    /// are not told of. It is called where the answer ends, and should be quick.
    #[must_use]
    pub fn measure_by(mut self, listener: impl Fn(&Measured<'_>) + Send + Sync + 'static) -> Self {
        self.listener = Some(Listener::new(listener));
        self
    }

    /// What became of the calls so far.
    #[must_use]
    pub fn counts(&self) -> LlmCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LlmCounts {
            calls: read(&self.counters.calls),
            unpriced: read(&self.counters.unpriced),
            unread: read(&self.counters.unread),
        }
    }

    /// Begins the span of a request by hand, for clients that no layer fits. `given` is whom the request
    /// says it is made for. `None` where it is no call of a model, or nobody says whom it is for.
    #[must_use]
    pub fn begin(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        given: Option<&SpanRef>,
    ) -> Option<Call> {
        let (provider, recognised) = self.recognise(method, uri, headers)?;
        let by = match given {
            Some(_) => None,
            None => self.place_by.as_ref().and_then(|place| place()),
        };
        let place = given.or(by.as_ref()).or(self.place.as_ref())?;
        Some(Call::start(
            self.clone(),
            provider,
            recognised,
            place,
            uri,
            headers,
        ))
    }

    fn recognise(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<(Arc<dyn Provider>, Recognised)> {
        let named = headers.get(HOST).and_then(|host| host.to_str().ok());
        let authority = match (uri.host(), named) {
            (Some(host), _) => (host, uri.port_u16()),
            (None, Some(named)) => crate::request::split(named),
            (None, None) => ("", None),
        };
        let target = Target {
            port: authority.1,
            ..Target::new(method, authority.0, uri.path())
        };
        for provider in self.providers.iter() {
            if let Some(mut recognised) = provider.recognise(&target) {
                if let Some(name) = self.name_of(&target) {
                    recognised.provider = name;
                }
                return Some((Arc::clone(provider), recognised));
            }
        }
        None
    }

    fn name_of(&self, target: &Target<'_>) -> Option<Cow<'static, str>> {
        let is_it = |name: &str| match name.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !port.contains(']') => {
                target.host.eq_ignore_ascii_case(host) && port.parse().ok() == target.port
            }
            _ => target.host.eq_ignore_ascii_case(name),
        };
        let found = self.names.iter().find(|(name, _)| is_it(name));
        found.map(|(_, provider)| provider.clone())
    }

    pub(crate) fn price_list(&self) -> Option<&Prices> {
        self.prices.as_ref()
    }

    pub(crate) fn listener(&self) -> Option<&Listener> {
        self.listener.as_ref()
    }

    /// The same for recorded pairs, which nobody measures.
    pub(crate) fn unheard(&self) -> Self {
        Self {
            listener: None,
            ..self.clone()
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.as_usize()
    }

    /// Books a call that has ended.
    pub(crate) fn ended(&self, is_unpriced: bool, is_unread: bool) {
        let Counters {
            calls,
            unpriced,
            unread,
        } = &*self.counters;
        calls.fetch_add(1, Ordering::Relaxed);
        unpriced.fetch_add(u64::from(is_unpriced), Ordering::Relaxed);
        unread.fetch_add(u64::from(is_unread), Ordering::Relaxed);
    }
}

impl fmt::Debug for Llm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Llm")
            .field("place", &self.place)
            .field("providers", &self.providers)
            .field("names", &self.names)
            .field("prices", &self.prices)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
