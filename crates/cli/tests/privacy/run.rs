//! `spanreel run --config`.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use spanreel::Otlp;

use crate::agent::speak;
use crate::planter::Planter;
use crate::server::{File, LONG, spanreel};

/// Waits for what a command writes to a file.
async fn written(path: &Path) -> String {
    let deadline = Instant::now() + LONG;
    loop {
        if let Ok(text) = std::fs::read_to_string(path)
            && text.ends_with('\n')
        {
            return text.trim().to_owned();
        }
        assert!(Instant::now() < deadline, "the command runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a command sends, its arguments and the name of its session hold secrets: none is forwarded, drawn
/// or told.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaves_run() {
    let mut planter = Planter::new(0x2117);
    let file = File::new("[redaction]\n");
    for more in [&[][..], &["--json"]] {
        let folder = tempfile::tempdir().expect("a folder");
        let [lines, url, done] =
            ["lines.jsonl", "url", "done"].map(|name| folder.path().join(name));
        let script = "echo \"$OTEL_EXPORTER_OTLP_ENDPOINT\" > \"$1\"\n\
                      while [ ! -e \"$2\" ]; do sleep 0.05; done\n";
        let mut command = spanreel();
        #[expect(clippy::disallowed_methods, reason = "where programs are")]
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env("PATH", path).arg("run").args(more);
        command.args(["--config", file.name(), "--show-arguments"]);
        command.args(["--session", &planter.said()]);
        command.args(["--export", &format!("file:{}", lines.display())]);
        command.args(["--", "sh", "-c", script, "sh"]);
        command.args([&url, &done]).arg(planter.said());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = child.spawn().expect("it runs");
        let to = Otlp::http(written(&url).await);
        speak(to.into(), &mut planter, 12).await;
        std::fs::write(&done, "").expect("written");
        let ended = child.wait_with_output().expect("it ends");
        let err = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(0), "{err}");
        planter.assert_none_in("standard error", &ended.stderr);
        let lines = std::fs::read(&lines).expect("written");
        planter.assert_none_in("what is forwarded", &lines);
        let lines = String::from_utf8_lossy(&lines).into_owned();
        assert!(lines.contains("they say") && lines.contains("[email]"));
        assert!(err.contains("they say"), "{err}");
    }
}
