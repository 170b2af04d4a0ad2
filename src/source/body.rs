//! What an answer holds: decoded, and bounded while it comes.

use std::io::{self, Write};
use std::sync::Arc;

use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::{Body, Incoming};
use hyper::header::CONTENT_ENCODING;

use super::SourceError;
use super::error::FetchFailure;

/// Reads the body of an answer of `host`. Nowhere are there more than `max` bytes of it, whatever it says of itself.
pub(super) async fn read(answer: Response<Incoming>, host: &str, max: u64) -> Result<Vec<u8>, SourceError> {
    let mut content = Content::of(&answer, max)?;
    let mut body = answer.into_body();
    if let Some(length) = body.size_hint().exact().filter(|length| *length > content.most_received(max)) {
        return Err(SourceError::DeclaredTooLarge { max, length });
    }
    let mut received = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchFailure::Http { host: host.to_owned(), source: Arc::new(error) })?;
        // What is none of data is a trailer, and says nothing to us.
        let Ok(data) = frame.into_data() else { continue };
        received += data.len() as u64;
        if received > content.most_received(max) {
            return Err(SourceError::TooLarge { max });
        }
        content.take(&data)?;
    }
    content.finish()
}

/// Bytes as they come, and what becomes of them.
enum Content {
    Plain(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Content {
    fn of(answer: &Response<Incoming>, max: u64) -> Result<Self, FetchFailure> {
        let bounded = Bounded { bytes: Vec::new(), max };
        let mut encodings = answer.headers().get_all(CONTENT_ENCODING).iter();
        let unknown = |name: &[u8]| FetchFailure::Encoding(String::from_utf8_lossy(name).escape_debug().to_string());
        match (encodings.next().map(|name| name.as_bytes()), encodings.next()) {
            (Some(name), Some(_)) => Err(unknown(name)),
            (None, _) => Ok(Self::Plain(bounded)),
            (Some(name), None) => match name.to_ascii_lowercase().as_slice() {
                b"" | b"identity" => Ok(Self::Plain(bounded)),
                b"gzip" | b"x-gzip" => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(bounded)))),
                _ => Err(unknown(name)),
            },
        }
    }

    /// How many bytes may come. What gzip cannot make smaller becomes a little larger, and what becomes of it is bounded
    /// by itself; this is for what becomes of nothing.
    fn most_received(&self, max: u64) -> u64 {
        match self {
            Self::Plain(_) => max,
            Self::Gzip(_) => max + max / 100 + 1024,
        }
    }

    fn take(&mut self, data: &[u8]) -> Result<(), SourceError> {
        match self {
            Self::Plain(bounded) => bounded.write_all(data).map_err(|_| bounded.too_large()),
            Self::Gzip(decoder) => decoder.write_all(data).map_err(|error| damage(&error, decoder.get_ref())),
        }
    }

    fn finish(self) -> Result<Vec<u8>, SourceError> {
        match self {
            Self::Plain(bounded) => Ok(bounded.bytes),
            Self::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => Ok(std::mem::take(&mut decoder.get_mut().bytes)),
                Err(error) => Err(damage(&error, decoder.get_ref())),
            },
        }
    }
}

/// What an error of the decoder means: its own, or that of what it writes to.
fn damage(error: &io::Error, bounded: &Bounded) -> SourceError {
    if error.kind() == io::ErrorKind::FileTooLarge { bounded.too_large() } else { FetchFailure::Damaged.into() }
}

/// Bytes up to a bound.
struct Bounded {
    bytes: Vec<u8>,
    max: u64,
}

impl Bounded {
    fn too_large(&self) -> SourceError {
        SourceError::TooLarge { max: self.max }
    }
}

impl Write for Bounded {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + data.len()) as u64 > self.max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
