//! An agent that calls a tool over MCP, and the server of the tool: two processes, joined by standard
//! input and output. The context travels in `params._meta`, and the spans of both are one tree.
//!
//! ```sh
//! cargo run -p spanreel-http --example mcp_stdio
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::borrow::Cow;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    ListToolsResult, PaginatedRequestParams, RequestMetaObject, ServerCapabilities, ServerConfig,
    Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::{IntoTransport, TokioChildProcess, stdio};
use rmcp::{RoleClient, RoleServer, ServerHandler, ServiceExt};
use spanreel::record::RecordedSpan;
use spanreel::testing::InMemory;
use spanreel::tree::{SessionTree, Style};
use spanreel::{Closed, Export, ExportError, Pipeline, Request};
use spanreel_http::{Inbound, InboundSpan, MetadataMut, Via, mcp};
use tokio::process::Command;

type Failed = Box<dyn Error + Send + Sync>;

const GRACE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Failed> {
    if let Some(path) = std::env::args().nth(1) {
        // The server: its standard output is MCP's, so its spans go to a file.
        let pipeline = Pipeline::builder().export(ToFile(path.into())).start()?;
        answer(&pipeline, stdio()).await?;
        pipeline.shutdown(GRACE).await;
        return Ok(());
    }
    let path = std::env::temp_dir().join(format!("mcp_stdio-{}.otlp", std::process::id()));
    let mut server = Command::new(std::env::current_exe()?);
    server.arg(&path);

    let memory = InMemory::new();
    let pipeline = Pipeline::builder().export(memory.clone()).start()?;
    let found = ask(&pipeline, TokioChildProcess::new(server)?).await?;
    println!("{found}\n");
    pipeline.shutdown(GRACE).await;

    // Requests of OTLP can be joined end to end.
    let theirs = RecordedSpan::read_all(&std::fs::read(&path)?)?;
    std::fs::remove_file(&path)?;
    for tree in SessionTree::by_trace(memory.spans().into_iter().chain(theirs)) {
        println!("{}", tree.render(&Style::default()));
    }
    Ok(())
}

/// The agent.
pub(crate) async fn ask<T, E, A>(pipeline: &Pipeline, transport: T) -> Result<String, Failed>
where
    T: IntoTransport<RoleClient, E, A>,
    E: Error + Send + Sync + 'static,
{
    let session = pipeline.open_session("conv-8f2e").agent("planner").open()?;
    let server = ().serve(transport).await?;

    // A call that nothing else covers has a span of its own.
    let listing = mcp::Request::new("tools/list").transport(mcp::Transport::Pipe);
    let span = listing.start(&session);
    let mut params = PaginatedRequestParams::default();
    span.inject(&mut MetadataMut(params.meta.get_or_insert_default()));
    let tools = server.list_tools(Some(params)).await?.tools;
    span.end();

    // Here the span of the tool's execution covers the call: it is described, and it is the parent.
    let name: Cow<'static, str> = tools.first().ok_or("no tools")?.name.clone();
    let mut span = session.tool(&name).call_id("call_1").start();
    let call = mcp::Request::new("tools/call")
        .tool(&name)
        .transport(mcp::Transport::Pipe);
    call.describe(&mut span);
    let mut meta = RequestMetaObject::new();
    span.inject(&mut MetadataMut(&mut meta));
    let mut params = CallToolRequestParams::new(name.clone());
    params.meta = Some(meta);
    let result = server.call_tool(params).await?;
    if result.is_error == Some(true) {
        mcp::tool_failed(&mut span, "the tool said so");
    }
    span.end();

    session.succeed();
    server.cancel().await?;
    let text = result.content.first().and_then(|block| block.as_text());
    Ok(text.ok_or("no text")?.text.clone())
}

/// The server of the tool.
pub(crate) async fn answer<T, E, A>(pipeline: &Pipeline, transport: T) -> Result<(), Failed>
where
    T: IntoTransport<RoleServer, E, A>,
    E: Error + Send + Sync + 'static,
{
    let inbound = Inbound::new(pipeline);
    let service = Weather { inbound }.serve(transport).await?;
    service.waiting().await?;
    Ok(())
}

struct Weather {
    inbound: Inbound,
}

impl Weather {
    /// The span of a request, below what its `_meta` says.
    fn begin(
        &self,
        request: mcp::Request<'_>,
        context: &RequestContext<RoleServer>,
    ) -> Result<InboundSpan, Closed> {
        let request = request.id(&context.id).transport(mcp::Transport::Pipe);
        request.serve(&self.inbound, Some(&context.meta), Via::Nothing)
    }
}

impl ServerHandler for Weather {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let span = self.begin(mcp::Request::new("tools/list"), &context);
        let schema = serde_json::Map::from_iter([("type".to_owned(), "object".into())]);
        let tool = Tool::new("get_weather", "the weather in Brest", Arc::new(schema));
        drop(span);
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = mcp::Request::new("tools/call").tool(&request.name);
        // A pipeline that is shut down is no reason not to answer.
        let span = self.begin(call, &context).ok();
        if let Some(span) = &span {
            span.place().retrieval("stations").start().end();
        }
        let text = ContentBlock::text("12 degrees and rain in Brest");
        Ok(CallToolResult::success(vec![text]).into())
    }
}

/// Appends what it is given to a file.
struct ToFile(PathBuf);

impl Export for ToFile {
    fn name(&self) -> &str {
        "file"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&self.0);
        let written = file.and_then(|mut file| file.write_all(&request.to_bytes()));
        written.map_err(ExportError::permanent)
    }
}
