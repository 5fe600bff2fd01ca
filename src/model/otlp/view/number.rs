//! Field numbers of OTLP 1.11, in modules named like the messages of its `.proto` files.

macro_rules! messages {
    ($($message:ident { $($field:ident = $number:literal),* $(,)? })*) => {
        $(pub(super) mod $message {
            $(pub(in super::super) const $field: u32 = $number;)*
        })*
    };
}

messages! {
    // ExportTraceServiceRequest, ExportLogsServiceRequest (TracesData, LogsData).
    request { RESOURCE_GROUPS = 1 }
    // ResourceSpans, ResourceLogs.
    resource_group { RESOURCE = 1, SCOPE_GROUPS = 2, SCHEMA_URL = 3 }
    // ScopeSpans, ScopeLogs.
    scope_group { SCOPE = 1, ITEMS = 2, SCHEMA_URL = 3 }
    resource { ATTRIBUTES = 1, DROPPED_ATTRIBUTES_COUNT = 2, ENTITY_REFS = 3 }
    entity_ref { SCHEMA_URL = 1, TYPE = 2, ID_KEYS = 3, DESCRIPTION_KEYS = 4 }
    scope { NAME = 1, VERSION = 2, ATTRIBUTES = 3, DROPPED_ATTRIBUTES_COUNT = 4 }
    span {
        TRACE_ID = 1,
        SPAN_ID = 2,
        TRACE_STATE = 3,
        PARENT_SPAN_ID = 4,
        NAME = 5,
        KIND = 6,
        START_TIME_UNIX_NANO = 7,
        END_TIME_UNIX_NANO = 8,
        ATTRIBUTES = 9,
        DROPPED_ATTRIBUTES_COUNT = 10,
        EVENTS = 11,
        DROPPED_EVENTS_COUNT = 12,
        LINKS = 13,
        DROPPED_LINKS_COUNT = 14,
        STATUS = 15,
        FLAGS = 16,
    }
    event { TIME_UNIX_NANO = 1, NAME = 2, ATTRIBUTES = 3, DROPPED_ATTRIBUTES_COUNT = 4 }
    link {
        TRACE_ID = 1,
        SPAN_ID = 2,
        TRACE_STATE = 3,
        ATTRIBUTES = 4,
        DROPPED_ATTRIBUTES_COUNT = 5,
        FLAGS = 6,
    }
    status { MESSAGE = 2, CODE = 3 }
    log_record {
        TIME_UNIX_NANO = 1,
        SEVERITY_NUMBER = 2,
        SEVERITY_TEXT = 3,
        BODY = 5,
        ATTRIBUTES = 6,
        DROPPED_ATTRIBUTES_COUNT = 7,
        FLAGS = 8,
        TRACE_ID = 9,
        SPAN_ID = 10,
        OBSERVED_TIME_UNIX_NANO = 11,
        EVENT_NAME = 12,
    }
    any_value {
        STRING = 1,
        BOOL = 2,
        INT = 3,
        DOUBLE = 4,
        ARRAY = 5,
        MAP = 6,
        BYTES = 7,
        STRING_INDEX = 8,
    }
    // ArrayValue, KeyValueList.
    list { VALUES = 1 }
    key_value { KEY = 1, VALUE = 2, KEY_INDEX = 3 }
}
