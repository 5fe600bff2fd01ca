//! What was said in a session: messages, and the pieces that they are made of.

use serde::Serialize;
use serde_json::Value;

/// A piece of what was said.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Piece {
    /// `text`, `reasoning`, `tool_call`, `tool_result` or `media`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// With what it was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Value>,
    /// What came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
}

/// A message of the story of a session.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// The span that it is of.
    pub span_id: String,
    /// When.
    pub time_us: i64,
    /// `system`, `user`, `assistant` or `tool`.
    pub role: &'static str,
    /// What was said.
    pub parts: Vec<Piece>,
}
