//! Sessions that an earlier process had open when it died: their root spans are taken in as incomplete.
//!
//! They go the way of everything that is received: by the processors, which may not have seen them, and by
//! the sampler. Holds: those root spans. Waits: for room, and until each is on disk or settled. Loses:
//! nothing; what it does not come to do is left in the journal.

use std::sync::Arc;

use crate::actors::deadline::Deadline;
use crate::actors::intake::{Intake, IntakeError};
use crate::actors::spool::desk::{Changes, Command, Desk};
use crate::actors::spool::handle::LeftOpen;
use crate::model::request::Signal;

/// So many are told to be over at a time.
const AT_A_TIME: usize = 256;

/// Takes them in, and forgets each when it is safe elsewhere.
pub(super) async fn close(
    intake: Intake,
    left_open: Vec<LeftOpen>,
    desk: Arc<Desk>,
    deadline: Deadline,
) {
    tokio::select! {
        () = take_in(&intake, left_open, &desk) => {}
        () = deadline.begun() => {}
    }
}

async fn take_in(intake: &Intake, left_open: Vec<LeftOpen>, desk: &Desk) {
    let sessions = left_open.len();
    tracing::info!(
        target: "spanreel", sessions,
        "an earlier process ended with sessions open; they are closed as incomplete"
    );
    let mut accepted = Vec::with_capacity(sessions);
    for session in left_open {
        match intake.accept(Signal::Traces, session.request).await {
            Ok(receipt) => accepted.push((session.root, Some(receipt))),
            Err(IntakeError::Closed) => return,
            // Nobody takes spans any more, or a processor of an earlier version wrote it: it will not be better
            // the next time.
            Err(error) => {
                tracing::warn!(target: "spanreel", %error, "an open session of an earlier process is given up");
                accepted.push((session.root, None));
            }
        }
    }
    for part in accepted.chunks(AT_A_TIME) {
        let mut over = Vec::new();
        for (root, receipt) in part {
            let is_safe = match receipt {
                Some(receipt) => receipt.durable().await.is_lossless(),
                None => true,
            };
            over.extend(is_safe.then_some(*root));
        }
        let changes = Changes {
            began: Vec::new(),
            over,
        };
        // Where the thread is gone, the next start tells them again.
        let _there = desk.put(Command::Sessions(changes));
    }
}
