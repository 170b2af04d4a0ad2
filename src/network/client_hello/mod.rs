//! Which name a TLS client asks for, read from the first message of its connection.
//!
//! The message may come in any number of reads and of TLS records. It is only looked at: who feeds the reader keeps
//! the bytes, and sends them on once they are allowed.
//!
//! Strict wherever servers differ in what they accept: a message that two of them could understand in two ways is
//! [`ClientHello::Malformed`], since one of the two would be talked to under a name that was not allowed.

mod message;

use std::mem;

/// The longest beginning of a connection that is looked at, record headers included.
///
/// Ordinary messages have 200 to 2000 bytes, mostly post-quantum keys. 64 KiB is the longest that the TLS of Go reads,
/// so nothing that servers in general understand is longer.
pub const MAX_BEGINNING: usize = 64 << 10;

/// RFC 8446, section 5.1.
const MAX_RECORD: usize = 1 << 14;

const RECORD_HEADER: usize = 5;
const MESSAGE_HEADER: usize = 4;

const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO_MESSAGE: u8 = 1;

/// What is known once enough has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientHello {
    /// It asks for this name, as the client spells it.
    Named(String),
    /// It asks for no name.
    Unnamed,
    /// It asks for a name that only the server can read, or pretends to. The one that can be read is not the one that
    /// counts.
    Encrypted,
    /// It is something else than TLS.
    NotTls,
    /// It begins like TLS, but does not go on as the first message of a client does.
    Malformed,
    /// It goes beyond [`MAX_BEGINNING`].
    TooLong,
}

/// Reads the first message of a TLS client as its bytes come in.
#[derive(Debug, Default)]
pub struct ClientHelloReader {
    /// Bytes fed so far.
    seen: usize,
    /// The header of the current record, as far as it has come.
    header: Vec<u8>,
    /// What is missing of the current record's content.
    missing: usize,
    /// The message, as far as it has come.
    message: Vec<u8>,
    outcome: Option<ClientHello>,
}

impl ClientHelloReader {
    /// Takes the next bytes of the connection. `None` asks for more; after an answer, nothing changes it.
    pub fn feed(&mut self, bytes: &[u8]) -> Option<&ClientHello> {
        if self.outcome.is_none() {
            // A message that is complete within the limit may have other bytes behind it.
            let within = &bytes[..bytes.len().min(MAX_BEGINNING - self.seen)];
            self.seen += within.len();
            self.outcome = self.read(within);
            if self.outcome.is_none() && self.seen == MAX_BEGINNING {
                self.outcome = Some(ClientHello::TooLong);
            }
            if self.outcome.is_some() {
                self.message = Vec::new();
            }
        }
        self.outcome.as_ref()
    }

    fn read(&mut self, mut bytes: &[u8]) -> Option<ClientHello> {
        while !bytes.is_empty() {
            if self.missing == 0 {
                let taken = take(&mut bytes, RECORD_HEADER - self.header.len());
                self.header.extend_from_slice(taken);
                match record_length(&self.header) {
                    Ok(Some(length)) => self.missing = length,
                    Ok(None) => continue,
                    Err(_) if !self.message.is_empty() => return Some(ClientHello::Malformed),
                    Err(outcome) => return Some(outcome),
                }
                self.header.clear();
            }
            let content = take(&mut bytes, self.missing);
            self.missing -= content.len();
            self.message.extend_from_slice(content);
            match self.message_length() {
                Ok(Some(length)) if self.message.len() >= length => return Some(self.complete(length)),
                Ok(_) => {}
                Err(outcome) => return Some(outcome),
            }
        }
        None
    }

    /// The length of the whole message, once its header is there.
    fn message_length(&self) -> Result<Option<usize>, ClientHello> {
        match self.message.as_slice() {
            [kind, ..] if *kind != CLIENT_HELLO_MESSAGE => Err(ClientHello::Malformed),
            [_, high, middle, low, ..] => {
                let length = MESSAGE_HEADER + u32::from_be_bytes([0, *high, *middle, *low]) as usize;
                if length > MAX_BEGINNING - RECORD_HEADER { Err(ClientHello::TooLong) } else { Ok(Some(length)) }
            }
            _ => Ok(None),
        }
    }

    /// Clients say nothing more before they have an answer, so the message ends with its record.
    fn complete(&mut self, length: usize) -> ClientHello {
        let message = mem::take(&mut self.message);
        if message.len() > length || self.missing > 0 {
            return ClientHello::Malformed;
        }
        message::read(&message[MESSAGE_HEADER..]).unwrap_or(ClientHello::Malformed)
    }
}

/// How much content follows a record's header, once all of it is there. What is wrong is said as early as can be: who
/// speaks another protocol may wait for an answer before the fifth byte.
fn record_length(header: &[u8]) -> Result<Option<usize>, ClientHello> {
    match header {
        [kind, ..] if *kind != HANDSHAKE_RECORD => Err(ClientHello::NotTls),
        [_, major, ..] if *major != 3 => Err(ClientHello::NotTls),
        [_, _, _, high, low] => match usize::from(u16::from_be_bytes([*high, *low])) {
            length @ 1..=MAX_RECORD => Ok(Some(length)),
            _ => Err(ClientHello::Malformed),
        },
        _ => Ok(None),
    }
}

/// Takes up to `most` bytes from the front.
fn take<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(bytes.len().min(most));
    *bytes = rest;
    taken
}

#[cfg(test)]
mod tests;
