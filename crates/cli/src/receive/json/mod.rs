//! OTLP/JSON into OTLP/protobuf, while the text is read.
//!
//! The rules are those of OTLP 1.11, "JSON Protobuf Encoding", and of protobuf's own mapping:
//!
//! * Keys are in lowerCamelCase; unknown keys are ignored, and so are the names of the `.proto` files.
//! * Trace and span ids are hexadecimal in any case, 32 and 16 digits, or empty.
//! * 64-bit integers are decimal strings or numbers, with or without a fraction of zero.
//! * Enums are integers; names as in the `.proto` files are accepted too.
//! * `NaN`, `Infinity` and `-Infinity` are strings; bytes are base64 of either alphabet.
//! * `null` is a missing field. Of keys that come twice the last one wins, lists are joined and
//!   messages merged: what protobuf's wire form does.
//! * Values nest as deep as `serde_json` goes: 128 lists and objects. What is valid so stays within
//!   the 100 messages that protobuf decoders allow.
//!
//! The library that has OTLP's messages can read JSON too, but not by these rules: it knows no names
//! of enums, takes ids of any length, knows no `NaN`, and cannot say where something was wrong; and it
//! would build the whole tree in memory to write it out again.

mod scalar;
mod schema;
#[cfg(test)]
mod tests;
mod transcode;

use bytes::Bytes;
use spanreel::Signal;

use super::budget::{Budget, Held};
use super::refusal::Refusal;
use super::room::Room;

/// Texts of this size and above are worked on beside the runtime's own threads.
const ASIDE_BYTES: usize = 64 * 1024;

/// The most that a text that is read alone may become: more than any text of the size that is read.
const ALONE_BYTES: usize = 1 << 30;

/// Turns the text of a request into protobuf, for those who read one at a time and within bounds of their
/// own.
///
/// # Errors
/// The text is no OTLP request in JSON: says what is wrong, and where.
pub(crate) fn transcode_alone(signal: Signal, text: &[u8]) -> Result<Bytes, Refusal> {
    let held = Budget::alone(ALONE_BYTES);
    let room = Room::with_capacity(held, 0, ALONE_BYTES);
    let (bytes, _) = transcode::transcode(signal, text, room)?;
    Ok(bytes)
}

/// Turns the text of a request into protobuf. `held` is what the text costs; what is given back is
/// what the result costs.
///
/// # Errors
/// The text is no OTLP request in JSON: says what is wrong, and where. Or there is no room.
pub(crate) async fn into_protobuf(
    signal: Signal,
    text: Bytes,
    mut held: Held,
    limit: usize,
) -> Result<(Bytes, Held), Refusal> {
    let size = text.len();
    // The result is smaller than the text, but for long lists of numbers. The same again for a
    // string with escapes, which is put together elsewhere.
    held.grow(2 * size).await?;
    let own = held.split_off(2 * size);
    let work = move || {
        let room = Room::with_capacity(own, size, limit);
        let (bytes, mut own) = transcode::transcode(signal, &text, room)?;
        own.shrink_to(own.bytes() - size);
        Ok((bytes, own))
    };
    if size < ASIDE_BYTES {
        return work();
    }
    // It ends without a value if the runtime goes, or by a panic, which has been reported.
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome.map_err(|_| Refusal::Closed)?
}
