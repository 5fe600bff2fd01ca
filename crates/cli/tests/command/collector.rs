//! An OTLP/gRPC receiver that keeps what it is sent, with its headers: tonic's own server.

#![expect(
    clippy::disallowed_methods,
    reason = "the receiver runs beside the test"
)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// What has come in. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collector {
    kept: Arc<Mutex<Kept>>,
    /// Every request is refused for good.
    refuses: bool,
    /// Metrics are taken, too.
    measures: bool,
}

#[derive(Debug, Default)]
struct Kept {
    traces: Vec<ResourceSpans>,
    logs: Vec<LogRecord>,
    metrics: Vec<Metric>,
    tenants: Vec<String>,
}

impl Collector {
    pub(crate) fn refusing() -> Self {
        Self {
            refuses: true,
            ..Self::default()
        }
    }

    /// One that takes metrics, too.
    #[allow(dead_code, reason = "few of the tests that share it look at metrics")]
    pub(crate) fn measuring() -> Self {
        Self {
            measures: true,
            ..Self::default()
        }
    }

    /// Listens until the runtime of the test ends.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let metrics = self
            .measures
            .then(|| MetricsServiceServer::new(self.clone()));
        let server = Server::builder()
            .add_service(TraceServiceServer::new(self.clone()))
            .add_service(LogsServiceServer::new(self.clone()))
            .add_optional_service(metrics);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        addr
    }

    pub(crate) fn groups(&self) -> Vec<ResourceSpans> {
        self.kept().traces.clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let groups = self.groups().into_iter();
        let scopes = groups.flat_map(|group| group.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    pub(crate) fn logs(&self) -> Vec<LogRecord> {
        self.kept().logs.clone()
    }

    #[allow(dead_code, reason = "few of the tests that share it look at metrics")]
    pub(crate) fn metrics(&self) -> Vec<Metric> {
        self.kept().metrics.clone()
    }

    /// The header `x-tenant` of each request that had it.
    pub(crate) fn tenants(&self) -> Vec<String> {
        self.kept().tenants.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nobody panics with it")
    }

    fn take<T>(&self, request: Request<T>) -> Result<T, Status> {
        if self.refuses {
            return Err(Status::invalid_argument("not today"));
        }
        let tenant = request.metadata().get("x-tenant");
        let tenant = tenant.map(|it| it.to_str().expect("text").to_owned());
        self.kept().tenants.extend(tenant);
        Ok(request.into_inner())
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = self.take(request)?;
        let mut kept = self.kept();
        kept.traces.extend(request.resource_spans);
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let request = self.take(request)?;
        let groups = request.resource_logs.into_iter();
        let scopes = groups.flat_map(|group| group.scope_logs);
        let records = scopes.flat_map(|scope| scope.log_records);
        self.kept().logs.extend(records);
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let request = self.take(request)?;
        let groups = request.resource_metrics.into_iter();
        let scopes = groups.flat_map(|group| group.scope_metrics);
        let metrics = scopes.flat_map(|scope| scope.metrics);
        self.kept().metrics.extend(metrics);
        Ok(Response::new(Default::default()))
    }
}
