//! Field numbers of OTLP 1.11, named by their path in the `.proto` files.

macro_rules! fields {
    ($($(#[$doc:meta])* $message:ident { $($field:ident = $number:literal,)* })*) => {
        $($(#[$doc])* pub(crate) mod $message {
            $(pub(crate) const $field: u32 = $number;)*
        })*
    };
}

/// `Metric`.
pub(crate) mod metric {
    /// `gauge`, `sum`, `histogram`, `exponential_histogram` and `summary`.
    pub(crate) const DATA: [u32; 5] = [5, 7, 9, 10, 11];
}

fields! {
    /// `ExportTraceServiceRequest` and `ExportLogsServiceRequest`: the same nesting, the same numbers.
    request { RESOURCE_ITEMS = 1, }
    /// `ResourceSpans` and `ResourceLogs`.
    resource_items { RESOURCE = 1, SCOPE_ITEMS = 2, SCHEMA_URL = 3, }
    /// `ScopeSpans` and `ScopeLogs`.
    scope_items { SCOPE = 1, ITEMS = 2, SCHEMA_URL = 3, }
    /// `Resource`.
    resource { ATTRIBUTES = 1, DROPPED_ATTRIBUTES_COUNT = 2, ENTITY_REFS = 3, }
    /// `EntityRef`.
    entity_ref { SCHEMA_URL = 1, TYPE = 2, ID_KEYS = 3, DESCRIPTION_KEYS = 4, }
    /// `InstrumentationScope`.
    scope { NAME = 1, VERSION = 2, ATTRIBUTES = 3, DROPPED_ATTRIBUTES_COUNT = 4, }
    /// `Span`.
    span {
        TRACE_ID = 1, SPAN_ID = 2, TRACE_STATE = 3, PARENT_SPAN_ID = 4, NAME = 5, KIND = 6,
        START_TIME_UNIX_NANO = 7, END_TIME_UNIX_NANO = 8, ATTRIBUTES = 9,
        DROPPED_ATTRIBUTES_COUNT = 10, EVENTS = 11, DROPPED_EVENTS_COUNT = 12, LINKS = 13,
        DROPPED_LINKS_COUNT = 14, STATUS = 15, FLAGS = 16,
    }
    /// `Span.Event`.
    event { TIME_UNIX_NANO = 1, NAME = 2, ATTRIBUTES = 3, DROPPED_ATTRIBUTES_COUNT = 4, }
    /// `Span.Link`.
    link {
        TRACE_ID = 1, SPAN_ID = 2, TRACE_STATE = 3, ATTRIBUTES = 4, DROPPED_ATTRIBUTES_COUNT = 5,
        FLAGS = 6,
    }
    /// `Status`.
    status { MESSAGE = 2, CODE = 3, }
    /// `LogRecord`.
    log {
        TIME_UNIX_NANO = 1, SEVERITY_NUMBER = 2, SEVERITY_TEXT = 3, BODY = 5, ATTRIBUTES = 6,
        DROPPED_ATTRIBUTES_COUNT = 7, FLAGS = 8, TRACE_ID = 9, SPAN_ID = 10,
        OBSERVED_TIME_UNIX_NANO = 11, EVENT_NAME = 12,
    }
    /// `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram` and `Summary`.
    metric_data { POINTS = 1, }
    /// `KeyValue`, and the entries of `KeyValueList`.
    key_value { KEY = 1, VALUE = 2, KEY_INDEX = 3, }
    /// `AnyValue`.
    value {
        STRING = 1, BOOL = 2, INT = 3, DOUBLE = 4, ARRAY = 5, MAP = 6, BYTES = 7, STRING_INDEX = 8,
    }
    /// `ArrayValue` and `KeyValueList`.
    list { VALUES = 1, }
}

#[cfg(any(feature = "grpc", feature = "http"))]
fields! {
    /// `ExportTraceServiceResponse` and `ExportLogsServiceResponse`.
    response { PARTIAL_SUCCESS = 1, }
    /// `ExportTracePartialSuccess` and `ExportLogsPartialSuccess`.
    partial_success { REJECTED = 1, MESSAGE = 2, }
}

#[cfg(feature = "http")]
fields! {
    /// `google.rpc.Status`.
    rpc_status { MESSAGE = 2, }
}
