//! One client of a server, from its first byte to the last line of the log about it.
//!
//! The way of a client, in the order of this file: it is heard, and TLS is done with it; its requests are held
//! against the rules and find a place; files and pages are answered, and for a WebSocket the target is opened; the
//! request is answered with 101 or refused; the pair runs. A client of a stream server asks for nothing, so that
//! after TLS its target is next.
//!
//! The service of the client's connection answers each request by itself, and the client's task polls it under the
//! deadline of the phase it is in; both share an [`Arrival`].
//!
//! Files and pages are no session: they are no client of `--once`, and a signal lets the one under way go on
//! within `--grace`. Everything before the session has a deadline, and gives its place up when others need it.

use super::{
    Outcome,
    hub::Hub,
    newcomers::Newcomer,
    redial,
    serve::{Accepted, Behind, REST, Served, Shared},
};
use crate::{
    endpoint::{self, ClientInfo, EXHAUSTED, Greeting, OpenedLink, Opening, Role},
    exit::Exit,
    fault::{Fault, Result},
    handshake::{
        ServerOptions, logged,
        server::{self, Ended, FAREWELL, Handshake, Head, HttpConnection, Refusal, ReplyLine, RequestKind},
    },
    link::{
        Channel, Datagrams, Port, Texts,
        room::{Member, Room, Speaker},
    },
    net::{Dialed, OnSpare},
    observe::{LogScope, Reporter},
    session::{Side, SourceEnd},
    site::{Answer, Site},
    tls::{NO_TLS, Unsecured},
};
use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::Poll,
    time::Duration,
};
use tokio::{
    sync::{OnceCell, OwnedSemaphorePermit},
    time::{Instant, sleep_until, timeout_at},
};

/// Connections are kept for further requests while as many more clients find room: a browser opens six
/// for files and one for its socket.
const ROOM: usize = 8;

/// Text of the 503 when all places are taken.
const FULL: &str = "too many connections";

/// Time for a client to hear that descriptors are used up; others wait for the same place.
const TOLD: Duration = Duration::from_millis(100);

/// Text of the 400 for plain HTTP where TLS is spoken.
const PLAIN: &str =
    "The plain HTTP request was sent to HTTPS port: write https:// or wss:// in place of http:// or ws://";

/// A client and its target, both open.
struct Joined {
    a: OpenedLink,
    b: OpenedLink,
    /// More for the line of the log.
    about: String,
    /// Makes room for others while the session has next to nothing.
    newcomer: Option<Newcomer>,
    _permit: OwnedSemaphorePermit,
}

impl Shared {
    /// Serves one client; one that asks for nothing has its place already, and loses it while it is silent.
    pub(super) async fn client(
        &self,
        accepted: Accepted,
        newcomer: Newcomer,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Served {
        let peer = accepted.peer();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = if peer.is_empty() { format!("#{number}") } else { format!("#{number} {peer}") };
        let client = ClientInfo { conn: number, peer, ..ClientInfo::default() };
        let scope = self.run.context.log_scope(Some(number), 'A');
        let joined = match (&self.greeting, accepted) {
            (Some(greeting), Accepted::Stream(dialed)) => {
                on_heap(|| self.receive(greeting, dialed, newcomer, &name, client, &scope)).await
            }
            (_, accepted) => {
                on_heap(|| self.receive_plain(accepted, newcomer, permit, &name, client, &scope)).await
            }
        };
        let Joined { a, b, about, mut newcomer, _permit } = joined?;
        let reporter = &self.run.context.reporter;
        reporter.life(&format!("{name} open{about}"));
        let cut = Cut::new(reporter, &name);
        let pair = on_heap(|| self.run.pair(a, b, true, Some(number)));
        let outcome = tokio::select! {
            biased;
            outcome = pair => outcome,
            () = evicted(&mut newcomer) => {
                cut.ended();
                reporter.life(&format!("{name} close 1006 abnormal: it said next to nothing, and others needed the room"));
                return None;
            }
        };
        cut.ended();
        if let Behind::Hub(_, hub) = &self.behind
            && let Some(hub) = hub.get()
        {
            hub.tell_end(number, &outcome.tally(Side::A));
        }
        if let Behind::Endpoint(endpoint) = &self.behind
            && endpoint.is_standard()
        {
            self.run.tell_end(Some(number), &outcome.tally(Side::A)).await;
        }
        // The close code does not tell these causes, so they get a line of their own.
        let is_logged = |fault: &&Fault| matches!(fault.exit, Exit::Command | Exit::Refused | Exit::BadInput);
        if let Some(fault) = outcome.fault.as_ref().filter(is_logged) {
            reporter.life(&format!("{name} {}: {}", fault.phase, fault.cause));
        }
        if let Some(fault) = outcome.fault.as_ref().filter(|fault| fault.phase == "script" && !self.once) {
            fault.to_string().lines().for_each(|line| reporter.life(&format!("{name} {line}")));
        }
        reporter.life(&format!("{name} close {}", outcome.summary(Side::A)));
        self.advise(&name, &outcome);
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).add(&outcome);
        Some(outcome)
    }

    /// Waits for a client's first byte, then does TLS where it is spoken; `None` when it is not let in.
    async fn begin(
        &self,
        mut dialed: Dialed,
        name: &str,
        until: Instant,
        newcomer: &mut Newcomer,
        scope: &LogScope,
    ) -> Option<Dialed> {
        let run = &self.run;
        let peer = dialed.peer.clone();
        let stream = &mut dialed.stream;
        let heard = poll_fn(move |cx| {
            stream.beneath().socket.map_or(Poll::Ready(()), |socket| socket.poll_readable(cx))
        });
        tokio::select! {
            () = heard => newcomer.spoke(),
            // It is told below that it was silent.
            () = sleep_until(until) => {}
            () = newcomer.evicted() => return None,
            _ = run.over("listen") => return None,
        }
        // A server that ends does not wait for clients that are not in yet.
        let begun = tokio::select! {
            begun = self.secure(dialed, until, scope) => begun,
            () = newcomer.evicted() => return None,
            _ = run.over("listen") => return None,
        };
        begun.map_err(|refusal| self.refused(&refusal, name, &peer, scope)).ok()
    }

    /// Does TLS with a client, where it is spoken.
    ///
    /// # Errors
    /// Why the client is not let in.
    async fn secure(&self, dialed: Dialed, until: Instant, scope: &LogScope) -> Result<Dialed, Refusal> {
        let Some(tls) = &self.tls else { return Ok(dialed) };
        let cause = match (tls.accept_until(dialed.stream, until).await, &self.greeting) {
            (Ok(stream), _) => return Ok(Dialed { stream, peer: dialed.peer }),
            (Err(Unsecured::Silent), _) => return Err(Refusal::silent()),
            (Err(Unsecured::Plain(stream)), Some(_)) => {
                // Few clients come here, and all would have room for it.
                let refusing = Box::pin(server::refuse_any(logged(scope, stream, true), 400, PLAIN, until));
                return Err(match refusing.await {
                    Ok(target) => {
                        let cause = "plain HTTP, and TLS is served here: connect to wss:// or https://";
                        Refusal::new(400, cause, target)
                    }
                    Err(refusal) if refusal.status == 408 => {
                        let cause = "the handshake of TLS did not begin within --handshake-timeout";
                        Refusal::new(408, cause, String::new())
                    }
                    Err(refusal) => refusal,
                });
            }
            (Err(Unsecured::Plain(_)), None) => NO_TLS.to_owned(),
            (Err(Unsecured::Failed(cause)), _) => cause,
        };
        Err(Refusal::new(0, &format!("tls: {cause}"), String::new()))
    }

    /// Serves a client's requests until one is answered with 101, and joins it to the target.
    ///
    /// A client is a newcomer until its request is here: then it has a place, or is refused.
    async fn receive(
        &self,
        greeting: &Greeting,
        dialed: Dialed,
        mut newcomer: Newcomer,
        name: &str,
        client: ClientInfo,
        scope: &LogScope,
    ) -> Option<Joined> {
        let rules = greeting.rules(&dialed.peer);
        let reporter = &self.run.context.reporter;
        let until = Instant::now() + rules.handshake_timeout;
        let Dialed { stream, peer } = self.begin(dialed, name, until, &mut newcomer, scope).await?;
        let phase = Mutex::new(Phase::new(newcomer, until));
        let arrival = Arrival { server: self, greeting, rules, name, client, phase };
        let mut http =
            HttpConnection::new(logged(scope, stream, true), |head| Box::pin(arrival.respond(head)));
        let upgrade = loop {
            let answered = tokio::select! {
                // The service changes the phase, whose time is looked at after that.
                biased;
                answered = http.answered() => Some(answered),
                is_late = arrival.over() => match is_late {
                    true => None,
                    false => return None,
                },
            };
            let step = std::mem::take(&mut arrival.phase().step);
            match (step, answered) {
                // Browsers connect in advance, and keep a connection for what may come.
                (Step::Asking, _) if rules.site.is_some() && !http.heard() => {
                    http.leave().await;
                    return None;
                }
                (Step::Asking, Some(Err(Ended::Unasked(refusal)))) => {
                    http.refuse(&refusal).await;
                    self.refused(&refusal, name, &peer, scope);
                    return None;
                }
                (Step::Asking, _) => {
                    http.refuse_raw(408, "no request came in time").await;
                    let refusal = Refusal::new(408, "no request within --handshake-timeout", String::new());
                    self.refused(&refusal, name, &peer, scope);
                    return None;
                }
                (Step::Refused, _) => {
                    http.leave().await;
                    return None;
                }
                (Step::Replying(line, keep), answered) => {
                    let answered = answered?;
                    reporter.life(&format!("{name} {}", line.text(&answered)));
                    if !keep || answered.is_err() {
                        return None;
                    }
                    // It was in while it was answered, and is a newcomer again until its next request.
                    let newcomer = self.newcomers.enter(Arc::default()).0;
                    *arrival.phase() = Phase::new(newcomer, Instant::now() + rules.handshake_timeout);
                }
                (Step::Upgrading(upgrade), Some(Ok(()))) => break upgrade,
                (Step::Upgrading(_) | Step::Opening, answered) => {
                    let cause = match answered {
                        Some(_) => "the client left before it was answered",
                        None => "the client does not read its answer",
                    };
                    let target = &arrival.phase().target;
                    reporter.life(&format!("{name} lost {target}: {cause}"));
                    self.unchoose();
                    return None;
                }
            }
        };
        let Upgrade { handshake, url, about, target } = *upgrade;
        let upgraded = handshake.upgraded(http);
        if let Some(agreed) = upgraded.deflate {
            reporter.verbose(&format!("{name} {agreed}"));
        }
        let b = match target {
            Target::Open(b) => b,
            Target::Late(opening) => tokio::select! {
                opened = self.behind(opening) => opened.unwrap_or_else(|fault| self.ended(fault)),
                _ = self.run.over("listen") => return None,
            },
        };
        let a = endpoint::accepted(upgraded, &self.run.context, scope, peer, &url);
        let _permit = arrival.phase().permit.take()?;
        Some(Joined { a, b, about, newcomer: None, _permit })
    }

    /// A link in place of a target that could not be opened after the 101: it closes the WebSocket with the cause.
    fn ended(&self, fault: Fault) -> OpenedLink {
        self.fault(&fault);
        let how = match fault.exhausted {
            true => SourceEnd::SentAway { reason: EXHAUSTED.into() },
            false => SourceEnd::Failed(fault),
        };
        OpenedLink::new(Box::new(Channel::ended(how)), "-".into())
    }

    /// Does TLS with a client of a stream server, finds a place for it, and joins it to the target.
    async fn receive_plain(
        &self,
        mut accepted: Accepted,
        mut newcomer: Newcomer,
        mut permit: Option<OwnedSemaphorePermit>,
        name: &str,
        client: ClientInfo,
        scope: &LogScope,
    ) -> Option<Joined> {
        if permit.is_none()
            && let Accepted::Stream(dialed) = accepted
        {
            let until = Instant::now() + self.run.common().server.handshake.handshake_timeout;
            let dialed = self.begin(dialed, name, until, &mut newcomer, scope).await?;
            drop(newcomer);
            let (client, entered, place) = self.seat(Accepted::Stream(dialed))?;
            (accepted, newcomer, permit) = (client, entered, place.await);
        }
        // A server that ends does not wait for clients that are not in yet.
        let (a, b) = tokio::select! {
            opened = self.join_plain(accepted, name, client) => opened?,
            () = newcomer.evicted() => {
                self.unchoose();
                return None;
            }
            _ = self.run.over("listen") => return None,
        };
        Some(Joined { a, b, about: String::new(), newcomer: Some(newcomer), _permit: permit? })
    }

    /// Tells of a client that is not let in; of those that said nothing, seldom and of all together.
    fn refused(&self, refusal: &Refusal, name: &str, peer: &str, scope: &LogScope) {
        match refusal.is_silent {
            true => {
                scope.reporter.verbose(&format!("{peer} {}", refusal.cause));
                self.silent.note(peer);
            }
            false => self.tell_refused(refusal, name),
        }
    }

    fn tell_refused(&self, refusal: &Refusal, name: &str) {
        let status = if refusal.status == 0 { String::new() } else { format!(" {}", refusal.status) };
        let target = match refusal.target.as_str() {
            "" => String::new(),
            target => format!(" {}", self.run.context.redactor.url(target)),
        };
        self.run.context.reporter.life(&format!("{name} refused{status}{target}: {}", refusal.cause));
    }

    async fn join_plain(
        &self,
        accepted: Accepted,
        name: &str,
        client: ClientInfo,
    ) -> Option<(OpenedLink, OpenedLink)> {
        if !self.choose() {
            self.lose(accepted.waiting());
            return None;
        }
        let (context, far) = (&self.run.context, accepted.peer());
        match self.behind(Opening { client: Some(client), ..Opening::new(Role::B) }).await {
            Ok(mut b) => {
                let name = name.to_owned();
                let a = match accepted {
                    Accepted::Stream(dialed) => {
                        let texts = Texts { input: name.clone(), output: name };
                        context.bytes(Port::Stream(dialed.stream), texts)
                    }
                    Accepted::Peer(peer) => {
                        if let Some(member) = b.link.as_kind_mut::<Member>() {
                            member.speak_for(Speaker::Live);
                        }
                        let rules = context.datagrams(context.common.server.peer_idle);
                        Box::new(Datagrams::peer(peer, name, rules).reported_by(context.reporter.clone()))
                    }
                };
                Some((OpenedLink::new(a, far), b))
            }
            Err(fault) => {
                self.fault(&fault);
                context.reporter.life(&format!("{name} refused: {}: {}", fault.phase, fault.cause));
                self.unchoose();
                if let Accepted::Peer(_) = &accepted {
                    tokio::time::sleep(REST).await;
                }
                self.lose(accepted.waiting());
                None
            }
        }
    }

    async fn behind(&self, opening: Opening) -> Result<OpenedLink> {
        match &self.behind {
            Behind::Endpoint(endpoint) => redial::open(&self.run, endpoint, opening).await,
            Behind::Hub(room, hub) => {
                let conn = opening.client.map_or(0, |client| client.conn);
                let link = self.hub(room, hub).await?.join(conn);
                Ok(OpenedLink::new(link, "-".into()))
            }
        }
    }

    /// The hub, which the first who asks makes.
    pub(super) async fn hub<'a>(&self, room: &Arc<Room>, hub: &'a OnceCell<Hub>) -> Result<&'a Hub> {
        hub.get_or_try_init(|| async { Hub::start(&self.run, Arc::clone(room), self.broken.clone()) }).await
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

    /// Tells what may help against a cut or a Close after a long silence; seldom, since an idle client meets
    /// it again and again. With `--once` the fault of a cut tells it already.
    fn advise(&self, name: &str, outcome: &Outcome) {
        let lost = outcome.fault.as_ref().filter(|fault| fault.exit == Exit::Lost && !self.once);
        let words = match (lost.and_then(|fault| fault.hint.as_ref()), &outcome.idle_close) {
            (Some(hint), _) => format!("try: {hint}"),
            (None, Some([why, hint])) => format!("{why}; try: {hint}"),
            (None, None) => return,
        };
        if self.cut.count().is_some() {
            self.run.context.reporter.life(&format!("{name} {words}"));
        }
    }

    /// Tells of a fault; seldom when something is used up, since every client that comes meets it.
    fn fault(&self, fault: &Fault) {
        if !fault.exhausted {
            self.run.context.reporter.fault(fault);
        } else if let Some(count) = self.exhausted.count() {
            self.run.context.reporter.fault(fault);
            self.run.context.reporter.note(&format!("that happened {count} times since it was last said"));
        }
    }

    /// Tells a client that descriptors are used up, where that can be told; it stands in place of the spare one.
    pub(super) async fn turn_away(&self, dialed: Dialed, place: OnSpare) -> Served {
        let until = Instant::now() + TOLD;
        let scope = self.run.context.log_scope(None, 'A');
        let answering = async {
            let Dialed { stream, .. } = self.secure(dialed, until, &scope).await.ok()?;
            self.greeting.as_ref()?;
            server::refuse_any(logged(&scope, stream, true), 503, EXHAUSTED, until).await.ok()
        };
        let _ = timeout_at(until, answering).await;
        drop(place);
        None
    }
}

/// A client of WebSockets on its way in: the service of its connection and the owner of that share it.
struct Arrival<'a> {
    server: &'a Shared,
    greeting: &'a Greeting,
    rules: &'a ServerOptions,
    name: &'a str,
    client: ClientInfo,
    phase: Mutex<Phase>,
}

/// A client's last request and the time it has for what it has to do next.
struct Phase {
    /// Makes room for others, until the request has a place.
    newcomer: Option<Newcomer>,
    permit: Option<OwnedSemaphorePermit>,
    until: Instant,
    step: Step,
    /// The target of a request for a WebSocket, for the log.
    target: String,
}

/// The step of a request on its way to its answer.
#[derive(Default)]
enum Step {
    /// It is awaited.
    #[default]
    Asking,
    /// It is answered with a refusal, the last answer.
    Refused,
    /// It is answered with a file or page; the connection is kept where that says so.
    Replying(ReplyLine, bool),
    /// The target is opened for it.
    Opening,
    /// It is answered with 101.
    Upgrading(Box<Upgrade>),
}

/// A WebSocket that is answered with 101.
struct Upgrade {
    handshake: Handshake,
    url: String,
    /// More for the line of the log.
    about: String,
    target: Target,
}

/// The other side of a WebSocket.
enum Target {
    Open(OpenedLink),
    /// Hubs and commands refuse no client, so they are joined only after the 101, when it is really there.
    Late(Opening),
}

impl Phase {
    /// A request is awaited until then.
    fn new(newcomer: Newcomer, until: Instant) -> Self {
        let (step, target) = (Step::Asking, String::new());
        Self { newcomer: Some(newcomer), permit: None, until, step, target }
    }
}

impl Arrival<'_> {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the client has to go: `true` when its time is over, `false` when others need the room or the
    /// server ends.
    ///
    /// A download may take its time as long as the client reads, and the target has a limit of its own.
    async fn over(&self) -> bool {
        let mut ends = self.server.run.over("listen");
        let mut sleep = pin!(sleep_until(self.phase().until));
        poll_fn(|cx| {
            let mut phase = self.phase();
            if matches!(phase.step, Step::Replying(..)) {
                return Poll::Pending;
            }
            let evicted = phase.newcomer.as_mut().map(|newcomer| newcomer.poll_evicted(cx));
            if evicted.is_some_and(|evicted| evicted.is_ready()) || ends.as_mut().poll(cx).is_ready() {
                return Poll::Ready(false);
            }
            if matches!(phase.step, Step::Opening) {
                return Poll::Pending;
            }
            if sleep.deadline() != phase.until {
                sleep.as_mut().reset(phase.until);
            }
            sleep.as_mut().poll(cx).map(|()| true)
        })
        .await
    }

    /// Answers a request: it is held against the rules, and finds a place.
    async fn respond(&self, mut head: Head) -> Answer {
        let kind = match server::validate(&mut head, self.rules, self.greeting.is_secure()) {
            Ok(kind) => kind,
            Err(rejection) => {
                let refusal = rejection.refusal(server::target(&head));
                self.server.tell_refused(&refusal, self.name);
                return self.refuse(rejection.into_answer());
            }
        };
        let Ok(permit) = Arc::clone(&self.server.permits).try_acquire_owned() else {
            self.say("refused 503: too many connections (--max-connections)");
            return self.refuse(server::refuse(503, FULL));
        };
        let keep = permit.semaphore().available_permits() >= ROOM;
        {
            let mut phase = self.phase();
            (phase.newcomer, phase.permit) = (None, Some(permit));
        }
        match kind {
            RequestKind::Plain(site) => self.reply(&head, site, keep).await,
            RequestKind::WebSocket(request, key) => self.join(Handshake::new(request, key, self.rules)).await,
        }
    }

    /// Answers with a file or a page.
    async fn reply(&self, head: &Head, site: &Site, keep: bool) -> Answer {
        let line = ReplyLine::new(head, &self.server.run.context.redactor);
        self.phase().step = Step::Replying(line.clone(), keep);
        let (answer, line) = line.reply(head, site, self.rules, keep).await;
        self.phase().step = Step::Replying(line, keep);
        answer
    }

    /// Opens the target of a WebSocket, and answers 101 or passes on why that cannot be.
    async fn join(&self, mut handshake: Handshake) -> Answer {
        let Self { server, greeting, rules, .. } = *self;
        let context = &server.run.context;
        if !server.choose() {
            return self.refuse(server::refuse(503, "this server serves one client"));
        }
        let request = &handshake.request;
        let target = match &request.query {
            Some(query) => format!("{}?{query}", request.path),
            None => request.path.clone(),
        };
        let url = format!("{}://{}{target}", greeting.scheme(), request.host);
        let target = context.redactor.url(&target);
        {
            let mut phase = self.phase();
            (phase.step, phase.target) = (Step::Opening, target.clone());
        }
        let relays = matches!(&server.behind, Behind::Endpoint(endpoint) if endpoint.is_web_socket());
        let mut chosen = server::choose_subprotocol(rules, request);
        let client = ClientInfo {
            request: Some((**request).clone()),
            subprotocol: chosen.clone(),
            ..self.client.clone()
        };
        let subprotocols = relays.then(|| request.subprotocols.clone());
        let opening = Opening { subprotocols, client: Some(client), ..Opening::new(Role::B) };
        let b = match &server.behind {
            Behind::Endpoint(endpoint) if !endpoint.is_command() => match server.behind(opening).await {
                Ok(opened) => Target::Open(opened),
                Err(fault) => return self.pass_on(fault, &target),
            },
            _ => Target::Late(opening),
        };
        if let (true, Target::Open(b)) = (relays, &b) {
            chosen = b.facts.subprotocol.clone();
        }
        let about = format!(" {target}{}", context.chosen(" subprotocol ", chosen.as_deref()));
        let answer = handshake.accept(chosen, rules);
        self.phase().step = Step::Upgrading(Box::new(Upgrade { handshake, url, about, target: b }));
        answer
    }

    /// Refuses a client whose target cannot be opened; a WebSocket's own refusal is passed on.
    fn pass_on(&self, mut fault: Fault, target: &str) -> Answer {
        self.server.fault(&fault);
        let (status, answer) = match fault.answer.take() {
            Some(answer) => (answer.status, server::passed_on(*answer)),
            None if fault.exhausted => (503, server::refuse(503, EXHAUSTED)),
            None => (502, server::refuse(502, "the target cannot be reached")),
        };
        self.say(&format!("refused {status} {target}: {}: {}", fault.phase, fault.cause));
        self.server.unchoose();
        self.refuse(answer)
    }

    /// Gives an answer that nothing comes after, and time to read it.
    fn refuse(&self, answer: Answer) -> Answer {
        let mut phase = self.phase();
        phase.step = Step::Refused;
        phase.until = phase.until.max(Instant::now() + FAREWELL);
        answer
    }

    fn say(&self, text: &str) {
        self.server.run.context.reporter.life(&format!("{} {text}", self.name));
    }
}

/// A step of a client on the heap, made in a frame of its own: while its session runs a client keeps
/// nothing of the steps before, and no poll of it walks through the memory that only they need.
#[inline(never)]
fn on_heap<'a, F>(step: impl FnOnce() -> F) -> Pin<Box<dyn Future<Output = F::Output> + Send + 'a>>
where
    F: Future + Send + 'a,
{
    Box::pin(step())
}

/// Ready when others need its place; never once it has one of its own.
async fn evicted(newcomer: &mut Option<Newcomer>) {
    match newcomer {
        Some(newcomer) => newcomer.evicted().await,
        None => std::future::pending().await,
    }
}

/// Says that a session was cut off, unless it ended.
struct Cut<'a> {
    reporter: &'a Reporter,
    name: &'a str,
    ended: bool,
}

impl<'a> Cut<'a> {
    fn new(reporter: &'a Reporter, name: &'a str) -> Self {
        Self { reporter, name, ended: false }
    }

    /// It ended by itself.
    fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.reporter
                .life(&format!("{} close 1006 abnormal: cut off, its time (--grace) was over", self.name));
        }
    }
}
