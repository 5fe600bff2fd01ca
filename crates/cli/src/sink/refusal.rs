//! Why a request is refused, and how that is said in HTTP and in gRPC.

use http::StatusCode;
use tonic::Code;

/// Why the sink answers a request with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The body is not what its content type says.
    #[error("the body is not an OTLP export request")]
    Malformed,
    /// The body, as sent or unpacked, is above [`super::MAX_BODY_BYTES`].
    #[error("the request is larger than 64 MiB")]
    TooLarge,
    /// The body is packed in a way that the sink cannot unpack.
    #[error("unknown compression; use gzip, zstd, deflate or none")]
    UnknownEncoding,
    /// The body is of a kind that the sink cannot read.
    #[error("unknown content type; use application/x-protobuf, application/json or gRPC")]
    UnknownContentType,
    /// Nothing is received there.
    #[error("no such service; spans go to /v1/traces, log records to /v1/logs, or gRPC Export")]
    UnknownPath,
    /// Exports are `POST` requests.
    #[error("use POST")]
    NotPost,
    /// Asked for with [`super::SinkConfig::fail_rate`].
    #[error("refused on purpose")]
    OnPurpose,
}

impl Refusal {
    /// The status of an HTTP response (OTLP 1.11, "OTLP/HTTP Response").
    pub(crate) fn http_status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnknownEncoding | Self::UnknownContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UnknownPath => StatusCode::NOT_FOUND,
            Self::NotPost => StatusCode::METHOD_NOT_ALLOWED,
            Self::OnPurpose => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The gRPC status (`google/rpc/code.proto`).
    pub(crate) fn grpc_code(self) -> Code {
        match self {
            Self::Malformed => Code::InvalidArgument,
            Self::TooLarge => Code::ResourceExhausted,
            Self::UnknownEncoding | Self::UnknownContentType => Code::Unimplemented,
            Self::UnknownPath | Self::NotPost => Code::Unimplemented,
            Self::OnPurpose => Code::Unavailable,
        }
    }
}
