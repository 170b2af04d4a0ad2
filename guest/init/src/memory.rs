//! The sandbox's memory: how much is in use, and how often the kernel has killed something for want of more.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Where the sandbox's own control group counts it, in versions 1 and 2.
const COUNTERS: [&str; 2] = ["/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"];

/// The counter, kept open so that reading it costs one system call. Where there is none, nothing is ever counted.
#[derive(Debug)]
pub(crate) struct OomCounter(Option<File>);

impl OomCounter {
    pub(crate) fn open() -> Self {
        Self(COUNTERS.iter().find_map(|path| File::open(path).ok()))
    }

    pub(crate) fn read(&self) -> u64 {
        let mut text = [0; 1024];
        let length = self.0.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        std::str::from_utf8(&text[..length]).ok().and_then(parse).unwrap_or(0)
    }
}

/// Where the sandbox's own control group tells what is in use, in versions 1 and 2.
const USAGE: [&str; 2] = ["/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory.current"];

/// Bytes in use, kept open like the counter. Where nobody tells, it is 0.
#[derive(Debug)]
pub(crate) struct MemoryInUse(Option<File>);

impl MemoryInUse {
    pub(crate) fn open() -> Self {
        Self(USAGE.iter().find_map(|path| File::open(path).ok()))
    }

    pub(crate) fn read(&self) -> u64 {
        let mut text = [0; 32];
        let length = self.0.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        std::str::from_utf8(&text[..length]).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }
}

fn parse(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_in_both_layouts() {
        assert_eq!(parse("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), Some(3));
        assert_eq!(parse("low 0\nhigh 0\nmax 7\noom 7\noom_kill 2\noom_group_kill 1\n"), Some(2));
        assert_eq!(parse(""), None);
    }
}
