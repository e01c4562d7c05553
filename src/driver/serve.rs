//! Serving: accept, permits, one pair per client, drain.
//!
//! Accepting only accepts. TLS, the opening handshake and the opening of what stands behind run in the
//! client's own task under a permit and deadlines, so that no client can delay another.

use super::{Outcome, Run, hub::Hub, signals::Reload};
use crate::{
    endpoint::{self, Acceptor, Endpoint, Greeting, OpenedLink, Opening, Role, Visitor},
    exit::Exit,
    fault::{Fault, Result},
    link::{Link, Port, Texts, room::Room},
    net::{Dialed, Listener},
    plan::Serve,
    session::Instant,
    ws::server,
};
use std::{
    sync::{
        Arc,
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
    Endpoint(Box<dyn Endpoint>),
    /// The standard streams, shared by all; the hub is made for the first client.
    Hub(Arc<Room>, OnceCell<Hub>),
}

/// A listening socket and what stands behind it.
pub(super) struct Server {
    listener: Listener,
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
    once: bool,
    grace: Duration,
    scheme: &'static str,
    reload: Option<Reload>,
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
}

/// How a client's task ended: `None` when it was never served.
type Served = Option<Outcome>;

impl Server {
    pub(super) fn new(run: Arc<Run>, options: &Serve, acceptor: Acceptor, behind: Behind) -> Result<Self> {
        let (listener, greeting, scheme) = match acceptor {
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
                (acceptor.listener, Some(greeting), scheme)
            }
            Acceptor::Bytes { listener, scheme } => (listener, None, scheme),
        };
        let (broken, broken_hub) = mpsc::channel(1);
        let server = Self {
            listener,
            permits: Arc::new(Semaphore::new(options.max_connections)),
            once: options.once,
            grace: options.grace,
            scheme,
            reload: None,
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
            }),
        };
        server.announce(options)?;
        Ok(server)
    }

    /// Reads its certificate anew when it is told to.
    pub(super) fn reloading(self, reload: Reload) -> Self {
        Self { reload: Some(reload), ..self }
    }

    /// Serves until a signal, the end of the one client, or a fault of the shared streams.
    pub(super) async fn run(mut self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let mut stopped = shared.run.stopped();
        let mut broken = shared.broken_hub.lock().await;
        let mut clients: JoinSet<Served> = JoinSet::new();
        let end = loop {
            let reload = async {
                match &mut self.reload {
                    Some(reload) => reload.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = reload => shared.reload().await,
                fault = &mut stopped => break Some(fault),
                Some(fault) = broken.recv() => break Some(fault),
                Some(ended) = clients.join_next() => {
                    let served = ended.unwrap_or_else(|_| Some(panicked()));
                    if let (true, Some(outcome)) = (self.once, served) {
                        return outcome.fault.map_or(Ok(()), Err);
                    }
                }
                accepted = self.listener.accept() => match accepted {
                    Ok(dialed) => self.welcome(dialed, &mut clients),
                    Err(error) => shared.run.reach.reporter.note(&format!("accept: {error}")),
                },
            }
        };
        drop(self.listener);
        let drained = self.shared.drain(&mut clients, self.grace).await;
        match end {
            Some(fault) if drained && is_signal(&fault) && !self.once => Ok(()),
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    fn welcome(&self, dialed: Dialed, clients: &mut JoinSet<Served>) {
        let shared = Arc::clone(&self.shared);
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => clients.spawn(async move { shared.client(dialed, permit).await }),
            Err(_) => clients.spawn(async move {
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
        let addresses = self.listener.addresses();
        let urls: Vec<String> = addresses
            .iter()
            .map(|address| match (address.strip_prefix("unix:"), self.scheme) {
                (Some(path), "ws" | "wss") => format!("{}+unix:{path}", self.scheme),
                (Some(path), _) => format!("unix:{path}"),
                (None, "ws" | "wss") => {
                    let path = options.handshake.paths.first().map_or("/", String::as_str);
                    format!("{}://{address}{path}", self.scheme)
                }
                (None, scheme) => format!("{scheme}://{address}"),
            })
            .collect();
        // Both loopback addresses carry the same port: one line, the one every program can use.
        let url = urls.first().cloned().unwrap_or_default();
        self.shared.run.reach.reporter.life(&format!("listening on {url}"));
        let Some(file) = &options.announce else { return Ok(()) };
        let failed = |error| {
            Fault::new(Exit::WriteError, "announce", format!("cannot write {}: {error}", file.display()))
        };
        // A link, FIFO or device is written to: replacing it would cut off whoever reads it.
        if std::fs::symlink_metadata(file).is_ok_and(|found| !found.is_file()) {
            return std::fs::write(file, format!("{url}\n")).map_err(failed);
        }
        let mut beside = file.clone().into_os_string();
        beside.push(format!(".{}", std::process::id()));
        std::fs::write(&beside, format!("{url}\n")).map_err(failed)?;
        std::fs::rename(&beside, file).map_err(failed)
    }
}

impl Shared {
    async fn reload(&self) {
        let Some(greeting) = self.greeting.clone() else { return };
        let reporter = &self.run.reach.reporter;
        match tokio::task::spawn_blocking(move || greeting.reload()).await {
            Ok(Some(Ok(about))) => reporter.life(&format!("reloaded: the certificate is now of {about}")),
            Ok(Some(Err(mut fault))) => {
                fault.cause.push_str("; what was in use stays in use");
                reporter.fault(&fault);
            }
            Ok(None) | Err(_) => {}
        }
    }

    async fn client(&self, dialed: Dialed, _permit: OwnedSemaphorePermit) -> Served {
        let peer = dialed.peer.clone();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = if peer.is_empty() { format!("#{number}") } else { format!("#{number} {peer}") };
        let visitor = Visitor { conn: number, peer: peer.clone(), ..Visitor::default() };
        let opened = async {
            match &self.greeting {
                Some(greeting) => self.greet(greeting, dialed, &name, visitor).await,
                None => self.join_bytes(dialed, &name, visitor).await,
            }
        };
        // A server that ends does not wait for clients that are not in yet.
        let (a, b, about) = tokio::select! {
            opened = opened => opened?,
            _ = self.run.stopped() => return None,
        };
        let reporter = &self.run.reach.reporter;
        reporter.life(&format!("{name} open{about}"));
        let outcome = self.run.pair(a, b, true, Some(Instant::now())).await;
        if let Some(fault) = outcome.fault.as_ref().filter(|fault| fault.exit == Exit::Command) {
            reporter.life(&format!("{name} {}: {}", fault.phase, fault.cause));
        }
        reporter.life(&format!("{name} close {}", outcome.summary(0)));
        Some(outcome)
    }

    async fn greet(
        &self,
        greeting: &Greeting,
        dialed: Dialed,
        name: &str,
        mut visitor: Visitor,
    ) -> Option<(Link, Link, String)> {
        let reporter = &self.run.reach.reporter;
        let handshake = match greeting.read(dialed).await {
            Ok(handshake) => handshake,
            Err(refusal) => {
                let status = if refusal.status == 0 { String::new() } else { format!(" {}", refusal.status) };
                reporter.life(&format!("{name} refused{status} {}: {}", refusal.target, refusal.cause));
                return None;
            }
        };
        if !self.choose() {
            handshake.refuse(503, "this server serves one client").await;
            return None;
        }
        let request = handshake.request();
        let target = match &request.query {
            Some(query) => format!("{}?{query}", request.path),
            None => request.path.clone(),
        };
        let relays = matches!(&self.behind, Behind::Endpoint(endpoint) if endpoint.is_web_socket());
        let subprotocols = relays.then(|| request.subprotocols.clone());
        let mut chosen = server::choose_subprotocol(greeting.options(), request);
        visitor.request = Some(request.clone());
        visitor.subprotocol = chosen.clone();
        let opening = Opening { role: Role::B, subprotocols, visitor: Some(visitor) };
        // What cannot be refused is joined once the client is really there.
        let (b, opening) = match &self.behind {
            Behind::Hub(..) => (None, Some(opening)),
            Behind::Endpoint(endpoint) if endpoint.is_command() => (None, Some(opening)),
            Behind::Endpoint(_) => match self.behind(opening).await {
                Ok(opened) => (Some(opened), None),
                Err(fault) => {
                    reporter.fault(&fault);
                    reporter.life(&format!("{name} refused 502 {target}: {}: {}", fault.phase, fault.cause));
                    handshake.refuse(502, "the target cannot be reached").await;
                    self.unchoose();
                    return None;
                }
            },
        };
        if let Some(b) = b.as_ref().filter(|_| relays) {
            chosen = b.subprotocol.clone();
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
        Some((endpoint::accepted(upgraded, self.run.reach.max_message), b.link, about))
    }

    async fn join_bytes(&self, dialed: Dialed, name: &str, visitor: Visitor) -> Option<(Link, Link, String)> {
        if !self.choose() {
            return None;
        }
        match self.behind(Opening { role: Role::B, subprotocols: None, visitor: Some(visitor) }).await {
            Ok(b) => {
                let texts = Texts { input: name.to_owned(), output: name.to_owned() };
                let a = self.run.reach.bytes(Port::Stream(dialed.stream), texts);
                Some((a, b.link, String::new()))
            }
            Err(fault) => {
                self.run.reach.reporter.fault(&fault);
                self.run.reach.reporter.life(&format!("{name} refused: {}: {}", fault.phase, fault.cause));
                self.unchoose();
                None
            }
        }
    }

    async fn behind(&self, opening: Opening) -> Result<OpenedLink> {
        match &self.behind {
            Behind::Endpoint(endpoint) => self.run.open(&**endpoint, opening).await,
            Behind::Hub(room, hub) => {
                let make = || async { Hub::start(&self.run, Arc::clone(room), self.broken.clone()) };
                let link = hub.get_or_try_init(make).await?.join();
                Ok(OpenedLink { link, peer: "-".into(), subprotocol: None })
            }
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

    /// Waits for the sessions, which heard of the end themselves; whether all were done in time.
    async fn drain(&self, clients: &mut JoinSet<Served>, grace: Duration) -> bool {
        let done = async {
            while clients.join_next().await.is_some() {}
            if let Behind::Hub(_, hub) = &self.behind
                && let Some(hub) = hub.get()
            {
                hub.finish().await;
            }
        };
        let drained = tokio::time::timeout(grace, done).await.is_ok();
        clients.abort_all();
        drained
    }
}

fn is_signal(fault: &Fault) -> bool {
    matches!(fault.exit, Exit::Hangup | Exit::Interrupt | Exit::Terminate)
}

fn panicked() -> Outcome {
    let fault = Fault::new(Exit::Internal, "session", "internal fault: a bug in wsio");
    Outcome { fault: Some(fault), closed: [None, None], carried: [(0, 0); 2], dropped: 0, untaken: 0 }
}
