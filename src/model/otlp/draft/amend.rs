//! Replaces what a span was begun with: its name and kind.
//!
//! The order of protobuf fields is free, so the new one goes to the end.

use super::Draft;
use crate::model::kind::SpanKind;
use crate::model::limits::{Limits, truncate_bytes};
use crate::model::otlp::fields as f;
use crate::model::otlp::scan;

impl Draft {
    /// Replaces the name of the span. A name over the limit is cut.
    pub(crate) fn rename(&mut self, name: &str, limits: &Limits) {
        let earlier = scan::fields(self.out.written()).find(|field| field.is(f::span::NAME));
        if let Some(earlier) = earlier {
            self.out.remove(earlier.range);
        }
        let name = truncate_bytes(name, limits.name_length);
        self.out.bytes(f::span::NAME, name.as_bytes());
        // Where it stands is asked for at the start alone.
        self.name = 0..0;
    }

    /// Replaces the kind of the span.
    pub(crate) fn kind(&mut self, kind: SpanKind) {
        let earlier = scan::fields(self.out.written()).find(|field| field.is_uint(f::span::KIND));
        if let Some(earlier) = earlier {
            self.out.remove(earlier.range);
        }
        self.out.uint(f::span::KIND, kind as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::SpanId;
    use crate::model::kind::Status;
    use crate::model::otlp::view::SpanView;

    /// A new name and kind replace the old ones, and nothing else changes.
    #[test]
    fn a_new_name_and_kind_replace_the_old() {
        let limits = Limits {
            name_length: 8,
            ..Limits::default()
        };
        let mut draft = Draft::with_capacity(64);
        draft.begin_span("chat", "", &limits);
        draft.head(SpanId::random(), None, SpanKind::Internal, 7);
        draft.set("key", "value".into());
        draft.status(Status::Error("failed"));
        for name in ["", "turn", "chat gpt-5-mini"] {
            draft.rename(name, &limits);
            draft.kind(SpanKind::Client);
        }
        draft.set("key", "other".into());
        draft.end(9);

        let mut chunk = vec![0; draft.len_in_chunk(b"")];
        draft.write_to(&mut chunk, b"");
        let view = SpanView::new(scan::message_of(&chunk)).expect("it is a span");
        assert_eq!(view.name(), "chat gpt", "cut to the limit");
        assert_eq!(view.kind(), SpanKind::Client);
        assert_eq!(view.start_unix_nanos(), 7);
        assert_eq!(view.status().message, "failed");
        let values: Vec<_> = view
            .attributes()
            .map(|(key, value)| (key, value.as_str()))
            .collect();
        assert_eq!(values, [("key", Some("other"))]);
        let names = scan::fields(scan::message_of(&chunk)).filter(|field| field.is(f::span::NAME));
        assert_eq!(names.count(), 1);
    }
}
