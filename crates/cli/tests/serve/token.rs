//! The bearer token, and how it is changed while telemetry comes in.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use rustix::process::Signal;
use tonic::transport::Channel;
use tonic::{Code, Request};

use super::server::{ANY_PORT, File, Server, ask, request, spanreel};

type Client = TraceServiceClient<Channel>;

/// Sends over a connection that is open.
async fn send(client: &mut Client, token: &str) -> Code {
    let mut request = Request::new(request("s", 1));
    let header = format!("Bearer {token}").parse().expect("a header");
    request.metadata_mut().insert("authorization", header);
    match client.export(request).await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

/// The doors that a token opens over plain HTTP: what it may send, the metrics, the API of the page.
fn doors(server: &Server, token: &str) -> [u16; 3] {
    let header = format!("authorization: Bearer {token}");
    let (otlp, operations) = (server.http(), server.operations());
    [
        (otlp, "/v1/traces"),
        (operations, "/metrics"),
        (operations, "/api/v1/sessions"),
    ]
    .map(|(addr, path)| ask(addr, path, &header).0)
}

/// SIGHUP reads the file of the token again: from then on the new one opens every door, also for
/// connections that are open, and the old one none. A file that holds no token changes nothing, and a token
/// is never taken away while addresses are open.
#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_changes_the_token() {
    let secret = File::new("first-secret\n");
    let file = File::new(&format!("token-file = \"{}\"\n", secret.name()));
    let mut command = spanreel();
    command.args(["serve", "--config", file.name()]);
    command.args(ANY_PORT);
    let mut server = Server::of(command);
    let url = format!("http://{}", server.grpc());
    let mut client = Client::connect(url).await.expect("it listens");
    // A GET with the token is refused for what it is, one without for who asks.
    let (open, shut) = ([415, 200, 200], [401; 3]);
    assert_eq!(send(&mut client, "first-secret").await, Code::Ok);
    assert_eq!(doors(&server, "first-secret"), open);

    let write = |file: &File, text: &str| std::fs::write(&file.path, text).expect("written");
    write(&secret, "second-secret\n");
    assert_eq!(doors(&server, "second-secret"), shut, "nobody said so yet");
    server.signal(Signal::HUP);
    assert!(server.wait_for("was read again").contains("token"));
    assert_eq!(doors(&server, "second-secret"), open);
    assert_eq!(doors(&server, "first-secret"), shut);
    assert_eq!(send(&mut client, "second-secret").await, Code::Ok);
    assert_eq!(
        send(&mut client, "first-secret").await,
        Code::Unauthenticated
    );

    write(&secret, "\n");
    server.signal(Signal::HUP);
    assert!(server.wait_for("token-file").contains("it is empty"));
    server.wait_for("going on with the one before");
    assert_eq!(doors(&server, "second-secret"), open);

    write(&file, "");
    server.signal(Signal::HUP);
    assert!(server.wait_for("need a restart").contains("token"));
    assert_eq!(doors(&server, "second-secret"), open);
    assert_eq!(doors(&server, ""), shut);

    let ended = server.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let shown = |line: &String| line.contains("-secret");
    assert!(!ended.said.iter().any(shown), "{ended:?}");
}
