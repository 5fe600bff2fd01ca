//! What the agents of a load test do: realistic sessions, the same ones for the same seed.
//!
//! A session is a list of [`Step`]s for a driver to play: agents that start and end, calls of
//! models and tools, log records. Making a step allocates nothing. One model call (with 12
//! attributes) goes to about two tool calls (with 5 attributes and an event), agents hand over to
//! sub-agents, and a few calls fail. About 400 bytes of OTLP per span, and the payload on top.

use std::str;

use spanreel::Value;

/// What the sessions are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadConfig {
    /// Decides everything that looks random. Default: 0.
    pub seed: u64,
    /// How many spans a session has, its root included; at least 1. Default: 100.
    pub spans_per_session: u64,
    /// How many bytes of text each model and tool call carries on top. Default: 0.
    pub payload_bytes: usize,
}

impl Default for WorkloadConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            spans_per_session: 100,
            payload_bytes: 0,
        }
    }
}

/// How deep agents are nested at most.
const MAX_DEPTH: u32 = 4;

/// How much text payloads are cut from. More than compressors look back at their fast levels, so
/// that payloads do not compress as copies of each other.
const CORPUS_BYTES: usize = 1024 * 1024;

/// Makes the sessions of a load test.
#[derive(Clone, Debug)]
pub struct Workload {
    config: WorkloadConfig,
    /// Text, all of it ASCII; empty when there is no payload.
    corpus: String,
}

/// One thing that an agent does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step<'a> {
    /// An agent begins: a span within the innermost open agent, or within the session's root.
    StartAgent {
        /// Its name.
        name: &'static str,
    },
    /// The innermost open agent ends.
    EndAgent,
    /// The innermost open agent calls a model: a span that begins and ends here.
    Chat(Chat<'a>),
    /// The innermost open agent calls a tool: a span that begins and ends here.
    Tool(Tool<'a>),
    /// The innermost open agent, or the session, writes a log record.
    Log {
        /// What it says.
        body: &'static str,
        /// Whether it is an error rather than information.
        error: bool,
    },
}

impl Step<'_> {
    /// Whether playing it makes a span.
    #[must_use]
    pub fn is_span(&self) -> bool {
        matches!(
            self,
            Self::StartAgent { .. } | Self::Chat(_) | Self::Tool(_)
        )
    }
}

/// A call of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "named like the attributes of the GenAI conventions 1.41.1"
)]
pub struct Chat<'a> {
    pub provider: &'static str,
    pub server_address: &'static str,
    pub request_model: &'static str,
    pub response_model: &'static str,
    pub response_id: CallId,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub max_tokens: i64,
    pub temperature: f64,
    pub top_p: f64,
    /// The type of the error with which it failed, if it did.
    pub error: Option<&'static str>,
    /// Text of [`WorkloadConfig::payload_bytes`] bytes.
    pub payload: &'a str,
}

impl Chat<'_> {
    /// The attributes of its span besides the operation, the provider and the requested model,
    /// which make twelve of them.
    #[must_use]
    #[inline]
    pub fn attributes(&self) -> [(&'static str, Value<'_>); 9] {
        [
            ("server.address", self.server_address.into()),
            ("gen_ai.output.type", "text".into()),
            ("gen_ai.request.max_tokens", self.max_tokens.into()),
            ("gen_ai.request.temperature", self.temperature.into()),
            ("gen_ai.request.top_p", self.top_p.into()),
            ("gen_ai.response.id", self.response_id.as_str().into()),
            ("gen_ai.response.model", self.response_model.into()),
            ("gen_ai.usage.input_tokens", self.input_tokens.into()),
            ("gen_ai.usage.output_tokens", self.output_tokens.into()),
        ]
    }
}

/// A call of a tool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tool<'a> {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// The id that the model gave to the call.
    pub call_id: CallId,
    /// How many bytes of output it reports in its event.
    pub output_bytes: i64,
    /// The type of the error with which it failed, if it did.
    pub error: Option<&'static str>,
    /// Text of [`WorkloadConfig::payload_bytes`] bytes.
    pub payload: &'a str,
}

impl Tool<'_> {
    /// The name of its event.
    pub const EVENT: &'static str = "tool.output";

    /// The attributes of its span besides the operation, the name and the call id, which make
    /// five of them.
    #[must_use]
    #[inline]
    pub fn attributes(&self) -> [(&'static str, Value<'_>); 2] {
        [
            ("gen_ai.tool.type", "function".into()),
            ("gen_ai.tool.description", self.description.into()),
        ]
    }

    /// The attributes of its event.
    #[must_use]
    #[inline]
    pub fn event_attributes(&self) -> [(&'static str, Value<'_>); 2] {
        [
            ("output.bytes", self.output_bytes.into()),
            ("output.mime_type", "application/json".into()),
        ]
    }
}

/// The id of a call, as model providers write them: a word and 24 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId([u8; 29]);

impl CallId {
    fn random(prefix: &[u8; 5], random: &mut fastrand::Rng) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 29];
        text[..5].copy_from_slice(prefix);
        let mut bits = random.u128(..);
        for digit in &mut text[5..] {
            *digit = DIGITS[(bits & 15) as usize];
            bits >>= 4;
        }
        Self(text)
    }

    /// The text.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("made of ASCII")
    }
}

impl Workload {
    /// Prepares the text of the payloads.
    #[must_use]
    pub fn new(config: WorkloadConfig) -> Self {
        let corpus = if config.payload_bytes == 0 {
            String::new()
        } else {
            prose(CORPUS_BYTES + config.payload_bytes, config.seed)
        };
        Self { config, corpus }
    }

    /// The steps of session number `index`. Every number gives another session, and the same seed
    /// and number always give the same one.
    #[must_use]
    pub fn session(&self, index: u64) -> Steps<'_> {
        // Neighbouring seeds must not give similar sessions: the generator mixes its seed.
        let mut seeds = fastrand::Rng::with_seed(self.config.seed);
        let seed = seeds.u64(..) ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Steps {
            workload: self,
            random: fastrand::Rng::with_seed(seed),
            spans_left: self.config.spans_per_session.saturating_sub(1),
            depth: 0,
            tools_left: 0,
            log: None,
        }
    }

    /// A piece of the corpus, cut anywhere.
    fn payload(&self, random: &mut fastrand::Rng) -> &str {
        if self.corpus.is_empty() {
            return "";
        }
        let start = random.usize(..CORPUS_BYTES);
        &self.corpus[start..start + self.config.payload_bytes]
    }
}

/// Text of words in random order: it compresses like prose, not like zeros and not like noise.
fn prose(bytes: usize, seed: u64) -> String {
    const WORDS: [&str; 32] = [
        "the", "agent", "reads", "a", "document", "and", "answers", "with", "quoted", "lines",
        "from", "section", "four", "before", "it", "calls", "search", "again", "because", "no",
        "result", "was", "found", "in", "index", "of", "customer", "records", "dated", "March",
        "total", "amount",
    ];
    let mut random = fastrand::Rng::with_seed(seed);
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        if random.u32(..8) == 0 {
            text.push_str(&random.u32(..100_000).to_string());
        } else {
            text.push_str(WORDS[random.usize(..WORDS.len())]);
        }
        text.push(' ');
    }
    text.truncate(bytes);
    text
}

/// The steps of one session, one by one. Every agent that starts also ends.
#[derive(Clone, Debug)]
pub struct Steps<'a> {
    workload: &'a Workload,
    random: fastrand::Rng,
    spans_left: u64,
    /// How many agents are open.
    depth: u32,
    /// How many tool calls the last model call still asks for.
    tools_left: u32,
    /// What is to be logged before anything else happens.
    log: Option<Step<'a>>,
}

impl<'a> Iterator for Steps<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        if let Some(log) = self.log.take() {
            return Some(log);
        }
        if self.spans_left == 0 {
            self.depth = self.depth.checked_sub(1)?;
            return Some(Step::EndAgent);
        }
        if self.depth == 0 {
            return Some(self.start_agent());
        }
        if self.tools_left > 0 {
            self.tools_left -= 1;
            return Some(self.tool());
        }
        match self.random.u32(..20) {
            0 if self.depth < MAX_DEPTH => Some(self.start_agent()),
            1 | 2 => {
                self.depth -= 1;
                Some(Step::EndAgent)
            }
            _ => Some(self.chat()),
        }
    }
}

impl<'a> Steps<'a> {
    fn start_agent(&mut self) -> Step<'a> {
        const NAMES: [&str; 6] = [
            "planner",
            "researcher",
            "coder",
            "reviewer",
            "writer",
            "router",
        ];
        self.spans_left -= 1;
        self.depth += 1;
        let name = self.pick(&NAMES);
        Step::StartAgent { name }
    }

    fn chat(&mut self) -> Step<'a> {
        const MODELS: [(&str, &str, &str, &str); 4] = [
            (
                "anthropic",
                "api.anthropic.com",
                "claude-sonnet-4-5",
                "claude-sonnet-4-5-20250929",
            ),
            (
                "openai",
                "api.openai.com",
                "gpt-5-mini",
                "gpt-5-mini-2025-08-07",
            ),
            (
                "gcp.gemini",
                "generativelanguage.googleapis.com",
                "gemini-2.5-pro",
                "gemini-2.5-pro",
            ),
            (
                "mistral_ai",
                "api.mistral.ai",
                "mistral-large-latest",
                "mistral-large-2411",
            ),
        ];
        const ERRORS: [&str; 3] = ["rate_limit_exceeded", "timeout", "overloaded_error"];
        self.spans_left -= 1;
        self.tools_left = self.random.u32(1..=3);
        let (provider, server_address, request_model, response_model) = self.pick(&MODELS);
        let error = self.fails_once_in(50).then(|| self.pick(&ERRORS));
        if let Some(error) = error {
            self.tools_left = 0;
            self.log = Some(Step::Log {
                body: error,
                error: true,
            });
        } else if self.random.u32(..3) == 0 {
            let body = "model answered with tool calls";
            self.log = Some(Step::Log { body, error: false });
        }
        Step::Chat(Chat {
            provider,
            server_address,
            request_model,
            response_model,
            response_id: CallId::random(b"resp_", &mut self.random),
            input_tokens: self.random.i64(200..40_000),
            output_tokens: if error.is_some() {
                0
            } else {
                self.random.i64(10..2_000)
            },
            max_tokens: 4_096,
            temperature: f64::from(self.random.u32(..=10)) / 10.0,
            top_p: 0.95,
            error,
            payload: self.workload.payload(&mut self.random),
        })
    }

    fn tool(&mut self) -> Step<'a> {
        const TOOLS: [(&str, &str); 5] = [
            (
                "web_search",
                "Searches the web and returns titles with snippets",
            ),
            ("read_file", "Reads a file of the workspace, line by line"),
            ("run_tests", "Runs the test suite and returns what failed"),
            (
                "query_orders",
                "Reads orders of a customer from the database",
            ),
            ("send_email", "Sends an email on behalf of the user"),
        ];
        const ERRORS: [&str; 2] = ["timeout", "invalid_arguments"];
        self.spans_left -= 1;
        let (name, description) = self.pick(&TOOLS);
        let error = self.fails_once_in(25).then(|| self.pick(&ERRORS));
        if error.is_some() {
            let body = "tool failed and is called again";
            self.log = Some(Step::Log { body, error: true });
            self.tools_left += 1;
        }
        Step::Tool(Tool {
            name,
            description,
            call_id: CallId::random(b"call_", &mut self.random),
            output_bytes: self.random.i64(20..60_000),
            error,
            payload: self.workload.payload(&mut self.random),
        })
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.usize(..from.len())]
    }

    fn fails_once_in(&mut self, calls: u32) -> bool {
        self.random.u32(..calls) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(seed: u64, spans_per_session: u64, payload_bytes: usize) -> Workload {
        Workload::new(WorkloadConfig {
            seed,
            spans_per_session,
            payload_bytes,
        })
    }

    /// The same seed and number give the same session; another of either gives another.
    #[test]
    fn sessions_depend_on_seed_and_number_alone() {
        let steps = |seed, index| {
            let workload = workload(seed, 50, 16);
            format!("{:?}", workload.session(index).collect::<Vec<_>>())
        };
        assert_eq!(steps(1, 7), steps(1, 7));
        assert_ne!(steps(1, 7), steps(1, 8));
        assert_ne!(steps(1, 7), steps(2, 7));
        assert_ne!(steps(0, 1), steps(1, 0));
    }

    /// Whatever the number of spans, the steps make one less (the root is the session's own), and
    /// all agents end, never deeper than the bound.
    #[test]
    fn a_session_has_as_many_spans_as_asked_for_and_closes_its_agents() {
        for spans in [1, 2, 3, 10, 1_000] {
            for index in 0..50 {
                let workload = workload(3, spans, 0);
                let (mut made, mut depth) = (1, 0_u32);
                for step in workload.session(index) {
                    made += u64::from(step.is_span());
                    match step {
                        Step::StartAgent { .. } => depth += 1,
                        Step::EndAgent => depth = depth.checked_sub(1).expect("open agent"),
                        Step::Chat(_) | Step::Tool(_) => assert!(depth > 0),
                        Step::Log { .. } => {}
                    }
                    assert!(depth <= MAX_DEPTH);
                }
                assert_eq!((made, depth), (spans, 0));
            }
        }
    }

    /// The mix that the module promises: two tools to a model call, some failures, some logs,
    /// sub-agents.
    #[test]
    fn the_mix_is_that_of_agents() {
        let workload = workload(1, 10_000, 0);
        let (mut chats, mut tools, mut failed, mut logs, mut deepest) = (0.0, 0.0, 0.0, 0.0, 0);
        let mut depth = 0;
        for step in workload.session(0) {
            match step {
                Step::StartAgent { .. } => depth += 1,
                Step::EndAgent => depth -= 1,
                Step::Chat(chat) => {
                    chats += 1.0;
                    failed += f64::from(u8::from(chat.error.is_some()));
                }
                Step::Tool(tool) => {
                    tools += 1.0;
                    failed += f64::from(u8::from(tool.error.is_some()));
                }
                Step::Log { .. } => logs += 1.0,
            }
            deepest = deepest.max(depth);
        }
        assert!((1.7..2.3).contains(&(tools / chats)), "{}", tools / chats);
        assert!((0.02..0.06).contains(&(failed / (chats + tools))));
        assert!((0.05..0.3).contains(&(logs / 10_000.0)));
        assert!(deepest >= 3);
    }

    /// A model call has twelve attributes of the size that the performance goals are stated for,
    /// and each payload has the length asked for.
    #[test]
    fn spans_have_the_size_that_goals_are_stated_for() {
        let workload = workload(1, 1_000, 300);
        let (mut sizes, mut chats) = (0, 0);
        for step in workload.session(0) {
            if let Step::Chat(chat) = step {
                assert_eq!(chat.payload.len(), 300);
                sizes += encoded(&chat.attributes());
                sizes += encoded(&[
                    ("gen_ai.operation.name", "chat".into()),
                    ("gen_ai.provider.name", chat.provider.into()),
                    ("gen_ai.request.model", chat.request_model.into()),
                ]);
                chats += 1;
            }
        }
        // Ids, times, name, kind and flags take about 90 bytes more.
        let mean = 90 + sizes / chats;
        assert!((450..700).contains(&mean), "{mean} bytes");
    }

    /// The length of attributes as OTLP `KeyValue`s (all lengths fit one byte; numbers are taken
    /// as three).
    fn encoded(attributes: &[(&str, Value<'_>)]) -> usize {
        let value = |value: &Value<'_>| match value {
            Value::Str(text) => 2 + text.len(),
            Value::Double(_) => 9,
            _ => 4,
        };
        let pairs = attributes.iter();
        pairs
            .map(|(key, it)| 2 + 2 + key.len() + 2 + value(it))
            .sum()
    }
}
