//! The fault harness: what spanreel promises, put to the test by force.
//!
//! Two oracles know the truth. The [`producer`] numbers every span and keeps what was acknowledged to it;
//! the [`Sink`] is a real OTLP receiver over gRPC and HTTP that does as it is told and writes down what it
//! accepted. Whatever happens between them, their [`Verdict`] must be the same: what was acknowledged has
//! arrived, unchanged.
//!
//! What happens between them: a [`Proxy`] that falls silent or cuts; a [`process`] that is killed; on Linux
//! a [`tracer`] that kills it, or fails the disk under it, at any system call. [`rows`] is the list of all
//! faults and promises with the tests that prove each.
//!
//! Not published: it is for this repository's tests and for `cargo bench -p spanreel-faults`.

mod own_runtime;
pub mod process;
pub mod producer;
pub mod proxy;
pub mod rows;
pub mod seeds;
pub mod sink;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod tracer;

pub use proxy::Proxy;
pub use sink::Sink;
pub use sink::manner::Manner;
pub use sink::seen::Verdict;
