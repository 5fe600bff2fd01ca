//! The destination where there is no `--export`: what arrives is watched and kept in the store, and goes
//! no further. Holds nothing, never waits, loses nothing that anybody asked for.

use spanreel::{Export, ExportError, Request};

/// Forgets what it is given, under a name that says so in reports and on the page.
pub(super) struct Nowhere;

impl Export for Nowhere {
    fn name(&self) -> &str {
        "nowhere"
    }

    async fn export(&self, _request: Request) -> Result<(), ExportError> {
        Ok(())
    }
}
