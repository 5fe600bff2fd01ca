//! What destinations refused for good, while the pipeline runs: what there is, and what is to become of it.

use tokio::sync::oneshot;

use super::Pipeline;
use crate::actors::spool::desk::Command;
use crate::actors::spool::error::SpoolError;
use crate::actors::spool::handle::Door;
use crate::actors::spool::quarantine::{self, Asked, QuarantineList, Quarantined};

impl Pipeline {
    /// What destinations refused for good and the [`Spool`](crate::Spool) keeps: how many requests, and the
    /// newest `most` with the words of their destinations. Reads the disk, so that it may block for
    /// milliseconds.
    ///
    /// # Errors
    /// There is no spool, or it cannot be read.
    pub fn quarantine(&self, most: usize) -> Result<QuarantineList, SpoolError> {
        let door = self.door()?;
        quarantine::newest(&door.path, most).map_err(|source| SpoolError::Io {
            path: door.path.clone(),
            source,
        })
    }

    /// Has something that was refused sent again by the exporter that it was refused by, once what was wrong
    /// with its destination is mended, and takes it out of the quarantine. Its items are counted as
    /// [`recovered`](crate::LaneStats::recovered) by that lane, and meet a fate once more.
    ///
    /// Killed in between, it is in both places, and may be delivered twice.
    ///
    /// # Errors
    /// There is no spool, nothing of that [`id`](Quarantined::id), no exporter of its name now, no room in the
    /// spool, or its disk fails; or the pipeline was shut down.
    pub async fn deliver_again(&self, id: &str) -> Result<Quarantined, SpoolError> {
        self.ask_of_refused(id, true).await
    }

    /// Removes something that was refused for good.
    ///
    /// # Errors
    /// There is no spool, nothing of that [`id`](Quarantined::id), or its disk fails; or the pipeline was shut
    /// down.
    pub async fn drop_refused(&self, id: &str) -> Result<Quarantined, SpoolError> {
        self.ask_of_refused(id, false).await
    }

    fn door(&self) -> Result<&Door, SpoolError> {
        self.inner.door.as_ref().ok_or(SpoolError::NoSpool)
    }

    async fn ask_of_refused(&self, id: &str, again: bool) -> Result<Quarantined, SpoolError> {
        let door = self.door()?;
        let (answer, answered) = oneshot::channel();
        let id = id.to_owned();
        let asked = Command::Refused(Asked { id, again, answer });
        door.desk.put(asked).map_err(|_gone| SpoolError::NoSpool)?;
        match answered.await {
            Ok(Err(SpoolError::Unknown { what, .. })) => {
                let path = door.path.join(quarantine::DIRECTORY);
                Err(SpoolError::Unknown { path, what })
            }
            Ok(Err(SpoolError::Io { source, .. })) => Err(SpoolError::Io {
                path: door.path.clone(),
                source,
            }),
            Ok(answer) => answer,
            Err(_thread_is_gone) => Err(SpoolError::NoSpool),
        }
    }
}
