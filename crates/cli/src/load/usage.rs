//! What a process has cost so far, this one or another: CPU time and peak memory, as Linux tells it in `/proc`.

use std::fs;
use std::time::Duration;

/// The unit of CPU times in `/proc`: 1/100 s on every platform of Linux that Rust runs on
/// (`USER_HZ`; the kernel keeps it apart from its own tick).
const TICKS_PER_SECOND: u64 = 100;

/// CPU time that all threads of this process have used, in user and kernel mode, to 10 ms; `None`
/// where there is no `/proc`.
#[must_use]
pub fn cpu_time() -> Option<Duration> {
    cpu_time_at("/proc/self")
}

/// The same of another process of this machine; `None` also where it has ended.
#[must_use]
pub fn cpu_time_of(pid: u32) -> Option<Duration> {
    cpu_time_at(&format!("/proc/{pid}"))
}

fn cpu_time_at(process: &str) -> Option<Duration> {
    parse_cpu_time(&fs::read_to_string(format!("{process}/stat")).ok()?)
}

/// The most memory that this process has had resident, in bytes; `None` where there is no `/proc`.
#[must_use]
pub fn peak_rss() -> Option<u64> {
    peak_rss_at("/proc/self")
}

/// The same of another process of this machine; `None` also where it has ended.
#[must_use]
pub fn peak_rss_of(pid: u32) -> Option<u64> {
    peak_rss_at(&format!("/proc/{pid}"))
}

fn peak_rss_at(process: &str) -> Option<u64> {
    parse_peak_rss(&fs::read_to_string(format!("{process}/status")).ok()?)
}

/// Reads fields 14 (`utime`) and 15 (`stime`) of proc_pid_stat(5). Field 2 is the name of the
/// executable in parentheses, which may itself hold spaces and parentheses.
fn parse_cpu_time(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut from_utime = after_name.split_whitespace().skip(11);
    let user: u64 = from_utime.next()?.parse().ok()?;
    let system: u64 = from_utime.next()?.parse().ok()?;
    Some(Duration::from_millis(
        (user + system) * 1_000 / TICKS_PER_SECOND,
    ))
}

/// Reads `VmHWM` of proc_pid_status(5), given in units of 1,024 bytes.
fn parse_peak_rss(status: &str) -> Option<u64> {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name with spaces and parentheses does not shift the fields.
    #[test]
    fn cpu_time_is_user_and_system_time_whatever_the_name() {
        let stat = "123 (span) reel (x)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 99";
        assert_eq!(parse_cpu_time(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse_cpu_time("123 (x) S 1 2"), None);
        assert_eq!(parse_cpu_time(""), None);
    }

    /// The line is found by its name and scaled by its unit.
    #[test]
    fn peak_rss_is_in_bytes() {
        let status = "Name:\tspanreel\nVmPeak:\t  999 kB\nVmHWM:\t   22528 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(parse_peak_rss(status), Some(22 * 1_024 * 1_024));
        assert_eq!(parse_peak_rss("Name:\tspanreel\n"), None);
    }

    /// What the running kernel writes is understood.
    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_a_cost() {
        assert!(cpu_time_of(std::process::id()).is_some());
        assert!(peak_rss_of(std::process::id()).unwrap() > 100_000);
        assert_eq!((cpu_time_of(u32::MAX), peak_rss_of(u32::MAX)), (None, None));
        assert!(peak_rss().unwrap() > 100_000);
        let before = cpu_time().unwrap();
        let mut sum = 0_u64;
        while cpu_time().unwrap() < before + Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
