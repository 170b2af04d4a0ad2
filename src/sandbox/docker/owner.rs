//! Whose container it is, so that cleaning up spares what another process is using.

use std::fmt;
use std::fs;
use std::str::FromStr;
use std::sync::LazyLock;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// A process on some machine: `<machine>/<pid>/<start time>`, where a PID namespace counts as a machine. The start time
/// tells it from a later process that happens to get the same number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    machine: String,
    pid: u32,
    started: u64,
}

static THIS_PROCESS: LazyLock<Owner> = LazyLock::new(|| {
    let pid = std::process::id();
    Owner { machine: machine(), pid, started: start_time(pid).unwrap_or_default() }
});

impl Owner {
    /// This process.
    pub fn this_process() -> &'static Self {
        &THIS_PROCESS
    }

    /// Whether it is another process of this machine, and running. Processes of other machines cannot be seen, and
    /// count as running: their containers go away on their own when they end.
    pub fn is_another_living_process(&self) -> bool {
        if self == Self::this_process() {
            return false;
        }
        // Where even our own cannot be found, looking for others tells nothing.
        let can_tell = self.machine == Self::this_process().machine && start_time(std::process::id()).is_some();
        !can_tell || start_time(self.pid).map_or_else(|| exists(self.pid), |started| started == self.started)
    }

    /// Whether it was a process of this machine and is no more.
    pub fn is_dead(&self) -> bool {
        self != Self::this_process() && !self.is_another_living_process()
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, pid, started } = self;
        write!(f, "{machine}/{pid}/{started}")
    }
}

/// The text names no owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an owner")]
pub struct OwnerError;

impl FromStr for Owner {
    type Err = OwnerError;

    fn from_str(text: &str) -> Result<Self, OwnerError> {
        let mut parts = text.rsplitn(3, '/');
        let started = parts.next().and_then(|part| part.parse().ok()).ok_or(OwnerError)?;
        let pid = parts.next().and_then(|part| part.parse().ok()).ok_or(OwnerError)?;
        let machine = parts.next().ok_or(OwnerError)?.to_owned();
        Ok(Self { machine, pid, started })
    }
}

/// Something that differs from machine to machine, and from one PID namespace to another.
fn machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{}-{}", boot.trim(), namespace.display()).replace('/', "-")
}

/// Whether there is such a process, also where those of other users are hidden (`hidepid`).
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0);
    pid.is_some_and(|pid| kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH))
}

/// When a process started, in clock ticks since boot; `None` when there is no such process or no way to know.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the start time is the 20th field after it.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_survives_being_a_label() {
        let owner = Owner::this_process();
        assert_eq!(owner.to_string().parse().as_ref(), Ok(owner));
        assert_eq!("x".parse::<Owner>(), Err(OwnerError));
    }

    #[test]
    fn a_number_is_that_of_a_process_or_not() {
        assert!(exists(std::process::id()) && exists(1));
        let mut child = std::process::Command::new("true").spawn().expect("a program");
        let number = child.id();
        child.wait().expect("its end");
        // Others to whom kill(2) is a group, or nobody.
        for number in [number, 0, i32::MAX as u32, u32::MAX] {
            assert!(!exists(number), "{number}");
        }
    }

    #[test]
    fn only_other_living_processes_are_spared() {
        let this = Owner::this_process();
        assert!(!this.is_another_living_process());
        let reused_number = Owner { started: this.started + 1, ..this.clone() };
        assert!(!reused_number.is_another_living_process() && reused_number.is_dead());
        let gone = Owner { pid: u32::MAX, ..this.clone() };
        assert!(!gone.is_another_living_process() && gone.is_dead());
        let init = Owner { pid: 1, started: start_time(1).expect("PID 1 runs"), ..this.clone() };
        assert!(init.is_another_living_process());
        let elsewhere = Owner { machine: "elsewhere".into(), ..this.clone() };
        assert!(elsewhere.is_another_living_process() && !elsewhere.is_dead() && !this.is_dead());
    }
}
