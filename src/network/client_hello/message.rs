//! The content of a ClientHello (RFC 8446, section 4.1.2; the same since TLS 1.0).

use super::ClientHello;

const RANDOM: usize = 32;

/// RFC 6066, section 3.
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// RFC 9849, and what it was before it had a number: a draft that encrypted the name alone.
const ENCRYPTED: [u16; 2] = [0xfe0d, 0xffce];

/// What a whole message asks for, or nothing if it is none.
pub(super) fn read(message: &[u8]) -> Option<ClientHello> {
    let mut message = Bytes(message);
    let [major, _minor] = message.array()?;
    message.take(RANDOM)?;
    let session = message.vector8()?;
    let ciphers = message.vector16()?;
    let compressions = message.vector8()?;
    let is_possible = major == 3
        && session.0.len() <= 32
        && !ciphers.0.is_empty()
        && ciphers.0.len().is_multiple_of(2)
        && !compressions.0.is_empty();
    if !is_possible {
        return None;
    }
    if message.0.is_empty() {
        // Before TLS 1.2 there need not be any extensions.
        return Some(ClientHello::Unnamed);
    }
    let extensions = message.vector16()?;
    message.0.is_empty().then_some(())?;
    read_extensions(extensions)
}

fn read_extensions(mut extensions: Bytes) -> Option<ClientHello> {
    let mut name = None;
    let mut is_encrypted = false;
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let content = extensions.vector16()?;
        if kind == SERVER_NAME {
            let is_second = name.replace(server_name(content)?).is_some();
            // Of two, some servers would take the first, others the last.
            (!is_second).then_some(())?;
        }
        is_encrypted |= ENCRYPTED.contains(&kind);
    }
    Some(match name {
        _ if is_encrypted => ClientHello::Encrypted,
        Some(name) => ClientHello::Named(name),
        None => ClientHello::Unnamed,
    })
}

/// A list of names that has to be of one, since no kind of name but host names was ever defined, and there may be one
/// of each.
fn server_name(mut extension: Bytes) -> Option<String> {
    let mut list = extension.vector16()?;
    let kind = list.u8()?;
    let name = list.vector16()?;
    let is_only = extension.0.is_empty() && list.0.is_empty();
    let is_host_name = kind == HOST_NAME && !name.0.is_empty() && name.0.is_ascii();
    (is_only && is_host_name).then(|| name.0.iter().copied().map(char::from).collect())
}

/// Bytes that are read from the front. Every read is `None` if there are too few.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<Bytes<'a>> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Bytes(taken))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// A vector whose length has one byte.
    fn vector8(&mut self) -> Option<Bytes<'a>> {
        let length = self.u8()?;
        self.take(length.into())
    }

    /// A vector whose length has two bytes.
    fn vector16(&mut self) -> Option<Bytes<'a>> {
        let length = self.u16()?;
        self.take(length.into())
    }
}
