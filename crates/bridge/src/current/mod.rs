//! The session or span that is current where the code runs: for code that cannot be handed one.
//!
//! spanreel itself has no "current span": spans are values, which cannot be wrong. Libraries that
//! report through `tracing`, and deep call trees that nobody wants to change, need one. It is that of
//! a *task*: [`scope`] gives it to a future, which makes it current while it is polled and takes it
//! back whenever it waits, so that neither other tasks of the same thread nor the other branches of a
//! `select!` see it, and it follows the task to any thread. It is handed to new tasks with [`spawn`]
//! or [`in_current`]; `tokio::spawn` alone hands on nothing.
//!
//! Holds: one entry per scope that is entered, on each thread. Never waits. Loses nothing.
//!
//! ```
//! use spanreel::testing::InMemory;
//! use spanreel::Pipeline;
//! use spanreel_bridge::current;
//!
//! async fn look_up() {
//!     let here = current::get().expect("called in a scope");
//!     let search = here.tool("search").start();
//!     tokio::task::yield_now().await;
//!     search.end();
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let memory = InMemory::new();
//! let pipeline = Pipeline::builder().export(memory.clone()).start()?;
//! let session = pipeline.open_session("conv-1").agent("planner").open()?;
//! let turn = session.child("turn").start();
//! current::scope(&turn, async { current::spawn(look_up()).await }).await?;
//! assert!(current::get().is_none());
//! turn.end();
//! session.end();
//!
//! pipeline.shutdown(std::time::Duration::from_secs(5)).await;
//! memory.assert_tree(
//!     "
//!     invoke_agent planner
//!       turn
//!         execute_tool search
//!     ",
//! );
//! # Ok(())
//! # }
//! ```

mod scoped;
pub(crate) mod stack;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use spanreel::{Content, LogBuilder, Session, Span, SpanBuilder, SpanContext, SpanRef, Value};
use tokio::task::JoinHandle;

pub use self::scoped::Scoped;
use self::stack::{Key, Place};

/// A session or a span, as the place where spans and log records belong.
#[derive(Clone)]
pub struct Current(pub(crate) At);

/// What is current.
#[derive(Clone, Debug)]
pub(crate) enum At {
    Session(Session),
    Span(SpanRef),
}

/// Calls the same method of the session or of the span.
macro_rules! at {
    ($current:expr, $it:ident => $call:expr) => {
        match &$current.0 {
            At::Session($it) => $call,
            At::Span($it) => $call,
        }
    };
}

/// Starting spans below it.
macro_rules! starters {
    ($($(#[$doc:meta])* $name:ident($($argument:ident),*);)*) => {
        /// Starting spans below it, as [`Session`] and [`Span`] do.
        impl Current {
            $(
                $(#[$doc])*
                pub fn $name(&self, $($argument: &str),*) -> SpanBuilder<'_> {
                    at!(self, it => it.$name($($argument),*))
                }
            )*
        }
    };
}

starters! {
    /// A span of any other kind, named `name`.
    child(name);
    /// An agent at work in this process: `invoke_agent {name}`.
    agent(name);
    /// A workflow of agents: `invoke_workflow {name}`.
    workflow(name);
    /// A chat completion: `chat {model}`.
    chat(provider, model);
    /// A completion of plain text: `text_completion {model}`.
    text_completion(provider, model);
    /// Multimodal generation: `generate_content {model}`.
    generate_content(provider, model);
    /// Embeddings: `embeddings {model}`.
    embeddings(provider, model);
    /// A search in a data source: `retrieval {data_source}`.
    retrieval(data_source);
    /// A tool call: `execute_tool {name}`.
    tool(name);
    /// An action of the agent in its environment that is no tool call: `action {name}`.
    action(name);
}

impl Current {
    /// The session.
    #[must_use]
    pub fn session(&self) -> Session {
        match &self.0 {
            At::Session(session) => session.clone(),
            At::Span(span) => span.session(),
        }
    }

    /// Whether what users and models write is recorded there.
    #[must_use]
    pub fn content(&self) -> Content {
        at!(self, it => it.content())
    }

    /// The span, unless it is the session as such.
    #[must_use]
    pub fn span(&self) -> Option<&SpanRef> {
        match &self.0 {
            At::Session(_) => None,
            At::Span(span) => Some(span),
        }
    }

    /// What crosses borders: the context of the span, or of the session's root span.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        at!(self, it => it.context())
    }

    /// A log record correlated with the span, or with the session's root span.
    pub fn log<'v>(&self, body: impl Into<Value<'v>>) -> LogBuilder<'_> {
        at!(self, it => it.log(body))
    }
}

impl From<Session> for Current {
    fn from(session: Session) -> Self {
        Self(At::Session(session))
    }
}

impl From<&Session> for Current {
    fn from(session: &Session) -> Self {
        session.clone().into()
    }
}

impl From<SpanRef> for Current {
    fn from(span: SpanRef) -> Self {
        Self(At::Span(span))
    }
}

impl From<&SpanRef> for Current {
    fn from(span: &SpanRef) -> Self {
        span.clone().into()
    }
}

impl From<&Span> for Current {
    fn from(span: &Span) -> Self {
        SpanRef::from(span).into()
    }
}

impl From<&Current> for Current {
    fn from(current: &Self) -> Self {
        current.clone()
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Current").field(&self.0).finish()
    }
}

/// What is current here: the innermost scope, or the innermost span of `tracing` that a
/// [`SessionLayer`](crate::SessionLayer) has turned into one of a session. `None` outside all.
#[must_use]
pub fn get() -> Option<Current> {
    stack::top()
}

/// Runs `work` with this session or span as the current one: whenever the future is polled, and when
/// what it holds is dropped.
pub fn scope<F: Future>(at: impl Into<Current>, work: F) -> Scoped<F> {
    Scoped::new(Some(at.into()), work)
}

/// Runs `work` with what is current here, now: for futures that are handed to another task. Where
/// nothing is current, `work` runs as it is.
pub fn in_current<F: Future>(work: F) -> Scoped<F> {
    Scoped::new(get(), work)
}

/// [`tokio::spawn`], with what is current here.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    #[expect(
        clippy::disallowed_methods,
        reason = "the task is the host's, who asked for it"
    )]
    tokio::spawn(in_current(work))
}

/// [`tokio::task::spawn_blocking`], with what is current here.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let here = get();
    tokio::task::spawn_blocking(move || {
        let _entered = here.map(enter);
        work()
    })
}

/// Makes this session or span the current one of this thread until the guard is dropped. For
/// synchronous code: held across an `.await`, it would be seen by other tasks, which is why the guard
/// is not `Send`; give futures a [`scope`].
#[must_use = "it is current until the guard is dropped"]
pub fn enter(at: impl Into<Current>) -> Entered {
    Entered {
        key: stack::push_scope(Place::Given(at.into())),
        stays_here: PhantomData,
    }
}

/// Ends a synchronous scope when it is dropped: see [`enter`].
#[derive(Debug)]
pub struct Entered {
    key: Key,
    /// What was pushed on this thread must be popped on it.
    stays_here: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        stack::pop(self.key);
    }
}

#[cfg(test)]
mod tests;
