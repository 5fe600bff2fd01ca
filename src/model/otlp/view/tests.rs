//! The reference decoder (opentelemetry-proto over prost) is the judge of the views.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use prost::Message;

use super::arbitrary::{any_double, log_record, logs, resource_spans, span, traces};
use super::seen::{log_seen, logs_seen, span_seen, traces_seen};
use super::value::MAX_DEPTH;
use super::{LogView, RequestView, SpanView, ValueView, WireError};
use crate::model::request::Signal;

/// An absent status and an empty one mean the same; the views do not tell them apart.
fn with_status(mut span: Span) -> Span {
    span.status.get_or_insert_default();
    span
}

fn with_statuses(mut request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    for scope in request
        .resource_spans
        .iter_mut()
        .flat_map(|it| &mut it.scope_spans)
    {
        for span in &mut scope.spans {
            *span = with_status(std::mem::take(span));
        }
    }
    request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A random trace request reads back through the views as the reference wrote it.
    #[test]
    fn traces_read_back_equal(request in traces(any_double)) {
        let bytes = request.encode_to_vec();
        let view = RequestView::new(Signal::Traces, &bytes).expect("valid");
        let count: usize = request.resource_spans.iter()
            .flat_map(|it| &it.scope_spans).map(|it| it.spans.len()).sum();
        prop_assert_eq!(view.spans().count(), count);
        prop_assert_eq!(view.logs().count(), 0);
        // Compared as bytes, because NaN differs from itself.
        prop_assert_eq!(traces_seen(view).encode_to_vec(), with_statuses(request).encode_to_vec());
    }

    /// A random log request reads back through the views as the reference wrote it.
    #[test]
    fn logs_read_back_equal(request in logs(any_double)) {
        let bytes = request.encode_to_vec();
        let view = RequestView::new(Signal::Logs, &bytes).expect("valid");
        prop_assert_eq!(view.spans().count(), 0);
        prop_assert_eq!(logs_seen(view).encode_to_vec(), request.encode_to_vec());
    }

    /// Where single fields occur twice, the last value wins and messages merge, as in the reference.
    #[test]
    fn repeated_single_fields_read_as_the_reference_reads_them(
        spans in (span(any_double), span(any_double)),
        records in (log_record(any_double), log_record(any_double)),
        groups in (resource_spans(any_double), resource_spans(any_double)),
    ) {
        let twice = [spans.0.encode_to_vec(), spans.1.encode_to_vec()].concat();
        let expected = Span::decode(&twice[..]).expect("valid");
        let seen = span_seen(SpanView::new(&twice).expect("valid"));
        prop_assert_eq!(seen.encode_to_vec(), with_status(expected).encode_to_vec());

        // Two bodies of one kind of list would merge into one list; here the last list counts.
        let records = (LogRecord { body: None, ..records.0 }, records.1);
        let twice = [records.0.encode_to_vec(), records.1.encode_to_vec()].concat();
        let expected = LogRecord::decode(&twice[..]).expect("valid");
        let seen = log_seen(LogView::new(&twice).expect("valid"));
        prop_assert_eq!(seen.encode_to_vec(), expected.encode_to_vec());

        let group = [groups.0.encode_to_vec(), groups.1.encode_to_vec()].concat();
        let mut twice = vec![0x0a];
        prost::encode_length_delimiter(group.len(), &mut twice).expect("a Vec grows");
        twice.extend(group);
        let expected = ExportTraceServiceRequest::decode(&twice[..]).expect("valid");
        let seen = traces_seen(RequestView::new(Signal::Traces, &twice).expect("valid"));
        prop_assert_eq!(seen.encode_to_vec(), with_statuses(expected).encode_to_vec());
    }

    /// Arbitrary bytes never panic, and what the views accept the reference accepts too.
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        read_anything(&bytes);
    }

    /// Damaged requests never panic, and what the views accept the reference accepts too.
    #[test]
    fn damaged_requests_never_panic(
        traces in traces(any_double),
        logs in logs(any_double),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        for mut bytes in [traces.encode_to_vec(), logs.encode_to_vec()] {
            if bytes.is_empty() {
                continue;
            }
            read_anything(&bytes[..cut.index(bytes.len())]);
            for (place, byte) in &damage {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            read_anything(&bytes);
        }
    }
}

fn read_anything(bytes: &[u8]) {
    if let Ok(view) = RequestView::new(Signal::Traces, bytes) {
        traces_seen(view);
        assert!(ExportTraceServiceRequest::decode(bytes).is_ok());
    }
    if let Ok(view) = RequestView::new(Signal::Logs, bytes) {
        logs_seen(view);
        assert!(ExportLogsServiceRequest::decode(bytes).is_ok());
    }
    if let Ok(view) = SpanView::new(bytes) {
        span_seen(view);
        assert!(Span::decode(bytes).is_ok());
    }
    if let Ok(view) = LogView::new(bytes) {
        log_seen(view);
        assert!(LogRecord::decode(bytes).is_ok());
    }
}

fn nested(levels: usize) -> Vec<u8> {
    let mut value = AnyValue { value: None };
    for _ in 0..levels {
        let values = vec![value];
        let list = Value::ArrayValue(ArrayValue { values });
        value = AnyValue { value: Some(list) };
    }
    let body = Some(value);
    LogRecord {
        body,
        ..LogRecord::default()
    }
    .encode_to_vec()
}

/// Values as deep as the limit are read, deeper ones refused, however deep: the stack is safe.
#[test]
fn nesting_is_bounded() {
    let deepest = nested(MAX_DEPTH);
    let mut value = LogView::new(&deepest).expect("within the limit").body();
    let mut levels = 0;
    while let Some(ValueView::Array(mut items)) = value {
        value = items.next();
        levels += 1;
    }
    assert_eq!(levels, MAX_DEPTH);
    for levels in [MAX_DEPTH + 1, 2_000] {
        let error = LogView::new(&nested(levels)).expect_err("too deep");
        assert!(
            matches!(
                error,
                WireError::TooDeep {
                    limit: MAX_DEPTH,
                    ..
                }
            ),
            "{error}"
        );
    }
}

/// An error names the place of the fault from the start of the whole request.
#[test]
fn an_error_names_its_place_in_the_request() {
    // A request, a group, a scope group, a span whose name is not UTF-8.
    let bytes = [0x0a, 8, 0x12, 6, 0x12, 4, 0x2a, 2, 0xff, 0xfe];
    let error = RequestView::new(Signal::Traces, &bytes).expect_err("not UTF-8");
    assert_eq!(error, WireError::NotUtf8 { at: 8 });
    assert_eq!(error.to_string(), "the text at byte 8 is not UTF-8");
    let cut = RequestView::new(Signal::Traces, &bytes[..7]).expect_err("cut off");
    assert_eq!(cut, WireError::Truncated { at: 0 });
}
