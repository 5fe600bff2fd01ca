//! A receiver behind a real socket that answers as it is told: OTLP over gRPC (a tonic server), OTLP
//! over HTTP in protobuf and JSON and Zipkin (a hyper server).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
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
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tonic::codec::CompressionEncoding;
use tonic::codegen::BoxFuture;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Response, Status};

/// What it does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Accept,
    /// Accepts it after this long.
    AcceptAfter(Duration),
    /// Accepts all but so many of its first items.
    Partial(i64),
    RefuseForNow,
    RefuseForGood,
    Hang,
}

#[derive(Default)]
struct Seen {
    spans: Vec<Span>,
    records: usize,
    /// Of spans in Zipkin's form.
    zipkin: Vec<String>,
}

#[derive(Clone, Default)]
struct Desk {
    seen: Arc<Mutex<Seen>>,
    /// What it does with the next requests; it accepts those beyond.
    script: Arc<Mutex<VecDeque<Answer>>>,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    desk: Desk,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Speaks OTLP over gRPC.
    pub(crate) async fn grpc(address: SocketAddr) -> Self {
        let (listener, address, desk) = listen(address).await;
        let traces = TraceServiceServer::new(desk.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd);
        let logs = LogsServiceServer::new(desk.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd);
        let serving = Server::builder()
            .serve_with_incoming(Paths { traces, logs }, TcpIncoming::from(listener));
        let task = tokio::spawn(async move { serving.await.expect("it serves") });
        Self {
            address,
            desk,
            task,
        }
    }

    /// Speaks OTLP over HTTP, and Zipkin.
    pub(crate) async fn http(address: SocketAddr) -> Self {
        let (listener, address, desk) = listen(address).await;
        let at_desk = desk.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.expect("a connection");
                let desk = at_desk.clone();
                let service = service_fn(move |request| {
                    let desk = desk.clone();
                    async move { desk.serve(request).await }
                });
                connections.spawn(async move {
                    // A client that goes away ends the conversation.
                    let _ended = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        Self {
            address,
            desk,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does this with the next requests.
    pub(crate) fn will(&self, answers: &[Answer]) {
        self.desk
            .script
            .lock()
            .expect("no panic under it")
            .extend(answers);
    }

    /// The spans that it accepted, in OTLP's form.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.desk.seen().spans.clone()
    }

    /// The names of the spans that it accepted, in whatever form.
    pub(crate) fn names(&self) -> Vec<String> {
        let seen = self.desk.seen();
        let names = seen.spans.iter().map(|span| span.name.clone());
        names.chain(seen.zipkin.clone()).collect()
    }

    /// How many log records it accepted.
    pub(crate) fn records(&self) -> usize {
        self.desk.seen().records
    }
}

async fn listen(address: SocketAddr) -> (TcpListener, SocketAddr, Desk) {
    let listener = TcpListener::bind(address).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (listener, address, Desk::default())
}

fn spans_of(request: ExportTraceServiceRequest) -> Vec<Span> {
    let resources = request.resource_spans.into_iter();
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn records_of(request: &ExportLogsServiceRequest) -> usize {
    let resources = request.resource_logs.iter();
    let scopes = resources.flat_map(|resource| &resource.scope_logs);
    scopes.map(|scope| scope.log_records.len()).sum()
}

impl Desk {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no panic under it")
    }

    /// What it does with this request, having taken the time for it; how many items it does not
    /// take of an accepted one.
    async fn decide(&self) -> Result<i64, Answer> {
        let answer = self.script.lock().expect("no panic under it").pop_front();
        match answer.unwrap_or(Answer::Accept) {
            Answer::Accept => Ok(0),
            Answer::AcceptAfter(time) => {
                tokio::time::sleep(time).await;
                Ok(0)
            }
            Answer::Partial(rejected) => Ok(rejected),
            Answer::Hang => std::future::pending().await,
            refusal => Err(refusal),
        }
    }

    async fn serve(
        &self,
        request: http::Request<Incoming>,
    ) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let encoding = head.headers.get("content-encoding");
        let body = decompress(encoding.map(|it| it.to_str().expect("text")), &body);
        let rejected = match self.decide().await {
            Ok(rejected) => rejected,
            Err(Answer::RefuseForNow) => return Ok(answer(StatusCode::SERVICE_UNAVAILABLE)),
            Err(_) => return Ok(answer(StatusCode::BAD_REQUEST)),
        };
        let but = usize::try_from(rejected).expect("a count");
        let form = head.headers["content-type"].to_str().expect("text");
        let said = match (head.uri.path(), form) {
            ("/v1/traces", "application/json") => {
                let request = serde_json::from_slice(&body).expect("OTLP JSON");
                self.seen()
                    .spans
                    .extend(spans_of(request).into_iter().skip(but));
                if rejected == 0 {
                    b"{}".to_vec()
                } else {
                    format!(r#"{{"partialSuccess":{{"rejectedSpans":"{rejected}"}}}}"#).into_bytes()
                }
            }
            ("/v1/traces", "application/x-protobuf") => {
                let request = ExportTraceServiceRequest::decode(&*body).expect("OTLP");
                self.seen()
                    .spans
                    .extend(spans_of(request).into_iter().skip(but));
                ExportTraceServiceResponse {
                    partial_success: partial(rejected),
                }
                .encode_to_vec()
            }
            ("/v1/logs", "application/json") => {
                let request = serde_json::from_slice(&body).expect("OTLP JSON");
                self.seen().records += records_of(&request);
                b"{}".to_vec()
            }
            ("/v1/logs", "application/x-protobuf") => {
                let request = ExportLogsServiceRequest::decode(&*body).expect("OTLP");
                self.seen().records += records_of(&request);
                Vec::new()
            }
            ("/api/v2/spans", "application/json") => {
                let spans: Vec<serde_json::Value> = serde_json::from_slice(&body).expect("JSON");
                let names = spans
                    .iter()
                    .map(|span| span["name"].as_str().expect("a name"));
                self.seen().zipkin.extend(names.map(str::to_owned));
                Vec::new()
            }
            (path, form) => panic!("nobody speaks {form} at {path}"),
        };
        let mut accepted = answer(StatusCode::OK);
        *accepted.body_mut() = Full::from(said);
        let form = head.headers["content-type"].clone();
        accepted.headers_mut().insert("content-type", form);
        Ok(accepted)
    }

    fn refusal(answer: Answer) -> Status {
        match answer {
            Answer::RefuseForNow => Status::unavailable("told to"),
            _ => Status::invalid_argument("told to"),
        }
    }
}

fn answer(status: StatusCode) -> http::Response<Full<Bytes>> {
    let mut answer = http::Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn partial(rejected: i64) -> Option<ExportTracePartialSuccess> {
    (rejected != 0).then(|| ExportTracePartialSuccess {
        rejected_spans: rejected,
        error_message: "told to".to_owned(),
    })
}

fn decompress(encoding: Option<&str>, body: &[u8]) -> Bytes {
    match encoding {
        None => Bytes::copy_from_slice(body),
        Some("gzip") => {
            let mut plain = Vec::new();
            let mut decoder = flate2::read::GzDecoder::new(body);
            decoder.read_to_end(&mut plain).expect("gzip");
            plain.into()
        }
        Some("zstd") => zstd::decode_all(body).expect("zstd").into(),
        Some(other) => panic!("unknown encoding {other}"),
    }
}

/// Both services behind one address.
#[derive(Clone)]
struct Paths {
    traces: TraceServiceServer<Desk>,
    logs: LogsServiceServer<Desk>,
}

impl tower_service::Service<http::Request<tonic::body::Body>> for Paths {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
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
impl TraceService for Desk {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let rejected = self.decide().await.map_err(Self::refusal)?;
        let but = usize::try_from(rejected).expect("a count");
        let spans = spans_of(request.into_inner());
        self.seen().spans.extend(spans.into_iter().skip(but));
        Ok(Response::new(ExportTraceServiceResponse {
            partial_success: partial(rejected),
        }))
    }
}

#[tonic::async_trait]
impl LogsService for Desk {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.decide().await.map_err(Self::refusal)?;
        self.seen().records += records_of(request.get_ref());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
