//! Carriers beside HTTP headers and maps of strings, which the core has: JSON objects and the headers
//! of message queues.

mod json;
mod message;

pub use json::{Metadata, MetadataMut};
pub use message::{MessageHeaders, MessageHeadersMut};

/// What a value that is no text is read as: no format allows it, so that it counts as invalid and not
/// as absent.
const NO_TEXT: &str = "\u{fffd}";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Map;
    use spanreel::{Baggage, Propagator, Propagators, SpanContext, TraceState};

    use super::*;

    proptest! {
        /// What any format writes to them is what is read back, also over the context of another call.
        #[test]
        fn what_is_written_reads_back(
            calls in prop::array::uniform2((1..u128::MAX, 1..u64::MAX, 0..4_u8, "([a-z]{1,4}=[!-+]{1,9},){0,5}")),
            value in ".{0,20}",
        ) {
            let baggage = Baggage::EMPTY.with("key", &value).expect("room");
            for propagator in Propagator::ALL {
                let propagators = Propagators::new([propagator]);
                let (mut object, mut list) = (Map::new(), Vec::new());
                for (trace_id, span_id, flags, state) in &calls {
                    let context = format!("00-{trace_id:032x}-{span_id:016x}-{flags:02x}");
                    let context = SpanContext::from_traceparent(&context).expect("valid");
                    let context = context.with_trace_state(TraceState::parse(state).expect("valid"));
                    propagators.inject(&context, &baggage, &mut MetadataMut(&mut object));
                    propagators.inject(&context, &baggage, &mut MessageHeadersMut(&mut list));
                    let read = [
                        propagators.extract(&Metadata(&object)),
                        propagators.extract(&MessageHeaders(&list)),
                    ];
                    for extracted in read {
                        match (propagator, extracted.parent) {
                            (Propagator::Baggage, parent) => {
                                prop_assert_eq!((parent, &extracted.baggage), (None, &baggage));
                            }
                            (Propagator::TraceContext, parent) => prop_assert_eq!(parent, Some(context.clone())),
                            // The others have no place for the rest.
                            (_, parent) => {
                                let told = |it: &SpanContext| (it.trace_id(), it.span_id(), it.is_sampled());
                                prop_assert_eq!(parent.as_ref().map(told), Some(told(&context)));
                            }
                        }
                    }
                }
                prop_assert_eq!(propagators.ignored(), 0);
            }
        }
    }
}
