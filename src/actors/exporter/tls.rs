//! Makes the TLS configuration of an OTLP exporter.
//!
//! The cryptography is always `ring`'s, whatever the process has set as its default. Files are
//! read once, when the exporter is made.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::model::problem::Problem;

/// The files that decide whom to trust and who one is.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsFiles {
    /// Certificates to trust instead of the operating system's.
    pub(super) ca: Option<PathBuf>,
    /// One's own certificate chain and its key.
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

/// The names of the settings that these files come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct TlsSettings<'a> {
    pub(super) ca: &'a str,
    pub(super) certificate: &'a str,
    pub(super) key: &'a str,
}

impl TlsFiles {
    /// The configuration that offers these application protocols, the best first.
    pub(super) fn configure(
        &self,
        alpn: &[&str],
        settings: TlsSettings<'_>,
    ) -> Result<Arc<ClientConfig>, Vec<Problem>> {
        let roots = self.roots(settings);
        let identity = self.identity(settings);
        let (roots, identity) = match (roots, identity) {
            (Ok(roots), Ok(identity)) => (roots, identity),
            (roots, identity) => {
                let problems = [roots.err(), identity.err()];
                return Err(problems.into_iter().flatten().flatten().collect());
            }
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| {
                let advice = format!(
                    "cannot be used with its key; give the key of this certificate ({error})"
                );
                vec![Problem::new(settings.certificate, advice)]
            })?,
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }

    fn roots(&self, settings: TlsSettings<'_>) -> Result<RootCertStore, Vec<Problem>> {
        let mut roots = RootCertStore::empty();
        let Some(path) = &self.ca else {
            let native = rustls_native_certs::load_native_certs();
            let (usable, _) = roots.add_parsable_certificates(native.certs);
            if usable == 0 {
                let advice = "no trusted certificates were found on this system; name a PEM file";
                return Err(vec![Problem::new(settings.ca, advice)]);
            }
            return Ok(roots);
        };
        for certificate in certificates(path, settings.ca)? {
            roots.add(certificate).map_err(|error| {
                let advice = format!("{} is no certificate to trust: {error}", path.display());
                vec![Problem::new(settings.ca, advice)]
            })?;
        }
        Ok(roots)
    }

    fn identity(
        &self,
        settings: TlsSettings<'_>,
    ) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, Vec<Problem>> {
        let Some((certificate, key)) = &self.client else {
            return Ok(None);
        };
        let chain = certificates(certificate, settings.certificate);
        let key = read(key, settings.key).and_then(|pem| {
            PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
                let advice = "holds no private key; give a PEM file (PKCS#8, PKCS#1 or SEC 1) \
                              without a passphrase";
                Problem::new(settings.key, format!("{} {advice}", key.display()))
            })
        });
        match (chain, key) {
            (Ok(chain), Ok(key)) => Ok(Some((chain, key))),
            (chain, key) => {
                let mut problems = chain.err().unwrap_or_default();
                problems.extend(key.err());
                Err(problems)
            }
        }
    }
}

/// The name to expect in the server's certificate, of a host as it stands in a URL.
pub(super) fn server_name(host: &str) -> Option<ServerName<'static>> {
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    ServerName::try_from(host.to_owned()).ok()
}

fn read(path: &Path, setting: &str) -> Result<Vec<u8>, Problem> {
    std::fs::read(path).map_err(|error| {
        let advice = format!("cannot read {}: {error}", path.display());
        Problem::new(setting, advice)
    })
}

fn certificates(path: &Path, setting: &str) -> Result<Vec<CertificateDer<'static>>, Vec<Problem>> {
    let problem = |advice: &str| {
        let advice = format!("{} {advice}", path.display());
        vec![Problem::new(setting, advice)]
    };
    let pem = read(path, setting).map_err(|problem| vec![problem])?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(problem("holds no certificate; give a PEM file")),
        Err(_) => Err(problem("is not valid PEM; give a PEM file of certificates")),
    }
}
