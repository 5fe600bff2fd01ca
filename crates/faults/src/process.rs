//! Processes to be killed: the [oracle's own program](crate), as a producer or as a backend.
//!
//! A producer waits for a line before it begins, so that a tracer can be put on it, and says on a line of
//! its own what happened: `durable 7`, `ended 7`, at the end `report lost=0 spooled=12`, or `refused REASON`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// How a producer is to work.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// The directory of its spool.
    pub spool: &'a Path,
    /// Where it exports to.
    pub url: &'a str,
    /// The first number that it gives.
    pub first: u64,
    /// How many spans it has, one to a request; 0: until it is killed.
    pub spans: u64,
    /// The most that its spool takes, in MiB.
    pub mib: u64,
}

/// A program of the harness that runs.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What a producer said until its end.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The numbers of spans that were told to be durable.
    pub durable: BTreeSet<u64>,
    /// The highest number of a span that has ended.
    pub ended: u64,
    /// The last line that is something else.
    pub last: String,
}

impl Said {
    /// Reads a line.
    fn hear(&mut self, line: String) {
        match line
            .split_once(' ')
            .map(|(what, number)| (what, number.parse()))
        {
            Some(("durable", Ok(number))) => {
                self.durable.insert(number);
            }
            Some(("ended", Ok(number))) => self.ended = number,
            _ => self.last = line,
        }
    }

    /// A number of the report at the end, such as `lost`; none where it was killed before.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        let fields = self.last.strip_prefix("report ")?;
        let value = fields
            .split(' ')
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        value?.parse().ok()
    }
}

impl Program {
    /// A producer that has not begun.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn producer(program: &str, job: &Job<'_>) -> Self {
        let mut command = Command::new(program);
        command
            .arg("producer")
            .arg(job.spool)
            .arg(job.url)
            .args([job.first, job.spans, job.mib].map(|number| number.to_string()));
        Self::start(command)
    }

    /// A program that records spans in a session until it is killed, and has not begun.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn recorder(program: &str, spool: &Path, url: &str) -> Self {
        let mut command = Command::new(program);
        command.arg("recorder").arg(spool).arg(url);
        Self::start(command)
    }

    /// A sink that accepts everything, and where it listens.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn sink(program: &str) -> (Self, SocketAddr) {
        let mut command = Command::new(program);
        command.arg("sink");
        let mut started = Self::start(command);
        let line = started.lines.next().expect("a line").expect("text");
        let addr = line.strip_prefix("listens ").expect("its address");
        (started, addr.parse().expect("an address"))
    }

    fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().expect("the harness's program runs");
        let stdout = child.stdout.take().expect("a pipe");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets a producer begin.
    pub fn begin(&mut self) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        // It may have been killed before.
        let _alive = stdin.write_all(b"go\n").and_then(|()| stdin.flush());
    }

    /// Asks a line of it: what was sent, what came back.
    ///
    /// # Panics
    /// It is gone.
    pub fn ask(&mut self, question: &str) -> String {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{question}").expect("it runs");
        stdin.flush().expect("it runs");
        self.lines.next().expect("an answer").expect("text")
    }

    /// Hears so many lines more, fewer where it ends.
    pub fn hear(&mut self, lines: usize, said: &mut Said) {
        for line in self.lines.by_ref().take(lines).map_while(Result::ok) {
            said.hear(line);
        }
    }

    /// Hears all that it still says.
    #[must_use]
    pub fn hear_all(&mut self) -> Said {
        let mut said = Said::default();
        self.hear(usize::MAX, &mut said);
        said
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// A tracer has waited for it already.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it is ours")
    }

    /// Kills it without a warning, and waits for its end.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.wait();
    }

    /// Stops it where it is, or lets it go on.
    #[cfg(unix)]
    pub fn freeze(&self, is_frozen: bool) {
        use nix::sys::signal::{Signal, kill};
        let signal = if is_frozen {
            Signal::SIGSTOP
        } else {
            Signal::SIGCONT
        };
        let pid = i32::try_from(self.id()).expect("a process");
        kill(nix::unistd::Pid::from_raw(pid), signal).expect("it is ours");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended, or a tracer waited for it.
        let _killed = self.child.kill();
        let _ended = self.child.wait();
    }
}
