//! Files that callers put into a sandbox and get out of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use isol8_protocol::FailureKind;

use super::plan::{FILE_MODE, OutputFile, resolve, resolve_file};
use super::{Engine, Error};
use crate::sandbox::Sandbox;
use crate::sandbox::channel::ChannelError;
use crate::sandbox::contract::Limits;

/// The largest file that is read back.
pub const MAX_FILE: u64 = 256 << 20;

/// The most bytes that are read back from one execution. Contents can be holes, which cost the sandbox nothing, and are
/// in memory here several times over before the caller has them.
pub const MAX_FILES: u64 = 64 << 20;

impl Engine {
    /// Writes a file in the sandbox of a persistent engine, as user code could.
    pub async fn put_file(&self, path: &str, content: Bytes) -> Result<(), Error> {
        let path = resolve_file(path, self.shared.settings.limits.readonly_root)?;
        let generation = self.shared.generation();
        let write = async {
            let (session, sandbox) = generation.session()?;
            let written = sandbox.channel().write_files(vec![(path, FILE_MODE, content)]).await;
            written.map_err(|error| session.error(&sandbox, error))
        };
        generation.run(write).await
    }

    /// Reads a file in the sandbox of a persistent engine, if user code could. At most 256 MiB.
    pub async fn get_file(&self, path: &str) -> Result<Bytes, Error> {
        let path = resolve(path)?;
        let generation = self.shared.generation();
        let read = async {
            let (session, sandbox) = generation.session()?;
            let contents = sandbox.channel().read_files(vec![path], MAX_FILE, MAX_FILE).await;
            let mut contents = contents.map_err(|error| session.error(&sandbox, error))?;
            let content = contents.pop().ok_or_else(|| Error::Internal("no answer for a file".to_owned()))?;
            content.map_err(Error::ReadFile)
        };
        generation.run(read).await
    }
}

/// The contents of those files that can be read, under the names that they were asked for by.
pub(super) async fn read_back(
    sandbox: &Sandbox,
    asked: &[OutputFile],
    limits: &Limits,
) -> Result<BTreeMap<String, Bytes>, ChannelError> {
    let (paths, bound) = (asked.iter().map(|file| file.path.clone()).collect(), readable(limits));
    let contents = sandbox.channel().read_files(paths, bound, bound).await?;
    let mut files = BTreeMap::new();
    for (OutputFile { name, .. }, content) in asked.iter().zip(contents) {
        match content {
            Ok(content) => drop(files.insert(name.clone(), content)),
            Err(failure) if failure.kind == FailureKind::TooLarge => {
                tracing::warn!(path = name, bound, "an output file is too large to be read back with the others");
            }
            Err(_) => {}
        }
    }
    Ok(files)
}

/// How many bytes of files a sandbox can hold: their contents are in its memory, unless they are holes.
fn readable(limits: &Limits) -> u64 {
    if limits.readonly_root { limits.memory.bytes().min(MAX_FILES) } else { MAX_FILES }
}
