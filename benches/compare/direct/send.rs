//! Joins full buffers to requests of about 1 MiB and sends them, two at a time, as gRPC framed on
//! hyper's HTTP/2; the buffers come back when they are written.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes};
use flume::TryRecvError;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};

use super::encode::Buffer;
use crate::contestant::Failure;

const BATCH_BYTES: usize = 1 << 20;
const IN_FLIGHT: usize = 2;
/// How long the sender sleeps when it has found nothing; to be woken for each buffer costs the
/// producers more.
const NAP: Duration = Duration::from_millis(1);

/// Sends until the channel is closed and empty and the last answer has come.
pub(super) fn run(
    receiver: SocketAddr,
    full: flume::Receiver<Buffer>,
    empty: flume::Sender<Buffer>,
) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(send_all(receiver, full, empty))
}

async fn send_all(
    receiver: SocketAddr,
    full: flume::Receiver<Buffer>,
    empty: flume::Sender<Buffer>,
) -> Result<(), Failure> {
    let stream = TcpStream::connect(receiver).await?;
    stream.set_nodelay(true)?;
    let (mut requests, connection) = http2::Builder::new(TokioExecutor::new())
        .max_send_buf_size(2 * BATCH_BYTES)
        .handshake(TokioIo::new(stream))
        .await?;
    Handle::current().spawn(connection);

    let mut answers = FuturesUnordered::new();
    while let Some(buffers) = next_batch(&full).await {
        while answers.len() >= IN_FLIGHT {
            answers.next().await.transpose()?;
        }
        requests.ready().await?;
        let request = Request::post(format!("http://{receiver}{}", crate::receiver::EXPORT))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(Rope::new(buffers, empty.clone())))?;
        let answer = requests.send_request(request);
        answers.push(async move { accepted(answer.await?).await });
    }
    while let Some(answer) = answers.next().await {
        answer?;
    }
    Ok(())
}

async fn accepted(answer: Response<Incoming>) -> Result<(), Failure> {
    let body = answer.into_body().collect().await?;
    let status = body.trailers().and_then(|names| names.get("grpc-status"));
    if status.is_none_or(|status| status != "0") {
        return Err(format!("the receiver answered with the status {status:?}").into());
    }
    Ok(())
}

/// Buffers for one request; fewer than it would take when a nap brought no more. `None` when the
/// channel is closed and empty.
async fn next_batch(full: &flume::Receiver<Buffer>) -> Option<VecDeque<Buffer>> {
    let mut batch = VecDeque::with_capacity(BATCH_BYTES >> 13);
    let mut bytes = 0;
    let mut napped = false;
    while bytes < BATCH_BYTES {
        let buffer = match full.try_recv() {
            Ok(buffer) => buffer,
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) if !napped => {
                tokio::time::sleep(NAP).await;
                napped = true;
                continue;
            }
            Err(TryRecvError::Empty) if !batch.is_empty() => break,
            Err(TryRecvError::Empty) => match full.recv_async().await {
                Ok(buffer) => buffer,
                Err(_) => break,
            },
        };
        bytes += buffer.bytes().len();
        batch.push_back(buffer);
        napped = false;
    }
    (!batch.is_empty()).then_some(batch)
}

/// A gRPC message: the frame, an `ExportTraceServiceRequest` with one resource and one scope, and
/// the buffers as its spans, to be written without being copied.
struct Rope {
    head: Bytes,
    /// The first has been written up to `written`.
    buffers: VecDeque<Buffer>,
    written: usize,
    remaining: usize,
    empty: flume::Sender<Buffer>,
}

impl Rope {
    fn new(buffers: VecDeque<Buffer>, empty: flume::Sender<Buffer>) -> Self {
        let spans: usize = buffers.iter().map(|buffer| buffer.bytes().len()).sum();
        let head = head(spans);
        Self {
            remaining: head.len() + spans,
            head,
            buffers,
            written: 0,
            empty,
        }
    }

    /// Gives a buffer back to the producers, or to the allocator when they have enough.
    fn recycle(&self, mut buffer: Buffer) {
        buffer.clear();
        drop(self.empty.try_send(buffer));
    }
}

impl Buf for Rope {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        if !self.head.is_empty() {
            return &self.head;
        }
        let first = self.buffers.front().map_or(&[][..], Buffer::bytes);
        &first[self.written.min(first.len())..]
    }

    fn chunks_vectored<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let head = Some(&self.head[..]).filter(|head| !head.is_empty());
        let mut skip = self.written;
        let buffers = self.buffers.iter().map(|buffer| {
            let from = std::mem::take(&mut skip);
            &buffer.bytes()[from..]
        });
        let mut filled = 0;
        for (slot, slice) in out.iter_mut().zip(head.into_iter().chain(buffers)) {
            *slot = IoSlice::new(slice);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining, "advanced beyond the end");
        self.remaining -= count;
        let of_head = count.min(self.head.len());
        self.head.advance(of_head);
        self.written += count - of_head;
        while let Some(first) = self.buffers.pop_front() {
            let len = first.bytes().len();
            if self.written < len {
                self.buffers.push_front(first);
                return;
            }
            self.written -= len;
            self.recycle(first);
        }
    }
}

/// What stands before `spans` bytes of spans: the gRPC frame, the resource and the scope.
fn head(spans: usize) -> Bytes {
    const SERVICE: &[u8] = b"\x0a\x20\x0a\x1e\
        \x0a\x0cservice.name\
        \x12\x0e\x0a\x0cplanner-host";
    const SCOPE: &[u8] = b"\x0a\x07\x0a\x05agent";
    let scope_spans = SCOPE.len() + spans;
    let resource_spans = SERVICE.len() + 1 + varint(scope_spans).len() + scope_spans;
    let message = 1 + varint(resource_spans).len() + resource_spans;

    let mut head = Vec::with_capacity(80);
    head.push(0); // not compressed
    head.extend((message as u32).to_be_bytes());
    head.push(1 << 3 | 2);
    head.extend(varint(resource_spans));
    head.extend(SERVICE);
    head.push(2 << 3 | 2);
    head.extend(varint(scope_spans));
    head.extend(SCOPE);
    head.into()
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4);
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
