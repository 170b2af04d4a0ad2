//! Files of a session. Their bytes are base64 on the way, so that they may be any.

use bytes::Bytes;

use super::connection::MAX_DOWNLOAD;
use super::error::{Doing, Error};
use super::{Client, Shared};
use crate::api::wire::{FileAnswer, FileBody};

impl Client {
    /// Writes a file in the session's sandbox: an absolute path, or one relative to `/sandbox`.
    pub async fn put_file(&self, path: String, content: Bytes) -> Result<(), Error> {
        let Shared { connection, session, .. } = &*self.shared;
        let session_id = session.clone().ok_or(Error::NoSession)?;
        let post = connection.post(connection.endpoint.url(&["file"]), &FileBody { session_id, path, content })?;
        let answer = connection.send(Doing::Upload, post).await?;
        connection.succeeded(Doing::Upload, answer).await
    }

    /// Reads a file in the session's sandbox, at most 256 MiB long.
    pub async fn get_file(&self, path: &str) -> Result<Bytes, Error> {
        let Shared { connection, session, .. } = &*self.shared;
        let session = session.as_deref().ok_or(Error::NoSession)?;
        let get = connection.get(connection.endpoint.file_url(session, path));
        let answer = connection.send(Doing::Download, get).await?;
        let FileAnswer { content } = connection.json(Doing::Download, answer, MAX_DOWNLOAD).await?;
        Ok(content)
    }
}
