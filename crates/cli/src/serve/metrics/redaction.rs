//! The metrics of redaction: what each detector found, and what each rule did.

use std::fmt::Result;

use spanreel::{Detector, RedactionStats};

use super::writer::{Labels, Writer};

pub(super) fn redaction(writer: &mut Writer<'_>, stats: &RedactionStats) -> Result {
    let found = Detector::ALL.map(|it| (vec![("detector", it.name())], stats.found_by(it)));
    let rules = stats.rules.iter().map(|it| {
        let labels: Labels<'_> = vec![("rule", &it.name), ("action", it.action)];
        (labels, it.changed)
    });
    writer.counters(
        (
            "spanreel_redacted",
            "What was taken out, by what it was or by the rule that says so; in a dry run, what would be",
        ),
        found.into_iter().chain(rules),
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
    )?;
    writer.gauge(
        (
            "spanreel_redaction_dry_run",
            "Whether what would be taken out is counted and left where it is",
        ),
        None,
        i64::from(stats.dry_run),
    )
}
