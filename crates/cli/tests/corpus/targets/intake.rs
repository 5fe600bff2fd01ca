//! The check of OTLP requests in protobuf, and what the pipeline makes of those that it takes.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use spanreel::{
    BatchConfig, Builder, Export, ExportError, Flow, Intake, IntakeError, Item, Pipeline, Process,
    Request, Seal, SessionSeen, Signal, Watch,
};

use super::{count, signal, wait};

/// Pipelines that stay: the first forwards as it is, the second takes requests apart.
static PIPELINES: LazyLock<[Pipeline; 2]> = LazyLock::new(|| {
    let forwards = Pipeline::builder();
    let edits = Pipeline::builder().process(Edit);
    [forwards, edits].map(start)
});

/// The first byte says which signal; the rest is the request.
///
/// What is taken is a request to the reference, too, with as many items, also at the other end. Both
/// pipelines take the same.
pub fn run(bytes: &[u8]) {
    let Some((first, request)) = bytes.split_first() else {
        return;
    };
    let (signal, request) = (signal(*first), Bytes::copy_from_slice(request));
    let taken = PIPELINES.each_ref().map(|pipeline| {
        let intake = pipeline.intake().watch(Look);
        take(&intake, signal, &request)
    });
    assert_eq!(taken[0], taken[1], "the pipelines judge alike");
}

/// How many items were taken.
fn take(intake: &Intake, signal: Signal, request: &Bytes) -> Result<u64, IntakeError> {
    let taken = wait(intake.accept(signal, request.clone()));
    let receipt = match taken {
        Ok(receipt) => receipt,
        Err(IntakeError::Malformed(why)) => return Err(IntakeError::Malformed(why)),
        Err(other) => panic!("{} bytes: {other}", request.len()),
    };
    let items = count(signal, request.clone()).expect("what is taken is a request");
    if signal != Signal::Metrics {
        assert_eq!(receipt.items(), items, "none more and none less");
    }
    let items = receipt.items();
    let delivered = wait(receipt.delivered());
    assert!(delivered.is_lossless(), "{delivered:?}");
    assert_eq!(delivered.items(), items);
    Ok(items)
}

/// Sums cannot be larger than what they are of.
struct Look;

impl Watch for Look {
    fn seen(&self, seen: &SessionSeen<'_>) {
        assert!(seen.errors <= seen.items, "{seen:?}");
        assert!(seen.llm_calls + seen.tool_calls <= seen.items, "{seen:?}");
        assert!(seen.cost.is_finite(), "{seen:?}");
    }
}

fn start(builder: Builder) -> Pipeline {
    let batch = BatchConfig {
        schedule_delay: Duration::from_millis(1),
        seal: Seal::WhenLanesIdle,
        ..BatchConfig::default()
    };
    let builder = builder.batch(batch.clone()).log_batch(batch).export(Decode);
    builder.start().expect("a right configuration")
}

/// Touches every item.
struct Edit;

impl Process for Edit {
    fn process(&mut self, item: &mut Item<'_>) -> Flow {
        item.remove("session.id");
        item.set("edited", true);
        Flow::Pass
    }
}

/// Refuses for good what the reference does not decode.
struct Decode;

impl Export for Decode {
    fn name(&self) -> &str {
        "decode"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let decoded = count(request.signal(), request.body());
        decoded.map(drop).map_err(ExportError::permanent)
    }
}
