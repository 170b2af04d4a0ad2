//! What the fuzz targets share.
//!
//! The network filter is here as it stands in the engine, but without the engine around it: with sanitizers, that takes
//! many minutes to build.
//!
//! Decoding a stream of hostile bytes must end, without a panic, in frames or in an error. What was decoded must also survive being sent
//! on: encoded again and decoded again, it is the same. That would fail if two ends could ever understand the same
//! bytes differently.

#[allow(dead_code, missing_docs, reason = "the engine uses more of it")]
#[path = "../../src/api/mod.rs"]
pub mod api;
#[allow(dead_code, missing_docs, reason = "the engine uses more of it")]
#[path = "../../src/network/mod.rs"]
pub mod network;
#[allow(dead_code, missing_docs, reason = "the engine uses more of it")]
#[path = "../../src/output/mod.rs"]
pub mod output;

use std::fmt::Debug;

use futures::executor::block_on;
use isol8_protocol::frame::{self, Frame, MAX_DATA};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Decodes `stream` as frames of `M` until it ends or is refused.
pub fn decode<M: DeserializeOwned + Serialize + PartialEq + Debug>(mut stream: &[u8]) {
    while let Ok(Some(received)) = block_on(frame::read::<M>(&mut stream)) {
        let mut sent = Vec::new();
        match &received {
            Frame::Message(message) => frame::encode_message(message, &mut sent).expect("fitted into a frame before"),
            Frame::Data(channel, bytes) => {
                assert!(bytes.len() <= MAX_DATA, "{} bytes of data in one frame", bytes.len());
                if bytes.is_empty() {
                    continue; // The encoder has no frame for nothing.
                }
                frame::encode_data(*channel, bytes, &mut sent);
            }
        }
        let again = block_on(frame::read::<M>(&mut sent.as_slice())).expect("our own encoding decodes");
        assert_eq!(again, Some(received));
    }
}
