//! Trace context across processes: spans for the requests that a service answers and makes, whose
//! context travels in the headers, so that an agent, its tools and the services behind them are one
//! trace.
//!
//! ```
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use hyper::body::Bytes;
//! use spanreel::testing::InMemory;
//! use spanreel::{Pipeline, SpanRef};
//! use spanreel_http::{ClientLayer, ServerLayer};
//! use std::{convert::Infallible, time::Duration};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! type Body = Full<Bytes>;
//!
//! /// A service as axum, tonic and hyper have them.
//! async fn answer(request: Request<Body>) -> Result<Response<Body>, Infallible> {
//!     if let Some(place) = request.extensions().get::<SpanRef>() {
//!         place.agent("planner").start().end();
//!     }
//!     Ok(Response::new(Body::from("an answer")))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let memory = InMemory::new();
//! let pipeline = Pipeline::builder().export(memory.clone()).start()?;
//! let session = pipeline.session("0af7651916cd43dd8448eb211c80319c")?;
//!
//! let server = ServerLayer::new(&pipeline).layer(service_fn(answer));
//! // Mostly there is a network between the two.
//! let client = ClientLayer::new().layer(server);
//!
//! let tool = session.tool("ask").start();
//! let request = Request::get("http://agents.internal/").extension(SpanRef::from(&tool));
//! let response = client.oneshot(request.body(Body::default())?).await?;
//! response.into_body().collect().await?;
//! tool.end();
//! session.end();
//!
//! pipeline.shutdown(Duration::from_secs(5)).await;
//! memory.assert_tree(
//!     "
//!     session
//!       execute_tool ask
//!         GET
//!           GET
//!             invoke_agent planner
//!     ",
//! );
//! # Ok(())
//! # }
//! ```
//!
//! # When to use it
//!
//! When work crosses a border between processes: HTTP, MCP, A2A, a queue. Within a process, spans are
//! values and need none of it.
//!
//! # What it costs
//!
//! About a microsecond for a request that is made or answered, also where it opens a session of its own.
//! No body is gathered or copied, no task is started, nothing waits.
//!
//! # What it promises
//!
//! A span ends with the body of its response, dropped early or not. What strangers send costs no
//! request, no panic, and no memory beyond the limits of the standards. Queries, users and passwords of
//! URLs are never recorded; baggage goes to allowed hosts only.
//!
//! # Map
//!
//! | for | use |
//! | --- | --- |
//! | requests that are answered | [`ServerLayer`], [`RequestHead`] |
//! | callers that must prove themselves | `ServerLayer::verifier`, `token` |
//! | requests that are made | [`ClientLayer`]; `ClientMiddleware` for reqwest |
//! | MCP and A2A | [`mcp`], [`a2a`], [`Via`], [`Metadata`], [`MetadataMut`] |
//! | message queues | [`MessageHeaders`], [`MessageHeadersMut`] |
//! | everything that arrives | [`Inbound`], [`Arrival`], [`InboundSpan`] |
//! | calls of models | [`llm`] |
//! | HTTP headers, maps of strings, environments | [`Carrier`](spanreel::Carrier), [`CarrierMut`](spanreel::CarrierMut) |
//!
//! # Features
//!
//! `llm` (calls of models trace themselves; on by default), `prices` (what they cost, by the list of
//! `genai-prices`), `zstd` (their answers may be compressed with it), `axum` (`http.route` from the route
//! that axum's router has matched), `reqwest` (middleware for `reqwest-middleware`) and `token` (signed
//! delegation tokens).

#![forbid(unsafe_code)]

pub mod a2a;
mod begin;
mod body;
mod carrier;
mod client;
mod future;
mod grpc;
mod inbound;
#[cfg(feature = "llm")]
pub mod llm;
pub mod mcp;
mod record;
mod request;
#[cfg(feature = "reqwest")]
mod reqwest;
mod semconv;
mod server;
#[cfg(feature = "token")]
pub mod token;
mod via;

#[cfg(feature = "reqwest")]
pub use self::reqwest::ClientMiddleware;
pub use body::ResponseBody;
pub use carrier::{MessageHeaders, MessageHeadersMut, Metadata, MetadataMut};
pub use client::{ClientLayer, ClientService};
pub use future::ResponseFuture;
pub use inbound::{Arrival, Inbound, InboundSpan};
pub use record::Record;
pub use server::{RequestHead, ServerLayer, ServerService};
pub use via::Via;

/// The examples of the documentation are compiled and run as tests.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../../../docs/http.md")]
    mod page {}
    #[cfg(feature = "prices")]
    #[doc = include_str!("../../../docs/llm.md")]
    mod llm {}
}
