//! Reads one recording and sends what is in it everywhere.
//!
//! Holds: the sessions of a recording of events; of OTLP one request, and what is drawn of its sessions.
//! Waits: for input, and for room in the pipelines. Loses: nothing that it does not report.

use std::borrow::Cow;
use std::io::BufRead;

use spanreel::tree::SessionTree;

use super::Work;
use super::destination::Refused;
use super::input::{InputError, Source};
use super::play::Stuck;
use super::summary::{Contents, FileSummary, SessionSummary};
use super::targets::MAX_DRAWN;
use crate::convert::otlp::{Gathered, OtlpRequest, OtlpSession, Requests};
use crate::convert::{self, Conversion, ConvertError, Recorded, SessionTrace};
use crate::units;

/// A recording of which nothing can be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("{0}")]
    Convert(Source, #[source] ConvertError),
    #[error("{0}: {1} {2} cannot be used: {3}; without --strict it would be skipped")]
    Strict(Source, &'static str, u64, String),
}

impl Unusable {
    /// Whether it is something else than a recording.
    pub(super) fn is_no_recording(&self) -> bool {
        matches!(self, Self::Input(error) if error.is_no_recording())
    }

    fn of(source: &Source, place: &'static str, error: ConvertError) -> Self {
        match error {
            ConvertError::Malformed { line, reason } => {
                Self::Strict(source.clone(), place, line, reason)
            }
            error => Self::Convert(source.clone(), error),
        }
    }
}

/// What came of a recording: its summary, unless a destination got stuck.
type Outcome = Result<Result<FileSummary, Stuck>, Unusable>;

impl Work {
    /// Converts a recording and sends it.
    pub(super) async fn convert(&mut self, source: &Source, name: &str) -> anyhow::Result<Outcome> {
        let options = self.options();
        let input = match source.open(options.from, |input| self.screen.watch(input)) {
            Ok(input) => input,
            Err(error) => return Ok(Err(error.into())),
        };
        match convert::open(input, name, &options) {
            Ok(Recorded::Sessions(conversion)) => self.sessions(source, name, conversion).await,
            Ok(Recorded::Requests(requests)) => self.requests(source, name, *requests).await,
            Err(error) => Ok(Err(Unusable::of(source, "line", error))),
        }
    }

    fn options(&self) -> convert::Options {
        let plan = &self.plan;
        convert::Options {
            content: plan.content,
            strict: plan.strict,
            parent: plan
                .parent
                .as_ref()
                .map(|parent| (parent.trace_id(), parent.span_id())),
            agent: plan.agent.clone(),
            from: plan.from,
            rewrite: plan.rewrite,
            ..convert::Options::default()
        }
    }

    async fn sessions(
        &mut self,
        source: &Source,
        name: &str,
        conversion: Conversion,
    ) -> anyhow::Result<Outcome> {
        let Conversion { sessions, report } = conversion;
        if let Err(error) = source.recognize(&report, !sessions.is_empty()) {
            return Ok(Err(error.into()));
        }
        let service = self.plan.service.clone();
        let service = service.unwrap_or_else(|| report.format.service().to_owned());
        let file = FileSummary::new(name, report, Contents::of(&sessions));
        for session in &sessions {
            if let Err(stuck) = self.send(&service, session).await? {
                return Ok(Ok(Err(stuck)));
            }
            self.note(SessionSummary::new(name, session));
        }
        Ok(Ok(Ok(file)))
    }

    /// Sends a session everywhere, and draws it.
    async fn send(
        &mut self,
        service: &str,
        session: &SessionTrace,
    ) -> anyhow::Result<Result<(), Stuck>> {
        let parent = self.plan.parent.as_ref();
        let targets = &mut self.targets;
        // Those that are nearby wait for each session: it stands behind the one before it.
        let tree = targets.tree.as_mut().map(|(tree, _)| tree);
        for destination in tree.into_iter().chain(targets.out.as_mut()) {
            let sent = destination.send(service, session, parent).await?;
            if let Err(stuck) = sent.and(destination.settle().await) {
                return Ok(Err(stuck));
            }
        }
        if let Some(export) = &mut targets.export
            && let Err(stuck) = export.send(service, session, parent).await?
        {
            return Ok(Err(stuck));
        }
        if let Some((_, canvas)) = &self.targets.tree {
            let tree = canvas.draw(session, &self.style);
            self.show(&tree)?;
        }
        Ok(Ok(()))
    }

    /// Sends OTLP request by request, then shows the sessions in it.
    async fn requests(
        &mut self,
        source: &Source,
        name: &str,
        mut requests: Requests<impl BufRead>,
    ) -> anyhow::Result<Outcome> {
        let place = requests.report().format.place();
        let unusable = |error| Unusable::of(source, place, error);
        let draws = self.targets.tree.is_some();
        let mut gathered = Gathered::keeping(if draws { MAX_DRAWN } else { 0 });
        loop {
            let request = match requests.next_request() {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(error) => return Ok(Err(unusable(error))),
            };
            let taken = match gathered.add(&self.shown(&request)) {
                Ok(()) => self.forward(request).await,
                Err(reason) => Err(Refused::Request(reason)),
            };
            match taken {
                Ok(()) => {}
                Err(Refused::Stuck(stuck)) => return Ok(Ok(Err(stuck))),
                Err(Refused::Request(reason)) => {
                    if let Err(error) = requests.reject(reason) {
                        return Ok(Err(unusable(error)));
                    }
                }
            }
        }
        let report = requests.into_report();
        let (spans, logs) = gathered.items();
        let sessions = gathered.finish();
        if let Err(error) = source.recognize(&report, false) {
            return Ok(Err(error.into()));
        }
        let contents = Contents {
            sessions: sessions.len() as u64,
            spans,
            logs,
        };
        for session in sessions {
            self.note((name, &session).into());
            if draws {
                self.draw(session)?;
            }
        }
        Ok(Ok(Ok(FileSummary::new(name, report, contents))))
    }

    /// A request as it may be told of: what is sent is redacted on its way.
    fn shown<'r>(&self, request: &'r OtlpRequest) -> Cow<'r, OtlpRequest> {
        let redactor = self.redactor.as_ref();
        let redacted = redactor.and_then(|it| it.redact_request(request.signal, &request.bytes));
        match redacted {
            Some(bytes) => Cow::Owned(OtlpRequest {
                signal: request.signal,
                bytes: bytes.into(),
            }),
            None => Cow::Borrowed(request),
        }
    }

    async fn forward(&self, request: OtlpRequest) -> Result<(), Refused> {
        if let Some(out) = &self.targets.out {
            out.take(request.clone()).await?;
            out.settle().await.map_err(Refused::Stuck)?;
        }
        match &self.targets.export {
            Some(export) => export.take(request).await,
            None => Ok(()),
        }
    }

    fn draw(&mut self, session: OtlpSession) -> std::io::Result<()> {
        let tree = match session.spans {
            Some(spans) => SessionTree::new(spans).render(&self.style),
            None => {
                let name: String = session.session_id.escape_debug().collect();
                let spans = units::grouped(session.totals.spans);
                format!(
                    "session {name}\n({spans} spans are too many to draw; --out writes them to a file)\n"
                )
            }
        };
        self.show(&tree)
    }
}
