//! The contract of an actor, and the one loop that runs them all.

use std::fmt;
use std::future::Future;

use tokio::time::Instant;

use super::deadline::Deadline;
use super::mailbox::{Inbox, Stopped};

/// A plain struct that takes one message at a time and acts only by sending.
pub(crate) trait Actor: Send + Sized + 'static {
    const NAME: &'static str;
    type Msg: Send + 'static;

    /// Takes in one message. Waiting here for the next stage is the backpressure.
    fn handle(&mut self, msg: Self::Msg) -> impl Future<Output = Result<(), Stopped>> + Send;

    /// The next instant at which `tick` is due, if any.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// What is due.
    fn tick(&mut self) -> impl Future<Output = Result<(), Stopped>> + Send {
        async { Ok(()) }
    }

    /// Every sender is gone and the inbox is empty: passes on what is held.
    fn finish(&mut self) -> impl Future<Output = Result<(), Stopped>> + Send {
        async { Ok(()) }
    }

    /// The deadline has passed: gives up what it has under way outside of itself, so that it is
    /// booked when the end of the actor is told.
    fn cut_short(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// How an actor ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// It passed on all that it was given.
    Drained,
    /// The stage after it was gone.
    DownstreamStopped,
    /// The deadline of the shutdown cut it short.
    DeadlinePassed,
    /// It panicked, which is a bug of spanreel's.
    Panicked,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drained => "drained",
            Self::DownstreamStopped => "downstream stopped",
            Self::DeadlinePassed => "deadline passed",
            Self::Panicked => "panicked",
        })
    }
}

/// Runs an actor until its inbox is closed and drained, the stage after it is gone, or the
/// deadline passes. What it holds then is dropped, and tallies book themselves.
pub(crate) async fn run<A: Actor>(
    mut actor: A,
    mut inbox: Inbox<A::Msg>,
    deadline: Deadline,
) -> Exit {
    let work = async {
        loop {
            let due = actor.due();
            tokio::select! {
                biased;
                () = until(due), if due.is_some() => actor.tick().await?,
                msg = inbox.recv() => match msg {
                    Some(msg) => actor.handle(msg).await?,
                    None => return actor.finish().await,
                },
            }
        }
    };
    let exit = match deadline.unless_passed(work).await {
        Some(Ok(())) => Exit::Drained,
        Some(Err(Stopped)) => Exit::DownstreamStopped,
        None => {
            actor.cut_short().await;
            Exit::DeadlinePassed
        }
    };
    tracing::debug!(target: "spanreel", actor = A::NAME, %exit, "actor ended");
    exit
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
