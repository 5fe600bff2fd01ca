//! The table of faults and promises is true: each number is there once, each test exists.

use std::fs;
use std::path::Path;

use spanreel_faults::rows::{PROMISES, ROWS, Test};

/// Whether a file has a test of this name.
fn is_there((file, name): &Test) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = fs::read_to_string(root.join(file)).unwrap_or_default();
    text.contains(&format!("fn {name}("))
}

/// Every fault and every promise has its tests, or says why it has none, and every test that it names exists.
#[test]
fn every_fault_and_promise_has_its_tests() {
    let rows = ROWS.iter().map(|row| (row.number, row.tests, row.open));
    let promises = PROMISES.iter().map(|it| (it.number, it.tests, ""));
    let mut missing: Vec<&Test> = Vec::new();
    for (lines, most) in [(rows.collect::<Vec<_>>(), 35), (promises.collect(), 15)] {
        let numbers: Vec<u8> = lines.iter().map(|(number, ..)| *number).collect();
        assert_eq!(numbers, (1..=most).collect::<Vec<u8>>());
        for (number, tests, open) in lines {
            assert!(
                !tests.is_empty() || !open.is_empty(),
                "{number} proves nothing"
            );
            missing.extend(tests.iter().filter(|test| !is_there(test)));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The page about reliability names every fault and every promise.
#[test]
fn the_page_names_every_fault_and_promise() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/reliability.md")).expect("it is there");
    let faults = ROWS
        .iter()
        .map(|row| format!("| {} | {} |", row.number, row.fault));
    let promises = PROMISES
        .iter()
        .map(|it| format!("| P{} | {} |", it.number, it.promise));
    let missing: Vec<_> = faults
        .chain(promises)
        .filter(|line| !page.contains(line.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
