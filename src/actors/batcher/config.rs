//! How batches are cut.

use std::time::Duration;

use crate::model::byte_size::ByteSize;

/// How telemetry of one signal is gathered into requests.
///
/// A batch leaves when it has `max_export_batch_size` items or `max_export_batch_bytes` bytes, or
/// when its first item has waited for `schedule_delay`, whichever comes first.
///
/// ```
/// use std::time::Duration;
/// use spanreel::BatchConfig;
///
/// let prompt = BatchConfig { schedule_delay: Duration::from_millis(200), ..BatchConfig::default() };
/// assert_eq!(prompt.max_export_batch_size, 8192);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchConfig {
    /// The spans or log records of a batch. Default: 8,192; at least 1.
    /// `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, `OTEL_BLRP_MAX_EXPORT_BATCH_SIZE`.
    pub max_export_batch_size: usize,
    /// The bytes, uncompressed, at which a batch is large enough to leave. Default: 1 MiB.
    pub max_export_batch_bytes: ByteSize,
    /// The bytes, uncompressed, that no batch ever exceeds; what alone is larger is booked as
    /// too large. Default: 4 MiB, which every known backend takes; at most 64 MiB. What an exporter writes
    /// in other words ([`Exporter::dialect`](crate::Exporter::dialect), JSON, Zipkin) is made of a batch and
    /// may be larger; where its destination says that it is too large, it is cut in two.
    pub max_request_bytes: ByteSize,
    /// How long an item waits for others. Default: 5 s for spans, 1 s for log records; zero sends
    /// each chunk at once, [`Duration::MAX`] nothing for its age alone. `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_BLRP_SCHEDULE_DELAY`.
    pub schedule_delay: Duration,
    /// The longest that one call of an exporter may take; it caps the exporter's own timeout.
    /// Default: 30 s. `OTEL_BSP_EXPORT_TIMEOUT`, `OTEL_BLRP_EXPORT_TIMEOUT`.
    pub export_timeout: Duration,
    /// Whether a batch may leave earlier. Default: [`Seal::WhenDue`].
    pub seal: Seal,
}

/// When a batch that is not full leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seal {
    /// When its first item has waited for [`BatchConfig::schedule_delay`].
    #[default]
    WhenDue,
    /// As soon as every exporter that takes its signal has a free place for a request, and when it is
    /// due at the latest: the batch is what came while the places were taken. For low latency, where
    /// somebody waits for the delivery ([`Receipt`](crate::Receipt)); it makes more and smaller requests
    /// when there is little to send. For the same reason the pipeline takes each message as it comes,
    /// where it lets some gather for a millisecond otherwise.
    WhenLanesIdle,
}

impl Default for BatchConfig {
    /// The defaults for spans. Those for log records differ in `schedule_delay` alone:
    /// [`BatchConfig::for_logs`].
    fn default() -> Self {
        Self {
            max_export_batch_size: 8192,
            max_export_batch_bytes: ByteSize::mib(1),
            max_request_bytes: ByteSize::mib(4),
            schedule_delay: Duration::from_secs(5),
            export_timeout: Duration::from_secs(30),
            seal: Seal::WhenDue,
        }
    }
}

impl BatchConfig {
    /// The defaults for log records: a `schedule_delay` of 1 s, the rest as for spans.
    #[must_use]
    pub fn for_logs() -> Self {
        Self {
            schedule_delay: Duration::from_secs(1),
            ..Self::default()
        }
    }
}
