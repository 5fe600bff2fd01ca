//! What can be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::answer::State;
use crate::clock::now_us;
use crate::error::StoreError;

/// By what a list of sessions is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SortBy {
    /// When they started.
    #[default]
    Start,
    /// How long they took.
    Duration,
    /// What they cost.
    Cost,
    /// Tokens in and out.
    Tokens,
    /// Spans that failed.
    Errors,
}

/// The order of a list of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// The largest first.
    pub descending: bool,
}

impl Default for Sort {
    /// The latest first.
    fn default() -> Self {
        Self {
            by: SortBy::Start,
            descending: true,
        }
    }
}

impl Sort {
    /// The order of a word of the API: `cost`, say, or `-cost` for the largest first.
    ///
    /// # Errors
    /// There is no such order.
    pub fn from_word(word: &str) -> Result<Self, StoreError> {
        let (descending, name) = match word.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, word),
        };
        let by = match name {
            "start" => SortBy::Start,
            "duration" => SortBy::Duration,
            "cost" => SortBy::Cost,
            "tokens" => SortBy::Tokens,
            "errors" => SortBy::Errors,
            _ => {
                let advice = "sort is start, duration, cost, tokens or errors, with - before it for the \
                              largest first";
                return Err(StoreError::BadQuery(advice.to_owned()));
            }
        };
        Ok(Self { by, descending })
    }
}

/// Which sessions failed in which way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorFilter {
    /// Some span failed.
    Any,
    /// The first failure was of this type.
    Type(String),
}

/// Which sessions. What is not set lets all of them pass.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Filter {
    /// Each word occurs in what the session says, the last one as the beginning of a word; or the text is
    /// the session's id or trace.
    pub text: Option<String>,
    /// How it stands.
    pub state: Option<State>,
    /// One of its agents.
    pub agent: Option<String>,
    /// Its user.
    pub user: Option<String>,
    /// One of its models.
    pub model: Option<String>,
    /// It started then or later, in microseconds since 1970.
    pub from_us: Option<i64>,
    /// It started before.
    pub to_us: Option<i64>,
    /// It cost so much or more, in US dollars.
    pub min_cost: Option<f64>,
    /// It cost so much or less.
    pub max_cost: Option<f64>,
    /// It failed.
    pub error: Option<ErrorFilter>,
    /// Its root span or its resource has these attributes.
    pub attributes: Vec<(String, String)>,
}

/// A page of sessions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SessionQuery {
    /// Which.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// How many at the most, 1 to 1,000. Default: 100.
    pub limit: usize,
    /// Behind which; what the page before says.
    pub cursor: Option<String>,
}

impl Default for SessionQuery {
    fn default() -> Self {
        Self {
            filter: Filter::default(),
            sort: Sort::default(),
            limit: 100,
            cursor: None,
        }
    }
}

/// By what usage and latency are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum By {
    /// Not at all.
    #[default]
    None,
    /// By model.
    Model,
    /// By agent.
    Agent,
    /// By user. Usage alone.
    User,
    /// By tool. Latency alone.
    Tool,
}

impl By {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Model => 1,
            Self::Agent => 2,
            Self::User => 3,
            Self::Tool => 4,
        }
    }
}

/// A stretch of time in buckets of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// When the first begins.
    pub from_us: i64,
    /// When the last ends.
    pub to_us: i64,
    /// How many there are, 1 to 1,000.
    pub count: usize,
}

impl Buckets {
    /// How long one is; at least 1 us.
    #[must_use]
    pub fn bucket_us(&self) -> i64 {
        let length = self.to_us.saturating_sub(self.from_us);
        let count = i64::try_from(self.count.max(1)).unwrap_or(i64::MAX);
        // Rounded up: the last one reaches the end.
        (length.saturating_add(count - 1) / count).max(1)
    }

    /// From the first of all until now, the last five minutes at least.
    pub(crate) fn since(first_us: Option<i64>, count: usize) -> Self {
        let to_us = now_us().saturating_add(1);
        let least = 5 * 60 * 1_000_000;
        Self {
            from_us: first_us.unwrap_or(i64::MAX).min(to_us - least),
            to_us,
            count,
        }
    }

    /// Which one an instant is in.
    #[must_use]
    pub fn index(&self, us: i64) -> Option<usize> {
        let index = us.checked_sub(self.from_us)?.div_euclid(self.bucket_us());
        let index = usize::try_from(index).ok()?;
        (index < self.count).then_some(index)
    }
}

/// How long a query may take, and whether anybody still waits for it.
#[derive(Clone, Debug)]
pub struct Patience {
    until: Instant,
    is_gone: Arc<AtomicBool>,
}

/// Says, when it is dropped, that nobody waits any more.
#[derive(Debug)]
pub struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Patience {
    /// For as long as this takes.
    #[must_use]
    pub fn of(time: Duration) -> Self {
        Self {
            until: Instant::now() + time,
            is_gone: Arc::default(),
        }
    }

    /// Ends the patience when it is dropped.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        Waiting(Arc::clone(&self.is_gone))
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed) || Instant::now() >= self.until
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.is_over() {
            true => Err(StoreError::TooSlow),
            false => Ok(()),
        }
    }
}

/// Where a page ended: the sort value of its last item and what tells items of the same value apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cursor {
    pub(crate) value: f64,
    pub(crate) tie: u64,
}

impl Cursor {
    pub(crate) fn to_text(&self) -> String {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.value.to_bits().to_be_bytes());
        bytes[8..].copy_from_slice(&self.tie.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn from_text(text: &str) -> Result<Self, StoreError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let halves = bytes.split_first_chunk::<8>();
        let halves = halves.and_then(|(value, tie)| Some((value, tie.try_into().ok()?)));
        let Some((value, tie)) = halves else {
            let advice = "the cursor is none; give the one that the page before gave as next";
            return Err(StoreError::BadQuery(advice.to_owned()));
        };
        Ok(Self {
            value: f64::from_bits(u64::from_be_bytes(*value)),
            tie: u64::from_be_bytes(tie),
        })
    }
}

/// The words of a searched text, in small letters; what is neither letter nor digit parts them. At most 16.
pub(crate) fn words(text: &str) -> Vec<String> {
    let is_part = |character: char| character.is_alphanumeric();
    let words = text.split(|character: char| !is_part(character));
    let words = words.filter(|word| !word.is_empty()).take(16);
    words.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cursor is read as it was written; what is none is refused.
    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = Cursor {
            value: 1.5,
            tie: u64::MAX,
        };
        assert_eq!(Cursor::from_text(&cursor.to_text()).ok(), Some(cursor));
        for text in ["", "x", "AAAA", "not base64!"] {
            assert!(Cursor::from_text(text).is_err(), "{text}");
        }
    }

    /// Every instant of a stretch is in one of its buckets, others in none.
    #[test]
    fn every_instant_has_its_bucket() {
        let buckets = Buckets {
            from_us: 10,
            to_us: 31,
            count: 5,
        };
        assert_eq!(buckets.bucket_us(), 5);
        assert_eq!(buckets.index(9), None);
        assert_eq!(buckets.index(10), Some(0));
        assert_eq!(buckets.index(30), Some(4));
        assert_eq!(buckets.index(35), None);
    }

    /// A query nobody waits for is over.
    #[test]
    fn a_query_nobody_waits_for_is_over() {
        let patience = Patience::of(Duration::from_secs(60));
        let waiting = patience.waiting();
        assert!(!patience.is_over());
        drop(waiting);
        assert!(patience.is_over());
    }
}
