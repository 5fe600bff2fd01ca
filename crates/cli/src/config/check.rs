//! What must hold between settings, each of which is right by itself.

use http::uri::Authority;
use spanreel::ByteSize;

use super::place::Problems;
use super::resolve::Effective;
use super::value::{Ack, DataDir};
use crate::receive::Token;

/// The least that the pipeline needs to work.
const LEAST_MEMORY: ByteSize = ByteSize::mib(8);

/// The least that a spool needs to work: some of the largest batches.
const LEAST_SPOOL: ByteSize = ByteSize::mib(16);

/// The largest request that OTLP allows.
const LARGEST_REQUEST: ByteSize = ByteSize::mib(64);

/// Notes everything that does not go together, at the place of the setting to change.
pub(crate) fn check(effective: &Effective, problems: &mut Problems) {
    let config = &effective.config;
    let mut note = |name: &str, advice: String| problems.add(&effective.origin(name), name, advice);

    let listeners = [
        ("otlp-grpc", config.otlp_grpc),
        ("otlp-http", config.otlp_http),
        ("http", config.http),
        ("gateway", config.gateway),
    ];
    if listeners[..2]
        .iter()
        .all(|(_, listen)| listen.addr().is_none())
    {
        note(
            "otlp-http",
            "is off, and so is otlp-grpc: nothing could be received; leave one on".to_owned(),
        );
    }
    for (index, (name, listen)) in listeners.iter().enumerate() {
        let Some(addr) = listen.addr().filter(|addr| addr.port() != 0) else {
            continue;
        };
        // One address serves both protocols of OTLP.
        let others = match *name {
            "http" | "gateway" => &listeners[..index],
            _ => &[],
        };
        let twin = others.iter().find(|(_, other)| other.addr() == Some(addr));
        if let Some((other, _)) = twin {
            note(
                name,
                format!("is the address of {other} too; each needs its own"),
            );
        }
    }

    if let Some(token) = &config.token
        && let Err(error) = Token::new(token.reveal())
    {
        let of_variable = effective.origins.contains_key("token");
        let name = if of_variable { "token" } else { "token-file" };
        note(name, error.to_string());
    }
    let senders_are_known = config.token.is_some() || config.token_file.is_some();
    for (name, listen) in listeners {
        if !listen.is_exposed() {
            continue;
        }
        let knows_clients =
            senders_are_known || (name.starts_with("otlp") && config.tls_client_ca.is_some());
        if name == "gateway" {
            note(name, "lets other machines in, and anybody there, as what agents send to it has no token of ours: stay with 127.0.0.1".to_owned());
        } else if !knows_clients {
            note(name, "lets other machines in, and anybody there: give a token (--token-file or SPANREEL_TOKEN), or stay with 127.0.0.1".to_owned());
        }
    }

    if config.tls_certificate.is_some() != config.tls_key.is_some() {
        let given = if config.tls_key.is_some() {
            "tls-key"
        } else {
            "tls-certificate"
        };
        note(
            given,
            "tls-certificate and tls-key are needed together".to_owned(),
        );
    }
    if config.tls_client_ca.is_some() && config.tls_certificate.is_none() {
        note(
            "tls-client-ca",
            "needs tls-certificate and tls-key: without TLS no client shows a certificate"
                .to_owned(),
        );
    }
    for (name, path) in [
        ("tls-certificate", &config.tls_certificate),
        ("tls-key", &config.tls_key),
        ("tls-client-ca", &config.tls_client_ca),
    ] {
        let Some(path) = path else {
            continue;
        };
        if let Err(error) = std::fs::File::open(path) {
            note(name, format!("cannot read {}: {error}", path.display()));
        }
    }

    for (name, size) in [
        ("max-wire-bytes", config.max_wire_bytes),
        ("max-request-bytes", config.max_request_bytes),
    ] {
        if size > LARGEST_REQUEST || size == ByteSize::bytes(0) {
            let advice = format!("must be 1 B to {LARGEST_REQUEST}, the most that OTLP allows");
            note(name, advice);
        }
    }
    if config.receive_budget < config.max_request_bytes || config.receive_budget >= ByteSize::gib(4)
    {
        let advice = "must be max-request-bytes or more, and less than 4 GiB";
        note("receive-budget", advice.to_owned());
    }
    if config.memory < LEAST_MEMORY {
        note("memory", format!("must be {LEAST_MEMORY} or more"));
    }
    for (name, time) in [
        ("handshake-timeout", config.handshake_timeout),
        ("header-timeout", config.header_timeout),
        ("body-timeout", config.body_timeout),
        ("idle-timeout", config.idle_timeout),
        ("patience", config.patience),
    ] {
        if time.is_zero() {
            note(name, "must be more than zero".to_owned());
        }
    }
    if config.status_every.is_zero() {
        note("status-every", "must be more than zero".to_owned());
    }
    if config.ack == Ack::Delivered && config.exports.is_empty() {
        note(
            "ack",
            "delivered needs an export: there is nothing to deliver to".to_owned(),
        );
    }
    if config.ack == Ack::Durable && config.data_dir == DataDir::Off {
        note(
            "ack",
            "durable needs a place to keep telemetry; give a data-dir".to_owned(),
        );
    }
    if config.spool_dir().is_some() && config.spool_size < LEAST_SPOOL {
        note("spool-size", format!("must be {LEAST_SPOOL} or more"));
    }
    let holds = !config.sampling.sampling.policies().is_empty();
    if config.ack == Ack::Delivered && holds {
        note(
            "ack",
            "delivered does not go with policies of sampling: senders would wait for as long as \
             sessions are held; write durable or accepted"
                .to_owned(),
        );
    }
    for name in &config.allowed_host {
        let is_name = Authority::try_from(name.as_str()).is_ok_and(|it| it.host() == name);
        if !is_name {
            let advice = "write names of hosts like spanreel.internal, without a scheme and a port";
            note("allowed-host", advice.to_owned());
        }
    }
    for origin in &config.cors_origin {
        let is_origin = origin == "*"
            || origin
                .split_once("://")
                .is_some_and(|(_, host)| !host.is_empty() && !host.contains('/'));
        if !is_origin {
            note(
                "cors-origin",
                "write origins like https://app.example.com, without a path, or *".to_owned(),
            );
        }
    }

    for export in &config.exports {
        for advice in export.problems() {
            problems.add(&export.origin, "export", advice);
        }
        if let super::export::Target::Otlp(endpoint) = &export.target {
            let own = listeners[..2]
                .iter()
                .find(|(_, listen)| listen.addr().is_some_and(|addr| endpoint.is_at(addr)));
            if let Some((name, _)) = own {
                problems.add(&export.origin, "export", format!("is the address of {name}: what is received would be received again, without end"));
            }
        }
    }
}
