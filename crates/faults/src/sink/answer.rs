//! Answers in the words of both protocols.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tonic_types::{ErrorDetails, StatusExt};

pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// A yes; to gRPC as a message with trailers.
pub(crate) fn yes(is_grpc: bool, partial: Option<(i64, &str)>) -> Answer {
    let response = ExportTraceServiceResponse {
        partial_success: partial.map(|(rejected_spans, message)| ExportTracePartialSuccess {
            rejected_spans,
            error_message: message.to_owned(),
        }),
    };
    let message = response.encode_to_vec();
    if !is_grpc {
        return answer(
            "application/x-protobuf",
            Full::new(message.into()).boxed_unsync(),
        );
    }
    let mut framed = vec![0];
    framed.extend(
        u32::try_from(message.len())
            .expect("it is short")
            .to_be_bytes(),
    );
    framed.extend(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(framed)).with_trailers(async { Some(Ok(trailers)) });
    answer("application/grpc", body.boxed_unsync())
}

/// A yes with a page for people.
pub(crate) fn html() -> Answer {
    let page = Bytes::from_static(b"<html><body>It works!</body></html>");
    answer("text/html", Full::new(page).boxed_unsync())
}

/// A yes whose body says that more will come, and never does.
pub(crate) fn endless(is_grpc: bool) -> Answer {
    let kind = if is_grpc {
        "application/grpc"
    } else {
        "application/x-protobuf"
    };
    let first = futures::stream::iter([Ok(Frame::data(Bytes::from_static(&[0])))]);
    let body = StreamBody::new(futures::StreamExt::chain(first, futures::stream::pending()));
    answer(kind, body.boxed_unsync())
}

/// A refusal in HTTP's words.
pub(crate) fn status(code: u16, retry_after: Option<&'static str>) -> Answer {
    let text = Bytes::from_static(b"told to refuse");
    let mut answer = answer("text/plain", Full::new(text).boxed_unsync());
    *answer.status_mut() = StatusCode::from_u16(code).expect("a status");
    if let Some(retry_after) = retry_after {
        let value = HeaderValue::from_static(retry_after);
        answer.headers_mut().insert("retry-after", value);
    }
    answer
}

/// A refusal in gRPC's words.
pub(crate) fn code(code: i32, message: &str, wait: Option<Duration>) -> Answer {
    let code = tonic::Code::from_i32(code);
    let status = match wait {
        None => tonic::Status::new(code, message),
        Some(_) => {
            tonic::Status::with_error_details(code, message, ErrorDetails::with_retry_info(wait))
        }
    };
    status.into_http()
}

/// More than it takes.
pub(crate) fn too_large(is_grpc: bool) -> Answer {
    match is_grpc {
        true => code(8, "received message larger than max", None),
        false => status(413, None),
    }
}

/// A refusal for good.
pub(crate) fn never(is_grpc: bool) -> Answer {
    match is_grpc {
        true => code(3, "told to refuse", None),
        false => status(400, None),
    }
}

fn answer(kind: &'static str, body: UnsyncBoxBody<Bytes, Infallible>) -> Answer {
    let mut answer = Response::new(body);
    let kind = HeaderValue::from_static(kind);
    answer.headers_mut().insert("content-type", kind);
    answer
}
