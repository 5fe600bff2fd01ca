//! An exporter that forgets what it is given.

use super::{Export, ExportError};
use crate::model::request::Request;

/// Accepts everything and forgets it: for benchmarks, and for hosts that only want totals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Export for Null {
    fn name(&self) -> &str {
        "null"
    }

    async fn export(&self, _request: Request) -> Result<(), ExportError> {
        Ok(())
    }
}
