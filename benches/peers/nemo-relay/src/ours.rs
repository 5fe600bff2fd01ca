//! The calls, traced by spanreel: each is a span of a session, in a pipeline that forgets it.
//!
//! Holds: the pipeline. Waits: in `settle`, until everything is exported. Loses nothing: the end is checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::executor::block_on;
use http::{Method, StatusCode};
use spanreel::{Content, Null, Pipeline, Session};
use spanreel_http::llm::Llm;

use super::calls::Recorded;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a call is that tells no output tokens.
const UNKNOWN: u64 = u64::MAX;

/// A session that calls models.
pub(crate) struct Ours {
    pipeline: Pipeline,
    session: Session,
    llm: Llm,
}

impl Ours {
    /// One whose spans have the messages where `content` says so.
    pub(crate) fn new(content: Content) -> Self {
        let pipeline = Pipeline::builder().export(Null).start();
        let pipeline = pipeline.expect("the configuration is right");
        let session = pipeline.open_session("bench").content(content).open();
        let session = session.expect("it is open");
        let llm = Llm::under(&session);
        Self {
            pipeline,
            session,
            llm,
        }
    }

    /// One call, with everything that a layer does.
    pub(crate) fn call(&self, it: &Recorded) {
        Self::call_by(&self.llm, it);
    }

    fn call_by(llm: &Llm, it: &Recorded) {
        let call = llm.begin(&Method::POST, &it.uri, &it.headers, None);
        let mut call = call.expect("it is a call of a model");
        call.request(&it.asked);
        call.response(StatusCode::OK, &it.headers);
        for chunk in &it.chunks {
            call.chunk(chunk);
        }
        call.end();
    }

    /// The output tokens of a call, where they are known.
    pub(crate) fn output_tokens(&self, it: &Recorded) -> Option<u64> {
        let told = Arc::new(AtomicU64::new(UNKNOWN));
        let teller = Arc::clone(&told);
        let llm = self.llm.clone().measure_by(move |call| {
            teller.store(call.usage.output.unwrap_or(UNKNOWN), Ordering::Relaxed);
        });
        Self::call_by(&llm, it);
        Some(told.load(Ordering::Relaxed)).filter(|told| *told != UNKNOWN)
    }

    /// Waits until what was recorded so far is exported.
    pub(crate) fn settle(&self) {
        block_on(self.pipeline.flush(PATIENCE)).expect("it runs");
    }

    /// Ends the session; nothing was lost.
    pub(crate) fn finish(self) {
        self.session.end();
        let report = self.pipeline.shutdown_blocking(PATIENCE);
        assert!(report.is_lossless(), "{report}");
    }
}
