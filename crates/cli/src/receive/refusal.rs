//! Why a request is refused, and how that is said in HTTP and in gRPC.

use std::time::Duration;

use http::StatusCode;
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::wire::protocol::Wire;
use crate::wire::reply::{Reply, failure};

/// How a request ended, for those who count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// All of it was taken.
    Accepted,
    /// A part of it was taken.
    Partial,
    /// It was no OTLP request.
    Malformed,
    /// It was larger than a bound.
    TooLarge,
    /// The taker had no room.
    Full,
    /// The receiver's own budget had no room.
    Busy,
    /// The taker had been shut down.
    Closed,
    /// It had no token, or a wrong one.
    Unauthorized,
    /// It came from a web page that was not invited.
    ForbiddenOrigin,
    /// Nothing is received at its path.
    UnknownPath,
    /// The taker does not take its signal.
    NotTaken,
    /// It was not a `POST`.
    WrongMethod,
    /// It was neither protobuf nor JSON nor gRPC.
    UnknownContentType,
    /// It was packed in an unknown way.
    UnknownEncoding,
    /// Its body took too long.
    Slow,
    /// The client went away, or a stop ran out of time, before it was answered.
    Cut,
}

impl Outcome {
    /// All outcomes, in the order of their discriminants.
    pub const ALL: [Self; 16] = [
        Self::Accepted,
        Self::Partial,
        Self::Malformed,
        Self::TooLarge,
        Self::Full,
        Self::Busy,
        Self::Closed,
        Self::Unauthorized,
        Self::ForbiddenOrigin,
        Self::UnknownPath,
        Self::NotTaken,
        Self::WrongMethod,
        Self::UnknownContentType,
        Self::UnknownEncoding,
        Self::Slow,
        Self::Cut,
    ];

    /// The name for attributes of metrics and for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Partial => "partial",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Full => "full",
            Self::Busy => "busy",
            Self::Closed => "closed",
            Self::Unauthorized => "unauthorized",
            Self::ForbiddenOrigin => "forbidden_origin",
            Self::UnknownPath => "unknown_path",
            Self::NotTaken => "not_taken",
            Self::WrongMethod => "wrong_method",
            Self::UnknownContentType => "unknown_content_type",
            Self::UnknownEncoding => "unknown_encoding",
            Self::Slow => "slow",
            Self::Cut => "cut",
        }
    }
}

/// Why a request is answered with an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("not an OTLP export request: {0}")]
    Malformed(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("no room for the request now; send it again later")]
    Full { retry_after: Duration },
    #[error("too many bytes are being received at once; send the request again later")]
    Busy,
    #[error("the receiver is shutting down; send the request again later")]
    Closed,
    #[error("present the token of this receiver as `authorization: Bearer ...`")]
    Unauthorized,
    #[error("this origin is not among those that may send telemetry here")]
    ForbiddenOrigin,
    #[error("no such service; POST to /v1/traces, /v1/logs, /v1/metrics, or call gRPC's Export")]
    UnknownPath,
    #[error("{0}")]
    NotTaken(String),
    #[error("use POST")]
    WrongMethod,
    #[error("unknown content type; use application/x-protobuf, application/json or gRPC")]
    UnknownContentType,
    #[error("unknown compression; use gzip, deflate, zstd or none")]
    UnknownEncoding,
    #[error("the body took longer than {} s; send the request again", .0.as_secs_f32())]
    Slow(Duration),
    /// Nobody will read the answer, in all likelihood.
    #[error("the body broke off")]
    Cut,
}

/// When a client that met a full receiver or one that goes may come back.
const COME_BACK: Duration = Duration::from_secs(1);

impl Refusal {
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Malformed(_) => Outcome::Malformed,
            Self::TooLarge(_) => Outcome::TooLarge,
            Self::Full { .. } => Outcome::Full,
            Self::Busy => Outcome::Busy,
            Self::Closed => Outcome::Closed,
            Self::Unauthorized => Outcome::Unauthorized,
            Self::ForbiddenOrigin => Outcome::ForbiddenOrigin,
            Self::UnknownPath => Outcome::UnknownPath,
            Self::NotTaken(_) => Outcome::NotTaken,
            Self::WrongMethod => Outcome::WrongMethod,
            Self::UnknownContentType => Outcome::UnknownContentType,
            Self::UnknownEncoding => Outcome::UnknownEncoding,
            Self::Slow(_) => Outcome::Slow,
            Self::Cut => Outcome::Cut,
        }
    }

    /// When the same request may be sent again. `None`: never (OTLP 1.11, "Failures").
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full { retry_after } => Some(*retry_after),
            Self::Busy | Self::Closed | Self::Slow(_) => Some(COME_BACK),
            _ => None,
        }
    }

    fn http_status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Cut => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Full { .. } => StatusCode::TOO_MANY_REQUESTS,
            // Not 408, which OTLP's clients do not try again.
            Self::Busy | Self::Closed | Self::Slow(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::ForbiddenOrigin => StatusCode::FORBIDDEN,
            Self::UnknownPath | Self::NotTaken(_) => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownContentType | Self::UnknownEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    fn grpc_code(&self) -> Code {
        match self {
            Self::Malformed(_) | Self::Cut => Code::InvalidArgument,
            // Without RetryInfo it means "never" (OTLP 1.11, "Failures").
            Self::TooLarge(_) => Code::ResourceExhausted,
            Self::Full { .. } | Self::Busy | Self::Closed | Self::Slow(_) => Code::Unavailable,
            Self::Unauthorized => Code::Unauthenticated,
            Self::ForbiddenOrigin => Code::PermissionDenied,
            Self::UnknownPath
            | Self::NotTaken(_)
            | Self::WrongMethod
            | Self::UnknownContentType
            | Self::UnknownEncoding => Code::Unimplemented,
        }
    }

    /// The answer in the client's protocol.
    pub(crate) fn response(&self, wire: Wire) -> Response<Reply> {
        let (code, message) = (self.grpc_code(), self.to_string());
        let retry_after = self.retry_after();
        let status = match retry_after {
            Some(delay) => {
                let details = ErrorDetails::with_retry_info(Some(delay));
                Status::with_error_details(code, message, details)
            }
            None => Status::new(code, message),
        };
        let mut response = failure(wire, self.http_status(), &status);
        if wire == Wire::Grpc {
            return response;
        }
        let headers = response.headers_mut();
        if let Some(delay) = retry_after {
            let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, seconds.max(1).into());
        }
        if *self == Self::WrongMethod {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        if *self == Self::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
