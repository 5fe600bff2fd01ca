//! Calls of models trace themselves: each is a span with what was asked of which model, how long the first
//! chunk took, what it used and cost, and how it ended.
//!
//! One line for each client: [`Llm`] makes the layer of a `tower` client, a middleware for
//! `reqwest-middleware`, or the span of a recorded pair. Requests that are no calls of models pass.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use spanreel::{Pipeline, testing::InMemory};
//! use spanreel_http::llm::{Llm, RequestBody};
//! use std::{convert::Infallible, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! /// The provider: mostly there is a network between.
//! async fn answer(request: Request<RequestBody<Full<Bytes>>>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     request.into_body().collect().await?;
//!     let answer = r#"{"id":"c-1","model":"gpt-5-2026","choices":[{"index":0,"finish_reason":"stop"}],
//!         "usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}"#;
//!     Ok(Response::new(Full::from(answer)))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let memory = InMemory::new();
//! let pipeline = Pipeline::builder().export(memory.clone()).start()?;
//! let session = pipeline.session("conv-1")?;
//!
//! let client = Llm::under(&session).layer().layer(service_fn(answer));
//! let body = r#"{"model":"gpt-5","messages":[{"role":"user","content":"Hello"}]}"#;
//! let request = Request::post("https://api.openai.com/v1/chat/completions").body(Full::from(body))?;
//! client.oneshot(request).await?.into_body().collect().await?;
//!
//! session.end();
//! pipeline.shutdown(Duration::from_secs(5)).await;
//! let span = memory.span("chat gpt-5");
//! assert_eq!(span.str("gen_ai.provider.name"), Some("openai"));
//! assert_eq!(span.int("gen_ai.usage.input_tokens"), Some(12));
//! assert!(!format!("{span:?}").contains("Hello"));
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! The bytes of requests and answers are never changed, held back or waited for: a copy is read as they
//! pass. Whatever a provider sends, the call goes on; what cannot be read is named on the span. No content
//! is recorded unless its session says so ([`spanreel::Content`]), and headers never are.

mod anthropic;
mod asked;
mod body;
mod call;
mod content;
mod decode;
mod describe;
mod envelope;
mod framing;
mod gemini;
mod json;
mod key;
mod layer;
mod measured;
mod observe;
mod ollama;
mod openai;
mod pace;
mod prices;
mod provider;
mod reading;
mod request_copy;
#[cfg(feature = "reqwest")]
mod reqwest;
mod said;
mod settings;
mod tokens;
mod told;

#[cfg(feature = "reqwest")]
pub use self::reqwest::{LlmMiddleware, ReqwestFuture};
pub use anthropic::AnthropicMessages;
pub use asked::Asked;
pub use body::{RequestBody, ResponseBody};
pub use call::Call;
pub use gemini::{GeminiContent, GeminiInteractions};
pub use layer::{LlmFuture, LlmLayer, LlmService};
pub use measured::Measured;
pub use ollama::Ollama;
pub use openai::{OpenAiChat, OpenAiEmbeddings, OpenAiResponses};
#[cfg(feature = "prices")]
pub use prices::InvalidPrices;
pub use prices::{Cost, Prices, Rate};
pub use provider::{Event, Provider, ProviderName, Recognised, Target};
pub use settings::{Llm, LlmCounts};
pub use tokens::{ByModality, Modality, Settled, Tokens};
pub use told::{Failure, Told, ToolCall};
