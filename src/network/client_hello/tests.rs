use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What clients in use send. Each file says which, and how it was recorded.
const VECTORS: [(&str, &str); 8] = [
    ("openssl-tls13", include_str!("vectors/openssl-tls13.hex")),
    ("openssl-tls12", include_str!("vectors/openssl-tls12.hex")),
    ("openssl-no-name", include_str!("vectors/openssl-no-name.hex")),
    ("python", include_str!("vectors/python.hex")),
    ("node-20", include_str!("vectors/node-20.hex")),
    ("node-24", include_str!("vectors/node-24.hex")),
    ("bun", include_str!("vectors/bun.hex")),
    ("deno", include_str!("vectors/deno.hex")),
];

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        hex.lines().filter(|line| !line.starts_with('#')).flat_map(str::chars).filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

fn expected(name: &str) -> ClientHello {
    if name == "openssl-no-name" { ClientHello::Unnamed } else { named("example.com") }
}

fn named(name: &str) -> ClientHello {
    ClientHello::Named(name.to_owned())
}

/// What the reader says when all comes at once.
fn read(bytes: &[u8]) -> Option<ClientHello> {
    ClientHelloReader::default().feed(bytes).cloned()
}

/// What the reader says when `bytes` come in pieces of these sizes, over and over, and after how many bytes.
fn read_in_pieces(mut bytes: &[u8], sizes: &[usize]) -> (Option<ClientHello>, usize) {
    let (mut reader, mut fed) = (ClientHelloReader::default(), 0);
    for size in sizes.iter().cycle() {
        let piece = take(&mut bytes, *size);
        fed += piece.len();
        let outcome = reader.feed(piece);
        if outcome.is_some() || bytes.is_empty() {
            return (outcome.cloned(), fed);
        }
    }
    (None, fed)
}

/// The same message in records of at most these sizes, over and over.
fn in_records(message: &[u8], sizes: &[usize]) -> Vec<u8> {
    let (mut rest, mut sizes, mut records) = (message, sizes.iter().cycle(), Vec::new());
    while let (false, Some(size)) = (rest.is_empty(), sizes.next()) {
        records.extend(record(take(&mut rest, *size)));
    }
    records
}

fn record(content: &[u8]) -> Vec<u8> {
    [&[22, 3, 1][..], &(content.len() as u16).to_be_bytes(), content].concat()
}

fn vector16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector16(content)].concat()
}

/// The extension that lists these names, all of `kind`.
fn server_names(kind: u8, names: &[&str]) -> Vec<u8> {
    let list: Vec<u8> = names.iter().flat_map(|name| [&[kind][..], &vector16(name.as_bytes())].concat()).collect();
    extension(0, &vector16(&list))
}

/// A message with these extensions, or with no list of them at all.
fn message(extensions: Option<&[Vec<u8>]>) -> Vec<u8> {
    let head = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0]].concat();
    let body = [head, extensions.map(|list| vector16(&list.concat())).unwrap_or_default()].concat();
    [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
}

fn read_extensions(extensions: &[Vec<u8>]) -> Option<ClientHello> {
    read(&record(&message(Some(extensions))))
}

#[test]
fn clients_in_use_are_understood() {
    for (client, hex) in VECTORS {
        assert_eq!(read(&bytes_of(hex)), Some(expected(client)), "{client}");
    }
}

#[test]
fn the_answer_comes_with_the_last_byte_however_the_message_is_cut() {
    for (client, hex) in VECTORS {
        let bytes = bytes_of(hex);
        for records in [bytes.clone(), in_records(&bytes[5..], &[1]), in_records(&bytes[5..], &[3, 100])] {
            let end = (Some(expected(client)), records.len());
            assert_eq!(read_in_pieces(&records, &[1]), end, "{client}");
            assert_eq!(read_in_pieces(&records, &[64 << 10]), end, "{client}");
        }
    }
}

#[test]
fn bytes_after_the_message_change_nothing() {
    let hello = record(&message(Some(&[server_names(0, &["example.com"])])));
    let other = record(&message(Some(&[server_names(0, &["evil.test"])])));
    let mut reader = ClientHelloReader::default();
    assert_eq!(reader.feed(&[&hello[..], &other].concat()), Some(&named("example.com")));
    assert_eq!(reader.feed(&other), Some(&named("example.com")));
}

#[test]
fn reserved_values_and_unknown_extensions_are_passed_over() {
    let grease = extension(0x0a0a, &[]);
    let names = server_names(0, &["example.com"]);
    assert_eq!(read_extensions(&[grease.clone(), names, extension(0xfafa, &[0])]), Some(named("example.com")));
    assert_eq!(read_extensions(&[grease]), Some(ClientHello::Unnamed));
    assert_eq!(read_extensions(&[]), Some(ClientHello::Unnamed));
    assert_eq!(read(&record(&message(None))), Some(ClientHello::Unnamed));
}

#[test]
fn an_encrypted_name_counts_whatever_stands_beside_it() {
    for kind in [0xfe0d, 0xffce] {
        let encrypted = extension(kind, &[0; 40]);
        assert_eq!(read_extensions(std::slice::from_ref(&encrypted)), Some(ClientHello::Encrypted));
        let outer = server_names(0, &["example.com"]);
        assert_eq!(read_extensions(&[encrypted.clone(), outer.clone()]), Some(ClientHello::Encrypted));
        assert_eq!(read_extensions(&[outer, encrypted]), Some(ClientHello::Encrypted));
    }
}

#[test]
fn names_that_servers_could_understand_differently_are_malformed() {
    let names = server_names(0, &["example.com"]);
    for extensions in [
        vec![server_names(0, &["example.com", "evil.test"])],
        vec![names.clone(), server_names(0, &["evil.test"])],
        vec![names.clone(), names.clone()],
        vec![server_names(0, &[])],
        vec![server_names(0, &[""])],
        vec![server_names(1, &["example.com"])],
        vec![server_names(0, &["bücher.example"])],
        vec![extension(0, &[])],
        vec![extension(0, &[0, 0, 0])],
    ] {
        assert_eq!(read_extensions(&extensions), Some(ClientHello::Malformed), "{extensions:?}");
    }
}

#[test]
fn messages_that_are_cut_short_or_too_long_for_their_record_are_malformed() {
    let whole = message(Some(&[server_names(0, &["example.com"])]));
    for end in MESSAGE_HEADER..whole.len() {
        let mut cut = whole[..end].to_vec();
        cut[3] = (end - MESSAGE_HEADER) as u8;
        // Up to where the extensions begin, it is a message without any.
        let expected = if end == message(None).len() { ClientHello::Unnamed } else { ClientHello::Malformed };
        assert_eq!(read(&record(&cut)), Some(expected), "{end}");
    }
    let longer = [&whole[..], &[1]].concat();
    assert_eq!(read(&record(&longer)), Some(ClientHello::Malformed));
    let promising = record(&longer);
    assert_eq!(read(&promising[..promising.len() - 1]), Some(ClientHello::Malformed));
}

#[test]
fn other_protocols_are_known_by_their_first_bytes() {
    for beginning in [&b"GET / HTTP/1.1\r\n"[..], b"SSH-2.0-x", b"\0", b"\x80\x2e\x01", &[22, 2], &[23, 3, 3]] {
        assert_eq!(read(beginning), Some(ClientHello::NotTls), "{beginning:?}");
    }
}

#[test]
fn what_begins_like_tls_and_goes_on_otherwise_is_malformed() {
    for beginning in [
        &[22, 3, 1, 0, 0][..],                      // an empty record
        &[22, 3, 1, 0x40, 1],                       // a longer one than there can be
        &[22, 3, 1, 0, 1, 2],                       // what a server says
        &[22, 3, 1, 0, 1, 1, 23],                   // another kind of record within the message
        &[22, 3, 1, 0, 1, 1, 22, 4],                // another protocol within the message
        &[22, 3, 1, 0, 4, 1, 0, 0, 0],              // an empty message
        &[22, 3, 1, 0, 4, 1, 0, 0, 1, 21, 3, 3, 0], // an alert within the message
    ] {
        assert_eq!(read(beginning), Some(ClientHello::Malformed), "{beginning:?}");
    }
}

#[test]
fn long_beginnings_are_refused_as_soon_as_they_show() {
    assert_eq!(read(&[22, 3, 1, 0x40, 0, 1, 1, 0, 0]), Some(ClientHello::TooLong));
    // Six bytes for each of the message.
    let message = [&[1, 0, 0xf0, 0][..], &vec![0; 0xf000]].concat();
    let (outcome, fed) = read_in_pieces(&in_records(&message, &[1]), &[1000]);
    assert_eq!(outcome, Some(ClientHello::TooLong));
    assert!((MAX_BEGINNING..MAX_BEGINNING + 1000).contains(&fed), "{fed}");
}

#[test]
fn the_longest_message_that_is_read_fills_the_limit() {
    let fitting = |padding: usize| {
        let padding = extension(21, &vec![0; padding]);
        in_records(&message(Some(&[server_names(0, &["example.com"]), padding])), &[MAX_RECORD])
    };
    let overhead = fitting(0).len() + 3 * RECORD_HEADER;
    let longest = fitting(MAX_BEGINNING - overhead);
    assert_eq!(longest.len(), MAX_BEGINNING);
    assert_eq!(read(&longest), Some(named("example.com")));
    assert_eq!(read(&fitting(MAX_BEGINNING - overhead + 1)), Some(ClientHello::TooLong));
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_one_answer(bytes in vec(any::<u8>(), 0..300), sizes in vec(1..40usize, 1..5)) {
        prop_assert_eq!(read_in_pieces(&bytes, &sizes).0, read(&bytes));
    }

    #[test]
    fn spoilt_messages_give_one_answer_in_any_pieces(
        vector in 0..VECTORS.len(),
        spoilt in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        records in vec(1..600usize, 1..4),
        pieces in vec(1..600usize, 1..4),
    ) {
        let mut bytes = bytes_of(VECTORS[vector].1);
        for (index, value) in spoilt {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        let bytes = in_records(&bytes[5..], &records);
        prop_assert_eq!(read_in_pieces(&bytes, &pieces).0, read(&bytes));
    }

    #[test]
    fn the_name_is_read_from_whatever_stands_around_it(
        name in "[a-z0-9._-]{1,253}",
        before in vec((1..0xfe0d_u16, vec(any::<u8>(), 0..20)), 0..5),
        after in vec((1..0xfe0d_u16, vec(any::<u8>(), 0..20)), 0..5),
    ) {
        let others = |list: Vec<(u16, Vec<u8>)>| list.into_iter().map(|(kind, content)| extension(kind, &content));
        let extensions: Vec<_> = others(before).chain([server_names(0, &[&name])]).chain(others(after)).collect();
        prop_assert_eq!(read_extensions(&extensions), Some(ClientHello::Named(name)));
    }
}
