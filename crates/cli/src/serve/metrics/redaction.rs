//! The metrics of redaction: what was found, and what rules did.

use std::fmt::Result;

use spanreel::{Detector, RedactionStats};

use super::writer::Writer;

pub(super) fn redaction(writer: &mut Writer<'_>, stats: &RedactionStats) -> Result {
    let found = Detector::ALL.map(|it| (it.name(), stats.found_by(it)));
    writer.counters(
        (
            "spanreel_redaction_found",
            "What was found in texts, by what it is",
        ),
        found.map(|(name, count)| (vec![("detector", name)], count)),
    )?;
    let values = [
        ("removed", stats.removed),
        ("masked", stats.masked),
        ("hashed", stats.hashed),
    ];
    writer.counters(
        ("spanreel_redaction_values", "What rules did with values"),
        values.map(|(name, count)| (vec![("action", name)], count)),
    )?;
    let texts = [
        ("same", stats.texts - stats.changed.min(stats.texts)),
        ("changed", stats.changed),
    ];
    writer.counters(
        (
            "spanreel_redaction_texts",
            "Texts that were looked through; in a dry run, those that would change",
        ),
        texts.map(|(name, count)| (vec![("outcome", name)], count)),
    )?;
    writer.counter(
        "spanreel_redaction_read_bytes",
        "How much was looked through",
        stats.bytes,
    )
}
