//! What calls cost by the list of `genai-prices`, worked out by hand from the published prices.

use http::{Request, Response};
use serde_json::{Value, json};
use spanreel_http::llm::{Llm, Prices};

use crate::rig::Rig;

const CLAUDE: &str = "https://api.anthropic.com/v1/messages";
const GPT: &str = "https://api.openai.com/v1/chat/completions";

/// The cost of a call with this answer, in US dollars, and whether it was counted as without a price.
fn cost(url: &str, answer: &Value) -> (Option<f64>, bool) {
    let rig = Rig::new();
    let llm = Llm::under(&rig.session).prices(Prices::bundled());
    let request = Request::post(url).body("{}").expect("the parts are right");
    llm.observe(&request, &Response::new(answer.to_string()));
    let is_unpriced = llm.counts().unpriced == 1;
    let span = rig.only();
    let cost = span.double("gen_ai.usage.cost");
    assert_eq!(span.str("spanreel.cost.source").is_some(), cost.is_some());
    assert_eq!(span.str("spanreel.cost.version").is_some(), cost.is_some());
    (cost, is_unpriced)
}

#[track_caller]
fn assert_costs(url: &str, answer: &Value, micros: f64) {
    let (cost, is_unpriced) = cost(url, answer);
    let cost = cost.expect("it has a price") * 1e6;
    assert!(
        (cost - micros).abs() < 0.01,
        "{cost} instead of {micros} millionths"
    );
    assert!(!is_unpriced);
}

/// Input, output, and what is read from and written to caches have prices of their own.
#[test]
fn caches_have_prices_of_their_own() {
    let answer = json!({"model": "claude-sonnet-4-5-20250929", "usage": {
        "input_tokens": 3, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 1000, "output_tokens": 40}});
    // 3 at 3, 200 at 3.75, 1000 at 0.3 and 40 at 15 dollars a million.
    assert_costs(CLAUDE, &answer, 9.0 + 750.0 + 300.0 + 600.0);
    let answer = json!({"model": "gpt-5-2025-08-07", "usage": {"prompt_tokens": 1200, "completion_tokens": 300,
        "prompt_tokens_details": {"cached_tokens": 1024}, "completion_tokens_details": {"reasoning_tokens": 256}}});
    // 176 at 1.25, 1024 at 0.125 and 300 at 10, reasoning included.
    assert_costs(GPT, &answer, 220.0 + 128.0 + 3000.0);
}

/// A long prompt costs more, all of it.
#[test]
fn tiers_count_for_the_whole_call() {
    let answer = json!({"model": "claude-sonnet-4-5-20250929", "usage": {"input_tokens": 300_000, "output_tokens": 1000}});
    // At 6 and 22.5 dollars a million beyond 200,000.
    assert_costs(CLAUDE, &answer, 1_800_000.0 + 22_500.0);
    let answer = json!({"model": "claude-sonnet-4-5-20250929", "usage": {"input_tokens": 100_000, "output_tokens": 1000}});
    assert_costs(CLAUDE, &answer, 300_000.0 + 15_000.0);
}

/// What the provider says it cost is believed.
#[test]
fn a_providers_own_figure_wins() {
    let rig = Rig::new();
    let llm = Llm::under(&rig.session).prices(Prices::bundled());
    let request = Request::post("https://openrouter.ai/api/v1/chat/completions").body("{}");
    let answer = json!({"model": "openai/gpt-5", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.25}});
    llm.observe(&request.expect("right"), &Response::new(answer.to_string()));
    let span = rig.only();
    assert_eq!(span.double("gen_ai.usage.cost"), Some(0.25));
    assert_eq!(span.str("spanreel.cost.source"), Some("provider"));
}

/// Without a price, or without knowing the usage, there is no cost, and never zero.
#[test]
fn without_a_price_there_is_no_cost() {
    for (url, answer) in [
        (
            GPT,
            json!({"model": "my-own-model", "usage": {"prompt_tokens": 1, "completion_tokens": 1}}),
        ),
        (GPT, json!({"model": "gpt-5"})),
        (
            GPT,
            json!({"model": "gpt-5", "usage": {"prompt_tokens": 1}}),
        ),
        (
            "http://localhost:11434/api/chat",
            json!({"model": "qwen3:4b", "prompt_eval_count": 1, "eval_count": 1}),
        ),
    ] {
        assert_eq!(cost(url, &answer), (None, true), "{answer}");
    }
}

/// A model that is free costs nothing, which is a price; one whose prices are for something else than tokens
/// has none that is known.
#[test]
fn a_free_model_costs_zero() {
    let answer = json!({"model": "gemma-3-27b-it", "candidates": [], "modelVersion": "gemma-3-27b-it",
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}});
    let url =
        "https://generativelanguage.googleapis.com/v1beta/models/gemma-3-27b-it:generateContent";
    assert_eq!(cost(url, &answer), (Some(0.0), false));
    let answer =
        json!({"model": "gpt-live-1", "usage": {"prompt_tokens": 10, "completion_tokens": 5}});
    assert_eq!(cost(GPT, &answer), (None, true));
}

/// Prices of zero in a list of one's own are prices.
#[test]
fn zero_in_a_list_is_a_price() {
    let list = json!([{"id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com",
        "models": [{"id": "house", "match": {"equals": "house"}, "prices": {"input_mtok": 0, "output_mtok": 0}}]}]);
    let prices = Prices::from_json(list.to_string().as_bytes(), "mine", "1").expect("it is one");
    let rig = Rig::new();
    let request = Request::post(GPT).body("{}").expect("the parts are right");
    let answer = json!({"model": "house", "usage": {"prompt_tokens": 1, "completion_tokens": 2}});
    let llm = Llm::under(&rig.session).prices(prices);
    llm.observe(&request, &Response::new(answer.to_string()));
    assert_eq!(llm.counts().unpriced, 0);
    assert_eq!(rig.session.totals().cost, Some(0.0));
    assert_eq!(rig.only().double("gen_ai.usage.cost"), Some(0.0));
}

/// A list of one's own is read; what is none says so.
#[test]
fn a_list_of_ones_own_is_read() {
    assert!(Prices::from_json(b"{}", "mine", "1").is_err());
    let list = json!([{"id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com",
        "models": [{"id": "gpt-5", "match": {"starts_with": "gpt-5"},
            "prices": {"input_mtok": 100, "output_mtok": 200}}]}]);
    let prices = Prices::from_json(list.to_string().as_bytes(), "mine", "1").expect("it is one");
    let rig = Rig::new();
    let request = Request::post(GPT).body("{}").expect("the parts are right");
    let answer = json!({"model": "gpt-5-x", "usage": {"prompt_tokens": 1, "completion_tokens": 2}});
    Llm::under(&rig.session)
        .prices(prices)
        .observe(&request, &Response::new(answer.to_string()));
    let span = rig.only();
    assert_eq!(span.str("spanreel.cost.source"), Some("mine"));
    let cost = span.double("gen_ai.usage.cost").expect("priced");
    assert!((cost - 500e-6).abs() < 1e-12, "{cost}");
}
