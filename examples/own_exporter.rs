//! An exporter of one's own: adds up tokens by model, from spans read in place.
//!
//! The pipeline batches, retries, limits the time of an attempt and counts; an exporter only takes
//! one request and says truthfully what became of it.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use spanreel::record::RecordedSpan;
use spanreel::{Export, ExportError, Pipeline, Request, Signal};

#[derive(Clone, Default)]
struct TokensByModel(Arc<Mutex<BTreeMap<String, i64>>>);

impl Export for TokensByModel {
    fn name(&self) -> &str {
        "tokens-by-model"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        if request.signal() != Signal::Traces {
            return Ok(());
        }
        let spans = RecordedSpan::read_all(&request.to_bytes()).map_err(ExportError::permanent)?;
        let mut sums = self.0.lock().expect("nobody panics with it");
        for span in spans {
            if let Some(model) = span.str("gen_ai.request.model") {
                let tokens = span.int("gen_ai.usage.output_tokens").unwrap_or(0);
                *sums.entry(model.to_owned()).or_default() += tokens;
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sums = TokensByModel::default();
    let pipeline = Pipeline::builder().export(sums.clone()).start()?;
    let session = pipeline.session("conv-1")?;
    session.chat("openai", "gpt-4o").start().tokens(900, 40);
    session.chat("openai", "gpt-4o-mini").start().tokens(100, 7);
    session.chat("openai", "gpt-4o").start().tokens(300, 2);
    println!("{}", pipeline.shutdown_blocking(Duration::from_secs(5)));
    println!("{:?}", sums.0.lock().expect("nobody panics with it"));
    Ok(())
}
