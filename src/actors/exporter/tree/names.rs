//! The attributes that a tree looks at (OpenTelemetry semantic conventions 1.41.1, and ours).

pub(super) const OPERATION: &str = "gen_ai.operation.name";
pub(super) const AGENT: &str = "gen_ai.agent.name";
pub(super) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(super) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(super) const CACHED_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
pub(super) const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
pub(super) const COST: &str = "gen_ai.usage.cost";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const EXCEPTION_TYPE: &str = "exception.type";
pub(super) const EXCEPTION_MESSAGE: &str = "exception.message";
pub(super) const SESSION_ID: &str = "session.id";
pub(super) const USER_ID: &str = "user.id";
pub(super) const INCOMPLETE: &str = "spanreel.incomplete";
pub(super) const END_STATE: &str = "spanreel.session.end_state";
pub(super) const SESSION_LLM_CALLS: &str = "spanreel.session.llm_calls";
pub(super) const SESSION_TOOL_CALLS: &str = "spanreel.session.tool_calls";
pub(super) const SESSION_ERRORS: &str = "spanreel.session.errors";
pub(super) const SESSION_INPUT_TOKENS: &str = "spanreel.session.input_tokens";
pub(super) const SESSION_OUTPUT_TOKENS: &str = "spanreel.session.output_tokens";
pub(super) const SESSION_CACHED_TOKENS: &str = "spanreel.session.cached_tokens";
pub(super) const SESSION_REASONING_TOKENS: &str = "spanreel.session.reasoning_tokens";
pub(super) const SESSION_COST: &str = "spanreel.session.cost";
pub(super) const SESSION_CURRENCY: &str = "spanreel.session.cost.currency";
