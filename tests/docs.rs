//! The documentation holds together: its examples are compiled, its links lead somewhere, and the
//! guards that it names exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder of the project whose names end so.
fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is a folder of the project") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn pages() -> Vec<PathBuf> {
    let mut pages = files("docs", ".md");
    pages.extend(["README.md", "CHANGELOG.md"].map(|name| root().join(name)));
    pages
}

/// Markdown without its blocks of code.
fn prose(page: &Path) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in text(page).lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &Path) -> BTreeSet<String> {
    let prose = prose(page);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// Every page has an example in Rust, and the doc tests of the library or of a member crate compile it.
#[test]
fn every_page_is_compiled() {
    let libraries = [
        "src/lib.rs",
        "crates/bridge/src/lib.rs",
        "crates/cli/src/lib.rs",
        "crates/http/src/lib.rs",
        "crates/store/src/lib.rs",
    ];
    let libraries = libraries.map(|path| text(&root().join(path))).concat();
    let mut pages = files("docs", ".md");
    pages.push(root().join("README.md"));
    for page in pages {
        let name = page.strip_prefix(root()).expect("it is in the project");
        assert!(
            text(&page).contains("```rust"),
            "{} has no example",
            name.display()
        );
        let included = format!("../{}\"", name.display());
        assert!(
            libraries.contains(&included),
            "no library includes {included}"
        );
    }
}

/// Every link to a file or a heading of the project leads there.
#[test]
fn every_link_leads_somewhere() {
    let mut followed = 0;
    for page in pages() {
        for link in prose(&page).split("](").skip(1) {
            let link = link.split(')').next().expect("split yields one at least");
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().expect("a file has a folder").join(file),
            };
            assert!(target.exists(), "{} links to {link}", page.display());
            let is_there = anchor.is_empty() || anchors(&target).contains(anchor);
            assert!(is_there, "{} links to {link}", page.display());
            followed += 1;
        }
    }
    assert!(followed > 20, "only {followed} links were found");
}

/// Every test that the page about the hot path names as a guard is a test, every function a function.
#[test]
fn every_guard_exists() {
    let mut sources: Vec<_> = ["src", "tests", "benches"]
        .map(|it| files(it, ".rs"))
        .concat();
    sources.retain(|path| !path.ends_with("tests/docs.rs"));
    let sources: String = sources.iter().map(|path| text(path)).collect();
    let page = prose(&root().join("docs/hot-path.md"));
    let rows = page.lines().filter(|line| line.starts_with('|'));
    let mut named = 0;
    for name in rows.flat_map(|row| row.split('`').skip(1).step_by(2)) {
        if name.chars().all(|c| c.is_ascii_lowercase() || c == '_') && name != "record" {
            let is_there = ["(", "<"]
                .iter()
                .any(|end| sources.contains(&format!("fn {name}{end}")));
            assert!(
                is_there,
                "docs/hot-path.md names {name}, which does not exist"
            );
            named += 1;
        }
    }
    assert!(named > 20, "only {named} names were found");
}

/// Pages are ASCII, so that they look the same everywhere; trees as the console draws them may stand
/// in blocks of code.
#[test]
fn prose_is_ascii() {
    for page in pages() {
        let odd = prose(&page)
            .lines()
            .find(|line| !line.is_ascii())
            .map(str::to_owned);
        assert_eq!(odd, None, "{}", page.display());
    }
}
