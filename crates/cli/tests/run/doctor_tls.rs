//! `spanreel doctor` and certificates.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

use crate::doctor::{findings, of};
use crate::server::Server;

/// An authority, and a server with a certificate of it that is valid until then, for this name.
struct Secured {
    folder: tempfile::TempDir,
    server: Server,
}

impl Secured {
    fn new(name: &str, last_year: i32, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        certificates(folder.path(), name, last_year);
        let path = |file: &str| folder.path().join(file).to_string_lossy().into_owned();
        let (pem, key, ca) = (path("server.pem"), path("server.key"), path("ca.pem"));
        let mut options = vec!["--tls-certificate", &pem, "--tls-key", &key];
        if more.contains(&"client") {
            options.extend(["--tls-client-ca", &ca]);
        }
        let server = Server::start(&options);
        Self { folder, server }
    }

    fn file(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_string_lossy().into_owned()
    }

    fn url(&self, scheme: &str) -> String {
        let addr = match scheme {
            "grpcs" => self.server.grpc(),
            _ => self.server.http(),
        };
        format!("{scheme}://localhost:{}", addr.port())
    }
}

fn certificates(folder: &Path, name: &str, last_year: i32) {
    let write = |file: &str, pem: String| std::fs::write(folder.join(file), pem).expect("written");
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", params.self_signed(&key).expect("signed").pem());
    let issuer = Issuer::new(params, key);
    for (file, name) in [("server", name), ("client", "client")] {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(last_year, 2, 3);
        write(
            &format!("{file}.pem"),
            params.signed_by(&key, &issuer).expect("signed").pem(),
        );
        write(&format!("{file}.key"), key.serialize_pem());
    }
}

/// A certificate that is right is told with its end, over both protocols; one whose authority is unknown is
/// told with what to do.
#[test]
fn a_right_certificate_is_told_with_its_end() {
    let secured = Secured::new("localhost", 3024, &[]);
    let ca = secured.file("ca.pem");
    for scheme in ["https", "grpcs"] {
        let (code, found) = findings(&secured.url(scheme), &["--ca-file", &ca]);
        assert_eq!(code, Some(0), "{found:?}");
        let (state, words) = of(&found, "tls");
        assert_eq!(state, "ok", "{words}");
        assert!(
            words.contains("TLSv1.3") && words.contains("valid until 3024-02-03"),
            "{words}"
        );
        assert_eq!(of(&found, "traces").0, "ok", "{found:?}");
    }
    // Another authority, so that the test does not need those of the system.
    let other = tempfile::tempdir().expect("a folder");
    certificates(other.path(), "other", 3024);
    let other = other.path().join("ca.pem");
    let other = other.to_str().expect("text");
    let (code, found) = findings(&secured.url("https"), &["--ca-file", other]);
    assert_eq!(code, Some(1), "{found:?}");
    assert!(
        of(&found, "tls").1.contains("nobody that is trusted"),
        "{found:?}"
    );
}

/// A certificate that has expired, or is for another name, is told; nothing is sent then.
#[test]
fn a_wrong_certificate_is_told() {
    for (name, year, words) in [
        ("localhost", 2019, "expired on 2019-02-03"),
        ("elsewhere.example", 3024, "elsewhere.example"),
    ] {
        let secured = Secured::new(name, year, &[]);
        let ca = secured.file("ca.pem");
        let (code, found) = findings(&secured.url("https"), &["--ca-file", &ca]);
        assert_eq!(
            (code, of(&found, "tls").0),
            (Some(1), "failed"),
            "{found:?}"
        );
        assert!(of(&found, "tls").1.contains(words), "{found:?}");
        assert_eq!(found.last().expect("one").first().expect("a name"), "tls");
    }
}

/// Plain HTTP where TLS is spoken is told; so is a client without the certificate that is wanted.
#[test]
fn what_tls_needs_is_told() {
    let secured = Secured::new("localhost", 3024, &["client"]);
    let (ca, pem, key) = (
        secured.file("ca.pem"),
        secured.file("client.pem"),
        secured.file("client.key"),
    );
    let (code, found) = findings(&secured.url("http"), &[]);
    let (state, words) = of(&found, "traces");
    assert_eq!((code, state), (Some(1), "failed"), "{found:?}");
    assert!(words.contains("https://"), "{found:?}");
    let trusting = ["--ca-file", ca.as_str()];
    let (code, found) = findings(&secured.url("https"), &trusting);
    assert_eq!(code, Some(1), "{found:?}");
    let told = found
        .iter()
        .any(|[_, state, words]| state == "failed" && words.contains("--client-certificate"));
    assert!(told, "{found:?}");
    let client = ["--client-certificate", pem.as_str(), "--client-key", &key];
    let (code, found) = findings(&secured.url("https"), &[&trusting[..], &client].concat());
    assert_eq!(code, Some(0), "{found:?}");
    let (code, found) = findings(&secured.url("https"), &["--ca-file", "/none/at/all.pem"]);
    assert_eq!(code, Some(1));
    assert!(
        of(&found, "tls").1.contains("/none/at/all.pem"),
        "{found:?}"
    );
}
