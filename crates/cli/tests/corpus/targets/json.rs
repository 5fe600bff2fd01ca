//! OTLP in JSON.

use bytes::Bytes;
use serde::de::IgnoredAny;
use spanreel_cli::receive::{Wire, decode};

use super::{count, signal, wait};

/// Nothing may become larger than this.
const LIMIT: usize = 1 << 20;

/// The first byte says which signal; the rest is the text.
///
/// What it becomes is a request to the reference, and only JSON becomes one.
pub fn run(bytes: &[u8]) {
    let Some((first, text)) = bytes.split_first() else {
        return;
    };
    let (signal, piece) = (signal(*first), Bytes::copy_from_slice(text));
    let request = wait(decode(Wire::HttpJson, signal, None, vec![piece], LIMIT));
    let Ok(request) = request else {
        return;
    };
    count(signal, request).expect("what is taken is a request");
    // The text is not checked where nobody knows the key.
    let is_json = serde_json::from_slice::<IgnoredAny>(text).is_ok();
    assert!(is_json, "only JSON is taken");
}
