//! The gateway in front of a provider and a collector, and what the collector gets.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::collector::Collector;
use crate::provider::Provider;
use crate::server::{self, ANY_PORT, Server};

/// `spanreel serve --gateway` with its ends.
pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) provider: Provider,
    pub(crate) collector: Collector,
}

impl Rig {
    pub(crate) async fn start(provider: Provider) -> Self {
        Self::with(provider, &[]).await
    }

    /// One with more options.
    pub(crate) async fn with(provider: Provider, options: &[&str]) -> Self {
        let upstream = format!("http://{}", provider.listen().await);
        let collector = Collector::measuring();
        let backend = format!("grpc://{}", collector.listen().await);
        let mut command = server::spanreel();
        command.arg("serve").args(ANY_PORT);
        command.args([
            "--export",
            &backend,
            "--batch-delay",
            "50ms",
            "--gateway",
            "127.0.0.1:0",
        ]);
        for name in ["openai", "anthropic", "house"] {
            command.args(["--upstream", &format!("{name}={upstream}")]);
        }
        command.args(options);
        let server = Server::of(command);
        Self {
            server,
            provider,
            collector,
        }
    }

    pub(crate) fn url(&self) -> String {
        let line = self
            .server
            .banner
            .lines()
            .find(|line| line.contains("gateway"));
        let line = line.expect("it is said");
        let start = line.find("http://").expect("an address");
        let url = &line[start..];
        url[..url.find("/openai").expect("a path")].to_owned()
    }

    /// Stops it; all spans. Nothing was lost.
    pub(crate) fn stop(self) -> Vec<Span> {
        let ended = self.server.stop();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.report.contains("nothing was lost"), "{ended:?}");
        self.collector.spans()
    }

    /// Stops it; what was exported of metrics, and of spans.
    pub(crate) fn stop_measured(self) -> (Vec<Metric>, Vec<Span>) {
        let collector = self.collector.clone();
        let spans = self.stop();
        (collector.metrics(), spans)
    }
}

/// Attributes as text.
pub(crate) fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        Value::BoolValue(flag) => flag.to_string(),
        Value::ArrayValue(items) => {
            let items = items.values.iter().filter_map(|it| it.value.as_ref());
            let items = items.map(|it| match it {
                Value::StringValue(text) => text.clone(),
                other => format!("{other:?}"),
            });
            items.collect::<Vec<_>>().join(",")
        }
        other => format!("{other:?}"),
    };
    let told = span
        .attributes
        .iter()
        .filter_map(|it| Some((it.key.clone(), it.value.as_ref()?.value.as_ref()?)));
    told.map(|(key, value)| (key, text(value))).collect()
}

/// The calls of models, in the order in which they began.
pub(crate) fn calls(spans: &[Span]) -> Vec<(String, BTreeMap<String, String>)> {
    let mut calls: Vec<&Span> = spans
        .iter()
        .filter(|span| span.name.starts_with("chat"))
        .collect();
    calls.sort_by_key(|span| span.start_time_unix_nano);
    calls
        .into_iter()
        .map(|span| (span.name.clone(), attributes(span)))
        .collect()
}
