//! `/api/v1/live`: what changes, as server-sent events.
//!
//! `session` with a summary when it changed, each at most four times a second; `pipeline` once a second; with
//! `?session=ID` also `span` and `log` of that session. Who was away for a moment and says what it saw last
//! (`Last-Event-ID`, which browsers do by themselves) is told what it has missed; where that is not known any more,
//! it gets `reset`, and who reads too slowly gets `lagged`: both should read everything anew.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{Instant, MissedTickBehavior};

use super::history::{History, Listening, Numbered};
use super::{Body, Web};
use crate::answer::Summary;
use crate::lane::Change;
use crate::store::Seen;

/// How often a session's changes are told.
const TELL: Duration = Duration::from_millis(250);

/// How often the pipeline's numbers are.
const PULSE: Duration = Duration::from_secs(1);

/// Events that wait for a slow reader.
const WAITING: usize = 64;

/// A look is followed by a rest of so many times its length.
const RESTS: u32 = 8;

/// What is told to one connection, as a body.
pub(super) struct Events(pub(super) mpsc::Receiver<Bytes>);

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.poll_recv(context);
        next.map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

impl Web {
    /// Begins to tell what changes, from behind the event of this id on where it is known.
    pub(super) fn listen(&self, session: Option<&str>, last_id: Option<&str>) -> Response<Body> {
        let (to, events) = mpsc::channel(WAITING);
        let history = self.history.get_or_init(|| History::start(&self.live));
        let listening = history.listen(last_id);
        let teller = Teller {
            web: self.clone(),
            to,
            session: session.map(str::to_owned),
            history: Arc::clone(history),
            told: listening.number,
            come: listening.number,
            changed: HashMap::new(),
            seen: Seen::default(),
            is_stale: false,
            rests_until: Instant::now(),
        };
        start(teller.tell(listening));
        let mut answer = Response::new(Events(events).boxed_unsync());
        let kind = HeaderValue::from_static("text/event-stream");
        answer.headers_mut().insert(CONTENT_TYPE, kind);
        answer
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a connection that listens; it ends when the reader has gone"
)]
fn start(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

/// Nobody listens any more.
struct Gone;

/// Tells one connection.
struct Teller {
    web: Web,
    to: mpsc::Sender<Bytes>,
    session: Option<String>,
    history: Arc<History>,
    /// All changes up to this one were told: what events go by.
    told: u64,
    /// All up to this one have come, and wait to be told.
    come: u64,
    /// What is to be told of sessions.
    changed: HashMap<String, Summary>,
    /// What was told of the watched session.
    seen: Seen,
    /// The watched session has changed and was not looked at since.
    is_stale: bool,
    /// When it may be looked at again: a large one takes long, and is looked at the less often.
    rests_until: Instant,
}

impl Teller {
    async fn tell(mut self, listening: Listening) {
        let mut changes = listening.changes;
        let begun = self.begin(listening.missed).await;
        if begun.is_ok() {
            let _gone = self.tell_all(&mut changes).await;
        }
    }

    /// Tells where it begins, so that whoever is cut off at once can come back to there; what was missed is told
    /// with the next changes.
    async fn begin(&mut self, missed: Option<Vec<Change>>) -> Result<(), Gone> {
        let is_watched = |summary: &Summary| self.session.as_ref() == Some(&summary.id);
        let mut all = missed.iter().flatten().flat_map(|change| change.iter());
        // Which of its spans were told is known to nobody.
        if missed.is_none() || all.any(is_watched) {
            return self.send("reset", &serde_json::json!({})).await;
        }
        for change in missed.iter().flatten() {
            self.note(change);
        }
        self.send("hello", &serde_json::json!({})).await
    }

    fn note(&mut self, change: &Change) {
        for summary in change.iter() {
            self.changed.insert(summary.id.clone(), summary.clone());
        }
    }

    async fn tell_all(&mut self, changes: &mut broadcast::Receiver<Numbered>) -> Result<(), Gone> {
        let mut tell = tokio::time::interval(TELL);
        tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pulse = Instant::now();
        self.look().await?;
        loop {
            tokio::select! {
                change = changes.recv() => match change {
                    Ok((number, change)) => {
                        let missed = number.saturating_sub(self.come + 1);
                        self.come = number;
                        self.note(&change);
                        if missed > 0 {
                            self.send("lagged", &serde_json::json!({ "missed": missed })).await?;
                        }
                    }
                    // The next number tells how many.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(()),
                },
                _ = tell.tick() => {
                    self.tell_changes().await?;
                    if pulse.elapsed() >= PULSE {
                        pulse = Instant::now();
                        let value = self.web.pulse().await;
                        self.send("pipeline", &value).await?;
                    }
                }
                () = self.to.closed() => return Ok(()),
            }
        }
    }

    async fn tell_changes(&mut self) -> Result<(), Gone> {
        let changed = std::mem::take(&mut self.changed);
        let is_watched = |id: &String| self.session.as_ref() == Some(id);
        self.is_stale |= changed.keys().any(is_watched);
        for summary in changed.into_values() {
            self.send("session", &summary).await?;
        }
        if self.is_stale && Instant::now() >= self.rests_until {
            self.look().await?;
        }
        if !self.is_stale {
            self.told = self.come;
        }
        Ok(())
    }

    /// Tells what is new in the session that is watched.
    async fn look(&mut self) -> Result<(), Gone> {
        let Some(id) = self.session.clone() else {
            return Ok(());
        };
        self.is_stale = false;
        let begun = Instant::now();
        let mut seen = std::mem::take(&mut self.seen);
        let asked = self
            .web
            .ask(move |store, patience| {
                let news = store.news(&id, &mut seen, patience)?;
                Ok((news, seen))
            })
            .await;
        self.rests_until = Instant::now() + begun.elapsed() * RESTS;
        let Ok((news, seen)) = asked else {
            // What was seen is lost with the query: whoever asks reads everything anew.
            return self.send("lagged", &serde_json::json!({})).await;
        };
        self.seen = seen;
        let Some(news) = news else {
            return Ok(());
        };
        for span in news.spans {
            self.send("span", &span).await?;
        }
        for log in news.logs {
            self.send("log", &log).await?;
        }
        Ok(())
    }

    async fn send(&mut self, event: &str, value: &impl serde::Serialize) -> Result<(), Gone> {
        // JSON has no line ends of its own, so that it stays one line of the event.
        let Ok(data) = serde_json::to_string(value) else {
            return Ok(());
        };
        let id = self.history.id(self.told);
        let text = format!("id: {id}\nevent: {event}\ndata: {data}\n\n");
        self.to.send(text.into()).await.map_err(|_| Gone)
    }
}
