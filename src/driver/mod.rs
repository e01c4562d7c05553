//! The driver: runs a plan's pairs of links until they end.
//!
//! The three subcommands only plan. `connect` and `pipe` run one `pair`, everything that listens
//! runs one pair per client (`serve`); endings, keepalive and limits are the session's.

mod hub;
mod outcome;
mod pair;
mod pump;
mod serve;
mod signals;

pub use outcome::Outcome;
pub use pair::{Pair, Setup};
pub use signals::{Orders, Signals};

use crate::{
    endpoint::{self, Acceptor, Endpoint, Framings, Opened, OpenedLink, Opening, Reach, Role},
    exit::Exit,
    fault::{Fault, Result},
    framing::{self, Framing, Kind},
    link::{
        Link, Stdio,
        room::{Room, Rooms},
    },
    net::{ListenAddr, Listener},
    observe::Reporter,
    plan::{Common, Connect, Direction, Listen, Pipe, Plan, Target},
    session::{Instant, Rules},
    tls,
};
use serve::{Behind, Server};
use std::{future::Future, pin::Pin, sync::Arc};
use tokio::sync::{OnceCell, watch};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// What every session of a run shares.
pub(crate) struct Run {
    reach: Reach,
    rules: Rules,
    first: Vec<Message>,
    direction: Direction,
    stop: watch::Receiver<Option<Fault>>,
    started: Instant,
}

/// Runs a plan to its end.
///
/// # Errors
/// The first fault, whose exit is the process's.
pub async fn run(plan: Plan, stdio: Stdio, reporter: Reporter, orders: impl Into<Orders>) -> Result<()> {
    let orders = orders.into();
    match plan {
        Plan::Connect(plan) => connect(plan, stdio, reporter, orders).await,
        Plan::Listen(plan) => listen(plan, stdio, reporter, orders).await,
        Plan::Pipe(plan) => pipe(plan, stdio, reporter, orders).await,
    }
}

async fn connect(plan: Connect, stdio: Stdio, reporter: Reporter, orders: Orders) -> Result<()> {
    let common = plan.common;
    let run = Arc::new(Run::new(&common, LINES, stdio, reporter, orders.stop)?);
    let mut target = plan.target;
    if target == "echo:" {
        target = echo_server(&common, &run).await?;
    }
    let remote = endpoint::parse(&target, &Opening::new(Role::B))?;
    if !remote.is_web_socket() {
        return Err(Fault::new(
            Exit::Usage,
            "usage",
            format!("connect wants a WebSocket URL, not `{target}`"),
        )
        .hint(format!("wsio pipe - {target}")));
    }
    let b = run.open(&*remote, Opening::new(Role::B)).await?;
    let local = endpoint::parse("-", &Opening::new(Role::A))?;
    let a = run.open(&*local, Opening::new(Role::A)).await?;
    run.alone(a.link, b.link, 1).await
}

async fn pipe(plan: Pipe, stdio: Stdio, reporter: Reporter, orders: Orders) -> Result<()> {
    let run = Arc::new(Run::new(&plan.common, RAW, stdio, reporter, orders.stop)?);
    let (a, b) = (
        endpoint::parse(&plan.a, &Opening::new(Role::A))?,
        endpoint::parse(&plan.b, &Opening::new(Role::B))?,
    );
    match run.unless_stopped(a.open(&run.reach, Opening::new(Role::A))).await? {
        Opened::Acceptor(acceptor) => {
            if plan.b == "-" && !plan.common.server.once {
                return Err(Fault::new(
                    Exit::Usage,
                    "usage",
                    "standard input and output serve one client of a pipe",
                )
                .hint("add --once, or use `wsio listen` to serve many"));
            }
            let server = Server::new(run, &plan.common.server, acceptor, Behind::Endpoint(b))?;
            server.reloading(orders.reload).run().await
        }
        Opened::Link(a) => {
            let b = run.open(&*b, Opening::new(Role::B)).await?;
            let shown = usize::from(matches!(b.link, Link::WebSocket(_)));
            run.alone(a.link, b.link, shown).await
        }
    }
}

async fn listen(plan: Listen, stdio: Stdio, reporter: Reporter, orders: Orders) -> Result<()> {
    let once = plan.common.server.once;
    let (behind, default): (_, Framing) = match &plan.target {
        Target::Stdio if once => (Behind::Endpoint(endpoint::parse("-", &Opening::new(Role::B))?), LINES),
        Target::Stdio => (Behind::Hub(Room::star(plan.common.room), OnceCell::new()), LINES),
        Target::Relay => (Behind::Hub(Room::mesh(plan.common.room), OnceCell::new()), LINES),
        Target::Echo => (Behind::Endpoint(endpoint::parse("echo:", &Opening::new(Role::B))?), LINES),
        Target::Command(words) => (Behind::Endpoint(endpoint::command(words.clone())), LINES),
        Target::Endpoint(text) if text == "-" && !once => {
            (Behind::Hub(Room::star(plan.common.room), OnceCell::new()), LINES)
        }
        Target::Endpoint(text) => {
            let endpoint = endpoint::parse(text, &Opening::new(Role::B))?;
            let framing = if text == "-" || endpoint.is_command() { LINES } else { RAW };
            (Behind::Endpoint(endpoint), framing)
        }
    };
    let run = Arc::new(Run::new(&plan.common, default, stdio, reporter, orders.stop)?);
    let listener = Listener::bind(&plan.address).await?;
    let tls = plan.tls.as_ref().map(|tls| tls::Acceptor::new(tls, plan.address.host())).transpose()?;
    let options = plan.common.server.handshake.clone();
    let acceptor = Acceptor::WebSocket(endpoint::WebSocketAcceptor::new(listener, tls, options));
    let server = Server::new(run, &plan.common.server, acceptor, behind)?;
    server.reloading(orders.reload).run().await
}

const LINES: Framing = &framing::FRAMINGS[0];
const RAW: Framing = &framing::FRAMINGS[2];

/// A real echo server on loopback inside this process; returns its URL.
async fn echo_server(common: &Common, run: &Arc<Run>) -> Result<String> {
    let listener = Listener::bind(&ListenAddr::Loopback(0)).await?;
    let address = listener.addresses().first().cloned().unwrap_or_default();
    let options = common.server.handshake.clone();
    let acceptor = Acceptor::WebSocket(endpoint::WebSocketAcceptor::new(listener, None, options));
    let behind = Behind::Endpoint(endpoint::parse("echo:", &Opening::new(Role::B))?);
    // The server ends with the process: its own stop signal never comes.
    let quiet = Run::new(common, LINES, Stdio::default(), run.reach.reporter.silent(), never())?;
    let quiet = Run { rules: Rules::default(), first: Vec::new(), direction: Direction::Both, ..quiet };
    let server = Server::new(Arc::new(quiet), &common.server.plain(), acceptor, behind)?;
    tokio::spawn(server.run());
    Ok(format!("ws://{address}/"))
}

fn never() -> watch::Receiver<Option<Fault>> {
    watch::channel(None).1
}

impl Run {
    fn new(
        common: &Common,
        default: Framing,
        stdio: Stdio,
        reporter: Reporter,
        stop: watch::Receiver<Option<Fault>>,
    ) -> Result<Self> {
        let framings = Framings {
            input: common.framing.input.unwrap_or(default),
            output: common.framing.output.unwrap_or(default),
            kind: common.framing.kind,
        };
        let first = common.send.iter().enumerate().map(|(index, payload)| {
            let place = format!("message {} of --send", index + 1);
            if payload.len() > common.max_message {
                return Err(bad_send(format!("{place} is longer than --max-message")));
            }
            match framings.kind() {
                Kind::Binary => Ok(Message::Binary(payload.clone())),
                Kind::Text => Utf8Bytes::try_from(payload.clone())
                    .map(Message::Text)
                    .map_err(|_| bad_send(format!("{place} is not UTF-8")).hint("send it as binary with -b")),
            }
        });
        Ok(Self {
            first: first.collect::<Result<_>>()?,
            rules: common.rules.clone(),
            direction: common.direction,
            reach: Reach {
                framings,
                max_message: common.max_message,
                connect_timeout: common.connect_timeout,
                client: common.client.clone(),
                client_tls: common.client_tls.clone(),
                server: common.server.handshake.clone(),
                server_tls: common.server.tls.clone(),
                stdio,
                errors_to_client: common.errors_to_client,
                pty: common.pty,
                read_input: common.direction != Direction::ReceiveOnly,
                reporter,
                rooms: Rooms::new(common.room),
                connector: OnceCell::new(),
            },
            stop,
            started: Instant::now(),
        })
    }

    /// Opens an endpoint that is one connection.
    async fn open(&self, endpoint: &dyn Endpoint, opening: Opening) -> Result<OpenedLink> {
        match self.unless_stopped(endpoint.open(&self.reach, opening)).await? {
            Opened::Link(link) => Ok(link),
            Opened::Acceptor(_) => Err(Fault::new(
                Exit::Usage,
                "usage",
                format!("{} listens and cannot stand here", endpoint.describe()),
            )),
        }
    }

    /// What `work` gives, or the signal's or the run's deadline's fault when that comes first.
    async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let deadline = async {
            match self.rules.timeout {
                Some(timeout) => tokio::time::sleep_until(self.started + timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            result = work => result,
            fault = self.stopped() => Err(fault),
            () = deadline => Err(Fault::new(Exit::Deadline, "connect", "the time limit (--timeout) is over")),
        }
    }

    /// Ready with the signal's fault.
    fn stopped(&self) -> Pin<Box<dyn Future<Output = Fault> + Send>> {
        let mut stop = self.stop.clone();
        Box::pin(async move {
            if let Ok(fault) = stop.wait_for(Option::is_some).await
                && let Some(fault) = fault.clone()
            {
                return fault;
            }
            std::future::pending().await
        })
    }

    /// Runs the only pair of a run; `shown` is the side whose end is told with `-v`.
    async fn alone(&self, a: Link, b: Link, shown: usize) -> Result<()> {
        let outcome = self.pair(a, b, false, Some(self.started)).await;
        self.reach.reporter.verbose(&format!("close {}", outcome.summary(shown)));
        outcome.fault.map_or(Ok(()), Err)
    }

    /// Runs one pair; `from` is when its time limit began.
    async fn pair(&self, a: Link, b: Link, serving: bool, from: Option<Instant>) -> Outcome {
        let setup = Setup {
            timeout_at: self.rules.timeout.map(|timeout| from.unwrap_or_else(Instant::now) + timeout),
            rules: self.rules.clone(),
            serving,
            first: self.first.clone(),
            send_only: self.direction == Direction::SendOnly,
            stop: self.stopped(),
            reporter: self.reach.reporter.clone(),
        };
        Pair::new(a, b, setup).run().await
    }
}

fn bad_send(cause: String) -> Fault {
    Fault::new(Exit::BadInput, "input", cause)
}
