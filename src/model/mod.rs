//! What flows: ids, attributes, spans in wire form, batches, the ledger.
//!
//! Pure data and bytes: no runtime, no I/O, no locks, no reading of clocks.

pub(crate) mod attribute;
pub(crate) mod id;
pub(crate) mod otlp;
pub(crate) mod record;
pub(crate) mod request;
