//! What the guest reads from the engine: the first message of the connection, and the streams after it.
//!
//! The first byte of the input chooses which, as the stream's own place in the connection does in real life.

#![no_main]

use futures::executor::block_on;
use isol8_fuzz::decode;
use isol8_protocol::{Input, Ping, Request, TunnelEnd, opening};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((kind, mut stream)) = input.split_first() else { return };
    match kind % 5 {
        0 => drop(block_on(opening::read(&mut stream))),
        1 => decode::<Request>(stream),
        2 => decode::<Input>(stream),
        3 => decode::<TunnelEnd>(stream),
        _ => decode::<Ping>(stream),
    }
});
