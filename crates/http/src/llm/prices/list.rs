//! The list of `genai-prices`.

use std::borrow::Cow;
use std::time::SystemTime;

use genai_prices::{Calculator, PriceRequest, Usage, UsageKey};

use super::{Cost, Priced, Prices};
use crate::llm::tokens::Modality;

/// A price list, and where it is from.
pub(super) struct List {
    calculator: Data,
    source: Cow<'static, str>,
    version: Cow<'static, str>,
}

enum Data {
    Bundled(&'static Calculator),
    Own(Box<Calculator>),
}

/// The version of the list that is bundled: that of the crate, which the manifest holds to it.
const BUNDLED_VERSION: &str = "0.2.1";

/// A price list that cannot be read.
#[derive(Debug)]
pub struct InvalidPrices(genai_prices::Error);

impl std::fmt::Display for InvalidPrices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the price list is not data of genai-prices, version 2")
    }
}

impl std::error::Error for InvalidPrices {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

impl Prices {
    /// The list that is bundled with `genai-prices`. Reading it takes some ten milliseconds, once in a
    /// process.
    #[must_use]
    pub fn bundled() -> Self {
        Self::with(List {
            calculator: Data::Bundled(Calculator::bundled()),
            source: "genai-prices".into(),
            version: BUNDLED_VERSION.into(),
        })
    }

    /// A newer list, or one of your own, in the format of `genai-prices` (version 2:
    /// [`REMOTE_DATA_URL`](genai_prices::REMOTE_DATA_URL)). `source` and `version` are told on the spans.
    ///
    /// # Errors
    /// Where the list is not in that format.
    pub fn from_json(json: &[u8], source: &str, version: &str) -> Result<Self, InvalidPrices> {
        let calculator = Calculator::from_json(json).map_err(InvalidPrices)?;
        Ok(Self::with(List {
            calculator: Data::Own(Box::new(calculator)),
            source: source.to_owned().into(),
            version: version.to_owned().into(),
        }))
    }

    fn with(list: List) -> Self {
        let mut prices = Self::new(&list.source, &list.version);
        prices.list = Some(std::sync::Arc::new(list));
        prices
    }
}

/// What the list calls a provider; `None` for those that it does not know by the name that spans have.
fn provider_id(provider: &str) -> Option<&'static str> {
    Some(match provider {
        "openai" => "openai",
        "azure.ai.openai" | "azure.ai.inference" => "azure",
        "anthropic" => "anthropic",
        "gcp.gemini" | "gcp.vertex_ai" | "gcp.gen_ai" => "google",
        "aws.bedrock" => "aws",
        "groq" => "groq",
        "deepseek" => "deepseek",
        "mistral_ai" => "mistral",
        "x_ai" => "x-ai",
        "openrouter" => "openrouter",
        "perplexity" => "perplexity",
        "cohere" => "cohere",
        _ => return None,
    })
}

impl List {
    pub(super) fn cost(&self, call: &Priced<'_>) -> Option<Cost> {
        let usage = usage(call)?;
        let provider = provider_id(call.provider)?;
        let mut request = PriceRequest::new(call.model, &usage)
            .with_provider_id(provider)
            .with_timestamp(call.time);
        if let Some(tier) = call.service_tier {
            request = request.with_price_context("service_tier", tier);
        }
        let calculator = match &self.calculator {
            Data::Bundled(calculator) => calculator,
            Data::Own(calculator) => &**calculator,
        };
        let usd = calculator.calculate(&request).ok()?.total_price;
        // Zero is what a model costs that is free, and what one seems to cost whose prices are for something
        // else than what was used, such as hours of audio.
        let is_known = usd > 0.0
            || call.tokens.usage.total() == 0
            || is_free(calculator, call.model, provider, call.time);
        (usd.is_finite() && is_known).then(|| Cost {
            usd,
            source: self.source.clone(),
            version: self.version.clone(),
        })
    }
}

/// Whether a model costs nothing, whatever is used of it: the list has it without a price or with prices of
/// zero, which is how `genai-prices` writes that it is free.
fn is_free(calculator: &Calculator, model: &str, provider: &str, time: SystemTime) -> bool {
    let everything = Usage::from(EVERYTHING);
    let request = PriceRequest::new(model, &everything)
        .with_provider_id(provider)
        .with_timestamp(time);
    let price = calculator.calculate(&request);
    price.is_ok_and(|price| price.total_price == 0.0)
}

/// Something of all that can have a price; parts within their totals.
const EVERYTHING: [(UsageKey, f64); 16] = [
    (UsageKey::INPUT_TOKENS, 1000.0),
    (UsageKey::OUTPUT_TOKENS, 1000.0),
    (UsageKey::CACHE_READ_TOKENS, 100.0),
    (UsageKey::CACHE_WRITE_TOKENS, 100.0),
    (UsageKey::OUTPUT_REASONING_TOKENS, 100.0),
    (UsageKey::INPUT_AUDIO_TOKENS, 100.0),
    (UsageKey::OUTPUT_AUDIO_TOKENS, 100.0),
    (UsageKey::OUTPUT_IMAGE_TOKENS, 100.0),
    (UsageKey::from_static("audio_seconds"), 3600.0),
    (UsageKey::from_static("input_audio_seconds"), 1000.0),
    (UsageKey::from_static("output_audio_seconds"), 1000.0),
    (UsageKey::from_static("input_characters"), 1e6),
    (UsageKey::from_static("input_text_messages"), 1000.0),
    (UsageKey::from_static("requests"), 1000.0),
    (UsageKey::from_static("rerank_searches"), 1000.0),
    (UsageKey::from_static("web_searches"), 1000.0),
];

/// Tokens as the list counts them: like the conventions, totals hold their parts.
fn usage(call: &Priced<'_>) -> Option<Usage> {
    let tokens = call.tokens;
    let output = match tokens.usage.output {
        None if call.has_output => return None,
        output => output,
    };
    let mut usage = Usage::new();
    for (key, count) in [
        (UsageKey::INPUT_TOKENS, Some(tokens.usage.input?)),
        (UsageKey::OUTPUT_TOKENS, output),
        (UsageKey::CACHE_READ_TOKENS, tokens.usage.cache_read),
        (UsageKey::CACHE_WRITE_TOKENS, tokens.usage.cache_creation),
        (UsageKey::CACHE_WRITE_1H_TOKENS, tokens.cache_creation_hour),
        (UsageKey::OUTPUT_REASONING_TOKENS, tokens.usage.reasoning),
        (
            UsageKey::INPUT_AUDIO_TOKENS,
            tokens.input_by.get(Modality::Audio),
        ),
        (
            UsageKey::CACHE_AUDIO_READ_TOKENS,
            tokens.cache_read_by.get(Modality::Audio),
        ),
        (
            UsageKey::OUTPUT_AUDIO_TOKENS,
            tokens.output_by.get(Modality::Audio),
        ),
        (
            UsageKey::OUTPUT_IMAGE_TOKENS,
            tokens.output_by.get(Modality::Image),
        ),
    ] {
        if let Some(count) = count.filter(|count| *count > 0) {
            usage.insert(key, count as f64);
        }
    }
    Some(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version that spans tell is that of the list that is compiled in.
    #[test]
    fn the_version_is_that_of_the_bundled_list() {
        let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
        let lock = std::fs::read_to_string(lock).expect("the workspace has one");
        let locked: Vec<&str> = lock
            .split("[[package]]")
            .filter(|package| package.contains("name = \"genai-prices\""))
            .collect();
        assert_eq!(locked.len(), 1, "one version of it");
        assert!(
            locked[0].contains(&format!("version = \"{BUNDLED_VERSION}\"")),
            "{BUNDLED_VERSION}: {}",
            locked[0]
        );
        let manifest = include_str!("../../../Cargo.toml");
        let exactly = format!("genai-prices = {{ version = \"={BUNDLED_VERSION}\"");
        assert!(manifest.contains(&exactly), "who installs it gets another");
    }

    /// All that can have a price is probed for: what has one is not free.
    #[test]
    fn no_model_with_a_price_seems_free() {
        let calculator = Calculator::bundled();
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
        let mut free = Vec::new();
        for provider in calculator.providers() {
            for model in provider.models() {
                if is_free(calculator, model.id(), provider.id(), time) {
                    free.push(format!("{}/{}", provider.id(), model.id()));
                }
            }
        }
        let known = [
            "openai/moderation",
            "google/gemma-3",
            "mistral/mistral-nemo:free",
        ];
        for known in known {
            assert!(free.iter().any(|it| it == known), "{known}: {free:?}");
        }
        for paid in [
            "gpt-5",
            "whisper",
            "transcribe",
            "tts",
            "orpheus",
            "grok-voice",
            "rerank",
        ] {
            let wrong = free
                .iter()
                .find(|it| it.contains(paid) && !it.ends_with(":free"));
            assert_eq!(wrong, None);
        }
    }
}
