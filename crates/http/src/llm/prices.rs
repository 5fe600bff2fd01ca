//! What calls cost, by a price list.
//!
//! Holds: the list. Waits: never. Loses nothing: a model without a price has no cost, and is counted.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::tokens::Settled;

#[cfg(feature = "prices")]
mod list;

#[cfg(feature = "prices")]
pub use list::InvalidPrices;

/// A price list: rates of one's own for single models, and behind them, with the feature `prices`, a list
/// of [`genai-prices`](https://github.com/pydantic/genai-prices), which knows tiers, caches, modalities
/// and the days on which prices changed. Cheap to clone.
///
/// ```
/// use spanreel_http::llm::{Prices, Rate};
///
/// let prices = Prices::new("our contract", "2026-11").model("house-model", Rate {
///     input: 0.5,
///     output: 1.5,
///     ..Rate::default()
/// });
/// ```
#[derive(Clone)]
pub struct Prices {
    source: Arc<str>,
    version: Arc<str>,
    rates: Arc<HashMap<String, Rate>>,
    #[cfg(feature = "prices")]
    list: Option<Arc<list::List>>,
}

/// What a model costs: US dollars for a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Input tokens that no cache knows.
    pub input: f64,
    /// Output tokens, reasoning included.
    pub output: f64,
    /// Input tokens read from a cache; `None`: as any other.
    pub cache_read: Option<f64>,
    /// Input tokens written to a cache; `None`: as any other.
    pub cache_creation: Option<f64>,
    /// Those of them that are kept for an hour; `None`: as the others.
    pub cache_creation_hour: Option<f64>,
}

impl Rate {
    /// What these tokens cost in US dollars; `None` where input or output is unknown.
    #[must_use]
    pub fn cost(&self, tokens: &Settled, has_output: bool) -> Option<f64> {
        let usage = tokens.usage;
        let input = usage.input?;
        let output = if has_output { usage.output? } else { 0 };
        let read = usage.cache_read.unwrap_or(0);
        let written = usage.cache_creation.unwrap_or(0);
        let hour = tokens.cache_creation_hour.unwrap_or(0);
        let plain = input.saturating_sub(read).saturating_sub(written);
        let creation = self.cache_creation.unwrap_or(self.input);
        let dollars = plain as f64 * self.input
            + read as f64 * self.cache_read.unwrap_or(self.input)
            + written.saturating_sub(hour) as f64 * creation
            + hour as f64 * self.cache_creation_hour.unwrap_or(creation)
            + output as f64 * self.output;
        Some(dollars / 1e6)
    }
}

/// What a call cost.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Cost {
    /// In US dollars.
    pub usd: f64,
    /// Whose price list it is by; `provider` where the provider itself told the cost.
    pub source: Cow<'static, str>,
    /// Which version of it; empty where there are none.
    pub version: Cow<'static, str>,
}

impl Cost {
    /// What the provider said it cost.
    pub(crate) fn told(usd: f64) -> Self {
        Self {
            usd,
            source: "provider".into(),
            version: "".into(),
        }
    }
}

/// What is to be known of a call to price it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "prices"),
    expect(dead_code, reason = "the list that comes along asks for all of it")
)]
pub(crate) struct Priced<'a> {
    pub(crate) provider: &'a str,
    pub(crate) model: &'a str,
    pub(crate) service_tier: Option<&'a str>,
    pub(crate) tokens: &'a Settled,
    /// Embeddings have none.
    pub(crate) has_output: bool,
    pub(crate) time: SystemTime,
}

impl Prices {
    /// An empty list: `source` and `version` say on the span where its rates are from.
    #[must_use]
    pub fn new(source: &str, version: &str) -> Self {
        Self {
            source: source.into(),
            version: version.into(),
            rates: Arc::default(),
            #[cfg(feature = "prices")]
            list: None,
        }
    }

    /// What a model costs, by its name as providers tell it; wins over every list.
    #[must_use]
    pub fn model(mut self, model: &str, rate: Rate) -> Self {
        Arc::make_mut(&mut self.rates).insert(model.to_owned(), rate);
        self
    }

    /// What a call cost, where that can be told.
    pub(crate) fn cost(&self, call: &Priced<'_>) -> Option<Cost> {
        if let Some(rate) = self.rates.get(call.model) {
            return Some(Cost {
                usd: rate.cost(call.tokens, call.has_output)?,
                source: self.source.to_string().into(),
                version: self.version.to_string().into(),
            });
        }
        #[cfg(feature = "prices")]
        if let Some(list) = &self.list {
            return list.cost(call);
        }
        None
    }
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prices")
            .field("source", &self.source)
            .field("version", &self.version)
            .field("rates", &self.rates.len())
            .finish_non_exhaustive()
    }
}
