//! What the engine reads from a guest that user code may have taken over.
//!
//! The first byte of the input chooses the operation whose answer the rest is taken for.

#![no_main]

use isol8_fuzz::decode;
use isol8_protocol::{Ack, ExecEvent, Hello, Ping, ReadEvent, ResetReport, TunnelEnd};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((kind, stream)) = input.split_first() else { return };
    match kind % 7 {
        0 => decode::<Hello>(stream),
        1 => decode::<ExecEvent>(stream),
        2 => decode::<ReadEvent>(stream),
        3 => decode::<Ack>(stream),
        4 => decode::<ResetReport>(stream),
        5 => decode::<TunnelEnd>(stream),
        _ => decode::<Ping>(stream),
    }
});
