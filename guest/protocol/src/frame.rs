//! Frames: how messages and data bytes share a stream.
//!
//! A frame is a tag byte, a length (u32, little endian) and that many bytes. Lengths are checked against a
//! bound before anything is read or allocated, so a hostile peer costs at most one bounded buffer.

use std::io;

use bytes::{Bytes, BytesMut};
use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use serde::{Serialize, de::DeserializeOwned};

/// Bytes before the payload of a frame.
pub const HEADER: usize = 5;

/// Longest run of data in one frame. Large enough to make the header free, small enough that streams share fairly.
pub const MAX_DATA: usize = 64 * 1024;

/// Longest message. Room for a full argument list and environment (the kernel's own bound is 2 MiB).
pub const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// What a run of data bytes belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Standard input of a command.
    Stdin,
    /// Standard output of a command.
    Stdout,
    /// Standard error of a command.
    Stderr,
    /// Contents of a file.
    File,
}

const MESSAGE_TAG: u8 = 0;

impl Channel {
    const ALL: [Self; 4] = [Self::Stdin, Self::Stdout, Self::Stderr, Self::File];

    const fn tag(self) -> u8 {
        match self {
            Self::Stdin => 1,
            Self::Stdout => 2,
            Self::Stderr => 3,
            Self::File => 4,
        }
    }
}

/// One frame, taken off a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<M> {
    /// A message.
    Message(M),
    /// Data bytes, at most [`MAX_DATA`].
    Data(Channel, Bytes),
}

/// Why a stream could not be understood or went away. Nothing more can be read from it.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A tag byte that no version of ours sends.
    #[error("unknown frame tag {0}")]
    Tag(u8),
    /// A length over the bound.
    #[error("frame of {length} bytes where at most {bound} are allowed")]
    Length {
        /// What the peer announced.
        length: usize,
        /// What it may announce.
        bound: usize,
    },
    /// Bytes that are no message of the expected kind.
    #[error("malformed message")]
    Message(#[source] postcard::Error),
    /// A well-formed frame of the wrong kind.
    #[error("unexpected frame: expected {0}")]
    Unexpected(&'static str),
    /// The stream ended within a frame, or where one was due.
    #[error("stream ended early")]
    Ended,
    /// The transport failed.
    #[error("stream broke")]
    Io(#[source] io::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Ended } else { Self::Io(error) }
    }
}

/// What a frame header says.
enum Head {
    Message(usize),
    Data(Channel, usize),
}

fn parse_head(head: [u8; HEADER]) -> Result<Head, FrameError> {
    let [tag, length @ ..] = head;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    let bounded = |bound| if length > bound { Err(FrameError::Length { length, bound }) } else { Ok(length) };
    if tag == MESSAGE_TAG {
        return Ok(Head::Message(bounded(MAX_MESSAGE)?));
    }
    let channel = Channel::ALL.into_iter().find(|channel| channel.tag() == tag).ok_or(FrameError::Tag(tag))?;
    Ok(Head::Data(channel, bounded(MAX_DATA)?))
}

/// Reads one frame, or `None` where the stream ended cleanly between two.
pub async fn read<M: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Frame<M>>, FrameError> {
    let mut head = [0; HEADER];
    if stream.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut head[1..]).await?;
    match parse_head(head)? {
        Head::Message(length) => {
            let mut payload = vec![0; length];
            stream.read_exact(&mut payload).await?;
            postcard::from_bytes(&payload).map(|message| Some(Frame::Message(message))).map_err(FrameError::Message)
        }
        Head::Data(channel, length) => {
            let mut payload = BytesMut::zeroed(length);
            stream.read_exact(&mut payload).await?;
            Ok(Some(Frame::Data(channel, payload.freeze())))
        }
    }
}

/// Reads one message; anything else is an error.
pub async fn read_message<M: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> Result<M, FrameError> {
    match read(stream).await? {
        Some(Frame::Message(message)) => Ok(message),
        Some(Frame::Data(..)) => Err(FrameError::Unexpected("a message")),
        None => Err(FrameError::Ended),
    }
}

/// Reads the payload of one message, whatever it is; anything else is an error.
pub(crate) async fn read_payload(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, FrameError> {
    let mut head = [0; HEADER];
    stream.read_exact(&mut head).await?;
    let Head::Message(length) = parse_head(head)? else { return Err(FrameError::Unexpected("a message")) };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok(payload)
}

/// Reads one run of data on `channel`; anything else is an error.
pub async fn read_data(stream: &mut (impl AsyncRead + Unpin), channel: Channel) -> Result<Bytes, FrameError> {
    match read::<()>(stream).await? {
        Some(Frame::Data(found, bytes)) if found == channel => Ok(bytes),
        Some(_) => Err(FrameError::Unexpected("data")),
        None => Err(FrameError::Ended),
    }
}

/// Writes one message.
pub async fn write_message<M: Serialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &M,
) -> Result<(), FrameError> {
    let mut frame = Vec::with_capacity(64);
    encode_message(message, &mut frame)?;
    stream.write_all(&frame).await?;
    Ok(stream.flush().await?)
}

/// Appends one message to `frames`, for senders that put several frames into one write.
pub fn encode_message<M: Serialize>(message: &M, frames: &mut Vec<u8>) -> Result<(), FrameError> {
    let payload = postcard::to_stdvec(message).map_err(FrameError::Message)?;
    if payload.len() > MAX_MESSAGE {
        return Err(FrameError::Length { length: payload.len(), bound: MAX_MESSAGE });
    }
    frames.extend_from_slice(&header(MESSAGE_TAG, payload.len()));
    frames.extend_from_slice(&payload);
    Ok(())
}

/// Appends `data` to `frames`, split into frames of at most [`MAX_DATA`] bytes.
pub fn encode_data(channel: Channel, data: &[u8], frames: &mut Vec<u8>) {
    for run in data.chunks(MAX_DATA) {
        frames.extend_from_slice(&data_header(channel, run.len()));
        frames.extend_from_slice(run);
    }
}

/// The header of a data frame of `length` bytes (at most [`MAX_DATA`]), for senders that read straight into the frame.
pub fn data_header(channel: Channel, length: usize) -> [u8; HEADER] {
    debug_assert!(length <= MAX_DATA, "data frames are split by the caller");
    header(channel.tag(), length)
}

fn header(tag: u8, length: usize) -> [u8; HEADER] {
    let mut header = [tag, 0, 0, 0, 0];
    // Both bounds are far below u32::MAX.
    header[1..].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;
    use crate::{Exec, ExecEvent, Request, Step};

    fn read_all(mut bytes: &[u8]) -> Result<Vec<Frame<Request>>, FrameError> {
        let mut frames = Vec::new();
        while let Some(frame) = block_on(read(&mut bytes))? {
            frames.push(frame);
        }
        Ok(frames)
    }

    #[test]
    fn a_length_over_the_bound_is_refused_before_it_is_read() {
        let head = [MESSAGE_TAG, 0xff, 0xff, 0xff, 0xff];
        assert!(matches!(read_all(&head), Err(FrameError::Length { length: 0xffff_ffff, .. })));
        let head = [Channel::Stdout.tag(), 0x01, 0x00, 0x01, 0x00];
        assert!(matches!(read_all(&head), Err(FrameError::Length { length: 0x1_0001, .. })));
    }

    #[test]
    fn an_unknown_tag_is_refused() {
        assert!(matches!(read_all(&[9, 0, 0, 0, 0]), Err(FrameError::Tag(9))));
    }

    #[test]
    fn a_stream_cut_within_a_frame_is_told_from_one_that_ended() {
        let mut bytes = Vec::new();
        encode_message(&Request::Reset, &mut bytes).expect("encodes");
        assert!(matches!(read_all(&bytes[..bytes.len() - 1]), Err(FrameError::Ended)));
        assert_eq!(read_all(&bytes).expect("whole"), [Frame::Message(Request::Reset)]);
        assert_eq!(read_all(&[]).expect("empty"), []);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            argv in prop::collection::vec(".*", 0..4),
            env in prop::collection::vec((".*", ".*"), 0..4),
            limit_ms: u64,
            length in 0..3 * MAX_DATA,
        ) {
            let data: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            let step = Step { argv, env: env.clone(), cwd: "/sandbox".into(), limit_ms, remove: vec![] };
            let request = Request::Exec(Exec { env, steps: vec![step], stdin: true });
            let mut bytes = Vec::new();
            encode_message(&request, &mut bytes).expect("encodes");
            encode_data(Channel::Stdin, &data, &mut bytes);
            let frames = read_all(&bytes).expect("decodes");
            prop_assert_eq!(&frames[0], &Frame::Message(request));
            let received: Vec<u8> = frames[1..].iter().flat_map(|frame| match frame {
                Frame::Data(Channel::Stdin, run) => run.to_vec(),
                other => panic!("unexpected {other:?}"),
            }).collect();
            prop_assert_eq!(received, data);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = read_all(&bytes);
            let _ = block_on(read::<ExecEvent>(&mut bytes.as_slice()));
        }
    }
}
