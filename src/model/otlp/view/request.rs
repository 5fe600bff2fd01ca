//! Whole export requests as they lie on the wire: resources, scopes, and the items in them.

use super::log::LogView;
use super::origin::{ResourceView, ScopeView};
use super::span::SpanView;
use crate::model::otlp::cursor::{Entries, Fields, WireError, last_text};
use crate::model::otlp::fields::{request, resource_items, scope_items};
use crate::model::request::Signal;

/// An OTLP request as it lies on the wire (`ExportTraceServiceRequest`,
/// `ExportLogsServiceRequest`, and as well `TracesData` and `LogsData`): read in place, nothing is
/// copied.
///
/// ```no_run
/// use spanreel::view::RequestView;
///
/// fn slowest(request: &spanreel::Request) -> Result<Option<String>, spanreel::view::WireError> {
///     let bytes = request.to_bytes();
///     let view = RequestView::new(request.signal(), &bytes)?;
///     let slowest = view
///         .spans()
///         .max_by_key(|item| item.span.end_unix_nanos().saturating_sub(item.span.start_unix_nanos()));
///     Ok(slowest.map(|item| item.span.name().to_owned()))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    signal: Signal,
    fields: Fields<'a>,
}

impl<'a> RequestView<'a> {
    /// Reads a request and checks all of it, so that whatever is asked of the view later cannot
    /// fail.
    ///
    /// # Errors
    /// Says what is wrong with the bytes, and where. Fields that OTLP does not know are no error.
    pub fn new(signal: Signal, message: &'a [u8]) -> Result<Self, WireError> {
        let fields = Fields::of(message)?;
        let mut rest = fields;
        while let Some(field) = rest.read()? {
            if field.number == request::RESOURCE_ITEMS {
                ResourceGroupView::check(signal, field.message()?)?;
            }
        }
        Ok(Self { signal, fields })
    }

    /// What it carries.
    #[must_use]
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// Its items by resource, in wire order (`ResourceSpans`, `ResourceLogs`).
    pub fn resources(&self) -> impl Iterator<Item = ResourceGroupView<'a>> + Clone + use<'a> {
        let signal = self.signal;
        Entries::new(self.fields, request::RESOURCE_ITEMS)
            .map(move |fields| ResourceGroupView { signal, fields })
    }

    /// All its spans, each with its resource and scope, in wire order. None in a request of logs.
    pub fn spans(&self) -> impl Iterator<Item = SpanItem<'a>> + Clone + use<'a> {
        self.resources().flat_map(|group| {
            let resource = group.resource();
            group.scopes().flat_map(move |group| {
                let scope = group.scope();
                group.spans().map(move |span| SpanItem {
                    resource,
                    scope,
                    span,
                })
            })
        })
    }

    /// All its log records, each with its resource and scope, in wire order. None in a request of
    /// traces.
    pub fn logs(&self) -> impl Iterator<Item = LogItem<'a>> + Clone + use<'a> {
        self.resources().flat_map(|group| {
            let resource = group.resource();
            group.scopes().flat_map(move |group| {
                let scope = group.scope();
                group.logs().map(move |log| LogItem {
                    resource,
                    scope,
                    log,
                })
            })
        })
    }
}

/// A span with where it comes from.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SpanItem<'a> {
    /// Who emitted it.
    pub resource: ResourceView<'a>,
    /// What recorded it.
    pub scope: ScopeView<'a>,
    /// The span.
    pub span: SpanView<'a>,
}

/// A log record with where it comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogItem<'a> {
    /// Who emitted it.
    pub resource: ResourceView<'a>,
    /// What recorded it.
    pub scope: ScopeView<'a>,
    /// The record.
    pub log: LogView<'a>,
}

/// A resource with what it emitted (`ResourceSpans`, `ResourceLogs`).
#[derive(Clone, Copy, Debug)]
pub struct ResourceGroupView<'a> {
    signal: Signal,
    fields: Fields<'a>,
}

impl<'a> ResourceGroupView<'a> {
    fn check(signal: Signal, mut fields: Fields<'a>) -> Result<(), WireError> {
        while let Some(field) = fields.read()? {
            match field.number {
                resource_items::RESOURCE => ResourceView::check(field.message()?)?,
                resource_items::SCOPE_ITEMS => ScopeGroupView::check(signal, field.message()?)?,
                resource_items::SCHEMA_URL => {
                    field.text()?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Who emitted.
    #[must_use]
    pub fn resource(&self) -> ResourceView<'a> {
        ResourceView::read(self.fields)
    }

    /// What was emitted, by scope, in wire order (`ScopeSpans`, `ScopeLogs`).
    pub fn scopes(&self) -> impl Iterator<Item = ScopeGroupView<'a>> + Clone + use<'a> {
        let signal = self.signal;
        Entries::new(self.fields, resource_items::SCOPE_ITEMS)
            .map(move |fields| ScopeGroupView { signal, fields })
    }

    /// The schema that the resource's attributes follow; empty when unknown.
    #[must_use]
    pub fn schema_url(&self) -> &'a str {
        last_text(self.fields, resource_items::SCHEMA_URL)
    }
}

/// A scope with what it recorded (`ScopeSpans`, `ScopeLogs`).
#[derive(Clone, Copy, Debug)]
pub struct ScopeGroupView<'a> {
    signal: Signal,
    fields: Fields<'a>,
}

impl<'a> ScopeGroupView<'a> {
    fn check(signal: Signal, mut fields: Fields<'a>) -> Result<(), WireError> {
        while let Some(field) = fields.read()? {
            match (field.number, signal) {
                (scope_items::SCOPE, _) => ScopeView::check(field.message()?)?,
                (scope_items::ITEMS, Signal::Traces) => SpanView::check(field.message()?)?,
                (scope_items::ITEMS, Signal::Logs) => LogView::check(field.message()?)?,
                // The data of metrics is not shown.
                (scope_items::ITEMS, Signal::Metrics) => drop(field.message()?),
                (scope_items::SCHEMA_URL, _) => {
                    field.text()?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What recorded.
    #[must_use]
    pub fn scope(&self) -> ScopeView<'a> {
        ScopeView::read(self.fields)
    }

    /// The spans, in wire order. None in a request of logs.
    pub fn spans(&self) -> impl Iterator<Item = SpanView<'a>> + Clone + use<'a> {
        self.items(Signal::Traces)
            .map_while(|item| SpanView::read(item).ok())
    }

    /// The log records, in wire order. None in a request of traces.
    pub fn logs(&self) -> impl Iterator<Item = LogView<'a>> + Clone + use<'a> {
        self.items(Signal::Logs)
            .map_while(|item| LogView::read(item).ok())
    }

    fn items(&self, signal: Signal) -> Entries<'a> {
        let fields = if self.signal == signal {
            self.fields
        } else {
            Fields::EMPTY
        };
        Entries::new(fields, scope_items::ITEMS)
    }

    /// The schema that the scope's items follow; empty when unknown.
    #[must_use]
    pub fn schema_url(&self) -> &'a str {
        last_text(self.fields, scope_items::SCHEMA_URL)
    }
}
