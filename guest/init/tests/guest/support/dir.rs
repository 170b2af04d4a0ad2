//! A directory that belongs to the sandbox user, removed in the end.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("isol8-init-test-{}-{count}", std::process::id()));
        fs::create_dir(&path).expect("is new");
        let (uid, gid) = super::user();
        std::os::unix::fs::chown(&path, Some(uid), Some(gid)).expect("may be given away");
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }

    pub(crate) fn join(&self, name: &str) -> String {
        format!("{}/{name}", self.path())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
