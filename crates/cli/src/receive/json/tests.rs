//! The rules of OTLP/JSON, against the messages that prost decodes.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint, exemplar, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use serde_json::json;
use spanreel::Signal;

use super::super::budget::Budget;
use super::*;

const BUDGET: usize = 64 * 1024 * 1024;

async fn convert_within(
    signal: Signal,
    text: &str,
    budget: usize,
    limit: usize,
) -> Result<Bytes, Refusal> {
    let budget = Budget::new(budget, Duration::from_millis(5));
    let mut held = budget.open().await?;
    held.grow(text.len()).await?;
    let text = Bytes::copy_from_slice(text.as_bytes());
    let (bytes, held) = into_protobuf(signal, text, held, limit).await?;
    assert!(held.bytes() >= bytes.len(), "what is there is paid for");
    drop(held);
    assert_eq!(budget.held(), 0, "all of it is given back");
    Ok(bytes)
}

async fn convert(signal: Signal, text: &str) -> Result<Bytes, Refusal> {
    convert_within(signal, text, BUDGET, BUDGET).await
}

async fn traces(text: &str) -> ExportTraceServiceRequest {
    let bytes = convert(Signal::Traces, text).await.expect("a request");
    ExportTraceServiceRequest::decode(bytes).expect("protobuf")
}

/// The one span of a request whose span has this text.
async fn span(text: &str) -> Result<Span, Refusal> {
    let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{text}]}}]}}]}}"#);
    let bytes = convert(Signal::Traces, &text).await?;
    let mut request = ExportTraceServiceRequest::decode(bytes).expect("protobuf");
    let mut scope = request.resource_spans.remove(0).scope_spans.remove(0);
    Ok(scope.spans.remove(0))
}

/// The value of the one attribute of a span whose attribute has this text.
async fn value(text: &str) -> Result<Option<Value>, Refusal> {
    let span = span(&format!(
        r#"{{"attributes":[{{"key":"k","value":{text}}}]}}"#
    ))
    .await?;
    Ok(span.attributes[0].value.clone().expect("a value").value)
}

#[track_caller]
fn why(refusal: Result<impl std::fmt::Debug, Refusal>) -> String {
    match refusal {
        Err(Refusal::Malformed(why)) => why,
        other => panic!("it was not malformed: {other:?}"),
    }
}

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(any(value)),
        ..KeyValue::default()
    }
}

/// Every type that a value can have, and defaults that count because they are said.
fn pairs() -> Vec<KeyValue> {
    let list = vec![any(Value::IntValue(-1)), any(Value::DoubleValue(0.5))];
    let map = vec![pair(
        "inner",
        Value::ArrayValue(ArrayValue { values: list }),
    )];
    vec![
        pair("text", Value::StringValue("\u{1f980} \"quoted\" \0".into())),
        pair("empty", Value::StringValue(String::new())),
        pair("no", Value::BoolValue(false)),
        pair("least", Value::IntValue(i64::MIN)),
        pair("zero", Value::IntValue(0)),
        pair("double", Value::DoubleValue(-0.0)),
        pair("bytes", Value::BytesValue(vec![0, 255, 62, 63])),
        pair("map", Value::KvlistValue(KeyValueList { values: map })),
        pair("nothing", Value::ArrayValue(ArrayValue::default())),
    ]
}

fn resource() -> Option<Resource> {
    Some(Resource {
        attributes: pairs(),
        dropped_attributes_count: 3,
        entity_refs: vec![EntityRef {
            schema_url: "s".into(),
            r#type: "service".into(),
            id_keys: vec!["a".into(), String::new()],
            description_keys: vec!["b".into()],
        }],
    })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "n".into(),
        version: "1".into(),
        attributes: pairs(),
        dropped_attributes_count: 1,
    })
}

/// A span with every field set reads as the reference writes it.
#[tokio::test]
async fn a_request_with_every_field_of_spans_is_the_same_in_both_forms() {
    let span = Span {
        trace_id: (0..16).collect(),
        span_id: (8..16).collect(),
        trace_state: "a=b".into(),
        parent_span_id: vec![0xff; 8],
        name: "chat".repeat(50),
        kind: 3,
        start_time_unix_nano: u64::MAX,
        end_time_unix_nano: 1,
        attributes: pairs(),
        dropped_attributes_count: u32::MAX,
        events: vec![Event {
            time_unix_nano: 5,
            name: "e".into(),
            attributes: pairs(),
            dropped_attributes_count: 1,
        }],
        dropped_events_count: 2,
        links: vec![Link {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            trace_state: "c=d".into(),
            attributes: pairs(),
            dropped_attributes_count: 1,
            flags: 0x101,
        }],
        dropped_links_count: 3,
        status: Some(Status {
            message: "m".into(),
            code: 2,
        }),
        flags: 0x301,
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(),
            scope_spans: vec![ScopeSpans {
                scope: scope(),
                spans: vec![span; 300],
                schema_url: "u".into(),
            }],
            schema_url: "v".into(),
        }],
    };
    let text = serde_json::to_string(&request).expect("JSON");
    assert!(text.len() > ASIDE_BYTES, "it is worked on aside");
    let bytes = convert(Signal::Traces, &text).await.expect("a request");
    // JSON has the fields in another order, but no byte more is needed for them.
    assert_eq!(bytes.len(), request.encoded_len());
    let read = ExportTraceServiceRequest::decode(bytes).expect("protobuf");
    assert!(read == request, "the same in both forms");
}

/// A log record with every field set reads as the reference writes it.
#[tokio::test]
async fn a_request_with_every_field_of_log_records_is_the_same_in_both_forms() {
    let record = LogRecord {
        time_unix_nano: 1,
        observed_time_unix_nano: 2,
        severity_number: 17,
        severity_text: "ERROR".into(),
        body: Some(any(Value::StringValue("b".into()))),
        attributes: pairs(),
        dropped_attributes_count: 1,
        flags: 1,
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        event_name: "session.end".into(),
    };
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(),
            scope_logs: vec![ScopeLogs {
                scope: scope(),
                log_records: vec![record, LogRecord::default()],
                schema_url: "u".into(),
            }],
            schema_url: "v".into(),
        }],
    };
    let text = serde_json::to_string(&request).expect("JSON");
    let bytes = convert(Signal::Logs, &text).await.expect("a request");
    let read = ExportLogsServiceRequest::decode(bytes).expect("protobuf");
    assert_eq!(read, request);
}

fn exemplars() -> Vec<Exemplar> {
    let exemplar = |value| Exemplar {
        filtered_attributes: pairs(),
        time_unix_nano: 9,
        span_id: vec![1; 8],
        trace_id: vec![2; 16],
        value: Some(value),
    };
    vec![
        exemplar(exemplar::Value::AsDouble(0.0)),
        exemplar(exemplar::Value::AsInt(-7)),
    ]
}

fn metrics() -> ExportMetricsServiceRequest {
    let number = |value| NumberDataPoint {
        attributes: pairs(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        exemplars: exemplars(),
        flags: 1,
        value: Some(value),
    };
    let numbers = vec![
        number(number_data_point::Value::AsInt(i64::MAX)),
        number(number_data_point::Value::AsDouble(1.5)),
    ];
    let buckets = Some(Buckets {
        offset: -3,
        bucket_counts: vec![0, 300, u64::MAX],
    });
    let data = [
        Data::Gauge(Gauge {
            data_points: numbers.clone(),
        }),
        Data::Sum(Sum {
            data_points: numbers,
            aggregation_temporality: 2,
            is_monotonic: true,
        }),
        Data::Histogram(Histogram {
            data_points: vec![HistogramDataPoint {
                attributes: pairs(),
                start_time_unix_nano: 1,
                time_unix_nano: 2,
                count: 3,
                sum: Some(0.0),
                bucket_counts: vec![0, 1, 2],
                explicit_bounds: vec![0.0, 2.5],
                exemplars: exemplars(),
                flags: 1,
                min: Some(-1.0),
                max: Some(9.0),
            }],
            aggregation_temporality: 1,
        }),
        Data::ExponentialHistogram(ExponentialHistogram {
            data_points: vec![ExponentialHistogramDataPoint {
                attributes: pairs(),
                start_time_unix_nano: 1,
                time_unix_nano: 2,
                count: 3,
                sum: Some(4.0),
                scale: -20,
                zero_count: 5,
                positive: buckets.clone(),
                negative: buckets,
                flags: 1,
                exemplars: exemplars(),
                min: Some(-1.0),
                max: Some(9.0),
                zero_threshold: 0.25,
            }],
            aggregation_temporality: 1,
        }),
        Data::Summary(Summary {
            data_points: vec![SummaryDataPoint {
                attributes: pairs(),
                start_time_unix_nano: 1,
                time_unix_nano: 2,
                count: 3,
                sum: 4.0,
                quantile_values: vec![ValueAtQuantile {
                    quantile: 0.99,
                    value: 7.0,
                }],
                flags: 1,
            }],
        }),
    ];
    let metric = |data| Metric {
        name: "m".into(),
        description: "d".into(),
        unit: "s".into(),
        metadata: pairs(),
        data: Some(data),
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: resource(),
            scope_metrics: vec![ScopeMetrics {
                scope: scope(),
                metrics: data.map(metric).into(),
                schema_url: "u".into(),
            }],
            schema_url: "v".into(),
        }],
    }
}

/// Metrics of every kind with every field set read as the reference writes them.
#[tokio::test]
async fn a_request_with_every_field_of_metrics_is_the_same_in_both_forms() {
    let request = metrics();
    let text = serde_json::to_string(&request).expect("JSON");
    let bytes = convert(Signal::Metrics, &text).await.expect("a request");
    let read = ExportMetricsServiceRequest::decode(bytes).expect("protobuf");
    assert_eq!(read, request);
}

/// Ids have any case; integers are strings or numbers; enums are numbers or names.
#[tokio::test]
async fn ids_integers_and_enums_are_read_in_every_form_that_clients_send() {
    let trace_id = "5B8EFFF798038103D269B633813FC60c";
    for (kind, time) in [
        (json!(1), json!("1544712660000000000")),
        (
            json!("SPAN_KIND_INTERNAL"),
            json!(1_544_712_660_000_000_000_u64),
        ),
        (json!(1.0), json!(1.544_712_66e18)),
    ] {
        let text = json!({
            "traceId": trace_id, "spanId": "eee19b7ec3c1b174", "parentSpanId": "",
            "kind": kind, "startTimeUnixNano": time, "endTimeUnixNano": null,
            "start_time_unix_nano": "7", "unknown": {"deep": [1, {"x": null}]}
        });
        let span = span(&text.to_string()).await.expect("a span");
        assert_eq!(span.trace_id[..2], [0x5b, 0x8e]);
        assert_eq!((span.trace_id.len(), span.span_id.len()), (16, 8));
        assert!(span.parent_span_id.is_empty());
        assert_eq!(span.kind, 1, "{text}");
        assert_eq!(span.start_time_unix_nano, 1_544_712_660_000_000_000);
        assert_eq!(span.end_time_unix_nano, 0);
    }
    let unknown = span(r#"{"kind": 77, "status": {"code": "STATUS_CODE_ERROR"}}"#).await;
    let unknown = unknown.expect("numbers that are not known yet are kept");
    assert_eq!((unknown.kind, unknown.status.expect("there").code), (77, 2));
}

/// What JSON has no numbers for survives, and so does what has a default's value but was said.
#[tokio::test]
async fn values_survive_that_json_cannot_say_as_numbers() {
    for (text, double) in [
        (r#"{"doubleValue": "Infinity"}"#, f64::INFINITY),
        (r#"{"doubleValue": "-Infinity"}"#, f64::NEG_INFINITY),
        (r#"{"doubleValue": "1.5e3"}"#, 1_500.0),
        (r#"{"doubleValue": 3}"#, 3.0),
        (r#"{"doubleValue": -3}"#, -3.0),
    ] {
        assert_eq!(value(text).await, Ok(Some(Value::DoubleValue(double))));
    }
    let nan = value(r#"{"doubleValue": "NaN"}"#).await;
    assert!(matches!(nan, Ok(Some(Value::DoubleValue(value))) if value.is_nan()));
    assert_eq!(value("{}").await, Ok(None));
    let bytes = Ok(Some(Value::BytesValue(vec![0xfb, 0xff])));
    for text in ["+/8=", "+/8", "-_8=", "-_8"] {
        let text = json!({ "bytesValue": text }).to_string();
        assert_eq!(value(&text).await, bytes, "{text}");
    }
    let last = value(r#"{"intValue": "1", "stringValue": "last"}"#).await;
    assert_eq!(last, Ok(Some(Value::StringValue("last".into()))));
}

/// `null` and empty lists are missing fields, and an empty object is an empty request.
#[tokio::test]
async fn what_is_not_said_is_not_there() {
    for text in [
        "{}",
        r#"{"resourceSpans": []}"#,
        r#"{"resourceSpans": null, "x": 1}"#,
        " {\"resourceLogs\": 7}\n",
    ] {
        assert_eq!(traces(text).await, ExportTraceServiceRequest::default());
    }
    let text = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":
        {"dataPoints":[{"explicitBounds":[],"bucketCounts":null}]}}]}]}]}"#;
    let bytes = convert(Signal::Metrics, text).await.expect("a request");
    assert_eq!(bytes[..], [0x0a, 8, 0x12, 6, 0x12, 4, 0x4a, 2, 0x0a, 0]);
}

/// What is wrong is refused, with the way to it, and without a word of what was there.
#[tokio::test]
async fn a_wrong_value_is_refused_with_its_place_and_without_its_content() {
    let place = "resourceSpans[0].scopeSpans[0].spans[0].";
    for (text, key) in [
        (r#"{"traceId": "secret"}"#, "traceId: must be 32 hex"),
        (
            r#"{"traceId": "zz8efff798038103d269b633813fc60c"}"#,
            "traceId: must be 32",
        ),
        (r#"{"traceId": 5}"#, "traceId: must be a string"),
        (
            r#"{"spanId": "5b8efff798038103d269b633813fc60c"}"#,
            "spanId: must be 16",
        ),
        (
            r#"{"links":[{},{"spanId":"\u00e9\u00e9secret!"}]}"#,
            "links[1].spanId: must",
        ),
        (
            r#"{"startTimeUnixNano": "-1"}"#,
            "startTimeUnixNano: the number is out",
        ),
        (
            r#"{"startTimeUnixNano": "secret"}"#,
            "startTimeUnixNano: must be an int",
        ),
        (
            r#"{"startTimeUnixNano": 1.5}"#,
            "startTimeUnixNano: must be an integer",
        ),
        (
            r#"{"startTimeUnixNano": 1e300}"#,
            "startTimeUnixNano: the number is out",
        ),
        (
            r#"{"flags": 4294967296}"#,
            "flags: the number is out of range",
        ),
        (r#"{"kind": "SECRET"}"#, "kind: is no name"),
        (r#"{"kind": true}"#, "kind: must be an integer"),
        (r#"{"name": ["secret"]}"#, "name: must not be a list"),
        (r#"{"name": {"secret": 1}}"#, "name: must not be an object"),
        (r#"{"status": "secret"}"#, "status: must be an object"),
        (
            r#"{"attributes": {"secret": 1}}"#,
            "attributes: must be a list",
        ),
        (r#"{"attributes": "secret"}"#, "attributes: must be a list"),
        (
            r#"{"attributes": [{}, null]}"#,
            "attributes[1]: must not be null",
        ),
        (
            r#"{"attributes": [{"value": {"bytesValue": "se!ret"}}]}"#,
            "attributes[0].value.bytesValue: must be base64",
        ),
        (
            r#"{"attributes": [{"value": {"boolValue": "secret"}}]}"#,
            "attributes[0].value.boolValue: must be true",
        ),
        (
            r#"{"attributes": [{"value": {"doubleValue": "nan"}}]}"#,
            "attributes[0].value.doubleValue: must be a number",
        ),
        (
            r#"{"attributes": [{"value": {"doubleValue": "1e999"}}]}"#,
            "attributes[0].value.doubleValue: must be a number",
        ),
        (r#"{"name": "\ud800secret"}"#, "name: "),
        (r#"{"name": "secret"#, "name: "),
    ] {
        let why = why(span(text).await);
        assert!(why.starts_with(&format!("{place}{key}")), "{text}: {why}");
        assert!(!why.to_lowercase().contains("secret"), "{why}");
        assert!(why.contains(" at line 1 column "), "{why}");
    }
}

/// What is no JSON object, or has something behind it, is refused.
#[tokio::test]
async fn what_is_no_object_is_refused() {
    for text in [
        "",
        " ",
        "[]",
        "null",
        "7",
        "\"secret\"",
        "{} {}",
        "{",
        "{\"a\"",
        "\u{feff}{}",
    ] {
        let why = why(convert(Signal::Traces, text).await);
        assert!(!why.contains("secret"), "{why}");
    }
}

fn nested(depth: usize) -> String {
    let open = r#"{"arrayValue":{"values":["#.repeat(depth);
    format!("{open}{}{}", r#"{"intValue":1}"#, "]}}".repeat(depth))
}

/// Values nest so deep that decoders of protobuf still take them, and no deeper, whatever is sent.
#[tokio::test]
async fn values_nest_as_deep_as_decoders_go_and_no_deeper() {
    // `value` decodes it with prost, whose limit is 100 messages.
    assert!(value(&nested(38)).await.is_ok());
    for depth in [40, 10_000, 300_000] {
        let why = why(value(&nested(depth)).await);
        assert!(why.contains("recursion limit"), "{why}");
        assert!(why.len() < 8_000, "{} bytes", why.len());
    }
    let ignored = format!("{}1{}", r#"{"x":["#.repeat(20_000), "]}".repeat(20_000));
    let text = format!(r#"{{"unknown":{ignored}}}"#);
    assert!(convert(Signal::Traces, &text).await.is_ok(), "nobody looks");
}

/// Numbers take more room in protobuf than in JSON: the bound on the request holds for both, and
/// the budget pays for what is there.
#[tokio::test]
async fn a_result_that_is_larger_than_its_text_stays_within_bounds() {
    let numbers = "0,".repeat(50_000) + "0";
    let text = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"histogram":{{"dataPoints":[{{"explicitBounds":[{numbers}]}}]}}}}]}}]}}]}}"#
    );
    let bytes = convert(Signal::Metrics, &text).await.expect("room");
    assert!(bytes.len() > 400_000);
    let small = convert_within(Signal::Metrics, &text, BUDGET, 300_000).await;
    assert!(matches!(small, Err(Refusal::TooLarge(_))), "{small:?}");
    let poor = convert_within(Signal::Metrics, &text, 400_000, 400_000).await;
    assert!(poor.is_err(), "three times the text and no more");
    let never = convert_within(Signal::Metrics, &text, 200_000, 200_000).await;
    assert!(matches!(never, Err(Refusal::TooLarge(_))), "{never:?}");
}

/// Whatever the bytes are: no panic, and what is accepted is protobuf that decodes.
#[tokio::test]
async fn a_damaged_text_never_panics_and_what_is_taken_decodes() {
    let text = serde_json::to_vec(&metrics()).expect("JSON");
    let mut random = fastrand::Rng::with_seed(7);
    let mut taken = 0;
    for _ in 0..3_000 {
        let mut damaged = text.clone();
        for _ in 0..random.usize(1..3) {
            let at = random.usize(..damaged.len());
            damaged[at] = *random.choice(br#"{}[]",:019aeE-.\ntfu "#).expect("some");
        }
        let Ok(damaged) = String::from_utf8(damaged) else {
            continue;
        };
        if let Ok(bytes) = convert(Signal::Metrics, &damaged).await {
            ExportMetricsServiceRequest::decode(bytes).expect("protobuf");
            taken += 1;
        }
    }
    assert!(taken > 100, "only {taken} were still requests");
}
