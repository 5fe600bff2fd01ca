//! Every file of `fuzz/corpus` through the target that it was made for: what fuzzing has found once is
//! looked at in every test run. The test is alone in its process, because it counts memory.

#![expect(
    unsafe_code,
    reason = "a global allocator is unsafe to implement; this one only counts and passes on"
)]

mod memory;
#[expect(unreachable_pub, reason = "the fuzz targets are a crate of their own")]
mod targets;

use std::path::Path;
use std::time::{Duration, Instant};

/// What any input may cost beside a multiple of its own size: the windows of decompressors, what is
/// unpacked up to the limit, and pipelines that stay.
const MOST_BYTES: usize = 32 << 20;
/// The multiple.
const MOST_BYTES_PER_BYTE: usize = 64;
/// How long any input may take, on a busy machine and without optimisation.
const MOST_TIME: Duration = Duration::from_secs(10);

/// No input that fuzzing has found panics, takes long, or takes much memory.
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
            let begun = Instant::now();
            let bytes = memory::peak_of(|| targets::run(name, &input));
            let path = path.display();
            let most = MOST_BYTES + MOST_BYTES_PER_BYTE * input.len();
            assert!(bytes < most, "{path}: {bytes} bytes");
            assert!(begun.elapsed() < MOST_TIME, "{path}: {:?}", begun.elapsed());
            inputs += 1;
        }
        assert!(inputs >= 5, "{name} has a corpus: {inputs}");
    }
}
