//! What a layer costs the request that passes it, the whole pipeline running behind it (null
//! exporter): beside OpenTelemetry's SDK, with the layer that its users write by hand and with the
//! usual pair of `tower_http::trace` and `tracing-opentelemetry`.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use divan::{Bencher, black_box};
use futures::FutureExt;
use http::{HeaderName, Request, Response};
use http_body_util::Full;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue, propagation::TextMapPropagator};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanData, SpanExporter,
};
use spanreel::{Null, Pipeline, SpanRef};
use spanreel_http::{ClientLayer, ServerLayer};
use tower::{Layer, Service};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;

fn main() {
    divan::Divan::from_args().sample_count(20_000).main();
}

type Body = Full<Bytes>;

/// A service that answers at once.
#[derive(Clone)]
struct Trivial;

impl Service<Request<Body>> for Trivial {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        black_box(&request);
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"answer")))))
    }
}

/// A request like those of a browser or an agent, of a trace of its own.
fn inbound() -> Request<Body> {
    Request::post("/chat/completions")
        .header("host", "api.example.com:8080")
        .header("user-agent", "agent/1.0")
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .header("traceparent", fresh_traceparent())
        .body(Body::default())
        .expect("the parts are right")
}

fn fresh_traceparent() -> String {
    format!("00-{}-b7ad6b7169203331-01", spanreel::TraceId::random())
}

fn outbound() -> Request<Body> {
    Request::post("http://api.example.com:8080/chat/completions")
        .header("content-type", "application/json")
        .body(Body::default())
        .expect("the parts are right")
}

/// Sends requests through a service and takes the answers whole.
fn drive<S, B>(bencher: Bencher<'_, '_>, mut service: S, request: impl Fn() -> Request<Body>)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body + Unpin,
{
    use http_body_util::BodyExt;
    bencher.with_inputs(request).bench_local_values(|request| {
        let answered = service.call(request).now_or_never();
        let mut response = answered.expect("it is ready").expect("it answers");
        while let Some(frame) = response.body_mut().frame().now_or_never().flatten() {
            black_box(frame.is_ok());
        }
    });
}

fn pipeline() -> Pipeline {
    Pipeline::builder()
        .export(Null)
        .start()
        .expect("the configuration is right")
}

mod server {
    use super::*;

    #[divan::bench]
    fn nothing(bencher: Bencher<'_, '_>) {
        drive(bencher, Trivial, inbound);
    }

    /// What a session takes that says nothing of itself, without a request and a layer.
    #[divan::bench]
    fn a_session_alone(bencher: Bencher<'_, '_>) {
        let pipeline = pipeline();
        let bencher = bencher.with_inputs(|| spanreel::TraceId::random().to_string());
        bencher.bench_local_values(|id| pipeline.session(&id).map(|session| session.end()));
        pipeline.shutdown_blocking(Duration::from_secs(5));
    }

    /// Each request opens the session of its trace, and is its root.
    #[divan::bench]
    fn spanreel_of_its_own_trace(bencher: Bencher<'_, '_>) {
        let pipeline = pipeline();
        drive(bencher, ServerLayer::new(&pipeline).layer(Trivial), inbound);
        pipeline.shutdown_blocking(Duration::from_secs(5));
    }

    /// Each request is a span of the session that a header names.
    #[divan::bench]
    fn spanreel_of_an_open_session(bencher: Bencher<'_, '_>) {
        let pipeline = pipeline();
        let layer = ServerLayer::new(&pipeline).session_header(HeaderName::from_static("accept"));
        drive(bencher, layer.layer(Trivial), inbound);
        pipeline.shutdown_blocking(Duration::from_secs(5));
    }

    /// The caller does not record.
    #[divan::bench]
    fn spanreel_unsampled(bencher: Bencher<'_, '_>) {
        let pipeline = pipeline();
        let layer = ServerLayer::new(&pipeline);
        drive(bencher, layer.layer(Trivial), || {
            let mut request = inbound();
            let parent = fresh_traceparent().replace("31-01", "31-00");
            let parent = parent.parse().expect("a value");
            request.headers_mut().insert("traceparent", parent);
            request
        });
        pipeline.shutdown_blocking(Duration::from_secs(5));
    }

    #[divan::bench]
    fn opentelemetry_by_hand(bencher: Bencher<'_, '_>) {
        drive(
            bencher,
            ByHand {
                tracer: tracer(),
                inner: Trivial,
            },
            inbound,
        );
    }

    #[divan::bench]
    fn tracing_opentelemetry_by_tower_http(bencher: Bencher<'_, '_>) {
        let subscriber = tracing_subscriber::registry()
            .with(tracing_opentelemetry::layer().with_tracer(tracer()));
        tracing::subscriber::with_default(subscriber, || {
            let layer = tower_http::trace::TraceLayer::new_for_http()
                .make_span_with(make_span)
                .on_response(on_response)
                .on_request(());
            drive(bencher, Unpinned(layer.layer(Trivial)), inbound);
        });
    }
}

mod client {
    use super::*;

    #[divan::bench]
    fn nothing(bencher: Bencher<'_, '_>) {
        drive(bencher, Trivial, outbound);
    }

    #[divan::bench]
    fn spanreel(bencher: Bencher<'_, '_>) {
        let pipeline = pipeline();
        let session = pipeline.session("conv-1").expect("open");
        let place = SpanRef::from(&session);
        drive(bencher, ClientLayer::under(place).layer(Trivial), outbound);
        pipeline.shutdown_blocking(Duration::from_secs(5));
    }

    #[divan::bench]
    fn opentelemetry_by_hand(bencher: Bencher<'_, '_>) {
        let tracer = tracer();
        let parent = Context::new().with_span(tracer.start("turn"));
        drive(
            bencher,
            ByHandClient {
                tracer,
                parent,
                inner: Trivial,
            },
            outbound,
        );
    }
}

/// Takes everything and does nothing, as spanreel's `Null`.
#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    fn export(
        &self,
        batch: Vec<SpanData>,
    ) -> impl Future<Output = opentelemetry_sdk::error::OTelSdkResult> + Send {
        drop(batch);
        ready(Ok(()))
    }
}

/// One provider for all of them, with the SDK's usual processor.
fn tracer() -> SdkTracer {
    static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();
    let provider = PROVIDER.get_or_init(|| {
        let processor = BatchSpanProcessor::builder(Nowhere).build();
        SdkTracerProvider::builder()
            .with_span_processor(processor)
            .build()
    });
    provider.tracer("layers")
}

/// The layer that users of the SDK write: extract, start, attributes, end.
struct ByHand {
    tracer: SdkTracer,
    inner: Trivial,
}

impl Service<Request<Body>> for ByHand {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let parent = TraceContextPropagator::new().extract(&HeaderExtractor(request.headers()));
        let text = |name: &str| {
            let value = request
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let host = text("host");
        let (address, port) = host.split_once(':').unwrap_or((&host, "80"));
        let span = self
            .tracer
            .span_builder("POST")
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", "POST"),
                KeyValue::new("url.path", request.uri().path().to_owned()),
                KeyValue::new("url.scheme", "http"),
                KeyValue::new("server.address", address.to_owned()),
                KeyValue::new("server.port", port.parse().unwrap_or(80)),
                KeyValue::new("network.protocol.version", "1.1"),
                KeyValue::new("user_agent.original", text("user-agent")),
            ])
            .start_with_context(&self.tracer, &parent);
        let context = parent.with_span(span);
        request.extensions_mut().insert(context.clone());
        let answer = self.inner.call(request);
        let outcome = answer.into_inner();
        if let Ok(response) = &outcome {
            let status = response.status();
            let code = KeyValue::new("http.response.status_code", i64::from(status.as_u16()));
            context.span().set_attribute(code);
            if status.is_server_error() {
                context.span().set_status(Status::error(""));
            }
        }
        context.span().end();
        ready(outcome)
    }
}

/// As above, for requests that are made.
struct ByHandClient {
    tracer: SdkTracer,
    parent: Context,
    inner: Trivial,
}

impl Service<Request<Body>> for ByHandClient {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let uri = request.uri();
        let span = self
            .tracer
            .span_builder("POST")
            .with_kind(SpanKind::Client)
            .with_attributes([
                KeyValue::new("http.request.method", "POST"),
                KeyValue::new("url.full", uri.to_string()),
                KeyValue::new("server.address", uri.host().unwrap_or_default().to_owned()),
                KeyValue::new("server.port", i64::from(uri.port_u16().unwrap_or(80))),
                KeyValue::new("network.protocol.version", "1.1"),
            ])
            .start_with_context(&self.tracer, &self.parent);
        let context = self.parent.with_span(span);
        let mut injector = HeaderInjector(request.headers_mut());
        TraceContextPropagator::new().inject_context(&context, &mut injector);
        let outcome = self.inner.call(request).into_inner();
        if let Ok(response) = &outcome {
            let code = i64::from(response.status().as_u16());
            context
                .span()
                .set_attribute(KeyValue::new("http.response.status_code", code));
        }
        context.span().end();
        ready(outcome)
    }
}

/// The span of a request, as the guides of `tracing-opentelemetry` have it.
fn make_span(request: &Request<Body>) -> tracing::Span {
    let text = |name: &str| {
        let value = request.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let (address, port) = text("host").split_once(':').unwrap_or((text("host"), "80"));
    let span = tracing::info_span!(
        "request",
        otel.name = "POST",
        otel.kind = "server",
        http.request.method = "POST",
        url.path = request.uri().path(),
        url.scheme = "http",
        server.address = address,
        server.port = port.parse::<u16>().unwrap_or(80),
        network.protocol.version = "1.1",
        user_agent.original = text("user-agent"),
        http.response.status_code = tracing::field::Empty,
    );
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(request.headers()));
    black_box(span.set_parent(parent).is_ok());
    span
}

fn on_response<B>(response: &Response<B>, _: Duration, span: &tracing::Span) {
    span.record("http.response.status_code", response.status().as_u16());
}

/// The bodies of `tower-http` do not move.
struct Unpinned<S>(S);

impl<S, B> Service<Request<Body>> for Unpinned<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send,
{
    type Response = Response<std::pin::Pin<Box<B>>>;
    type Error = S::Error;
    type Future = futures::future::MapOk<S::Future, fn(Response<B>) -> Self::Response>;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        use futures::TryFutureExt;
        self.0
            .call(request)
            .map_ok(|response| response.map(Box::pin))
    }
}
