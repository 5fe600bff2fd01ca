//! An exporter that keeps requests as they are, and shows them through the reference decoder.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use spanreel::{Export, ExportError, Request, Signal};

#[derive(Clone, Default)]
pub(super) struct Requests(Arc<Mutex<Vec<Kept>>>);

pub(super) struct Kept {
    pub(super) signal: Signal,
    pub(super) items: u64,
    pub(super) bytes: Bytes,
}

impl Kept {
    pub(super) fn traces(&self) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest::decode(&*self.bytes).expect("wire form")
    }

    fn logs(&self) -> ExportLogsServiceRequest {
        ExportLogsServiceRequest::decode(&*self.bytes).expect("wire form")
    }
}

impl Requests {
    pub(super) fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.lock().expect("no panic under it")
    }

    /// All spans, in the order in which they came.
    pub(super) fn spans(&self) -> Vec<Span> {
        let kept = self.kept();
        let traces = kept.iter().filter(|kept| kept.signal == Signal::Traces);
        traces
            .flat_map(|kept| kept.traces().resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }

    /// All log records, in the order in which they came.
    pub(super) fn records(&self) -> Vec<LogRecord> {
        let kept = self.kept();
        let logs = kept.iter().filter(|kept| kept.signal == Signal::Logs);
        logs.flat_map(|kept| kept.logs().resource_logs)
            .flat_map(|resource| resource.scope_logs)
            .flat_map(|scope| scope.log_records)
            .collect()
    }
}

impl Export for Requests {
    fn name(&self) -> &str {
        "requests"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        self.kept().push(Kept {
            signal: request.signal(),
            items: request.items(),
            bytes: request.to_bytes(),
        });
        Ok(())
    }
}
