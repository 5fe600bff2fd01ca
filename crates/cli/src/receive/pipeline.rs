//! Received requests into a pipeline, and its verdict back to the client.
//!
//! Holds: nothing. Waits: for room in the pipeline, with a time limit, and for the disk or the delivery
//! where that is asked for. Loses: nothing that it has not told.

use std::time::Duration;

use bytes::Bytes;
use spanreel::{Delivered, Fate, Intake, IntakeError, Signal};
use tokio::time::timeout;

use super::take::{Take, Taken};

/// When a client is told that its request was accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ack {
    /// When the pipeline has it: what a crash costs then is lost. The answer is quick.
    #[default]
    Accepted,
    /// When it is on disk for every exporter that has not taken it: nothing is lost by a crash, and a
    /// request may come twice. Without a spool this is as `Delivered`.
    Durable,
    /// When every exporter has settled it: nothing is lost by a crash, and a request may come twice.
    /// The answer takes as long as the slowest destination.
    Delivered,
}

/// How long a request waits for room in the pipeline by default: less than the 10 s that OTLP's
/// exporters wait for an answer by default.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a client waits at most until its request is on disk: a disk that takes longer is full or fails.
const LONGEST_SYNC: Duration = Duration::from_secs(8);

/// After which time a client may send again what could not be delivered.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Takes requests into a pipeline.
#[derive(Clone, Debug)]
pub struct IntoPipeline {
    intake: Intake,
    ack: Ack,
    patience: Duration,
}

impl IntoPipeline {
    /// Takes them through this intake, and answers as `ack` says.
    #[must_use]
    pub fn new(intake: Intake, ack: Ack) -> Self {
        Self {
            intake,
            ack,
            patience: PATIENCE,
        }
    }

    /// How long a request waits for room before the client is told to come back. Default: 5 s.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

impl Take for IntoPipeline {
    async fn take(&self, signal: Signal, request: Bytes) -> Taken {
        let accepted = timeout(self.patience, self.intake.accept(signal, request));
        let receipt = match accepted.await {
            Ok(Ok(receipt)) => receipt,
            Ok(Err(error)) => return refused(error),
            // The pipeline has stood still for so long; it will not be faster in a moment.
            Err(_) => {
                let retry_after = RETRY_AFTER;
                return Taken::Full { retry_after };
            }
        };
        match self.ack {
            Ack::Accepted => Taken::Accepted {
                items: receipt.items(),
            },
            Ack::Durable => match timeout(LONGEST_SYNC, receipt.durable()).await {
                Ok(secured) => settled(&secured),
                // It may still be written, and then comes twice: that is better than not at all.
                Err(_) => Taken::Full {
                    retry_after: RETRY_AFTER,
                },
            },
            Ack::Delivered => settled(&receipt.delivered().await),
        }
    }
}

fn refused(error: IntakeError) -> Taken {
    match error {
        IntakeError::Malformed(error) => Taken::Malformed(error.to_string()),
        IntakeError::Full { retry_after } => Taken::Full { retry_after },
        IntakeError::Closed => Taken::Closed,
        IntakeError::TooLarge { .. } => Taken::TooLarge(error.to_string()),
        IntakeError::NotTaken { .. } => Taken::NotTaken(error.to_string()),
        // What is not known yet is no reason for the client to throw its telemetry away.
        _ => Taken::Full {
            retry_after: RETRY_AFTER,
        },
    }
}

/// What became of a request, as far as the client can do something about it.
fn settled(delivered: &Delivered) -> Taken {
    let items = delivered.items();
    if delivered.is_lossless() {
        return Taken::Accepted { items };
    }
    let refused = delivered.of(Fate::Rejected) + delivered.of(Fate::TooLarge);
    if refused == 0 && delivered.of(Fate::Exported) == 0 {
        // Nobody has any of it: it may come again.
        return Taken::Full {
            retry_after: RETRY_AFTER,
        };
    }
    let lost = delivered.lost().min(items);
    let fates: Vec<_> = (delivered.fates())
        .filter(|(fate, _)| fate.is_loss())
        .map(|(fate, items)| format!("{} {items}", fate.name()))
        .collect();
    Taken::Partial {
        accepted: items - lost,
        rejected: lost,
        message: format!("not delivered to every destination: {}", fates.join(", ")),
    }
}
