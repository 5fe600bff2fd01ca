//! How many spans leave together, and how requests are framed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::common::v1::any_value::Value as Known;
use proptest::collection::vec;
use proptest::prelude::*;
use spanreel::{BatchConfig, ByteSize, Limits, Signal};

use super::{start, stop};
use crate::rig::eventually;

/// A full chunk, which a batch may be larger by than it was to be.
const CHUNK: usize = 16 << 10;
/// What resource, scope and framing add at most, here.
const OVERHEAD: usize = 1 << 10;

/// What waits for nothing but a flush.
fn patient() -> BatchConfig {
    BatchConfig {
        schedule_delay: Duration::from_secs(3600),
        ..BatchConfig::default()
    }
}

fn small() -> Limits {
    Limits {
        span_bytes: 8 << 10,
        value_hard_limit: 8 << 10,
        ..Limits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// No request ever has more spans or bytes than it may have, none is larger than a batch is
    /// meant to be by more than a chunk, and each span is in exactly one.
    #[test]
    fn requests_stay_within_their_bounds(
        max_export_batch_size in 1..60_usize,
        target in 1..70_000_u64,
        max_request in 74_000..80_000_u64,
        sessions in vec(vec(0..9_000_usize, 0..20), 1..12),
    ) {
        let batch = BatchConfig {
            max_export_batch_size,
            max_export_batch_bytes: ByteSize::bytes(target),
            max_request_bytes: ByteSize::bytes(max_request),
            ..patient()
        };
        let (pipeline, requests) = start(&small(), &batch);
        for (number, sizes) in sessions.iter().enumerate() {
            let session = pipeline.session(&format!("conv-{number}")).expect("open");
            for size in sizes {
                let text = "x".repeat(*size);
                session.child("work").attribute("text", &text).start().end();
                session.log(&text).emit();
            }
            session.end();
        }
        let report = stop(&pipeline);
        let ended: usize = sessions.iter().map(|sizes| sizes.len() + 1).sum();
        prop_assert_eq!(report.traces.ended, ended as u64);
        let target = usize::try_from(target).expect("small");
        for kept in requests.kept().iter() {
            prop_assert!(kept.items as usize <= max_export_batch_size);
            prop_assert!(kept.items > 0);
            prop_assert!(kept.bytes.len() as u64 <= max_request, "{}", kept.bytes.len());
            prop_assert!(kept.bytes.len() <= target + CHUNK + OVERHEAD, "{}", kept.bytes.len());
            if kept.signal == Signal::Traces {
                let groups = kept.traces().resource_spans;
                let spans: usize = groups.iter().map(|it| it.scope_spans[0].spans.len()).sum();
                prop_assert_eq!(spans as u64, kept.items, "what a request says it holds");
            }
        }
        let mut spans: Vec<_> = requests.spans().into_iter().map(|span| span.span_id).collect();
        spans.sort();
        spans.dedup();
        prop_assert_eq!(spans.len(), ended);
        prop_assert_eq!(requests.records().len(), ended - sessions.len());
    }
}

/// What many sessions did leaves in one request, under one resource and one scope that say who and
/// what recorded it, each session's spans in the order of their ends.
#[test]
fn many_sessions_leave_in_one_request() {
    let (pipeline, requests) = start(&Limits::default(), &patient());
    for round in 0..100 {
        for number in 0..20 {
            let session = pipeline.session(&format!("conv-{number}")).expect("open");
            session
                .child("work")
                .attribute("round", round)
                .start()
                .end();
        }
    }
    for session in pipeline.sessions() {
        pipeline.session(&session.id).expect("open").end();
    }
    stop(&pipeline);
    let kept = requests.kept();
    assert_eq!(kept.len(), 1);
    let request = kept[0].traces();
    assert_eq!(request.resource_spans.len(), 1);
    let group = &request.resource_spans[0];
    let resource = group.resource.as_ref().expect("a resource");
    let service = resource
        .attributes
        .iter()
        .find(|it| it.key == "service.name");
    let service = service.and_then(|it| it.value.as_ref()?.value.as_ref());
    assert_eq!(service, Some(&Known::StringValue("wire".to_owned())));
    assert_eq!(group.scope_spans.len(), 1);
    let scope = group.scope_spans[0].scope.as_ref().expect("a scope");
    assert_eq!(
        (&*scope.name, &*scope.version),
        ("spanreel", env!("CARGO_PKG_VERSION"))
    );
    let mut rounds: HashMap<_, Vec<_>> = HashMap::new();
    for span in &group.scope_spans[0].spans {
        let round = span.attributes.iter().find(|it| it.key == "round");
        if let Some(Known::IntValue(round)) = round.and_then(|it| it.value.as_ref()?.value.as_ref())
        {
            rounds.entry(&span.trace_id).or_default().push(*round);
        }
    }
    assert_eq!(rounds.len(), 20);
    assert!(
        rounds
            .values()
            .all(|rounds| rounds.iter().copied().eq(0..100))
    );
}

/// A batch leaves when it has enough spans, without a flush.
#[test]
fn a_batch_leaves_when_it_has_enough_spans() {
    let batch = BatchConfig {
        max_export_batch_size: 10,
        ..patient()
    };
    let (pipeline, requests) = start(&Limits::default(), &batch);
    let session = pipeline.session("conv-1").expect("open");
    for _ in 0..25 {
        session.child("work").start().end();
    }
    eventually("two full batches left", || requests.kept().len() == 2);
    assert!(requests.kept().iter().all(|kept| kept.items == 10));
    session.end();
    stop(&pipeline);
    let items: Vec<_> = requests.kept().iter().map(|kept| kept.items).collect();
    assert_eq!(items.iter().sum::<u64>(), 26);
}

/// A batch leaves when it has enough bytes, without a flush.
#[test]
fn a_batch_leaves_when_it_has_enough_bytes() {
    let batch = BatchConfig {
        max_export_batch_bytes: ByteSize::kib(40),
        ..patient()
    };
    let (pipeline, requests) = start(&small(), &batch);
    let session = pipeline.session("conv-1").expect("open");
    let text = "x".repeat(7_900);
    for _ in 0..6 {
        session.child("work").attribute("text", &text).start().end();
    }
    eventually("a batch left", || !requests.kept().is_empty());
    assert!(requests.kept()[0].bytes.len() >= 40 << 10);
    session.end();
    stop(&pipeline);
}

/// A batch leaves when its first span has waited long enough, and no earlier.
#[test]
fn a_batch_leaves_when_it_is_old_enough() {
    let delay = Duration::from_millis(300);
    let batch = BatchConfig {
        schedule_delay: delay,
        ..BatchConfig::default()
    };
    let (pipeline, requests) = start(&Limits::default(), &batch);
    let begun = Instant::now();
    let session = pipeline.session("conv-1").expect("open");
    session.child("work").start().end();
    session.end();
    eventually("the batch left", || !requests.kept().is_empty());
    assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
    stop(&pipeline);
}

/// A session that goes quiet does not hold what it has ended: it leaves after the linger time.
#[test]
fn a_quiet_session_holds_nothing_back() {
    let batch = BatchConfig {
        schedule_delay: Duration::ZERO,
        ..BatchConfig::default()
    };
    let (pipeline, requests) = start(&Limits::default(), &batch);
    let session = pipeline.session("conv-1").expect("open");
    session.child("work").start().end();
    session.log("a record").emit();
    eventually("both left", || requests.kept().len() == 2);
    session.end();
    stop(&pipeline);
}
