//! OTLP servers: requests of others, over gRPC and HTTP, into whatever implements [`Take`].
//!
//! A receiver listens on one address for OTLP/gRPC and on another for OTLP/HTTP, and understands
//! both protocols on either. It reads a request, unpacks it, turns JSON into protobuf, hands it to
//! [`Take`] as one piece, and says in the client's protocol what became of it. Requests are not
//! decoded on the way: what is inside is the taker's to judge.
//!
//! Holds: the bodies of requests under way, within one budget of bytes over all connections
//! ([`Limits::budget`]). Waits: for sockets, for room in the budget, for [`Take`]; each with a time
//! limit but the last. Loses: nothing that it has acknowledged; a request that is cut off was not.
//!
//! ```
//! use bytes::Bytes;
//! use spanreel_cli::receive::{self, Config, Take, Taken};
//! use tokio_util::sync::CancellationToken;
//!
//! struct Nothing;
//!
//! impl Take for Nothing {
//!     async fn take(&self, _: spanreel::Signal, request: Bytes) -> Taken {
//!         Taken::Malformed(format!("{} bytes too many", request.len()))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), receive::BindError> {
//! let any_port = Some(([127, 0, 0, 1], 0).into());
//! let config = Config { grpc: any_port, http: any_port, ..Config::default() };
//! let receiver = receive::bind(config, Nothing)?;
//! println!("gRPC on {:?}, HTTP on {:?}", receiver.grpc_addr(), receiver.http_addr());
//!
//! let stop = CancellationToken::new();
//! stop.cancel(); // Elsewhere: when the process is told to end.
//! let stats = receiver.run(stop, std::time::Duration::from_secs(5)).await;
//! assert_eq!(stats.connections.accepted, 0);
//! # Ok(())
//! # }
//! ```

mod access;
mod answer;
mod bind;
mod body;
mod budget;
mod config;
mod connection;
mod decode;
pub(crate) mod json;
mod pipeline;
mod refusal;
pub(crate) mod response;
mod room;
mod server;
mod stats;
mod take;
mod tasks;
mod tls;

pub use crate::wire::protocol::Wire;
pub use access::{InvalidToken, Token};
pub(crate) use bind::listen;
pub use bind::{BindError, bind};
pub use config::{Config, Limits, Tls};
#[doc(hidden)]
pub use decode::decode;
pub use pipeline::{Ack, IntoPipeline};
pub use refusal::Outcome;
pub use server::Receiver;
pub use stats::{ConnectionStats, Stats, StatsReader};
pub use take::{Take, Taken};
