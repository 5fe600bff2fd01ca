//! Measures an exporter from outside: how long its attempts take, what it was given, what it took.
//!
//! Holds: two histograms. Waits: for the exporter. Loses: nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use spanreel::{Export, ExportError, Request, Signal};

use super::histogram::Latencies;

/// What was measured so far.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    exported_spans: AtomicU64,
    failed: AtomicU64,
    latencies: Mutex<Split>,
}

/// Latencies of attempts, of the interval under way and of those before it.
#[derive(Debug, Default)]
struct Split {
    now: Latencies,
    before: Latencies,
}

/// An exporter that is measured.
#[derive(Debug)]
pub struct Metered<E> {
    exporter: E,
    meter: Arc<Meter>,
}

/// An attempt under way. It counts when it ends, also when it is dropped for taking too long.
struct Attempt<'a> {
    meter: &'a Meter,
    begun: Instant,
    has_failed: bool,
}

impl Meter {
    /// Measures `exporter` from now on.
    pub fn watch<E: Export>(self: &Arc<Self>, exporter: E) -> Metered<E> {
        let meter = Arc::clone(self);
        Metered { exporter, meter }
    }

    /// Bytes of all attempts, before compression.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Spans that were accepted.
    #[must_use]
    pub fn exported_spans(&self) -> u64 {
        self.exported_spans.load(Ordering::Relaxed)
    }

    /// Attempts that failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Latencies of the attempts that ended since the last call.
    #[must_use]
    pub fn next_interval(&self) -> Latencies {
        let mut latencies = self.latencies();
        let Split { now, before } = &mut *latencies;
        before.merge(now);
        std::mem::take(now)
    }

    /// Latencies of all attempts that ended.
    #[must_use]
    pub fn all(&self) -> Latencies {
        let latencies = self.latencies();
        let mut all = latencies.before.clone();
        all.merge(&latencies.now);
        all
    }

    fn latencies(&self) -> MutexGuard<'_, Split> {
        self.latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Export> Export for Metered<E> {
    fn name(&self) -> &str {
        self.exporter.name()
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let meter = &*self.meter;
        let bytes = request.encoded_len() as u64;
        meter.bytes.fetch_add(bytes, Ordering::Relaxed);
        let spans = match request.signal() {
            Signal::Traces => request.items(),
            _ => 0,
        };
        let mut attempt = Attempt {
            meter,
            begun: Instant::now(),
            has_failed: true,
        };
        let outcome = self.exporter.export(request).await;
        if outcome.is_ok() {
            attempt.has_failed = false;
            meter.exported_spans.fetch_add(spans, Ordering::Relaxed);
        }
        outcome
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.meter.latencies().now.record(self.begun.elapsed());
        let failed = u64::from(self.has_failed);
        self.meter.failed.fetch_add(failed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Takes spans at once, refuses log records, and hangs on nothing.
    struct Fussy;

    impl Export for Fussy {
        fn name(&self) -> &str {
            "fussy"
        }

        async fn export(&self, request: Request) -> Result<(), ExportError> {
            match (request.signal(), request.items()) {
                (_, 0) => std::future::pending().await,
                (Signal::Traces, _) => Ok(()),
                _ => Err(ExportError::permanent("no logs")),
            }
        }
    }

    /// Every attempt counts: those that succeed, those that fail, those that are cut off.
    #[tokio::test]
    async fn every_attempt_counts() {
        let meter = Arc::new(Meter::default());
        let metered = meter.watch(Fussy);
        let request = |signal, items| Request::from_bytes(signal, items, "12345678".into());
        assert!(metered.export(request(Signal::Traces, 3)).await.is_ok());
        assert_eq!(meter.next_interval().count(), 1);
        assert!(metered.export(request(Signal::Logs, 2)).await.is_err());
        let hanging = metered.export(request(Signal::Traces, 0));
        let cut_off = tokio::time::timeout(Duration::from_millis(5), hanging).await;
        assert!(cut_off.is_err());
        assert_eq!(meter.next_interval().count(), 2);
        assert_eq!(meter.all().count(), 3);
        assert_eq!((meter.exported_spans(), meter.failed()), (3, 2));
        assert_eq!(meter.bytes(), 24);
    }
}
