//! What a host says of a session when it opens it. Pure data.

use std::ops::Deref;
use std::sync::Arc;

use super::propagation::baggage::Baggage;

/// The same for all segments of a session.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) agent: Option<Box<str>>,
    pub(crate) agent_id: Option<Box<str>>,
    pub(crate) user: Option<Box<str>>,
    /// The conversation, where it is not the session itself.
    pub(crate) conversation: Option<Box<str>>,
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) baggage: Baggage,
    /// Whether its spans are recorded by other processes, so that this one knows no totals.
    pub(crate) totals_elsewhere: bool,
}

/// What was said of one session. Of most that are opened for a request it is nothing, which takes no memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said(Option<Arc<About>>);

impl Said {
    pub(crate) const fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    /// To say something, before anybody else has it.
    pub(crate) fn edit(&mut self) -> &mut About {
        let about = self.0.get_or_insert_default();
        Arc::get_mut(about).expect("nobody else has it yet")
    }

    /// For somebody who keeps it.
    pub(crate) fn to_arc(&self) -> Arc<About> {
        self.0.clone().unwrap_or_default()
    }
}

impl From<About> for Said {
    fn from(about: About) -> Self {
        Self(Some(Arc::new(about)))
    }
}

impl Deref for Said {
    type Target = About;

    fn deref(&self) -> &About {
        static NOTHING: About = About {
            agent: None,
            agent_id: None,
            user: None,
            conversation: None,
            tags: Vec::new(),
            baggage: Baggage::EMPTY,
            totals_elsewhere: false,
        };
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said first stays when more is said, and is all that is known.
    #[test]
    fn what_was_said_stays() {
        let mut said = Said::default();
        assert!(said.is_nothing() && said.agent.is_none());
        said.edit().agent = Some("a".into());
        said.edit().tags.push("t".into());
        assert!(!said.is_nothing());
        assert_eq!((said.agent.as_deref(), said.tags.len()), (Some("a"), 1));
        assert_eq!(said.to_arc().agent.as_deref(), Some("a"));
    }
}
