//! Lists through the places of a table: the oldest first, without memory of their own. Pure.

/// No place.
const NONE: u32 = u32::MAX;

/// The neighbours of a place in one list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    before: u32,
    after: u32,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            before: NONE,
            after: NONE,
        }
    }
}

/// A list: its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    first: u32,
    last: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            first: NONE,
            last: NONE,
        }
    }
}

impl Chain {
    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// The place after one with this link.
    pub(super) fn after(link: Link) -> Option<u32> {
        (link.after != NONE).then_some(link.after)
    }

    /// Adds a place that is in no list through the same links, at the end. `link` finds the links of a
    /// place.
    pub(super) fn push<T>(&mut self, of: &mut T, at: u32, link: fn(&mut T, u32) -> &mut Link) {
        *link(of, at) = Link {
            before: self.last,
            after: NONE,
        };
        match self.last {
            NONE => self.first = at,
            last => link(of, last).after = at,
        }
        self.last = at;
    }

    /// Takes a place out.
    pub(super) fn remove<T>(&mut self, of: &mut T, at: u32, link: fn(&mut T, u32) -> &mut Link) {
        let Link { before, after } = std::mem::take(link(of, at));
        match before {
            NONE => self.first = after,
            before => link(of, before).after = after,
        }
        match after {
            NONE => self.last = before,
            after => link(of, after).before = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// A chain keeps the order in which places were added, whatever is taken out between.
        #[test]
        fn a_chain_keeps_its_order(steps in proptest::collection::vec(0..16_u32, 0..200)) {
            let mut links = vec![Link::default(); 16];
            let mut chain = Chain::default();
            let mut model: Vec<u32> = Vec::new();
            for at in steps {
                match model.iter().position(|it| *it == at) {
                    Some(found) => {
                        model.remove(found);
                        chain.remove(&mut links, at, |links, at| &mut links[at as usize]);
                    }
                    None => {
                        model.push(at);
                        chain.push(&mut links, at, |links, at| &mut links[at as usize]);
                    }
                }
                let mut found = Vec::new();
                let mut next = chain.first();
                while let Some(at) = next {
                    found.push(at);
                    next = Chain::after(links[at as usize]);
                }
                proptest::prop_assert_eq!(&found, &model);
            }
        }
    }
}
