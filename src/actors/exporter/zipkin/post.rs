//! Sends one body by HTTP POST, over a connection of its own.
//!
//! Holds: where to, and the certificates to trust. Waits: for the network; its caller limits the
//! time. Dropping a call closes its connection.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How much of an answer's body is read: enough for the words of a refusal.
const MAX_ANSWER: usize = 16 * 1024;

type AnyError = Box<dyn Error + Send + Sync>;

/// A destination of POST requests.
pub(super) struct Post {
    host: String,
    port: u16,
    host_header: HeaderValue,
    path: Uri,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What the destination answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    /// The beginning of the body, as text.
    pub(super) words: String,
}

impl Post {
    /// Reads a URL, or says what would be right.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let wrong = "not a URL; expected something like http://localhost:9411/api/v2/spans";
        let uri: Uri = url.parse().map_err(|_| wrong.to_owned())?;
        let authority = uri.authority().ok_or(wrong)?;
        if authority.as_str().contains('@') {
            return Err(
                "a URL with a user or password is not supported; leave them out".to_owned(),
            );
        }
        // An IPv6 address stands in brackets here and nowhere else.
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let (default_port, tls) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => (443, Some((tls()?, server_name(host)?))),
            _ => return Err("the URL must start with http:// or https://".to_owned()),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(default_port),
            host_header: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong)?,
            path: path.parse().map_err(|_| wrong)?,
            tls,
        })
    }

    /// Sends JSON and reads the answer.
    pub(super) async fn json(&self, body: Bytes) -> Result<Answer, AnyError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let request = self.request(body);
        match &self.tls {
            None => exchange(stream, request).await,
            Some((tls, name)) => exchange(tls.connect(name.clone(), stream).await?, request).await,
        }
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host_header.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let agent = concat!("spanreel-zipkin/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        request
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, AnyError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async { read(sender.send_request(request).await?).await };
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended?;
            answer.await
        }
    }
}

async fn read(response: Response<Incoming>) -> Result<Answer, AnyError> {
    let (head, body) = response.into_parts();
    let retry_after = head.headers.get(RETRY_AFTER);
    let seconds = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let words = match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        // The status is what counts; without the words it is still one.
        Err(_) => String::new(),
    };
    Ok(Answer {
        status: head.status,
        retry_after: seconds.map(Duration::from_secs),
        words,
    })
}

fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned()).map_err(|_| format!("{host} is not a name of a server"))
}

/// TLS that trusts what the operating system trusts.
fn tls() -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(
            "https needs certificates to trust and the system has none; install ca-certificates"
                .to_owned(),
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
