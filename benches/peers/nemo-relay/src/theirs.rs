//! The same calls with NeMo Relay, in two ways: read alone, and as managed calls whose events a subscriber takes.
//!
//! Holds: a subscriber that counts. Waits: in `settle`, until it was given everything. Loses nothing: calls
//! that it cannot read are left out beforehand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use futures::stream;
use nemo_relay::api::event::Event;
use nemo_relay::api::llm::{
    LlmCallExecuteParams, LlmRequest, LlmStreamCallExecuteParams, llm_call_execute,
    llm_stream_call_execute,
};
use nemo_relay::api::runtime::LlmJsonStream;
use nemo_relay::api::subscriber::{flush_subscribers, register_subscriber};
use nemo_relay::codec::resolve::{ProviderSurface, request_codec, response_codec, streaming_codec};
use nemo_relay::codec::response::AnnotatedLlmResponse;
use nemo_relay::codec::streaming::SseEventDecoder;
use nemo_relay::error::{FlowError, Result};
use nemo_relay::json::Json;
use tokio::runtime::{Builder, Runtime};

use crate::calls::Recorded;

pub(crate) struct Theirs {
    runtime: Runtime,
    events: Arc<AtomicU64>,
}

impl Theirs {
    /// One for each process: subscribers are global.
    pub(crate) fn new() -> Self {
        let events = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&events);
        let subscriber = Arc::new(move |_: &Event| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        register_subscriber("bench", subscriber).expect("it is the only one");
        let runtime = Builder::new_current_thread().build();
        Self {
            runtime: runtime.expect("a runtime"),
            events,
        }
    }

    /// What the codecs make of an answer, and nothing else.
    pub(crate) fn read(it: &Recorded) -> Result<AnnotatedLlmResponse> {
        let surface = surface(it);
        let whole = match it.is_stream {
            false => json(&it.chunks[0])?,
            true => {
                let codec = streaming_codec(surface);
                let mut collect = codec.borrowed_collector();
                let mut collect_owned = codec.collector();
                let mut decoder = SseEventDecoder::new();
                for chunk in &it.chunks {
                    for event in decoder.push_bytes(chunk)? {
                        match &mut collect {
                            Some(collect) => collect(&event.data)?,
                            None => collect_owned(event.data)?,
                        }
                    }
                }
                codec.finalizer()()
            }
        };
        response_codec(surface).decode_response(&whole)
    }

    /// A call with its request, its answer and its events.
    pub(crate) fn call(&self, it: &Arc<Recorded>) -> Result<()> {
        self.runtime.block_on(async {
            match it.is_stream {
                true => streamed(it).await,
                false => whole(it).await,
            }
        })
    }

    /// Waits until the subscriber was given everything.
    pub(crate) fn settle(&self) {
        flush_subscribers().expect("it runs");
    }

    /// How many events there were so far.
    pub(crate) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }
}

async fn streamed(it: &Arc<Recorded>) -> Result<()> {
    let surface = surface(it);
    let streaming = streaming_codec(surface);
    let source = Arc::clone(it);
    let params = LlmStreamCallExecuteParams::builder()
        .name("bench")
        .request(request(it)?)
        .func(Arc::new(move |_| {
            let it = Arc::clone(&source);
            Box::pin(async move { Ok(LlmJsonStream::new(events(it))) })
        }))
        .collector(streaming.collector())
        .borrowed_collector_opt(streaming.borrowed_collector())
        .finalizer(streaming.finalizer())
        .codec(request_codec(surface))
        .response_codec(response_codec(surface))
        .build();
    let mut told = llm_stream_call_execute(params).await?;
    while let Some(event) = told.next().await {
        event?;
    }
    Ok(())
}

async fn whole(it: &Arc<Recorded>) -> Result<()> {
    let surface = surface(it);
    let source = Arc::clone(it);
    let params = LlmCallExecuteParams::builder()
        .name("bench")
        .request(request(it)?)
        .func(Arc::new(move |_| {
            let told = json(&source.chunks[0]);
            Box::pin(async move { told })
        }))
        .codec(request_codec(surface))
        .response_codec(response_codec(surface))
        .build();
    llm_call_execute(params).await.map(drop)
}

/// The events of a stream, decoded as its chunks come.
fn events(it: Arc<Recorded>) -> impl stream::Stream<Item = Result<Json>> + Send + 'static {
    let mut decoder = SseEventDecoder::new();
    let chunks = 0..it.chunks.len();
    let decoded = chunks.flat_map(move |at| decoder.push_bytes_results(&it.chunks[at]));
    stream::iter(decoded.map(|event| event.map(|event| event.data)))
}

fn request(it: &Recorded) -> Result<LlmRequest> {
    let content = json(&it.asked)?;
    let headers = Default::default();
    Ok(LlmRequest { headers, content })
}

fn json(bytes: &[u8]) -> Result<Json> {
    serde_json::from_slice(bytes).map_err(|error| FlowError::Internal(error.to_string()))
}

fn surface(it: &Recorded) -> ProviderSurface {
    ProviderSurface::from_codec_name(it.codec).expect("it has this codec")
}
