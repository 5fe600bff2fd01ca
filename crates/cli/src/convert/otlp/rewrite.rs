//! Changes requests where that was asked for; otherwise they pass as they are.
//!
//! Holds: one request, decoded. Loses: fields that OTLP 1.11 does not know.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::{DecodeError, Message};
use spanreel::{Signal, SpanId, TraceId};

use super::super::Options;
use super::{OtlpRequest, adopt, current};

/// What is done to requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Older and other names of attributes become those of the GenAI conventions 1.41.1.
    pub names: bool,
    /// The trace that all spans move to, and the span that those without a parent hang under.
    pub parent: Option<(TraceId, SpanId)>,
}

impl Rewrite {
    /// What `options` ask for.
    #[must_use]
    pub fn of(options: &Options) -> Self {
        Self {
            names: options.rewrite,
            parent: options.parent,
        }
    }

    /// Rewrites a request; one of which nothing is to be changed is not even decoded.
    ///
    /// # Errors
    /// It is no request.
    pub fn apply(&self, request: OtlpRequest) -> Result<OtlpRequest, DecodeError> {
        if *self == Self::default() {
            return Ok(request);
        }
        let OtlpRequest { signal, bytes } = request;
        let bytes = match signal {
            Signal::Logs => self.logs(bytes)?,
            _ => self.traces(bytes)?,
        };
        Ok(OtlpRequest { signal, bytes })
    }

    fn traces(&self, bytes: Bytes) -> Result<Bytes, DecodeError> {
        let mut request = ExportTraceServiceRequest::decode(bytes)?;
        for group in &mut request.resource_spans {
            self.resource(group.resource.as_mut());
            for span in group.scope_spans.iter_mut().flat_map(|it| &mut it.spans) {
                if self.names {
                    current::of_item(&mut span.attributes);
                }
                if let Some(parent) = self.parent {
                    adopt::span(span, parent);
                }
            }
        }
        Ok(request.encode_to_vec().into())
    }

    fn logs(&self, bytes: Bytes) -> Result<Bytes, DecodeError> {
        let mut request = ExportLogsServiceRequest::decode(bytes)?;
        for group in &mut request.resource_logs {
            self.resource(group.resource.as_mut());
            for log in group
                .scope_logs
                .iter_mut()
                .flat_map(|it| &mut it.log_records)
            {
                if self.names {
                    current::of_item(&mut log.attributes);
                }
                if let Some(parent) = self.parent {
                    adopt::log(log, parent);
                }
            }
        }
        Ok(request.encode_to_vec().into())
    }

    fn resource(&self, resource: Option<&mut Resource>) {
        if let (true, Some(resource)) = (self.names, resource) {
            current::of_resource(&mut resource.attributes);
        }
    }
}
