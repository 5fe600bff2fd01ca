//! What is no request, or a dangerous one, is refused with the right status, and nobody else
//! notices.

use http::StatusCode;
use prost::Message;
use spanreel_cli::receive::Outcome;
use tonic_types::pb;

use crate::support::*;

/// A message within a field.
fn wrap(field: u8, inner: &[u8]) -> Vec<u8> {
    let mut outer = vec![field << 3 | 2];
    prost::encoding::encode_varint(inner.len() as u64, &mut outer);
    outer.extend_from_slice(inner);
    outer
}

/// A request whose span has one attribute with this value.
fn with_value(value: &[u8]) -> Vec<u8> {
    let attribute = wrap(9, &wrap(2, value));
    wrap(1, &wrap(2, &wrap(2, &attribute)))
}

/// Lists in lists, so deep.
fn nested(depth: usize) -> Vec<u8> {
    let mut value = vec![0x18, 1];
    for _ in 0..depth {
        value = wrap(5, &wrap(1, &value));
    }
    with_value(&value)
}

/// Protobuf that is cut off, damaged, too deep or no text is refused for good over both protocols.
#[tokio::test]
async fn malformed_protobuf_is_refused_for_good() {
    let served = serve(config());
    served.is_well().await;
    let whole = spans(1).encode_to_vec();
    let mut bodies: Vec<_> = (1..whole.len()).map(|cut| whole[..cut].to_vec()).collect();
    bodies.push(nested(10_000));
    bodies.push(with_value(&wrap(1, &[0xff, 0xfe])));
    bodies.push(vec![0xff; 100]);
    bodies.push(b"{}".to_vec());
    let count = bodies.len() as u64;
    for body in bodies {
        let framed = framed(0, &body);
        let response = post(served.http, "/v1/traces", &[PROTOBUF], body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let said = pb::Status::decode(response.body().clone()).expect("google.rpc.Status");
        assert_eq!(said.code, 3);
        assert!(said.message.starts_with("not an OTLP export request: "));
        let response = call(served.grpc, &[], framed).await;
        assert_eq!(response.headers()["grpc-status"], "3");
    }
    served.is_well().await;
    assert_eq!(served.end().await.total(Outcome::Malformed), 2 * count);
}

/// A gRPC body that is not exactly one message is refused; none of them hangs.
#[tokio::test]
async fn wrong_grpc_framing_is_refused() {
    let served = serve(config());
    let message = spans(1).encode_to_vec();
    let good = framed(0, &message);
    let twice = [&good[..], &good].concat();
    let huge = [0, 0xff, 0xff, 0xff, 0xff].to_vec();
    for (headers, body, status) in [
        (&[][..], Vec::new(), "3"),
        (&[], good[..3].to_vec(), "3"),
        (&[], good[..good.len() - 1].to_vec(), "3"),
        (&[], twice, "3"),
        (&[], huge, "8"),
        (&[], framed(1, &message), "3"),
        (&[], framed(2, &message), "3"),
        (&[("grpc-encoding", "gzip")], framed(1, &message), "3"),
        (
            &[("grpc-encoding", "gzip")],
            framed(1, &gzip(&message)[..30]),
            "3",
        ),
        (
            &[("grpc-encoding", "zstd")],
            framed(1, &zstd(&message)[..30]),
            "3",
        ),
        (
            &[("grpc-encoding", "deflate")],
            framed(1, &deflate(&message)[..20]),
            "3",
        ),
    ] {
        let response = call(served.grpc, headers, body).await;
        let said = response.headers().get("grpc-status");
        assert_eq!(said.expect("refused"), status, "{headers:?}");
    }
    // The flag decides, not the header.
    let response = call(served.grpc, &[("grpc-encoding", "gzip")], good).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(
        !response.headers().contains_key("grpc-status"),
        "it is in the trailers"
    );
    served.is_well().await;
    served.end().await;
}

/// JSON that breaks a rule is refused with a `Status` in JSON that says where.
#[tokio::test]
async fn malformed_json_is_refused_and_told_where() {
    let served = serve(config());
    let span =
        |text: &str| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{text}]}}]}}]}}"#);
    let deep = r#"{"arrayValue":{"values":["#.repeat(10_000);
    let place = "resourceSpans[0].scopeSpans[0].spans";
    for (body, told) in [
        (
            span(r#"{},{"traceId":"abc"}"#),
            format!("{place}[1].traceId: must be 32 hexa"),
        ),
        (
            span(r#"{"spanId":"AAAAAAAAAAA="}"#),
            format!("{place}[0].spanId: must be 16 hexa"),
        ),
        (span(r#"{"name":"\ud800"}"#), format!("{place}[0].name: ")),
        (
            span(&format!(r#"{{"attributes":[{{"value":{deep}"#)),
            "recursion limit".into(),
        ),
        ("[]".into(), "must be an object".into()),
        (String::new(), "EOF".into()),
        (
            "{\"resourceSpans\": 1}".into(),
            "resourceSpans: must be a list".into(),
        ),
    ] {
        let response = post(served.http, "/v1/traces", &[JSON], body.into_bytes()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let said: serde_json::Value = serde_json::from_slice(response.body()).expect("JSON");
        assert_eq!(said["code"], 3);
        let message = said["message"].as_str().expect("text");
        assert!(message.contains(&told), "{message}");
    }
    let bytes = b"{\"resourceSpans\":[{\"schemaUrl\":\"\xff\xfe\"}]}".to_vec();
    let response = post(served.http, "/v1/traces", &[JSON], bytes).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST, "no UTF-8");
    served.is_well().await;
    assert_eq!(served.end().await.total(Outcome::Malformed), 8);
}

/// What JSON says arrives as protobuf.
#[tokio::test]
async fn json_arrives_as_protobuf() {
    let served = serve(config());
    let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"n","kind":"SPAN_KIND_CLIENT",
        "traceId":"5B8EFFF798038103D269B633813FC60C","startTimeUnixNano":"7"}]}]}]}"#;
    let response = post(served.http, "/v1/traces", &[JSON], text).await;
    assert_eq!(response.status(), StatusCode::OK);
    let (_, bytes) = served.collector.taken.lock().expect("no panic").remove(0);
    let mut expected = spans(1);
    let span = &mut expected.resource_spans[0].scope_spans[0].spans[0];
    *span = opentelemetry_proto::tonic::trace::v1::Span {
        name: "n".into(),
        kind: 3,
        trace_id: 0x5B8E_FFF7_9803_8103_D269_B633_813F_C60C_u128
            .to_be_bytes()
            .into(),
        start_time_unix_nano: 7,
        ..Default::default()
    };
    let read = Message::decode(bytes);
    assert_eq!(read, Ok(expected));
    served.end().await;
}

/// Bytes that are no HTTP at all end the connection, and nothing else.
#[tokio::test]
async fn bytes_that_are_no_http_end_their_connection() {
    let served = serve(config());
    let long = [&b"GET /"[..], &[b'a'; 200_000], b" HTTP/1.1\r\n\r\n"].concat();
    let wide = format!("POST / HTTP/1.1\r\n{}", "x: y\r\n".repeat(60_000));
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"hello\r\n\r\n",
        b"POST /v1/traces HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"POST /v1/traces HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        &long,
        wide.as_bytes(),
    ] {
        raw(served.http, bytes).await;
    }
    served.is_well().await;
    let stats = served.end().await;
    assert!(stats.connections.broken >= 8, "{stats:#?}");
    assert_eq!(served_requests(&stats), 2);
}

fn served_requests(stats: &spanreel_cli::receive::Stats) -> u64 {
    Outcome::ALL
        .into_iter()
        .map(|outcome| stats.total(outcome))
        .sum()
}
