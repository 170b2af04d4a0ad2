//! What is sent to the Docker engine for a build: a tar archive made in memory.

use bytes::Bytes;

/// A build context.
pub(super) struct Context {
    archive: tar::Builder<Vec<u8>>,
}

impl Context {
    pub(super) fn new(dockerfile: &str) -> Self {
        let mut context = Self { archive: tar::Builder::new(Vec::new()) };
        context.add("Dockerfile", dockerfile.as_bytes(), 0o644);
        context
    }

    /// Adds a file. Equal contents make equal archives (owner and times are fixed), which the engine's layer
    /// cache depends on.
    pub(super) fn add(&mut self, name: &str, content: &[u8], mode: u32) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        self.archive.append_data(&mut header, name, content).expect("a Vec takes any write");
    }

    pub(super) fn finish(self) -> Bytes {
        self.archive.into_inner().expect("a Vec takes any write").into()
    }
}
