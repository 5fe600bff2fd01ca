//! Opens the ports of a receiver, or says why not.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;

use super::config::{Config, Limits};
use super::server::Receiver;
use super::take::Take;
use super::tls;

/// Why a receiver cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Neither address is set.
    #[error("there is nothing to listen on; give an address for gRPC or for HTTP")]
    NoAddress,
    /// Other machines could reach it, and nothing would keep them out.
    #[error(
        "{0} can be reached by other machines; set a token or require client certificates, \
         or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    /// The operating system refuses the address.
    #[error("cannot listen on {addr}; free the port or choose another: {source}")]
    Address {
        /// The address.
        addr: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file of certificates or the key cannot be used.
    #[error("cannot use {} for TLS; give a PEM file: {reason}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A bound has a value that makes no sense.
    #[error("the limit {name} must be {must}")]
    Limit {
        /// The field of [`Limits`].
        name: &'static str,
        /// What it must be.
        must: &'static str,
    },
}

/// Opens the ports and makes ready to serve. Needs no runtime; connections wait until
/// [`Receiver::run`] takes them.
///
/// # Errors
/// An address cannot be had or is not safe to listen on, a file of TLS cannot be used, or a limit
/// makes no sense.
pub fn bind<T: Take>(config: Config, take: T) -> Result<Receiver<T>, BindError> {
    Ok(listen(config)?.receiver(take))
}

/// Ports that are open before there is anything that takes what comes in.
#[derive(Debug)]
pub(crate) struct Ports {
    config: Config,
    grpc: Option<Port>,
    http: Option<Port>,
    tls: Option<Arc<ServerConfig>>,
}

type Port = (TcpListener, SocketAddr);

impl Ports {
    /// What takes what comes in is there.
    pub(crate) fn receiver<T: Take>(self, take: T) -> Receiver<T> {
        Receiver::new(self.config, take, self.grpc, self.http, self.tls)
    }
}

/// Opens the ports.
///
/// # Errors
/// As [`bind`].
pub(crate) fn listen(config: Config) -> Result<Ports, BindError> {
    check(&config.limits)?;
    let is_guarded =
        config.token.is_some() || (config.tls.as_ref()).is_some_and(|tls| tls.client_ca.is_some());
    let tls = config.tls.as_ref().map(tls::configure).transpose()?;
    let grpc = config.grpc.map(|addr| open(addr, is_guarded)).transpose()?;
    // One address for both is one listener; port 0 is another port each time.
    let is_shared = config.http == config.grpc && config.http.is_some_and(|addr| addr.port() != 0);
    let http = match config.http {
        Some(addr) if !is_shared => Some(open(addr, is_guarded)?),
        _ => None,
    };
    if grpc.is_none() && http.is_none() {
        return Err(BindError::NoAddress);
    }
    Ok(Ports {
        config,
        grpc,
        http,
        tls,
    })
}

fn open(addr: SocketAddr, is_guarded: bool) -> Result<Port, BindError> {
    if !addr.ip().to_canonical().is_loopback() && !is_guarded {
        return Err(BindError::Exposed(addr));
    }
    let bound = || {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    };
    bound().map_err(|source| BindError::Address { addr, source })
}

fn check(limits: &Limits) -> Result<(), BindError> {
    let some = [
        ("wire_bytes", limits.wire_bytes.as_u64() > 0),
        ("connections", limits.connections > 0),
        ("streams", limits.streams > 0),
        ("handshake_timeout", !limits.handshake_timeout.is_zero()),
        ("header_timeout", !limits.header_timeout.is_zero()),
        ("body_timeout", !limits.body_timeout.is_zero()),
        ("idle_timeout", !limits.idle_timeout.is_zero()),
        ("patience", !limits.patience.is_zero()),
    ];
    for (name, is_some) in some {
        if !is_some {
            let must = "more than nothing";
            return Err(BindError::Limit { name, must });
        }
    }
    if !(1..=u64::from(u32::MAX)).contains(&limits.request_bytes.as_u64()) {
        let (name, must) = ("request_bytes", "between 1 and 4 GiB - 1");
        return Err(BindError::Limit { name, must });
    }
    let budget = limits.budget.as_u64();
    if budget < limits.request_bytes.as_u64() || budget > u64::from(u32::MAX) {
        let (name, must) = ("budget", "between request_bytes and 4 GiB - 1");
        return Err(BindError::Limit { name, must });
    }
    Ok(())
}
