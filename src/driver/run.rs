//! A run: what its sessions share, and how one pair of links is run to its end.

use super::{
    Outcome, Pair, Setup, outcome,
    scripts::{self, Scripts},
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
    link::{Prompt, Recorder, ScriptRun, Stdio, budget::Budget, room::Rooms, write_file},
    nats::Brokers,
    net::{Dialer, is_token},
    observe::{Redactor, Reporter, Taps},
    os_error,
    plan::{AutoSend, Common, Direction},
    session::{Instant, Side},
    units::counted,
};
use std::{
    future::Future,
    io,
    pin::{Pin, pin},
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
    pub scripts: Scripts,
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
            scripts: Scripts::default(),
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
        if self.context.tells_events() && !self.scripts.has_begun() {
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
        let at_prompt = a.link.as_kind::<Prompt>().is_some();
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
        outcome.undelivered().for_each(|undelivered| self.context.reporter.note(&undelivered));
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

    /// Runs one pair, which starts at once; `conn` is its number in a server.
    pub(super) fn pair(
        &self,
        a: OpenedLink,
        b: OpenedLink,
        serving: bool,
        conn: Option<u64>,
    ) -> impl Future<Output = Outcome> + Send {
        let Started { running, script, recorders, side } = self.start(a, b, serving, conn);
        async move {
            let mut outcome = running.await;
            if let Some(script) = script {
                let ended =
                    self.stop.borrow().is_some() || self.ends().is_some_and(|at| at <= Instant::now());
                outcome.fault = self.scripts.conclude(&script, conn, outcome.fault, ended);
            }
            outcome.fault = outcome.fault.as_ref().map(|fault| self.context.redactor.fault(fault));
            for recorder in recorders {
                recorder.end(conn, &outcome.tally(side));
            }
            outcome
        }
    }

    /// Starts one pair. What only the start needs, such as the heads of a handshake, is gone after it.
    fn start(
        &self,
        mut a: OpenedLink,
        mut b: OpenedLink,
        serving: bool,
        conn: Option<u64>,
    ) -> Started<'_, impl Future<Output = Outcome> + use<>> {
        let redactor = &self.context.redactor;
        let shown = [redactor.facts(&a.facts), redactor.facts(&b.facts)];
        a.link.open(conn, &shown[1]);
        b.link.open(conn, &shown[0]);
        // Of two WebSockets, the one that was dialled is the one that is looked at.
        let side = if b.link.is_web_socket() { Side::B } else { Side::A };
        let looked_at = if side == Side::B { &mut b } else { &mut a };
        let recorders: Vec<_> = self.recorder.iter().chain(&self.scripts.told).collect();
        if let Some(socket) = looked_at.link.conn() {
            let open = |recorder: &&Recorder| recorder.open(conn, &shown[side]);
            socket.set_taps(Taps(recorders.iter().map(open).collect()));
        }
        let unexpected = scripts::unexpected(&self.common().expect, &looked_at.facts, redactor);
        let script = scripts::run(&*a.link, &*b.link, self.ends());
        let setup = Setup {
            timeout_at: self.ends(),
            read_ahead: self.common().read_ahead,
            seat: self.budget.as_ref().filter(|_| serving).map(Budget::seat),
            rules: scripts::rules(&self.common().rules, script.as_ref()),
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
        Started { running: Pair::new(a.link, b.link, setup).run(), script, recorders, side }
    }
}

/// A pair that runs, and what its end is told to.
struct Started<'a, F> {
    running: F,
    script: Option<ScriptRun>,
    recorders: Vec<&'a Recorder>,
    /// The side that is looked at.
    side: Side,
}

fn bad_send(cause: String) -> Fault {
    Fault::new(Exit::BadInput, "input", cause)
}

/// Time after which the note is written while the run still goes on.
const PATIENCE: Duration = Duration::from_secs(2);

impl Run {
    /// Runs `work`; where standard input is left alone, for this reason, it is told.
    pub(super) async fn sparing<T>(
        &self,
        why: Option<&'static str>,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(why) = why else { return work.await };
        let input = self.context.stdio.input_file();
        let holds = || input.as_ref().is_some_and(|file| file.rest(file.position()).bytes > 0);
        let line = format!("standard input is left alone: {why} reads none (--in lines reads it)");
        let reporter = &self.context.reporter;
        let mut told = reporter.is_verbose();
        reporter.verbose(&line);
        let mut work = pin!(work);
        let result = loop {
            tokio::select! {
                result = &mut work => break result,
                () = tokio::time::sleep(PATIENCE), if !told => {
                    told = holds();
                    if told {
                        reporter.note(&line);
                    }
                }
            }
        };
        if !told && result.as_ref().is_err_and(|fault: &Fault| !fault.is_silent()) && holds() {
            reporter.note(&line);
        }
        result
    }
}

impl Run {
    /// The same run with its recording open, if one was asked for.
    pub(super) async fn recording(mut self, common: &Common) -> Result<Self> {
        if let Some(file) = &common.record {
            self.recorder = Some(Recorder::start(file).await?);
        }
        if common.expect.script.is_some() && self.context.tells_events() {
            self.scripts.told = self.context.stdio.output().map(Recorder::on);
        }
        Ok(self)
    }

    /// Completes the recording and writes the reports; the first fault stays.
    pub(super) async fn finish(&self, result: Result<()>) -> Result<()> {
        let reported = self.report(result.as_ref().err()).await;
        let result = result.and(reported);
        let mut recorded = Ok(());
        for recorder in self.recorder.iter().chain(&self.scripts.told) {
            recorded = recorded.and(recorder.finish().await);
        }
        result.and(recorded).and(self.closed().await)
    }

    /// Closes standard output, which may have kept its worst news until then.
    async fn closed(&self) -> Result<()> {
        self.context.stdio.close().await.map_err(|error| {
            let cause = format!("cannot write standard output: {}", os_error::words(&error));
            Fault::new(Exit::WriteError, "session", cause)
        })
    }

    /// Writes how the script went in every form that was asked for.
    ///
    /// # Errors
    /// Exit 23 when one cannot be written.
    async fn report(&self, fault: Option<&Fault>) -> Result<()> {
        let Some(script) = &self.common().expect.script else { return Ok(()) };
        let results = self.scripts.results(script, fault);
        let results = results.redacted(|fault| self.context.redactor.fault(fault));
        for report in &self.common().expect.reports {
            let text = report.write(&results);
            match report.file() {
                Some(file) => {
                    write_file(file, text).map_err(|error| unwritable(&file.display().to_string(), &error))?
                }
                None => {
                    let written = self.context.stdio.write(text.into_bytes()).await;
                    written.map_err(|error| unwritable("standard output", &error))?;
                }
            }
        }
        Ok(())
    }
}

fn unwritable(what: &str, error: &io::Error) -> Fault {
    let exit = Exit::unwritten(error);
    let cause = match exit {
        Exit::ReaderLeft => "nobody reads the report".to_owned(),
        _ => format!("cannot write {what}: {}", os_error::words(error)),
    };
    Fault::new(exit, "report", cause)
}
