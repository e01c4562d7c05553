//! Serving: accept, permits, one pair per client, drain.
//!
//! Accepting only accepts. TLS, the opening handshake and the opening of what stands behind run in the
//! client's own task under a permit and deadlines, so that no client can delay another.

use super::{
    Outcome,
    hub::Hub,
    newcomers::{Newcomer, Newcomers},
    run::Run,
    signals::{Orders, Reload},
    silent::Silent,
    stats::Totals,
    workers::{ServerThreads, Turn},
};
use crate::{
    child,
    endpoint::{Acceptor, Endpoint, Greeting, StreamAcceptor},
    exit::Exit,
    fault::{Fault, Result},
    link::{Peer, Peers, room::Room, write_file},
    net::{self, Dialed, Heard, Listener, OnSpare},
    observe::{Reporter, Seldom},
    os_error,
    plan::Serve,
    tls,
    units::counted,
};
use std::{
    io,
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    sync::{OnceCell, OwnedSemaphorePermit, Semaphore, mpsc},
    task::{JoinSet, coop::unconstrained},
};

/// Clients that may be on their way in, where descriptors allow it.
const NEWCOMERS: usize = 2048;

/// Time past `--grace`, the sessions' own limit, after which a server cuts off those that have not ended.
const CUT_OFF: Duration = Duration::from_millis(500);

/// Time that standard output has after that for what the last clients said.
const LAST_WORD: Duration = Duration::from_millis(50);

/// The target that every client is joined to.
pub(super) enum Behind {
    /// A fresh one for each.
    Endpoint(Arc<dyn Endpoint>),
    /// The standard streams, shared by all; the hub is made for the first client.
    Hub(Arc<Room>, OnceCell<Hub>),
}

/// A listening socket and what stands behind it.
pub(super) struct Server {
    listener: AnyListener,
    shared: Arc<Shared>,
    once: bool,
    grace: Duration,
    scheme: &'static str,
    reload: Reload,
}

pub(super) struct Shared {
    pub run: Arc<Run>,
    /// The server side of TLS, where it is spoken.
    pub tls: Option<tls::Acceptor>,
    /// The opening handshake, where WebSockets are served.
    pub greeting: Option<Greeting>,
    pub behind: Behind,
    pub next: AtomicU64,
    /// With `--once`: taken by the client that is served.
    pub chosen: Semaphore,
    pub once: bool,
    /// Places for clients that are in.
    pub permits: Arc<Semaphore>,
    /// Clients on their way in, with TLS or the opening handshake before them.
    pub newcomers: Arc<Newcomers>,
    /// Sessions of clients that ask for nothing; those that have sent next to nothing make room for others.
    pub plain: Arc<Newcomers>,
    pub evicted: Seldom,
    pub refused: Seldom,
    pub exhausted: Seldom,
    /// Connections that an idle timeout may have cut.
    pub cut: Seldom,
    workers: ServerThreads,
    pub broken: mpsc::Sender<Fault>,
    pub broken_hub: tokio::sync::Mutex<mpsc::Receiver<Fault>>,
    /// Sums over all clients so far: their number, and what they said and heard.
    pub totals: Mutex<Totals>,
    /// Connections that came and said nothing.
    pub silent: Silent,
}

/// Outcome of a client's task; `None` when the client was never served.
pub(super) type Served = Option<Outcome>;

/// The first of these addresses as a client on this machine writes it; none of a path.
fn reachable(addresses: &[String]) -> Option<String> {
    let address: std::net::SocketAddr = addresses.first()?.parse().ok()?;
    Some(match address.ip().is_unspecified() {
        true => format!("localhost:{}", address.port()),
        false => address.to_string(),
    })
}

/// Tells what clients meet: the certificate that was made for them, and whether they are asked who they are.
fn introduce(acceptor: &StreamAcceptor, reporter: &Reporter) {
    if let Some(fingerprint) = acceptor.tls.as_ref().and_then(|tls| tls.fingerprint()) {
        reporter.life(&format!("self-signed certificate, sha256 {fingerprint}"));
    }
    let pin = acceptor.tls.as_ref().and_then(|tls| tls.pin());
    if let (Some(pin), Some(address)) = (pin, reachable(&acceptor.listener.addresses())) {
        reporter.life(&match acceptor.greeting {
            Some(_) => format!("wsio connect -k --pin {pin} wss://{address}/"),
            None => format!("wsio pipe -k --pin {pin} - tls:{address}"),
        });
    }
    let proof = match (&acceptor.greeting, &acceptor.tls) {
        (Some(_), _) => "credentials with --user, --bearer or --client-ca",
        (None, Some(_)) => "certificates with --client-ca",
        // A client of plain bytes has nothing to show.
        (None, None) => return,
    };
    if acceptor.listener.is_public() && !acceptor.asks_for_credentials() {
        reporter.note(&format!("anyone who reaches this address may connect; ask for {proof}"));
    }
}

impl Server {
    pub(super) fn new(
        run: Arc<Run>,
        options: &Serve,
        acceptor: Acceptor,
        behind: Behind,
        orders: Orders,
    ) -> Result<Self> {
        let (listener, tls, greeting, scheme) = match acceptor {
            Acceptor::Streams(acceptor) => {
                introduce(&acceptor, &run.context.reporter);
                let StreamAcceptor { listener, scheme, tls, greeting } = *acceptor;
                (AnyListener::Streams(listener), tls, greeting, scheme)
            }
            Acceptor::Datagrams(peers) => (AnyListener::Datagrams(Box::new(peers)), None, None, "udp"),
        };
        let (broken, broken_hub) = mpsc::channel(1);
        let server = Self {
            listener,
            once: options.once,
            grace: options.grace,
            scheme,
            reload: orders.reload,
            shared: Arc::new(Shared {
                run,
                tls,
                greeting,
                behind,
                next: AtomicU64::new(1),
                chosen: Semaphore::new(1),
                once: options.once,
                permits: Arc::new(Semaphore::new(options.max_connections)),
                newcomers: Newcomers::new(NEWCOMERS.min(child::descriptors() / 4).max(16)),
                plain: Newcomers::among(options.max_connections),
                evicted: Seldom::default(),
                refused: Seldom::default(),
                exhausted: Seldom::default(),
                cut: Seldom::default(),
                workers: orders.workers,
                broken,
                broken_hub: tokio::sync::Mutex::new(broken_hub),
                totals: Mutex::default(),
                silent: Silent::default(),
            }),
        };
        server.announce(options)?;
        Ok(server)
    }

    /// Serves until a signal, the end of the time or of the one client, or a fault of the shared streams.
    pub(super) async fn run(mut self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        // The prompt is there from the start, so the hub is made before the first client.
        if let Behind::Hub(room, hub) = &shared.behind
            && shared.run.context.stdio.has_prompt()
        {
            shared.hub(room, hub).await?;
        }
        let mut over = shared.run.over("listen");
        let mut broken = shared.broken_hub.lock().await;
        let mut clients = JoinSet::new();
        let mut balance = pin!(shared.workers.balance());
        let end = loop {
            let closed = self.closed();
            tokio::select! {
                () = self.reload.next() => shared.reload().await,
                () = shared.silent.due() => shared.tell_silent(),
                fault = &mut over => break Some(fault),
                Some(fault) = broken.recv() => break Some(fault),
                () = &mut balance => unreachable!("it never ends"),
                Some(ended) = clients.join_next() => {
                    let Some(served) = shared.workers.go_on(ended, &mut clients) else { continue };
                    let served = served.unwrap_or_else(|_| Some(panicked()));
                    if let (true, Some(outcome)) = (self.once, served) {
                        shared.sum_up();
                        return outcome.fault.map_or(Ok(()), Err);
                    }
                }
                accepted = self.listener.accept(closed) => match accepted {
                    Ok(accepted) => self.welcome(accepted, &mut clients),
                    Err(error) => {
                        // The error comes even when no client waits. A silent newcomer that goes makes room
                        // for the next client.
                        if shared.failed_to_accept(&error)
                            && let Some((dialed, place)) = self.listener.accept_on_spare()
                        {
                            shared.newcomers.evict_silent();
                            let told = Arc::clone(&shared);
                            let told = async move { told.turn_away(dialed, place).await };
                            shared.workers.spawn(Box::pin(told), &mut clients);
                        }
                    }
                },
            }
        };
        self.shared.lose(self.listener.not_let_in());
        drop(self.listener);
        let (short, served) = self.shared.drain(&mut clients, self.grace).await;
        self.shared.sum_up();
        match end {
            // The outcome of the one client's session says more: with -n, that an expectation failed.
            Some(fault) if self.once => {
                served.map_or(Some(fault), |outcome| outcome.fault).map_or(Ok(()), Err)
            }
            Some(fault) if fault.exit.is_signal() => {
                short.map_or(Ok(()), |cause| Err(Fault { cause, ..fault }))
            }
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Why nobody more is served just now.
    fn closed(&self) -> Option<&'static str> {
        if self.once && self.shared.chosen.available_permits() == 0 {
            return Some("one is served (--once)");
        }
        let is_full = self.shared.permits.available_permits() == 0 && !self.shared.plain.has_any();
        is_full.then_some("too many connections (--max-connections)")
    }

    fn welcome(&self, accepted: Accepted, clients: &mut JoinSet<Turn<Served>>) {
        let shared = Arc::clone(&self.shared);
        if shared.greeting.is_some() || shared.tls.is_some() {
            let (newcomer, evicts) = shared.newcomers.enter(Arc::default());
            if evicts {
                shared.say_seldom(&shared.evicted, "dropped", "unfinished handshakes: too many at a time");
            }
            let served = async move { shared.client(accepted, newcomer, None).await };
            return self.shared.workers.spawn(Box::pin(served), clients);
        }
        let Some((accepted, newcomer, place)) = shared.seat(accepted) else { return };
        let served = async move {
            let permit = place.await?;
            shared.client(accepted, newcomer, Some(permit)).await
        };
        self.shared.workers.spawn(Box::pin(served), clients);
    }

    fn announce(&self, options: &Serve) -> Result<()> {
        let scheme = self.scheme;
        let (greets, is_plain) = (self.shared.greeting.is_some(), self.shared.tls.is_none());
        let url = |address: &String| match (address.strip_prefix("unix:"), greets) {
            (Some(path), false) if is_plain => format!("unix:{path}"),
            (Some(path), _) => format!("{scheme}+unix:{path}"),
            (None, true) => {
                let path = options.handshake.paths.first().map_or("/", String::as_str);
                format!("{scheme}://{address}{path}")
            }
            (None, false) => format!("{scheme}://{address}"),
        };
        let urls: Vec<String> = self.listener.announced().iter().map(url).collect();
        let text: String = urls.iter().map(|url| format!("{url}\n")).collect();
        let announcement =
            options.announce.as_deref().map(|file| Announcement::new(file, &text)).transpose()?;
        for url in &urls {
            self.shared.run.context.reporter.life(&format!("listening on {url}"));
        }
        if let (Some(site), Some(url)) = (&options.handshake.site, urls.first()) {
            let reporter = &self.shared.run.context.reporter;
            site.lines(url, &options.handshake.paths).iter().for_each(|line| reporter.life(line));
        }
        announcement.map_or(Ok(()), Announcement::publish)
    }
}

impl Shared {
    /// The hub, which the first who asks makes.
    pub(super) async fn hub<'a>(&self, room: &Arc<Room>, hub: &'a OnceCell<Hub>) -> Result<&'a Hub> {
        hub.get_or_try_init(|| async { Hub::start(&self.run, Arc::clone(room), self.broken.clone()) }).await
    }

    /// With `--once`, whether this client is the one.
    pub(super) fn choose(&self) -> bool {
        !self.once || self.chosen.try_acquire().map(|permit| permit.forget()).is_ok()
    }

    /// The chosen client could not be served after all.
    pub(super) fn unchoose(&self) {
        if self.once {
            self.chosen.add_permits(1);
        }
    }

    /// Finds a place for a client that asks for nothing, perhaps that of one that has said next to nothing, whose
    /// leaving is waited for; `None` when there is none, which is told.
    pub(super) fn seat(
        &self,
        accepted: Accepted,
    ) -> Option<(Accepted, Newcomer, impl Future<Output = Option<OwnedSemaphorePermit>> + use<>)> {
        let mut heard = Arc::default();
        let accepted = accepted.noticed(&mut heard);
        let mut place = Box::pin(unconstrained(Arc::clone(&self.permits).acquire_owned()));
        // It stands in the queue from here on: whoever is evicted for it might be gone before its task begins,
        // and the next client would take that permit.
        let here = place.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if here.is_pending() && !self.plain.evict() {
            self.say_seldom(&self.refused, "refused", "clients: too many connections (--max-connections)");
            self.lose(accepted.waiting());
            return None;
        }
        let (newcomer, _) = self.plain.enter(heard);
        let place = async move {
            match here {
                Poll::Ready(permit) => permit.ok(),
                Poll::Pending => place.await.ok(),
            }
        };
        Some((accepted, newcomer, place))
    }

    /// Says why nobody was accepted, seldom when descriptors are used up; gives whether they are.
    fn failed_to_accept(&self, error: &io::Error) -> bool {
        let is_exhausted = os_error::is_exhausted(error);
        if is_exhausted {
            if let Some(count) = self.exhausted.count() {
                let words = os_error::words(error);
                self.run
                    .context
                    .reporter
                    .note(&format!("accept: {words} ({count} times since it was last said)"));
            }
        } else {
            self.run.context.reporter.note(&format!("accept: {error}"));
        }
        is_exhausted
    }

    /// Tells of a fault; seldom when something is used up, since every client that comes meets it.
    pub(super) fn fault(&self, fault: &Fault) {
        if !fault.exhausted {
            self.run.context.reporter.fault(fault);
        } else if let Some(count) = self.exhausted.count() {
            self.run.context.reporter.fault(fault);
            self.run.context.reporter.note(&format!("that happened {count} times since it was last said"));
        }
    }

    /// Says at once, then every ten seconds, how often something happened.
    pub(super) fn say_seldom(&self, seldom: &Seldom, verb: &str, what: &str) {
        if let Some(count) = seldom.count() {
            self.run.context.reporter.life(&format!("{verb} {count} {what}"));
        }
    }

    async fn reload(&self) {
        let Some(tls) = self.tls.clone() else { return };
        let reporter = &self.run.context.reporter;
        match tokio::task::spawn_blocking(move || tls.reload()).await {
            Ok(Ok(about)) => reporter.life(&format!("reloaded: the certificate is now of {about}")),
            Ok(Err(mut fault)) => {
                fault.cause.push_str("; what was in use stays in use");
                reporter.fault(&fault);
            }
            Err(_) => {}
        }
    }

    fn tell_silent(&self) {
        if let Some(line) = self.silent.take() {
            self.run.context.reporter.life(&line);
        }
    }

    /// So many datagrams came from new peers that are not let in.
    pub(super) fn lose(&self, datagrams: u64) {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).turned_away += datagrams;
    }

    /// Tells what was not told yet; with `--stats`, also what all clients together carried.
    fn sum_up(&self) {
        self.tell_silent();
        let totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        if totals.turned_away > 0 {
            let datagrams = counted(totals.turned_away, "datagram");
            self.run.context.reporter.life(&format!("dropped {datagrams} of new peers in all"));
        }
        if self.run.common().stats {
            self.run.context.reporter.tell(&totals.lines(self.run.started.elapsed()));
        }
    }

    /// Waits for the sessions, which heard of the end themselves and end in that time. Gives what fell short,
    /// in words: clients that did not get everything or did not answer our Close; and how the first ended.
    async fn drain(&self, clients: &mut JoinSet<Turn<Served>>, grace: Duration) -> (Option<String>, Served) {
        let (mut first, mut short, mut unsent) = (None, 0, 0);
        let done = async {
            while let Some(ended) = clients.join_next().await {
                let Some(ended) = self.workers.go_on(ended, clients) else { continue };
                let ended = ended.unwrap_or_else(|_| Some(panicked()));
                if let Some(outcome) = ended.as_ref().filter(|outcome| !outcome.complete) {
                    short += 1;
                    unsent += outcome.unsent.messages + outcome.remains.dropped;
                }
                first = first.take().or(ended);
            }
            if let Behind::Hub(_, hub) = &self.behind
                && let Some(hub) = hub.get()
            {
                hub.finish().await;
            }
        };
        let drained = tokio::time::timeout(grace + CUT_OFF, done).await.is_ok();
        short += clients.len();
        // A session that is cut off here writes its last line when it is dropped.
        clients.shutdown().await;
        if let (Behind::Hub(_, hub), false) = (&self.behind, drained)
            && let Some(hub) = hub.get()
            && tokio::time::timeout(LAST_WORD, hub.finish()).await.is_err()
        {
            hub.cut_off().await;
        }
        let is_short = short > 0 || !drained;
        if short == 0 {
            let words = "ended before standard output had taken everything within --grace".to_owned();
            return (is_short.then_some(words), first);
        }
        let words = format!(
            "ended with {} that did not get everything or did not answer our Close within --grace; {} left unsent",
            counted(short as u64, "client"),
            counted(unsent, "message")
        );
        (is_short.then_some(words), first)
    }
}

fn panicked() -> Outcome {
    let fault = Fault::new(Exit::Internal, "session", "internal fault: a bug in wsio");
    Outcome { fault: Some(fault), ..Outcome::default() }
}

/// The text that is about to be published, and the file it goes to.
pub(super) enum Announcement {
    /// Written already to the first path, beside the file.
    Beside(PathBuf, PathBuf),
    /// A link, FIFO or device is written to: replacing it would cut off whoever reads it.
    Into(PathBuf, String),
}

impl Announcement {
    pub(super) fn new(file: &Path, text: &str) -> Result<Self> {
        if std::fs::symlink_metadata(file).is_ok_and(|found| !found.is_file()) {
            return Ok(Self::Into(file.to_owned(), text.to_owned()));
        }
        let mut beside = file.to_owned().into_os_string();
        beside.push(format!(".{}", std::process::id()));
        write_file(Path::new(&beside), text).map_err(|error| unwritten(file, &error))?;
        Ok(Self::Beside(beside.into(), file.to_owned()))
    }

    /// Puts the text into the file.
    pub(super) fn publish(self) -> Result<()> {
        match self {
            Self::Beside(beside, file) => std::fs::rename(&beside, &file).map_err(|error| {
                let _ = std::fs::remove_file(&beside);
                unwritten(&file, &error)
            }),
            Self::Into(file, text) => write_file(&file, text).map_err(|error| unwritten(&file, &error)),
        }
    }
}

fn unwritten(file: &Path, error: &io::Error) -> Fault {
    Fault::new(Exit::WriteError, "announce", format!("cannot write {}: {error}", file.display()))
}

/// Pause after a peer's other side could not be opened: each datagram of the peer would ask again.
pub(super) const REST: Duration = Duration::from_secs(1);

/// The sockets that a server accepts from.
pub(super) enum AnyListener {
    /// Connections.
    Streams(Listener),
    /// Datagrams.
    Datagrams(Box<Peers>),
}

/// A client that came in.
pub(super) enum Accepted {
    /// A connection.
    Stream(Dialed),
    /// A peer without one.
    Peer(Peer),
}

impl AnyListener {
    /// The next client; cancel-safe. While `closed` says why, datagrams of new peers are dropped.
    pub(super) async fn accept(&mut self, closed: Option<&str>) -> io::Result<Accepted> {
        match self {
            Self::Streams(listener) => listener.accept().await.map(Accepted::Stream),
            Self::Datagrams(peers) => peers.accept(closed).await.map(Accepted::Peer),
        }
    }

    /// The next client although descriptors are used up, to be told so.
    pub(super) fn accept_on_spare(&mut self) -> Option<(Dialed, OnSpare)> {
        match self {
            Self::Streams(listener) => listener.accept_on_spare(),
            Self::Datagrams(_) => None,
        }
    }

    /// Datagrams of new peers that were dropped.
    pub(super) fn not_let_in(&self) -> u64 {
        match self {
            Self::Streams(_) => 0,
            Self::Datagrams(peers) => peers.not_let_in(),
        }
    }

    /// The addresses that people have to be told.
    pub(super) fn announced(&self) -> Vec<String> {
        match self {
            Self::Streams(listener) => listener.announced(),
            Self::Datagrams(peers) => peers.announced(),
        }
    }
}

impl Accepted {
    /// Has it noted how much it sends; for one without a connection, whether more than once.
    pub(super) fn noticed(self, heard: &mut Arc<Heard>) -> Self {
        match self {
            Self::Stream(Dialed { stream, peer }) => {
                Self::Stream(Dialed { stream: net::noticed(stream, Arc::clone(heard)), peer })
            }
            Self::Peer(peer) => {
                *heard = peer.heard();
                Self::Peer(peer)
            }
        }
    }

    /// Datagrams that came and are lost when it is not let in.
    pub(super) fn waiting(&self) -> u64 {
        match self {
            Self::Stream(_) => 0,
            Self::Peer(peer) => peer.waiting(),
        }
    }

    /// The far end, for people.
    pub(super) fn peer(&self) -> String {
        match self {
            Self::Stream(dialed) => dialed.peer.clone(),
            Self::Peer(peer) => peer.address().to_string(),
        }
    }
}
