//! What is text in OTLP 1.11, message by message.

use crate::model::otlp::fields as f;

/// What a length-delimited field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Ids and packed numbers: never looked at.
    Opaque,
    /// Text, with the key that it goes by.
    Text(&'static str),
    /// Text whose form others rely on: left out where something is found in it.
    Whole(&'static str),
    Message(&'static Shape),
    /// A `KeyValue` of attributes.
    Attribute,
    /// An `AnyValue`, with the key that it goes by.
    Value(&'static str),
    /// Items of a `ScopeSpans`, `ScopeLogs` or `ScopeMetrics`.
    Item,
    /// An event of a span.
    Event,
}

/// The fields of a message that are length-delimited. Those that are not in it are nobody's: they are
/// left out where something is found in them.
#[derive(Debug)]
pub(super) struct Shape(pub(super) &'static [(u32, Kind)]);

use Kind::{Attribute, Event, Item, Message, Opaque, Text, Value, Whole};

pub(super) static REQUEST: Shape = Shape(&[(f::request::RESOURCE_ITEMS, Message(&RESOURCE_ITEMS))]);

static RESOURCE_ITEMS: Shape = Shape(&[
    (f::resource_items::RESOURCE, Message(&RESOURCE)),
    (f::resource_items::SCOPE_ITEMS, Message(&SCOPE_ITEMS)),
    (f::resource_items::SCHEMA_URL, Text("schema.url")),
]);

static SCOPE_ITEMS: Shape = Shape(&[
    (f::scope_items::SCOPE, Message(&SCOPE)),
    (f::scope_items::ITEMS, Item),
    (f::scope_items::SCHEMA_URL, Text("schema.url")),
]);

/// What stands around the scopes of a resource, and around the items of a scope.
pub(super) static AROUND_SCOPES: Shape = Shape(&[
    (f::resource_items::RESOURCE, Message(&RESOURCE)),
    (f::resource_items::SCHEMA_URL, Text("schema.url")),
]);
pub(super) static AROUND_ITEMS: Shape = Shape(&[
    (f::scope_items::SCOPE, Message(&SCOPE)),
    (f::scope_items::SCHEMA_URL, Text("schema.url")),
]);

static RESOURCE: Shape = Shape(&[
    (f::resource::ATTRIBUTES, Attribute),
    (f::resource::ENTITY_REFS, Message(&ENTITY_REF)),
]);

static ENTITY_REF: Shape = Shape(&[
    (f::entity_ref::SCHEMA_URL, Text("schema.url")),
    (f::entity_ref::TYPE, Text("entity.type")),
    (f::entity_ref::ID_KEYS, Text("attribute.key")),
    (f::entity_ref::DESCRIPTION_KEYS, Text("attribute.key")),
]);

static SCOPE: Shape = Shape(&[
    (f::scope::NAME, Text("scope.name")),
    (f::scope::VERSION, Text("scope.version")),
    (f::scope::ATTRIBUTES, Attribute),
]);

pub(super) static SPAN: Shape = Shape(&[
    (f::span::ATTRIBUTES, Attribute),
    (f::span::TRACE_ID, Opaque),
    (f::span::SPAN_ID, Opaque),
    (f::span::PARENT_SPAN_ID, Opaque),
    (f::span::NAME, Text("span.name")),
    (f::span::EVENTS, Event),
    (f::span::LINKS, Message(&LINK)),
    (f::span::STATUS, Message(&STATUS)),
    (f::span::TRACE_STATE, Whole("trace.state")),
]);

pub(super) static EVENT: Shape = Shape(&[
    (f::event::NAME, Text("event.name")),
    (f::event::ATTRIBUTES, Attribute),
]);

static LINK: Shape = Shape(&[
    (f::link::TRACE_ID, Opaque),
    (f::link::SPAN_ID, Opaque),
    (f::link::TRACE_STATE, Whole("trace.state")),
    (f::link::ATTRIBUTES, Attribute),
]);

static STATUS: Shape = Shape(&[(f::status::MESSAGE, Text("status.message"))]);

pub(super) static LOG: Shape = Shape(&[
    (f::log::ATTRIBUTES, Attribute),
    (f::log::BODY, Value("log.body")),
    (f::log::SEVERITY_TEXT, Text("log.severity")),
    (f::log::TRACE_ID, Opaque),
    (f::log::SPAN_ID, Opaque),
    (f::log::EVENT_NAME, Text("event.name")),
]);

/// `Metric`: name, description, unit, the kinds of data, metadata.
pub(super) static METRIC: Shape = Shape(&[
    (1, Text("metric.name")),
    (2, Text("metric.description")),
    (3, Text("metric.unit")),
    (5, Message(&NUMBERS)),
    (7, Message(&NUMBERS)),
    (9, Message(&HISTOGRAM)),
    (10, Message(&EXPONENTIAL)),
    (11, Message(&SUMMARY)),
    (12, Attribute),
]);

static NUMBERS: Shape = Shape(&[(f::metric_data::POINTS, Message(&NUMBER))]);
static HISTOGRAM: Shape = Shape(&[(f::metric_data::POINTS, Message(&HISTOGRAM_POINT))]);
static EXPONENTIAL: Shape = Shape(&[(f::metric_data::POINTS, Message(&EXPONENTIAL_POINT))]);
static SUMMARY: Shape = Shape(&[(f::metric_data::POINTS, Message(&SUMMARY_POINT))]);

/// `NumberDataPoint`.
static NUMBER: Shape = Shape(&[(7, Attribute), (5, Message(&EXEMPLAR))]);
/// `HistogramDataPoint`: attributes, counts, bounds, exemplars.
static HISTOGRAM_POINT: Shape = Shape(&[
    (9, Attribute),
    (6, Opaque),
    (7, Opaque),
    (8, Message(&EXEMPLAR)),
]);
/// `ExponentialHistogramDataPoint`: attributes, buckets, exemplars.
static EXPONENTIAL_POINT: Shape = Shape(&[
    (1, Attribute),
    (8, Opaque),
    (9, Opaque),
    (11, Message(&EXEMPLAR)),
]);
/// `SummaryDataPoint`: attributes, quantiles.
static SUMMARY_POINT: Shape = Shape(&[(7, Attribute), (6, Opaque)]);
/// `Exemplar`: ids, attributes.
static EXEMPLAR: Shape = Shape(&[(4, Opaque), (5, Opaque), (7, Attribute)]);
