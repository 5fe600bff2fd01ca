//! The reference decoder (opentelemetry-proto over prost) is the judge of what passes.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint, exemplar, exponential_histogram_data_point, number_data_point,
    summary_data_point,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::model::otlp::view::arbitrary::{any_double, logs, traces};

fn count(signal: Signal, request: &[u8]) -> Result<u64, WireError> {
    let mut plain = Count::default();
    let counted = survey(signal, request, &mut plain).map(|()| plain.items);
    let mut by_session = sessions::Sessions::new(signal, true, usize::MAX);
    let found = survey(signal, request, &mut by_session).map(|()| by_session.items);
    assert_eq!(counted, found, "noting facts changes nothing");
    counted
}

/// Gives every id of a random request its length, or none.
pub(crate) fn with_right_ids(mut request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    for span in request
        .resource_spans
        .iter_mut()
        .flat_map(|it| &mut it.scope_spans)
        .flat_map(|it| &mut it.spans)
    {
        right(&mut span.trace_id, 16);
        right(&mut span.span_id, 8);
        right(&mut span.parent_span_id, 8);
        for link in &mut span.links {
            right(&mut link.trace_id, 16);
            right(&mut link.span_id, 8);
        }
    }
    request
}

fn with_right_log_ids(mut request: ExportLogsServiceRequest) -> ExportLogsServiceRequest {
    for log in request
        .resource_logs
        .iter_mut()
        .flat_map(|it| &mut it.scope_logs)
        .flat_map(|it| &mut it.log_records)
    {
        right(&mut log.trace_id, 16);
        right(&mut log.span_id, 8);
    }
    request
}

fn right(id: &mut Vec<u8>, len: usize) {
    if !id.is_empty() {
        id.resize(len, 1);
    }
}

pub(crate) fn spans_in(request: &ExportTraceServiceRequest) -> u64 {
    let scopes = request.resource_spans.iter().flat_map(|it| &it.scope_spans);
    scopes.map(|it| it.spans.len() as u64).sum()
}

/// A request of every kind of metric, with everything that a data point can have.
pub(crate) fn metrics() -> ExportMetricsServiceRequest {
    let attributes = vec![KeyValue {
        key: "host.name".to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue("here".to_owned())),
        }),
        key_strindex: 0,
    }];
    let exemplars = vec![Exemplar {
        filtered_attributes: attributes.clone(),
        time_unix_nano: 1,
        span_id: vec![1; 8],
        trace_id: vec![1; 16],
        value: Some(exemplar::Value::AsInt(-3)),
    }];
    let number = NumberDataPoint {
        attributes: attributes.clone(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        exemplars: exemplars.clone(),
        flags: 1,
        value: Some(number_data_point::Value::AsDouble(1.5)),
    };
    let histogram = HistogramDataPoint {
        attributes: attributes.clone(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: Some(4.0),
        bucket_counts: vec![1, 2],
        explicit_bounds: vec![0.5],
        exemplars: exemplars.clone(),
        flags: 1,
        min: Some(0.1),
        max: Some(0.9),
    };
    let buckets = exponential_histogram_data_point::Buckets {
        offset: -4,
        bucket_counts: vec![1, 300, 70_000],
    };
    let exponential = ExponentialHistogramDataPoint {
        attributes: attributes.clone(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: Some(4.0),
        scale: -2,
        zero_count: 1,
        positive: Some(buckets.clone()),
        negative: Some(buckets),
        flags: 1,
        exemplars,
        min: Some(0.1),
        max: Some(0.9),
        zero_threshold: 0.01,
    };
    let summary = SummaryDataPoint {
        attributes: attributes.clone(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: 4.0,
        quantile_values: vec![summary_data_point::ValueAtQuantile {
            quantile: 0.5,
            value: 2.0,
        }],
        flags: 1,
    };
    let data = [
        Data::Gauge(Gauge {
            data_points: vec![number.clone(); 2],
        }),
        Data::Sum(Sum {
            data_points: vec![number; 3],
            aggregation_temporality: 2,
            is_monotonic: true,
        }),
        Data::Histogram(Histogram {
            data_points: vec![histogram],
            aggregation_temporality: 1,
        }),
        Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![exponential; 4],
            aggregation_temporality: 1,
        }),
        Data::Summary(Summary {
            data_points: vec![summary],
        }),
    ];
    let metrics = data.map(|data| Metric {
        name: "requests".to_owned(),
        description: "how many".to_owned(),
        unit: "1".to_owned(),
        metadata: attributes.clone(),
        data: Some(data),
    });
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: metrics.to_vec(),
                schema_url: "https://example.org".to_owned(),
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

/// The data points of [`metrics`].
pub(crate) const POINTS: u64 = 11;

/// A length-delimited field.
pub(crate) fn field(number: u32, body: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    prost::encoding::encode_varint(u64::from(number << 3 | 2), &mut field);
    prost::encoding::encode_varint(body.len() as u64, &mut field);
    field.extend(body);
    field
}

/// Fields that no OTLP of today has, of every wire type.
pub(crate) fn unknown() -> Vec<u8> {
    let mut unknown = field(1000, b"from the future");
    for (tag, body) in [(0, &[7][..]), (1, &[1; 8]), (5, &[2; 4])] {
        prost::encoding::encode_varint(70 << 3 | tag, &mut unknown);
        unknown.extend(body);
    }
    unknown
}

/// A request of one span that holds this, with unknown fields in every message of it.
pub(crate) fn with_unknown(span: &Span) -> Vec<u8> {
    let mut span = span.encode_to_vec();
    span.extend(unknown());
    let mut resource = field(1, &[field(1, &field(1, b"key")), unknown()].concat());
    let scope = [field(1, &field(1, b"recorder")), field(2, &span), unknown()].concat();
    resource.extend(field(2, &scope));
    resource.extend(unknown());
    resource.extend(field(3, b"https://example.org"));
    [field(1, &resource), unknown()].concat()
}

/// Whatever passes, the reference reads, and finds as many items in it.
#[track_caller]
fn passes_only_what_the_reference_reads(signal: Signal, bytes: &[u8]) {
    let Ok(items) = count(signal, bytes) else {
        return;
    };
    let read = match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(bytes).map(|it| spans_in(&it)),
        Signal::Logs => ExportLogsServiceRequest::decode(bytes).map(|it| {
            let scopes = it.resource_logs.iter().flat_map(|it| &it.scope_logs);
            scopes.map(|it| it.log_records.len() as u64).sum()
        }),
        Signal::Metrics => ExportMetricsServiceRequest::decode(bytes).map(|_| items),
    };
    assert_eq!(read, Ok(items), "{signal:?}: {bytes:02x?}");
}

/// Every byte of a request changed in some ways, and every beginning of it.
#[track_caller]
fn damaged(signal: Signal, bytes: &[u8]) {
    for end in 0..bytes.len() {
        passes_only_what_the_reference_reads(signal, &bytes[..end]);
    }
    let mut changed = bytes.to_vec();
    for at in 0..bytes.len() {
        for flip in [1, 2, 4, 0x80, 0xff] {
            changed[at] ^= flip;
            passes_only_what_the_reference_reads(signal, &changed);
            changed[at] = bytes[at];
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every request of traces that the reference writes passes, and is counted.
    #[test]
    fn traces_pass_and_are_counted(request in traces(any_double)) {
        let request = with_right_ids(request);
        let bytes = request.encode_to_vec();
        prop_assert_eq!(count(Signal::Traces, &bytes), Ok(spans_in(&request)));
    }

    /// Every request of logs that the reference writes passes, and is counted.
    #[test]
    fn logs_pass_and_are_counted(request in logs(any_double)) {
        let request = with_right_log_ids(request);
        let bytes = request.encode_to_vec();
        let scopes = request.resource_logs.iter().flat_map(|it| &it.scope_logs);
        let records = scopes.map(|it| it.log_records.len() as u64).sum();
        prop_assert_eq!(count(Signal::Logs, &bytes), Ok(records));
    }

    /// Of damaged requests none passes that the reference would not read.
    #[test]
    fn damaged_requests_are_noticed(request in traces(any_double), at: u16, to: u8) {
        let mut bytes = with_right_ids(request).encode_to_vec();
        if !bytes.is_empty() {
            let at = usize::from(at) % bytes.len();
            passes_only_what_the_reference_reads(Signal::Traces, &bytes[..at]);
            bytes[at] = to;
            passes_only_what_the_reference_reads(Signal::Traces, &bytes);
        }
    }

    /// Bytes that are no request neither panic nor pass where the reference would not read them.
    #[test]
    fn random_bytes_are_read_as_the_reference_reads_them(bytes: Vec<u8>) {
        for signal in Signal::ALL {
            passes_only_what_the_reference_reads(signal, &bytes);
        }
    }
}

/// Every kind of metric passes, and its data points are counted.
#[test]
fn metrics_are_counted_by_data_points() {
    let bytes = metrics().encode_to_vec();
    assert_eq!(count(Signal::Metrics, &bytes), Ok(POINTS));
}

/// Every beginning and every flipped byte of a request with everything in it is noticed or harmless.
#[test]
fn every_truncation_and_every_flipped_byte_is_noticed() {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "chat gpt".to_owned(),
        attributes: vec![KeyValue {
            key: "gen_ai.operation.name".to_owned(),
            value: Some(AnyValue {
                value: Some(Value::StringValue("chat".to_owned())),
            }),
            key_strindex: 0,
        }],
        ..Span::default()
    };
    damaged(Signal::Traces, &with_unknown(&span));
    damaged(Signal::Metrics, &metrics().encode_to_vec());
}

/// Unknown fields in every message are no error.
#[test]
fn unknown_fields_pass() {
    let bytes = with_unknown(&Span::default());
    assert_eq!(count(Signal::Traces, &bytes), Ok(1));
}

/// Values nested deeper than other readers read are refused, and those that are not pass.
#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| {
        let mut value = AnyValue { value: None };
        for _ in 0..levels {
            let values = vec![value];
            value = AnyValue {
                value: Some(Value::ArrayValue(ArrayValue { values })),
            };
        }
        with_unknown(&Span {
            attributes: vec![KeyValue {
                value: Some(value),
                ..KeyValue::default()
            }],
            ..Span::default()
        })
    };
    assert_eq!(count(Signal::Traces, &nested(40)), Ok(1));
    for levels in [60, 1000] {
        let refused = count(Signal::Traces, &nested(levels));
        assert!(
            matches!(refused, Err(WireError::TooDeep { .. })),
            "{levels}"
        );
    }
    for levels in 40..60 {
        passes_only_what_the_reference_reads(Signal::Traces, &nested(levels));
    }
}

/// What would make a backend refuse the whole batch is refused here, by name and place.
#[test]
fn what_backends_refuse_is_refused_here() {
    let id = Span {
        trace_id: vec![1; 15],
        ..Span::default()
    };
    let refused = count(Signal::Traces, &with_unknown(&id));
    assert!(
        matches!(refused, Err(WireError::BadId { .. })),
        "{refused:?}"
    );
    let span = field(5, &[0xff]);
    let bytes = field(1, &field(2, &field(2, &span)));
    assert_eq!(
        count(Signal::Traces, &bytes),
        Err(WireError::NotUtf8 { at: 8 })
    );
    // A name that is a number.
    let bytes = field(1, &field(2, &field(2, &[0x28, 1])));
    assert_eq!(
        count(Signal::Traces, &bytes),
        Err(WireError::BadTag { at: 6 })
    );
}
