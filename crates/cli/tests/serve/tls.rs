//! Connections that nobody reads along, between two of the command.

use std::path::Path;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::server::{File, Server, request};

/// Writes an authority, and certificates of it for a server and a client, into a folder.
fn certificates(folder: &Path) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let write = |name: &str, pem: String| std::fs::write(folder.join(name), pem).expect("written");
    write("ca.pem", params.self_signed(&key).expect("signed").pem());
    let issuer = Issuer::new(params, key);
    for (name, host) in [("server", "localhost"), ("client", "client")] {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([host.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &issuer).expect("signed");
        write(&format!("{name}.pem"), certificate.pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}

/// One forwards to another over TLS with a certificate of its own; without one it is not let in.
#[tokio::test(flavor = "multi_thread")]
async fn two_of_them_speak_tls_with_certificates() {
    let folder = tempfile::tempdir().expect("a folder");
    certificates(folder.path());
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (pem, key, ca) = (path("server.pem"), path("server.key"), path("ca.pem"));
    let behind = Server::start(&[
        "--tls-certificate",
        &pem,
        "--tls-key",
        &key,
        "--tls-client-ca",
        &ca,
    ]);
    assert!(
        behind.banner.contains("ENDPOINT=https://"),
        "{}",
        behind.banner
    );
    let port = behind.grpc().port();
    let certificate = format!(
        "client-certificate = {:?}\nclient-key = {:?}\n",
        path("client.pem"),
        path("client.key")
    );
    for (certificate, code) in [(certificate.as_str(), 0), ("", 4)] {
        let file = File::new(&format!(
            "grace = \"2s\"\n[[export]]\nurl = \"grpcs://localhost:{port}\"\nca-file = {ca:?}\n{certificate}"
        ));
        let front = Server::start(&["--config", file.name()]);
        let url = format!("http://{}", front.grpc());
        let mut client = TraceServiceClient::connect(url).await.expect("it listens");
        client.export(request("s", 4)).await.expect("taken");
        let ended = front.stop();
        assert_eq!(ended.code, Some(code), "{ended:?}");
    }
    let ended = behind.stop();
    assert!(ended.report.contains("4 spans received"), "{ended:?}");
}

/// Files that are no certificates are told before anything is received.
#[test]
fn files_that_are_no_certificates_are_told() {
    let file = File::new("no certificate");
    let name = file.name();
    let mut command = super::server::spanreel();
    command.arg("serve").args(super::server::ANY_PORT);
    command.args(["--tls-certificate", name, "--tls-key", name]);
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(name), "{said}");
    let output = super::server::spanreel()
        .args([
            "config",
            "check",
            "--tls-certificate",
            "/none",
            "--tls-key",
            name,
        ])
        .output();
    let output = output.expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("--tls-certificate: cannot read /none"),
        "{said}"
    );
}
