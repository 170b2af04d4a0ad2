//! From a name to a connection, in two steps: the name is resolved once, and what it turned out to be is dialled. Who
//! calls decides on each address in between; nothing looks at the name again.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::name::Host;

/// How long a name may take to be resolved.
const LOOKUP_LIMIT: Duration = Duration::from_secs(10);

/// How long one address may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Addresses of a name that are tried.
const MAX_TRIES: usize = 4;

/// How names are resolved.
pub trait Lookup: fmt::Debug + Send + Sync {
    /// The addresses of a name, in the order in which they are to be tried.
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// As this machine does it.
#[derive(Debug)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) }.boxed()
    }
}

/// The addresses that a host has; one that is an address has itself.
pub async fn resolve(lookup: &dyn Lookup, host: &Host) -> io::Result<Vec<IpAddr>> {
    match host {
        Host::Ip(address) => Ok(vec![*address]),
        Host::Name(name) => timeout(LOOKUP_LIMIT, lookup.lookup(name.as_str())).await?,
    }
}

/// A connection to the first of these addresses that answers.
pub async fn connect(addresses: &[IpAddr], port: u16) -> Option<TcpStream> {
    for address in addresses.iter().take(MAX_TRIES) {
        if let Ok(Ok(connection)) = timeout(CONNECT_LIMIT, TcpStream::connect((*address, port))).await {
            // Small requests and answers should not wait for each other. Not vital.
            let _ = connection.set_nodelay(true);
            return Some(connection);
        }
    }
    None
}

/// Names for tests, with whatever addresses.
#[cfg(test)]
pub(crate) mod fake {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    /// Names with an answer for each time that they are looked up; the last one stays. One with none keeps
    /// everybody waiting.
    #[derive(Debug, Default)]
    pub(crate) struct Names {
        answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
        asked: Mutex<Vec<String>>,
    }

    impl Names {
        pub(crate) fn new(answers: &[(&str, &[&[&str]])]) -> Arc<Self> {
            let parse = |address: &&str| address.parse().expect("an address");
            let each = answers.iter().map(|(name, answers)| {
                let answers = answers.iter().map(|addresses| addresses.iter().map(parse).collect()).collect();
                ((*name).to_owned(), answers)
            });
            Arc::new(Self { answers: Mutex::new(each.collect()), asked: Mutex::default() })
        }

        /// Which names were looked up, in that order.
        pub(crate) fn asked(&self) -> Vec<String> {
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    impl Lookup for Names {
        fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            let addresses = match answers.get_mut(name) {
                None => None,
                Some(answers) if answers.is_empty() => return std::future::pending().boxed(),
                Some(answers) if answers.len() == 1 => answers.first().cloned(),
                Some(answers) => Some(answers.remove(0)),
            };
            async move { addresses.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)) }.boxed()
        }
    }
}
