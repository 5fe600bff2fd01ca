//! The messages of OTLP as tables: keys, numbers and types (`opentelemetry/proto/*/v1/*.proto` and
//! `collector/*/v1/*.proto`, OTLP 1.11).

/// A message: what its JSON object may hold.
#[derive(Debug)]
pub(super) struct Message(pub(super) &'static [Field]);

/// One field of a message.
#[derive(Debug)]
pub(super) struct Field {
    /// The JSON key.
    pub(super) key: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) rule: Rule,
}

/// When a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Unless it has the value that it would have without.
    Implicit,
    /// Whenever it is there: a part of a oneof, `optional`, and messages.
    Explicit,
    /// Once for each value; numbers together.
    List,
}

/// The type of a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Message(&'static Message),
    Text,
    Bytes,
    /// Bytes that JSON has in hexadecimal, so many of them or none.
    Id(usize),
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
    Enum(&'static [(&'static str, i32)]),
}

const fn field(key: &'static str, number: u32, kind: Kind) -> Field {
    let rule = match kind {
        Kind::Message(_) => Rule::Explicit,
        _ => Rule::Implicit,
    };
    Field {
        key,
        number,
        kind,
        rule,
    }
}

const fn explicit(key: &'static str, number: u32, kind: Kind) -> Field {
    Field {
        key,
        number,
        kind,
        rule: Rule::Explicit,
    }
}

const fn list(key: &'static str, number: u32, kind: Kind) -> Field {
    Field {
        key,
        number,
        kind,
        rule: Rule::List,
    }
}

const TRACE_ID: Kind = Kind::Id(16);
const SPAN_ID: Kind = Kind::Id(8);

const fn attributes(number: u32) -> Field {
    list("attributes", number, Kind::Message(&KEY_VALUE))
}

const fn dropped_attributes(number: u32) -> Field {
    field("droppedAttributesCount", number, Kind::Uint32)
}

const fn schema_url(number: u32) -> Field {
    field("schemaUrl", number, Kind::Text)
}

pub(super) static TRACES: Message = Message(&[list(
    "resourceSpans",
    1,
    Kind::Message(&Message(&[
        field("resource", 1, Kind::Message(&RESOURCE)),
        list("scopeSpans", 2, Kind::Message(&SCOPE_SPANS)),
        schema_url(3),
    ])),
)]);

pub(super) static LOGS: Message = Message(&[list(
    "resourceLogs",
    1,
    Kind::Message(&Message(&[
        field("resource", 1, Kind::Message(&RESOURCE)),
        list("scopeLogs", 2, Kind::Message(&SCOPE_LOGS)),
        schema_url(3),
    ])),
)]);

pub(super) static METRICS: Message = Message(&[list(
    "resourceMetrics",
    1,
    Kind::Message(&Message(&[
        field("resource", 1, Kind::Message(&RESOURCE)),
        list("scopeMetrics", 2, Kind::Message(&SCOPE_METRICS)),
        schema_url(3),
    ])),
)]);

static RESOURCE: Message = Message(&[
    attributes(1),
    dropped_attributes(2),
    list("entityRefs", 3, Kind::Message(&ENTITY_REF)),
]);

static ENTITY_REF: Message = Message(&[
    schema_url(1),
    field("type", 2, Kind::Text),
    list("idKeys", 3, Kind::Text),
    list("descriptionKeys", 4, Kind::Text),
]);

static SCOPE: Message = Message(&[
    field("name", 1, Kind::Text),
    field("version", 2, Kind::Text),
    attributes(3),
    dropped_attributes(4),
]);

static KEY_VALUE: Message = Message(&[
    field("key", 1, Kind::Text),
    field("value", 2, Kind::Message(&ANY_VALUE)),
    field("keyStrindex", 3, Kind::Int32),
]);

static ANY_VALUE: Message = Message(&[
    explicit("stringValue", 1, Kind::Text),
    explicit("boolValue", 2, Kind::Bool),
    explicit("intValue", 3, Kind::Int64),
    explicit("doubleValue", 4, Kind::Double),
    explicit("arrayValue", 5, Kind::Message(&ARRAY_VALUE)),
    explicit("kvlistValue", 6, Kind::Message(&KEY_VALUE_LIST)),
    explicit("bytesValue", 7, Kind::Bytes),
    explicit("stringValueStrindex", 8, Kind::Int32),
]);

static ARRAY_VALUE: Message = Message(&[list("values", 1, Kind::Message(&ANY_VALUE))]);

static KEY_VALUE_LIST: Message = Message(&[list("values", 1, Kind::Message(&KEY_VALUE))]);

static SCOPE_SPANS: Message = Message(&[
    field("scope", 1, Kind::Message(&SCOPE)),
    list("spans", 2, Kind::Message(&SPAN)),
    schema_url(3),
]);

static SPAN: Message = Message(&[
    field("traceId", 1, TRACE_ID),
    field("spanId", 2, SPAN_ID),
    field("traceState", 3, Kind::Text),
    field("parentSpanId", 4, SPAN_ID),
    field("name", 5, Kind::Text),
    field("kind", 6, Kind::Enum(&SPAN_KIND)),
    field("startTimeUnixNano", 7, Kind::Fixed64),
    field("endTimeUnixNano", 8, Kind::Fixed64),
    attributes(9),
    dropped_attributes(10),
    list("events", 11, Kind::Message(&EVENT)),
    field("droppedEventsCount", 12, Kind::Uint32),
    list("links", 13, Kind::Message(&LINK)),
    field("droppedLinksCount", 14, Kind::Uint32),
    field("status", 15, Kind::Message(&STATUS)),
    field("flags", 16, Kind::Fixed32),
]);

static SPAN_KIND: [(&str, i32); 6] = [
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
];

static EVENT: Message = Message(&[
    field("timeUnixNano", 1, Kind::Fixed64),
    field("name", 2, Kind::Text),
    attributes(3),
    dropped_attributes(4),
]);

static LINK: Message = Message(&[
    field("traceId", 1, TRACE_ID),
    field("spanId", 2, SPAN_ID),
    field("traceState", 3, Kind::Text),
    attributes(4),
    dropped_attributes(5),
    field("flags", 6, Kind::Fixed32),
]);

static STATUS: Message = Message(&[
    field("message", 2, Kind::Text),
    field("code", 3, Kind::Enum(&STATUS_CODE)),
]);

static STATUS_CODE: [(&str, i32); 3] = [
    ("STATUS_CODE_UNSET", 0),
    ("STATUS_CODE_OK", 1),
    ("STATUS_CODE_ERROR", 2),
];

static SCOPE_LOGS: Message = Message(&[
    field("scope", 1, Kind::Message(&SCOPE)),
    list("logRecords", 2, Kind::Message(&LOG_RECORD)),
    schema_url(3),
]);

static LOG_RECORD: Message = Message(&[
    field("timeUnixNano", 1, Kind::Fixed64),
    field("severityNumber", 2, Kind::Enum(&SEVERITY)),
    field("severityText", 3, Kind::Text),
    field("body", 5, Kind::Message(&ANY_VALUE)),
    attributes(6),
    dropped_attributes(7),
    field("flags", 8, Kind::Fixed32),
    field("traceId", 9, TRACE_ID),
    field("spanId", 10, SPAN_ID),
    field("observedTimeUnixNano", 11, Kind::Fixed64),
    field("eventName", 12, Kind::Text),
]);

static SEVERITY: [(&str, i32); 25] = [
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
];

static SCOPE_METRICS: Message = Message(&[
    field("scope", 1, Kind::Message(&SCOPE)),
    list("metrics", 2, Kind::Message(&METRIC)),
    schema_url(3),
]);

static METRIC: Message = Message(&[
    field("name", 1, Kind::Text),
    field("description", 2, Kind::Text),
    field("unit", 3, Kind::Text),
    field("gauge", 5, Kind::Message(&GAUGE)),
    field("sum", 7, Kind::Message(&SUM)),
    field("histogram", 9, Kind::Message(&HISTOGRAM)),
    field(
        "exponentialHistogram",
        10,
        Kind::Message(&EXPONENTIAL_HISTOGRAM),
    ),
    field("summary", 11, Kind::Message(&SUMMARY)),
    list("metadata", 12, Kind::Message(&KEY_VALUE)),
]);

static GAUGE: Message = Message(&[list("dataPoints", 1, Kind::Message(&NUMBER_POINT))]);

static SUM: Message = Message(&[
    list("dataPoints", 1, Kind::Message(&NUMBER_POINT)),
    field("aggregationTemporality", 2, Kind::Enum(&TEMPORALITY)),
    field("isMonotonic", 3, Kind::Bool),
]);

static HISTOGRAM: Message = Message(&[
    list("dataPoints", 1, Kind::Message(&HISTOGRAM_POINT)),
    field("aggregationTemporality", 2, Kind::Enum(&TEMPORALITY)),
]);

static EXPONENTIAL_HISTOGRAM: Message = Message(&[
    list("dataPoints", 1, Kind::Message(&EXPONENTIAL_POINT)),
    field("aggregationTemporality", 2, Kind::Enum(&TEMPORALITY)),
]);

static SUMMARY: Message = Message(&[list("dataPoints", 1, Kind::Message(&SUMMARY_POINT))]);

static TEMPORALITY: [(&str, i32); 3] = [
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
];

const START: Field = field("startTimeUnixNano", 2, Kind::Fixed64);
const TIME: Field = field("timeUnixNano", 3, Kind::Fixed64);
const COUNT: Field = field("count", 4, Kind::Fixed64);

static NUMBER_POINT: Message = Message(&[
    START,
    TIME,
    explicit("asDouble", 4, Kind::Double),
    list("exemplars", 5, Kind::Message(&EXEMPLAR)),
    explicit("asInt", 6, Kind::Sfixed64),
    attributes(7),
    field("flags", 8, Kind::Uint32),
]);

static HISTOGRAM_POINT: Message = Message(&[
    START,
    TIME,
    COUNT,
    explicit("sum", 5, Kind::Double),
    list("bucketCounts", 6, Kind::Fixed64),
    list("explicitBounds", 7, Kind::Double),
    list("exemplars", 8, Kind::Message(&EXEMPLAR)),
    attributes(9),
    field("flags", 10, Kind::Uint32),
    explicit("min", 11, Kind::Double),
    explicit("max", 12, Kind::Double),
]);

static EXPONENTIAL_POINT: Message = Message(&[
    attributes(1),
    START,
    TIME,
    COUNT,
    explicit("sum", 5, Kind::Double),
    field("scale", 6, Kind::Sint32),
    field("zeroCount", 7, Kind::Fixed64),
    field("positive", 8, Kind::Message(&BUCKETS)),
    field("negative", 9, Kind::Message(&BUCKETS)),
    field("flags", 10, Kind::Uint32),
    list("exemplars", 11, Kind::Message(&EXEMPLAR)),
    explicit("min", 12, Kind::Double),
    explicit("max", 13, Kind::Double),
    field("zeroThreshold", 14, Kind::Double),
]);

static BUCKETS: Message = Message(&[
    field("offset", 1, Kind::Sint32),
    list("bucketCounts", 2, Kind::Uint64),
]);

static SUMMARY_POINT: Message = Message(&[
    START,
    TIME,
    COUNT,
    field("sum", 5, Kind::Double),
    list("quantileValues", 6, Kind::Message(&QUANTILE)),
    attributes(7),
    field("flags", 8, Kind::Uint32),
]);

static QUANTILE: Message = Message(&[
    field("quantile", 1, Kind::Double),
    field("value", 2, Kind::Double),
]);

static EXEMPLAR: Message = Message(&[
    field("timeUnixNano", 2, Kind::Fixed64),
    explicit("asDouble", 3, Kind::Double),
    field("spanId", 4, SPAN_ID),
    field("traceId", 5, TRACE_ID),
    explicit("asInt", 6, Kind::Sfixed64),
    list("filteredAttributes", 7, Kind::Message(&KEY_VALUE)),
]);
