//! Redaction: what must not leave the process is found and taken out, before anything holds, stores or
//! exports it. Pure: texts in, texts out.

mod account;
mod counts;
mod detector;
mod edge;
mod find;
mod json;
mod read;
mod redactor;
mod rules;
mod unescape;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use self::account::Found;
pub(crate) use self::account::Spot;
use self::counts::Counters;
pub use self::counts::{RedactionStats, RuleStats};
pub use self::detector::Detector;
use self::detector::Detectors;
pub(crate) use self::edge::{edge, edge_in_string};
pub use self::redactor::Redactor;
use self::redactor::Told;
pub(crate) use self::redactor::{Redaction as TextRedaction, Scratch};
pub(crate) use self::rules::{Action, MASK, Ruling};
use self::rules::{Rule, Rules};
use crate::model::content::Part;
use crate::model::genai::{FOREIGN_CONTENT, FOREIGN_CONTENT_PARTS};
use crate::model::hash_key::HashKey;
use crate::model::problem::Problem;

/// What a function of the user's own says of a text: [`Redaction::with`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redacted {
    /// It stays. The detectors look at it next.
    Keep,
    /// This takes its place. The detectors look at it next.
    Replace(String),
    /// It goes, and an attribute with it.
    Remove,
}

type Own = Arc<dyn Fn(&str, &str) -> Redacted + Send + Sync>;

/// What must not leave the process, and what becomes of it.
///
/// It is applied to the names, attributes (keys and values, also within arrays and maps), events, links
/// and status messages of spans, to bodies and attributes of log records, to the resource, to the baggage
/// that travels, to what [`Pipeline::sessions`](crate::Pipeline::sessions) shows and to what servers
/// answer, before any of it is held, stored, exported or printed; and to the requests that an
/// [`Intake`](crate::Intake) accepts, metrics among them. A text that is JSON is still JSON afterwards,
/// and secrets are found in it however they are escaped.
///
/// A key has at most one rule. The more exact one counts, whatever the order and the capitals; a `*` at
/// the end stands for any rest. Rules also hold for the members of JSON objects and of maps, where what
/// is to be removed is masked.
///
/// ```
/// use spanreel::testing::InMemory;
/// use spanreel::{HashKey, Pipeline, Redaction};
///
/// let memory = InMemory::new();
/// let redaction = Redaction::standard()
///     .hash("user.id", HashKey::new(*b"sixteen or more bytes, at random"))
///     .remove("http.request.header.*");
/// let pipeline = Pipeline::builder().redact(redaction).export(memory.clone()).start()?;
///
/// let session = pipeline.open_session("conv-1").user("u-19").open()?;
/// let mut mail = session.tool("send_mail").start();
/// mail.set("gen_ai.tool.call.arguments", r#"{"to": "ada@example.com", "password": "hunter2"}"#);
/// mail.end();
/// session.end();
/// pipeline.shutdown_blocking(std::time::Duration::from_secs(5));
///
/// assert_eq!(
///     memory.span("execute_tool send_mail").str("gen_ai.tool.call.arguments"),
///     Some(r#"{"to": "[email]", "password": "[redacted]"}"#),
/// );
/// assert_ne!(memory.span("session").str("user.id"), Some("u-19"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "give it to Builder::redact"]
pub struct Redaction {
    detectors: Detectors,
    rules: Vec<Rule>,
    only: Option<Vec<String>>,
    secret_names: bool,
    message_events: bool,
    hash_key: Option<HashKey>,
    own: Option<Own>,
    dry_run: bool,
    told: Option<Told>,
}

/// The name by which the rules of [`Redaction::remove_content`] are counted.
const CONTENT: &str = "content";

impl Default for Redaction {
    fn default() -> Self {
        Self::standard()
    }
}

impl Redaction {
    /// All detectors, and what stands behind the names of secrets is masked.
    pub fn standard() -> Self {
        Self {
            detectors: Detectors::ALL,
            secret_names: true,
            ..Self::nothing()
        }
    }

    /// Nothing at all, to begin with.
    pub fn nothing() -> Self {
        Self {
            detectors: Detectors::NONE,
            rules: Vec::new(),
            only: None,
            secret_names: false,
            message_events: false,
            hash_key: None,
            own: None,
            dry_run: false,
            told: None,
        }
    }

    /// Looks for this, too.
    pub fn detect(mut self, detector: Detector) -> Self {
        self.detectors = self.detectors.with(detector);
        self
    }

    /// Does not look for this.
    pub fn ignore(mut self, detector: Detector) -> Self {
        self.detectors = self.detectors.without(detector);
        self
    }

    /// Whether what stands behind the name of a secret is masked: `password`, `api_key`,
    /// `authorization`, `cookie` and their like, as a key, as its last part
    /// (`http.request.header.authorization`) or as a member of JSON, in any way of writing.
    pub fn secret_names(mut self, mask: bool) -> Self {
        self.secret_names = mask;
        self
    }

    /// Leaves out attributes of this key.
    pub fn remove(self, key: impl Into<String>) -> Self {
        self.rule(key, Action::Remove)
    }

    /// Puts `[redacted]` in the place of values of this key.
    pub fn mask(self, key: impl Into<String>) -> Self {
        self.rule(key, Action::Mask)
    }

    /// Puts a keyed hash (HMAC-SHA-256, cut to 16 bytes) in the place of texts and integers of this key,
    /// so that who is the same can still be told. Other values are masked. There is one key for all
    /// hashes; the last counts.
    pub fn hash(mut self, key: impl Into<String>, secret: HashKey) -> Self {
        self.hash_key = Some(secret);
        self.rule(key, Action::Hash)
    }

    /// Lets values of this key pass unread: what is known to be harmless and looks as if it were not.
    pub fn pass(self, key: impl Into<String>) -> Self {
        self.rule(key, Action::Pass)
    }

    /// Leaves out every attribute whose key is none of these and has no rule of its own. `session.id`,
    /// `service.name` and those of spanreel's own always stay. Called again, it adds keys.
    pub fn only<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let only = self.only.get_or_insert_default();
        only.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Leaves out what users and models wrote, whoever set it: the attributes of every
    /// [`Part`](crate::Part), and those that older conventions, OpenInference, Traceloop, AgentOps, Langfuse
    /// and Vercel's AI SDK have for it.
    ///
    /// Of events that are messages, as the conventions before 1.37 have them (`gen_ai.user.message` and its
    /// like, `gen_ai.choice`, `gen_ai.content.prompt`), the body goes and the attributes that have parts of
    /// the message, be they log records or events of spans; so do JSON texts and bodies that list such
    /// events. The body of any other log record has nothing that tells: [`with`](Self::with) decides of it.
    pub fn remove_content(mut self) -> Self {
        self.message_events = true;
        let own = Part::ALL.into_iter().map(|part| part.key().to_owned());
        let foreign = FOREIGN_CONTENT.iter().map(ToString::to_string);
        let parts = FOREIGN_CONTENT_PARTS.iter();
        let parts = parts.map(|beginning| format!("{beginning}*"));
        self.rules
            .extend(own.chain(foreign).chain(parts).map(|key| Rule {
                key,
                action: Action::Remove,
                group: Some(CONTENT),
            }));
        self
    }

    /// Shows every text to a function before the detectors look at it: the key of its attribute, and the
    /// text. What is no attribute has one of the keys `span.name`, `event.name`, `status.message`,
    /// `log.body`, `attribute.key`, `scope.name` and `server.answer`.
    ///
    /// Called off the host's threads for what sessions record, and on the thread that asks for the live
    /// view, for baggage and for requests that are received. A panic masks the text.
    pub fn with(mut self, own: impl Fn(&str, &str) -> Redacted + Send + Sync + 'static) -> Self {
        self.own = Some(Arc::new(own));
        self
    }

    /// Changes nothing and counts what it would change: `pipeline.stats().redaction`.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Tells a function of everything that is found, where it is found: to see what a redaction would do,
    /// with [`dry_run`](Self::dry_run). It is shown what a secret looks like, never the secret.
    ///
    /// Called on the threads that [`with`](Self::with) names, and often: it must not wait. A panic of it is
    /// counted.
    pub fn tell(mut self, told: impl Fn(&Found<'_>) + Send + Sync + 'static) -> Self {
        self.told = Some(Arc::new(told));
        self
    }

    fn rule(mut self, key: impl Into<String>, action: Action) -> Self {
        self.rules.push(Rule {
            key: key.into(),
            action,
            group: None,
        });
        self
    }

    /// Everything wrong with it.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let rules = self.rules.iter().map(|rule| ("redact", &rule.key));
        let only = self.only.iter().flatten().map(|key| ("redact.only", key));
        let mut problems = Vec::new();
        for (setting, key) in rules.chain(only) {
            if key.is_empty() || key.trim_end_matches('*').contains('*') {
                let advice = format!("{key:?} is no key; give one, with a * at its end at most");
                problems.push(Problem::new(setting, advice));
            }
        }
        problems
    }

    /// The redaction at work, to be used by hand.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        let mut rules = Rules::new(&self.rules, self.only.as_deref(), self.secret_names);
        if self.message_events {
            rules = rules.without_message_events(CONTENT);
        }
        Redactor {
            detectors: self.detectors,
            counters: Counters::new(rules.counted().len()),
            rules,
            hash_key: self.hash_key.clone(),
            own: self.own.clone(),
            dry_run: self.dry_run,
            told: self.told.clone(),
        }
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redaction")
            .field("detectors", &self.detectors)
            .field("rules", &self.rules)
            .field("only", &self.only)
            .field("secret_names", &self.secret_names)
            .field("message_events", &self.message_events)
            .field("own", &self.own.is_some())
            .field("dry_run", &self.dry_run)
            .field("told", &self.told.is_some())
            .finish_non_exhaustive()
    }
}
