//! The driver: runs a plan's pairs of links until they end.
//!
//! The three subcommands only plan. `connect` and `pipe` run one `pair`, everything that listens
//! runs one pair per client (`serve`); endings, keepalive and limits are the session's.

mod chatter;
mod door;
mod hub;
mod outcome;
mod pair;
mod probe;
mod pump;
mod reception;
mod redial;
mod serve;
mod signals;
mod stage;
mod stats;

pub use outcome::{Outcome, Rtt};
pub use pair::{Pair, Setup};
pub use signals::Signals;

use crate::{
    endpoint::{self, Acceptor, Endpoint, Framings, Opened, OpenedLink, Opening, Reach, Role},
    exit::Exit,
    fault::{Fault, Result},
    framing::{
        self, Framing, Kind,
        record::{Record, Tally, What},
    },
    link::{
        Link, Recorder, Stdio,
        room::{Room, Rooms},
    },
    net::{BindOptions, Dialer, ListenAddr, Listener},
    observe::{Redactor, Reporter, Taps},
    plan::{Chat, Common, Connect, Direction, Expect, Listen, Pipe, Plan, Target},
    session::{Instant, Rules, backoff::Retry},
    tls,
};
use serve::{Behind, Server};
use stage::Stage;
use std::{future::Future, pin::Pin, sync::Arc};
use tokio::sync::{OnceCell, watch};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// What every session of a run shares.
pub(crate) struct Run {
    reach: Reach,
    rules: Rules,
    first: Vec<Message>,
    direction: Direction,
    expect: Expect,
    stage: Stage,
    stop: watch::Receiver<Option<Fault>>,
    started: Instant,
    recorder: Option<Recorder>,
    stats: bool,
    chat: Chat,
    retry: Retry,
    /// Whether a lost connection is opened again, and how often it is tried at most.
    reconnect: Option<Option<u32>>,
}

/// Runs a plan to its end.
///
/// # Errors
/// The first fault, whose exit is the process's.
pub async fn run(
    plan: Plan,
    stdio: Stdio,
    reporter: Reporter,
    stop: watch::Receiver<Option<Fault>>,
) -> Result<()> {
    match plan {
        Plan::Connect(plan) => connect(plan, stdio, reporter, stop).await,
        Plan::Listen(plan) => listen(plan, stdio, reporter, stop).await,
        Plan::Pipe(plan) => pipe(plan, stdio, reporter, stop).await,
    }
}

async fn connect(
    plan: Connect,
    stdio: Stdio,
    reporter: Reporter,
    stop: watch::Receiver<Option<Fault>>,
) -> Result<()> {
    let common = plan.common;
    let run = Arc::new(Run::new(&common, LINES, stdio, reporter, stop)?.recording(&common).await?);
    let talk = async {
        if let Some(probe) = &plan.probe {
            return probe::run(&run, probe, &plan.target, remote(&plan.target, &common, &run)).await;
        }
        let (a, b) = run.telling(both(&plan.target, &common, &run)).await?;
        run.alone(a, b, 1).await
    };
    let result = talk.await;
    run.finish(result).await
}

/// Standard input and output, and the WebSocket of `connect`.
async fn both(target: &str, common: &Common, run: &Arc<Run>) -> Result<(OpenedLink, OpenedLink)> {
    let b = remote(target, common, run).await?;
    let subprotocol =
        b.facts.subprotocol.as_ref().map_or(String::new(), |name| format!(" (subprotocol {name})"));
    let greeting = format!("connected to {}{subprotocol}", b.facts.url.as_deref().unwrap_or(target));
    let local = match &common.expect.script {
        Some(script) => stage::endpoint(script, common, false),
        None => match run.reach.stdio.prompt(&greeting) {
            Some(prompt) => return Ok((OpenedLink::new(Link::Prompt(Box::new(prompt)), "-".into()), b)),
            None => endpoint::parse("-", &Opening::new(Role::A))?,
        },
    };
    let a = redial::open(run, &local.into(), Opening::new(Role::A)).await?;
    Ok((a, b))
}

/// The WebSocket of `connect`.
async fn remote(target: &str, common: &Common, run: &Arc<Run>) -> Result<OpenedLink> {
    let mut target = target.to_owned();
    if target.eq_ignore_ascii_case("echo:") {
        target = echo_server(common, run).await?;
    }
    let remote = endpoint::parse(&target, &Opening::new(Role::B))?;
    if !remote.is_web_socket() {
        let cause = format!("connect wants a WebSocket URL, not `{target}`");
        return Err(Fault::new(Exit::Usage, "usage", cause).hint(match target.as_str() {
            "-" => {
                "wsio connect wss://HOST/PATH: standard input and output are always the other side".to_owned()
            }
            _ => format!("wsio pipe - {target}"),
        }));
    }
    redial::open(run, &remote.into(), Opening::new(Role::B)).await
}

async fn pipe(
    plan: Pipe,
    stdio: Stdio,
    reporter: Reporter,
    stop: watch::Receiver<Option<Fault>>,
) -> Result<()> {
    let mut run = Run::new(&plan.common, RAW, stdio, reporter, stop)?.recording(&plan.common).await?;
    let a: Arc<dyn Endpoint> = endpoint::parse(&plan.a, &Opening::new(Role::A))?.into();
    let b: Arc<dyn Endpoint> = endpoint::parse(&plan.b, &Opening::new(Role::B))?.into();
    run.reach.has_datagrams = a.is_datagrams() || b.is_datagrams();
    let run = Arc::new(run);
    let result = join(&plan, &run, a, b).await;
    run.finish(result).await
}

async fn join(plan: &Pipe, run: &Arc<Run>, a: Arc<dyn Endpoint>, b: Arc<dyn Endpoint>) -> Result<()> {
    match run.telling(redial::open_any(run, &a, Opening::new(Role::A))).await? {
        Opened::Acceptor(acceptor) => {
            if plan.b == "-" && !plan.common.server.once {
                return Err(Fault::new(
                    Exit::Usage,
                    "usage",
                    "standard input and output serve one client of a pipe",
                )
                .hint("add --once, or use `wsio listen` to serve many"));
            }
            let server = Server::new(Arc::clone(run), &plan.common.server, acceptor, Behind::Endpoint(b))?;
            server.run().await
        }
        Opened::Link(a) => {
            let b = run.telling(redial::open(run, &b, Opening::new(Role::B))).await?;
            let shown = usize::from(b.link.is_web_socket());
            run.alone(a, b, shown).await
        }
    }
}

async fn listen(
    plan: Listen,
    stdio: Stdio,
    reporter: Reporter,
    stop: watch::Receiver<Option<Fault>>,
) -> Result<()> {
    let once = plan.common.server.once;
    let (behind, default): (_, Framing) = match &plan.target {
        Target::Stdio if once => {
            (Behind::Endpoint(endpoint::parse("-", &Opening::new(Role::B))?.into()), LINES)
        }
        Target::Stdio => (Behind::Hub(Room::star(plan.common.room), OnceCell::new()), LINES),
        Target::Relay => (Behind::Hub(Room::mesh(plan.common.room), OnceCell::new()), LINES),
        Target::Echo => (Behind::Endpoint(endpoint::parse("echo:", &Opening::new(Role::B))?.into()), LINES),
        Target::Command(words) => (Behind::Endpoint(endpoint::command(words.clone()).into()), LINES),
        Target::Script(script) => {
            (Behind::Endpoint(stage::endpoint(script, &plan.common, true).into()), LINES)
        }
        Target::Endpoint(text) if text == "-" && !once => {
            (Behind::Hub(Room::star(plan.common.room), OnceCell::new()), LINES)
        }
        Target::Endpoint(text) => {
            let endpoint = endpoint::parse(text, &Opening::new(Role::B))?;
            let framing = if text == "-" || endpoint.is_command() { LINES } else { RAW };
            (Behind::Endpoint(endpoint.into()), framing)
        }
    };
    let run =
        Arc::new(Run::new(&plan.common, default, stdio, reporter, stop)?.recording(&plan.common).await?);
    let result = serve_web_sockets(&plan, behind, &run).await;
    run.finish(result).await
}

async fn serve_web_sockets(plan: &Listen, behind: Behind, run: &Arc<Run>) -> Result<()> {
    if let Some(site) = &plan.common.server.handshake.site {
        site.check()?;
    }
    let listener = Listener::bind(&plan.address, &run.reach.bind).await?;
    let tls = plan.tls.as_ref().map(|tls| tls::Acceptor::new(tls, plan.address.host())).transpose()?;
    let options = plan.common.server.handshake.clone();
    let acceptor = Acceptor::WebSocket(Box::new(endpoint::WebSocketAcceptor::new(listener, tls, options)));
    Server::new(Arc::clone(run), &plan.common.server, acceptor, behind)?.run().await
}

const LINES: Framing = &framing::FRAMINGS[0];
const RAW: Framing = &framing::FRAMINGS[2];

/// A real echo server on loopback inside this process; returns its URL.
async fn echo_server(common: &Common, run: &Arc<Run>) -> Result<String> {
    let listener = Listener::bind(&ListenAddr::Loopback(0), &BindOptions::default()).await?;
    let address = listener.addresses().first().cloned().unwrap_or_default();
    let options = common.server.handshake.clone();
    let acceptor = Acceptor::WebSocket(Box::new(endpoint::WebSocketAcceptor::new(listener, None, options)));
    let behind = Behind::Endpoint(endpoint::parse("echo:", &Opening::new(Role::B))?.into());
    // The server ends with the process: its own stop signal never comes.
    let quiet = Run::new(common, LINES, Stdio::default(), run.reach.reporter.silent(), never())?;
    let quiet = Run {
        rules: Rules::default(),
        first: Vec::new(),
        chat: Chat::default(),
        direction: Direction::Both,
        expect: Expect::default(),
        ..quiet
    };
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
            stamp: common.framing.stamp,
            raw: common.framing.raw,
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
        let redactor = Redactor::default();
        Ok(Self {
            first: first.collect::<Result<_>>()?,
            rules: common.rules.clone(),
            direction: common.direction,
            expect: common.expect.clone(),
            stage: Stage::default(),
            reach: Reach {
                framings,
                max_message: common.max_message,
                connect_timeout: common.connect_timeout,
                client: common.client.clone(),
                dialer: Dialer::new(common.dial.clone(), reporter.clone(), redactor.clone()),
                client_tls: common.client_tls.clone(),
                forward: common.forward.clone(),
                server: common.server.handshake.clone(),
                server_tls: common.server.tls.clone(),
                bind: common.server.bind.clone(),
                peer_idle: common.server.peer_idle,
                has_datagrams: false,
                stdio,
                errors_to_client: common.errors_to_client,
                read_input: common.direction != Direction::ReceiveOnly,
                reporter,
                redactor,
                rooms: Rooms::new(common.room),
                connector: OnceCell::new(),
            },
            stop,
            started: Instant::now(),
            recorder: None,
            stats: common.stats,
            chat: common.chat.clone(),
            retry: common.retry,
            reconnect: common.reconnect,
        })
    }

    /// What `opening` gives; a fault is told on standard output, when that takes events.
    async fn telling<T>(&self, opening: impl Future<Output = Result<T>>) -> Result<T> {
        let opened = opening.await;
        if let Err(fault) = &opened {
            self.tell_end(&outcome::ending(Some(fault))).await;
        }
        opened
    }

    async fn tell_end(&self, tally: &Tally) {
        // The records of a script end by themselves, if it began.
        if self.reach.tells_events() && !self.stage.has_begun() {
            self.reach.stdio.afterword(Record::new(None, None, What::End(tally)).line()).await;
        }
    }

    /// What `work` gives, or the signal's or the run's deadline's fault when that comes first.
    async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            result = work => result,
            fault = self.over("connect") => Err(fault),
        }
    }

    /// Ready with the fault that ends the whole run: the signal's, or that `--timeout` is over.
    fn over(&self, phase: &'static str) -> Pin<Box<dyn Future<Output = Fault> + Send>> {
        let (stopped, ends) = (self.stopped(), self.ends());
        Box::pin(async move {
            let late = async {
                match ends {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                fault = stopped => fault,
                () = late => Fault::new(Exit::Deadline, phase, "the time limit (--timeout) is over"),
            }
        })
    }

    /// When `--timeout` is over.
    fn ends(&self) -> Option<Instant> {
        self.rules.timeout.map(|timeout| self.started + timeout)
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
    async fn alone(&self, a: OpenedLink, b: OpenedLink, shown: usize) -> Result<()> {
        let facts = if shown == 1 { b.facts.clone() } else { a.facts.clone() };
        let opened = Instant::now();
        let outcome = self.pair(a, b, false, None).await;
        if self.stats {
            self.reach.reporter.tell(&stats::lines(&outcome, shown, &facts, opened.elapsed()));
        }
        self.reach.reporter.verbose(&format!("close {}", outcome.summary(shown)));
        self.tell_end(&outcome.tally(shown)).await;
        outcome.fault.map_or(Ok(()), Err)
    }

    /// Runs one pair; `conn` is its number in a server.
    async fn pair(&self, mut a: OpenedLink, mut b: OpenedLink, serving: bool, conn: Option<u64>) -> Outcome {
        a.link.open(conn, &b.facts);
        b.link.open(conn, &a.facts);
        // Of two WebSockets, the one that was dialled is the one that is looked at.
        let side = usize::from(b.link.is_web_socket());
        let looked_at = if side == 1 { &mut b } else { &mut a };
        let recorders: Vec<_> = self.recorder.iter().chain(&self.stage.told).collect();
        if let Some(socket) = looked_at.link.conn() {
            let taps: Vec<_> =
                recorders.iter().map(|recorder| recorder.open(conn, &looked_at.facts)).collect();
            if !taps.is_empty() {
                socket.set_tap(Box::new(Taps(taps)));
            }
        }
        let unexpected = stage::unexpected(&self.expect, &looked_at.facts);
        let script = stage::run(&a.link, &b.link, self.ends());
        let setup = Setup {
            timeout_at: self.ends(),
            rules: stage::rules(&self.rules, script.as_ref()),
            serving,
            first: if unexpected.is_none() { self.first.clone() } else { Vec::new() },
            chat: if script.is_none() { self.chat.clone() } else { Chat::default() },
            send_only: self.direction == Direction::SendOnly,
            stop: match unexpected {
                Some(fault) => Box::pin(std::future::ready(fault)),
                None => self.stopped(),
            },
            reporter: self.reach.reporter.clone(),
        };
        let mut outcome = Pair::new(a.link, b.link, setup).run().await;
        if let Some(script) = script {
            outcome.fault = self.stage.conclude(&script, outcome.fault);
        }
        for recorder in recorders {
            recorder.end(conn, &outcome.tally(side));
        }
        outcome
    }
}

fn bad_send(cause: String) -> Fault {
    Fault::new(Exit::BadInput, "input", cause)
}
