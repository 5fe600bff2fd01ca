//! What flows: ids, attributes, spans in wire form, batches, the ledger.
//!
//! Pure data and bytes: no runtime, no I/O, no reading of clocks.

pub(crate) mod about;
pub(crate) mod attribute;
pub(crate) mod batch;
pub(crate) mod batch_id;
pub(crate) mod byte_size;
pub(crate) mod chunk;
pub(crate) mod compression;
pub(crate) mod content;
pub(crate) mod context;
pub(crate) mod counts;
pub(crate) mod dialect;
pub(crate) mod genai;
pub(crate) mod hash_key;
pub(crate) mod hex;
pub(crate) mod id;
pub(crate) mod json_text;
pub(crate) mod kept;
pub(crate) mod kind;
pub(crate) mod ledger;
pub(crate) mod limits;
pub(crate) mod otlp;
pub(crate) mod owned_value;
pub(crate) mod problem;
pub(crate) mod propagation;
pub(crate) mod receipt;
pub(crate) mod record;
pub(crate) mod redaction;
pub(crate) mod request;
pub(crate) mod resource;
pub(crate) mod sampling;
pub(crate) mod session_id;
pub(crate) mod sync;
pub(crate) mod usage;
pub(crate) mod whole;
