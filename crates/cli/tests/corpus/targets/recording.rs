//! Recorded sessions, in all shapes and however damaged.

use spanreel_cli::convert::{Options, read};

/// All of it is the recording.
///
/// A conversion that is not strict always succeeds, twice alike.
pub fn run(bytes: &[u8]) {
    for content in [false, true] {
        let options = Options {
            content,
            // Short, so that long lines are met.
            max_line_bytes: 4096,
            ..Options::default()
        };
        let convert = || read(bytes, "night-shift.jsonl", &options).expect("memory cannot fail");
        let conversion = convert();
        // Numbers that are none are not equal to themselves.
        assert_eq!(format!("{conversion:?}"), format!("{:?}", convert()));
    }
    let strict = Options {
        strict: true,
        ..Options::default()
    };
    let _refused_or_not = read(bytes, "night-shift.jsonl", &strict);
}
