//! An OTLP/gRPC server made by tonic from the reference's services.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::BoxFuture;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Response, Status};

/// What the server says to a request for traces.
pub(crate) type Reply = Result<Option<ExportTracePartialSuccess>, Status>;

/// The largest message it takes.
pub(crate) const LIMIT: usize = 4 << 20;

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) traces: Vec<ExportTraceServiceRequest>,
    pub(crate) logs: Vec<ExportLogsServiceRequest>,
    pub(crate) metadata: Vec<MetadataMap>,
    pub(crate) peers: Vec<SocketAddr>,
}

#[derive(Clone)]
struct Service {
    seen: Arc<Mutex<Seen>>,
    reply: Reply,
}

pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Seen>>,
    /// Dropped, it stops the server too.
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::replying(Ok(None)).await
    }

    pub(crate) async fn replying(reply: Reply) -> Self {
        Self::serve("127.0.0.1:0".parse().unwrap(), Server::builder(), reply).await
    }

    pub(crate) async fn serve(address: SocketAddr, server: Server, reply: Reply) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let service = Service {
            seen: Arc::clone(&seen),
            reply,
        };
        let traces = TraceServiceServer::new(service.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(LIMIT);
        let logs = LogsServiceServer::new(service)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd);
        let paths = Paths { traces, logs };
        let (stop, stopped) = oneshot::channel();
        let stopped = async { stopped.await.unwrap_or(()) };
        let incoming = TcpIncoming::from(listener);
        let serving = server.serve_with_incoming_shutdown(paths, incoming, stopped);
        let task = tokio::spawn(async move { serving.await.unwrap() });
        Self {
            address,
            seen,
            stop,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it and its connections, and waits until its address is free.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

/// Both services behind one address.
#[derive(Clone)]
struct Paths {
    traces: TraceServiceServer<Service>,
    logs: LogsServiceServer<Service>,
}

impl tower_service::Service<http::Request<Body>> for Paths {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match request.uri().path() {
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
                self.traces.call(request)
            }
            "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => self.logs.call(request),
            path => panic!("unknown path {path}"),
        }
    }
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let peer = request.remote_addr();
        let (metadata, _, message) = request.into_parts();
        {
            let mut seen = self.seen.lock().unwrap();
            seen.peers.extend(peer);
            seen.metadata.push(metadata);
            seen.traces.push(message);
        }
        let partial_success = self.reply.clone()?;
        Ok(Response::new(ExportTraceServiceResponse {
            partial_success,
        }))
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let mut seen = self.seen.lock().unwrap();
        seen.metadata.push(metadata);
        seen.logs.push(message);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
