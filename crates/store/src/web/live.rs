//! `/api/v1/live`: what changes, as server-sent events.
//!
//! `session` with a summary when it changed, each at most four times a second; `pipeline` once a second; with
//! `?session=ID` also `span` and `log` of that session. Who reads too slowly gets `lagged` and should read
//! everything anew.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
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
    /// Begins to tell what changes.
    pub(super) fn listen(&self, session: Option<&str>) -> Response<Body> {
        let (to, events) = mpsc::channel(WAITING);
        let teller = Teller {
            web: self.clone(),
            to,
            session: session.map(str::to_owned),
            number: 0,
            changed: HashMap::new(),
            seen: Seen::default(),
            is_stale: false,
            rests_until: Instant::now(),
        };
        start(teller.tell(self.live.listen()));
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
    number: u64,
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
    async fn tell(mut self, mut changes: broadcast::Receiver<Change>) {
        let _gone = self.tell_all(&mut changes).await;
    }

    async fn tell_all(&mut self, changes: &mut broadcast::Receiver<Change>) -> Result<(), Gone> {
        let mut tell = tokio::time::interval(TELL);
        tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pulse = Instant::now();
        self.look().await?;
        loop {
            tokio::select! {
                change = changes.recv() => match change {
                    Ok(change) => {
                        for summary in change.iter() {
                            self.changed.insert(summary.id.clone(), summary.clone());
                        }
                    }
                    Err(RecvError::Lagged(missed)) => {
                        self.send("lagged", &serde_json::json!({ "missed": missed })).await?;
                    }
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
        match self.is_stale && Instant::now() >= self.rests_until {
            true => self.look().await,
            false => Ok(()),
        }
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
        self.number += 1;
        // JSON has no line ends of its own, so that it stays one line of the event.
        let Ok(data) = serde_json::to_string(value) else {
            return Ok(());
        };
        let text = format!("id: {}\nevent: {event}\ndata: {data}\n\n", self.number);
        self.to.send(text.into()).await.map_err(|_| Gone)
    }
}
