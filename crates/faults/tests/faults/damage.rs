//! What is on disk and was damaged between two runs: rows 12, 13 and 16, through the front door.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use spanreel::{BuildError, Export, ExportError, Pipeline, Request, SpoolError};
use spanreel_faults::producer;

use crate::ledger::assert_settled;
use crate::{Away, GRACE, accept, spool, start};

/// How many spans the small log has, each in a record of its own.
const SPANS: u64 = 5;
/// Bytes of a record before its body; its time is at `TIME`, its checksum covers all behind `SUM`.
const HEADER: usize = 40;
const SUM: usize = 8;
const TIME: usize = 32;

/// Takes everything that comes unchanged.
#[derive(Clone, Default)]
struct Collects(Arc<Mutex<BTreeSet<u64>>>);

impl Export for Collects {
    fn name(&self) -> &str {
        "oracle"
    }

    async fn export(&self, request: Request) -> Result<(), ExportError> {
        let message = ExportTraceServiceRequest::decode(request.body()).expect("a request");
        let groups = message.resource_spans.iter();
        for span in groups.flat_map(|group| group.scope_spans.iter().flat_map(|it| &it.spans)) {
            let number = u64::from_be_bytes(span.span_id[..].try_into().expect("an id"));
            assert_eq!(*span, producer::span(number), "it is unchanged");
            self.0.lock().expect("no panic under it").insert(number);
        }
        Ok(())
    }
}

/// A small log of one record for each span, as files in memory.
struct Log {
    files: Vec<(String, Vec<u8>)>,
    /// Which of them is the segment.
    segment: usize,
    /// Where its records begin, and its end.
    places: Vec<usize>,
}

impl Log {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        // Something is delivered before, so that the cursor and the log are not at their beginning.
        let pipeline = start(directory.path(), Collects::default());
        assert_eq!(accept(&pipeline, 50..60).len(), 10);
        assert_settled(&pipeline.shutdown_blocking(GRACE));
        let pipeline = start(directory.path(), Away);
        for number in 1..=SPANS {
            assert_eq!(accept(&pipeline, number..number + 1).len(), 1);
        }
        assert_settled(&pipeline.shutdown_blocking(GRACE));
        let mut files = Vec::new();
        for entry in fs::read_dir(directory.path()).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().expect("a name").to_string_lossy();
                files.push((name.into_owned(), fs::read(&path).expect("a file")));
            }
        }
        files.sort();
        let is_segment = |(name, _): &(String, Vec<u8>)| name.ends_with(".seg");
        let segment = files.iter().position(is_segment).expect("a segment");
        let bytes = &files[segment].1;
        let mut places: Vec<_> = (0..bytes.len())
            .filter(|at| bytes[*at..].starts_with(b"SPRL"))
            .collect();
        assert_eq!(places.len() as u64, SPANS, "each has its record");
        places.push(bytes.len());
        Self {
            files,
            segment,
            places,
        }
    }

    /// Writes the log with one file changed, starts on it and returns what is delivered.
    fn delivered_with(&self, changed: usize, change: impl FnOnce(&mut Vec<u8>)) -> BTreeSet<u64> {
        let directory = self.written_with(changed, change);
        let collects = Collects::default();
        let pipeline = start(directory.path(), collects.clone());
        let report = pipeline.shutdown_blocking(GRACE);
        assert_settled(&report);
        assert!(report.is_lossless(), "{report}");
        let delivered = collects.0.lock().expect("no panic under it");
        delivered.clone()
    }

    fn written_with(&self, changed: usize, change: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
        // In memory, where there is such a place: nobody cuts the power here.
        let memory = Path::new("/dev/shm");
        let directory = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let directory = directory.expect("a directory");
        let mut change = Some(change);
        for (number, (name, bytes)) in self.files.iter().enumerate() {
            let mut bytes = bytes.clone();
            if number == changed {
                change.take().expect("once")(&mut bytes);
            }
            fs::write(directory.path().join(name), bytes).expect("written");
        }
        directory
    }

    /// What is left when the records that overlap these bytes are gone.
    fn without(&self, is_hit: impl Fn(usize, usize) -> bool) -> BTreeSet<u64> {
        let records = self.places.windows(2).zip(1..);
        records
            .filter(|(place, _)| !is_hit(place[0], place[1]))
            .map(|(_, number)| number)
            .collect()
    }
}

/// Does the work for all of these, four at a time.
fn for_all(all: std::ops::Range<usize>, work: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (all, work) = (all.clone(), &work);
            scope.spawn(move || all.skip(worker).step_by(4).for_each(work));
        }
    });
}

/// Each byte of a segment damaged in turn, its header included, costs the record that it is in and no other.
#[test]
fn a_damaged_byte_costs_its_record_alone() {
    let log = Log::new();
    for_all(0..log.files[log.segment].1.len(), |at| {
        let delivered = log.delivered_with(log.segment, |bytes| bytes[at] ^= 1 << (at % 8));
        let expected = log.without(|start, end| (start..end).contains(&at));
        assert_eq!(delivered, expected, "byte {at}");
    });
}

/// Wherever a segment is cut off, all records before the cut are delivered.
#[test]
fn a_cut_costs_what_is_behind_it() {
    let log = Log::new();
    for_all(0..log.files[log.segment].1.len(), |len| {
        let delivered = log.delivered_with(log.segment, |bytes| bytes.truncate(len));
        let expected = log.without(|_, end| end > len);
        assert_eq!(delivered, expected, "{len} bytes");
    });
}

/// A cursor that is damaged, cut off, emptied or gone costs nothing: what it knew is delivered again.
#[test]
fn a_damaged_cursor_costs_nothing() {
    let log = Log::new();
    let all = log.without(|_, _| false);
    let mut damaged = 0;
    for (number, (name, bytes)) in log.files.iter().enumerate() {
        if !name.ends_with(".cur") || bytes.is_empty() {
            continue;
        }
        damaged += 1;
        for_all(0..bytes.len() + 1, |at| {
            let delivered = log.delivered_with(number, |bytes| match at < bytes.len() {
                true => bytes[at] ^= 0xff,
                false => bytes.clear(),
            });
            assert_eq!(delivered, all, "{name}, byte {at}");
        });
    }
    assert!(damaged > 0, "no cursor has moved");
}

/// A directory whose `FORMAT` is damaged is refused in plain words and left as it is; with the file mended,
/// everything is delivered.
#[test]
fn a_damaged_format_is_refused_and_nothing_is_lost() {
    let log = Log::new();
    let format = log.files.iter().position(|(name, _)| name == "FORMAT");
    let format = format.expect("it is there");
    let contents = |path: &Path| {
        let mut found: Vec<(PathBuf, Vec<u8>)> = fs::read_dir(path)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), fs::read(path).expect("a file")))
            .collect();
        found.sort();
        found
    };
    for damage in [
        &b""[..],
        b"garbage\n",
        b"\xff\xfe",
        b"spanreel spool 2\n",
        b"spanreel spool x\n",
    ] {
        let directory = log.written_with(format, |bytes| *bytes = damage.to_vec());
        let before = contents(directory.path());
        let pipeline: Result<Pipeline, _> = producer::prompt()
            .spool_with(spool(directory.path()))
            .export(Away)
            .start();
        let error = match pipeline {
            Err(BuildError::Spool(error)) => error,
            other => panic!("{damage:?}: {other:?}"),
        };
        let is_right = matches!(
            error,
            SpoolError::Foreign(_) | SpoolError::NewerFormat { .. }
        );
        assert!(is_right, "{damage:?}: {error}");
        assert_eq!(contents(directory.path()), before, "{damage:?}");
    }
    assert_eq!(
        log.delivered_with(format, |_| {}),
        log.without(|_, _| false)
    );
}

/// Whatever the clock said when it was written (1970, 2554), what is on disk is delivered: no age is reason
/// to give it up.
#[test]
fn a_clock_that_jumped_costs_nothing() {
    let log = Log::new();
    let all = log.without(|_, _| false);
    for time in [0, u64::MAX, 1] {
        let delivered = log.delivered_with(log.segment, |bytes| {
            for place in log.places.windows(2) {
                let record = &mut bytes[place[0]..place[1]];
                record[TIME..HEADER].copy_from_slice(&time.to_le_bytes());
                let sum = crc32c::crc32c(&record[SUM..]);
                record[4..SUM].copy_from_slice(&sum.to_le_bytes());
            }
        });
        assert_eq!(delivered, all, "{time}");
    }
}

/// Records and cursors that speak of positions near the end of all numbers are damage, and no reason to panic.
#[test]
fn absurd_positions_are_damage() {
    let log = Log::new();
    let all = log.without(|_, _| false);
    let absurd = u64::MAX - 20;
    let last = log.places.len() - 2;
    let delivered = log.delivered_with(log.segment, |bytes| {
        let record = &mut bytes[log.places[last]..];
        record[24..32].copy_from_slice(&absurd.to_le_bytes());
        let sum = crc32c::crc32c(&record[SUM..]);
        record[4..SUM].copy_from_slice(&sum.to_le_bytes());
    });
    assert_eq!(delivered, (1..SPANS).collect(), "a record");

    // All of a segment: its name, its header and its one record agree.
    let directory = log.written_with(log.segment, |_| {});
    let (name, bytes) = &log.files[log.segment];
    let mut head = bytes[..log.places[0]].to_vec();
    head[16..24].copy_from_slice(&absurd.to_le_bytes());
    let sum = crc32c::crc32c_append(crc32c::crc32c(&head[8..12]), &head[16..]);
    head[12..16].copy_from_slice(&sum.to_le_bytes());
    let mut record = bytes[log.places[0]..log.places[1]].to_vec();
    record[24..32].copy_from_slice(&absurd.to_le_bytes());
    let sum = crc32c::crc32c(&record[SUM..]);
    record[4..SUM].copy_from_slice(&sum.to_le_bytes());
    head.extend(record);
    let far = format!("log-{absurd:016x}.seg");
    assert_eq!(name.len(), far.len(), "segments have names of this form");
    fs::write(directory.path().join(far), head).expect("written");
    let collects = Collects::default();
    let pipeline = start(directory.path(), collects.clone());
    assert_eq!(accept(&pipeline, 100..101).len(), 1, "it goes on");
    assert_settled(&pipeline.shutdown_blocking(GRACE));
    let mut delivered = collects.0.lock().expect("no panic under it").clone();
    assert!(delivered.remove(&100));
    assert_eq!(delivered, all);

    for (number, (name, _)) in log.files.iter().enumerate() {
        if !name.ends_with(".cur") {
            continue;
        }
        let delivered = log.delivered_with(number, |bytes| {
            let mut slot = vec![0; 32];
            slot[..8].copy_from_slice(&u64::MAX.to_le_bytes());
            slot[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
            let sum = crc32c::crc32c(&slot[..16]);
            slot[16..20].copy_from_slice(&sum.to_le_bytes());
            *bytes = slot;
        });
        assert_eq!(delivered, all, "{name}");
    }
}
