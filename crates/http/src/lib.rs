//! Trace context across processes.
#![forbid(unsafe_code)]

mod body;
mod carrier;
mod client;
mod future;
mod inbound;
mod record;
mod request;
mod semconv;
mod server;

pub use body::ResponseBody;
pub use carrier::{MessageHeaders, MessageHeadersMut, Metadata, MetadataMut};
pub use client::{ClientLayer, ClientService};
pub use future::ResponseFuture;
pub use inbound::{Arrival, Inbound, InboundSpan};
pub use record::Record;
pub use server::{RequestHead, ServerLayer, ServerService};
