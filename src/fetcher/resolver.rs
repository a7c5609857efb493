//! Which addresses a name has.
//!
//! The system is asked (`getaddrinfo`: hosts file, mDNS and VPNs work as everywhere), on threads, at most
//! [`WIDTH`] at a time; a name that is being looked up is not looked up twice; answers are kept for
//! [`KEPT`], failures for nobody but those who wait. Which of the addresses may be dialled is decided for
//! each request anew, by `policy::address`, and reqwest is handed exactly those ([`Given`]): what was
//! checked is what is dialled, whatever the name server says a second later.
//!
//! `getaddrinfo` cannot be stopped: a look-up that takes too long is given up, but its place counts as
//! taken until the thread is back. Time spent waiting for a place counts against nobody's clock.
//! Deliberately absent: the records' own time to live, which `getaddrinfo` does not tell.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, Shared};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::FetchError;
use super::failure;
use super::options::{Family, Lookup, Resolve};
use super::timing::Call;
use crate::model::{Failure, FailureKind, Naming};
use crate::policy::address::{Private, permitted};

/// Look-ups at a time. More would queue in the runtime's thread pool, where nothing can see them wait.
const WIDTH: usize = 32;
/// How long an answer is used.
const KEPT: Duration = Duration::from_secs(60);
/// Names that are remembered.
const NAMES: usize = 10_000;
/// Addresses of one name that are tried; the connect clock is divided among them.
const ADDRESSES: usize = 16;

/// What a look-up brought, and how long it took without its wait for a place.
type Answer = (Result<Rc<[IpAddr]>, FetchError>, Duration);

enum Entry {
    Known {
        addresses: Rc<[IpAddr]>,
        until: Instant,
    },
    Pending(Shared<LocalBoxFuture<'static, Answer>>),
}

type Table = RefCell<HashMap<Box<str>, Entry>>;

/// Looks names up, and keeps what was found.
pub(super) struct Resolver {
    lookup: Lookup,
    given: Vec<Resolve>,
    family: Family,
    private: Private,
    patience: Duration,
    slots: Arc<Semaphore>,
    table: Rc<Table>,
}

/// What a look-up brought.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that may be dialled, in order of preference; empty for a literal address, and for what nobody here looks up.
    pub(super) addresses: Vec<IpAddr>,
    /// Why others of the name may not be.
    pub(super) refusal: Option<Box<Failure>>,
    /// The name of a proxy, and where that is.
    pub(super) proxy: Option<Box<(String, Vec<IpAddr>)>>,
    /// How long the request waited for a name server, if it had to ask one.
    pub(super) asked: Option<Duration>,
}

impl Resolver {
    pub(super) fn new(
        lookup: Option<Lookup>,
        given: Vec<Resolve>,
        family: Family,
        private: Private,
        patience: Duration,
    ) -> Self {
        Self {
            lookup: lookup.unwrap_or_else(|| Lookup::new(system)),
            given,
            family,
            private,
            patience,
            slots: Arc::new(Semaphore::new(WIDTH)),
            table: Rc::default(),
        }
    }

    /// The addresses that the user gave for this place.
    pub(super) fn given(&self, host: &str, port: u16) -> Option<&[IpAddr]> {
        let given = self
            .given
            .iter()
            .find(|given| given.port == port && given.host == host)?;
        Some(&given.addresses)
    }

    /// Where `host` is, as far as a request of `naming` may go there.
    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
        naming: Naming,
    ) -> Result<Found, FetchError> {
        self.find(host, port, self.private, naming).await
    }

    /// Where a host is that belongs to the user and not to the web: wherever he likes.
    pub(super) async fn resolve_own(&self, host: &str, port: u16) -> Result<Found, FetchError> {
        self.find(host, port, Private::Allow, Naming::User).await
    }

    async fn find(
        &self,
        host: &str,
        port: u16,
        private: Private,
        naming: Naming,
    ) -> Result<Found, FetchError> {
        let judged = |addresses: &[IpAddr], asked| {
            let (addresses, refusal) = self.dialled(host, addresses, private, naming)?;
            Ok(Found {
                addresses,
                refusal: refusal.map(Box::new),
                proxy: None,
                asked,
            })
        };
        if let Some(given) = self.given(host, port) {
            return judged(given, None);
        }
        let known = match self.table.borrow().get(host) {
            Some(Entry::Known { addresses, until }) if *until > Instant::now() => {
                Some(Rc::clone(addresses))
            }
            _ => None,
        };
        if let Some(known) = known {
            return judged(&known, None);
        }
        let begun = Instant::now();
        let (answer, took) = self.ask(host).await;
        judged(&answer?, Some(took.min(begun.elapsed())))
    }

    /// Joins the look-up of `host` that is under way, or begins one.
    fn ask(&self, host: &str) -> Shared<LocalBoxFuture<'static, Answer>> {
        let mut table = self.table.borrow_mut();
        if let Some(Entry::Pending(pending)) = table.get(host) {
            return pending.clone();
        }
        make_room(&mut table);
        // A task of its own: it goes on, and gives its place back, also when whoever asked is cancelled.
        let task = tokio::spawn(look_up(
            host.to_owned(),
            self.lookup.clone(),
            Arc::clone(&self.slots),
            self.patience,
        ));
        let pending = keep(host.into(), task, Rc::downgrade(&self.table))
            .boxed_local()
            .shared();
        table.insert(host.into(), Entry::Pending(pending.clone()));
        pending
    }

    /// Those of `addresses` that may be dialled, and why others may not.
    fn dialled(
        &self,
        host: &str,
        addresses: &[IpAddr],
        private: Private,
        naming: Naming,
    ) -> Result<(Vec<IpAddr>, Option<Failure>), FetchError> {
        let mut refusal = None;
        let mut dialled = Vec::with_capacity(addresses.len().min(ADDRESSES));
        for &address in addresses
            .iter()
            .filter(|address| self.family.holds(**address))
        {
            match permitted(private, naming, address) {
                Ok(()) if dialled.len() == ADDRESSES => break,
                Ok(()) => dialled.push(address),
                Err(failure) => refusal = refusal.or(Some(failure)),
            }
        }
        match refusal {
            refusal if !dialled.is_empty() => Ok((dialled, refusal)),
            Some(failure) => Err(failure.into()),
            None => {
                let kind = match self.family {
                    Family::Any => "",
                    Family::V4 => "IPv4 ",
                    Family::V6 => "IPv6 ",
                };
                Err(FetchError::lasting(
                    FailureKind::Dns,
                    format!("{host} has no {kind}address"),
                ))
            }
        }
    }
}

/// Forgets what is old, and everything that can be asked again if that is not enough.
fn make_room(table: &mut HashMap<Box<str>, Entry>) {
    if table.len() < NAMES {
        return;
    }
    let now = Instant::now();
    table.retain(|_, entry| {
        matches!(entry, Entry::Pending(_))
            || matches!(entry, Entry::Known { until, .. } if *until > now)
    });
    if table.len() >= NAMES / 2 {
        table.retain(|_, entry| matches!(entry, Entry::Pending(_)));
    }
}

/// Waits for a look-up, and puts its answer into the table.
async fn keep(
    name: Box<str>,
    task: JoinHandle<(Result<Vec<IpAddr>, FetchError>, Duration)>,
    table: Weak<Table>,
) -> Answer {
    let (answer, took) = task.await.unwrap_or_else(|_| (Err(lost()), Duration::ZERO));
    let answer = answer.map(Rc::from);
    if let Some(table) = table.upgrade() {
        let mut table = table.borrow_mut();
        match &answer {
            Ok(addresses) => {
                let until = Instant::now() + KEPT;
                table.insert(
                    name,
                    Entry::Known {
                        addresses: Rc::clone(addresses),
                        until,
                    },
                );
            }
            Err(_) => {
                table.remove(&name);
            }
        }
    }
    (answer, took)
}

/// One look-up, once there is a place for it.
async fn look_up(
    name: String,
    lookup: Lookup,
    slots: Arc<Semaphore>,
    patience: Duration,
) -> (Result<Vec<IpAddr>, FetchError>, Duration) {
    let Ok(slot) = slots.acquire_owned().await else {
        return (Err(lost()), Duration::ZERO);
    };
    let begun = Instant::now();
    let asked = name.clone();
    let thread = tokio::task::spawn_blocking(move || {
        let found = (lookup.0)(&asked);
        drop(slot);
        found
    });
    let answer = match timeout(patience, thread).await {
        Ok(Ok(found)) => found.map_err(|error| failure::of_lookup(&name, &error)),
        Ok(Err(_)) => Err(lost()),
        Err(_) => {
            let message = format!("looking {name} up took longer than {patience:?}");
            Err(FetchError::passing(FailureKind::Dns, message))
        }
    };
    (answer, begun.elapsed())
}

fn lost() -> FetchError {
    FetchError::passing(FailureKind::Internal, "the resolver's thread was lost")
}

/// Asks the system.
fn system(host: &str) -> io::Result<Vec<IpAddr>> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in (host, 0).to_socket_addrs()? {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    Ok(addresses)
}

/// What reqwest asks: hands out the addresses that were found, and checked, for the request at hand.
pub(super) struct Given;

impl reqwest::dns::Resolve for Given {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let call = Call::current();
        Box::pin(async move {
            let call = call.ok_or("a connection was opened for no request")?;
            let found = &call.found;
            let addresses = match found.proxy.as_deref() {
                Some((proxy, addresses)) if proxy.eq_ignore_ascii_case(name.as_str()) => addresses,
                _ => &found.addresses,
            };
            let addresses: Vec<_> = addresses
                .iter()
                .map(|address| SocketAddr::new(*address, 0))
                .collect();
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A resolver that takes its time, and what it saw: look-ups in all, and most at a time.
    fn slow(delay: Duration, patience: Duration) -> (Resolver, Arc<[AtomicUsize; 3]>) {
        let seen: Arc<[AtomicUsize; 3]> = Arc::default();
        let count = Arc::clone(&seen);
        let lookup = Lookup::new(move |name| {
            let [all, now, most] = &*count;
            all.fetch_add(1, Ordering::SeqCst);
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(delay);
            now.fetch_sub(1, Ordering::SeqCst);
            if name.starts_with("bad") {
                return Err(io::Error::other("Try again"));
            }
            Ok(vec![[93, 184, 215, 14].into()])
        });
        let any = (Family::Any, Private::Auto);
        (
            Resolver::new(Some(lookup), Vec::new(), any.0, any.1, patience),
            seen,
        )
    }

    fn all(seen: &[AtomicUsize; 3]) -> usize {
        seen[0].load(Ordering::SeqCst)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_wait_and_then_kept() {
        let (resolver, seen) = slow(Duration::from_millis(50), LONG);
        let asking = (0..100).map(|_| resolver.resolve("one.test", 80, Naming::Page));
        for found in futures::future::join_all(asking).await {
            assert!(found.is_ok_and(|found| found.asked.is_some() && found.addresses.len() == 1));
        }
        let found = resolver
            .resolve("one.test", 443, Naming::User)
            .await
            .unwrap();
        assert_eq!((found.asked, all(&seen)), (None, 1));
    }

    #[tokio::test]
    async fn a_failure_is_told_to_those_who_wait_and_forgotten() {
        let (resolver, seen) = slow(Duration::from_millis(20), LONG);
        for round in 1..=2 {
            let asking = (0..10).map(|_| resolver.resolve("bad.test", 80, Naming::User));
            for found in futures::future::join_all(asking).await {
                assert!(found.is_err_and(|error| error.transient));
            }
            assert_eq!(all(&seen), round);
        }
    }

    #[tokio::test]
    async fn look_ups_are_bounded_and_waiting_for_a_place_costs_nobody_time() {
        // Eight rounds of 32; the last waits three times as long as it has patience.
        let (resolver, seen) = slow(Duration::from_millis(150), Duration::from_millis(500));
        let names: Vec<_> = (0..256).map(|n| format!("n{n}.test")).collect();
        let asking = names
            .iter()
            .map(|name| resolver.resolve(name, 80, Naming::User));
        for found in futures::future::join_all(asking).await {
            assert!(
                found
                    .unwrap()
                    .asked
                    .is_some_and(|asked| asked < Duration::from_millis(500))
            );
        }
        assert_eq!((all(&seen), seen[2].load(Ordering::SeqCst)), (256, WIDTH));
    }

    #[tokio::test]
    async fn those_who_give_up_leave_no_place_taken() {
        let (resolver, seen) = slow(Duration::from_millis(50), LONG);
        let names: Vec<_> = (0..3 * WIDTH).map(|n| format!("n{n}.test")).collect();
        let asking = futures::future::join_all(
            names
                .iter()
                .map(|name| resolver.resolve(name, 80, Naming::User)),
        );
        assert!(timeout(Duration::from_millis(10), asking).await.is_err());
        // The look-ups that nobody awaits end by themselves, and their answers are there for the next.
        let found = timeout(LONG, resolver.resolve("n95.test", 80, Naming::User)).await;
        assert!(found.is_ok_and(|found| found.is_ok()));
        assert!(all(&seen) <= 3 * WIDTH);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_used_for_a_minute_and_the_next_one_judged_anew() {
        // The name turns from public to private, as a rebinding attack has it.
        let answers = Mutex::new(vec![[127, 0, 0, 1], [8, 8, 8, 8]]);
        let lookup = Lookup::new(move |_| {
            let next = answers.lock().ok().and_then(|mut answers| answers.pop());
            Ok(next.into_iter().map(IpAddr::from).collect())
        });
        let resolver = Resolver::new(
            Some(lookup),
            Vec::new(),
            Family::Any,
            Private::Auto,
            LONG * 1000,
        );
        for pause in [0, 59] {
            tokio::time::advance(Duration::from_secs(pause)).await;
            let found = resolver
                .resolve("one.test", 80, Naming::Page)
                .await
                .unwrap();
            assert_eq!(found.addresses, [IpAddr::from([8, 8, 8, 8])]);
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        let error = resolver
            .resolve("one.test", 80, Naming::Page)
            .await
            .unwrap_err();
        assert_eq!(error.failure.kind, FailureKind::ForbiddenAddress);
    }

    #[tokio::test]
    async fn the_table_and_an_answer_are_bounded() {
        let lookup = Lookup::new(|_| Ok((1..=255).map(|n| [9, 9, 9, n].into()).collect()));
        let resolver = Resolver::new(Some(lookup), Vec::new(), Family::Any, Private::Auto, LONG);
        let found = resolver
            .resolve("many.test", 80, Naming::Page)
            .await
            .unwrap();
        assert_eq!(found.addresses.len(), ADDRESSES);
        let until = Instant::now() + KEPT;
        for n in 0..NAMES {
            let entry = Entry::Known {
                addresses: Rc::from([]),
                until,
            };
            resolver
                .table
                .borrow_mut()
                .insert(format!("n{n}").into(), entry);
        }
        assert!(
            resolver
                .resolve("another.test", 80, Naming::Page)
                .await
                .is_ok()
        );
        assert!(resolver.table.borrow().len() < NAMES);
    }

    #[tokio::test]
    async fn the_system_is_asked_where_nothing_else_was_given() {
        let resolver = Resolver::new(None, Vec::new(), Family::Any, Private::Auto, LONG);
        let found = resolver
            .resolve("localhost", 80, Naming::User)
            .await
            .unwrap();
        assert!(found.addresses.iter().all(IpAddr::is_loopback), "{found:?}");
    }
}
