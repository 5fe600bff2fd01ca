//! A delivery of a lane that has a spool: nothing expires. What cannot be delivered now waits on disk, what
//! is refused for good is kept there.

use std::time::Duration;

use super::{Attempt, Backoff, Delivery, ExportError, Fate, Ordering, chain, random_u64};
use crate::actors::spool::desk::LaneSpool;
use crate::model::batch::Consignment;
use crate::model::request::Request;

/// How often a request that is refused for good is cut, to find what is wrong with it: a bad item among
/// thousands is found in less than half of that, and a destination that refuses everything is not asked
/// for each item.
pub(super) const CUTS: u32 = 64;
/// How long a lane waits whose credentials are refused.
const DENIED: Duration = Duration::from_secs(30);
/// How long a failed request waits even when others went through.
const LEAST: Duration = Duration::from_secs(1);

impl Delivery {
    /// Delivers, or keeps on disk. Returns the halves of what must be cut.
    pub(super) async fn deliver_or_keep(
        &self,
        mut it: Consignment,
        spool: &LaneSpool,
        cuts: &mut u32,
    ) -> Option<(Consignment, Consignment)> {
        let circuit = &spool.circuit;
        if circuit.is_away() && (!it.tally.is_kept() || self.deadline.is_set()) {
            spool.keep(it, self.until.clone());
            return None;
        }
        let signal = it.parcel.signal();
        let request = it.parcel.frame();
        let mut backoff = Backoff::new(|| (random_u64() >> 11) as f64 / (1u64 << 53) as f64);
        let mut has_panicked = false;
        loop {
            let attempt = async {
                let _turn = circuit.turn().await;
                let attempt = self.attempt(&request).await;
                // Before the next one has its turn.
                match &attempt {
                    Attempt::Answered(Err(
                        ExportError::Retryable { .. } | ExportError::Denied { .. },
                    )) => {
                        circuit.opened();
                    }
                    Attempt::Answered(_) => circuit.closed(),
                    Attempt::Panicked => {}
                }
                attempt
            };
            let attempt = tokio::select! {
                biased;
                () = self.deadline.disk_time() => {
                    spool.keep(it, self.until.clone());
                    return None;
                }
                attempt = attempt => attempt,
            };
            let error = match attempt {
                Attempt::Answered(Ok(())) => {
                    let sent = request.encoded_len() as u64;
                    self.counters.bytes.fetch_add(sent, Ordering::Relaxed);
                    it.tally.settle(Fate::Exported);
                    return None;
                }
                Attempt::Panicked => {
                    if let Some(more) = self.counters.panicked.due() {
                        tracing::error!(target: "spanreel", exporter = self.settings.name, more, "exporter panicked");
                    }
                    if !std::mem::replace(&mut has_panicked, true) {
                        continue;
                    }
                    let words = "the exporter panicked twice".to_owned();
                    self.quarantine(it, spool, request, words).await;
                    return None;
                }
                Attempt::Answered(Err(error)) => error,
            };
            let wait = match &error {
                ExportError::Partial { rejected, message } => {
                    match rejected {
                        0 => self.warn_of(message),
                        _ => self.warn_refused(&error, *rejected),
                    }
                    it.tally.settle_some(*rejected, Fate::Rejected);
                    it.tally.settle(Fate::Exported);
                    return None;
                }
                ExportError::TooLarge { .. } => {
                    let words = chain(&error);
                    return self.cut_or_quarantine(it, spool, request, words).await;
                }
                ExportError::Permanent { .. } => {
                    let words = chain(&error);
                    if *cuts == 0 {
                        self.quarantine(it, spool, request, words).await;
                        return None;
                    }
                    *cuts -= 1;
                    return self.cut_or_quarantine(it, spool, request, words).await;
                }
                ExportError::Denied { .. } => DENIED,
                ExportError::Retryable { after, .. } => match *after {
                    Some(asked) if !asked.is_zero() => asked,
                    _ => backoff.next(),
                },
            };
            if let Some(more) = self.counters.failing.due() {
                let is_paused = matches!(error, ExportError::Denied { .. });
                tracing::warn!(
                    target: "spanreel", exporter = self.settings.name, signal = signal.name(),
                    error = %chain(&error), ?wait, more, is_paused,
                    "export failed; what cannot be delivered waits on disk"
                );
            }
            if !it.tally.is_kept() || self.deadline.is_set() {
                spool.keep(it, self.until.clone());
                return None;
            }
            let back = async {
                tokio::time::sleep(wait.min(LEAST)).await;
                circuit.until(false).await;
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.deadline.begun() => {}
                () = back => {}
            }
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn cut_or_quarantine(
        &self,
        it: Consignment,
        spool: &LaneSpool,
        request: Request,
        words: String,
    ) -> Option<(Consignment, Consignment)> {
        match it.cut() {
            Ok(halves) => Some(halves),
            Err(whole) => {
                self.quarantine(whole, spool, request, words).await;
                None
            }
        }
    }

    /// Keeps what was refused for good, with the words of the destination.
    async fn quarantine(
        &self,
        it: Consignment,
        spool: &LaneSpool,
        request: Request,
        words: String,
    ) {
        let items = it.tally.items();
        let kept = spool.quarantine(request, words.clone()).await;
        if let Some(more) = self.counters.refused.due() {
            tracing::warn!(
                target: "spanreel", exporter = self.settings.name, items, error = words, more,
                "export refused; {}", if kept { "in quarantine" } else { "dropped" }
            );
        }
        it.tally.settle(if kept {
            Fate::Quarantined
        } else {
            Fate::Rejected
        });
    }
}
