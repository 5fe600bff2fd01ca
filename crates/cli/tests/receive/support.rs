//! A receiver in this process whose taker keeps what it gets, and clients of several kinds.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use spanreel::Signal;
use spanreel_cli::receive::{self, Config, Stats, StatsReader, Take, Taken};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// Keeps what is protobuf, refuses what is not, or answers what it was told to.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) taken: Arc<Mutex<Vec<(Signal, Bytes)>>>,
    pub(crate) answer: Arc<Mutex<Option<Taken>>>,
    /// A request takes a permit for the time of its judgement; none there: it waits.
    pub(crate) gate: Arc<Semaphore>,
}

impl Collector {
    fn new() -> Self {
        Self {
            taken: Arc::default(),
            answer: Arc::default(),
            gate: Arc::new(Semaphore::new(1_000_000)),
        }
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.lock().expect("no panic").len()
    }
}

fn items(signal: Signal, request: &[u8]) -> Result<usize, prost::DecodeError> {
    Ok(match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(request)?
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .map(|scope| scope.spans.len())
            .sum(),
        Signal::Logs => ExportLogsServiceRequest::decode(request)?
            .resource_logs
            .iter()
            .flat_map(|resource| &resource.scope_logs)
            .map(|scope| scope.log_records.len())
            .sum(),
        _ => ExportMetricsServiceRequest::decode(request)?
            .resource_metrics
            .iter()
            .flat_map(|resource| &resource.scope_metrics)
            .map(|scope| scope.metrics.len())
            .sum(),
    })
}

impl Take for Collector {
    async fn take(&self, signal: Signal, request: Bytes) -> Taken {
        let _permit = self.gate.acquire().await.expect("it is never closed");
        if let Some(answer) = self.answer.lock().expect("no panic").clone() {
            return answer;
        }
        match items(signal, &request) {
            Ok(items) => {
                self.taken.lock().expect("no panic").push((signal, request));
                Taken::Accepted {
                    items: items as u64,
                }
            }
            Err(error) => Taken::Malformed(error.to_string()),
        }
    }
}

/// A receiver that runs beside the test.
pub(crate) struct Served {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) collector: Collector,
    pub(crate) reader: StatsReader,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<Stats>,
}

/// Any two free ports of this machine, and bounds that tests can reach.
pub(crate) fn config() -> Config {
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    Config {
        grpc: any,
        http: any,
        ..Config::default()
    }
}

pub(crate) fn serve(config: Config) -> Served {
    serve_for(config, Duration::from_secs(5))
}

pub(crate) fn serve_for(config: Config, grace: Duration) -> Served {
    let collector = Collector::new();
    let receiver = receive::bind(config, collector.clone()).expect("free ports");
    let stop = CancellationToken::new();
    Served {
        grpc: receiver.grpc_addr().expect("configured"),
        http: receiver.http_addr().expect("configured"),
        collector,
        reader: receiver.stats_reader(),
        task: tokio::spawn(receiver.run(stop.clone(), grace)),
        stop,
    }
}

impl Served {
    pub(crate) fn stats(&self) -> Stats {
        self.reader.stats()
    }

    /// Asserts that good requests are taken, over gRPC and HTTP, each within a few seconds.
    pub(crate) async fn is_well(&self) {
        let before = self.collector.taken();
        let good = async {
            let mut client = TraceServiceClient::new(channel(self.grpc).await);
            client.export(spans(1)).await.expect("accepted");
            let body = spans(2).encode_to_vec();
            let response = post(self.http, "/v1/traces", &[PROTOBUF], body).await;
            assert_eq!(response.status(), StatusCode::OK, "{response:?}");
        };
        let limit = Duration::from_secs(10);
        tokio::time::timeout(limit, good).await.expect("in time");
        assert!(self.collector.taken() >= before + 2);
    }

    /// Waits until the stats are so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Stats) -> bool) -> Stats {
        for _ in 0..1_000 {
            let stats = self.stats();
            if is_so(&stats) {
                return stats;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came to this: {what}: {:#?}", self.stats());
    }

    /// Stops, and gives the final numbers.
    pub(crate) async fn end(self) -> Stats {
        self.stop.cancel();
        let stats = self.task.await.expect("no panic");
        assert_eq!(stats.held_bytes, 0, "all of the budget is given back");
        assert_eq!(stats.connections.open, 0);
        stats
    }
}

pub(crate) async fn channel(addr: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{addr}")).expect("a URL");
    endpoint.connect().await.expect("it listens")
}

pub(crate) fn spans(count: usize) -> ExportTraceServiceRequest {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "chat claude-sonnet-4-5".into(),
        ..Span::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![span; count],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

pub(crate) fn logs(count: usize) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: vec![LogRecord::default(); count],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

pub(crate) fn metrics(count: usize) -> ExportMetricsServiceRequest {
    let metric = Metric {
        name: "gen_ai.client.token.usage".into(),
        data: Some(Data::Gauge(Gauge {
            data_points: vec![NumberDataPoint::default()],
        })),
        ..Metric::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric; count],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

pub(crate) const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const GRPC: (&str, &str) = ("content-type", "application/grpc");
pub(crate) const TRACE_SERVICE: &str =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A POST request over HTTP/1.1.
pub(crate) async fn post(
    addr: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    send(addr, Version::HTTP_11, Method::POST, path, headers, body).await
}

/// A gRPC call of bytes that stand for the whole body.
pub(crate) async fn call(
    addr: SocketAddr,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Response<Bytes> {
    let headers = [&[GRPC, ("te", "trailers")], headers].concat();
    let version = Version::HTTP_2;
    send(addr, version, Method::POST, TRACE_SERVICE, &headers, body).await
}

pub(crate) async fn send(
    addr: SocketAddr,
    version: Version,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{addr}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).expect("a request");
    let client = Client::builder(TokioExecutor::new())
        .http2_only(version == Version::HTTP_2)
        .build_http();
    let response = client.request(request).await.expect("an answer");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Response::from_parts(head, body)
}

/// Sends bytes and gives what comes back until the connection ends, which it must in time.
pub(crate) async fn raw(addr: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).await.expect("it listens");
    // It may be over before everything is sent, and that is what some tests want.
    drop(stream.write_all(bytes).await);
    rest(&mut stream).await
}

/// What comes until the connection ends, which it must in time.
pub(crate) async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(20), read).await;
    // A reset is an end too.
    drop(read.expect("the connection ends in time"));
    answer
}

/// The gRPC message in front of which its prefix stands.
pub(crate) fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    [&[flag], &length[..], message].concat()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory")
}
