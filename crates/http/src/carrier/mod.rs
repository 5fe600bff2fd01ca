//! Carriers beside HTTP headers and maps of strings, which the core has: JSON objects and the headers
//! of message queues.

mod json;
mod message;

pub use json::{Metadata, MetadataMut};
pub use message::{MessageHeaders, MessageHeadersMut};

/// What a value that is no text is read as: no format allows it, so that it counts as invalid and not
/// as absent.
const NO_TEXT: &str = "\u{fffd}";
