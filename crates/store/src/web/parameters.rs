//! What stands behind the question mark.

use percent_encoding::percent_decode_str;

use crate::answer::State;
use crate::clock::now_us;
use crate::error::StoreError;
use crate::query::{Buckets, By, ErrorFilter, Filter, SessionQuery, Sort};

/// The longest value that is looked at, in bytes.
const LONGEST: usize = 4_096;

/// How many attributes may be asked for at once.
const MOST_ATTRIBUTES: usize = 16;

/// The parameters of a request, decoded.
pub(super) struct Parameters(Vec<(String, String)>);

/// Text as it was before it was encoded; what is no UTF-8 is replaced.
pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn bad(message: impl Into<String>) -> StoreError {
    StoreError::BadQuery(message.into())
}

impl Parameters {
    pub(super) fn new(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let [name, value] = [name, value].map(|it| decoded(&it.replace('+', " ")));
            (name, value)
        });
        Self(pairs.collect())
    }

    /// The first value of a name; nothing where it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value).filter(|it| !it.is_empty())
    }

    fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        match self.get(name) {
            Some(value) if value.len() > LONGEST => Err(bad(format!(
                "{name} is longer than {LONGEST} bytes; give less"
            ))),
            value => Ok(value.map(str::to_owned)),
        }
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = value.parse();
        number
            .map(Some)
            .map_err(|_| bad(format!("{name} is no number that it may be")))
    }

    fn amount(&self, name: &str) -> Result<Option<f64>, StoreError> {
        match self.number::<f64>(name)? {
            Some(amount) if !amount.is_finite() => Err(bad(format!("{name} is no number"))),
            amount => Ok(amount),
        }
    }

    /// How many items a page may have: `usual` where nothing is said.
    pub(super) fn limit(&self, usual: usize, most: usize) -> Result<usize, StoreError> {
        let limit = self.number("limit")?.unwrap_or(usual);
        match (1..=most).contains(&limit) {
            true => Ok(limit),
            false => Err(bad(format!("limit is 1 to {most}"))),
        }
    }

    pub(super) fn cursor(&self) -> Result<Option<String>, StoreError> {
        self.text("cursor")
    }

    /// Which sessions.
    pub(super) fn filter(&self) -> Result<Filter, StoreError> {
        let state = self.get("state").map(|name| {
            let advice = "state is running, done, failed, incomplete or stalled";
            State::from_name(name).ok_or_else(|| bad(advice))
        });
        let error = self.text("error")?.map(|error| match &*error {
            "true" => ErrorFilter::Any,
            _ => ErrorFilter::Type(error),
        });
        let mut attributes = Vec::new();
        for (_, value) in self.0.iter().filter(|(name, _)| name == "attr") {
            let pair = value.split_once('=').filter(|_| value.len() <= LONGEST);
            let (key, value) = pair.ok_or_else(|| bad("attr is key=value"))?;
            attributes.push((key.to_owned(), value.to_owned()));
        }
        if attributes.len() > MOST_ATTRIBUTES {
            return Err(bad(format!("attr may be given {MOST_ATTRIBUTES} times")));
        }
        Ok(Filter {
            text: self.text("text")?,
            state: state.transpose()?,
            agent: self.text("agent")?,
            user: self.text("user")?,
            model: self.text("model")?,
            from_us: self.number("from_us")?,
            to_us: self.number("to_us")?,
            min_cost: self.amount("min_cost")?,
            max_cost: self.amount("max_cost")?,
            error,
            attributes,
        })
    }

    /// A page of sessions.
    pub(super) fn sessions(&self) -> Result<SessionQuery, StoreError> {
        let sort = self.get("sort").map(Sort::from_word).transpose()?;
        Ok(SessionQuery {
            filter: self.filter()?,
            sort: sort.unwrap_or_default(),
            limit: self.limit(100, 1_000)?,
            cursor: self.cursor()?,
        })
    }

    /// The stretch of time: the last 24 hours where nothing is said.
    pub(super) fn stretch(&self) -> Result<(i64, i64), StoreError> {
        let to_us = self.number("to_us")?.unwrap_or_else(now_us);
        let day = 24 * 60 * 60 * 1_000_000;
        let from_us = self
            .number("from_us")?
            .unwrap_or(i64::saturating_sub(to_us, day));
        // 2^53: beyond it a page's numbers are not exact, and nothing has happened yet.
        let range = 0..(1_i64 << 53);
        match from_us < to_us && range.contains(&from_us) && range.contains(&to_us) {
            true => Ok((from_us, to_us)),
            false => Err(bad(
                "from_us must be before to_us, both in microseconds since 1970",
            )),
        }
    }

    pub(super) fn buckets(&self) -> Result<Buckets, StoreError> {
        let (from_us, to_us) = self.stretch()?;
        let count = self.number("buckets")?.unwrap_or(60);
        match (1..=1_000).contains(&count) {
            true => Ok(Buckets {
                from_us,
                to_us,
                count,
            }),
            false => Err(bad("buckets is 1 to 1000")),
        }
    }

    /// By what, of those that may be.
    pub(super) fn by(&self, usual: By, allowed: &[By]) -> Result<By, StoreError> {
        let by = match self.get("by") {
            None => usual,
            Some("none") => By::None,
            Some("model") => By::Model,
            Some("agent") => By::Agent,
            Some("user") => By::User,
            Some("tool") => By::Tool,
            Some(_) => return Err(bad("by is model, agent, user, tool or none")),
        };
        match allowed.contains(&by) {
            true => Ok(by),
            false => Err(bad("by cannot be that here")),
        }
    }

    pub(super) fn is_csv(&self) -> bool {
        self.get("format") == Some("csv")
    }
}
