//! System V objects: shared memory, semaphores and message queues outlive the processes that made them.

use std::io;

use super::findings::Findings;
use crate::identity::Sandbox;
use crate::procfs;
use crate::sys::{self, SysV};

const LISTS: [(SysV, &str); 3] = [
    (SysV::SharedMemory, "/proc/sysvipc/shm"),
    (SysV::Semaphores, "/proc/sysvipc/sem"),
    (SysV::Messages, "/proc/sysvipc/msg"),
];

/// Removes all objects, and reports those that are still there.
pub(super) fn clear(sandbox: Sandbox, findings: &mut Findings) {
    for (kind, list) in LISTS {
        if let Err(error) = clear_one(sandbox, kind, list, findings) {
            findings.add(format!("cannot clear {list}: {error}"));
        }
    }
}

fn clear_one(sandbox: Sandbox, kind: SysV, list: &str, findings: &mut Findings) -> io::Result<()> {
    let found = ids(list)?;
    if found.is_empty() {
        return Ok(());
    }
    {
        let _as_sandbox = sandbox.for_everything()?;
        for id in found {
            // Whether it worked shows in the list.
            let _ = sys::remove_sysv(kind, id);
        }
    }
    for id in ids(list)? {
        findings.add(format!("object {id} left in {list}"));
    }
    Ok(())
}

fn ids(list: &str) -> io::Result<Vec<i32>> {
    match procfs::read_text(list) {
        // A kernel without them.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        text => Ok(parse(&text?)),
    }
}

/// The ids in a list: the second column, below a line of headings.
fn parse(text: &str) -> Vec<i32> {
    text.lines().skip(1).filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_below_the_headings() {
        let text = "       key      shmid perms       size\n         0          7   600       4096\n-559038737      12   644  1\n";
        assert_eq!(parse(text), [7, 12]);
        assert_eq!(parse("       key      semid perms\n"), Vec::<i32>::new());
        assert_eq!(parse(""), Vec::<i32>::new());
    }
}
