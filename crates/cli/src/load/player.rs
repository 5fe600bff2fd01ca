//! Plays the steps of one session of a load test, as a host that runs agents would.

use spanreel::{Session, Severity, Span, SpanBuilder};

use super::step::{Chat, Step, Tool};

/// A session that is being played.
pub(super) struct Player<'a> {
    session: &'a Session,
    /// Agents at work, the innermost last.
    agents: Vec<Span>,
}

impl<'a> Player<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        Self {
            session,
            agents: Vec::new(),
        }
    }

    /// Plays a step.
    pub(super) fn play(&mut self, step: &Step<'_>) {
        match step {
            Step::StartAgent { name } => {
                let agent = match self.agents.last() {
                    Some(outer) => outer.agent(name),
                    None => self.session.agent(name),
                };
                let agent = agent.start();
                self.agents.push(agent);
            }
            Step::EndAgent => drop(self.agents.pop()),
            Step::Chat(chat) => play_chat(chat, self.chat(chat)),
            Step::Tool(tool) => play_tool(tool, self.tool(tool)),
            Step::Log { body, error } => {
                let log = match self.agents.last() {
                    Some(agent) => agent.log(*body),
                    None => self.session.log(*body),
                };
                let severity = if *error {
                    Severity::Error
                } else {
                    Severity::Info
                };
                log.severity(severity).emit();
            }
        }
    }

    fn chat(&self, chat: &Chat<'_>) -> SpanBuilder<'_> {
        let (provider, model) = (chat.provider, chat.request_model);
        match self.agents.last() {
            Some(agent) => agent.chat(provider, model),
            None => self.session.chat(provider, model),
        }
    }

    fn tool(&self, tool: &Tool<'_>) -> SpanBuilder<'_> {
        match self.agents.last() {
            Some(agent) => agent.tool(tool.name),
            None => self.session.tool(tool.name),
        }
    }

    /// Ends the agents that are still at work, the innermost first; how many.
    pub(super) fn finish(mut self) -> u64 {
        let open = self.agents.len() as u64;
        while let Some(agent) = self.agents.pop() {
            agent.end();
        }
        open
    }
}

fn play_chat(chat: &Chat<'_>, builder: SpanBuilder<'_>) {
    let mut span = builder.start();
    for (key, value) in chat.attributes() {
        span.set(key, value);
    }
    span.tokens(
        chat.input_tokens.unsigned_abs(),
        chat.output_tokens.unsigned_abs(),
    );
    if !chat.payload.is_empty() {
        span.set("gen_ai.output.messages", chat.payload);
    }
    if let Some(error) = chat.error {
        span.error(error, "the model did not answer");
    }
    span.end();
}

fn play_tool(tool: &Tool<'_>, builder: SpanBuilder<'_>) {
    let mut span = builder.call_id(tool.call_id.as_str()).start();
    for (key, value) in tool.attributes() {
        span.set(key, value);
    }
    span.event(Tool::EVENT, &tool.event_attributes());
    if !tool.payload.is_empty() {
        span.set("gen_ai.tool.call.result", tool.payload);
    }
    if let Some(error) = tool.error {
        span.error(error, "the tool failed");
    }
    span.end();
}
