//! From a name to a connection, in two steps: the name is resolved once, and what it turned out to be is dialled. Who
//! calls decides on each address in between; nothing looks at the name again.
//!
//! A machine resolves a name in a thread, and goes on for as long as name servers may keep silent, whether or not anybody
//! still waits: a program that asks for names of a zone of its own, and goes away each time, could have all threads there
//! are. So lookups are counted until they have ended, and each sandbox, each engine and the process have so many.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::name::Host;

/// How long a name may take to be resolved, the time before its turn included.
const LOOKUP_LIMIT: Duration = Duration::from_secs(10);

/// How long one address may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Addresses of a name that are tried.
const MAX_TRIES: usize = 4;

/// Lookups of one sandbox at a time.
const OF_A_SANDBOX: usize = 8;

/// Lookups of one engine at a time: what its executions have given up counts after their end, too.
const OF_AN_ENGINE: usize = 32;

/// Lookups of this process at a time, for programs and once more for code. There are 512 threads for what blocks, and
/// others need some as well.
const OF_THE_PROCESS: usize = 128;

/// Of all programs.
static FOR_PROGRAMS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(OF_THE_PROCESS)));

/// Of all code that is fetched: programs cannot keep it waiting.
static FOR_CODE: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(OF_THE_PROCESS)));

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

/// Resolves names, so many at a time. Clones share in that.
#[derive(Debug, Clone)]
pub struct Resolver {
    lookup: Arc<dyn Lookup>,
    /// A lookup takes one of each, the narrowest first, until it has ended.
    shares: Vec<Arc<Semaphore>>,
}

impl Resolver {
    /// For the programs of one engine.
    pub fn for_programs(lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, shares: vec![share(OF_AN_ENGINE), FOR_PROGRAMS.clone()] }
    }

    /// For the code that one engine fetches.
    pub fn for_code(lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, shares: vec![share(OF_AN_ENGINE), FOR_CODE.clone()] }
    }

    /// The same for one sandbox, which cannot take it all.
    pub fn for_sandbox(&self) -> Self {
        let shares = std::iter::once(share(OF_A_SANDBOX)).chain(self.shares.iter().cloned()).collect();
        Self { lookup: self.lookup.clone(), shares }
    }

    /// The addresses that a host has; one that is an address has itself.
    pub async fn resolve(&self, host: &Host) -> io::Result<Vec<IpAddr>> {
        match host {
            Host::Ip(address) => Ok(vec![*address]),
            Host::Name(name) => timeout(LOOKUP_LIMIT, self.look_up(name.as_str())).await?,
        }
    }

    async fn look_up(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut turn = Vec::with_capacity(self.shares.len());
        for share in &self.shares {
            turn.push(share.clone().acquire_owned().await.map_err(io::Error::other)?);
        }
        let (lookup, name) = (self.lookup.clone(), name.to_owned());
        // A task of its own: its turn lasts until the lookup has ended, although whoever waits may be gone before.
        let looking = tokio::spawn(async move {
            let addresses = lookup.lookup(&name).await;
            drop(turn);
            addresses
        });
        looking.await?
    }
}

fn share(most: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(most))
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

#[cfg(test)]
mod tests {
    use super::fake::Names;
    use super::*;

    fn host(name: &str) -> Host {
        Host::parse(name).expect(name)
    }

    /// Asks for a name about which nobody says anything, and goes away, so many times.
    async fn give_up(resolver: &Resolver, times: usize) {
        let silent = host("silent.test");
        for _ in 0..times {
            assert!(timeout(Duration::from_millis(1), resolver.resolve(&silent)).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn lookups_that_nobody_waits_for_count_until_they_have_ended() {
        let names = Names::new(&[("silent.test", &[]), ("known.test", &[&["1.1.1.1"]])]);
        let engine = Resolver::for_programs(names.clone());
        let (one, other) = (engine.for_sandbox(), engine.for_sandbox());
        give_up(&one, OF_A_SANDBOX).await;
        assert_eq!(names.asked().len(), OF_A_SANDBOX);

        let refused = one.resolve(&host("known.test")).await.expect_err("all its lookups are under way");
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        assert_eq!(names.asked().len(), OF_A_SANDBOX);
        assert_eq!(one.resolve(&host("1.2.3.4")).await.expect("an address"), [IpAddr::from([1, 2, 3, 4])]);
        assert_eq!(other.resolve(&host("known.test")).await.expect("others have theirs").len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn sandboxes_that_come_and_go_take_no_more_than_one_engine_has() {
        let names = Names::new(&[("silent.test", &[]), ("known.test", &[&["1.1.1.1"]])]);
        let (engine, other) = (Resolver::for_programs(names.clone()), Resolver::for_programs(names.clone()));
        for _ in 0..OF_AN_ENGINE / OF_A_SANDBOX {
            give_up(&engine.for_sandbox(), OF_A_SANDBOX).await;
        }
        assert!(engine.for_sandbox().resolve(&host("known.test")).await.is_err());
        assert_eq!(names.asked().len(), OF_AN_ENGINE);
        assert!(other.for_sandbox().resolve(&host("known.test")).await.is_ok());
        assert!(Resolver::for_code(names).resolve(&host("known.test")).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_has_ended_makes_room_for_the_next() {
        let names = Names::new(&[("known.test", &[&["1.1.1.1"]])]);
        let sandbox = Resolver::for_programs(names).for_sandbox();
        for _ in 0..3 * OF_A_SANDBOX {
            assert!(sandbox.resolve(&host("known.test")).await.is_ok());
        }
        assert!(sandbox.resolve(&host("nobody.test")).await.is_err());
    }
}
