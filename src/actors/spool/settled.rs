//! What of the log is settled for a lane: all before one position, and ranges above it, of what was delivered
//! while something before it was still under way.
//!
//! Holds: a range for each gap, so one more at the most than the lane has requests under way. Waits: never.
//! Loses: nothing.

use std::collections::BTreeMap;

/// What of the log a lane has settled. Nothing that is settled is ever open again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    before: u64,
    /// Where each range ends, by where it begins. They do not touch one another, nor `before`.
    above: BTreeMap<u64, u64>,
}

impl Settled {
    /// All before a position, and nothing else.
    pub(crate) fn all_before(position: u64) -> Self {
        Self {
            before: position,
            above: BTreeMap::new(),
        }
    }

    /// All before is settled; what stands here is not.
    pub(crate) fn before(&self) -> u64 {
        self.before
    }

    /// The ranges above, in order.
    pub(crate) fn above(&self) -> impl ExactSizeIterator<Item = (u64, u64)> + '_ {
        self.above.iter().map(|(from, to)| (*from, *to))
    }

    /// Nothing at or behind this is settled.
    pub(crate) fn end(&self) -> u64 {
        let last = self.above.last_key_value();
        last.map_or(self.before, |(_, end)| *end)
    }

    /// Whether what stands at a position is settled.
    pub(crate) fn holds(&self, position: u64) -> bool {
        let is_above = || {
            let begun = self.above.range(..=position).next_back();
            begun.is_some_and(|(_, end)| position < *end)
        };
        position < self.before || is_above()
    }

    /// Settles a range. Returns whether that is news.
    pub(crate) fn mark(&mut self, mut from: u64, mut to: u64) -> bool {
        if from >= to || to <= self.before {
            return false;
        }
        while let Some((&begin, &end)) = self.above.range(..=to).next_back()
            && end >= from
        {
            if begin <= from && to <= end {
                return false;
            }
            self.above.remove(&begin);
            (from, to) = (from.min(begin), to.max(end));
        }
        if from <= self.before {
            self.before = to;
        } else {
            self.above.insert(from, to);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What was marked is settled and nothing else, in whatever order it came; ranges are joined as far
        /// as they can be.
        #[test]
        fn what_was_marked_is_settled(ranges in prop::collection::vec((0..60_u64, 0..9_u64), 0..40)) {
            let mut settled = Settled::default();
            let mut model = [false; 80];
            for (from, len) in ranges {
                let marked = &mut model[from as usize..(from + len) as usize];
                let is_news = marked.contains(&false);
                marked.fill(true);
                prop_assert_eq!(settled.mark(from, from + len), is_news);
            }
            for (position, is_settled) in model.iter().enumerate() {
                prop_assert_eq!(settled.holds(position as u64), *is_settled, "{}", position);
            }
            let before = model.iter().take_while(|is_settled| **is_settled).count();
            prop_assert_eq!(settled.before(), before as u64);
            let runs = model.windows(2).filter(|two| !two[0] && two[1]).count();
            prop_assert_eq!(settled.above().len(), runs);
            let end = model.iter().rposition(|is_settled| *is_settled).map_or(0, |last| last + 1);
            prop_assert_eq!(settled.end(), end as u64);
        }
    }
}
