//! What every contestant records: an agent's session of LLM calls and tool calls.
//!
//! A session is a trace: a root with 4 attributes, then turns of one LLM span (12 attributes: 7
//! strings, 3 integers, 2 doubles) and two tool spans (5 attributes and an event with 2). Every span
//! carries `session.id` and `gen_ai.conversation.id` besides.
//!
//! Names and values that an instrumentation would write as literals are literals; the others are
//! strings of the host, which a library has to copy if it keeps them.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The name of the root span.
pub(crate) const ROOT: &str = "invoke_agent planner";
/// The name of an LLM span; its kind is CLIENT, that of the others INTERNAL.
pub(crate) const CHAT: &str = "chat claude-sonnet-4-5";
/// The name of a tool span.
pub(crate) const TOOL: &str = "execute_tool web_search";
/// The name of the event of a tool span.
pub(crate) const TOOL_EVENT: &str = "tool.result";
/// The name of a span without attributes.
pub(crate) const BARE: &str = "step";

/// The most attributes that a span of the workload has.
pub(crate) const MOST_ATTRIBUTES: usize = 14;

/// Takes in the attributes of a span or event in the way of a library.
pub(crate) trait Attributes {
    /// A value that stands in the instrumentation's source.
    fn literal(&mut self, key: &'static str, value: &'static str);
    /// A value that the host holds, and keeps.
    fn text(&mut self, key: &'static str, value: &str);
    /// A value that the host shares, so that a library may share it too.
    fn shared(&mut self, key: &'static str, value: &Arc<str>) {
        self.text(key, value);
    }
    fn int(&mut self, key: &'static str, value: i64);
    fn double(&mut self, key: &'static str, value: f64);
}

/// Names a session: 32 random hexadecimal digits.
#[derive(Clone)]
pub(crate) struct SessionId {
    text: Arc<str>,
    number: u128,
}

impl SessionId {
    pub(crate) fn random() -> Self {
        let random = RandomState::new();
        let number = u128::from(random.hash_one(0)) << 64 | u128::from(random.hash_one(1)) | 1;
        Self {
            text: format!("{number:032x}").into(),
            number,
        }
    }

    /// The id as the attributes carry it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The trace id that goes with it, for libraries that let the host choose.
    pub(crate) fn trace_id(&self) -> u128 {
        self.number
    }

    /// The attributes of every span of the session.
    #[inline(always)]
    pub(crate) fn attributes(&self, to: &mut impl Attributes) {
        to.shared("session.id", &self.text);
        to.shared("gen_ai.conversation.id", &self.text);
    }
}

/// The four attributes of the root span.
#[inline(always)]
pub(crate) fn root_attributes(to: &mut impl Attributes) {
    to.literal("gen_ai.operation.name", "invoke_agent");
    to.literal("gen_ai.agent.name", "planner");
    to.literal("gen_ai.provider.name", "anthropic");
    to.literal("user.id", "u-19");
}

/// One LLM call.
pub(crate) struct Chat {
    pub(crate) request_model: String,
    pub(crate) response_model: String,
    pub(crate) response_id: String,
    pub(crate) server: String,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) max_tokens: i64,
    pub(crate) temperature: f64,
    pub(crate) top_p: f64,
}

impl Chat {
    #[inline(always)]
    pub(crate) fn attributes(&self, to: &mut impl Attributes) {
        to.literal("gen_ai.operation.name", "chat");
        to.literal("gen_ai.provider.name", "anthropic");
        to.text("gen_ai.request.model", &self.request_model);
        to.int("gen_ai.usage.input_tokens", self.input_tokens);
        to.int("gen_ai.usage.output_tokens", self.output_tokens);
        self.further_attributes(to);
    }

    /// Those that a library with calls of its own for GenAI spans does not set by itself.
    #[inline(always)]
    pub(crate) fn further_attributes(&self, to: &mut impl Attributes) {
        to.text("gen_ai.response.model", &self.response_model);
        to.text("gen_ai.response.id", &self.response_id);
        to.literal("gen_ai.output.type", "text");
        to.text("server.address", &self.server);
        to.int("gen_ai.request.max_tokens", self.max_tokens);
        to.double("gen_ai.request.temperature", self.temperature);
        to.double("gen_ai.request.top_p", self.top_p);
    }
}

/// One tool call.
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) call_id: String,
    pub(crate) description: String,
    pub(crate) result_bytes: i64,
}

impl Tool {
    #[inline(always)]
    pub(crate) fn attributes(&self, to: &mut impl Attributes) {
        to.literal("gen_ai.operation.name", "execute_tool");
        to.literal("gen_ai.tool.type", "function");
        to.text("gen_ai.tool.name", &self.name);
        to.text("gen_ai.tool.call.id", &self.call_id);
        to.text("gen_ai.tool.description", &self.description);
    }

    #[inline(always)]
    pub(crate) fn event_attributes(&self, to: &mut impl Attributes) {
        to.literal("tool.result.status", "success");
        to.int("tool.result.bytes", self.result_bytes);
    }
}

/// One LLM call and the two tool calls it asked for.
pub(crate) struct Turn {
    pub(crate) chat: Chat,
    pub(crate) tools: [Tool; 2],
}

/// Turns that differ, to be used again and again: making values must not be what is measured.
pub(crate) struct Turns(Vec<Turn>);

impl Turns {
    const DIFFERENT: usize = 64;

    pub(crate) fn new() -> Self {
        Self((0..Self::DIFFERENT).map(turn).collect())
    }

    /// The turn of this number.
    #[inline]
    pub(crate) fn get(&self, number: u64) -> &Turn {
        &self.0[number as usize % Self::DIFFERENT]
    }
}

fn turn(number: usize) -> Turn {
    let chat = Chat {
        request_model: "claude-sonnet-4-5".into(),
        response_model: "claude-sonnet-4-5-20250929".into(),
        response_id: format!("msg_01XFDUDYJgAACzvnptvV{number:04}"),
        server: "api.anthropic.com".into(),
        input_tokens: 1_200 + 37 * number as i64,
        output_tokens: 150 + 11 * number as i64,
        max_tokens: 4_096,
        temperature: 0.7 + number as f64 / 1_000.0,
        top_p: 0.95,
    };
    let tool = |name: &str, which: usize| Tool {
        name: name.into(),
        call_id: format!("toolu_01A09q90qw{number:04}{which}"),
        description: "looks up what the agent asks for".into(),
        result_bytes: 300 + 97 * number as i64,
    };
    Turn {
        chat,
        tools: [tool("web_search", 0), tool("web_search", 1)],
    }
}
