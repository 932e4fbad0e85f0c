//! Time for the limits: how long the machine has been up, which no one can set, and the wall clock for what an earlier
//! boot has left.

use std::time::{Instant, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// One run of a machine. Uptimes are comparable within one boot only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The boot's name, the same for all processes of the machine.
    pub id: String,
    /// Whether every entry of another boot is older than this one. Where the system has no name for a boot, each process
    /// counts as one, and others may run beside it.
    pub follows_others: bool,
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Nanoseconds since the boot began, sleep included. Never goes back.
    pub uptime_ns: i64,
    /// Nanoseconds since 1970, by a clock that anyone may set.
    pub wall_ns: i64,
}

/// Where the ledger reads the time.
pub trait Clock: Send + 'static {
    /// The boot that `now` counts from.
    fn boot(&self) -> Boot;
    /// The time.
    fn now(&self) -> Moment;
}

/// The machine's own clocks.
#[derive(Debug)]
pub struct SystemClock {
    boot: Boot,
    started: Instant,
}

impl SystemClock {
    /// Asks the system for the name of its boot.
    pub fn new() -> Self {
        let boot = match boot_id() {
            Some(id) => Boot { id, follows_others: true },
            None => Boot { id: format!("process-{}", Uuid::now_v7()), follows_others: false },
        };
        Self { boot, started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn boot(&self) -> Boot {
        self.boot.clone()
    }

    fn now(&self) -> Moment {
        let uptime_ns = if self.boot.follows_others { uptime_ns() } else { None };
        let uptime_ns =
            uptime_ns.unwrap_or_else(|| i64::try_from(self.started.elapsed().as_nanos()).unwrap_or(i64::MAX));
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { uptime_ns, wall_ns: i64::try_from(wall.as_nanos()).unwrap_or(i64::MAX) }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn boot_id() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the kernel tells the boot's name in this file only")]
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

#[cfg(target_os = "macos")]
fn boot_id() -> Option<String> {
    let out = std::process::Command::new("/usr/sbin/sysctl").args(["-n", "kern.bootsessionuuid"]).output().ok()?;
    let id = String::from_utf8(out.stdout).ok()?;
    Some(id.trim().to_owned()).filter(|id| out.status.success() && !id.is_empty())
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
fn boot_id() -> Option<String> {
    None
}

/// `CLOCK_BOOTTIME` on Linux and `CLOCK_MONOTONIC` on macOS: both count sleep.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
fn uptime_ns() -> Option<i64> {
    #[cfg(not(target_os = "macos"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(target_os = "macos")]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec.checked_mul(1_000_000_000)?.checked_add(time.tv_nsec)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
fn uptime_ns() -> Option<i64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_runs_forward_and_knows_its_boot() {
        let clock = SystemClock::new();
        let (a, b) = (clock.now(), clock.now());
        assert!(a.uptime_ns > 0 && b.uptime_ns >= a.uptime_ns);
        assert_eq!(clock.boot(), clock.boot());
        assert_eq!(SystemClock::new().boot().id == clock.boot().id, clock.boot().follows_others);
    }
}
