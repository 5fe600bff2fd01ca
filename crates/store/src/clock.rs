//! What time it is.

use std::time::SystemTime;

/// Microseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "when something arrived is told by the wall clock of this machine, as the times of spans are"
)]
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
