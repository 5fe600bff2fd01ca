//! Asks an OTLP receiver something that leaves nothing behind: requests without a span, a record or a
//! data point.
//!
//! Holds: one connection, and of an answer at most 64 KiB. Waits: for the receiver; callers set the
//! limit. Loses: nothing, there is nothing to lose.

pub(crate) mod connection;
pub(crate) mod question;
pub(crate) mod verdict;

use std::time::Duration;

use tokio::net::TcpStream;

use crate::config::secret::Secret;
use crate::endpoint::Endpoint;
use connection::Connection;
use question::Question;
use verdict::Verdict;

/// What an OTLP receiver in the clear says to an empty request. `None` where nobody answers in time, or
/// something that is no OTLP receiver does.
pub(crate) async fn greet(
    endpoint: &Endpoint,
    headers: &[(String, Secret)],
    timeout: Duration,
) -> Option<Verdict> {
    let question = Question::of(endpoint.scheme());
    let request = question.request(endpoint, headers).ok()?;
    let exchange = async {
        let stream = TcpStream::connect((endpoint.host(), endpoint.port())).await;
        let stream = stream.ok()?;
        let mut connection = Connection::open(stream, endpoint.scheme().is_grpc())
            .await
            .ok()?;
        let answer = connection.ask(request).await.ok()?;
        Some(Verdict::of(&question, &answer, headers))
    };
    let verdict = tokio::time::timeout(timeout, exchange).await.ok()??;
    (!matches!(verdict, Verdict::NoReceiver(_))).then_some(verdict)
}
