//! Making the sandbox as new: nothing runs, nothing is left where user code can write, no object of its stays in the
//! kernel. And then looking whether that is so: what cannot be undone is reported, and the engine throws the sandbox
//! away.

mod empty;
mod findings;
mod ipc;
mod mounts;
mod root;
mod sockets;

use isol8_protocol::ResetReport;

use crate::boot;
use crate::guest::Guest;
use crate::procfs;
use crate::tree::{self, Spared};
use findings::Findings;
pub(crate) use mounts::Mounts;

/// Resets the sandbox.
pub(crate) async fn run(guest: &Guest<'_>) -> ResetReport {
    let mut findings = Findings::default();
    // An engine that has abandoned a command takes no more of its output, and the command's own stream may not tell.
    let _turn = guest.seize_turn().await;
    if !kill_all(guest).await {
        // The rest would change nothing, and is not safe to do while somebody is there to interfere.
        findings.add("a process could not be killed");
        return findings.into_report();
    }
    guest.tunnels.end_all().await;
    for mount in &guest.writable {
        if let Err(error) = empty::empty(mount, guest.sandbox, &mut findings).await {
            findings.add(format!("cannot empty {:?}: {error}", mount.path));
        }
    }
    // Elsewhere, objects and mounts are those of the host.
    if boot::is_init() {
        ipc::clear(guest.sandbox, &mut findings);
        sockets::check(guest.proxies.then_some(&guest.tunnels), &mut findings).await;
        guest.mounts.check(guest.sandbox, &guest.writable, &mut findings);
    }
    findings.into_report()
}

/// Kills everything, and makes sure that it is gone. In a container that includes what is no child of ours, as it
/// was brought in from outside.
async fn kill_all(guest: &Guest<'_>) -> bool {
    guest.children.reap();
    let nothing_below = tree::kill_all_but(&Spared::default(), guest.children).await;
    nothing_below && (!boot::is_init() || procfs::processes().iter().all(|process| process.pid == 1 || !process.alive))
}
