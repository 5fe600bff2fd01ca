//! Stops a process at its system calls: kills it before the one that is chosen, or has that one fail.
//!
//! So a process is killed at every point where the disk could tell the difference, and its disk fails at
//! every point where disks fail, without a word of it in the code that is tested. Linux on x86-64 alone.
//!
//! Holds: the traced process; dropped with it, the kernel kills it. Waits: for its next call.

use std::collections::HashMap;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::process::Program;

/// The calls by which a process changes or keeps files, by name.
const CALLS: [(libc::c_long, &str); 14] = [
    (libc::SYS_pwrite64, "pwrite64"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_openat, "create"),
    (libc::SYS_rename, "rename"),
    (libc::SYS_renameat, "rename"),
    (libc::SYS_renameat2, "rename"),
    (libc::SYS_unlink, "remove"),
    (libc::SYS_unlinkat, "remove"),
    (libc::SYS_rmdir, "remove"),
    (libc::SYS_ftruncate, "ftruncate"),
    (libc::SYS_mkdir, "mkdir"),
    (libc::SYS_mkdirat, "mkdir"),
    (libc::SYS_flock, "flock"),
];

/// What is done to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing: calls are counted.
    Watch,
    /// The process is killed before the kernel sees it.
    Kill,
    /// The disk has no room.
    NoSpace,
    /// The disk fails.
    Fails,
}

impl Act {
    fn error(self) -> Option<Errno> {
        match self {
            Self::Watch | Self::Kill => None,
            Self::NoSpace => Some(Errno::ENOSPC),
            Self::Fails => Some(Errno::EIO),
        }
    }
}

/// Which call something is done to, and what.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The names of the calls that count: `pwrite64`, `fdatasync`, `fsync`, `create`, `rename`, `remove`,
    /// `ftruncate`, `mkdir`, `flock`.
    pub calls: &'static [&'static str],
    /// Which of them, from 0 on.
    pub number: usize,
    /// How many in a row.
    pub times: usize,
    /// What is done.
    pub act: Act,
}

/// How a traced process ended.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// The calls that counted, in their order.
    pub calls: Vec<&'static str>,
    /// What something was done to.
    pub hit: Option<&'static str>,
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
}

/// Lets a program begin and run to its end, and does to it what the plan says.
///
/// # Panics
/// The kernel does not let this process trace its children.
#[must_use]
pub fn run(program: &mut Program, plan: &Plan) -> Ended {
    let pid = Pid::from_raw(i32::try_from(program.id()).expect("a process"));
    let options =
        Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
    ptrace::seize(pid, options).expect("a child may be traced");
    ptrace::interrupt(pid).expect("it is traced");
    program.begin();
    let mut tracer = Tracer {
        plan,
        ended: Ended::default(),
        failing: HashMap::new(),
        pid,
    };
    loop {
        let group = Pid::from_raw(-pid.as_raw());
        match waitpid(group, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(who, code)) if who == pid => {
                tracer.ended.code = Some(code);
                return tracer.ended;
            }
            Ok(WaitStatus::Signaled(who, ..)) if who == pid => return tracer.ended,
            Ok(stopped) => tracer.go_on(stopped),
            Err(Errno::EINTR) => {}
            Err(error) => panic!("waiting for a traced process: {error}"),
        }
    }
}

struct Tracer<'a> {
    plan: &'a Plan,
    ended: Ended,
    /// Threads whose call is to fail.
    failing: HashMap<Pid, Errno>,
    pid: Pid,
}

impl Tracer<'_> {
    /// Looks at why a thread has stopped, and lets it go on.
    fn go_on(&mut self, stopped: WaitStatus) {
        let (thread, signal) = match stopped {
            WaitStatus::PtraceSyscall(thread) => {
                self.at_call(thread);
                (thread, None)
            }
            WaitStatus::PtraceEvent(thread, ..) => (thread, None),
            WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
            _ => return,
        };
        // It may have been killed meanwhile.
        let _alive = ptrace::syscall(thread, signal);
    }

    /// A thread is about to make a call, or comes back from one.
    fn at_call(&mut self, thread: Pid) {
        let Ok(mut registers) = ptrace::getregs(thread) else {
            return;
        };
        if let Some(error) = self.failing.remove(&thread) {
            registers.rax = (-i64::from(error as i32)).cast_unsigned();
            // It may have been killed meanwhile.
            let _alive = ptrace::setregs(thread, registers);
            return;
        }
        // Until it is back, a call "is not there".
        if registers.rax != (-i64::from(libc::ENOSYS)).cast_unsigned() {
            return;
        }
        let Some(name) = name(&registers).filter(|name| self.plan.calls.contains(name)) else {
            return;
        };
        let number = self.ended.calls.len();
        self.ended.calls.push(name);
        if number < self.plan.number || number - self.plan.number >= self.plan.times {
            return;
        }
        self.ended.hit = Some(name);
        match self.plan.act.error() {
            Some(error) => {
                // No call has this number: the kernel does nothing.
                registers.orig_rax = u64::MAX;
                if ptrace::setregs(thread, registers).is_ok() {
                    self.failing.insert(thread, error);
                }
            }
            None if self.plan.act == Act::Kill => {
                kill(self.pid, Signal::SIGKILL).expect("it is ours");
            }
            None => {}
        }
    }
}

/// The name of a call that counts.
fn name(registers: &libc::user_regs_struct) -> Option<&'static str> {
    let number = registers.orig_rax.cast_signed();
    let (_, name) = CALLS.iter().find(|(known, _)| *known == number)?;
    let creates = registers.rdx & u64::from(libc::O_CREAT.cast_unsigned()) != 0;
    match *name {
        "create" if !creates => None,
        name => Some(name),
    }
}
