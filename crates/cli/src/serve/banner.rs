//! What is said at the start: where it listens, the lines to paste into another terminal, where it
//! forwards to.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::Config;
use crate::config::value::Keep;
use crate::term::Palette;

/// Where it listens, with the ports that it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) grpc: Option<SocketAddr>,
    pub(crate) http: Option<SocketAddr>,
    pub(crate) gateway: Option<SocketAddr>,
    pub(crate) operations: Option<SocketAddr>,
}

/// For people.
pub(crate) fn text(config: &Config, addresses: &Addresses, palette: Palette) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = palette.heading(&format!("spanreel {version} receives telemetry"));
    text.push('\n');
    let mut row = |name: &str, shown: String| {
        writeln!(text, "  {name:11} {shown}").expect("a string takes everything");
    };
    // First what a person does next.
    if let Some(addr) = addresses.operations.filter(|_| config.store != Keep::Off) {
        let at = reachable(addr);
        let has_token = config.token.is_some() || config.token_file.is_some();
        let page = match has_token {
            true => format!("http://{at}/login?token=TOKEN, with your token in place of TOKEN"),
            false => format!("http://{at}/"),
        };
        row("page", page);
        row("for agents", format!("http://{at}/mcp, over MCP"));
    }
    if let Some(addr) = addresses.grpc {
        row("OTLP/gRPC", addr.to_string());
    }
    if let Some(addr) = addresses.http {
        row("OTLP/HTTP", format!("{addr}, protobuf and JSON"));
    }
    if let Some(addr) = addresses.gateway {
        row(
            "gateway",
            format!("http://{addr}/openai/v1, /anthropic, /gemini"),
        );
    }
    if let Some(addr) = addresses.operations {
        row(
            "operations",
            format!("http://{addr}/healthz, /readyz, /metrics"),
        );
    }
    row("memory", format!("at most {} of telemetry", config.memory));
    if let Some(directory) = config.spool_dir() {
        let (shown, most) = (directory.display(), config.spool_size);
        row(
            "disk",
            format!("{shown}, at most {most}: what is not delivered yet"),
        );
    }
    if let Some(directory) = config.store_dir() {
        let (shown, most) = (directory.display(), config.store_max_size);
        row(
            "store",
            format!("{shown}, at most {most}: sessions for the page"),
        );
    }
    for export in &config.exports {
        row("forwards to", export.target.to_string());
    }
    if config.exports.is_empty() {
        let nothing = "nowhere; --export URL forwards what arrives";
        row("forwards", nothing.to_owned());
    }
    text.push_str("\nIn the terminal of your program:\n");
    for line in exports(config, addresses) {
        writeln!(text, "  {line}").expect("a string takes everything");
    }
    text.push('\n');
    text
}

/// For machines.
pub(crate) fn log(config: &Config, addresses: &Addresses) {
    let shown =
        |addr: Option<SocketAddr>| addr.map_or_else(|| "off".to_owned(), |addr| addr.to_string());
    let exports: Vec<String> = config
        .exports
        .iter()
        .map(|it| it.target.to_string())
        .collect();
    tracing::info!(
        target: "spanreel",
        version = env!("CARGO_PKG_VERSION"),
        otlp_grpc = shown(addresses.grpc),
        otlp_http = shown(addresses.http),
        gateway = shown(addresses.gateway),
        http = shown(addresses.operations),
        exports = exports.join(","),
        spool = config.spool_dir().map_or_else(|| "off".to_owned(), |it| it.display().to_string()),
        ack = config.ack.name(),
        "listening",
    );
}

/// Where telemetry is received, by protocol: addresses to be given to programs on this machine.
pub(crate) fn endpoints(config: &Config, addresses: &Addresses) -> Vec<(&'static str, String)> {
    let scheme = match config.tls_certificate.is_some() {
        true => "https",
        false => "http",
    };
    let url = |addr: SocketAddr| format!("{scheme}://{}", reachable(addr));
    let all = [("grpc", addresses.grpc), ("http", addresses.http)];
    let all = all.into_iter();
    all.filter_map(|(name, addr)| Some((name, url(addr?))))
        .collect()
}

/// Lines for a shell: the standard variables that make a program send here. HTTP first, which every SDK
/// speaks.
fn exports(config: &Config, addresses: &Addresses) -> Vec<String> {
    let (addr, protocol) = match (addresses.http, addresses.grpc) {
        (Some(addr), _) => (addr, "http/protobuf"),
        (None, Some(addr)) => (addr, "grpc"),
        (None, None) => return Vec::new(),
    };
    let scheme = if config.tls_certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let mut lines = vec![
        format!(
            "export OTEL_EXPORTER_OTLP_ENDPOINT={scheme}://{}",
            reachable(addr)
        ),
        format!("export OTEL_EXPORTER_OTLP_PROTOCOL={protocol}"),
    ];
    if config.token.is_some() {
        lines
            .push("export OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer%20$TOKEN\"".to_owned());
    }
    lines
}

/// An address to connect to: one that means all of this machine's is no such.
pub(crate) fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Secret;

    /// The lines to paste name an address that can be connected to, and how; never a token.
    #[test]
    fn the_lines_to_paste_lead_here() {
        let addr = |text: &str| Some(text.parse().expect("an address"));
        let mut config = Config::default();
        let mut addresses = Addresses {
            grpc: addr("127.0.0.1:4317"),
            http: addr("0.0.0.0:4318"),
            gateway: None,
            operations: None,
        };
        assert_eq!(
            exports(&config, &addresses),
            [
                "export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318",
                "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
            ]
        );
        addresses.http = None;
        config.token = Some(Secret::new("s3cret"));
        config.tls_certificate = Some("c".into());
        let lines = exports(&config, &addresses).join("\n");
        assert!(
            lines.contains("https://127.0.0.1:4317") && lines.contains("=grpc"),
            "{lines}"
        );
        assert!(
            lines.contains("$TOKEN") && !lines.contains("s3cret"),
            "{lines}"
        );
        let text = text(&config, &addresses, Palette::PLAIN);
        assert!(
            text.contains("nowhere") && !text.contains("OTLP/HTTP"),
            "{text}"
        );
    }
}
