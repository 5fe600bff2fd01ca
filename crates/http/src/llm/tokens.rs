//! Tokens as providers count them, and the one way in which spans tell them.
//!
//! Providers differ in what a total holds: Anthropic counts cached input beside the input, Gemini the
//! reasoning beside the output, xAI sometimes either. Each figure is kept as it was told, and
//! [`Tokens::settled`] works out the totals of the conventions, which hold their parts.

use spanreel::Usage;

/// In what form tokens come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Modality {
    /// Text.
    Text,
    /// Sound.
    Audio,
    /// Pictures.
    Image,
    /// Films.
    Video,
    /// Documents.
    Document,
}

impl Modality {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Text,
        Self::Audio,
        Self::Image,
        Self::Video,
        Self::Document,
    ];

    /// Its name, lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Audio => "audio",
            Self::Image => "image",
            Self::Video => "video",
            Self::Document => "document",
        }
    }

    /// The modality of a name, in capitals or not.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|modality| modality.name().eq_ignore_ascii_case(name))
    }
}

/// Tokens by modality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByModality([Option<u64>; Modality::ALL.len()]);

impl ByModality {
    /// How many there were of a modality, where it was told.
    #[must_use]
    pub fn get(&self, modality: Modality) -> Option<u64> {
        self.0[modality as usize]
    }

    /// Notes how many there were; `None` changes nothing.
    pub fn set(&mut self, modality: Modality, tokens: Option<u64>) {
        if tokens.is_some() {
            self.0[modality as usize] = tokens;
        }
    }

    /// All that was told.
    pub fn iter(&self) -> impl Iterator<Item = (Modality, u64)> {
        Modality::ALL
            .into_iter()
            .filter_map(|modality| Some((modality, self.get(modality)?)))
    }

    /// Whether one of them is more than `total`, where that is known.
    fn exceeds(&self, total: Option<u64>) -> bool {
        let sum = self
            .iter()
            .fold(0, |sum: u64, (_, tokens)| sum.saturating_add(tokens));
        total.is_some_and(|total| sum > total)
    }
}

/// Tokens of one call, each figure as the provider told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokens {
    /// Input tokens, those of caches included.
    pub input: Option<u64>,
    /// Input tokens beside those of caches, where a provider counts them so.
    pub uncached_input: Option<u64>,
    /// Input tokens that tools of the provider added, beside the others.
    pub tool_input: Option<u64>,
    /// Output tokens, those of reasoning included.
    pub output: Option<u64>,
    /// Output tokens beside those of reasoning, where a provider counts them so.
    pub visible_output: Option<u64>,
    /// Input tokens that were read from a cache.
    pub cache_read: Option<u64>,
    /// Input tokens that were written to a cache.
    pub cache_creation: Option<u64>,
    /// Those of them that are kept for an hour.
    pub cache_creation_hour: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning: Option<u64>,
    /// All of them, by which the others are checked.
    pub total: Option<u64>,
    /// The input by modality.
    pub input_by: ByModality,
    /// The cached input by modality.
    pub cache_read_by: ByModality,
    /// The output by modality.
    pub output_by: ByModality,
}

/// Tokens of one call as the conventions count them: parts are in the totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// What a span tells.
    pub usage: Usage,
    /// Those of `cache_creation` that are kept for an hour.
    pub cache_creation_hour: Option<u64>,
    /// The input by modality.
    pub input_by: ByModality,
    /// The cached input by modality.
    pub cache_read_by: ByModality,
    /// The output by modality.
    pub output_by: ByModality,
    /// The part that was told as more than its total, and is therefore left out.
    pub conflict: Option<&'static str>,
}

/// The sum of what is known; `None` where nothing is.
fn sum(terms: &[Option<u64>]) -> Option<u64> {
    let known = terms.iter().flatten().copied();
    known.reduce(u64::saturating_add)
}

impl Tokens {
    /// Works out what a span tells. A part that is more than its total contradicts it: it is left out,
    /// and named.
    #[must_use]
    pub fn settled(&self) -> Settled {
        let cached = [self.cache_read, self.cache_creation];
        let input = match (self.input, self.uncached_input) {
            (Some(input), _) => sum(&[Some(input), self.tool_input]),
            (None, Some(uncached)) => sum(&[Some(uncached), cached[0], cached[1], self.tool_input]),
            (None, None) => None,
        };
        let mut settled = Settled {
            usage: Usage {
                input,
                output: self.whole_output(input),
                cache_read: self.cache_read,
                cache_creation: self.cache_creation,
                reasoning: self.reasoning,
            },
            cache_creation_hour: self.cache_creation_hour,
            input_by: self.input_by,
            cache_read_by: self.cache_read_by,
            output_by: self.output_by,
            conflict: None,
        };
        settled.leave_out_conflicts();
        settled
    }

    /// The output with the reasoning in it.
    fn whole_output(&self, input: Option<u64>) -> Option<u64> {
        let visible = self.output.or(self.visible_output);
        let both = sum(&[visible, self.reasoning]);
        let is_all = self.total.is_some() && sum(&[input, both]) == self.total;
        match (self.output, self.visible_output) {
            // Some count the reasoning beside the output and in the total, in the format of others that
            // count it in both.
            (Some(_), _) if is_all => both,
            (Some(output), _) => Some(output),
            (None, Some(_)) => both,
            // Gemini leaves the count out where all went into thoughts; the total says so.
            (None, None) => both.filter(|_| is_all),
        }
    }
}

impl Settled {
    fn leave_out_conflicts(&mut self) {
        let Usage { input, output, .. } = self.usage;
        let exceeds = |part: Option<u64>, total: Option<u64>| {
            total.is_some_and(|total| part.is_some_and(|part| part > total))
        };
        let usage = &mut self.usage;
        if exceeds(sum(&[usage.cache_read, usage.cache_creation]), input) {
            (usage.cache_read, usage.cache_creation) = (None, None);
            self.conflict = Some("cache");
        }
        if exceeds(usage.reasoning, output) {
            usage.reasoning = None;
            self.conflict = Some("reasoning");
        }
        if exceeds(self.cache_creation_hour, usage.cache_creation) || usage.cache_creation.is_none()
        {
            self.cache_creation_hour = None;
        }
        for (by, total, name) in [
            (&mut self.input_by, input, "input by modality"),
            (
                &mut self.cache_read_by,
                usage.cache_read,
                "cache by modality",
            ),
            (&mut self.output_by, output, "output by modality"),
        ] {
            if by.exceeds(total) {
                *by = ByModality::default();
                self.conflict = Some(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Totals hold their parts, however the provider counts them.
    #[test]
    fn totals_hold_their_parts() {
        let anthropic = Tokens {
            uncached_input: Some(3),
            cache_read: Some(100),
            cache_creation: Some(20),
            output: Some(5),
            ..Tokens::default()
        };
        assert_eq!(anthropic.settled().usage.input, Some(123));
        let gemini = Tokens {
            input: Some(26),
            tool_input: Some(4),
            visible_output: Some(10),
            reasoning: Some(90),
            total: Some(130),
            ..Tokens::default()
        };
        let usage = gemini.settled().usage;
        assert_eq!((usage.input, usage.output), (Some(30), Some(100)));
        let thoughts_alone = |total| Tokens {
            input: Some(12),
            reasoning: Some(84),
            total,
            ..Tokens::default()
        };
        for (total, output) in [(Some(96), Some(84)), (Some(100), None), (None, None)] {
            let usage = thoughts_alone(total).settled().usage;
            assert_eq!((usage.output, usage.reasoning), (output, Some(84)));
        }
        for (total, output) in [(Some(112), 100), (Some(22), 10), (None, 10)] {
            let x_ai = Tokens {
                input: Some(12),
                output: Some(10),
                reasoning: Some(90),
                total,
                ..Tokens::default()
            };
            let settled = x_ai.settled();
            assert_eq!(settled.usage.output, Some(output), "{total:?}");
            assert_eq!(settled.conflict.is_some(), output == 10);
        }
    }

    /// What was not told stays unknown, and zero that was told stays zero.
    #[test]
    fn unknown_is_absent_and_zero_is_zero() {
        assert_eq!(Tokens::default().settled(), Settled::default());
        let told = Tokens {
            uncached_input: Some(0),
            reasoning: Some(0),
            ..Tokens::default()
        };
        let usage = told.settled().usage;
        assert_eq!(
            (usage.input, usage.output, usage.reasoning),
            (Some(0), None, Some(0))
        );
        assert_eq!(usage.cache_read, None);
    }

    /// Parts that are more than their totals are left out and named; nothing overflows.
    #[test]
    fn parts_that_exceed_totals_are_left_out() {
        let mut told = Tokens {
            input: Some(10),
            output: Some(10),
            cache_read: Some(6),
            cache_creation: Some(5),
            cache_creation_hour: Some(5),
            reasoning: Some(u64::MAX),
            total: Some(u64::MAX),
            ..Tokens::default()
        };
        told.input_by.set(Modality::Audio, Some(u64::MAX));
        told.input_by.set(Modality::Text, Some(u64::MAX));
        let settled = told.settled();
        assert!(settled.conflict.is_some());
        assert_eq!(settled.usage.cache_read, None);
        assert_eq!(settled.cache_creation_hour, None);
        assert_eq!(settled.input_by.iter().count(), 0);
        let exact = Tokens {
            cache_creation: Some(4),
            reasoning: Some(10),
            total: None,
            input_by: ByModality::default(),
            ..told
        };
        let settled = exact.settled();
        assert_eq!(
            (settled.usage.reasoning, settled.usage.cache_read),
            (Some(10), Some(6))
        );
        assert_eq!(settled.conflict, None);
    }
}
