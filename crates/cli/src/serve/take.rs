//! From the receiver into the pipeline: what a sender is told.
//!
//! Holds: nothing but receipts of requests that wait for delivery. Waits: for room in the pipeline, at most
//! as long as `patience`, and with `ack = "delivered"` for every export. Loses: nothing; what is not
//! taken is told to its sender.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use spanreel::{Delivered, Fate, Intake, IntakeError, SessionLabel, SessionSeen, Signal, Watch};

use super::arrivals::{Arrival, Arrivals};
use crate::config::value::Ack;
use crate::receive::{Take, Taken};

/// When a sender may come back that was sent away without a better reason: exports that are slow take
/// about so long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Takes requests into a pipeline.
#[derive(Debug)]
pub(crate) struct IntoPipeline {
    pub(crate) intake: Intake,
    pub(crate) ack: Ack,
    /// How long a request waits for room.
    pub(crate) patience: Duration,
}

impl Take for IntoPipeline {
    async fn take(&self, signal: Signal, request: Bytes) -> Taken {
        let accepting = self.intake.accept(signal, request);
        let receipt = match tokio::time::timeout(self.patience, accepting).await {
            Ok(Ok(receipt)) => receipt,
            Ok(Err(error)) => return refused(error),
            Err(_elapsed) => {
                return Taken::Full {
                    retry_after: RETRY_AFTER,
                };
            }
        };
        match self.ack {
            Ack::Accepted => Taken::Accepted {
                items: receipt.items(),
            },
            Ack::Delivered => delivered(&receipt.delivered().await),
        }
    }
}

/// What the sender of a request is told that was not accepted.
fn refused(error: IntakeError) -> Taken {
    match error {
        IntakeError::Malformed(place) => Taken::Malformed(place.to_string()),
        IntakeError::Full { retry_after } => Taken::Full { retry_after },
        IntakeError::Closed => Taken::Closed,
        // Too large, or a signal that no export takes: sending it again changes nothing.
        error => Taken::TooLarge(error.to_string()),
    }
}

/// What the sender is told when the exports are done with a request. What a destination has refused for
/// good must not be sent again; what could not be delivered must, as a whole.
fn delivered(delivered: &Delivered) -> Taken {
    let items = delivered.items();
    let refused = delivered.of(Fate::Rejected) + delivered.of(Fate::TooLarge);
    told(items, refused, delivered.lost())
}

fn told(items: u64, refused: u64, lost: u64) -> Taken {
    if lost == 0 {
        return Taken::Accepted { items };
    }
    if lost > refused {
        return Taken::Full {
            retry_after: RETRY_AFTER,
        };
    }
    // An item counts for each export that refused it.
    let rejected = refused.min(items);
    Taken::Partial {
        accepted: items - rejected,
        rejected,
        message: "an export refused them for good".to_owned(),
    }
}

/// Notes the sessions in requests that are accepted.
#[derive(Debug)]
pub(crate) struct Watching(pub(crate) Arc<Arrivals>);

impl Watch for Watching {
    fn seen(&self, session: &SessionSeen<'_>) {
        let key = match session.label {
            SessionLabel::Id(id) => Some(key_of(id)),
            SessionLabel::Trace(trace) => Some(trace.to_bytes()),
            SessionLabel::None => None,
        };
        let (spans, logs) = match session.signal {
            Signal::Traces => (session.items, 0),
            Signal::Logs => (0, session.items),
            _ => (0, 0),
        };
        let arrival = Arrival {
            spans,
            logs,
            errors: session.errors,
            tokens: session.tokens,
            cost: session.cost,
            root_ended: session.root_ended,
        };
        self.0.note(key, &arrival, Instant::now());
    }
}

/// An id of any length as one of a fixed one, which nobody can make collide with another's.
fn key_of(id: &str) -> [u8; 16] {
    let digest = Sha256::digest(id);
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was refused for good is not sent again, what was not delivered is.
    #[test]
    fn senders_repeat_what_was_not_delivered_and_nothing_else() {
        assert_eq!(told(3, 0, 0), Taken::Accepted { items: 3 });
        assert!(matches!(
            told(3, 1, 1),
            Taken::Partial {
                accepted: 2,
                rejected: 1,
                ..
            }
        ));
        assert!(matches!(
            told(3, 6, 6),
            Taken::Partial {
                accepted: 0,
                rejected: 3,
                ..
            }
        ));
        assert!(matches!(told(3, 1, 2), Taken::Full { .. }));
        assert!(matches!(told(3, 0, 3), Taken::Full { .. }));
    }

    /// Each error of the pipeline is told in the receiver's words.
    #[test]
    fn refusals_are_told() {
        assert_eq!(refused(IntakeError::Closed), Taken::Closed);
        let too_large = IntakeError::TooLarge { bytes: 9, limit: 8 };
        assert!(matches!(refused(too_large), Taken::TooLarge(_)));
    }
}
