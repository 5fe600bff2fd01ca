//! Where to forward to: what was asked for, what the environment says, or a receiver that runs here.

use std::time::Duration;

use spanreel::Signal;

use super::args::{Conflict, RunArgs};
use crate::config::export::{ExportConfig, Target, header};
use crate::config::place::Origin;
use crate::config::value::Packing;
use crate::endpoint::Endpoint;
use crate::probe;
use crate::probe::verdict::Verdict;

/// How long a receiver on this machine may take to answer.
const GREETING: Duration = Duration::from_millis(500);

/// Decides where to forward to; nowhere is an answer, too.
///
/// # Errors
/// An option cannot be right. What the environment says wrongly is a warning: the command runs.
pub(crate) async fn choose(
    args: &RunArgs,
    read: impl Fn(&str) -> Option<String>,
) -> Result<Vec<ExportConfig>, Conflict> {
    let asked = args.exports()?;
    if args.no_forward || !asked.is_empty() {
        return Ok(asked);
    }
    for signal in Signal::ALL {
        let name = format!(
            "OTEL_EXPORTER_OTLP_{}_ENDPOINT",
            signal.name().to_ascii_uppercase()
        );
        if read(&name).is_some_and(|url| !url.is_empty()) {
            tracing::warn!(target: "spanreel", name, "not followed; name the receiver with --export");
        }
    }
    match environment(&read) {
        Ok(Some(export)) => return Ok(vec![export]),
        Ok(None) => {}
        Err(advice) => {
            tracing::warn!(target: "spanreel", "OTEL_EXPORTER_OTLP_*: {advice}; forwarding nowhere");
            return Ok(Vec::new());
        }
    }
    Ok(running(&args.serve).await.into_iter().collect())
}

/// The receiver that the general variables of OTLP exporters name.
///
/// # Errors
/// Advice, without secrets.
fn environment(read: impl Fn(&str) -> Option<String>) -> Result<Option<ExportConfig>, String> {
    let of = |name: &str| {
        let value = read(&format!("OTEL_EXPORTER_OTLP_{name}"));
        value.filter(|value| !value.trim().is_empty())
    };
    let Some(url) = of("ENDPOINT") else {
        return Ok(None);
    };
    let url = url.trim();
    let url = match (
        of("PROTOCOL").as_deref().map(str::trim),
        url.split_once("://"),
    ) {
        (Some("grpc"), Some(("http", rest))) => format!("grpc://{rest}"),
        (Some("grpc"), Some(("https", rest))) => format!("grpcs://{rest}"),
        _ => url.to_owned(),
    };
    let endpoint: Endpoint = url.parse().map_err(|error| format!("ENDPOINT: {error}"))?;
    let origin = Origin::Variable("OTEL_EXPORTER_OTLP_ENDPOINT".into());
    let mut export = ExportConfig::new(origin, Target::Otlp(endpoint));
    for text in of("HEADERS").unwrap_or_default().split(',') {
        if !text.trim().is_empty() {
            export.headers.push(header(text)?);
        }
    }
    if of("COMPRESSION").is_some_and(|it| it.trim() == "gzip") {
        export.compression = Packing::Gzip;
    }
    export.ca_file = of("CERTIFICATE").map(Into::into);
    export.client_certificate = of("CLIENT_CERTIFICATE").map(Into::into);
    export.client_key = of("CLIENT_KEY").map(Into::into);
    match export.problems().into_iter().next() {
        Some(problem) => Err(problem),
        None => Ok(Some(export)),
    }
}

/// The first of some addresses where a receiver answers.
async fn running(places: &[Endpoint]) -> Option<ExportConfig> {
    for place in places {
        match probe::greet(place, &[], GREETING).await {
            Some(Verdict::Taken | Verdict::Busy(_)) => {
                let target = Target::Otlp(place.clone());
                return Some(ExportConfig::new(Origin::Default, target));
            }
            Some(verdict) => {
                let said = verdict.said();
                tracing::warn!(target: "spanreel", "the receiver at {place} is left alone, it says {said}; name it with --export, and what it needs with --export-header");
            }
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let name = name.strip_prefix("OTEL_EXPORTER_OTLP_")?;
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    /// What the environment names is followed, in its protocol and with its headers.
    #[test]
    fn the_environment_is_followed() {
        let target = |pairs| {
            let export = environment(read(pairs)).expect("fine").expect("one");
            (export.target.to_string(), export.headers.len())
        };
        assert_eq!(
            target(&[("ENDPOINT", "http://a:1"), ("HEADERS", "k=v,l=w")]),
            ("http://a:1".to_owned(), 2)
        );
        assert_eq!(
            target(&[("ENDPOINT", "https://a:1"), ("PROTOCOL", "grpc")]),
            ("grpcs://a:1".to_owned(), 0)
        );
        assert_eq!(environment(read(&[("PROTOCOL", "grpc")])), Ok(None));
    }

    /// What the environment says wrongly is told without secrets.
    #[test]
    fn mistakes_of_the_environment_are_told_without_secrets() {
        for pairs in [
            &[("ENDPOINT", "s3cret")][..],
            &[("ENDPOINT", "http://a"), ("HEADERS", "s3cret")],
        ] {
            let advice = environment(read(pairs)).expect_err("wrong");
            assert!(!advice.contains("s3cret"), "{advice}");
        }
    }
}
