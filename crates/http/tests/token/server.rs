//! Requests over HTTP whose callers prove themselves, or do not.

use std::sync::Arc;

use http::{HeaderName, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use spanreel::record::RecordedSpan;
use spanreel::testing::InMemory;
use spanreel::{BaggagePolicy, Pipeline, Resource, SpanId};
use spanreel_http::ServerLayer;
use spanreel_http::token::{HEADER as TOKEN, Issuer, Keys, Token, TokenRefused, Trust};
use tower::{Layer, ServiceExt, service_fn};

use super::support::ledger;
use super::*;

const TRACE: &str = "12345678901234567890123456789012";
const STRANGE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

#[expect(clippy::disallowed_methods, reason = "the layer reads the same clock")]
fn fresh(issuer: &Issuer) -> Token {
    let now = SystemTime::now();
    issuer
        .sign(&context(), "conv-1", B, now, MINUTE)
        .expect("issued")
}

fn stranger() -> Issuer {
    Issuer::new("https://x.example", private()).expect("it can sign")
}

fn forger() -> Issuer {
    Issuer::new(A, Keys::ed25519("k1", &[8; 32])).expect("it can sign")
}

/// A service behind the layer, with what it recorded.
struct Service {
    pipeline: Pipeline,
    memory: InMemory,
    verifier: Arc<Verifier>,
}

impl Service {
    fn start() -> Self {
        let memory = InMemory::new();
        let pipeline = Pipeline::builder()
            .resource(Resource::empty())
            .baggage(BaggagePolicy::new().accept("tenant"))
            .export(memory.clone())
            .start()
            .expect("right");
        Self {
            pipeline,
            memory,
            verifier: Arc::new(trusting().build().expect("right")),
        }
    }

    fn layer(&self) -> ServerLayer {
        ServerLayer::new(&self.pipeline).verifier(Arc::clone(&self.verifier))
    }

    /// Answers a request with what the handler was told.
    async fn ask(&self, layer: ServerLayer, path: &str, headers: &[(&str, &str)]) -> String {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let service = layer.layer(service_fn(answer));
        let request = request.body(()).expect("the parts are right");
        let response = service.oneshot(request).await.expect("it answers");
        let body = response.into_body().collect().await.expect("it ends");
        String::from_utf8(body.to_bytes().to_vec()).expect("text")
    }

    fn stop(self) -> InMemory {
        let report = self.pipeline.shutdown_blocking(Duration::from_secs(20));
        ledger::assert_settled(&report);
        self.memory
    }
}

async fn answer(request: Request<()>) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let told = match request.extensions().get::<Trust>() {
        None => "nothing".to_owned(),
        Some(Trust::Adopt(claims)) => format!("from {}", claims.issuer()),
        Some(Trust::Link(claims)) => format!("perhaps from {}", claims.issuer()),
        Some(Trust::Refused(reason)) => reason.name().to_owned(),
    };
    Ok(Response::new(Full::new(Bytes::from(told))))
}

/// The span of the request to a path.
fn at(memory: &InMemory, path: &str) -> RecordedSpan {
    let spans = memory.spans().into_iter();
    let mut found = spans.filter(|span| span.str("url.path") == Some(path));
    found.next().unwrap_or_else(|| panic!("{path}"))
}

/// What is verified is the parent, with the baggage that comes along; what is not is a link that says so;
/// what is forged, misaddressed or broken is named and counted; and a context without a proof is a link, too.
/// A header beside the token is believed no more than the token.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_believed_as_its_token_deserves() {
    let service = Service::start();
    let [good, linked, forged] = [&issuer(), &stranger(), &forger()].map(fresh);
    for (path, token, told) in [
        ("/verified", Some(good.as_str()), "from https://a.example"),
        (
            "/linked",
            Some(linked.as_str()),
            "perhaps from https://x.example",
        ),
        ("/forged", Some(forged.as_str()), "bad_signature"),
        ("/broken", Some("a.b.c"), "malformed"),
        ("/none", None, "nothing"),
    ] {
        let mut headers = vec![("traceparent", STRANGE), ("baggage", "tenant=acme")];
        headers.extend(token.map(|token| (TOKEN, token)));
        assert_eq!(service.ask(service.layer(), path, &headers).await, told);
    }
    let several = [(TOKEN, good.as_str()), (TOKEN, good.as_str())];
    let told = service.ask(service.layer(), "/several", &several).await;
    assert_eq!(told, "malformed");
    let counts = service.verifier.counts();
    assert_eq!(
        (counts.adopted, counts.linked, counts.received()),
        (1, 1, 5)
    );
    assert_eq!(counts.refused(TokenRefused::BadSignature), 1);
    assert_eq!(counts.refused(TokenRefused::Malformed), 2);

    let memory = service.stop();
    let verified = at(&memory, "/verified");
    assert_eq!(verified.trace_id.to_string(), TRACE);
    assert_eq!(verified.parent_span_id, Some(context().span_id()));
    assert!(verified.has_remote_parent() && verified.links.is_empty());
    assert_eq!(verified.str("spanreel.trust"), Some("verified"));
    assert_eq!(verified.str("spanreel.delegation.issuer"), Some(A));
    assert_eq!(
        verified.str("spanreel.delegation.session_id"),
        Some("conv-1")
    );
    assert_eq!(verified.str("tenant"), Some("acme"));

    let strange = SpanContext::from_traceparent(STRANGE).expect("valid");
    for (path, link, refused) in [
        ("/linked", Some(context().span_id()), None),
        ("/forged", None, Some("bad_signature")),
        ("/broken", None, Some("malformed")),
        ("/none", Some(strange.span_id()), None),
        ("/several", None, Some("malformed")),
    ] {
        let span = at(&memory, path);
        assert_eq!(span.parent_span_id, None, "{path}");
        let traces = [context().trace_id(), strange.trace_id()];
        assert!(!traces.contains(&span.trace_id), "{path}");
        let links: Vec<Option<SpanId>> = span.links.iter().map(|it| it.span_id).collect();
        assert_eq!(
            links,
            link.map(Some).into_iter().collect::<Vec<_>>(),
            "{path}"
        );
        let trusts = span
            .links
            .iter()
            .map(|it| it.attributes.str("spanreel.trust"));
        assert!(trusts.eq(link.map(|_| Some("unverified"))), "{path}");
        assert_eq!(span.str("spanreel.delegation.refused"), refused, "{path}");
        assert_eq!(span.str("spanreel.trust"), None, "{path}");
        assert_eq!(span.str("tenant"), None, "{path}");
    }
}

/// A token is good for one request: the same one, told by its key, is a repetition by the transport;
/// another, or one that nothing tells apart, is a replay.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_one_request() {
    let service = Service::start();
    let (keyed, bare) = (fresh(&issuer()), fresh(&issuer()));
    let believed = "from https://a.example";
    for (token, path, key, told) in [
        (&keyed, "/do", Some("7"), believed),
        (&keyed, "/do", Some("7"), believed),
        (&keyed, "/do", Some("8"), "replayed"),
        (&keyed, "/undo", Some("7"), "replayed"),
        (&keyed, "/do", None, "replayed"),
        (&bare, "/do", None, believed),
        (&bare, "/do", None, "replayed"),
    ] {
        let mut headers = vec![(TOKEN, token.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let heard = service.ask(service.layer(), path, &headers).await;
        assert_eq!(heard, told, "{path} {key:?}");
    }
    let counts = service.verifier.counts();
    assert_eq!((counts.adopted, counts.repeated), (2, 1));
    assert_eq!(counts.refused(TokenRefused::Replayed), 4);
    service.stop();
}

/// In a session that the host has open, a delegation of its trace is the parent; one of another trace is
/// linked to, verified or not; a session that the host opens for the request is opened from it.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_host_hears_of_the_delegation() {
    let service = Service::start();
    let (here, there) = (
        service.pipeline.open_session("here"),
        service.pipeline.session("there"),
    );
    let (here, there) = (
        here.parent(context()).open().expect("open"),
        there.expect("open"),
    );
    let by_header = || {
        let name = HeaderName::from_static("x-session");
        service.layer().session_header(name)
    };
    for (path, session, issuer) in [
        ("/child", "here", issuer()),
        ("/linked", "there", issuer()),
        ("/doubted", "here", stranger()),
        ("/opened", "new", issuer()),
        ("/refused", "newer", forger()),
    ] {
        let token = fresh(&issuer);
        let headers = [(TOKEN, token.as_str()), ("x-session", session)];
        service.ask(by_header(), path, &headers).await;
    }
    for session in ["new", "newer"] {
        service.pipeline.session(session).expect("open").end();
    }
    here.end();
    there.end();
    let memory = service.stop();
    let of = |id: &str| {
        let spans = memory.spans().into_iter();
        let mut roots = spans.filter(|span| span.name == "session");
        let root = roots.find(|span| span.str("session.id") == Some(id));
        root.unwrap_or_else(|| panic!("{id}"))
    };

    let child = at(&memory, "/child");
    assert_eq!(child.parent_span_id, Some(context().span_id()));
    assert!(child.has_remote_parent());
    assert_eq!(child.str("spanreel.trust"), Some("verified"));
    let linked = at(&memory, "/linked");
    assert_eq!(linked.parent_span_id, Some(of("there").span_id));
    assert_eq!(linked.str("spanreel.trust"), None);
    let doubted = at(&memory, "/doubted");
    assert_eq!(
        doubted.parent_span_id,
        Some(of("here").span_id),
        "it decides nothing"
    );
    for (span, trust) in [(&linked, "verified"), (&doubted, "unverified")] {
        assert_eq!(span.links.len(), 1, "{trust}");
        assert_eq!(span.links[0].span_id, Some(context().span_id()));
        assert_eq!(span.links[0].attributes.str("spanreel.trust"), Some(trust));
    }
    let opened = of("new");
    assert_eq!(opened.parent_span_id, Some(context().span_id()));
    assert_eq!(opened.str("spanreel.delegation.issuer"), Some(A));
    let refused = of("newer");
    assert_eq!(refused.parent_span_id, None);
    let reason = refused.str("spanreel.delegation.refused");
    assert_eq!(reason, Some("bad_signature"));
}
