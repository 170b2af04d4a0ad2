//! Trying again what was certainly not sent, because there was no connection to send it over.
//!
//! A server that is being restarted is not there for a moment. What went out on a connection that broke afterwards is
//! another matter: nobody here knows whether it was done, and doing it twice may be worse than not at all. (A kept-alive
//! connection that turns out to be closed before a request goes out is replaced by the HTTP client itself.)

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::{Client, Request, Response};

/// How long is waited before each further try.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// Sends `request`.
pub(super) async fn send(http: &Client, request: Request) -> Result<Response, reqwest::Error> {
    let mut pauses = PAUSES.iter();
    let mut request = request;
    loop {
        let again = request.try_clone();
        let error = match http.execute(request).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        let (Some(next), Some(pause)) = (again.filter(|_| is_momentary(&error)), pauses.next()) else {
            return Err(error);
        };
        tracing::debug!(?pause, "no connection to the server, trying again");
        tokio::time::sleep(*pause).await;
        request = next;
    }
}

/// Whether there may be a connection in a moment. A name that nobody knows or a certificate that nobody trusts stays so,
/// and a host that did not answer in time was waited for long enough.
fn is_momentary(error: &reqwest::Error) -> bool {
    if !error.is_connect() {
        return false;
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
            if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
                return true;
            }
        }
        cause = error.source();
    }
    false
}
