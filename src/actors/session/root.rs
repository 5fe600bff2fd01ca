//! The root span of a session while the session is open.

use super::drafts;
use crate::model::limits::Limits;
use crate::model::otlp::draft::{Draft, Saved};

#[derive(Debug)]
pub(super) enum RootDraft {
    /// In as little memory as it needs: many sessions are open, and wait.
    Saved(Saved),
    /// As any span that is under way: the work that is the root of its session ends like one.
    Open(Box<Draft>),
}

impl RootDraft {
    /// What was begun, of a session whose work may be `under_way`.
    #[inline(always)]
    pub(super) fn new(draft: Box<Draft>, under_way: bool) -> Self {
        if under_way {
            return Self::Open(draft);
        }
        let saved = draft.save();
        drafts::give_back(draft);
        Self::Saved(saved)
    }

    /// Goes on with it to its end.
    #[inline]
    pub(super) fn resume(self, limits: &Limits) -> Box<Draft> {
        match self {
            Self::Open(draft) => draft,
            Self::Saved(saved) => {
                let mut draft = drafts::take();
                draft.resume(&saved, limits);
                draft
            }
        }
    }

    /// Writes to it.
    pub(super) fn edit(&mut self, limits: &Limits, edit: impl FnOnce(&mut Draft)) {
        match self {
            Self::Open(draft) => edit(draft),
            Self::Saved(saved) => {
                let mut draft = drafts::take();
                draft.resume(saved, limits);
                edit(&mut draft);
                *saved = draft.save();
                drafts::give_back(draft);
            }
        }
    }

    /// Writes what is known of it to another draft.
    pub(super) fn copy_to(&self, draft: &mut Draft, limits: &Limits) {
        match self {
            Self::Open(open) => draft.resume(&open.save(), limits),
            Self::Saved(saved) => draft.resume(saved, limits),
        }
    }

    /// Of one that is not recorded.
    pub(super) fn give_back(self) {
        if let Self::Open(draft) = self {
            drafts::give_back(draft);
        }
    }
}
