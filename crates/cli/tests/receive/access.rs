//! Who may come in.

use std::net::SocketAddr;

use http::{Method, StatusCode, Version};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use spanreel::{ByteSize, Signal};
use spanreel_cli::receive::{self, BindError, Config, Limits, Outcome, Take, Taken, Token};
use tonic::Code;
use tonic::metadata::MetadataValue;

use crate::support::*;

struct Nobody;

impl Take for Nobody {
    async fn take(&self, _: Signal, _: bytes::Bytes) -> Taken {
        Taken::Closed
    }
}

fn refused(config: Config) -> BindError {
    receive::bind(config, Nobody).expect_err("it must not listen")
}

/// An address that other machines can reach is refused without a token, and says what to do; with
/// one it is listened on.
#[test]
fn an_exposed_address_needs_a_token() {
    for addr in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let addr: SocketAddr = addr.parse().expect("an address");
        let error = refused(Config {
            http: Some(addr),
            ..config()
        });
        assert!(matches!(error, BindError::Exposed(exposed) if exposed == addr));
        assert!(error.to_string().contains("set a token"), "{error}");
    }
    let token = Some(Token::new("s3cret").expect("a token"));
    let exposed = receive::bind(
        Config {
            http: Some(([0, 0, 0, 0], 0).into()),
            token,
            ..config()
        },
        Nobody,
    );
    assert!(exposed.is_ok());
    for addr in ["127.0.0.2:0", "[::ffff:127.0.0.1]:0"] {
        let http = Some(addr.parse().expect("an address"));
        let loopback = receive::bind(Config { http, ..config() }, Nobody);
        assert!(!matches!(loopback, Err(BindError::Exposed(_))), "{addr}");
    }
}

/// Addresses that cannot be had, and bounds that make no sense, are refused with a reason.
#[test]
fn what_cannot_be_listened_on_is_refused_with_a_reason() {
    let error = refused(Config {
        grpc: None,
        http: None,
        ..config()
    });
    assert!(matches!(error, BindError::NoAddress));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = taken.local_addr().expect("bound");
    let error = refused(Config {
        http: Some(addr),
        ..config()
    });
    assert!(error.to_string().contains(&addr.to_string()), "{error}");

    for limits in [
        Limits {
            streams: 0,
            ..Limits::default()
        },
        Limits {
            budget: ByteSize::mib(63),
            ..Limits::default()
        },
        Limits {
            request_bytes: ByteSize::gib(4),
            ..Limits::default()
        },
    ] {
        let error = refused(Config { limits, ..config() });
        assert!(matches!(error, BindError::Limit { .. }), "{error}");
    }
}

/// One address for both protocols is one port.
#[tokio::test]
async fn one_address_serves_both_protocols() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = free.local_addr().ok();
    drop(free);
    let served = serve(Config {
        grpc: addr,
        http: addr,
        ..config()
    });
    assert_eq!(Some(served.http), addr);
    assert_eq!(served.grpc, served.http);
    served.is_well().await;
    served.end().await;
}

/// With a token, requests without it or with another are refused, over both protocols; with it
/// they are taken, whatever the case of the scheme.
#[tokio::test]
async fn requests_need_the_token() {
    let served = serve(Config {
        token: Some(Token::new("s3cret").expect("a token")),
        ..config()
    });
    for presented in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer s3cre"),
        Some("Bearer s3cret2"),
        Some("Bearer S3CRET"),
        Some("Basic s3cret"),
        Some("s3cret"),
    ] {
        let mut headers = vec![PROTOBUF];
        headers.extend(presented.map(|value| ("authorization", value)));
        let response = post(served.http, "/v1/traces", &headers, "").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{presented:?}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let response = call(served.grpc, &headers[1..], framed(0, b"")).await;
        assert_eq!(response.headers()["grpc-status"], "16");
    }
    for presented in ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret "] {
        let headers = [PROTOBUF, ("authorization", presented)];
        let response = post(served.http, "/v1/traces", &headers, "").await;
        assert_eq!(response.status(), StatusCode::OK, "{presented}");
    }
    let channel = channel(served.grpc).await;
    let with = |token: &'static str| {
        TraceServiceClient::with_interceptor(
            channel.clone(),
            move |mut request: tonic::Request<()>| {
                let value = MetadataValue::from_static(token);
                request.metadata_mut().insert("authorization", value);
                Ok(request)
            },
        )
    };
    with("Bearer s3cret")
        .export(spans(1))
        .await
        .expect("accepted");
    let refused = with("Bearer wrong").export(spans(1)).await;
    assert_eq!(refused.expect_err("refused").code(), Code::Unauthenticated);
    let stats = served.end().await;
    assert_eq!(stats.total(Outcome::Unauthorized), 19);
    assert_eq!(stats.total(Outcome::Accepted), 4);
}

/// A token is never shown, and one that cannot be sent is refused.
#[test]
fn a_token_is_never_shown() {
    let token = Token::new("s3cret").expect("a token");
    let config = Config {
        token: Some(token),
        ..config()
    };
    assert!(!format!("{config:?}").contains("s3cret"));
    for wrong in ["", " ", "a b", "a\n", "\u{e9}"] {
        assert!(Token::new(wrong).is_err(), "{wrong:?}");
    }
}

/// Web pages may not send anything unless their origin is listed; then browsers are answered what
/// they ask beforehand, and may read the answer.
#[tokio::test]
async fn web_pages_need_an_invitation() {
    let page = ("origin", "https://app.example");
    let closed = serve(config());
    let ask = |addr, origin| async move {
        let headers = [origin, ("access-control-request-method", "POST")];
        send(
            addr,
            Version::HTTP_11,
            Method::OPTIONS,
            "/v1/traces",
            &headers,
            "",
        )
        .await
    };
    let response = ask(closed.http, page).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let response = post(closed.http, "/v1/traces", &[JSON, page], "{}").await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-origin")
    );
    assert_eq!(closed.end().await.total(Outcome::ForbiddenOrigin), 2);

    let open = serve(Config {
        origins: vec!["https://other.example".into(), page.1.into()],
        token: Some(Token::new("s3cret").expect("a token")),
        ..config()
    });
    let response = ask(open.http, page).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], page.1);
    assert_eq!(headers["access-control-allow-methods"], "POST");
    let allowed = headers["access-control-allow-headers"]
        .to_str()
        .expect("text");
    assert!(allowed.contains("content-type") && allowed.contains("authorization"));
    let token = ("authorization", "Bearer s3cret");
    for (headers, status) in [
        (&[JSON, page, token][..], StatusCode::OK),
        (&[JSON, page], StatusCode::UNAUTHORIZED),
    ] {
        let response = post(open.http, "/v1/traces", headers, "{}").await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["access-control-allow-origin"], page.1);
        assert_eq!(response.headers()["vary"], "origin");
    }
    let stranger = ("origin", "https://evil.example");
    let response = post(open.http, "/v1/traces", &[JSON, stranger, token], "{}").await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let empty = spans(0).encode_to_vec();
    let response = post(open.http, "/v1/traces", &[PROTOBUF, token], empty).await;
    assert_eq!(response.status(), StatusCode::OK, "no page at all");
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-origin")
    );
    open.end().await;
}
