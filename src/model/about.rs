//! What a host says of a session when it opens it. Pure data.

use std::ops::Deref;
use std::sync::Arc;

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
    pub(crate) tags: Vec<Box<str>>,
    pub(crate) baggage: Baggage,
    /// Whether its spans are recorded by other processes, so that this one knows no totals.
    pub(crate) totals_elsewhere: bool,
    pub(crate) content: Content,
}

impl About {
    const fn nothing(content: Content) -> Self {
        Self {
            agent: None,
            agent_id: None,
            user: None,
            conversation: None,
            tags: Vec::new(),
            baggage: Baggage::EMPTY,
            totals_elsewhere: false,
            content,
        }
    }
}

/// What was said of one session. Of most sessions that are opened for a request nothing is, which takes no memory.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// Nothing but whether content is recorded.
    Nothing(Content),
    /// Something.
    All(Arc<About>),
}

impl Said {
    pub(crate) const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing(_))
    }

    /// To say something, before anybody else has it.
    pub(crate) fn edit(&mut self) -> &mut About {
        if let Self::Nothing(content) = *self {
            *self = Self::All(Arc::new(About::nothing(content)));
        }
        match self {
            Self::All(about) => Arc::get_mut(about).expect("nobody else has it yet"),
            Self::Nothing(_) => unreachable!("it is something now"),
        }
    }

    /// For somebody who keeps it.
    pub(crate) fn to_arc(&self) -> Arc<About> {
        match self {
            Self::Nothing(content) => Arc::new(About::nothing(*content)),
            Self::All(about) => Arc::clone(about),
        }
    }
}

impl Deref for Said {
    type Target = About;

    fn deref(&self) -> &About {
        static OFF: About = About::nothing(Content::Off);
        static SPANS: About = About::nothing(Content::Spans);
        static EVENTS: About = About::nothing(Content::Events);
        static BOTH: About = About::nothing(Content::Both);
        match self {
            Self::All(about) => about,
            Self::Nothing(Content::Off) => &OFF,
            Self::Nothing(Content::Spans) => &SPANS,
            Self::Nothing(Content::Events) => &EVENTS,
            Self::Nothing(Content::Both) => &BOTH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where nothing is said, whether content is recorded is known all the same, and stays what it was when
    /// something is said.
    #[test]
    fn content_is_known_where_nothing_is_said() {
        for content in [Content::Off, Content::Spans, Content::Events, Content::Both] {
            let mut said = Said::Nothing(content);
            assert_eq!((said.content, said.to_arc().content), (content, content));
            said.edit().user = Some("u".into());
            assert_eq!((said.content, said.user.as_deref()), (content, Some("u")));
        }
    }

    /// What is said first stays when more is said.
    #[test]
    fn what_was_said_stays() {
        let mut said = Said::Nothing(Content::Off);
        said.edit().agent = Some("a".into());
        said.edit().tags.push("t".into());
        assert_eq!((said.agent.as_deref(), said.tags.len()), (Some("a"), 1));
    }
}
