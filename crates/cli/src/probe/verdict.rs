//! What an answer means.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode;
use prost::Message as _;
use tonic::Code;
use tonic_types::pb;

use super::connection::Answer;
use super::question::Question;
use crate::config::secret::Secret;
use crate::wire::protocol::Wire;

/// How many characters of a receiver's own words are told.
const WORDS: usize = 200;

/// What a receiver made of a request. Texts are for people, hold no secret that was sent and nothing that
/// a terminal obeys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Taken.
    Taken,
    /// Who sends must say who they are (401), or this one must not (403).
    NotLetIn(String),
    /// Nothing there takes this signal.
    Unknown(String),
    /// Not in this form: neither the content type nor the compression.
    OtherForm(String),
    /// Larger than it takes.
    TooLarge(String),
    /// Not now.
    Busy(String),
    /// It is no request for it.
    Refused(String),
    /// Whoever answered is no OTLP receiver.
    NoReceiver(String),
}

impl Verdict {
    /// Reads an answer to a question, which was asked with these headers.
    pub(crate) fn of(question: &Question, answer: &Answer, headers: &[(String, Secret)]) -> Self {
        let verdict = match question.wire {
            Wire::Grpc => grpc(answer),
            Wire::HttpProtobuf | Wire::HttpJson => http(answer),
        };
        verdict.map(|text| presentable(&text, headers))
    }

    fn map(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Taken => Self::Taken,
            Self::NotLetIn(text) => Self::NotLetIn(change(text)),
            Self::Unknown(text) => Self::Unknown(change(text)),
            Self::OtherForm(text) => Self::OtherForm(change(text)),
            Self::TooLarge(text) => Self::TooLarge(change(text)),
            Self::Busy(text) => Self::Busy(change(text)),
            Self::Refused(text) => Self::Refused(change(text)),
            Self::NoReceiver(text) => Self::NoReceiver(change(text)),
        }
    }

    /// What was said, where it was not taken.
    pub(crate) fn said(&self) -> &str {
        match self {
            Self::Taken => "accepted",
            Self::NotLetIn(text)
            | Self::Unknown(text)
            | Self::OtherForm(text)
            | Self::TooLarge(text)
            | Self::Busy(text)
            | Self::Refused(text)
            | Self::NoReceiver(text) => text,
        }
    }
}

fn http(answer: &Answer) -> Verdict {
    let status = answer.status;
    let kind = content_type(&answer.headers);
    let said = format!("HTTP {status}{}", words(answer, &kind));
    match status {
        _ if status.is_success() => {
            let is_otlp = kind == "application/x-protobuf" || kind == "application/json";
            // Some backends answer without a body, and then without a type of it.
            if is_otlp || (kind.is_empty() && answer.body.is_empty()) {
                return Verdict::Taken;
            }
            Verdict::NoReceiver(format!("HTTP {status} with {}", named(&kind)))
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Verdict::NotLetIn(said),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            Verdict::Unknown(said)
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Verdict::OtherForm(said),
        StatusCode::PAYLOAD_TOO_LARGE => Verdict::TooLarge(said),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Verdict::Busy(said),
        _ if status.is_redirection() => Verdict::NoReceiver(format!(
            "{said}: it leads elsewhere, and exporters do not follow"
        )),
        _ => Verdict::Refused(said),
    }
}

fn grpc(answer: &Answer) -> Verdict {
    let told = |name: &str| {
        answer
            .trailers
            .get(name)
            .or_else(|| answer.headers.get(name))
    };
    let kind = content_type(&answer.headers);
    let Some(code) = told("grpc-status").filter(|_| kind.starts_with("application/grpc")) else {
        let said = format!("HTTP {} with {}, no gRPC", answer.status, named(&kind));
        return match answer.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Verdict::NotLetIn(said),
            _ => Verdict::NoReceiver(said),
        };
    };
    let code = Code::from_bytes(code.as_bytes());
    let message = told("grpc-message").map_or_else(String::new, |message| {
        let message = percent_decode(message.as_bytes()).decode_utf8_lossy();
        format!(": {message}")
    });
    let said = format!("gRPC {code:?}{message}");
    match code {
        Code::Ok => Verdict::Taken,
        Code::Unauthenticated | Code::PermissionDenied => Verdict::NotLetIn(said),
        Code::Unimplemented => Verdict::Unknown(said),
        // With word of when to come again it is busy (OTLP 1.11, "OTLP/gRPC Throttling").
        Code::ResourceExhausted if says_when(answer) => Verdict::Busy(said),
        Code::ResourceExhausted => Verdict::TooLarge(said),
        Code::Unavailable | Code::DeadlineExceeded | Code::Aborted => Verdict::Busy(said),
        _ => Verdict::Refused(said),
    }
}

/// Whether a refusal tells when to come again.
fn says_when(answer: &Answer) -> bool {
    let mut told = [&answer.trailers, &answer.headers].into_iter();
    let status = told.find_map(tonic::Status::from_header_map);
    let name = b"google.rpc.RetryInfo";
    status.is_some_and(|it| it.details().windows(name.len()).any(|part| part == name))
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = value.and_then(|it| it.split(';').next());
    essence.unwrap_or_default().trim().to_ascii_lowercase()
}

fn named(kind: &str) -> &str {
    match kind {
        "" => "no content type",
        kind => kind,
    }
}

/// What the body says about an error, as OTLP has it: a `google.rpc.Status`.
fn words(answer: &Answer, kind: &str) -> String {
    let message = match kind {
        "application/x-protobuf" => pb::Status::decode(answer.body.clone())
            .map(|status| status.message)
            .unwrap_or_default(),
        "application/json" => serde_json::from_slice::<serde_json::Value>(&answer.body)
            .ok()
            .and_then(|body| body.get("message")?.as_str().map(str::to_owned))
            .unwrap_or_default(),
        _ => String::new(),
    };
    if message.is_empty() {
        return String::new();
    }
    format!(": {message}")
}

/// Cuts a text, takes secrets out that a receiver repeats, and what a terminal would obey.
fn presentable(text: &str, headers: &[(String, Secret)]) -> String {
    let mut text = text.to_owned();
    for (_, secret) in headers {
        // `Bearer KEY`: the key alone may be repeated.
        for part in std::iter::once(secret.reveal()).chain(secret.reveal().split_whitespace()) {
            if part.len() >= 4 {
                text = text.replace(part, "***");
            }
        }
    }
    let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    shown.take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;

    use super::*;

    fn answer(status: u16, kind: &'static str, body: &'static str) -> Answer {
        let mut headers = HeaderMap::new();
        if !kind.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers,
            trailers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    /// A web server that says 200 to everything is not taken for a receiver.
    #[test]
    fn only_receivers_take() {
        assert_eq!(
            http(&answer(200, "application/x-protobuf", "")),
            Verdict::Taken
        );
        assert_eq!(
            http(&answer(200, "application/json; a", "{}")),
            Verdict::Taken
        );
        assert_eq!(http(&answer(200, "", "")), Verdict::Taken);
        for no_receiver in [
            answer(200, "text/html", "<html>"),
            answer(200, "", "hello"),
            answer(302, "", ""),
        ] {
            let verdict = http(&no_receiver);
            assert!(matches!(verdict, Verdict::NoReceiver(_)), "{verdict:?}");
        }
        let page = grpc(&answer(200, "text/html", ""));
        assert!(matches!(page, Verdict::NoReceiver(_)), "{page:?}");
    }

    /// gRPC says what it thinks behind the body, or in the headers where there is none.
    #[test]
    fn grpc_is_read_in_both_places() {
        let mut taken = answer(200, "application/grpc", "");
        taken
            .trailers
            .insert("grpc-status", HeaderValue::from_static("0"));
        assert_eq!(grpc(&taken), Verdict::Taken);
        let mut refused = answer(200, "application/grpc+proto", "");
        refused
            .headers
            .insert("grpc-status", HeaderValue::from_static("16"));
        let message = HeaderValue::from_static("no%20token");
        refused.headers.insert("grpc-message", message);
        let expected = "gRPC Unauthenticated: no token".to_owned();
        assert_eq!(grpc(&refused), Verdict::NotLetIn(expected));
    }

    /// What a receiver says is shown without the secrets that it repeats, and as text.
    #[test]
    fn what_a_receiver_says_is_made_presentable() {
        let headers = [("authorization".to_owned(), Secret::new("Bearer s3cret"))];
        let text = presentable("bad token s3cret\u{1b}[31m\n", &headers);
        assert_eq!(text, "bad token *** [31m ");
        assert_eq!(presentable(&"x".repeat(9_999), &[]).len(), WORDS);
    }

    /// The reason stands in the body of an error, in both forms.
    #[test]
    fn the_reason_stands_in_the_body() {
        let json = answer(400, "application/json", r#"{"message":"why"}"#);
        let expected = "HTTP 400 Bad Request: why".to_owned();
        assert_eq!(http(&json), Verdict::Refused(expected));
    }
}
