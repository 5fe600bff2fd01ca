//! Tokens: what one call used, what a session used in all.

/// Tokens of one call. What the provider did not tell is `None`, never zero.
///
/// ```
/// use spanreel::Usage;
///
/// let usage = Usage { input: Some(812), output: Some(96), ..Usage::default() };
/// assert_eq!(usage.reasoning, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens, those read from a cache included.
    pub input: Option<u64>,
    /// Output tokens, those spent on reasoning included.
    pub output: Option<u64>,
    /// Input tokens that came from a cache.
    pub cache_read: Option<u64>,
    /// Input tokens that were written to a cache.
    pub cache_creation: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Input and output tokens, as far as they are known.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input
            .unwrap_or(0)
            .saturating_add(self.output.unwrap_or(0))
    }

    /// What `other` tells replaces what was known.
    pub(crate) fn update(&mut self, other: &Self) {
        for (known, told) in self.each_mut().into_iter().zip(other.each()) {
            if told.is_some() {
                *known = told;
            }
        }
    }

    fn each(&self) -> [Option<u64>; 5] {
        [
            self.input,
            self.output,
            self.cache_read,
            self.cache_creation,
            self.reasoning,
        ]
    }

    fn each_mut(&mut self) -> [&mut Option<u64>; 5] {
        let Self {
            input,
            output,
            cache_read,
            cache_creation,
            reasoning,
        } = self;
        [input, output, cache_read, cache_creation, reasoning]
    }
}

/// What a session did in all, counted at the end of its spans, whether they are sampled or not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Spans that ended, the root excepted.
    pub spans: u64,
    /// Chat, completion, generation and embedding calls.
    pub llm_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Spans that failed.
    pub errors: u64,
    /// Tokens, as far as known.
    pub usage: Usage,
    /// The cost in US dollars; `None` while no call told one.
    pub cost: Option<f64>,
}

/// [`Totals`] while they grow, in less memory: many sessions are open at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) spans: u64,
    pub(crate) llm_calls: u64,
    pub(crate) tool_calls: u64,
    pub(crate) errors: u64,
    /// In the order of [`Usage`].
    tokens: [u64; 5],
    /// Which of them are known, a bit for each.
    known: u8,
    pub(crate) cost: Option<f64>,
}

impl Sums {
    /// Adds what a call used; what none told stays unknown.
    #[inline]
    pub(crate) fn add(&mut self, usage: &Usage) {
        for (number, told) in usage.each().into_iter().enumerate() {
            if let Some(told) = told {
                self.tokens[number] = self.tokens[number].saturating_add(told);
                self.known |= 1 << number;
            }
        }
    }

    pub(crate) fn totals(&self) -> Totals {
        let known = |number: usize| (self.known >> number & 1 == 1).then_some(self.tokens[number]);
        let [input, output, cache_read, cache_creation, reasoning] = std::array::from_fn(known);
        Totals {
            spans: self.spans,
            llm_calls: self.llm_calls,
            tool_calls: self.tool_calls,
            errors: self.errors,
            usage: Usage {
                input,
                output,
                cache_read,
                cache_creation,
                reasoning,
            },
            cost: self.cost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was told adds up, zero among it, and no further than a number can say; what was not stays unknown.
    #[test]
    fn tokens_add_up_and_what_is_unknown_stays_so() {
        let mut sums = Sums::default();
        assert_eq!(sums.totals(), Totals::default());
        let mut add = |input, output| {
            let usage = Usage {
                input,
                output,
                ..Usage::default()
            };
            sums.add(&usage);
            (sums.totals().usage.input, sums.totals().usage.output)
        };
        assert_eq!(add(Some(0), None), (Some(0), None));
        assert_eq!(add(Some(7), Some(1)), (Some(7), Some(1)));
        assert_eq!(add(None, Some(2)), (Some(7), Some(3)));
        assert_eq!(add(Some(u64::MAX), None), (Some(u64::MAX), Some(3)));
        assert_eq!(sums.totals().usage.reasoning, None);
    }
}
