//! Reads OTLP bytes in place: requests, spans, log records, values.
//!
//! For whoever looks into telemetry that is already in wire form: processors, exporters of other
//! formats, receivers, tests. A reader checks its whole message once, when it is made, and says what
//! is wrong and where ([`WireError`]); afterwards nothing that is asked of it can fail. Unknown
//! fields are skipped, groups refused, nesting bounded.
//!
//! Holds: borrowed bytes. Never waits, never allocates, never panics on any input.

mod event;
mod log;
mod origin;
mod request;
mod span;
mod value;

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
pub(crate) mod seen;
#[cfg(test)]
mod tests;

pub use crate::model::otlp::cursor::WireError;
pub use event::{EventView, LinkView};
pub use log::LogView;
pub use origin::{EntityRefView, ResourceView, ScopeView};
pub use request::{LogItem, RequestView, ResourceGroupView, ScopeGroupView, SpanItem};
pub use span::{SpanView, StatusView};
pub use value::{ArrayView, AttributesView, ValueView};
