//! One file of a spool's log, as it may stand on a disk that is not to be trusted.

use std::fs;
use std::path::Path;
use std::time::Duration;

use spanreel::{
    BuildError, ByteSize, Export, ExportError, Fate, Pipeline, Request, ShutdownReport, Spool,
};

/// The exporter whose name stands in the corpus.
pub(super) const EXPORTER: &str = "oracle";
const HEADER: usize = 40;
const FIXED: usize = 28;

/// The first byte says whether checksums are made right before the rest is read: without that hardly any
/// damage would be looked at twice.
///
/// Whoever looks finds no more than is delivered, and what is recovered is delivered, once.
pub fn run(bytes: &[u8]) {
    let Some((first, segment)) = bytes.split_first() else {
        return;
    };
    let mut segment = segment.to_vec();
    if first % 2 == 1 {
        mend(&mut segment);
    }
    let directory = directory();
    let path = directory.path();
    write_format(path);
    fs::write(path.join("log-0000000000000000.seg"), &segment).expect("written");
    let seen = spanreel::spool::inspect(path);
    let Some(report) = deliver(path, true) else {
        assert!(seen.is_err(), "it is refused by both");
        return;
    };
    let mut waiting = seen.expect("it is read by both").exporters.into_iter();
    let waiting = waiting.find(|waiting| waiting.exporter == EXPORTER);
    let found = waiting.map_or(0, |it| it.spans + it.log_records + it.data_points);
    let recovered = report.lanes[0].recovered;
    // Who looks does not know whom a record is for that stands behind a damaged header.
    assert!(found <= recovered, "{found} {report}");
    assert_eq!(exported(&report), recovered, "{report}");
    let again = deliver(path, true).expect("it was read before");
    assert_eq!(again.lanes[0].recovered, 0, "{again}");
}

/// A directory, in memory where there is such a place.
pub(super) fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let directory = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    directory.expect("a directory")
}

pub(super) fn write_format(path: &Path) {
    fs::write(path.join("FORMAT"), "spanreel spool 1\n").expect("written");
}

/// Starts a pipeline on a directory and shuts it down; `None` where the directory is refused.
pub(super) fn deliver(path: &Path, is_there: bool) -> Option<ShutdownReport> {
    let started = Pipeline::builder()
        .spool_with(Spool::at(path, ByteSize::mib(16)))
        .export(Backend(is_there))
        .start();
    match started {
        Ok(pipeline) => {
            let report = pipeline.shutdown_blocking(Duration::from_secs(10));
            assert!(report.is_lossless(), "{report}");
            Some(report)
        }
        Err(BuildError::Spool(_)) => None,
        Err(other) => panic!("{other}"),
    }
}

/// How many items of all signals were exported.
pub(super) fn exported(report: &ShutdownReport) -> u64 {
    let lane = &report.lanes[0];
    [&lane.traces, &lane.logs, &lane.metrics]
        .map(|counts| counts.of(Fate::Exported))
        .iter()
        .sum()
}

/// Makes the checksums of a segment and its records right.
pub(super) fn mend(bytes: &mut [u8]) {
    if bytes.len() >= FIXED {
        let end = FIXED.saturating_add(u32_at(bytes, 24)).min(bytes.len());
        let sum = crc32c::crc32c_append(crc32c::crc32c(&bytes[8..12]), &bytes[16..end]);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
    }
    for at in 0..bytes.len() {
        let Some(record) = bytes.get_mut(at..).filter(|rest| rest.starts_with(b"SPRL")) else {
            continue;
        };
        if record.len() < HEADER {
            break;
        }
        let end = HEADER.saturating_add(u32_at(record, 8));
        if let Some(guarded) = record.get(8..end) {
            let sum = crc32c::crc32c(guarded);
            record[4..8].copy_from_slice(&sum.to_le_bytes());
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    let number = bytes[at..at + 4].try_into().expect("four bytes");
    u32::from_le_bytes(number) as usize
}

/// A destination that is there or away.
struct Backend(bool);

impl Export for Backend {
    fn name(&self) -> &str {
        EXPORTER
    }

    async fn export(&self, _request: Request) -> Result<(), ExportError> {
        match self.0 {
            true => Ok(()),
            false => Err(ExportError::retryable("away")),
        }
    }
}
