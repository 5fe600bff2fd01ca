//! Plays the scenes, several at once, one after the other in each place, until the process ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use spanreel::{Pipeline, Severity, Span, Usage};

use super::script::{ANSWERS, SCENES, Scene, Step, USERS};

/// How many sessions are played at once.
const AT_ONCE: u64 = 3;

/// Plays until the process ends, or the pipeline does.
pub(super) fn play(pipeline: &Pipeline) {
    let number = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for place in 0..AT_ONCE {
            let number = &number;
            scope.spawn(move || {
                let clock = Clock::new();
                clock.wait(Duration::from_millis(700 * place));
                loop {
                    let next = number.fetch_add(1, Ordering::Relaxed);
                    let scene = &SCENES[(next % SCENES.len() as u64) as usize];
                    let played = Player {
                        pipeline,
                        clock: &clock,
                        scene,
                    }
                    .session(next);
                    if played.is_err() {
                        return;
                    }
                    clock.wait_about(2_500);
                }
            });
        }
    });
}

/// Lets time pass as agents would.
struct Clock {
    /// Nobody sends anything: to wait for it is to let time pass.
    nothing: Receiver<()>,
    _never: std::sync::mpsc::SyncSender<()>,
}

impl Clock {
    fn new() -> Self {
        let (never, nothing) = sync_channel(0);
        Self {
            nothing,
            _never: never,
        }
    }

    fn wait(&self, time: Duration) {
        // Always runs out.
        let _elapsed = self.nothing.recv_timeout(time);
    }

    /// Between half and one and a half of so many milliseconds.
    fn wait_about(&self, milliseconds: u64) {
        let time = fastrand::u64(milliseconds / 2..milliseconds * 3 / 2);
        self.wait(Duration::from_millis(time));
    }
}

/// Plays one session.
struct Player<'p> {
    pipeline: &'p Pipeline,
    clock: &'p Clock,
    scene: &'p Scene,
}

/// A message with one part of text, as the conventions write it.
fn message(role: &str, text: &str) -> String {
    serde_json::json!([{ "role": role, "parts": [{ "type": "text", "content": text }] }])
        .to_string()
}

impl Player<'_> {
    fn session(&self, number: u64) -> Result<(), spanreel::Closed> {
        let scene = self.scene;
        let id = format!("{}-{:08x}", scene.agent, fastrand::u32(..));
        let mut builder = self
            .pipeline
            .open_session(&id)
            .agent(scene.agent)
            .user(USERS[(number % USERS.len() as u64) as usize]);
        for tag in scene.tags {
            builder = builder.tag(tag);
        }
        let session = builder.open()?;
        session.log(scene.asked).severity(Severity::Info).emit();
        let mut agent = session.agent(scene.agent).start();
        agent.set("gen_ai.input.messages", &*message("user", scene.asked));
        let mut tokens = 900;
        for step in scene.steps {
            tokens += fastrand::u64(150..900);
            match *step {
                Step::Ask(answer) => {
                    self.ask(&agent, scene.asked, answer, tokens, 0);
                }
                Step::Busy(answer) => {
                    self.refused(&agent, scene.asked);
                    self.ask(&agent, scene.asked, answer, tokens, 1);
                }
                Step::Tool(tool, arguments, result) => {
                    let mut span = self.tool(&agent, tool, arguments);
                    span.set("gen_ai.tool.call.result", result);
                }
                Step::Fails(tool, arguments, kind, message) => {
                    let mut span = self.tool(&agent, tool, arguments);
                    span.exception(kind, message, "");
                    span.error(kind, message);
                    let told = session.log(message).severity(Severity::Error);
                    told.attribute("tool", tool).span(span.id()).emit();
                }
                Step::Look(source) => {
                    let span = agent.retrieval(source).start();
                    self.clock.wait_about(300);
                    span.end();
                }
                Step::Hand(other, asked) => self.hand(&agent, &session.id(), other, asked)?,
            }
            self.clock.wait_about(150);
        }
        agent.end();
        match scene.fails {
            Some(why) => session.fail(why),
            None => session.succeed(),
        }
        Ok(())
    }

    /// A model is asked, and answers.
    fn ask(&self, agent: &Span, asked: &str, answer: &str, input: u64, tried: u64) {
        let scene = self.scene;
        let mut chat = agent.chat(scene.provider, scene.model).start();
        chat.set("gen_ai.input.messages", &*message("user", asked));
        let first_chunk = fastrand::u64(250..900);
        self.clock.wait(Duration::from_millis(first_chunk));
        chat.set(
            "gen_ai.response.time_to_first_chunk",
            first_chunk as f64 / 1e3,
        );
        self.clock.wait_about(900);
        let output = answer.len() as u64 / 3 + fastrand::u64(20..200);
        let (price_in, price_out) = scene.price;
        let cost = input as f64 * price_in / 1e6 + output as f64 * price_out / 1e6;
        chat.usage(Usage {
            input: Some(input),
            output: Some(output),
            cache_read: Some(input * 6 / 10),
            ..Usage::default()
        });
        chat.cost(cost);
        chat.set("gen_ai.output.messages", &*message("assistant", answer));
        if tried > 0 {
            chat.set("http.request.resend_count", tried as i64);
        }
        chat.end();
    }

    /// A model refuses, because it is busy.
    fn refused(&self, agent: &Span, asked: &str) {
        let mut chat = agent.chat(self.scene.provider, self.scene.model).start();
        chat.set("gen_ai.input.messages", &*message("user", asked));
        self.clock.wait_about(400);
        chat.error("429", "the model is overloaded; try again");
        chat.end();
        self.clock.wait_about(800);
    }

    /// A tool is called; it ends when the span is dropped.
    fn tool(&self, agent: &Span, tool: &str, arguments: &str) -> Span {
        let call = format!("call_{:08x}", fastrand::u32(..));
        let mut span = agent.tool(tool).call_id(&call).start();
        span.set("gen_ai.tool.call.arguments", arguments);
        self.clock.wait_about(500);
        span
    }

    /// Work is handed to another agent, in a session of its own.
    fn hand(
        &self,
        agent: &Span,
        session: &str,
        other: &str,
        asked: &str,
    ) -> Result<(), spanreel::Closed> {
        let delegation = agent.delegate(other).start();
        self.clock.wait_about(100);
        let id = format!("{other}-{:08x}", fastrand::u32(..));
        let sub = self
            .pipeline
            .open_session(&id)
            .agent(other)
            .from_delegation(
                spanreel::Delegated::verified(delegation.context(), "demo").session(session),
            )
            .open()?;
        delegation.accepted(&sub.context());
        let agent = sub.agent(other).start();
        let answer = ANSWERS.iter().find(|(name, _)| *name == other);
        let answer = answer.map_or("Done.", |(_, answer)| *answer);
        let mut tool = self.tool(&agent, "search", &format!("{{\"query\":\"{asked}\"}}"));
        tool.set("gen_ai.tool.call.result", "7 results");
        tool.end();
        self.ask(&agent, asked, answer, 1_400, 0);
        agent.end();
        let context = sub.context();
        sub.succeed();
        delegation.answered(Some(context));
        Ok(())
    }
}
