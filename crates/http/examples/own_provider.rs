//! A provider of one's own: a model server that nobody else knows, in a few lines.
//!
//! `cargo run -p spanreel-http --example own_provider`

use std::time::Duration;

use http::{Request, Response};
use serde_json::Value;
use spanreel::{Operation, Pipeline, testing::InMemory};
use spanreel_http::llm::{Asked, Event, Llm, Provider, Recognised, Target, Told};

/// `POST /generate` with `{"engine","text"}`, answered by `{"engine","in","out","end"}`.
#[derive(Debug)]
struct House;

impl Provider for House {
    fn recognise(&self, target: &Target<'_>) -> Option<Recognised> {
        let is_ours = target.is_host("house.internal") && target.path == "/generate";
        is_ours.then(|| Recognised::new("house", Operation::TextCompletion))
    }

    fn read_request(&self, body: &[u8], asked: &mut Asked) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        asked.model = body["engine"].as_str().map(str::to_owned);
    }

    fn read_response(&self, body: &[u8], told: &mut Told) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        told.model = body["engine"].as_str().map(str::to_owned);
        told.usage.input = body["in"].as_u64();
        told.usage.output = body["out"].as_u64();
        if let Some(reason) = body["end"].as_str() {
            told.finish(0, reason);
        }
    }

    fn read_event(&self, event: &Event<'_>, told: &mut Told) {
        // An event of its streams is an answer so far.
        self.read_response(event.data, told);
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = InMemory::new();
    let pipeline = Pipeline::builder().export(memory.clone()).start()?;
    let session = pipeline.session("conv-1")?;

    let llm = Llm::under(&session).provider(House);
    let asked = Request::post("http://house.internal/generate").body(r#"{"engine":"h-1"}"#)?;
    let told = Response::new(r#"{"engine":"h-1.2","in":20,"out":7,"end":"stop"}"#);
    llm.observe(&asked, &told);

    session.end();
    pipeline.shutdown_blocking(Duration::from_secs(5));
    memory.assert_tree_with(
        &["gen_ai.provider.name", "gen_ai.usage.input_tokens"],
        "
        session
          text_completion h-1 gen_ai.provider.name=house gen_ai.usage.input_tokens=20
        ",
    );
    Ok(())
}
