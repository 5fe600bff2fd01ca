//! TLS: whom the exporters trust, and how they are trusted.

use std::sync::Arc;

use http::Version;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use spanreel::Otlp;
use tokio_rustls::TlsAcceptor;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::certificates::Authority;
use crate::collector::Collector;
use crate::web::{Answer, Web};
use crate::{class, send, span_request};

async fn collector(authority: &Authority, asks_for_certificate: bool) -> Collector {
    let (certificate, key) = &authority.server;
    let mut config = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
    if asks_for_certificate {
        config = config.client_ca_root(Certificate::from_pem(&authority.ca));
    }
    let server = Server::builder().tls_config(config).unwrap();
    Collector::serve("127.0.0.1:0".parse().unwrap(), server, Ok(None)).await
}

/// A server whose certificate comes from the authority that was named is trusted, by name and by
/// address; any other is not, and that may be mended.
#[tokio::test]
async fn only_the_named_authority_is_trusted() {
    let (authority, other) = (Authority::new(), Authority::new());
    let collector = collector(&authority, false).await;
    let port = collector.address.port();
    for address in [
        format!("https://127.0.0.1:{port}"),
        format!("127.0.0.1:{port}"),
        format!("grpcs://localhost:{port}"),
    ] {
        let exporter = Otlp::grpc(&address).ca_file(authority.file("ca.pem"));
        let exporter = exporter.build().unwrap();
        send(&exporter, span_request(1)).await.unwrap();

        let exporter = Otlp::grpc(&address).ca_file(other.file("ca.pem"));
        let (class, says) = class(send(&exporter.build().unwrap(), span_request(1)).await);
        assert_eq!(class, "retryable", "{says}");
        assert!(says.contains("invalid peer certificate"), "{says}");
    }
    assert_eq!(collector.seen.lock().unwrap().traces.len(), 3);
}

/// A certificate for another name is not trusted.
#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let authority = Authority::new();
    let collector = collector(&authority, false).await;
    let address = format!("https://[::ffff:127.0.0.1]:{}", collector.address.port());
    let exporter = Otlp::grpc(address).ca_file(authority.file("ca.pem"));
    let (class, says) = class(send(&exporter.build().unwrap(), span_request(1)).await);
    assert_eq!(class, "retryable");
    assert!(says.contains("not valid for"), "{says}");
}

/// A server that asks for a certificate takes the one that was set, and nobody without one.
#[tokio::test]
async fn a_client_certificate_is_shown() {
    let authority = Authority::new();
    let collector = collector(&authority, true).await;
    let address = format!("https://localhost:{}", collector.address.port());
    let anonymous = Otlp::grpc(&address).ca_file(authority.file("ca.pem"));
    let named = anonymous
        .clone()
        .client_certificate(authority.file("client.pem"), authority.file("client.key"));
    let (class, says) = class(send(&anonymous.build().unwrap(), span_request(1)).await);
    assert_eq!(class, "retryable", "{says}");
    send(&named.build().unwrap(), span_request(1))
        .await
        .unwrap();
    assert_eq!(collector.seen.lock().unwrap().traces.len(), 1);
}

/// Plain text to a TLS port and TLS to a plain port fail; neither falls back to the other.
#[tokio::test]
async fn nothing_falls_back_to_another_way() {
    let authority = Authority::new();
    let encrypted = collector(&authority, false).await;
    let plain = Collector::start().await;
    for (address, other) in [
        (format!("http://{}", encrypted.address), &encrypted),
        (format!("https://{}", plain.address), &plain),
    ] {
        let exporter = Otlp::grpc(address).ca_file(authority.file("ca.pem"));
        let (class, says) = class(send(&exporter.build().unwrap(), span_request(1)).await);
        assert_eq!(class, "retryable", "{says}");
        assert!(other.seen.lock().unwrap().traces.is_empty());
    }
}

/// Over HTTP, a server that offers HTTP/2 is spoken to in it, and one that does not in HTTP/1.1.
#[tokio::test]
async fn http_versions_are_agreed_on() {
    let authority = Authority::new();
    for (offered, spoken) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let web = Web::serve(Answer::new(200), Some(acceptor(&authority, offered))).await;
        let exporter = Otlp::http(format!("https://localhost:{}/base", web.address.port()))
            .ca_file(authority.file("ca.pem"))
            .build()
            .unwrap();
        for _ in 0..2 {
            send(&exporter, span_request(3)).await.unwrap();
        }
        let seen = web.seen();
        assert_eq!(seen.len(), 2);
        for request in seen {
            assert_eq!(request.version, spoken);
            assert_eq!(request.uri.path(), "/base/v1/traces");
            assert_eq!(request.body, span_request(3).to_bytes());
            assert_eq!(request.connection, 0);
        }
    }
}

fn acceptor(authority: &Authority, protocols: &[&str]) -> TlsAcceptor {
    let (certificate, key) = &authority.server;
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().into())
        .collect();
    Arc::new(config).into()
}
