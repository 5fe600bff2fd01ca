//! Sends requests as they are, byte by byte, and keeps the headers of the calls that come back.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::Rig;
use crate::w3c_service;

type Calls = Arc<Mutex<Vec<HeaderMap>>>;

pub(super) struct Harness {
    service: SocketAddr,
    address: SocketAddr,
    calls: Calls,
}

/// Runs a check against the service, and sees that nothing that it recorded was lost.
pub(super) fn with_service(check: impl AsyncFnOnce(&Harness)) {
    let rig = Rig::with(|builder| builder.baggage(w3c_service::everything()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("it starts").block_on(async {
        let bind = || TcpListener::bind("127.0.0.1:0");
        let listener = bind().await.expect("there is a port");
        let own = bind().await.expect("there is a port");
        let calls = Calls::default();
        let harness = Harness {
            service: listener.local_addr().expect("it is bound"),
            address: own.local_addr().expect("it is bound"),
            calls: Arc::clone(&calls),
        };
        let keep = post(|headers: HeaderMap| async move {
            calls.lock().expect("nobody panics").push(headers);
        });
        let service = w3c_service::service(&rig.pipeline);
        tokio::select! {
            () = check(&harness) => {}
            served = async { axum::serve(listener, service).await } => panic!("it stopped: {served:?}"),
            served = async { axum::serve(own, Router::new().fallback(keep)).await } => {
                panic!("it stopped: {served:?}")
            }
        }
        // The service sees the end of its last answer behind the harness.
        while rig.pipeline.stats().traces.open > 0 {
            tokio::task::yield_now().await;
        }
    });
    rig.finish();
}

impl Harness {
    /// Sends a request with these headers that asks for `count` calls; their headers.
    pub(super) async fn ask(&self, headers: &[(&str, &str)], count: usize) -> Vec<HeaderMap> {
        let call = format!(r#"{{"url":"http://{}/","arguments":[]}}"#, self.address);
        let body = format!("[{}]", vec![call; count].join(","));
        let mut request = format!(
            "POST /test HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n",
            self.service,
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(&body);
        let mut stream = TcpStream::connect(self.service).await.expect("it listens");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let calls = std::mem::take(&mut *self.calls.lock().expect("nobody panics"));
        assert_eq!(calls.len(), count, "all calls are made");
        calls
    }
}

/// The values of a header, joined as one list.
pub(super) fn joined(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter();
    let values: Vec<_> = values.map(|value| value.to_str().expect("ASCII")).collect();
    values.join(",")
}
