//! Trace context across processes.
#![forbid(unsafe_code)]

pub mod a2a;
mod body;
mod carrier;
mod client;
mod future;
mod inbound;
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
