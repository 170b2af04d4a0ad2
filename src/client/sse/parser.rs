//! The format of event streams, read as it comes.
//!
//! Chunks may end anywhere; lines end with `\n`, `\r\n` or `\r`. Of an event, only its data matters. Comments, with
//! which servers show that they are alive, and fields that nobody knows are passed over, and so is a stream that ends
//! without the empty line that ends its last event.

/// An event was longer than it may be. The stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {max} bytes")]
pub(super) struct TooLong {
    max: usize,
}

/// Reads one stream.
#[derive(Debug)]
pub(super) struct Parser {
    /// The line that has begun.
    line: Vec<u8>,
    /// The data of the event that has begun, if it has any.
    data: Option<Vec<u8>>,
    /// The last byte was `\r`: if `\n` follows, it is part of the same end of line.
    after_cr: bool,
    is_first_line: bool,
    max: usize,
}

impl Parser {
    /// A parser of events of at most `max` bytes, other fields of theirs included.
    pub(super) fn new(max: usize) -> Self {
        Self { line: Vec::new(), data: None, after_cr: false, is_first_line: true, max }
    }

    /// The data of the events that end in `chunk`.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut events = Vec::new();
        let mut rest = chunk;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            match rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                Some(end) => {
                    self.extend_line(&rest[..end])?;
                    self.after_cr = rest[end] == b'\r';
                    rest = &rest[end + 1..];
                    events.extend(self.end_line());
                }
                None => {
                    self.extend_line(rest)?;
                    break;
                }
            }
        }
        Ok(events)
    }

    /// The data of the event that the stream ended in, if it did.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.data.take()
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + self.data.as_ref().map_or(0, Vec::len) + bytes.len() > self.max {
            return Err(TooLong { max: self.max });
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes the line, and returns the data of the event that it ends, if it ends one.
    fn end_line(&mut self) -> Option<Vec<u8>> {
        let mut line = self.line.as_slice();
        if std::mem::take(&mut self.is_first_line) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            self.line.clear();
            return self.data.take();
        }
        if let Some(value) = data(line) {
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            }
        }
        self.line.clear();
        None
    }
}

/// The value of a line, if it is one of data.
fn data(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"data")?;
    match rest.strip_prefix(b":") {
        Some(value) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        None => rest.is_empty().then_some(rest),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 4096;

    fn parse(chunks: &[&[u8]]) -> Result<Vec<String>, TooLong> {
        let mut parser = Parser::new(MAX);
        let mut events = Vec::new();
        for chunk in chunks {
            events.extend(parser.push(chunk)?);
        }
        events.extend(parser.finish());
        Ok(events.into_iter().map(|event| String::from_utf8(event).expect("text")).collect())
    }

    fn whole(stream: &str) -> Vec<String> {
        parse(&[stream.as_bytes()]).expect("short")
    }

    #[test]
    fn events_are_their_data() {
        assert_eq!(whole("data: a\n\ndata:b\n\n"), ["a", "b"]);
        assert_eq!(whole("data: a\r\n\r\ndata: b\r\r"), ["a", "b"]);
        assert_eq!(whole("data: one\ndata: two\n\n"), ["one\ntwo"]);
        assert_eq!(whole("data:  kept\n\n"), [" kept"]);
        assert_eq!(whole("data\n\n"), [""]);
    }

    #[test]
    fn comments_and_other_fields_are_passed_over() {
        assert_eq!(whole(": ping\n\n:\nid: 1\nevent: x\nretry: 5\ndata: a\ndatabase: b\n data: c\n\n"), ["a"]);
        assert!(whole("\n\n: ping\n\n\n").is_empty());
        assert_eq!(whole("\u{feff}data: a\n\n"), ["a"]);
    }

    #[test]
    fn the_last_empty_line_may_be_missing() {
        assert_eq!(whole("data: a\n\ndata: b\n"), ["a", "b"]);
        assert_eq!(whole("data: a\n\ndata: b"), ["a", "b"]);
        assert!(whole(": ping").is_empty());
    }

    #[test]
    fn an_event_is_no_longer_than_it_may_be() {
        let line = [b"data: ".as_slice(), &[b'a'; MAX - 6]].concat();
        assert_eq!(parse(&[&line, b"\n\n", &line, b"\n\n"]).expect("just short enough").len(), 2);
        assert_eq!(parse(&[&line, b"a"]), Err(TooLong { max: MAX }));
        let lines = b"data: aaaaaaaaaa\n".repeat(MAX / 8);
        assert_eq!(parse(&[&lines]), Err(TooLong { max: MAX }));
        // What is passed over is not kept.
        assert!(parse(&[&b": ping\n".repeat(MAX)]).expect("nothing").is_empty());
    }

    proptest! {
        /// W124: wherever chunks end, the events are the same.
        #[test]
        fn chunks_may_end_anywhere(
            events in prop::collection::vec("[^\r\n]{0,20}", 0..8),
            ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 16),
            comments in any::<bool>(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut stream = String::new();
            for (i, event) in events.iter().enumerate() {
                if comments {
                    stream += &format!(": ping{}", ends[2 * i]);
                }
                stream += &format!("data: {event}{}{}", ends[2 * i], ends[2 * i]);
            }
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(parse(&chunks), Ok(events));
        }

        #[test]
        fn anything_at_all_is_read_or_refused(chunks in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let mut parser = Parser::new(64);
            for chunk in &chunks {
                if parser.push(chunk).is_err() {
                    return Ok(());
                }
            }
            parser.finish();
        }
    }
}
