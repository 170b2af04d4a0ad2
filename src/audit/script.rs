//! The program that is told of new records.
//!
//! It is run once for each, a few at a time, and is on its own: it has no standard streams, is not in our process group
//! and so not hit by Ctrl-C, and neither its speed nor its fate matters to anybody here. Every run looks the same, so
//! those that wait are no more than a number.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::{io, thread};

use tokio::sync::watch;

use super::LOG;
use super::losses::Losses;

/// Runs at a time.
const MAX_RUNNING: usize = 4;

/// Runs that wait for others to end. A script that hangs lets them add up.
const MAX_WAITING: usize = 1024;

/// Runs of the script. All clones are one.
#[derive(Debug, Clone)]
pub(super) struct Scripts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    program: Box<Path>,
    log: Box<Path>,
    line: watch::Sender<Line>,
    skipped: Losses,
}

#[derive(Debug, Default)]
struct Line {
    /// Threads, each of which looks after one run at a time. There is none when nothing is to be run.
    threads: usize,
    waiting: usize,
    starting: usize,
}

impl Scripts {
    /// `program` will be given the path of the `log`.
    pub(super) fn new(program: &Path, log: &Path) -> Self {
        let skipped = Losses::new("runs of the post-log script: too many are under way");
        Self(Arc::new(Inner { program: program.into(), log: log.into(), line: watch::Sender::default(), skipped }))
    }

    /// Has the script run once, now or later.
    pub(super) fn run(&self) {
        let Inner { line, skipped, .. } = &*self.0;
        let mut is_full = false;
        let mut needs_thread = false;
        line.send_modify(|line| {
            is_full = line.waiting == MAX_WAITING;
            if !is_full {
                line.waiting += 1;
                needs_thread = line.threads < MAX_RUNNING;
                line.threads += usize::from(needs_thread);
            }
        });
        if is_full {
            skipped.add();
        }
        if needs_thread {
            self.start_thread();
        }
    }

    fn start_thread(&self) {
        let scripts = self.clone();
        let thread = thread::Builder::new().name("isol8-audit-script".to_owned());
        if let Err(error) = thread.spawn(move || scripts.work()) {
            tracing::error!(target: LOG, %error, "could not run the post-log script: no thread for it");
            self.0.line.send_modify(|line| {
                line.threads -= 1;
                if line.threads == 0 {
                    // Nobody will come for them.
                    line.waiting = 0;
                }
            });
        }
    }

    /// Returns when none waits any more to be started.
    pub(super) async fn started(&self) {
        // Cannot fail: the sender lives as long as we do.
        let _ = self.0.line.subscribe().wait_for(|line| line.waiting == 0 && line.starting == 0).await;
    }

    /// Returns when none runs any more.
    #[cfg(test)]
    pub(super) async fn ended(&self) {
        let _ = self.0.line.subscribe().wait_for(|line| line.threads == 0).await;
    }

    fn work(&self) {
        while self.next() {
            let child = self.0.spawn();
            self.0.line.send_modify(|line| line.starting -= 1);
            self.0.report(child.and_then(|mut child| child.wait()));
        }
    }

    /// Takes one of those that wait, or ends this thread's part.
    fn next(&self) -> bool {
        self.0.skipped.report();
        let mut taken = false;
        self.0.line.send_modify(|line| {
            taken = line.waiting > 0;
            if taken {
                line.waiting -= 1;
                line.starting += 1;
            } else {
                line.threads -= 1;
            }
        });
        taken
    }
}

impl Inner {
    fn spawn(&self) -> io::Result<Child> {
        Command::new(&*self.program)
            .arg(&*self.log)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
    }

    fn report(&self, ended: io::Result<std::process::ExitStatus>) {
        let program = self.program.display();
        match ended {
            Ok(status) if status.success() => {}
            Ok(status) => tracing::error!(target: LOG, %program, %status, "the post-log script failed"),
            Err(error) => tracing::error!(target: LOG, %program, %error, "could not run the post-log script"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;
    use crate::audit::scratch::Scratch;

    #[tokio::test]
    async fn it_runs_once_for_each_record_with_the_path_as_its_only_argument() {
        let scratch = Scratch::new();
        let program = scratch.script("echo \"$#:$1\" >> \"$1\"");
        let log = scratch.join("a $(touch pwned) b; \"c'");
        let scripts = Scripts::new(&program, &log);
        for _ in 0..20 {
            scripts.run();
        }
        scripts.ended().await;
        let text = std::fs::read_to_string(&log).expect("written");
        assert_eq!(text.lines().count(), 20);
        assert!(text.lines().all(|line| line == format!("1:{}", log.display())), "{text}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn it_has_a_process_group_of_its_own_and_no_standard_streams() {
        let scratch = Scratch::new();
        let text = "read -r x; echo out; echo err >&2
            for fd in 0 1 2; do readlink /proc/$$/fd/$fd; done > \"$1\"
            test \"$$\" = \"$(cut -d ' ' -f 5 < /proc/$$/stat)\" && echo leader >> \"$1\"";
        let scripts = Scripts::new(&scratch.script(text), &scratch.join("log"));
        scripts.run();
        scripts.ended().await;
        assert_eq!(scratch.read("log"), format!("/dev/null\n{}/log\n/dev/null\nleader\n", scratch.display()));
    }

    #[tokio::test]
    async fn one_that_floods_fails_or_is_not_there_is_no_concern_of_ours() {
        let scratch = Scratch::new();
        let flood = scratch.script("i=0; while [ $i -lt 20000 ]; do echo xxxxxxxxxxxxxxx; i=$((i+1)); done; exit 3");
        for program in [flood, scratch.join("none"), scratch.to_path_buf()] {
            let scripts = Scripts::new(&program, &scratch.join("log"));
            scripts.run();
            scripts.started().await;
            scripts.ended().await;
        }
    }

    #[tokio::test]
    async fn those_that_hang_let_others_wait_up_to_a_bound_and_are_reaped_in_the_end() {
        let scratch = Scratch::new();
        let gate = scratch.join("gate");
        mkfifo(&gate, Mode::S_IRWXU).expect("a new name");
        // Opening waits for the other side of the pipe, and reading for its end.
        let program = scratch.script("echo >> \"$1.ran\"; read -r x < \"$(dirname \"$0\")/gate\"; exit 0");
        let scripts = Scripts::new(&program, &scratch.join("log"));
        for _ in 0..MAX_RUNNING {
            scripts.run();
        }
        scripts.started().await;
        for _ in 0..MAX_WAITING + 10 {
            scripts.run();
        }
        {
            let line = scripts.0.line.borrow();
            assert_eq!((line.threads, line.waiting, line.starting), (MAX_RUNNING, MAX_WAITING, 0));
        }
        // Only those four: the rest of the line is of no interest here.
        scripts.0.line.send_modify(|line| line.waiting = 2);
        let opener = thread::spawn(move || {
            // For as long as this is open, nobody waits in `open`; what they read is the end of it, or a line.
            let gate = File::options().read(true).write(true).open(&gate).expect("a pipe");
            (&gate).write_all(&[b'\n'; MAX_RUNNING + 2]).expect("room in the pipe");
            gate
        });
        scripts.ended().await;
        drop(opener.join().expect("sound"));
        assert_eq!(scratch.read("log.ran").lines().count(), MAX_RUNNING + 2);
    }
}
