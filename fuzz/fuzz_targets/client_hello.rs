//! What a program in a sandbox sends first through a tunnel.
//!
//! The first byte of the input says in how large pieces the rest comes: that must make no difference.

#![no_main]

use isol8_fuzz::network::ClientHelloReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((size, stream)) = input.split_first() else { return };
    let mut pieces = ClientHelloReader::default();
    for piece in stream.chunks(usize::from(*size).max(1)) {
        pieces.feed(piece);
    }
    assert_eq!(pieces.feed(&[]), ClientHelloReader::default().feed(stream));
});
