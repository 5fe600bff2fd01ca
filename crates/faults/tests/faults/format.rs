//! Spools of earlier versions: row 32. `golden/` has one of each version of the format as it was released;
//! what is in it never changes.

use std::fs;
use std::path::Path;

use spanreel_faults::{Manner, Sink};

use crate::deliver_all;

/// A spool that any released version left behind is delivered by this one: spans 1 to 5, unchanged.
#[test]
fn what_earlier_versions_left_is_delivered() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut versions = 0;
    for entry in fs::read_dir(golden).expect("it is in the repository") {
        let version = entry.expect("an entry").path();
        let directory = tempfile::tempdir().expect("a directory");
        for file in fs::read_dir(&version).expect("a spool") {
            let file = file.expect("an entry").path();
            let name = file.file_name().expect("a name");
            fs::copy(&file, directory.path().join(name)).expect("copied");
        }
        let sink = Sink::start(Manner::Accepts);
        assert_eq!(
            deliver_all(directory.path(), &sink),
            5,
            "{}",
            version.display()
        );
        sink.judge(&(1..=5).collect()).assert_whole();
        versions += 1;
    }
    assert!(versions >= 1, "each version has its spool");
}
