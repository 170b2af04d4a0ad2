//! The bound on how much output is kept. What is over it is counted and dropped, so memory stays bounded while
//! the program runs on.

/// Passes the first bytes of a stream and counts them all.
#[derive(Debug)]
pub struct Limiter {
    limit: u64,
    total: u64,
}

impl Limiter {
    /// Passes `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit, total: 0 }
    }

    /// The part of `bytes` that is within the limit.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let room = usize::try_from(self.limit.saturating_sub(self.total)).unwrap_or(usize::MAX);
        self.total = self.total.saturating_add(bytes.len() as u64);
        &bytes[..bytes.len().min(room)]
    }

    /// Whether anything was dropped.
    pub fn is_exceeded(&self) -> bool {
        self.total > self.limit
    }

    /// What stands at the end of output that was cut.
    pub fn marker(&self) -> Option<String> {
        let Self { total, limit } = self;
        self.is_exceeded().then(|| format!("\n\n--- OUTPUT TRUNCATED ({total} bytes, limit: {limit}) ---"))
    }
}
