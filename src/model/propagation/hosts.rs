//! Patterns of hosts: to whom baggage may go.

use std::fmt;

/// A host, all hosts below a domain (`*.example.com`), or all hosts (`*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPattern(String);

impl HostPattern {
    pub(crate) fn new(pattern: &str) -> Self {
        Self(pattern.to_ascii_lowercase())
    }

    /// Whether it is one of the three forms.
    pub(crate) fn is_right(&self) -> bool {
        let name = self.0.strip_prefix("*.").unwrap_or(&self.0);
        self.0 == "*" || is_name(name)
    }

    /// Whether a host, with a port or without, is meant. What is no host never is.
    pub(crate) fn matches(&self, host: &str) -> bool {
        let host = without_port(host);
        let host = host.strip_suffix('.').unwrap_or(host);
        if !is_name(host) {
            return false;
        }
        match self.0.strip_prefix('*') {
            Some("") => true,
            // The dot stays: `*.example.com` is not `evil-example.com`, nor `example.com` itself.
            Some(domain) => host
                .len()
                .checked_sub(domain.len())
                .filter(|rest| *rest > 0)
                .and_then(|rest| host.get(rest..))
                .is_some_and(|end| end.eq_ignore_ascii_case(domain)),
            None => self.0.eq_ignore_ascii_case(host),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// `host:1234` and `[::1]:1234` without the port. Two colons without brackets are an address.
fn without_port(host: &str) -> &str {
    if let Some(end) = host.find(']') {
        return match &host.as_bytes()[end + 1..] {
            [] | [b':', ..] => &host[..=end],
            _ => host,
        };
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => name,
        _ => host,
    }
}

/// A name or an address; user names, paths and white space are neither.
fn is_name(host: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    !host.is_empty() && !host.starts_with('.') && host.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern means what it says and no host beside it.
    #[test]
    fn a_pattern_means_no_more_than_it_says() {
        for (pattern, host, meant) in [
            ("orders.internal", "orders.internal", true),
            ("orders.internal", "Orders.Internal:8080", true),
            ("Orders.internal", "orders.internal", true),
            ("orders.internal", "orders.internal.", true),
            ("orders.internal", "x.orders.internal", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com:443", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "evil-example.com", false),
            ("*.example.com", "evil.test/.example.com", false),
            ("*.example.com", "user@a.example.com", false),
            ("*.example.com", "a.example.com.evil.test", false),
            ("*", "anything.test", true),
            ("*", "", false),
            ("127.0.0.1", "127.0.0.1:4317", true),
            ("[::1]", "[::1]:80", true),
            ("[::1]", "[::1]", true),
            ("::1", "::1", true),
            ("localhost", "localhost", true),
            ("*.example.com", "\u{e9}.example.com", false),
        ] {
            let pattern = HostPattern::new(pattern);
            assert!(pattern.is_right());
            assert_eq!(pattern.matches(host), meant, "{pattern:?} {host}");
        }
    }

    /// What is none of the three forms is told.
    #[test]
    fn other_patterns_are_wrong() {
        for pattern in [
            "",
            "*.",
            "*example.com",
            "a.*.com",
            "https://a.test",
            "a b",
            "*.*",
        ] {
            assert!(!HostPattern::new(pattern).is_right(), "{pattern}");
        }
    }
}
