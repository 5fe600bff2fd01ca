//! Names of attributes of calls of models: GenAI semantic conventions 1.41.1, and our own.

pub(crate) const PROVIDER_NAME: &str = "gen_ai.provider.name";
pub(crate) const OUTPUT_TYPE: &str = "gen_ai.output.type";
pub(crate) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(crate) const REQUEST_CHOICES: &str = "gen_ai.request.choice.count";
pub(crate) const REQUEST_SEED: &str = "gen_ai.request.seed";
pub(crate) const REQUEST_STREAM: &str = "gen_ai.request.stream";
pub(crate) const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
pub(crate) const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
pub(crate) const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
pub(crate) const REQUEST_TOP_K: &str = "gen_ai.request.top_k";
pub(crate) const REQUEST_FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
pub(crate) const REQUEST_PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
pub(crate) const REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
pub(crate) const REQUEST_ENCODING_FORMATS: &str = "gen_ai.request.encoding_formats";
pub(crate) const EMBEDDINGS_DIMENSIONS: &str = "gen_ai.embeddings.dimension.count";
pub(crate) const RESPONSE_ID: &str = "gen_ai.response.id";
pub(crate) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(crate) const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// In seconds.
pub(crate) const TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";

/// The tools that the model asks to be called: a span that calls one has the same id.
pub(crate) const TOOL_CALL_IDS: &str = "spanreel.llm.tool_calls.ids";
pub(crate) const TOOL_CALL_NAMES: &str = "spanreel.llm.tool_calls.names";
/// How many events a stream had, and how many seconds were between them on average.
pub(crate) const CHUNKS: &str = "spanreel.llm.chunks";
pub(crate) const TIME_PER_CHUNK: &str = "spanreel.llm.time_per_chunk";
/// Why the answer, or a part of it, was not read.
pub(crate) const UNREAD: &str = "spanreel.llm.unread";
/// The part of the usage that was more than its total.
pub(crate) const USAGE_CONFLICT: &str = "spanreel.llm.usage.conflict";
/// There was more content than is kept.
pub(crate) const OUTPUT_CUT: &str = "spanreel.llm.output_cut";
pub(crate) const SERVICE_TIER: &str = "spanreel.llm.service_tier";

pub(crate) const COST_CURRENCY: &str = "spanreel.cost.currency";
pub(crate) const COST_SOURCE: &str = "spanreel.cost.source";
pub(crate) const COST_VERSION: &str = "spanreel.cost.version";
/// The call ended early: it may have cost more.
pub(crate) const COST_PARTIAL: &str = "spanreel.cost.partial";
