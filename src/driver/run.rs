//! A run: what its sessions share, and how one pair of links is run to its end.

use super::{
    Outcome, Pair, Setup, outcome,
    stage::{self, Stage},
    stats,
};
use crate::{
    endpoint::{Framings, OpenContext, OpenedLink},
    exit::Exit,
    fault::{Fault, Result},
    framing::{
        self, Framing, Kind,
        record::{Record, Tally, What},
    },
    link::{Link, Recorder, Stdio, budget::Budget, room::Rooms},
    nats::Brokers,
    net::{Dialer, is_token},
    observe::{Redactor, Reporter, Taps},
    plan::{AutoSend, Common, Direction},
    session::{Instant, Side},
    units::counted,
};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Once},
    time::Duration,
};
use tokio::sync::{OnceCell, watch};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Time for brokers to finish when nobody reads our output any more.
const LAST_WORD: Duration = Duration::from_millis(100);

/// Notes on subprotocols and origins that are taken as written, though the other side may refuse them.
fn odd_names(common: &Common, redactor: &Redactor) -> Vec<String> {
    let handshake = &common.server.handshake;
    let subprotocols = common.client.subprotocols.iter().chain(&handshake.subprotocols);
    let odd = subprotocols.filter(|name| !is_token(name.as_bytes())).map(|name| {
        let shown = redactor.subprotocol(name);
        format!("the subprotocol `{shown}` is no token (RFC 6455 section 4.1): it goes as it is, and may be refused")
    });
    let is_sent = |origin: &str| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        matches!(origin, "null" | "any") || authority.is_some_and(|authority| !authority.contains('/'))
    };
    let origins = handshake.access.origins.iter().filter(|origin| !is_sent(origin));
    odd.chain(origins.map(|origin| {
        format!("--allow-origin {origin}: a browser sends scheme and host alone, such as https://example.com")
    }))
    .collect()
}

/// State that all sessions of a run share.
pub(super) struct Run {
    pub context: OpenContext,
    pub first: Vec<Message>,
    pub stage: Stage,
    pub stop: watch::Receiver<Option<Fault>>,
    pub started: Instant,
    pub recorder: Option<Recorder>,
    /// Memory that the unfinished messages and the read-ahead of all clients may take.
    pub budget: Option<Budget>,
}

impl Run {
    pub(super) fn new(
        common: &Arc<Common>,
        default: Framing,
        stdio: Stdio,
        reporter: Reporter,
        stop: watch::Receiver<Option<Fault>>,
    ) -> Result<Self> {
        let framings = Framings {
            input: common.framing.input.clone().unwrap_or(default.clone()),
            output: common.framing.output.clone().unwrap_or(default),
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
                Kind::Text => Utf8Bytes::try_from(payload.clone()).map(Message::Text).map_err(|_| {
                    match framing::is_utf16(payload) {
                        true => bad_send(format!("{place} is UTF-16, not UTF-8"))
                            .hint("convert the file: iconv -f UTF-16 -t UTF-8 FILE"),
                        false => bad_send(format!("{place} is not UTF-8")).hint("send it as binary with -b"),
                    }
                }),
            }
        });
        let redactor = reporter.redactor();
        odd_names(common, &redactor).iter().for_each(|note| reporter.note(note));
        Ok(Self {
            first: first.collect::<Result<_>>()?,
            stage: Stage::default(),
            context: OpenContext {
                framings,
                common: Arc::clone(common),
                dialer: Dialer::new(common.dial.clone(), reporter.clone(), redactor.clone()),
                has_datagrams: false,
                relays: false,
                stdio,
                rooms: Rooms::new(common.room).reported_by(reporter.clone()),
                reporter,
                redactor,
                brokers: Brokers::new(common.room),
                connector: OnceCell::new(),
                connector_for_strangers: OnceCell::new(),
                connector_noted: Once::new(),
                key_log_noted: Once::new(),
                sign_noted: Arc::new(Once::new()),
            },
            stop,
            started: Instant::now(),
            recorder: None,
            budget: Some(Budget::new(common.server.max_buffer)),
        })
    }

    /// Options of the command line.
    pub(super) fn common(&self) -> &Common {
        &self.context.common
    }

    /// Awaits `opening`; its fault is told on standard output too, when that takes events.
    pub(super) async fn reporting<T>(&self, opening: impl Future<Output = Result<T>>) -> Result<T> {
        let opened = opening.await;
        if let Err(fault) = &opened {
            self.tell_end(None, &outcome::ending(Some(&self.context.redactor.fault(fault)))).await;
        }
        opened
    }

    /// Tells on standard output, when that takes events, how a session ended; `conn` is its number in a server.
    pub(super) async fn tell_end(&self, conn: Option<u64>, tally: &Tally) {
        // The records of a script end by themselves, if it began.
        if self.context.tells_events() && !self.stage.has_begun() {
            self.context.stdio.afterword(Record::new(conn, None, What::End(tally)).line()).await;
        }
    }

    /// Awaits `work`; gives the fault of the signal or of the run's deadline when that comes first.
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.unless_over("connect", work).await
    }

    /// The same for another phase than that of opening.
    pub(super) async fn unless_over<T>(
        &self,
        phase: &'static str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            result = work => result,
            fault = self.over(phase) => Err(fault),
        }
    }

    /// Ready with the fault that ends the whole run: the signal's, or that `--timeout` is over.
    pub(super) fn over(&self, phase: &'static str) -> Pin<Box<dyn Future<Output = Fault> + Send>> {
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

    /// Time at which `--timeout` is over.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.common().rules.timeout.map(|timeout| self.started + timeout)
    }

    /// Ready with the signal's fault.
    pub(super) fn stopped(&self) -> Pin<Box<dyn Future<Output = Fault> + Send>> {
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
    pub(super) async fn alone(&self, a: OpenedLink, b: OpenedLink, shown: Side) -> Result<()> {
        let facts = if shown == Side::B { b.facts.clone() } else { a.facts.clone() };
        let opened = Instant::now();
        let only_read = (a.link.takes_nothing() && self.common().direction != Direction::SendOnly)
            .then(|| a.facts.peer.clone());
        let at_prompt = matches!(a.link, Link::Prompt(_));
        let outcome = self.pair(a, b, false, None).await;
        if self.common().stats {
            self.context.reporter.tell(&stats::lines(&outcome, shown, &facts, opened.elapsed()));
        }
        let closed = format!("close {}", outcome.told(shown));
        match at_prompt {
            // The user is back in the shell and wants to know why.
            true => self.context.reporter.life(&closed),
            false => self.context.reporter.verbose(&closed),
        }
        self.tell_remains(&outcome);
        if let Some([why, hint]) = &outcome.idle_close {
            self.context.reporter.note(why);
            self.context.reporter.life(&format!("  try: {hint}"));
        }
        if let (Some(name), (messages @ 1.., bytes)) = (only_read, outcome.carried[Side::B]) {
            let (messages, bytes) = (counted(messages, "message"), counted(bytes, "byte"));
            self.context.reporter.note(&format!(
                "{messages} of {bytes} came back and had nowhere to go, since {name} is only read; - as A takes both ways, --send-only expects none"
            ));
        }
        self.tell_end(None, &outcome.tally(shown)).await;
        outcome.fault.map_or(Ok(()), Err)
    }

    /// Says what was not sent or not delivered, where the fault does not.
    fn tell_remains(&self, outcome: &Outcome) {
        let fault = outcome.fault.as_ref();
        if fault.is_some_and(Fault::is_silent) {
            return;
        }
        let (unsent, remains) = (outcome.left_unsent(), &outcome.remains);
        if let Some(unsent) = unsent.filter(|_| fault.is_none_or(|fault| fault.exit != Exit::Unsent)) {
            self.context.reporter.note(&format!("{}: {unsent}", remains.input));
        }
        for dropped in outcome.dropped() {
            self.context.reporter.note(&dropped);
        }
        if let Some(undelivered) = outcome.undelivered() {
            self.context.reporter.note(&undelivered);
        }
    }

    /// The run's result, once brokers have what they were given; a fault there comes second.
    pub(super) async fn settle(&self, result: Result<()>) -> Result<()> {
        let hurried = result.as_ref().is_err_and(Fault::is_silent);
        let within = if hurried { LAST_WORD } else { self.common().rules.close_timeout };
        match (result, self.context.brokers.finish(within).await) {
            (Ok(()), finished) => finished,
            (Err(fault), finished) => {
                if let Err(second) = finished
                    && second != fault
                {
                    self.context.reporter.note(&format!("{}: {}", second.phase, second.cause));
                }
                Err(fault)
            }
        }
    }

    /// Runs one pair; `conn` is its number in a server.
    pub(super) async fn pair(
        &self,
        mut a: OpenedLink,
        mut b: OpenedLink,
        serving: bool,
        conn: Option<u64>,
    ) -> Outcome {
        let redactor = &self.context.redactor;
        let shown = [redactor.facts(&a.facts), redactor.facts(&b.facts)];
        a.link.open(conn, &shown[1]);
        b.link.open(conn, &shown[0]);
        // Of two WebSockets, the one that was dialled is the one that is looked at.
        let side = if b.link.is_web_socket() { Side::B } else { Side::A };
        let looked_at = if side == Side::B { &mut b } else { &mut a };
        let recorders: Vec<_> = self.recorder.iter().chain(&self.stage.told).collect();
        if let Some(socket) = looked_at.link.conn() {
            let open = |recorder: &&Recorder| recorder.open(conn, &shown[side]);
            socket.set_taps(Taps(recorders.iter().map(open).collect()));
        }
        let unexpected = stage::unexpected(&self.common().expect, &looked_at.facts, redactor);
        let script = stage::run(&a.link, &b.link, self.ends());
        let setup = Setup {
            timeout_at: self.ends(),
            read_ahead: self.common().read_ahead,
            seat: self.budget.as_ref().filter(|_| serving).map(Budget::seat),
            rules: stage::rules(&self.common().rules, script.as_ref()),
            serving,
            first: if unexpected.is_none() { self.first.clone() } else { Vec::new() },
            auto_send: if script.is_none() { self.common().auto_send.clone() } else { AutoSend::default() },
            send_only: self.common().direction == Direction::SendOnly,
            stop: match unexpected {
                Some(fault) => Box::pin(std::future::ready(fault)),
                None => self.stopped(),
            },
            reporter: self.context.reporter.clone(),
        };
        let mut outcome = Pair::new(a.link, b.link, setup).run().await;
        if let Some(script) = script {
            let ended = self.stop.borrow().is_some() || self.ends().is_some_and(|at| at <= Instant::now());
            outcome.fault = self.stage.conclude(&script, conn, outcome.fault, ended);
        }
        outcome.fault = outcome.fault.as_ref().map(|fault| self.context.redactor.fault(fault));
        for recorder in recorders {
            recorder.end(conn, &outcome.tally(side));
        }
        outcome
    }
}

fn bad_send(cause: String) -> Fault {
    Fault::new(Exit::BadInput, "input", cause)
}
