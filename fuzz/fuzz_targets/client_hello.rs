//! What a program in a sandbox sends first through a tunnel.
//!
//! The first byte of the input says in how large pieces the rest comes: that must make no difference.

#![no_main]

// The module alone: with sanitizers, building the engine around it takes many minutes.
#[path = "../../src/network/client_hello/mod.rs"]
mod client_hello;

use client_hello::ClientHelloReader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((size, stream)) = input.split_first() else { return };
    let mut pieces = ClientHelloReader::default();
    for piece in stream.chunks(usize::from(*size).max(1)) {
        pieces.feed(piece);
    }
    assert_eq!(pieces.feed(&[]), ClientHelloReader::default().feed(stream));
});
