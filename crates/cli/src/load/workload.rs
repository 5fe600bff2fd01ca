//! What the agents of a load test do: realistic sessions, the same ones for the same seed.
//!
//! A session is a list of [`Step`]s for a driver to play: agents that start and end, calls of
//! models and tools, log records. Making a step allocates nothing. One model call (with 12
//! attributes) goes to about two tool calls (with 5 attributes and an event), agents hand over to
//! sub-agents, and a few calls fail. About 400 bytes of OTLP per span, and the payload on top.

use super::step::{CallId, Chat, Step, Tool};

/// What the sessions are made from.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkloadConfig {
    /// Decides everything that looks random. Default: 0.
    pub seed: u64,
    /// How many spans a session has, its root included; at least 1. Default: 100.
    pub spans_per_session: u64,
    /// How many bytes of text each model and tool call carries on top. Default: 0.
    pub payload_bytes: usize,
    /// Which part of the sessions fails, from 0 to 1. Default: 0.
    pub failing: f64,
}

impl Default for WorkloadConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            spans_per_session: 100,
            payload_bytes: 0,
            failing: 0.0,
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
        Steps {
            workload: self,
            random: fastrand::Rng::with_seed(self.seed_of(index)),
            spans_left: self.config.spans_per_session.saturating_sub(1),
            depth: 0,
            tools_left: 0,
            log: None,
        }
    }

    /// Whether session number `index` fails in the end, whatever its calls did.
    #[must_use]
    pub fn fails(&self, index: u64) -> bool {
        // Other numbers than those that its steps are made of.
        let mut random = fastrand::Rng::with_seed(!self.seed_of(index));
        random.f64() < self.config.failing
    }

    /// Neighbouring seeds must not give similar sessions: the generator mixes its seed.
    fn seed_of(&self, index: u64) -> u64 {
        let mut seeds = fastrand::Rng::with_seed(self.config.seed);
        seeds.u64(..) ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15)
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
mod tests;
