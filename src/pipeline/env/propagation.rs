//! `OTEL_PROPAGATORS`, and the context that this process was started with.

use super::reader::Reader;
use super::{lists, process_variable};
use crate::model::propagation::carrier::CarrierMut;
use crate::model::propagation::environment::{EnvironmentCarrier, variable};
use crate::model::propagation::propagators::Propagator;

/// Formats that the standard knows and spanreel does not.
const UNSUPPORTED: [&str; 2] = ["jaeger", "ottrace"];

/// The formats of the comma list. Unknown ones are ignored; a list of nothing else is as if it were
/// not set. `none` counts only where it stands alone.
pub(super) fn read(
    reader: &mut Reader<'_>,
    unsupported: &mut Vec<String>,
) -> Option<Vec<Propagator>> {
    const NAME: &str = "OTEL_PROPAGATORS";
    let list = reader.text(NAME)?;
    if list.eq_ignore_ascii_case("none") {
        return Some(Vec::new());
    }
    let mut chosen = Vec::new();
    for (_, member) in lists::members(&list) {
        let is_it = |word: &str| member.eq_ignore_ascii_case(word);
        let known = Propagator::ALL.into_iter().find(|it| is_it(it.name()));
        if let Some(word) = UNSUPPORTED.into_iter().find(|word| is_it(word)) {
            unsupported.push(format!("{NAME}={word} (the others of the list are used)"));
        } else if let Some(known) = known {
            chosen.push(known);
        } else {
            let words = Propagator::ALL.map(Propagator::name).join(", ");
            reader.warn_bad(NAME, member, &format!("one of {words}, or none alone"));
        }
    }
    (!chosen.is_empty()).then_some(chosen)
}

/// The keys that the formats read.
const KEYS: [&str; 10] = [
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "X-B3-TraceId",
    "X-B3-SpanId",
    "X-B3-ParentSpanId",
    "X-B3-Sampled",
    "X-B3-Flags",
    "X-Amzn-Trace-Id",
];

impl EnvironmentCarrier {
    /// What this process was started with: the variables of the formats of context alone. Reads the
    /// environment.
    #[must_use]
    pub fn current() -> Self {
        let mut current = Self::new();
        for key in KEYS {
            if let Some(value) = process_variable(&variable(key)) {
                current.set(key, &value);
            }
        }
        current
    }
}
