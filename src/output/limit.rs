//! The bound on how much output is kept. What is over it is counted and dropped, so memory stays bounded while
//! the program runs on.

/// Passes the first bytes of a stream and counts them all.
#[derive(Debug)]
pub struct Limiter {
    limit: u64,
    /// Bytes that were to be passed.
    offered: u64,
    /// Bytes that the program produced.
    produced: u64,
}

impl Limiter {
    /// Passes `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit, offered: 0, produced: 0 }
    }

    /// Counts what the program produced, which masking may make longer or shorter.
    pub fn count(&mut self, bytes: usize) {
        self.produced = self.produced.saturating_add(bytes as u64);
    }

    /// The part of `bytes` that is within the limit.
    pub fn pass<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let room = usize::try_from(self.limit.saturating_sub(self.offered)).unwrap_or(usize::MAX);
        self.offered = self.offered.saturating_add(bytes.len() as u64);
        &bytes[..bytes.len().min(room)]
    }

    /// Whether anything was dropped.
    pub fn is_exceeded(&self) -> bool {
        self.offered > self.limit
    }

    /// What stands at the end of output that was cut.
    pub fn marker(&self) -> Option<String> {
        let Self { produced, limit, .. } = self;
        self.is_exceeded().then(|| format!("\n\n--- OUTPUT TRUNCATED ({produced} bytes, limit: {limit}) ---"))
    }
}
