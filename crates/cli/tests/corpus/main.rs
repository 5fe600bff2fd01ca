//! Every file of `fuzz/corpus` through the target that it was made for: what fuzzing has found once is
//! looked at in every test run. The test is alone in its process, because it counts memory.

#![expect(
    unsafe_code,
    reason = "a global allocator is unsafe to implement; this one only counts and passes on"
)]

mod memory;
#[expect(unreachable_pub, reason = "the fuzz targets are a crate of their own")]
mod targets;

use std::panic::{catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// What any input may cost beside a multiple of its own size: the windows of decompressors, what is
/// unpacked up to the limit, and pipelines that stay.
const MOST_BYTES: usize = 32 << 20;
/// The multiple.
const MOST_BYTES_PER_BYTE: usize = 64;
/// How long any input may take, on a busy machine and without optimisation.
const MOST_TIME: Duration = Duration::from_secs(10);

/// How many damaged copies of each input are tried.
const DAMAGED: usize = 20;

/// No input that fuzzing has found panics, takes long, or takes much memory; nor does what is close to it.
#[test]
fn what_fuzzing_has_found_stays_harmless() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, _) in targets::ALL {
        let mut inputs = 0;
        let folder = corpora.join(name);
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{name}: {error}"));
        for entry in entries {
            let path = entry.expect("it can be read").path();
            let input = std::fs::read(&path).expect("a file");
            assert_is_harmless(name, &input, &path.display().to_string());
            for seed in 0..DAMAGED {
                let input = damaged(&input, seed as u64);
                let of = format!("{}, damaged with the seed {seed}", path.display());
                assert_is_harmless(name, &input, &of);
            }
            inputs += 1;
        }
        assert!(inputs >= 5, "{name} has a corpus: {inputs}");
    }
}

#[expect(clippy::print_stderr, reason = "which input it is")]
fn assert_is_harmless(target: &str, input: &[u8], of: &str) {
    let begun = Instant::now();
    let outcome = catch_unwind(|| memory::peak_of(|| targets::run(target, input)));
    let bytes = outcome.unwrap_or_else(|panic| {
        let text = String::from_utf8_lossy(input);
        eprintln!("{target} with {of}: {text:?}");
        resume_unwind(panic)
    });
    let most = MOST_BYTES + MOST_BYTES_PER_BYTE * input.len();
    assert!(bytes < most, "{of}: {bytes} bytes");
    assert!(begun.elapsed() < MOST_TIME, "{of}: {:?}", begun.elapsed());
}

/// A copy with up to four changes; the same for the same seed.
fn damaged(input: &[u8], seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = input.to_vec();
    for _ in 0..random.usize(1..=4) {
        let at = random.usize(..=bytes.len());
        let end = (at + random.usize(1..16)).min(bytes.len());
        match random.u8(..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.u8(..)),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.extend_from_within(at..end),
            _ => bytes[at..end]
                .iter_mut()
                .for_each(|byte| *byte ^= 1 << random.u8(..8)),
        }
    }
    bytes
}
