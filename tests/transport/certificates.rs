//! A certificate authority for one test.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// An authority, with a certificate for a server (`localhost`, 127.0.0.1) and one for a client.
pub(crate) struct Authority {
    directory: TempDir,
    pub(crate) ca: String,
    /// Certificate and key.
    pub(crate) server: (String, String),
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let issue = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(names).unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            (certificate.pem(), key.serialize_pem())
        };
        let server = issue(&["localhost", "127.0.0.1"]);
        let client = issue(&["client"]);
        let directory = tempfile::tempdir().unwrap();
        for (name, pem) in [
            ("ca.pem", &ca),
            ("client.pem", &client.0),
            ("client.key", &client.1),
        ] {
            fs::write(directory.path().join(name), pem).unwrap();
        }
        Self {
            directory,
            ca,
            server,
        }
    }

    /// The path of `ca.pem`, `client.pem` or `client.key`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
