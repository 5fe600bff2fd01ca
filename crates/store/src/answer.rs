//! What queries answer: plain values that the JSON API writes as they are.
//!
//! Here stands the page of a list; what is on pages has a file each. Times and durations are microseconds,
//! times since 1970. What is unknown is absent.

mod figures;
mod log;
mod session;
mod span;
mod story;

use serde::Serialize;

pub use figures::*;
pub use log::*;
pub use session::*;
pub use span::*;
pub use story::*;

/// A page of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask for the next; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many there are on all pages, up to 100,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// How many there are at least, where there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_at_least: Option<u64>,
}
