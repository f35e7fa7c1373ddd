//! What `/proc` tells of a process.

use std::{fs, time::Duration};

use super::Failure;

/// Clock ticks per second in `/proc/PID/stat`: fixed for programs (`USER_HZ`), proc(5).
const TICKS_PER_SECOND: f64 = 100.0;
const KIB_PER_MIB: f64 = 1024.0;

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Usage {
    /// Resident memory now, MiB.
    pub(super) resident: f64,
    /// The most resident memory that there ever was, MiB.
    pub(super) peak: f64,
    /// User and system time so far, seconds.
    pub(super) cpu: f64,
}

impl Usage {
    /// What the process with this number has used so far; an error when there is none, or it has just ended.
    pub(super) fn of(pid: u32) -> Result<Self, Failure> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let size = |field| mebibytes(&status, field).ok_or_else(|| format!("/proc/{pid}/status has no {field}"));
        Ok(Self { resident: size("VmRSS")?, peak: size("VmHWM")?, cpu: read_cpu(&pid.to_string())? })
    }
}

/// The processor time that the threads of this process have had so far, seconds. To the nanosecond, so that short spans can be
/// compared; threads that have ended do not count.
pub(super) fn own_cpu_seconds() -> Result<f64, Failure> {
    let mut seconds = 0.0;
    for thread in fs::read_dir("/proc/self/task")? {
        let path = thread?.path().join("schedstat");
        // One that ends while we look is one of those that do not count.
        let Ok(schedstat) = fs::read_to_string(&path) else { continue };
        let nanoseconds = schedstat.split_whitespace().next().and_then(|first| first.parse().ok());
        let spent = Duration::from_nanos(nanoseconds.ok_or_else(|| format!("{} makes no sense", path.display()))?);
        seconds += spent.as_secs_f64();
    }
    Ok(seconds)
}

fn read_cpu(process: &str) -> Result<f64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    cpu_seconds(&stat).ok_or_else(|| format!("/proc/{process}/stat makes no sense: {stat}").into())
}

/// utime and stime of a line of `/proc/PID/stat`, in seconds.
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The name, in parentheses, may contain anything; utime and stime are the 12th and 13th fields after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let mut ticks = || times.next()?.parse::<u32>().ok();
    Some((f64::from(ticks()?) + f64::from(ticks()?)) / TICKS_PER_SECOND)
}

/// A size in `/proc/PID/status`, in MiB.
fn mebibytes(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    let kibibytes: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(f64::from(kibibytes) / KIB_PER_MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "17 (a) b (c) S 1 17 17 0 -1 4194560 900 0 0 0 250 75 3 4 20 0 5 0 100 0 0\n";
        assert_eq!(cpu_seconds(stat), Some(3.25));
        assert_eq!(cpu_seconds("17 (a) S 1"), None);
    }

    #[test]
    fn sizes_are_in_mebibytes() {
        let status = "Name:\tx\nVmPeak:\t 9999 kB\nVmHWM:\t   20480 kB\nVmRSS:\t   10752 kB\n";
        assert_eq!((mebibytes(status, "VmRSS"), mebibytes(status, "VmHWM")), (Some(10.5), Some(20.0)));
        assert_eq!(mebibytes("Name:\tx\nState:\tZ (zombie)\n", "VmRSS"), None);
    }

    #[test]
    fn this_process_has_used_time() {
        let used = own_cpu_seconds().map_err(|error| error.to_string());
        assert!(used.as_ref().is_ok_and(|used| *used > 0.0), "{used:?}");
    }

    #[test]
    fn this_process_has_used_memory() {
        let usage = Usage::of(std::process::id()).map_err(|error| error.to_string());
        assert!(usage.as_ref().is_ok_and(|usage| usage.resident > 0.0 && usage.peak > 0.0), "{usage:?}");
    }
}
