//! What the engine and the guest say to each other.
//!
//! One byte stream (the container's stdin and stdout) carries a [yamux](mux) connection. The engine opens one
//! stream per operation; every stream begins with a [`Request`] and goes on as that operation says. On each
//! stream the bytes are [frames](frame): a message (postcard) or a run of data bytes.
//!
//! The first stream is the control stream: [`Request::Hello`] and its answer, then [`Ping`]s. A guest that
//! speaks another [`VERSION`] is refused by name, so the layout of [`Hello`] never changes.
//!
//! | request | then the engine sends | and the guest answers |
//! |---|---|---|
//! | `Hello` | `Ping`… | `Hello`, then a `Ping` for each |
//! | `Exec` | `Input::File` + file data…, `Input::Start`, stdin data…, end of stream | `ExecEvent::Started`, stdout and stderr data…, `ExecEvent::Ended` |
//! | `Signal` | – | `Ack` |
//! | `WriteFiles` | `Input::File` + file data…, `Input::Start` | `Ack` |
//! | `ReadFiles` | – | `ReadEvent::File` + file data… or `ReadEvent::Missing`, per path in order |
//! | `Reset` | – | `ResetReport` |
//! | `Tunnels` | `TunnelEnd` for each stream of the guest that it has let go of | `Ack`, then `TunnelEnd` for each that is not needed any more |
//! | `End` | – | `Ack` |
//!
//! Both ends treat the other's bytes as hostile: every length is bounded before anything is allocated, and
//! anything unknown is an error that ends the connection.

pub mod frame;
mod message;
pub mod mux;
pub mod opening;

pub use message::*;
