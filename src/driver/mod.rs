//! The driver: runs a plan's pairs of links until they end.
//!
//! The three subcommands only plan. `connect` and `pipe` run one `pair`, everything that listens
//! runs one pair per client (`serve`); endings, keepalive and limits are the session's.

mod ahead;
mod auto_sender;
mod client;
mod client_end;
mod hub;
mod measure;
mod newcomers;
mod outcome;
mod pair;
mod probe;
mod pump;
mod rare_waker;
mod redial;
mod run;
mod scripts;
mod secrets;
mod serve;
mod setup;
mod side_state;
mod signals;
mod silent;
mod stats;
mod survey;
#[cfg(test)]
mod test_links;
mod trim;
mod workers;

pub use outcome::{Outcome, Remains, Rtt};
pub use pair::Pair;
pub use setup::Setup;
pub use signals::{Ignored, Orders, Signals};
pub use workers::{ServerThreads, is_starting, runtime};

use crate::{
    endpoint::{self, Endpoint, Found, Opened, OpenedLink, Opening, Role, StreamAcceptor},
    exit::Exit,
    fault::{Fault, Result},
    framing::{Framing, LINES, RAW},
    link::{
        Stdio,
        room::{Room, Told},
    },
    net::{BindOptions, ListenAddr, Listener},
    observe::Reporter,
    plan::{AutoSend, Common, Connect, Direction, Expect, Listen, Pipe, Plan, Target},
    session::{Rules, Side},
    tls,
};
use run::Run;
use serve::{Behind, Server};
use std::sync::Arc;
use tokio::sync::{OnceCell, watch};

/// Runs a plan to its end.
///
/// # Errors
/// The first fault, whose exit is the process's.
pub async fn run(plan: Plan, stdio: Stdio, reporter: Reporter, orders: impl Into<Orders>) -> Result<()> {
    let orders = orders.into();
    reporter.hide(&secrets::of(&plan));
    match plan {
        Plan::Connect(plan) => connect(plan, stdio, reporter, orders).await,
        Plan::Listen(plan) => listen(plan, stdio, reporter, orders).await,
        Plan::Pipe(plan) => pipe(plan, stdio, reporter, orders).await,
    }
}

async fn connect(plan: Connect, stdio: Stdio, reporter: Reporter, orders: Orders) -> Result<()> {
    let common = plan.common;
    let run =
        Arc::new(Run::new(&common, LINES, stdio, reporter, orders.stop.clone())?.recording(&common).await?);
    let talk = async {
        scripts::check(&common.expect)?;
        if let Some(probe) = &plan.probe {
            let found = Found::default();
            let opening = remote(&plan.target, &common, &run, Some(Arc::clone(&found)));
            return probe::run(&run, probe, &plan.target, opening, &found).await;
        }
        let (a, b) = run.reporting(both(&plan.target, &common, &run)).await?;
        run.alone(a, b, Side::B).await
    };
    let result = run.sparing(common.input_left, talk).await;
    run.finish(result).await
}

/// Standard input and output, and the WebSocket of `connect`.
async fn both(target: &str, common: &Common, run: &Arc<Run>) -> Result<(OpenedLink, OpenedLink)> {
    let b = remote(target, common, run, None).await?;
    let subprotocol = match b.facts.subprotocol.as_deref() {
        Some(name) => format!("{})", run.context.chosen(" (subprotocol ", Some(name))),
        None => String::new(),
    };
    let greeting = format!("connected to {}{subprotocol}", b.facts.url.as_deref().unwrap_or(target));
    let local = match &common.expect.script {
        Some(script) => scripts::endpoint(script, common, false),
        None => match run.context.stdio.prompt(&greeting) {
            Some(prompt) => return Ok((OpenedLink::new(Box::new(prompt), "-".into()), b)),
            None => endpoint::parse("-", &Opening::new(Role::A))?,
        },
    };
    let a = redial::open(run, &local.into(), Opening::new(Role::A)).await?;
    Ok((a, b))
}

/// The WebSocket of `connect`; `found` gets what is known of it, also of one that cannot be opened.
async fn remote(target: &str, common: &Common, run: &Arc<Run>, found: Option<Found>) -> Result<OpenedLink> {
    run.context.check_files().await?;
    let mut target = target.to_owned();
    if endpoint::is_echo(&target) {
        target = echo_server(common, run).await?;
    }
    let remote = endpoint::remote(&target)?;
    redial::open(run, &remote.into(), Opening { found, ..Opening::new(Role::B) }).await
}

async fn pipe(plan: Pipe, stdio: Stdio, reporter: Reporter, orders: Orders) -> Result<()> {
    let mut run =
        Run::new(&plan.common, RAW, stdio, reporter, orders.stop.clone())?.recording(&plan.common).await?;
    let a: Arc<dyn Endpoint> = endpoint::parse(&plan.a, &Opening::new(Role::A))?.into();
    let b: Arc<dyn Endpoint> = endpoint::parse(&plan.b, &Opening::new(Role::B))?.into();
    run.context.has_datagrams = a.is_datagrams() || b.is_datagrams();
    run.context.relays = a.is_web_socket() && b.is_web_socket();
    let run = Arc::new(run);
    let result = run.sparing(plan.common.input_left, join(&plan, &run, a, b, orders)).await;
    run.finish(result).await
}

async fn join(
    plan: &Pipe,
    run: &Arc<Run>,
    a: Arc<dyn Endpoint>,
    b: Arc<dyn Endpoint>,
    orders: Orders,
) -> Result<()> {
    let first = async {
        if b.is_command() {
            b.prepare(&run.context).await?;
        }
        run.context.check_files().await?;
        redial::open_any(run, &a, Opening::new(Role::A)).await
    };
    match run.reporting(first).await? {
        Opened::Acceptor(acceptor) => {
            if b.is_standard() && !plan.common.server.once {
                return Err(Fault::new(
                    Exit::Usage,
                    "usage",
                    "standard input and output serve one client of a pipe",
                )
                .hint("add --once, or use `wsio listen` to serve many"));
            }
            b.may_serve(plan.common.server.once)?;
            run.unless_stopped(b.prepare(&run.context)).await?;
            let server =
                Server::new(Arc::clone(run), &plan.common.server, acceptor, Behind::Endpoint(b), orders)?;
            run.settle(server.run().await).await
        }
        Opened::Link(a) => {
            let b = run.reporting(redial::open(run, &b, Opening::new(Role::B))).await?;
            let shown = if b.link.is_web_socket() { Side::B } else { Side::A };
            run.settle(run.alone(*a, b, shown).await).await
        }
    }
}

async fn listen(plan: Listen, stdio: Stdio, reporter: Reporter, orders: Orders) -> Result<()> {
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
            (Behind::Endpoint(scripts::endpoint(script, &plan.common, true).into()), LINES)
        }
        Target::Endpoint(text) if text == "-" && !once => {
            (Behind::Hub(Room::star(plan.common.room), OnceCell::new()), LINES)
        }
        Target::Endpoint(text) => {
            let endpoint = endpoint::target(text)?;
            let framing = if endpoint.is_standard() || endpoint.is_command() { LINES } else { RAW };
            (Behind::Endpoint(endpoint.into()), framing)
        }
    };
    let mut run = Run::new(&plan.common, default, stdio, reporter, orders.stop.clone())?
        .recording(&plan.common)
        .await?;
    if let Behind::Hub(room, _) = &behind {
        room.tell_by(Told::new(run.context.reporter.clone(), ""));
    }
    run.context.relays = matches!(&behind, Behind::Endpoint(endpoint) if endpoint.is_web_socket());
    (run.scripts.many, run.scripts.reports) = (!once, !plan.common.expect.reports.is_empty());
    let run = Arc::new(run);
    let serving = async {
        scripts::check(&plan.common.expect)?;
        serve_web_sockets(&plan, behind, &run, orders).await
    };
    let result = run.sparing(plan.common.input_left, serving).await;
    run.finish(run.scripts.verdict(result)).await
}

async fn serve_web_sockets(plan: &Listen, behind: Behind, run: &Arc<Run>, orders: Orders) -> Result<()> {
    if let Some(site) = &plan.common.server.handshake.site {
        site.check()?;
    }
    if let Behind::Endpoint(endpoint) = &behind {
        endpoint.may_serve(plan.common.server.once)?;
        if endpoint.is_command() {
            endpoint.prepare(&run.context).await?;
        }
    }
    run.context.check_files().await?;
    let listener = Listener::bind(&plan.address, &run.context.common.server.bind).await?;
    let tls = |tls| tls::Acceptor::new(tls, plan.address.host(), Some(tls::ALPN));
    let tls = plan.tls.as_ref().map(tls).transpose()?;
    let options = plan.common.server.handshake.clone();
    let acceptor = StreamAcceptor::web_socket(listener, tls, options).into();
    if let Behind::Endpoint(endpoint) = &behind {
        run.unless_stopped(endpoint.prepare(&run.context)).await?;
    }
    let server = Server::new(Arc::clone(run), &plan.common.server, acceptor, behind, orders)?;
    run.settle(server.run().await).await
}

/// A real echo server on loopback inside this process; returns its URL.
async fn echo_server(common: &Common, run: &Arc<Run>) -> Result<String> {
    let listener = Listener::bind(&ListenAddr::Loopback(0), &BindOptions::default()).await?;
    let address = listener.addresses().first().cloned().unwrap_or_default();
    let options = common.server.handshake.clone();
    let acceptor = StreamAcceptor::web_socket(listener, None, options).into();
    let behind = Behind::Endpoint(endpoint::parse("echo:", &Opening::new(Role::B))?.into());
    // The server ends with the process: its own stop signal never comes.
    let common = Arc::new(Common {
        rules: Rules::default(),
        send: Vec::new(),
        auto_send: AutoSend::default(),
        direction: Direction::Both,
        expect: Expect::default(),
        // A peer that answers no pings is us, not it.
        no_pong: false,
        ..common.clone()
    });
    let quiet = Run::new(&common, LINES, Stdio::default(), run.context.reporter.silent(), never())?;
    let server = Server::new(Arc::new(quiet), &common.server.plain(), acceptor, behind, never().into())?;
    tokio::spawn(server.run());
    Ok(format!("ws://{address}/"))
}

fn never() -> watch::Receiver<Option<Fault>> {
    watch::channel(None).1
}
