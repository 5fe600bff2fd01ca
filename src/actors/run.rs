//! The contract of an actor, and the one loop that runs them all.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::Notify;
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

    /// What calls for a `tick` when it is rung, if anything: a change that somebody else sees first.
    fn bell(&self) -> Option<Arc<Notify>> {
        None
    }

    /// What is due, or what the bell was rung for.
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
        let bell = actor.bell();
        loop {
            let due = actor.due();
            tokio::select! {
                biased;
                () = until(due), if due.is_some() => actor.tick().await?,
                () = rung(bell.as_deref()), if bell.is_some() => actor.tick().await?,
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

async fn rung(bell: Option<&Notify>) {
    match bell {
        Some(bell) => bell.notified().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::actors::mailbox::bounded;

    /// Notes what is done with it.
    #[derive(Default)]
    struct Notes {
        done: Arc<std::sync::Mutex<Vec<&'static str>>>,
        due: Option<Instant>,
        bell: Option<Arc<Notify>>,
    }

    impl Notes {
        fn note(&self, what: &'static str) {
            self.done.lock().expect("no panic under it").push(what);
        }
    }

    impl Actor for Notes {
        const NAME: &'static str = "notes";
        type Msg = &'static str;

        async fn handle(&mut self, msg: &'static str) -> Result<(), Stopped> {
            self.note(msg);
            match msg {
                "stop" => Err(Stopped),
                "hang" => std::future::pending().await,
                _ => Ok(()),
            }
        }

        fn due(&self) -> Option<Instant> {
            self.due
        }

        fn bell(&self) -> Option<Arc<Notify>> {
            self.bell.clone()
        }

        async fn tick(&mut self) -> Result<(), Stopped> {
            self.due = None;
            self.note("tick");
            Ok(())
        }

        async fn finish(&mut self) -> Result<(), Stopped> {
            self.note("finish");
            Ok(())
        }

        async fn cut_short(&mut self) {
            self.note("cut short");
        }
    }

    /// How an actor ends that is sent these messages, and what is done with it.
    async fn run_with(messages: &[&'static str], due: bool) -> (Exit, Vec<&'static str>) {
        let (mailbox, inbox) = bounded(8);
        for message in messages {
            mailbox.try_send(*message).expect("there is room");
        }
        drop(mailbox);
        let deadline = Deadline::default();
        deadline.set(std::time::Instant::now() + Duration::from_secs(5));
        let actor = Notes {
            due: due.then(Instant::now),
            ..Notes::default()
        };
        let done = Arc::clone(&actor.done);
        let exit = run(actor, inbox, deadline).await;
        let done = done.lock().expect("no panic under it").clone();
        (exit, done)
    }

    /// It takes every message in order, finishes when its inbox is closed, and is then drained.
    #[tokio::test(start_paused = true)]
    async fn an_actor_drains_its_inbox() {
        let (exit, done) = run_with(&["a", "b"], false).await;
        assert_eq!(exit, Exit::Drained);
        assert_eq!(done, ["a", "b", "finish"]);
    }

    /// What is due comes before messages, so that a busy inbox does not starve a timer.
    #[tokio::test(start_paused = true)]
    async fn what_is_due_comes_first() {
        let (_, done) = run_with(&["a"], true).await;
        assert_eq!(done, ["tick", "a", "finish"]);
    }

    /// A bell that is rung has it tick, also one that was rung while it was busy; messages go on beside it.
    #[tokio::test]
    async fn a_rung_bell_has_it_tick() {
        let bell = Arc::new(Notify::new());
        let actor = Notes {
            bell: Some(Arc::clone(&bell)),
            ..Notes::default()
        };
        let done = Arc::clone(&actor.done);
        let (mailbox, inbox) = bounded(8);
        mailbox.try_send("a").expect("there is room");
        bell.notify_one();
        let running = run(actor, inbox, Deadline::default());
        let ringing = async {
            let so_far = || done.lock().expect("no panic under it").clone();
            while so_far() != ["tick", "a"] {
                tokio::task::yield_now().await;
            }
            bell.notify_one();
            while so_far() != ["tick", "a", "tick"] {
                tokio::task::yield_now().await;
            }
            drop(mailbox);
        };
        let (exit, ()) = tokio::join!(running, ringing);
        assert_eq!(exit, Exit::Drained);
    }

    /// It ends at once when the stage after it is gone.
    #[tokio::test(start_paused = true)]
    async fn it_ends_with_the_stage_after_it() {
        let (exit, done) = run_with(&["stop", "a"], false).await;
        assert_eq!(exit, Exit::DownstreamStopped);
        assert_eq!(done, ["stop"]);
    }

    /// The deadline cuts it short, and it may give up in order.
    #[tokio::test(start_paused = true)]
    async fn the_deadline_cuts_it_short() {
        let (exit, done) = run_with(&["hang", "a"], false).await;
        assert_eq!(exit, Exit::DeadlinePassed);
        assert_eq!(done, ["hang", "cut short"]);
    }
}
