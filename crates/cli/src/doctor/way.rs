//! The way to the receiver: name, connection, TLS.
//!
//! Waits: for the network, each step with a time limit. Loses: nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::args::DoctorPlan;
use super::certificate::{self, Witness, day, diagnose};
use super::finding::Finding;
use crate::probe::connection::Connection;
use crate::units;

/// From when on the end of a certificate is worth a warning.
const SOON: u64 = 14 * 24 * 60 * 60;

/// A way that was found open, to be gone again for each connection.
#[derive(Clone)]
pub(crate) struct Way {
    addr: SocketAddr,
    tls: Option<Tls>,
    is_http2: bool,
    timeout: Duration,
}

/// How a connection is made secure.
#[derive(Clone)]
struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    /// The receiver asked for a certificate, and there is none.
    lacks_certificate: bool,
}

/// A connection could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Blocked {
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

impl Way {
    /// Whether the receiver asked for a certificate where there is none. It may go without.
    pub(crate) fn lacks_certificate(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.lacks_certificate)
    }

    /// Makes a connection that is ready for requests.
    ///
    /// # Errors
    /// What was open before is no more, or nobody speaks HTTP there.
    pub(crate) async fn connect(&self) -> Result<Connection, Blocked> {
        let connecting = async {
            let stream = TcpStream::connect(self.addr).await?;
            let Some(Tls { config, name, .. }) = &self.tls else {
                return Ok(Connection::open(stream, self.is_http2).await?);
            };
            let connector = TlsConnector::from(Arc::clone(config));
            let stream = connector.connect(name.clone(), stream).await?;
            Ok(Connection::open(stream, self.is_http2).await?)
        };
        let late = |_| Blocked::Late(self.timeout);
        tokio::time::timeout(self.timeout, connecting)
            .await
            .map_err(late)?
    }
}

/// Looks for the way, and notes each step. `None` where it ends before the receiver.
pub(crate) async fn find(plan: &DoctorPlan, notes: &mut Vec<Finding>) -> Option<Way> {
    let endpoint = &plan.endpoint;
    let addrs = resolve(plan, notes).await?;
    let addr = reach(plan, &addrs, notes).await?;
    let mut way = Way {
        addr,
        tls: None,
        is_http2: endpoint.scheme().is_grpc(),
        timeout: plan.timeout,
    };
    if !endpoint.scheme().is_secure() {
        notes.push(Finding::skipped(
            "tls",
            "the address means a connection in the clear",
        ));
        return Some(way);
    }
    way.tls = Some(secure(plan, addr, notes).await?);
    Some(way)
}

async fn resolve(plan: &DoctorPlan, notes: &mut Vec<Finding>) -> Option<Vec<SocketAddr>> {
    const CHECK: &str = "name";
    let host = plan.endpoint.host();
    let begun = Instant::now();
    let looking = tokio::net::lookup_host((host, plan.endpoint.port()));
    let found: io::Result<Vec<SocketAddr>> = match tokio::time::timeout(plan.timeout, looking).await
    {
        Ok(Ok(addrs)) => Ok(addrs.collect()),
        Ok(Err(error)) => Err(error),
        Err(late) => Err(io::Error::new(io::ErrorKind::TimedOut, late)),
    };
    let took = units::duration(begun.elapsed());
    match found {
        Ok(addrs) if !addrs.is_empty() => {
            let shown: Vec<String> = addrs.iter().map(|addr| addr.ip().to_string()).collect();
            let seen = match shown.as_slice() {
                [one] if one == host => format!("{host} is an address already"),
                _ => format!("{host} is {} ({took})", shown.join(", ")),
            };
            notes.push(Finding::ok(CHECK, seen));
            Some(addrs)
        }
        Ok(_) => {
            let advice = "check the spelling of the name, and the name server of this machine";
            notes.push(Finding::failed(
                CHECK,
                format!("{host} has no address"),
                advice,
            ));
            None
        }
        Err(error) => {
            let advice = "check the spelling of the name, and the name server of this machine";
            notes.push(Finding::failed(CHECK, format!("{host}: {error}"), advice));
            None
        }
    }
}

async fn reach(
    plan: &DoctorPlan,
    addrs: &[SocketAddr],
    notes: &mut Vec<Finding>,
) -> Option<SocketAddr> {
    const CHECK: &str = "connection";
    let mut failures = Vec::new();
    let mut reached = None;
    for addr in addrs {
        let begun = Instant::now();
        match tokio::time::timeout(plan.timeout, TcpStream::connect(addr)).await {
            Ok(Ok(_)) => {
                reached = Some((*addr, units::duration(begun.elapsed())));
                break;
            }
            Ok(Err(error)) => failures.push((*addr, error)),
            Err(late) => failures.push((*addr, io::Error::new(io::ErrorKind::TimedOut, late))),
        }
    }
    let told: Vec<String> = failures
        .iter()
        .map(|(addr, error)| format!("{addr}: {error}"))
        .collect();
    let told = told.join("; ");
    let Some((addr, took)) = reached else {
        let is_refused =
            |(_, error): &(_, io::Error)| error.kind() == io::ErrorKind::ConnectionRefused;
        let advice = if failures.iter().all(is_refused) {
            "nobody listens there: start the receiver, or check the port (4317 for gRPC, 4318 for HTTP)"
        } else {
            "something on the way drops the connection: check the address, the network and firewalls"
        };
        notes.push(Finding::failed(CHECK, told, advice));
        return None;
    };
    let seen = format!("{addr} answers in {took}");
    notes.push(match failures.is_empty() {
        true => Finding::ok(CHECK, seen),
        false => {
            let advice = "exporters may try that address first, and lose time";
            Finding::warning(CHECK, format!("{seen}, but {told}"), advice)
        }
    });
    Some(addr)
}

async fn secure(plan: &DoctorPlan, addr: SocketAddr, notes: &mut Vec<Finding>) -> Option<Tls> {
    const CHECK: &str = "tls";
    let protocol = match plan.endpoint.scheme().is_grpc() {
        true => "h2",
        false => "http/1.1",
    };
    let configured =
        certificate::configure(plan.ca_file.as_deref(), plan.client.as_ref(), protocol);
    let (config, witness) = match configured {
        Ok(made) => made,
        Err(error) => {
            notes.push(Finding::failed(
                CHECK,
                error.to_string(),
                "correct the option",
            ));
            return None;
        }
    };
    let Ok(name) = ServerName::try_from(plan.endpoint.host().to_owned()) else {
        let advice = "give --endpoint a name or a number that certificates can be for";
        notes.push(Finding::failed(
            CHECK,
            "the host is no name for TLS",
            advice,
        ));
        return None;
    };
    let begun = Instant::now();
    let connector = TlsConnector::from(Arc::clone(&config));
    let shaking = async {
        let stream = TcpStream::connect(addr).await?;
        let stream = connector.connect(name.clone(), stream).await?;
        let (_, session) = stream.get_ref();
        let version = session
            .protocol_version()
            .map(|version| format!("{version:?}"));
        let agreed = session.alpn_protocol().map(<[u8]>::to_vec);
        io::Result::Ok((version.unwrap_or_default(), agreed))
    };
    let (version, agreed) = match tokio::time::timeout(plan.timeout, shaking).await {
        Ok(Ok(shaken)) => shaken,
        Ok(Err(error)) => {
            notes.push(handshake_failed(&error, &witness));
            return None;
        }
        Err(_) => {
            let advice = "check that the port speaks TLS; if it does not, use http:// or grpc://";
            notes.push(Finding::failed(CHECK, "no answer to the handshake", advice));
            return None;
        }
    };
    let took = units::duration(begun.elapsed());
    notes.push(judged(
        &witness,
        &format!("{} in {took}", version.replace('_', ".")),
    ));
    if agreed.is_none() && plan.endpoint.scheme().is_grpc() {
        let advice =
            "strict gRPC clients refuse that: have the receiver, or the proxy before it, offer h2";
        notes.push(Finding::warning(
            "alpn",
            "the receiver does not agree on HTTP/2",
            advice,
        ));
    }
    Some(Tls {
        config,
        name,
        lacks_certificate: witness.was_asked(),
    })
}

fn handshake_failed(error: &io::Error, witness: &Witness) -> Finding {
    let told = witness.seen().and_then(|seen| seen.verdict.err());
    let inner = error
        .get_ref()
        .and_then(|it| it.downcast_ref::<rustls::Error>());
    match told.as_ref().or(inner) {
        Some(rustls::Error::InvalidMessage(_)) => Finding::failed(
            "tls",
            "the receiver does not speak TLS on this port",
            "use http:// or grpc:// if that is meant; or another port",
        ),
        Some(rustls::Error::AlertReceived(alert)) => Finding::failed(
            "tls",
            format!("the receiver refused the handshake: {alert:?}"),
            "if it wants a certificate of its clients, give --client-certificate and --client-key",
        ),
        Some(error) => {
            let (seen, advice) = diagnose(error);
            Finding::failed("tls", seen, advice)
        }
        None => Finding::failed(
            "tls",
            format!("the handshake broke: {error}"),
            "check that the port speaks TLS; if it does not, use http:// or grpc://",
        ),
    }
}

fn judged(witness: &Witness, how: &str) -> Finding {
    let Some(seen) = witness.seen() else {
        return Finding::ok("tls", how);
    };
    let plural = if seen.chain == 1 { "" } else { "s" };
    let chain = format!("{how}, {} certificate{plural}", seen.chain);
    let Some(expires) = seen.expires else {
        return Finding::ok("tls", chain);
    };
    let told = format!("{chain}, valid until {}", day(expires));
    match expires.saturating_sub(now().as_secs()) < SOON {
        true => Finding::warning("tls", told, "renew it soon"),
        false => Finding::ok("tls", told),
    }
}

/// The time of this machine since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the clock of this machine is what is looked at"
)]
pub(crate) fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
