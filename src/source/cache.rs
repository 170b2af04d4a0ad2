//! What was fetched before, on disk: for this process, and for those that come after it.
//!
//! Everything is in one folder that only this user can look into, one file for each URL under each policy: what a
//! stricter policy would not have let through on the way is not there for it. A file says when its code came and what
//! its hash is, and one that is not what it says counts as absent, as everything does that cannot be read. Files appear
//! whole or not at all; when one is added, those go that are too old or too much. Nothing that goes wrong here is more
//! than a reason to fetch again.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;

/// Most files.
const MAX_ENTRIES: usize = 256;

/// Most bytes in all of them.
const MAX_BYTES: u64 = 64 << 20;

/// How files begin: a mark, the second since 1970 in which they came, the hash of the rest.
const MARK: &[u8; 8] = b"isol8-1\n";
const HEADER: usize = MARK.len() + 8 + 32;

/// The user lists and changes, nobody else does anything.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// A folder of code. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    folder: Arc<Path>,
}

/// What an entry is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key([u8; 32]);

/// Code that was fetched before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) hash: [u8; 32],
    pub(super) content: Vec<u8>,
}

impl Key {
    /// That of a URL under the rules of a policy, and what the request said about TLS.
    pub(super) fn new(url: &Url, rules: &[u8; 32], allow_insecure: bool) -> Self {
        let digest = Sha256::new().chain_update(rules).chain_update([u8::from(allow_insecure)]);
        Self(digest.chain_update(url.as_str()).finalize().into())
    }
}

impl Cache {
    /// The one of this user, if there is a place for it.
    pub fn of_this_user() -> Option<Self> {
        let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let usual = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
        let base = named.or_else(|| Some(std::env::home_dir()?.join(usual)).filter(|path| path.is_absolute()))?;
        Some(Self::at(&base.join("isol8/code")))
    }

    /// One in this folder, which need not exist.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.into() }
    }

    /// What is remembered under `key`, unless it is older than `age` or longer than `max`.
    pub(super) async fn get(&self, key: Key, age: Duration, max: u64) -> Option<Entry> {
        let path = self.path(key);
        self.off_thread("read", move || read(&path, age, max)).await.flatten()
    }

    /// Remembers code that has this hash. What is older than `age` is forgotten.
    pub(super) async fn put(&self, key: Key, age: Duration, hash: [u8; 32], content: Vec<u8>) {
        if content.len() as u64 > MAX_BYTES {
            return;
        }
        let (folder, path) = (self.folder.clone(), self.path(key));
        let write = move || {
            secure(&folder)?;
            write(&folder, &path, hash, &content)?;
            prune(&folder, age)
        };
        self.off_thread("write", write).await;
    }

    fn path(&self, Key(key): Key) -> PathBuf {
        self.folder.join(key.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Option<T> {
        let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).and_then(|done| done);
        let report = |error| tracing::debug!(folder = %self.folder.display(), doing, %error, "the cache failed");
        done.map_err(report).ok()
    }
}

/// Makes the folder, and sees to it that it is ours alone.
fn secure(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() || metadata.uid() != geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "not a folder of this user"));
    }
    if metadata.mode() & 0o777 != FOLDER_MODE {
        fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE))?;
    }
    Ok(())
}

fn read(path: &Path, age: Duration, max: u64) -> io::Result<Option<Entry>> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let mut header = [0; HEADER];
    file.read_exact(&mut header)?;
    let (mark, rest) = header.split_at(MARK.len());
    let (came, hash) = rest.split_at(8);
    let came = came.try_into().map(u64::from_be_bytes).map_err(io::Error::other)?;
    // From the future, where a clock was wrong, is not fresh either.
    let is_fresh = now().checked_sub(came).is_some_and(|elapsed| elapsed < age.as_secs());
    if mark != MARK || !is_fresh {
        return Ok(None);
    }
    let mut content = Vec::new();
    file.take(max.saturating_add(1)).read_to_end(&mut content)?;
    let hash: [u8; 32] = hash.try_into().map_err(io::Error::other)?;
    let is_sound = content.len() as u64 <= max && Sha256::digest(&content).as_slice() == hash;
    Ok(is_sound.then_some(Entry { hash, content }))
}

/// A file of ours; not one that somebody else put there, or what a link leads to.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    Ok((metadata.is_file() && metadata.uid() == geteuid().as_raw()).then_some(file))
}

fn write(folder: &Path, path: &Path, hash: [u8; 32], content: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!("{}.new", Uuid::new_v4().simple()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&unfinished)?;
        file.write_all(MARK)?;
        file.write_all(&now().to_be_bytes())?;
        file.write_all(&hash)?;
        file.write_all(content)?;
        fs::rename(&unfinished, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&unfinished)))
}

/// Removes what is too old, and of the rest the oldest until it is not too much. What a process left unfinished goes
/// the same way.
fn prune(folder: &Path, age: Duration) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Gone since then: another process does the same.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_file() {
            files.push((metadata.modified()?, metadata.len(), entry.path()));
        }
    }
    files.sort_unstable_by(|(one, ..), (other, ..)| other.cmp(one));
    let (now, mut bytes) = (SystemTime::now(), 0);
    for (index, (modified, length, path)) in files.iter().enumerate() {
        bytes += length;
        let is_old = now.duration_since(*modified).is_ok_and(|elapsed| elapsed >= age);
        if is_old || index >= MAX_ENTRIES || bytes > MAX_BYTES {
            // Likewise.
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
