//! Context and baggage in the headers of requests, in all formats.

use spanreel::{Propagator, Propagators};

/// The text is a header per line: a name, a colon, a value.
///
/// Whatever is read can be written, and read again as the same.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let headers = text.lines().filter_map(|line| line.split_once(':'));
    let headers: Vec<(&str, &str)> = headers
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    for propagator in Propagator::ALL {
        again(&Propagators::new([propagator]), &headers);
    }
    again(&Propagators::new(Propagator::ALL), &headers);
}

fn again(propagators: &Propagators, headers: &[(&str, &str)]) {
    let found = propagators.extract(headers);
    let Some(parent) = &found.parent else {
        return;
    };
    let mut written: Vec<(String, String)> = Vec::new();
    propagators.inject(parent, &found.baggage, &mut written);
    let again = propagators.extract(&written);
    let read = again.parent.expect("what was written is read");
    assert_eq!(
        (read.trace_id(), read.span_id()),
        (parent.trace_id(), parent.span_id())
    );
    let is_carried = propagators.chosen().contains(&Propagator::TraceContext);
    if is_carried {
        assert_eq!(read.trace_state(), parent.trace_state(), "{written:?}");
    }
    assert_eq!(again.baggage, found.baggage, "{written:?}");
    assert_eq!(again.sampled, found.sampled, "{written:?}");
}
