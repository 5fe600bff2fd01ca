//! Spans of the Model Context Protocol: semantic conventions 1.41, "MCP"; context in `params._meta`
//! (SEP-414).
//!
//! Holds: nothing. Never waits.

use serde_json::{Map, Value};
use spanreel::{Closed, Operation, Span, SpanKind, SpanRef};

use crate::record::Record;
use crate::request::Attributes;
use crate::semconv;
use crate::via::{Caller, Via};
use crate::{Inbound, InboundSpan};

/// A request of MCP, as both sides describe it. Works with every implementation that shows the method
/// and `params._meta`.
///
/// The side that calls starts a span and writes its context into `_meta`, in this order, so that the
/// server's span is below the call's:
///
/// ```
/// use serde_json::Map;
/// use spanreel::Span;
/// use spanreel_http::{MetadataMut, mcp};
///
/// fn call(turn: &Span, meta: &mut Map<String, serde_json::Value>) -> Span {
///     let request = mcp::Request::new("tools/call").tool("get_weather");
///     let span = request.start(turn);
///     span.inject(&mut MetadataMut(meta));
///     span
/// }
/// ```
///
/// Where a span for the execution of the tool is open already (`turn.tool("get_weather")`), that one
/// is [described](Self::describe) instead: one call, one span.
///
/// The side that is called:
///
/// ```
/// use serde_json::Map;
/// use spanreel::Closed;
/// use spanreel_http::{Inbound, InboundSpan, Via, mcp};
///
/// fn called(inbound: &Inbound, meta: &Map<String, serde_json::Value>) -> Result<InboundSpan, Closed> {
///     let request = mcp::Request::new("tools/call").tool("get_weather");
///     request.serve(inbound, Some(meta), Via::Nothing)
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "start, describe or serve it"]
pub struct Request<'a> {
    method: &'a str,
    tool: Option<&'a str>,
    prompt: Option<&'a str>,
    resource: Option<&'a str>,
    id: Option<String>,
    protocol_version: Option<&'a str>,
    session_id: Option<&'a str>,
    transport: Option<Transport>,
}

/// What MCP is spoken over (`network.transport`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// Standard input and output.
    Pipe,
    /// HTTP/1.1 or HTTP/2.
    Tcp,
    /// HTTP/3.
    Quic,
}

impl Transport {
    const fn name(self) -> &'static str {
        match self {
            Self::Pipe => "pipe",
            Self::Tcp => "tcp",
            Self::Quic => "quic",
        }
    }
}

impl<'a> Request<'a> {
    /// A request of this method (`mcp.method.name`): `tools/call`, `prompts/get`, `resources/read`, ...
    pub fn new(method: &'a str) -> Self {
        Self {
            method,
            tool: None,
            prompt: None,
            resource: None,
            id: None,
            protocol_version: None,
            session_id: None,
            transport: None,
        }
    }

    /// The tool that is called (`gen_ai.tool.name`).
    pub fn tool(mut self, name: &'a str) -> Self {
        self.tool = Some(name);
        self
    }

    /// The prompt that is asked for (`gen_ai.prompt.name`).
    pub fn prompt(mut self, name: &'a str) -> Self {
        self.prompt = Some(name);
        self
    }

    /// The resource that is read (`mcp.resource.uri`).
    pub fn resource(mut self, uri: &'a str) -> Self {
        self.resource = Some(uri);
        self
    }

    /// The id of the JSON-RPC request (`jsonrpc.request.id`), number or text.
    pub fn id(mut self, id: impl ToString) -> Self {
        self.id = Some(id.to_string());
        self
    }

    /// The version of the protocol that is spoken (`mcp.protocol.version`).
    pub fn protocol_version(mut self, version: &'a str) -> Self {
        self.protocol_version = Some(version);
        self
    }

    /// MCP's own session (`mcp.session.id`), which is none of the pipeline's.
    pub fn session_id(mut self, id: &'a str) -> Self {
        self.session_id = Some(id);
        self
    }

    /// What it is spoken over.
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Starts the span of the side that calls, of kind client.
    pub fn start(&self, place: impl Into<SpanRef>) -> Span {
        let place = place.into();
        let mut span = place.child(&self.name()).kind(SpanKind::Client);
        if self.is_tool_call() {
            span = span.operation(Operation::ExecuteTool);
        }
        for (key, value) in self.attributes().as_slice() {
            span = span.attribute(key, *value);
        }
        span.start()
    }

    /// Describes a span that covers the call already: that of the tool's execution.
    pub fn describe(&self, span: &mut impl Record) {
        for (key, value) in self.attributes().as_slice() {
            span.set(key, *value);
        }
    }

    /// Starts the span of the side that is called, of kind server. Its parent is what `meta` says,
    /// which is `params._meta`; where that says nothing, what the request came over.
    ///
    /// # Errors
    /// The pipeline is shut down.
    pub fn serve(
        &self,
        inbound: &Inbound,
        meta: Option<&Map<String, Value>>,
        via: Via<'_>,
    ) -> Result<InboundSpan, Closed> {
        let caller = Caller::new(inbound, meta, via);
        caller.serve(inbound, &self.name(), self.attributes().as_slice(), None)
    }

    fn is_tool_call(&self) -> bool {
        self.method == "tools/call"
    }

    /// `{mcp.method.name} {tool or prompt}`.
    fn name(&self) -> String {
        match self.tool.or(self.prompt) {
            None => self.method.to_owned(),
            Some(target) => format!("{} {target}", self.method),
        }
    }

    fn attributes(&self) -> Attributes<'_> {
        let mut attributes = Attributes::new();
        attributes.push(semconv::MCP_METHOD, self.method);
        if self.is_tool_call() {
            attributes.push(semconv::OPERATION_NAME, "execute_tool");
        }
        for (key, value) in [
            (semconv::TOOL_NAME, self.tool),
            (semconv::PROMPT_NAME, self.prompt),
            (semconv::MCP_RESOURCE_URI, self.resource),
            (semconv::JSONRPC_REQUEST_ID, self.id.as_deref()),
            (semconv::MCP_PROTOCOL_VERSION, self.protocol_version),
            (semconv::MCP_SESSION_ID, self.session_id),
            (semconv::TRANSPORT, self.transport.map(Transport::name)),
        ] {
            if let Some(value) = value {
                attributes.push(key, value);
            }
        }
        attributes
    }
}

/// Notes that a tool answered with `isError` (`error.type = "tool_error"`). `message` is for people;
/// what the tool said may hold what users wrote.
pub fn tool_failed(span: &mut impl Record, message: &str) {
    span.error("tool_error", message);
}

/// Notes that the answer was a JSON-RPC error of this code (`rpc.response.status_code`).
pub fn rpc_failed(span: &mut impl Record, code: i64, message: &str) {
    let code = code.to_string();
    span.set(semconv::RPC_STATUS_CODE, code.as_str());
    span.error(&code, message);
}
