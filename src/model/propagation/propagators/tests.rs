//! Tests of all formats together: what is written reads back, and nothing hostile does harm.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;
use crate::model::context::{Decision, TraceFlags};
use crate::model::id::{SpanId, TraceId};
use crate::model::propagation::environment::EnvironmentCarrier;
use crate::model::propagation::trace_state::TraceState;

type Pairs = Vec<(String, String)>;

const W3C: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03";

fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// A context as each format can tell it.
fn told(propagator: Propagator, context: &SpanContext) -> SpanContext {
    let decision = match (propagator, context.decision()) {
        (Propagator::TraceContext, Decision::Deferred) => Decision::Drop,
        (Propagator::TraceContext | Propagator::XRay, Decision::Debug) => Decision::Sample,
        (_, decision) => decision,
    };
    let keeps_random = matches!(propagator, Propagator::TraceContext | Propagator::XRay);
    let flags = if keeps_random {
        context.flags()
    } else {
        TraceFlags::NONE
    };
    let told = SpanContext::remote(context.trace_id(), context.span_id(), flags, decision);
    match propagator {
        Propagator::TraceContext => told.with_trace_state(context.trace_state().clone()),
        _ => told,
    }
}

fn contexts() -> impl Strategy<Value = SpanContext> {
    let decision = prop_oneof![
        Just(Decision::Sample),
        Just(Decision::Drop),
        Just(Decision::Debug),
        Just(Decision::Deferred)
    ];
    let ids = (any::<[u8; 16]>(), any::<[u8; 8]>(), any::<bool>());
    let states = "([a-z]{1,4}=[a-z]{1,9},){0,5}";
    (ids, decision, states).prop_filter_map("ids are not zero", |(ids, decision, state)| {
        let (trace_id, span_id, random) = ids;
        let flags = if random {
            TraceFlags::RANDOM
        } else {
            TraceFlags::NONE
        };
        let (trace_id, span_id) = (TraceId::from_bytes(trace_id)?, SpanId::from_bytes(span_id)?);
        let context = SpanContext::remote(trace_id, span_id, flags, decision);
        Some(context.with_trace_state(TraceState::parse(&state).ok()?))
    })
}

proptest! {
    /// What a format can tell of a context, in any carrier, is what is read back; baggage is whole.
    #[test]
    fn what_is_written_reads_back(context in contexts(), value in ".{0,20}") {
        let baggage = Baggage::EMPTY.with("key", &value).expect("room");
        for propagator in Propagator::ALL {
            let propagators = Propagators::new([propagator]);
            let mut list = Pairs::new();
            let mut hash = HashMap::<String, String>::new();
            let mut tree = BTreeMap::<String, String>::new();
            let mut environment = EnvironmentCarrier::new();
            propagators.inject(&context, &baggage, &mut list);
            propagators.inject(&context, &baggage, &mut hash);
            propagators.inject(&context, &baggage, &mut tree);
            propagators.inject(&context, &baggage, &mut environment);
            let read = [
                propagators.extract(&list),
                propagators.extract(&hash),
                propagators.extract(&tree),
                propagators.extract(&environment),
            ];
            for extracted in read {
                if propagator == Propagator::Baggage {
                    prop_assert_eq!(&extracted.baggage, &baggage);
                    prop_assert_eq!(extracted.parent, None);
                } else {
                    prop_assert_eq!(extracted.parent, Some(told(propagator, &context)));
                }
            }
            prop_assert_eq!(propagators.ignored(), 0);
        }
    }

    /// The same over headers, few and many, also of a request that is passed on with the context of another call; and in
    /// the environment of a child process.
    #[cfg(feature = "headers")]
    #[test]
    fn what_is_written_to_headers_reads_back(
        contexts in [contexts(), contexts()], value in "[ -~]{0,20}", others in 0..16_usize
    ) {
        let baggage = Baggage::EMPTY.with("key", &value).expect("room");
        for propagator in Propagator::ALL {
            let propagators = Propagators::new([propagator]);
            let mut headers = http::HeaderMap::new();
            for other in 0..others {
                let name = http::HeaderName::try_from(format!("x-{other}")).expect("a name");
                headers.insert(name, http::HeaderValue::from_static("other"));
            }
            let mut child = std::process::Command::new("child");
            for context in &contexts {
                propagators.inject(context, &baggage, &mut headers);
                propagators.inject(context, &baggage, &mut child);
                let environment: EnvironmentCarrier = child
                    .get_envs()
                    .filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)))
                    .collect();
                for extracted in [propagators.extract(&headers), propagators.extract(&environment)] {
                    if propagator == Propagator::Baggage {
                        prop_assert_eq!(&extracted.baggage, &baggage);
                    } else {
                        prop_assert_eq!(extracted.parent, Some(told(propagator, context)));
                    }
                }
            }
            prop_assert_eq!(propagators.ignored(), 0);
            let kept = headers.keys().filter(|name| name.as_str().starts_with("x-") && headers[*name] == "other");
            prop_assert_eq!(kept.count(), others);
        }
    }

    /// Whatever stands in a carrier, reading it does not panic, and what is read stays within limits.
    #[test]
    fn nothing_hostile_does_harm(
        values in prop::collection::vec("[-0-9a-f;=,? RootPaetSmpld1%]{0,90}|.{0,90}", 10)
    ) {
        let keys = [
            "traceparent", "tracestate", "baggage", "b3", "X-B3-TraceId", "X-B3-SpanId",
            "X-B3-Sampled", "X-B3-Flags", "X-Amzn-Trace-Id", "baggage",
        ];
        let hostile: Pairs = keys.iter().map(|key| (*key).to_owned()).zip(values).collect();
        let propagators = Propagators::new(Propagator::ALL);
        let extracted = propagators.extract(&hostile);
        prop_assert!(extracted.baggage.as_str().len() <= Baggage::MAX_LEN);
    }
}

/// Large headers, ten thousand members and line breaks are read in one pass and leave nothing.
#[test]
fn large_headers_leave_nothing() {
    let many: Vec<_> = (0..10_000).map(|number| format!("k{number}=v")).collect();
    let many = many.join(",");
    for (state, kept) in [
        (format!("a={}", "x".repeat(64 << 10)), ""),
        (many.clone(), ""),
        (",".repeat(64 << 10), ""),
        ("a=1\r\nx: y".to_owned(), ""),
        ("\u{fffd}".to_owned(), ""),
        (format!("a=1,{}", " ".repeat(64 << 10)), "a=1"),
    ] {
        let propagators = Propagators::default();
        let extracted = propagators.extract(&[("traceparent", W3C), ("tracestate", &state)]);
        let parent = extracted
            .parent
            .expect("a bad tracestate leaves the traceparent");
        assert_eq!(parent.trace_state().as_str(), kept);
    }
    let propagators = Propagators::default();
    let baggage = propagators.extract(&[("baggage", many.as_str())]).baggage;
    assert_eq!(baggage.len(), Baggage::MAX_MEMBERS);
    let list: Pairs = (0..10_000)
        .map(|_| pairs(&[("traceparent", W3C)]).remove(0))
        .collect();
    assert_eq!(propagators.extract(&list).parent, None);
    let long = format!("{W3C}{}", "-".repeat(64 << 10));
    assert_eq!(
        propagators
            .extract(&[("traceparent", long.as_str())])
            .parent,
        None
    );
}

/// What is invalid is ignored and counted, by all clones together; what is absent is not.
#[test]
fn what_is_invalid_is_counted() {
    let propagators = Propagators::new(Propagator::ALL);
    let clone = propagators.clone();
    for (key, value, counted) in [
        ("none", "x", 0),
        ("traceparent", "x", 1),
        ("tracestate", "x", 0),
        ("baggage", "x", 1),
        // Both of its forms read it.
        ("b3", "x", 2),
        ("x-amzn-trace-id", "x", 1),
        (
            "x-amzn-trace-id",
            "Root=1-5759e988-bd862e3fe1be46a994272793",
            0,
        ),
    ] {
        let before = propagators.ignored();
        assert_eq!(clone.extract(&[(key, value)]), Extracted::default());
        assert_eq!(propagators.ignored() - before, counted, "{key}: {value}");
    }
    let before = propagators.ignored();
    let extracted = propagators.extract(&[("traceparent", W3C), ("tracestate", "=")]);
    assert!(
        extracted
            .parent
            .is_some_and(|parent| parent.trace_state().is_empty())
    );
    assert_eq!(propagators.ignored() - before, 1);
}

/// The last format that names a span counts; one that names the same span takes nothing away.
#[test]
fn the_last_span_counts() {
    let propagators = Propagators::new([Propagator::TraceContext, Propagator::B3]);
    let other = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0";
    let carrier = [("traceparent", W3C), ("tracestate", "a=1"), ("b3", other)];
    let extracted = propagators.extract(&carrier);
    let parent = extracted.parent.expect("two are named");
    assert_eq!(parent.span_id().to_string(), "e457b5a2e4d86bd1");
    assert_eq!(
        (parent.trace_state().as_str(), extracted.sampled),
        ("", Some(false))
    );

    let same = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-d";
    let carrier = [("traceparent", W3C), ("tracestate", "a=1"), ("b3", same)];
    let parent = propagators.extract(&carrier).parent.expect("one is named");
    assert!(parent.flags().is_random() && parent.is_debug() && parent.is_remote());
    assert_eq!(parent.trace_state().as_str(), "a=1");

    let broken = [("traceparent", W3C), ("b3", "x")];
    assert!(
        propagators.extract(&broken).parent.is_some(),
        "what is invalid takes nothing away"
    );
}

/// A decision that names no span counts, unless a span is named.
#[test]
fn a_decision_may_stand_alone() {
    let propagators = Propagators::new([Propagator::TraceContext, Propagator::B3]);
    let denied = propagators.extract(&[("b3", "0")]);
    assert_eq!((denied.parent, denied.sampled), (None, Some(false)));
    let both = propagators.extract(&[("traceparent", W3C), ("b3", "0")]);
    assert_eq!(both.sampled, Some(true));
    let deferred = Propagators::new([Propagator::XRay]).extract(&[(
        "X-Amzn-Trace-Id",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=?",
    )]);
    assert_eq!(deferred.sampled, None);
    let parent = deferred.parent.expect("it is named");
    assert!(parent.is_deferred() && !parent.is_sampled() && !parent.flags().is_random());
}

/// What a carrier held of an earlier call does not travel along.
#[test]
fn nothing_of_an_earlier_call_is_left() {
    let propagators = Propagators::default();
    let mut carrier = pairs(&[
        ("Traceparent", "old"),
        ("TraceState", "old=1"),
        ("Baggage", "a=1"),
        ("x", "y"),
    ]);
    let context = SpanContext::from_traceparent(W3C).expect("valid");
    propagators.inject(&context, &Baggage::EMPTY, &mut carrier);
    assert_eq!(carrier, pairs(&[("Traceparent", W3C), ("x", "y")]));
    let before = carrier.clone();
    Propagators::new([]).inject(&context, &Baggage::EMPTY, &mut carrier);
    assert_eq!(carrier, before);
}

/// A format is chosen once, and the default is what the standard has.
#[test]
fn each_format_is_chosen_once() {
    let twice = [Propagator::B3, Propagator::XRay, Propagator::B3];
    assert_eq!(
        Propagators::new(twice).chosen(),
        [Propagator::B3, Propagator::XRay]
    );
    let names: Vec<_> = Propagators::default()
        .chosen()
        .iter()
        .map(|it| it.name())
        .collect();
    assert_eq!(names, ["tracecontext", "baggage"]);
}
