//! Serving: accept, permits, one pair per client, drain.
//!
//! Accepting only accepts. TLS, the opening handshake and the opening of what stands behind run in the
//! client's own task under a permit and deadlines, so that no client can delay another.

use super::{
    Outcome, Run,
    door::{Door, Guest, REST},
    hub::Hub,
    reception, redial, stats,
};
use crate::{
    endpoint::{self, Acceptor, Endpoint, Greeting, OpenedLink, Opening, Role, Visitor},
    exit::Exit,
    fault::{Fault, Result},
    link::{Datagrams, Link, Port, Texts, room::Room},
    plan::Serve,
    ws::server::{self, Handshake},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{OnceCell, OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
};

/// Clients over the limit that are told so at a time.
const POLITE: usize = 64;

/// What every client is joined to.
pub(super) enum Behind {
    /// A fresh one for each.
    Endpoint(Arc<dyn Endpoint>),
    /// The standard streams, shared by all; the hub is made for the first client.
    Hub(Arc<Room>, OnceCell<Hub>),
}

/// A listening socket and what stands behind it.
pub(super) struct Server {
    door: Door,
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
    once: bool,
    grace: Duration,
    scheme: &'static str,
}

struct Shared {
    run: Arc<Run>,
    greeting: Option<Greeting>,
    behind: Behind,
    next: AtomicU64,
    /// With `--once`: taken by the client that is served.
    chosen: Semaphore,
    once: bool,
    /// Refusals that may be under way at a time.
    polite: Semaphore,
    broken: mpsc::Sender<Fault>,
    broken_hub: tokio::sync::Mutex<mpsc::Receiver<Fault>>,
    /// What all clients together said and heard so far, and how many there were.
    totals: Mutex<(u64, [(u64, u64); 2])>,
}

/// Who is to be joined to what stands behind.
enum Came<'a> {
    /// A client that asked for a WebSocket.
    Asks(&'a Greeting, Box<Handshake>),
    /// A client that asks for nothing.
    Plain(Guest),
}

/// How a client's task ended: `None` when it was never served.
type Served = Option<Outcome>;

impl Server {
    pub(super) fn new(run: Arc<Run>, options: &Serve, acceptor: Acceptor, behind: Behind) -> Result<Self> {
        let (door, greeting, scheme) = match acceptor {
            Acceptor::WebSocket(acceptor) => {
                let greeting = acceptor.greeting();
                if let Some(fingerprint) = acceptor.tls.as_ref().and_then(|tls| tls.fingerprint()) {
                    run.reach.reporter.life(&format!("self-signed certificate, sha256 {fingerprint}"));
                }
                if acceptor.listener.is_public() && !greeting.asks_for_credentials() {
                    run.reach.reporter.note(
                        "anyone who reaches this address may connect; ask for credentials with --user, --bearer or --client-ca",
                    );
                }
                let scheme = if greeting.is_secure() { "wss" } else { "ws" };
                (Door::Streams(acceptor.listener), Some(greeting), scheme)
            }
            Acceptor::Bytes { listener, scheme } => (Door::Streams(listener), None, scheme),
            Acceptor::Datagrams(peers) => (Door::Datagrams(Box::new(peers)), None, "udp"),
        };
        let (broken, broken_hub) = mpsc::channel(1);
        let server = Self {
            door,
            permits: Arc::new(Semaphore::new(options.max_connections)),
            once: options.once,
            grace: options.grace,
            scheme,
            shared: Arc::new(Shared {
                run,
                greeting,
                behind,
                next: AtomicU64::new(1),
                chosen: Semaphore::new(1),
                once: options.once,
                polite: Semaphore::new(POLITE),
                broken,
                broken_hub: tokio::sync::Mutex::new(broken_hub),
                totals: Mutex::default(),
            }),
        };
        server.announce(options)?;
        Ok(server)
    }

    /// Serves until a signal, the end of the time or of the one client, or a fault of the shared streams.
    pub(super) async fn run(mut self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let mut over = shared.run.over("listen");
        let mut broken = shared.broken_hub.lock().await;
        let mut clients: JoinSet<Served> = JoinSet::new();
        let end = loop {
            let closed = self.closed();
            tokio::select! {
                fault = &mut over => break Some(fault),
                Some(fault) = broken.recv() => break Some(fault),
                Some(ended) = clients.join_next() => {
                    let served = ended.unwrap_or_else(|_| Some(panicked()));
                    if let (true, Some(outcome)) = (self.once, served) {
                        shared.sum_up();
                        return outcome.fault.map_or(Ok(()), Err);
                    }
                }
                accepted = self.door.accept(closed) => match accepted {
                    Ok(guest) => self.welcome(guest, &mut clients),
                    Err(error) => shared.run.reach.reporter.note(&format!("accept: {error}")),
                },
            }
        };
        drop(self.door);
        let (drained, served) = self.shared.drain(&mut clients, self.grace).await;
        self.shared.sum_up();
        match end {
            // What the one client's session came to says more: with -n, that an expectation failed.
            Some(fault) if self.once => {
                served.map_or(Some(fault), |outcome| outcome.fault).map_or(Ok(()), Err)
            }
            Some(fault) if drained && is_signal(&fault) => Ok(()),
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Why nobody more is served just now.
    fn closed(&self) -> Option<&'static str> {
        if self.once && self.shared.chosen.available_permits() == 0 {
            return Some("one is served (--once)");
        }
        (self.permits.available_permits() == 0).then_some("too many connections (--max-connections)")
    }

    fn welcome(&self, guest: Guest, clients: &mut JoinSet<Served>) {
        let shared = Arc::clone(&self.shared);
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => clients.spawn(async move { shared.client(guest, permit).await }),
            Err(_) => clients.spawn(async move {
                let Guest::Stream(dialed) = guest else { return None };
                // Beyond a few that are told why, more are dropped without a word.
                let Ok(_polite) = shared.polite.try_acquire() else { return None };
                shared
                    .run
                    .reach
                    .reporter
                    .life(&format!("refused {}: too many connections (--max-connections)", dialed.peer));
                if shared.greeting.as_ref().is_some_and(|greeting| !greeting.is_secure()) {
                    server::refuse_raw(dialed.stream, 503, "too many connections").await;
                }
                None
            }),
        };
    }

    fn announce(&self, options: &Serve) -> Result<()> {
        let url = |address: &String| match (address.strip_prefix("unix:"), self.scheme) {
            (Some(path), "ws" | "wss") => format!("{}+unix:{path}", self.scheme),
            (Some(path), _) => format!("unix:{path}"),
            (None, "ws" | "wss") => {
                let path = options.handshake.paths.first().map_or("/", String::as_str);
                format!("{}://{address}{path}", self.scheme)
            }
            (None, scheme) => format!("{scheme}://{address}"),
        };
        let urls: Vec<String> = self.door.announced().iter().map(url).collect();
        for url in &urls {
            self.shared.run.reach.reporter.life(&format!("listening on {url}"));
        }
        if let (Some(site), Some(url)) = (&options.handshake.site, urls.first()) {
            let reporter = &self.shared.run.reach.reporter;
            site.lines(url, &options.handshake.paths).iter().for_each(|line| reporter.life(line));
        }
        let Some(file) = &options.announce else { return Ok(()) };
        let text: String = urls.iter().map(|url| format!("{url}\n")).collect();
        let failed = |error| {
            Fault::new(Exit::WriteError, "announce", format!("cannot write {}: {error}", file.display()))
        };
        // A link, FIFO or device is written to: replacing it would cut off whoever reads it.
        if std::fs::symlink_metadata(file).is_ok_and(|found| !found.is_file()) {
            return std::fs::write(file, text).map_err(failed);
        }
        let mut beside = file.clone().into_os_string();
        beside.push(format!(".{}", std::process::id()));
        std::fs::write(&beside, text).map_err(failed)?;
        std::fs::rename(&beside, file).map_err(failed)
    }
}

impl Shared {
    async fn client(&self, guest: Guest, permit: OwnedSemaphorePermit) -> Served {
        let peer = guest.peer();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = if peer.is_empty() { format!("#{number}") } else { format!("#{number} {peer}") };
        let visitor = Visitor { conn: number, peer: peer.clone(), ..Visitor::default() };
        let came = match (&self.greeting, guest) {
            (Some(greeting), Guest::Stream(dialed)) => {
                let handshake = reception::receive(&self.run, greeting, dialed, &name, &permit).await?;
                Came::Asks(greeting, handshake)
            }
            (_, guest) => Came::Plain(guest),
        };
        let opened = async {
            match came {
                Came::Asks(greeting, handshake) => self.greet(greeting, *handshake, &name, visitor).await,
                Came::Plain(guest) => self.join_plain(guest, &name, visitor).await,
            }
        };
        // A server that ends does not wait for clients that are not in yet.
        let (a, b, about) = tokio::select! {
            opened = opened => opened?,
            _ = self.run.over("listen") => return None,
        };
        let reporter = &self.run.reach.reporter;
        reporter.life(&format!("{name} open{about}"));
        let outcome = self.run.pair(a, b, true, Some(number)).await;
        if let Behind::Hub(_, hub) = &self.behind
            && let Some(hub) = hub.get()
        {
            hub.tell_end(number, &outcome.tally(0));
        }
        // What the code of a Close does not tell.
        let telling = |fault: &&Fault| matches!(fault.exit, Exit::Command | Exit::Refused | Exit::BadInput);
        if let Some(fault) = outcome.fault.as_ref().filter(telling) {
            reporter.life(&format!("{name} {}: {}", fault.phase, fault.cause));
        }
        if let Some(fault) = outcome.fault.as_ref().filter(|fault| fault.phase == "script" && !self.once) {
            fault.to_string().lines().for_each(|line| reporter.life(&format!("{name} {line}")));
        }
        reporter.life(&format!("{name} close {}", outcome.summary(0)));
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.0 += 1;
        for (total, carried) in totals.1.iter_mut().zip(outcome.carried) {
            *total = (total.0 + carried.0, total.1 + carried.1);
        }
        drop(totals);
        Some(outcome)
    }

    async fn greet(
        &self,
        greeting: &Greeting,
        handshake: Handshake,
        name: &str,
        mut visitor: Visitor,
    ) -> Option<(OpenedLink, OpenedLink, String)> {
        let reporter = &self.run.reach.reporter;
        if !self.choose() {
            handshake.refuse(503, "this server serves one client").await;
            return None;
        }
        let request = handshake.request();
        let target = match &request.query {
            Some(query) => format!("{}?{query}", request.path),
            None => request.path.clone(),
        };
        let scheme = if greeting.is_secure() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{target}", request.host);
        let relays = matches!(&self.behind, Behind::Endpoint(endpoint) if endpoint.is_web_socket());
        let subprotocols = relays.then(|| request.subprotocols.clone());
        let mut chosen = server::choose_subprotocol(greeting.options(), request);
        visitor.request = Some(request.clone());
        visitor.subprotocol = chosen.clone();
        let peer = visitor.peer.clone();
        let opening = Opening { subprotocols, visitor: Some(visitor), ..Opening::new(Role::B) };
        // What cannot be refused is joined once the client is really there.
        let (b, opening) = match &self.behind {
            Behind::Hub(..) => (None, Some(opening)),
            Behind::Endpoint(endpoint) if endpoint.is_command() => (None, Some(opening)),
            Behind::Endpoint(_) => match self.behind(opening).await {
                Ok(opened) => (Some(opened), None),
                Err(fault) => {
                    self.refuse(handshake, fault, &format!("{name} refused"), &target).await;
                    return None;
                }
            },
        };
        if let Some(b) = b.as_ref().filter(|_| relays) {
            chosen = b.facts.subprotocol.clone();
        }
        let upgraded = match handshake.accept(chosen.as_deref()).await {
            Ok(upgraded) => upgraded,
            Err(fault) => {
                reporter.life(&format!("{name} lost {target}: {}", fault.cause));
                self.unchoose();
                return None;
            }
        };
        let b = match (b, opening) {
            (Some(b), _) => b,
            (None, opening) => match self.behind(opening.unwrap_or(Opening::new(Role::B))).await {
                Ok(b) => b,
                Err(fault) => {
                    reporter.fault(&fault);
                    self.unchoose();
                    return None;
                }
            },
        };
        let about =
            format!(" {target}{}", chosen.map_or(String::new(), |name| format!(" subprotocol {name}")));
        Some((endpoint::accepted(upgraded, &self.run.reach, peer, &url), b, about))
    }

    /// What stands behind us cannot be had: a WebSocket's own refusal is passed on.
    async fn refuse(&self, handshake: Handshake, fault: Fault, said: &str, target: &str) {
        let reporter = &self.run.reach.reporter;
        reporter.fault(&fault);
        let status = fault.answer.as_ref().map_or(502, |answer| answer.status);
        reporter.life(&format!("{said} {status} {target}: {}: {}", fault.phase, fault.cause));
        match fault.answer {
            Some(answer) => handshake.pass_on(*answer).await,
            None => handshake.refuse(502, "the target cannot be reached").await,
        }
        self.unchoose();
    }

    async fn join_plain(
        &self,
        guest: Guest,
        name: &str,
        visitor: Visitor,
    ) -> Option<(OpenedLink, OpenedLink, String)> {
        if !self.choose() {
            return None;
        }
        let (reach, far) = (&self.run.reach, guest.peer());
        match self.behind(Opening { visitor: Some(visitor), ..Opening::new(Role::B) }).await {
            Ok(b) => {
                let name = name.to_owned();
                let a = match guest {
                    Guest::Stream(dialed) => {
                        let texts = Texts { input: name.clone(), output: name };
                        reach.bytes(Port::Stream(dialed.stream), texts)
                    }
                    Guest::Peer(peer) => {
                        let rules = reach.datagrams(reach.peer_idle);
                        Link::Datagrams(Box::new(Datagrams::peer(peer, name, rules)))
                    }
                };
                Some((OpenedLink::new(a, far), b, String::new()))
            }
            Err(fault) => {
                reach.reporter.fault(&fault);
                reach.reporter.life(&format!("{name} refused: {}: {}", fault.phase, fault.cause));
                self.unchoose();
                if let Guest::Peer(_) = &guest {
                    tokio::time::sleep(REST).await;
                }
                None
            }
        }
    }

    async fn behind(&self, opening: Opening) -> Result<OpenedLink> {
        match &self.behind {
            Behind::Endpoint(endpoint) => redial::open(&self.run, endpoint, opening).await,
            Behind::Hub(room, hub) => {
                let make = || async { Hub::start(&self.run, Arc::clone(room), self.broken.clone()) };
                let conn = opening.visitor.map_or(0, |visitor| visitor.conn);
                let link = hub.get_or_try_init(make).await?.join(conn);
                Ok(OpenedLink::new(link, "-".into()))
            }
        }
    }

    /// With `--stats`, what all clients together carried.
    fn sum_up(&self) {
        if self.run.stats {
            let (clients, carried) = *self.totals.lock().unwrap_or_else(PoisonError::into_inner);
            self.run.reach.reporter.tell(&stats::totals(clients, carried, self.run.started.elapsed()));
        }
    }

    /// With `--once`, whether this client is the one.
    fn choose(&self) -> bool {
        !self.once || self.chosen.try_acquire().map(|permit| permit.forget()).is_ok()
    }

    /// The chosen client could not be served after all.
    fn unchoose(&self) {
        if self.once {
            self.chosen.add_permits(1);
        }
    }

    /// Waits for the sessions, which heard of the end themselves; whether all were done in time, and how
    /// the first of them ended.
    async fn drain(&self, clients: &mut JoinSet<Served>, grace: Duration) -> (bool, Served) {
        let mut first = None;
        let done = async {
            while let Some(ended) = clients.join_next().await {
                first = first.take().or_else(|| ended.unwrap_or_else(|_| Some(panicked())));
            }
            if let Behind::Hub(_, hub) = &self.behind
                && let Some(hub) = hub.get()
            {
                hub.finish().await;
            }
        };
        let drained = tokio::time::timeout(grace, done).await.is_ok();
        clients.abort_all();
        (drained, first)
    }
}

fn is_signal(fault: &Fault) -> bool {
    matches!(fault.exit, Exit::Hangup | Exit::Interrupt | Exit::Terminate)
}

fn panicked() -> Outcome {
    let fault = Fault::new(Exit::Internal, "session", "internal fault: a bug in wsio");
    Outcome { fault: Some(fault), closed: [None, None], carried: [(0, 0); 2], dropped: 0, rtt: None }
}
