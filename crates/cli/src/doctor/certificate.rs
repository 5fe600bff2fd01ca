//! TLS with a witness: what was wrong with a certificate, and how long a right one is valid.
//!
//! The receiver's certificate is judged exactly as exporters judge it; the witness only remembers. Nothing
//! is sent over a connection whose certificate is wrong.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// The last second of the year 9999: nothing is valid longer (RFC 5280, 4.1.2.5).
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_799);

/// What was seen of a certificate.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// How it was judged.
    pub(crate) verdict: Result<(), Error>,
    /// When the first certificate of the chain expires, in seconds since 1970.
    pub(crate) expires: Option<u64>,
    /// How many certificates were presented.
    pub(crate) chain: usize,
}

/// Judges as exporters do, and remembers.
#[derive(Debug)]
pub(crate) struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Seen>>,
    asked: AtomicBool,
}

/// Has no certificate for a receiver that asks for one, and tells the witness.
#[derive(Debug)]
struct Nobody(Arc<Witness>);

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// A file that cannot be used, or a system without certificates.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unusable(String);

impl Witness {
    /// What it has seen, once a handshake was tried.
    pub(crate) fn seen(&self) -> Option<Seen> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the receiver asked for a certificate where there is none. It may go without.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judge = |at| {
            self.judge
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at)
        };
        let verdict = judge(now);
        // Asked about the end of time, the judge tells when the validity ends.
        let expires = match judge(UnixTime::since_unix_epoch(END_OF_TIME)) {
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after, ..
            })) => Some(not_after.as_secs()),
            _ => None,
        };
        let seen = Seen {
            verdict: verdict.as_ref().map(|_| ()).map_err(Clone::clone),
            expires,
            chain: intermediates.len() + 1,
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// Makes the configuration of a client and its witness.
///
/// # Errors
/// A file cannot be used; says which and why.
pub(crate) fn configure(
    ca_file: Option<&Path>,
    client: Option<&(PathBuf, PathBuf)>,
    protocol: &str,
) -> Result<(Arc<ClientConfig>, Arc<Witness>), Unusable> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let witness = Arc::new(Witness {
        judge: judge(ca_file, &provider)?,
        seen: Mutex::default(),
        asked: AtomicBool::new(false),
    });
    let verifier: Arc<dyn ServerCertVerifier> = witness.clone();
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match client {
        None => builder.with_client_cert_resolver(Arc::new(Nobody(Arc::clone(&witness)))),
        Some((certificate, key)) => {
            let chain = certificates(certificate)?;
            let secret =
                PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, &error))?;
            let config = builder.with_client_auth_cert(chain, secret);
            config.map_err(|error| unusable(certificate, &error))?
        }
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    Ok((Arc::new(config), witness))
}

fn judge(
    ca_file: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Unusable> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| unusable(path, &error))?;
            }
        }
        None => {
            let native = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(native.certs);
        }
    }
    let judge = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    judge.build().map_err(|_| {
        Unusable(
            "no trusted certificates were found on this system; name a PEM file with --ca-file"
                .into(),
        )
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(path, &error))?;
    if certificates.is_empty() {
        return Err(unusable(path, &"there is no certificate in it"));
    }
    Ok(certificates)
}

fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> Unusable {
    Unusable(format!(
        "cannot use {}; give a PEM file: {reason}",
        path.display()
    ))
}

/// What is wrong with a certificate, and what to do about it.
pub(crate) fn diagnose(error: &Error) -> (String, &'static str) {
    let Error::InvalidCertificate(reason) = error else {
        return (
            error.to_string(),
            "check that the port speaks TLS 1.2 or 1.3",
        );
    };
    match reason {
        CertificateError::ExpiredContext { not_after, .. } => (
            format!(
                "a certificate of the receiver expired on {}",
                day(not_after.as_secs())
            ),
            "renew it; if it is valid, set the clock of this machine",
        ),
        CertificateError::NotValidYetContext { not_before, .. } => (
            format!(
                "a certificate of the receiver is valid from {} on",
                day(not_before.as_secs())
            ),
            "set the clock of this machine",
        ),
        CertificateError::NotValidForNameContext { presented, .. } => (
            format!(
                "the certificate of the receiver is for {}",
                names(presented)
            ),
            "use one of these names in --endpoint, or give the receiver a certificate for this one",
        ),
        // An authority of the same name whose key is another one: mostly, it was made anew.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "nobody that is trusted here has signed the certificate of the receiver".to_owned(),
            "give the certificate of its authority with --ca-file; or it does not send its intermediate certificates",
        ),
        other => (
            format!("the certificate of the receiver is wrong: {other:?}"),
            "replace it",
        ),
    }
}

fn names(presented: &[String]) -> String {
    match presented {
        [] => "no name at all".to_owned(),
        names => names
            .iter()
            .take(5)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// The day of a time in seconds since 1970, such as `2027-03-01`.
pub(crate) fn day(seconds: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    let time = time.and_then(|time| jiff::Timestamp::try_from(time).ok());
    let shown = time.map(|time| time.to_string());
    shown
        .and_then(|text| text.get(..10).map(str::to_owned))
        .unwrap_or_else(|| "a day out of range".to_owned())
}
