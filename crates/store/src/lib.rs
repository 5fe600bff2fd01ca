//! Sessions of agents, kept on this machine: an embedded store, its JSON API and its page.
//!
//! [`Store`] is what a store is, whatever engine is below it; [`SqliteStore`] keeps sessions in one file,
//! [`MemoryStore`] in memory. [`StoreExporter`] is the lane of a pipeline that feeds one: it stands before the
//! sampler ([`spanreel::Builder::export_before_sampling`]) and never delays forwarding.

#![forbid(unsafe_code)]

mod answer;
mod block;
mod clock;
mod error;
mod facets;
mod facts;
mod gather;
mod identity;
mod json;
mod lane;
#[cfg(feature = "mcp")]
mod mcp;
mod memory;
mod messages;
mod outline;
mod query;
mod read;
mod spread;
mod sqlite;
mod store;
mod tale;
mod tally;
mod usage_of;
mod used;
mod web;
mod wire;

pub use answer::*;
pub use error::StoreError;
pub use lane::{Change, Live, StoreExporter};
pub use memory::MemoryStore;
pub use query::{Buckets, By, ErrorFilter, Filter, Patience, SessionQuery, Sort, SortBy, Waiting};
pub use sqlite::{Retention, SqliteStore};
pub use store::{Document, News, Seen, Store, Story, Written};
pub use web::{Body, Pulse, Web, document_json, otlp_json, quarantined_json};

/// The examples of the documentation are compiled and run as tests.
#[cfg(doctest)]
mod documentation {
    #[doc = include_str!("../../../docs/store.md")]
    mod store {}
    #[doc = include_str!("../../../docs/api.md")]
    mod api {}
}
