//! The envelopes in which providers say that a call failed.
//!
//! `{"error":{"type","code","status","message"}}` (OpenAI, Anthropic, Google and their likes),
//! `[{"error":{..}}]` (Google, where a stream was asked for), `{"error":"text"}` (Ollama) and
//! `{"type","code","message"}` or `{"detail"}` at the top (Mistral).

use serde::de::MapAccess;

use super::json::{Field, Fill, read as read_json};
use super::told::Told;

/// Reads the body of a failed answer. What is not JSON (a proxy's HTML) tells nothing.
pub(crate) fn read(body: &[u8], told: &mut Told) {
    let body = body.trim_ascii();
    let body = match body.strip_prefix(b"[") {
        Some(rest) => rest.strip_suffix(b"]").unwrap_or(rest),
        None => body,
    };
    let mut envelope = Envelope::default();
    if !read_json(body, &mut envelope) {
        told.is_broken = true;
    }
    let inner = envelope.error;
    let kind = inner.kind().or_else(|| envelope.top.kind());
    told.fail(kind, inner.message.or(envelope.top.message));
}

#[derive(Default)]
struct Envelope {
    top: Fault,
    error: Fault,
}

impl Fill for Envelope {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "error" => value.object(&mut self.error),
            // The type of the envelope itself, as Anthropic has it.
            "type" => {
                self.top.kind = value.name()?.filter(|kind| kind != "error");
                Ok(())
            }
            _ => self.top.field(key, value),
        }
    }
}

/// What an error is said to be.
#[derive(Default)]
pub(crate) struct Fault {
    pub(crate) kind: Option<String>,
    status: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
}

impl Fault {
    /// Whether nothing was said: many tell `"error": null`.
    pub(crate) fn is_empty(&self) -> bool {
        let said = [&self.kind, &self.status, &self.code, &self.message];
        said.into_iter().flatten().next().is_none()
    }

    /// Its name: OpenAI and Anthropic have types, Google a status, others no more than a code.
    pub(crate) fn kind(&self) -> Option<String> {
        let names = [&self.kind, &self.status, &self.code];
        names.into_iter().flatten().next().cloned()
    }
}

impl Fill for Fault {
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        value: Field<'_, A>,
    ) -> Result<(), A::Error> {
        match key {
            "type" => self.kind = value.name()?,
            "status" => self.status = value.name()?,
            "code" => self.code = value.name()?,
            "message" | "detail" => self.message = value.name()?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every provider's way of saying that a call failed is understood; HTML and halves are not an
    /// error of ours.
    #[test]
    fn every_envelope_is_understood() {
        for (body, kind) in [
            (
                r#"{"error":{"type":"invalid_request_error","code":"x","message":"m"}}"#,
                Some("invalid_request_error"),
            ),
            (
                r#"{"type":"error","error":{"type":"overloaded_error"},"request_id":"r"}"#,
                Some("overloaded_error"),
            ),
            (
                r#"{"error":{"code":404,"message":"m","status":"NOT_FOUND"}}"#,
                Some("NOT_FOUND"),
            ),
            (
                r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]"#,
                Some("RESOURCE_EXHAUSTED"),
            ),
            (
                r#"{"error":{"type":null,"code":"model_not_found"}}"#,
                Some("model_not_found"),
            ),
            (
                r#"{"object":"error","type":"invalid_args","message":"m"}"#,
                Some("invalid_args"),
            ),
            (r#"{"error":"model 'x' not found"}"#, None),
            (r#"{"detail":"Unauthorized"}"#, None),
            (r#"{"error":{"type":"half_of_"#, None),
            ("<html>502</html>", None),
            ("[", None),
            ("", None),
        ] {
            let mut told = Told::default();
            read(body.as_bytes(), &mut told);
            let failure = told.failure.expect("it failed");
            assert_eq!(failure.kind.as_deref(), kind, "{body}");
        }
    }
}
