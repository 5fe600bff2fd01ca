//! Names of attributes: OpenTelemetry semantic conventions 1.41 for HTTP, MCP and A2A.

pub(crate) const ERROR_TYPE: &str = "error.type";
pub(crate) const SESSION_ID: &str = "session.id";
/// Why a delegation token counts for nothing; of spanreel's own.
pub(crate) const DELEGATION_REFUSED: &str = "spanreel.delegation.refused";

pub(crate) const REQUEST_METHOD: &str = "http.request.method";
pub(crate) const REQUEST_METHOD_ORIGINAL: &str = "http.request.method_original";
pub(crate) const RESPONSE_STATUS_CODE: &str = "http.response.status_code";
pub(crate) const ROUTE: &str = "http.route";
pub(crate) const URL_PATH: &str = "url.path";
pub(crate) const URL_SCHEME: &str = "url.scheme";
pub(crate) const URL_FULL: &str = "url.full";
pub(crate) const SERVER_ADDRESS: &str = "server.address";
pub(crate) const SERVER_PORT: &str = "server.port";
pub(crate) const PROTOCOL_VERSION: &str = "network.protocol.version";
pub(crate) const TRANSPORT: &str = "network.transport";
pub(crate) const USER_AGENT: &str = "user_agent.original";

pub(crate) const OPERATION_NAME: &str = "gen_ai.operation.name";
pub(crate) const TOOL_NAME: &str = "gen_ai.tool.name";
pub(crate) const PROMPT_NAME: &str = "gen_ai.prompt.name";

pub(crate) const MCP_METHOD: &str = "mcp.method.name";
pub(crate) const MCP_PROTOCOL_VERSION: &str = "mcp.protocol.version";
pub(crate) const MCP_RESOURCE_URI: &str = "mcp.resource.uri";
pub(crate) const MCP_SESSION_ID: &str = "mcp.session.id";
pub(crate) const JSONRPC_REQUEST_ID: &str = "jsonrpc.request.id";
pub(crate) const RPC_SYSTEM: &str = "rpc.system.name";
pub(crate) const RPC_STATUS_CODE: &str = "rpc.response.status_code";

pub(crate) const A2A_METHOD: &str = "a2a.method.name";
pub(crate) const A2A_MESSAGE_ID: &str = "a2a.message.id";
pub(crate) const A2A_TASK_ID: &str = "a2a.task.id";
pub(crate) const A2A_TASK_STATE: &str = "a2a.task.state";
pub(crate) const A2A_TENANT: &str = "a2a.tenant";
pub(crate) const A2A_REFERENCES: &str = "a2a.message.reference_task_ids";
pub(crate) const A2A_PROTOCOL_VERSION: &str = "a2a.protocol.version";
