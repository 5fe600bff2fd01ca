//! What strangers send.

use http::{HeaderValue, Method, Request};
use http_body_util::BodyExt;
use proptest::prelude::*;
use spanreel::{Limits, SpanContext};
use spanreel_http::{ClientLayer, Inbound, MessageHeaders, ServerLayer};
use tower::{Layer, ServiceExt};

use crate::rig::{End, PARENT, Rig, TRACE, answering};

type Headers = Vec<(&'static str, Vec<u8>)>;

/// Sends a request with these headers through a server and a client; returns the context that a
/// server further on would see.
fn pass(rig: &Rig, method: Method, path: &str, headers: &Headers) -> Option<SpanContext> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        match HeaderValue::from_bytes(value) {
            Ok(value) => request = request.header(*name, value),
            // What cannot be a header does not come by HTTP, but may by a queue.
            Err(_) => {
                let inbound = Inbound::new(&rig.pipeline);
                let caller = inbound.extract(&MessageHeaders(headers));
                inbound
                    .arrival("message")
                    .caller(&caller)
                    .start()
                    .expect("open")
                    .end();
                return None;
            }
        }
    }
    let request = request.body(()).ok()?;
    let mut seen = None;
    futures::executor::block_on(async {
        let answer = answering(200, &[], End::Whole);
        let far = tower::service_fn(|request: Request<()>| {
            seen = SpanContext::extract(request.headers());
            let total: usize = request.headers().iter().map(|(_, value)| value.len()).sum();
            assert!(total < 70_000, "what is sent on is bounded");
            answer.clone().oneshot(request)
        });
        let service = ServerLayer::new(&rig.pipeline).layer(ClientLayer::new().layer(far));
        let response = service.oneshot(request).await.expect("it answers");
        response.into_body().collect().await.expect("it ends");
    });
    seen
}

/// Headers that are too long, too many, doubled or no text cost no request and no trace but their
/// own, and what is recorded stays within the limits.
#[test]
fn hostile_headers_cost_nothing_but_their_meaning() {
    let many = (0..10_000)
        .map(|number| format!("key{number}=value"))
        .collect::<Vec<_>>()
        .join(",");
    let parent = || ("traceparent", PARENT.as_bytes().to_vec());
    let cases: [(&str, Headers, bool); 8] = [
        (
            "tracestate of 64 KiB",
            vec![parent(), ("tracestate", vec![b'a'; 65_536])],
            true,
        ),
        (
            "32 long members",
            vec![
                parent(),
                ("tracestate", {
                    let members = (0..32).map(|number| format!("k{number}={}", "v".repeat(256)));
                    members.collect::<Vec<_>>().join(",").into_bytes()
                }),
            ],
            true,
        ),
        (
            "10,000 members of baggage",
            vec![parent(), ("baggage", many.into_bytes())],
            true,
        ),
        (
            "a line break",
            vec![parent(), ("tracestate", b"a=b\r\nx-evil: 1".to_vec())],
            false,
        ),
        ("two parents", vec![parent(), parent()], false),
        (
            "no text",
            vec![("traceparent", b"00-\xff\xfe".to_vec())],
            false,
        ),
        (
            "no text beside",
            vec![parent(), ("tracestate", b"a=\xff".to_vec())],
            true,
        ),
        (
            "a session id of 8 KB",
            vec![
                parent(),
                (
                    "baggage",
                    format!("session.id={}", "x".repeat(8000)).into_bytes(),
                ),
            ],
            true,
        ),
    ];
    for (name, headers, continues) in cases {
        let rig = Rig::with_baggage();
        let seen = pass(&rig, Method::GET, "/", &headers);
        let continued = seen.is_some_and(|context| context.trace_id().to_string() == TRACE);
        assert_eq!(continued, continues, "{name}");
        for span in rig.finish().spans() {
            let id = span.str("session.id").expect("every span has one");
            assert!(id.len() <= Limits::default().session_id_length, "{name}");
            assert!(span.trace_state.len() <= 512, "{name}");
        }
    }
}

/// A path as long as it can be is cut where the host has set a limit.
#[test]
fn huge_paths_are_cut() {
    let limits = Limits {
        attribute_value_length: Some(100),
        ..Limits::default()
    };
    let rig = Rig::with(|builder| builder.limits(limits));
    let path = format!("/{}", "p".repeat(60_000));
    let made_up = Method::from_bytes("M".repeat(5000).as_bytes()).expect("a token");
    pass(&rig, made_up, &path, &Headers::new());
    let spans = rig.finish().spans();
    assert_eq!(spans.len(), 2);
    for span in spans {
        assert_eq!(span.name, "HTTP");
        let texts = ["url.path", "url.full", "http.request.method_original"];
        for key in texts.into_iter().filter_map(|key| span.str(key)) {
            assert!(key.len() <= 100, "{} bytes", key.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No headers, path or method make anything panic or lose a span.
    #[test]
    fn nothing_that_is_sent_does_harm(
        headers in prop::collection::vec(
            (
                prop::sample::select(vec!["traceparent", "tracestate", "baggage", "host", "user-agent"]),
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..300),
                    "[ -~]{0,300}".prop_map(String::into_bytes),
                    "00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]".prop_map(String::into_bytes),
                ],
            ),
            0..6,
        ),
        path in "/[!-~]{0,80}",
        method in "[A-Z]{1,12}",
    ) {
        let rig = Rig::with_baggage();
        let method = Method::from_bytes(method.as_bytes()).expect("a token");
        pass(&rig, method, &path, &headers);
        rig.finish();
    }
}
