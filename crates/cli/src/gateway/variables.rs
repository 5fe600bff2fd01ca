//! The variables that make the clients of a command call the gateway.
//!
//! Pure: reads the environment through what it is given. A base URL that was set already stays where calls
//! go to, behind the gateway.

use super::upstream::Upstream;

/// A variable, whose provider it leads to, and what clients expect its value to end with.
const BASE_URLS: [(&str, &str, &str); 3] = [
    ("OPENAI_BASE_URL", "openai", "/v1"),
    ("ANTHROPIC_BASE_URL", "anthropic", ""),
    ("GOOGLE_GEMINI_BASE_URL", "gemini", ""),
];

/// Where calls go to, as this environment has it. A value that is no URL is left to the command.
pub(crate) fn upstreams(read: impl Fn(&str) -> Option<String>) -> Vec<Upstream> {
    let set = BASE_URLS.iter().filter_map(|(variable, name, _)| {
        let url = read(variable).filter(|url| !url.is_empty())?;
        format!("{name}={url}").parse().ok()
    });
    set.collect()
}

/// What to set for a gateway at this URL.
pub(crate) fn variables(
    gateway: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Vec<(&'static str, String)> {
    let mut set = Vec::new();
    for (variable, name, end) in BASE_URLS {
        let known = read(variable).filter(|url| !url.is_empty());
        let end = match known {
            None => end,
            Some(url) if format!("{name}={url}").parse::<Upstream>().is_ok() => "",
            Some(_) => continue,
        };
        set.push((variable, format!("{gateway}/{name}{end}")));
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients call the gateway, and it the place that was set before.
    #[test]
    fn a_base_url_that_was_set_is_kept_behind_the_gateway() {
        let read = |name: &str| match name {
            "OPENAI_BASE_URL" => Some("http://gpu:8000/v1".to_owned()),
            "GOOGLE_GEMINI_BASE_URL" => Some("nonsense".to_owned()),
            _ => None,
        };
        let set = variables("http://127.0.0.1:9", read);
        let expected = [
            ("OPENAI_BASE_URL", "http://127.0.0.1:9/openai".to_owned()),
            (
                "ANTHROPIC_BASE_URL",
                "http://127.0.0.1:9/anthropic".to_owned(),
            ),
        ];
        assert_eq!(set, expected);
        let upstreams: Vec<_> = upstreams(read).iter().map(ToString::to_string).collect();
        assert_eq!(upstreams, ["openai=http://gpu:8000/v1"]);
        let unset = variables("http://127.0.0.1:9", |_| None);
        assert_eq!(unset[0].1, "http://127.0.0.1:9/openai/v1");
    }
}
