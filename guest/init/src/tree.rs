//! Finding and killing all that a command has started, however it tried to get away.
//!
//! Every process that loses its parent comes to the guest, so that nothing leaves the tree below it. What was alive
//! before the command started (background processes of earlier commands) is spared, with what descends from it.
//!
//! Where there is nothing to spare, PID 1 kills all at once, which no fork can outrun. Otherwise processes are
//! stopped until a scan finds no new one, and then killed.

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use isol8_protocol::GRACE_MS;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::boot;
use crate::children::{self, Children};
use crate::procfs::{self, Process};
use crate::sys;

/// How long killed processes may take to disappear; only one that hangs in the kernel takes longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait for a child to end before looking (and killing) again.
const PAUSE: Duration = Duration::from_millis(2);

/// What a kill must not touch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spared {
    processes: HashSet<(i32, u64)>,
    /// A process can found a session but not join one, so whoever is in one of these belongs to them.
    sessions: HashSet<i32>,
}

impl Spared {
    /// All that is alive now.
    pub(crate) fn everything_alive() -> Self {
        if !children::any_left() {
            return Self::default();
        }
        let alive = descendants(procfs::processes());
        Self {
            processes: alive.iter().map(|process| (process.pid, process.started)).collect(),
            sessions: alive.iter().map(|process| process.session).filter(|&session| session != own_session()).collect(),
        }
    }
}

/// Kills all but what is spared, and returns when it is gone. False if something is still there after a while.
pub(crate) async fn kill_all_but(spared: &Spared, children: &Children) -> bool {
    let give_up = Instant::now() + PATIENCE;
    loop {
        strike(spared, children.main());
        if is_gone(spared, children) {
            return true;
        }
        if Instant::now() > give_up {
            return false;
        }
        children.changed(PAUSE).await;
    }
}

/// Asks all there is to end, and returns when it has, or when it has had its time. At once where there is nothing.
pub(crate) async fn ask_all_to_end(children: &Children) {
    children.reap();
    if !children::any_left() {
        return;
    }
    if boot::is_init() {
        // Fails only when there is nobody to ask.
        let _ = kill(Pid::from_raw(-1), Signal::SIGTERM);
    } else {
        for process in descendants(procfs::processes()).into_iter().filter(|process| process.alive) {
            let _ = kill(Pid::from_raw(process.pid), Signal::SIGTERM);
        }
    }
    let give_up = Instant::now() + Duration::from_millis(GRACE_MS);
    while children::any_left() && Instant::now() < give_up {
        children.changed(PAUSE).await;
        children.reap();
    }
}

/// Kills all there is, from outside the event loop.
pub(crate) fn kill_everything_now() {
    let spared = Spared::default();
    let give_up = Instant::now() + PATIENCE;
    while children::any_left() && Instant::now() < give_up {
        strike(&spared, None);
        while sys::reap().is_some() {}
        thread::sleep(Duration::from_millis(1));
    }
}

fn strike(spared: &Spared, main: Option<Pid>) {
    if boot::is_init() && spared.processes.is_empty() {
        // Fails only when there is nobody to kill.
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
        return;
    }
    if let Some(main) = main {
        // The common case in one go: as atomic as the above, for whoever stayed in the command's process group.
        let _ = killpg(main, Signal::SIGSTOP);
    }
    let mut stopped = HashSet::new();
    let give_up = Instant::now() + PATIENCE / 4;
    loop {
        let found = targets(&procfs::processes(), spared);
        let mut news = false;
        for pid in found {
            if stopped.insert(pid) {
                news = true;
                // Whoever has ended meanwhile needs no stopping.
                let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
            }
        }
        if !news || Instant::now() > give_up {
            break;
        }
    }
    for pid in stopped {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// Whether nothing but what is spared is left, unreaped children of the guest included.
fn is_gone(spared: &Spared, children: &Children) -> bool {
    if !spared.processes.is_empty() && !targets(&procfs::processes(), spared).is_empty() {
        return false;
    }
    // What the scan found to be dead can be reaped by now.
    children.reap();
    !spared.processes.is_empty() || !children::any_left()
}

/// The pids to kill.
fn targets(processes: &[Process], spared: &Spared) -> Vec<i32> {
    let mut is_spared: HashMap<i32, bool> = HashMap::new();
    let below = descendants(processes.to_vec());
    let by_pid: HashMap<i32, &Process> = below.iter().map(|process| (process.pid, process)).collect();
    for process in &below {
        // Up to the first ancestor that is known, then down again.
        let mut path = Vec::new();
        let mut at = process;
        let verdict = loop {
            if let Some(&known) = is_spared.get(&at.pid) {
                break known;
            }
            path.push(at.pid);
            if spared.processes.contains(&(at.pid, at.started)) || spared.sessions.contains(&at.session) {
                break true;
            }
            match by_pid.get(&at.parent) {
                // A snapshot of a moving tree may have a circle in it, if a pid was used twice.
                Some(parent) if path.len() <= below.len() => at = parent,
                _ => break false,
            }
        };
        is_spared.extend(path.into_iter().map(|pid| (pid, verdict)));
    }
    below.iter().filter(|process| process.alive && !is_spared[&process.pid]).map(|process| process.pid).collect()
}

/// Those below the guest. In a container that is everybody else.
fn descendants(processes: Vec<Process>) -> Vec<Process> {
    let own = own_pid();
    if boot::is_init() {
        return processes.into_iter().filter(|process| process.pid != own).collect();
    }
    let parents: HashMap<i32, i32> = processes.iter().map(|process| (process.pid, process.parent)).collect();
    let is_below = |process: &Process| {
        let mut at = process.pid;
        (0..parents.len()).any(|_| {
            at = parents.get(&at).copied().unwrap_or(0);
            at == own
        })
    };
    processes.iter().filter(|process| is_below(process)).copied().collect()
}

fn own_pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

fn own_session() -> i32 {
    nix::unistd::getsid(None).map_or(0, Pid::as_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, session: i32) -> Process {
        Process { pid, parent, session, started: 100, alive: true }
    }

    fn killed(processes: &[Process], spared: &[Process]) -> Vec<i32> {
        let spared = Spared {
            processes: spared.iter().map(|process| (process.pid, process.started)).collect(),
            sessions: spared.iter().map(|process| process.session).collect(),
        };
        let mut pids = targets(processes, &spared);
        pids.sort_unstable();
        pids
    }

    /// No pid of a test is ever that of the test process itself.
    const BASE: i32 = 10_000_000;

    #[test]
    fn all_below_the_guest_is_found_and_nothing_else() {
        let guest = own_pid();
        let all = [
            process(BASE, guest, BASE),
            process(BASE + 1, BASE, BASE),
            process(BASE + 2, BASE + 1, BASE + 2),
            process(BASE + 3, 1, 1),
            process(guest, 1, 1),
        ];
        assert_eq!(killed(&all, &[]), [BASE, BASE + 1, BASE + 2]);
    }

    #[test]
    fn what_was_alive_before_is_spared_with_its_descendants_and_its_session() {
        let guest = own_pid();
        let before = process(BASE, guest, BASE);
        let all = [
            before,
            process(BASE + 1, BASE, BASE + 1),
            process(BASE + 2, BASE + 1, BASE + 2),
            // An orphan out of the session that was there before.
            process(BASE + 3, guest, BASE),
            process(BASE + 4, guest, BASE + 4),
        ];
        assert_eq!(killed(&all, &[before]), [BASE + 4]);
    }

    #[test]
    fn a_pid_that_was_used_again_is_not_spared() {
        let guest = own_pid();
        let before = process(BASE, guest, BASE);
        let again = Process { started: 200, session: BASE + 1, ..before };
        assert_eq!(killed(&[again], &[before]), [BASE]);
    }

    #[test]
    fn zombies_are_left_to_their_parents_and_circles_end() {
        let guest = own_pid();
        let zombie = Process { alive: false, ..process(BASE, guest, BASE) };
        let circle = [process(BASE + 1, BASE + 2, 5), process(BASE + 2, BASE + 1, 5)];
        assert_eq!(killed(&[zombie, circle[0], circle[1]], &[]), Vec::<i32>::new());
    }
}
