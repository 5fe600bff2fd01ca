//! Environment variables as a carrier: how context comes to this process and goes to its children
//! (OpenTelemetry specification, "Environment Variables as Context Propagation Carriers").

use std::collections::BTreeMap;
use std::process::Command;

use super::carrier::{Carrier, CarrierMut};
use super::xray;

/// The name that AWS Lambda gives the variable of its trace header.
const LAMBDA: &str = "_X_AMZN_TRACE_ID";

/// Environment variables: `TRACEPARENT`, `TRACESTATE`, `BAGGAGE` and the like. Keys are upper case,
/// and what may not stand in a name is an underscore; the header of AWS X-Ray is `_X_AMZN_TRACE_ID`,
/// as Lambda has it.
///
/// [`current`](Self::current) reads those of this process. To write those of a child, inject into
/// its [`Command`], or into a carrier that is `new`, and give it what [`iter`](Self::iter) yields.
///
/// ```
/// use spanreel::{EnvironmentCarrier, SpanContext};
///
/// let environment = EnvironmentCarrier::from_iter([
///     ("PATH", "/bin"),
///     ("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
/// ]);
/// let parent = SpanContext::extract(&environment).expect("valid");
/// let mut child = std::process::Command::new("worker");
/// parent.inject(&mut child);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentCarrier {
    variables: BTreeMap<String, String>,
}

impl EnvironmentCarrier {
    /// An environment without variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The variables, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.variables.iter();
        variables.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for EnvironmentCarrier {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        Self {
            variables: variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }
}

/// Only the exact names of variables count: `traceparent` is none.
impl Carrier for EnvironmentCarrier {
    fn get_all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let value = self.variables.get(&variable(key));
        value.map(String::as_str).into_iter()
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }
}

impl CarrierMut for EnvironmentCarrier {
    fn set(&mut self, key: &'static str, value: &str) {
        self.variables.insert(variable(key), value.to_owned());
    }

    fn remove(&mut self, key: &'static str) {
        self.variables.remove(&variable(key));
    }
}

/// A child process: what is not written is removed, or the child would inherit this process's own.
impl CarrierMut for Command {
    fn set(&mut self, key: &'static str, value: &str) {
        self.env(variable(key), value);
    }

    fn remove(&mut self, key: &'static str) {
        self.env_remove(variable(key));
    }
}

/// The variable of a key: upper case, and an underscore for what is neither letter nor digit.
pub(crate) fn variable(key: &str) -> String {
    if key.eq_ignore_ascii_case(xray::HEADER) {
        return LAMBDA.to_owned();
    }
    let upper = key.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
        _ => '_',
    });
    upper.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are upper case with underscores, and that of X-Ray is Lambda's.
    #[test]
    fn names_are_upper_case() {
        for (key, name) in [
            ("traceparent", "TRACEPARENT"),
            ("X-B3-TraceId", "X_B3_TRACEID"),
            ("X-Amzn-Trace-Id", "_X_AMZN_TRACE_ID"),
        ] {
            assert_eq!(variable(key), name);
        }
        let lower = EnvironmentCarrier::from_iter([("traceparent", "x")]);
        assert_eq!(lower.get("traceparent"), None);
        assert_eq!(lower.keys().collect::<Vec<_>>(), ["traceparent"]);
    }

    /// A child gets what is set and does not inherit what is not.
    #[test]
    fn a_child_gets_what_is_set() {
        let mut child = Command::new("child");
        child.set("traceparent", "1");
        child.remove("baggage");
        let variables: Vec<_> = child.get_envs().collect();
        assert_eq!(variables.len(), 2);
        assert!(variables.contains(&("TRACEPARENT".as_ref(), Some("1".as_ref()))));
        assert!(variables.contains(&("BAGGAGE".as_ref(), None)));
        let mut environment = EnvironmentCarrier::new();
        environment.set("traceparent", "1");
        environment.set("baggage", "a=b");
        CarrierMut::remove(&mut environment, "baggage");
        assert_eq!(
            environment.iter().collect::<Vec<_>>(),
            [("TRACEPARENT", "1")]
        );
    }
}
