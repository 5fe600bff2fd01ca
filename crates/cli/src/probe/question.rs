//! Requests that hold nothing: what is asked of a receiver.
//!
//! An export request without a resource is a valid one, and stores nothing anywhere. Where its size
//! matters, it holds one field that OTLP does not define, which receivers must skip (protobuf, "Unknown
//! Fields").

use std::io::{self, Write as _};

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, TE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use spanreel::Signal;

use crate::config::secret::Secret;
use crate::config::value::Packing;
use crate::endpoint::{Endpoint, Scheme};
use crate::wire::prefix::PREFIX_BYTES;
use crate::wire::protocol::Wire;

/// A field number that no message of OTLP 1.11 has, with the wire type of bytes.
const UNKNOWN_FIELD: u32 = (536_870_911 << 3) | 2;

const AGENT: &str = concat!("spanreel/", env!("CARGO_PKG_VERSION"));

/// One request without content, in one of the forms of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) wire: Wire,
    pub(crate) signal: Signal,
    pub(crate) packing: Packing,
    /// How many bytes of nothing it holds. None with JSON.
    pub(crate) padding: usize,
}

/// A header that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header {0:?} cannot be sent; check its name and that its value is one line of text")]
pub(crate) struct BadHeader(String);

impl Question {
    /// An empty request with spans, in the form that the scheme means.
    pub(crate) fn of(scheme: Scheme) -> Self {
        let wire = if scheme.is_grpc() {
            Wire::Grpc
        } else {
            Wire::HttpProtobuf
        };
        Self {
            wire,
            signal: Signal::Traces,
            packing: Packing::None,
            padding: 0,
        }
    }

    /// The request, to this endpoint with these headers.
    ///
    /// # Errors
    /// A header cannot be sent.
    pub(crate) fn request(
        &self,
        endpoint: &Endpoint,
        headers: &[(String, Secret)],
    ) -> Result<Request<Full<Bytes>>, BadHeader> {
        let body = self.body().expect("memory takes what is written to it");
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        let (path, query) = endpoint.path_and_query();
        let target = match self.wire {
            Wire::Grpc => self.wire.path(self.signal).to_owned(),
            _ => format!("{path}{}{query}", self.wire.path(self.signal)),
        };
        let authority = endpoint.authority();
        let uri = match (self.wire, endpoint.scheme().is_secure()) {
            (Wire::Grpc, false) => format!("http://{authority}{target}"),
            (Wire::Grpc, true) => format!("https://{authority}{target}"),
            _ => target,
        };
        *request.uri_mut() = uri.parse().expect("parts of a valid address");
        self.write_headers(&authority, headers, request.headers_mut())?;
        Ok(request)
    }

    fn write_headers(
        &self,
        authority: &str,
        given: &[(String, Secret)],
        headers: &mut HeaderMap,
    ) -> Result<(), BadHeader> {
        for (name, value) in given {
            let bad = || BadHeader(name.clone());
            let name: HeaderName = name.parse().map_err(|_| bad())?;
            let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONTENT_TYPE, self.wire.content_type());
        let packing = HeaderValue::from_static(self.packing.name());
        if self.wire == Wire::Grpc {
            headers.insert(TE, HeaderValue::from_static("trailers"));
            if self.packing != Packing::None {
                headers.insert(HeaderName::from_static("grpc-encoding"), packing);
            }
            return Ok(());
        }
        let host = HeaderValue::from_str(authority).expect("part of a valid address");
        headers.insert(HOST, host);
        if self.packing != Packing::None {
            headers.insert(CONTENT_ENCODING, packing);
        }
        Ok(())
    }

    fn body(&self) -> io::Result<Bytes> {
        let message = match self.wire {
            Wire::HttpJson => Bytes::from_static(match self.signal {
                Signal::Logs => br#"{"resourceLogs":[]}"#,
                Signal::Metrics => br#"{"resourceMetrics":[]}"#,
                _ => br#"{"resourceSpans":[]}"#,
            }),
            _ => padding(self.padding),
        };
        let packed = match self.packing {
            Packing::None => message,
            Packing::Gzip => {
                let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
                gzip.write_all(&message)?;
                gzip.finish()?.into()
            }
            Packing::Zstd => {
                zstd::bulk::compress(&message, zstd::DEFAULT_COMPRESSION_LEVEL)?.into()
            }
        };
        if self.wire != Wire::Grpc {
            return Ok(packed);
        }
        let mut framed = BytesMut::with_capacity(PREFIX_BYTES + packed.len());
        framed.put_u8(u8::from(self.packing != Packing::None));
        let length = u32::try_from(packed.len()).map_err(io::Error::other)?;
        framed.put_u32(length);
        framed.put_slice(&packed);
        Ok(framed.freeze())
    }
}

/// A message of about so many bytes that says nothing; at least that many where there are any.
fn padding(bytes: usize) -> Bytes {
    if bytes == 0 {
        return Bytes::new();
    }
    let mut message = BytesMut::with_capacity(bytes + 10);
    prost::encoding::encode_varint(UNKNOWN_FIELD.into(), &mut message);
    prost::encoding::encode_varint(bytes as u64, &mut message);
    message.put_bytes(0, bytes);
    message.freeze()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;

    use super::*;

    /// However large a request is, what is in it is nothing.
    #[test]
    fn a_question_holds_nothing() {
        for bytes in [0, 1, 100_000] {
            let message = padding(bytes);
            assert!(message.len() >= bytes);
            let request = ExportTraceServiceRequest::decode(message).expect("protobuf");
            assert_eq!(request, ExportTraceServiceRequest::default());
        }
    }

    /// A question goes to where exporters send to, with the path and the query of the address.
    #[test]
    fn a_question_goes_where_exporters_send_to() {
        let asked = |url: &str| {
            let endpoint: Endpoint = url.parse().expect("an address");
            let request = Question::of(endpoint.scheme()).request(&endpoint, &[]);
            request.expect("no headers").uri().to_string()
        };
        assert_eq!(asked("http://a:1/base/?k=v"), "/base/v1/traces?k=v");
        assert_eq!(
            asked("grpcs://a/ignored"),
            "https://a:443/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        );
    }

    /// A header that cannot be sent is named, without its value.
    #[test]
    fn a_bad_header_is_named_without_its_value() {
        let endpoint: Endpoint = "http://a".parse().expect("an address");
        let headers = [("x".to_owned(), Secret::new("s3cret\n"))];
        let refused = Question::of(endpoint.scheme()).request(&endpoint, &headers);
        let text = format!("{:?}", refused.expect_err("a line feed"));
        assert!(text.contains('x') && !text.contains("s3cret"), "{text}");
    }
}
