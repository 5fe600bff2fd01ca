//! Responses in the three forms of OTLP.

use std::convert::Infallible;
use std::future::{Ready, ready};

use bytes::{BufMut, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt, Full};
use prost::Message;
use tonic::Status;
use tonic_types::pb;

use super::inflate::Encoding;
use super::prefix::{PREFIX_BYTES, Prefix};
use super::protocol::Wire;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The body of a response: a few bytes, and gRPC's status behind them.
pub(crate) type Reply = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;

/// The request was taken. The message says how much of it, in the form of the protocol: protobuf
/// for gRPC and HTTP with protobuf, text for JSON.
pub(crate) fn success(wire: Wire, message: &[u8]) -> Response<Reply> {
    if wire != Wire::Grpc {
        return respond(wire, Bytes::copy_from_slice(message), None);
    }
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    let mut body = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    body.put_slice(&Prefix::plain(message.len()));
    body.put_slice(message);
    respond(wire, body.freeze(), Some(trailers))
}

/// Nothing was taken. gRPC says so in the headers alone; HTTP carries a `google.rpc.Status`
/// (OTLP 1.11, "Failures").
pub(crate) fn failure(wire: Wire, http: StatusCode, status: &Status) -> Response<Reply> {
    let body = match wire {
        Wire::Grpc => {
            let mut response = respond(wire, Bytes::new(), None);
            let headers = response.headers_mut();
            status
                .add_header(headers)
                .expect("messages are percent-encoded, and there is no other metadata");
            let accepted = HeaderValue::from_static(Encoding::ACCEPTED);
            headers.insert(GRPC_ACCEPT_ENCODING, accepted);
            return response;
        }
        Wire::HttpProtobuf => protobuf_status(status),
        Wire::HttpJson => json_status(status),
    };
    let mut response = respond(wire, body, None);
    *response.status_mut() = http;
    response
}

/// An answer without a body that belongs to no protocol: what browsers ask for beforehand.
pub(crate) fn empty(status: StatusCode) -> Response<Reply> {
    let mut response = Response::new(Full::new(Bytes::new()).with_trailers(ready(None)));
    *response.status_mut() = status;
    response
}

fn respond(wire: Wire, body: Bytes, trailers: Option<HeaderMap>) -> Response<Reply> {
    let body = Full::new(body).with_trailers(ready(trailers.map(Ok)));
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, wire.content_type());
    response
}

fn protobuf_status(status: &Status) -> Bytes {
    // With details, they are a whole `google.rpc.Status` already.
    if !status.details().is_empty() {
        return Bytes::copy_from_slice(status.details());
    }
    let message = pb::Status {
        code: i32::from(status.code()),
        message: status.message().to_owned(),
        details: Vec::new(),
    };
    message.encode_to_vec().into()
}

fn json_status(status: &Status) -> Bytes {
    let code = i32::from(status.code());
    serde_json::json!({ "code": code, "message": status.message() })
        .to_string()
        .into()
}
