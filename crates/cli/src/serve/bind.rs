//! Takes the addresses to listen on, or says which one cannot be had and what to do about it.

use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::config::value::Listen;

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {addr}: {}", advice(.source, .setting, .addr))]
pub(crate) struct Unbound {
    addr: SocketAddr,
    /// The setting to change.
    setting: &'static str,
    source: io::Error,
}

fn advice(error: &io::Error, setting: &str, addr: &SocketAddr) -> String {
    let ip = addr.ip();
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program has this port, perhaps a collector or another spanreel; give --{setting} another one, such as {}, or 'off'",
            SocketAddr::new(ip, 0)
        ),
        io::ErrorKind::PermissionDenied => {
            format!("not allowed; give --{setting} a port of 1024 or more")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("this machine does not have the address; give --{setting} one that it has")
        }
        _ => format!("give --{setting} another address"),
    }
}

impl Unbound {
    /// Why the address of a setting cannot be had.
    pub(crate) fn new(addr: SocketAddr, setting: &'static str, source: io::Error) -> Self {
        Self {
            addr,
            setting,
            source,
        }
    }
}

/// Listens, unless it is off.
///
/// # Errors
/// The address is taken, not allowed or not there.
pub(crate) fn bind(listen: Listen, setting: &'static str) -> Result<Option<TcpListener>, Unbound> {
    let Some(addr) = listen.addr() else {
        return Ok(None);
    };
    let unbound = |source| Unbound::new(addr, setting, source);
    let listener = TcpListener::bind(addr).map_err(unbound)?;
    listener.set_nonblocking(true).map_err(unbound)?;
    Ok(Some(listener))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who finds a port taken is told which option moves it.
    #[test]
    fn a_taken_port_names_its_option() {
        let first = bind(Listen::loopback(0), "otlp-grpc")
            .expect("a free port")
            .expect("on");
        let addr = first.local_addr().expect("an address");
        let refused = bind(Listen::At(addr), "otlp-grpc").expect_err("taken");
        let message = refused.to_string();
        assert!(
            message.contains("--otlp-grpc") && message.contains(&addr.to_string()),
            "{message}"
        );
        assert!(bind(Listen::Off, "http").expect("off").is_none());
    }
}
