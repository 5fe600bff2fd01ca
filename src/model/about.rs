//! What a host says of a session when it opens it. Pure data.

use super::content::Content;
use super::propagation::baggage::Baggage;

/// The same for all segments of a session.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) agent: Option<Box<str>>,
    pub(crate) agent_id: Option<Box<str>>,
    pub(crate) user: Option<Box<str>>,
    /// The conversation, where it is not the session itself.
    pub(crate) conversation: Option<Box<str>>,
    pub(crate) tags: Box<[Box<str>]>,
    pub(crate) baggage: Baggage,
    /// Whether its spans are recorded by other processes, so that this one knows no totals.
    pub(crate) totals_elsewhere: bool,
    pub(crate) content: Content,
}
