//! What is in `dist/` fits the command.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use super::server::spanreel;

fn dist(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../dist")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a file without comments, those that go on joined.
fn lines(text: &str) -> Vec<String> {
    let kept: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = kept.join("\n").replace("\\\n", " ");
    joined.lines().map(str::to_owned).collect()
}

/// Everything that `--help` of a command says.
fn help(command: &str) -> String {
    let output = spanreel()
        .args([command, "--help"])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Checks the configuration of these variables alone.
fn check(variables: &BTreeMap<String, String>) -> (bool, String) {
    let mut command = spanreel();
    command
        .env_clear()
        .envs(variables)
        .args(["config", "check"]);
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}

/// The variables that the image sets are settings, their values are right with a token, and without one
/// nobody is let in: what the comment in front says.
#[test]
fn the_image_sets_what_there_is() {
    let text = dist("Containerfile");
    let lines = lines(&text);
    let of = |instruction: &str| {
        let found = lines
            .iter()
            .filter_map(|line| line.strip_prefix(instruction));
        found.map(str::trim).collect::<Vec<_>>()
    };
    let stage = lines.iter().rposition(|line| line.starts_with("FROM "));
    let image = &lines[stage.expect("an image")..];
    let env = image.iter().find_map(|line| line.strip_prefix("ENV "));
    let mut variables: BTreeMap<String, String> = env
        .expect("variables")
        .split_whitespace()
        .map(|pair| pair.split_once('=').expect("NAME=VALUE"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let help = help("serve");
    for name in variables.keys() {
        assert!(help.contains(name.as_str()), "{name}");
    }
    let (is_fine, said) = check(&variables);
    assert!(!is_fine && said.contains("SPANREEL_TOKEN"), "{said}");
    variables.insert("SPANREEL_TOKEN".to_owned(), "abc".to_owned());
    let (is_fine, said) = check(&variables);
    assert!(is_fine, "{said}");

    assert_eq!(
        of("ENTRYPOINT"),
        [r#"["/usr/local/bin/spanreel", "serve"]"#]
    );
    let ports: Vec<_> = variables
        .values()
        .filter_map(|it| it.rsplit_once(':'))
        .collect();
    let ports: Vec<_> = ports.iter().map(|(_, port)| *port).collect();
    for port in of("EXPOSE")[0].split_whitespace() {
        assert!(ports.contains(&port), "{port} in {ports:?}");
    }
    assert_eq!(of("VOLUME"), [variables["SPANREEL_DATA_DIR"].as_str()]);
    assert!(
        image[0].ends_with(":nonroot"),
        "nobody needs root: {}",
        image[0]
    );
    for from in of("FROM") {
        let tag = from.split_whitespace().next().expect("an image");
        let (_, tag) = tag.rsplit_once(':').expect("a tag");
        assert_ne!(tag, "latest");
    }
}

/// What the unit calls is there, with the options that it gives, and systemd has nothing to say about it.
#[test]
fn the_unit_calls_what_there_is() {
    let unit = dist("spanreel.service");
    let installed = "/usr/local/bin/spanreel ";
    let calls: Vec<_> = lines(&unit)
        .into_iter()
        .filter_map(|line| Some(line.split_once(installed)?.1.to_owned()))
        .collect();
    assert_eq!(calls.len(), 2, "{calls:?}");
    for call in &calls {
        let words: Vec<_> = call.split_whitespace().collect();
        let help = help(words[0]);
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "{option} of {call}");
        }
    }
    let (_, data_dir) = unit
        .split_once("Environment=SPANREEL_DATA_DIR=")
        .expect("a directory");
    let data_dir = data_dir.lines().next().expect("a line");
    assert_eq!(data_dir, "/var/lib/spanreel", "what StateDirectory makes");

    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("spanreel.service");
    let here = format!("{} ", env!("CARGO_BIN_EXE_spanreel"));
    std::fs::write(&copy, unit.replace(installed, &here)).expect("written");
    let verify = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&copy)
        .output();
    match verify {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let about_it: Vec<_> = said
                .lines()
                .filter(|line| line.contains("spanreel"))
                .collect();
            assert!(about_it.is_empty() && output.status.success(), "{said}");
        }
        Err(error) => {
            use std::io::Write as _;
            let skipped = format!("SKIPPED: systemd-analyze cannot be run: {error}\n");
            std::io::stderr()
                .write_all(skipped.as_bytes())
                .expect("written");
        }
    }
}
