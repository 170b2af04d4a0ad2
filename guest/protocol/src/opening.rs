//! The first message of a connection, which the guest must understand from any version of the engine.

use futures::io::AsyncRead;

use crate::frame::{self, FrameError};
use crate::{Contract, Hello};

/// Place of `Hello` in [`Request`](crate::Request), for good.
const HELLO: u32 = 0;

/// Reads [`Request::Hello`](crate::Request::Hello). What follows the greeting is only looked at when the greeting
/// says that both speak the same version: in another, it may look different.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<(Hello, Option<Contract>), FrameError> {
    let payload = frame::read_payload(stream).await?;
    let ((request, hello), rest) = postcard::take_from_bytes::<(u32, Hello)>(&payload).map_err(FrameError::Message)?;
    if request != HELLO {
        return Err(FrameError::Unexpected("the greeting"));
    }
    let contract =
        hello.is_compatible().then(|| postcard::from_bytes(rest)).transpose().map_err(FrameError::Message)?;
    Ok((hello, contract))
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::{Request, VERSION, Writable};

    fn contract() -> Contract {
        Contract { uid: 100, gid: 101, proxy: false, writable: vec![Writable { path: "/tmp".into(), mode: 0o1777 }] }
    }

    fn sent(request: &Request) -> Vec<u8> {
        let mut frames = Vec::new();
        frame::encode_message(request, &mut frames).expect("encodes");
        frames
    }

    #[test]
    fn a_greeting_of_this_version_brings_the_contract() {
        let hello = Hello::new("test");
        let bytes = sent(&Request::Hello(hello.clone(), contract()));
        assert_eq!(block_on(read(&mut bytes.as_slice())).expect("reads"), (hello, Some(contract())));
    }

    #[test]
    fn a_greeting_of_another_version_is_understood_whatever_follows_it() {
        let hello = Hello { version: VERSION + 1, ..Hello::new("test") };
        let mut bytes = sent(&Request::Hello(hello.clone(), contract()));
        let end = bytes.len();
        bytes[end - 9..].fill(0xff);
        assert_eq!(block_on(read(&mut bytes.as_slice())).expect("reads"), (hello, None));
    }

    #[test]
    fn nothing_else_comes_first() {
        let bytes = sent(&Request::WriteFiles);
        assert!(block_on(read(&mut bytes.as_slice())).is_err());
    }
}
