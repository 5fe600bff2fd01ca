//! TLS, and what goes wrong with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use spanreel_cli::receive::{self, BindError, Config, Outcome, Tls};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::*;

/// An authority with a certificate for the receiver and one for a client, in files.
struct Papers {
    folder: tempfile::TempDir,
    authority: CertificateDer<'static>,
    client: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Papers {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("signed");
        let issue = |name: &str| {
            let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &issuer).expect("signed");
            (certificate, key)
        };
        let (server, server_key) = issue("localhost");
        let (client, client_key) = issue("client");
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("written");
        };
        write("ca.pem", issuer.pem());
        write("server.pem", server.pem());
        write("server.key", server_key.serialize_pem());
        write("client.pem", client.pem());
        write("empty.pem", String::new());
        let key = PrivateKeyDer::try_from(client_key.serialize_der()).expect("a key");
        Self {
            authority: issuer.der().clone(),
            client: (client.der().clone(), key),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn tls(&self) -> Tls {
        Tls {
            certificate: self.path("server.pem"),
            key: self.path("server.key"),
            client_ca: None,
        }
    }

    fn config(&self, tls: Tls) -> Config {
        Config {
            tls: Some(tls),
            ..config()
        }
    }

    /// How a client trusts, and shows its papers if it has any.
    fn connector(&self, has_papers: bool, alpn: &[u8]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks both")
            .with_root_certificates(roots);
        let mut config = if has_papers {
            let (certificate, key) = &self.client;
            let chain = vec![certificate.clone()];
            let builder = builder.with_client_auth_cert(chain, key.clone_key());
            builder.expect("they belong together")
        } else {
            builder.with_no_client_auth()
        };
        config.alpn_protocols = vec![alpn.to_vec()];
        TlsConnector::from(Arc::new(config))
    }
}

/// Sends a request over TLS and gives the status of the answer, if there is one.
async fn ask(
    served: &Served,
    connector: &TlsConnector,
    version: Version,
) -> Result<StatusCode, Box<dyn std::error::Error>> {
    let stream = TcpStream::connect(served.http).await?;
    let name = ServerName::try_from("localhost")?;
    let stream = TokioIo::new(connector.connect(name, stream).await?);
    let body = Full::new(Bytes::from(spans(2).encode_to_vec()));
    let request = Request::post("https://localhost/v1/traces")
        .header("host", "localhost")
        .header("content-type", "application/x-protobuf")
        .body(body)?;
    let response = if version == Version::HTTP_2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await?;
        tokio::spawn(connection);
        sender.send_request(request).await?
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        tokio::spawn(connection);
        sender.send_request(request).await?
    };
    Ok(response.status())
}

/// Over TLS both versions of HTTP are spoken, as the client wants.
#[tokio::test]
async fn requests_come_over_tls() {
    let papers = Papers::new();
    let served = serve(papers.config(papers.tls()));
    for (alpn, version) in [
        (&b"h2"[..], Version::HTTP_2),
        (b"http/1.1", Version::HTTP_11),
    ] {
        let connector = papers.connector(false, alpn);
        let status = ask(&served, &connector, version).await.expect("answered");
        assert_eq!(status, StatusCode::OK, "{version:?}");
    }
    let stats = served.end().await;
    assert_eq!(stats.total(Outcome::Accepted), 2);
    assert_eq!(stats.connections.handshake_failed, 0);
}

/// Where client certificates are required, a client without one gets no answer, and with one it
/// does. Such a receiver may be reached by other machines.
#[tokio::test]
async fn a_client_without_its_certificate_is_kept_out() {
    let papers = Papers::new();
    let tls = Tls {
        client_ca: Some(papers.path("ca.pem")),
        ..papers.tls()
    };
    let exposed = Config {
        http: Some(([0, 0, 0, 0], 0).into()),
        ..papers.config(tls.clone())
    };
    assert!(receive::bind(exposed, Nobody).is_ok());
    let served = serve(papers.config(tls));
    let without = papers.connector(false, b"h2");
    assert!(ask(&served, &without, Version::HTTP_2).await.is_err());
    let with = papers.connector(true, b"h2");
    let status = ask(&served, &with, Version::HTTP_2)
        .await
        .expect("answered");
    assert_eq!(status, StatusCode::OK);
    let stats = served.end().await;
    assert_eq!(stats.connections.handshake_failed, 1);
    assert_eq!(stats.total(Outcome::Accepted), 1);
}

struct Nobody;

impl receive::Take for Nobody {
    async fn take(&self, _: spanreel::Signal, _: Bytes) -> receive::Taken {
        receive::Taken::Closed
    }
}

/// Peers that do not speak TLS where it is spoken, or do where it is not, or leave in the middle of
/// the handshake, end cleanly, are counted, and harm nobody.
#[tokio::test]
async fn peers_that_mistake_the_port_end_cleanly() {
    let papers = Papers::new();
    let mut config = papers.config(papers.tls());
    config.limits.handshake_timeout = Duration::from_millis(300);
    let served = serve(config);
    let connector = papers.connector(false, b"http/1.1");
    let is_well = || async {
        let status = ask(&served, &connector, Version::HTTP_11).await;
        assert_eq!(status.expect("answered"), StatusCode::OK);
    };
    is_well().await;
    let answer = raw(served.http, b"POST /v1/traces HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(
        answer.ends_with("\r\n\r\nthis port speaks TLS; use https://\n"),
        "{answer}"
    );
    raw(served.grpc, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    // No TLS, a part of a handshake, and one that stops.
    raw(served.http, b"\x16\x03\x01\x00\x05hello").await;
    let mut gone = TcpStream::connect(served.http).await.expect("it listens");
    gone.write_all(b"\x16\x03\x01\x02\x00\x01")
        .await
        .expect("sent");
    drop(gone);
    let mut stops = TcpStream::connect(served.http).await.expect("it listens");
    stops
        .write_all(b"\x16\x03\x01\x02\x00\x01")
        .await
        .expect("sent");
    rest(&mut stops).await;
    // Trusts somebody else.
    let stranger = Papers::new().connector(false, b"http/1.1");
    assert!(ask(&served, &stranger, Version::HTTP_11).await.is_err());
    is_well().await;
    served
        .until("all are counted", |stats| {
            stats.connections.handshake_failed == 4
        })
        .await;
    assert_eq!(served.end().await.connections.plain_to_tls, 2);

    let plain = serve(crate::support::config());
    assert!(ask(&plain, &connector, Version::HTTP_11).await.is_err());
    plain.is_well().await;
    assert_eq!(plain.end().await.connections.tls_to_plain, 1);
}

/// Files that are missing, empty or do not belong together are refused before anything listens,
/// by name.
#[test]
fn papers_that_are_not_in_order_are_refused_by_name() {
    let papers = Papers::new();
    let with = |certificate: &str, key: &str, client_ca: Option<&str>| {
        let tls = Tls {
            certificate: papers.path(certificate),
            key: papers.path(key),
            client_ca: client_ca.map(|name| papers.path(name)),
        };
        match receive::bind(papers.config(tls), Nobody) {
            Err(BindError::Pem { path, .. }) => path,
            other => panic!("{other:?}"),
        }
    };
    let good = ("server.pem", "server.key");
    assert_eq!(with("missing", good.1, None), papers.path("missing"));
    assert_eq!(with("empty.pem", good.1, None), papers.path("empty.pem"));
    assert_eq!(with(good.0, "server.pem", None), papers.path("server.pem"));
    assert_eq!(with("client.pem", good.1, None), papers.path("client.pem"));
    let unknown = with(good.0, good.1, Some("empty.pem"));
    assert_eq!(unknown, papers.path("empty.pem"));
}
