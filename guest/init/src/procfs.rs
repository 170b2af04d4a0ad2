//! What /proc tells: its files, and the processes that exist.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// More than most files of /proc hold.
const USUAL: usize = 8 * 1024;

/// Reads a file of /proc. It says nothing of its length, and whoever asks for it or reads piece by piece pays a system
/// call for each.
pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    read_all(&File::open(path)?)
}

/// Reads a file of /proc that is open.
pub(crate) fn read_all(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(USUAL);
    file.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a file of /proc that is text.
pub(crate) fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// What the guest needs to know of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) session: i32,
    /// In clock ticks since boot. Together with the pid it names a process for good, since pids are used again.
    pub(crate) started: u64,
    /// False for a zombie. One whose other threads still run counts as alive.
    pub(crate) alive: bool,
}

/// All processes, but for those that end meanwhile.
pub(crate) fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| parse_stat(pid, &read(format!("/proc/{pid}/stat")).ok()?))
        .collect()
}

/// Parses /proc/PID/stat. The name in it is chosen by the process, parentheses and spaces included, so the fields
/// are counted from the last closing parenthesis.
fn parse_stat(pid: i32, stat: &[u8]) -> Option<Process> {
    let after_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
    let fields: Vec<&str> = std::str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace().collect();
    // Field 3 of proc(5), the state, is the first here.
    let field = |number: usize| fields.get(number - 3).copied();
    let ended = matches!(field(3)?, "Z" | "X" | "x");
    let threads: u32 = field(20)?.parse().ok()?;
    Some(Process {
        pid,
        parent: field(4)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        started: field(22)?.parse().ok()?,
        alive: !ended || threads > 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(name: &str, state: char, threads: u32) -> Vec<u8> {
        let zeroes = "0 ".repeat(13);
        format!("42 ({name}) {state} 7 8 9 {zeroes}{threads} 0 5555 0 0 18446744073709551615\n").into_bytes()
    }

    #[test]
    fn a_hostile_name_does_not_shift_the_fields() {
        let expected = Process { pid: 42, parent: 7, session: 9, started: 5555, alive: true };
        for name in ["sh", "a b", ") Z 1 1 1 (", "(((", ")))", "\n) X 1 1\n"] {
            assert_eq!(parse_stat(42, &stat(name, 'S', 1)), Some(expected), "{name:?}");
        }
        let mut bytes = stat("NAME", 'S', 1);
        bytes[4..8].copy_from_slice(b"\xff\xfe) ");
        assert_eq!(parse_stat(42, &bytes), Some(expected));
    }

    #[test]
    fn a_zombie_is_not_alive_unless_its_threads_are() {
        assert!(!parse_stat(42, &stat("sh", 'Z', 1)).expect("parses").alive);
        assert!(parse_stat(42, &stat("sh", 'Z', 2)).expect("parses").alive);
    }

    #[test]
    fn anything_else_is_no_process() {
        for text in ["", "42 (sh", "42 (sh) S", "42 (sh) S x y z"] {
            assert_eq!(parse_stat(42, text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn files_are_read_whole() {
        let path = std::env::temp_dir().join(format!("isol8-procfs-{}", std::process::id()));
        for length in [0, 1, USUAL - 1, USUAL, USUAL + 1, 5 * USUAL] {
            let text = "x".repeat(length);
            fs::write(&path, &text).expect("written");
            assert_eq!(read_text(&path).expect("read"), text);
        }
        fs::remove_file(&path).expect("removed");
        assert_eq!(read(&path).expect_err("gone").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn this_process_is_found() {
        let me = i32::try_from(std::process::id()).expect("fits");
        assert!(processes().iter().any(|process| process.pid == me && process.alive));
    }
}
