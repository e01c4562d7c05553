//! One client of a server, from its first byte to the last line of the log about it.
//!
//! The way of a client, in the order of this file: it is heard, and TLS is done with it; its requests are read and
//! held against the rules, files and pages are answered, until one asks for a WebSocket and finds a place; the
//! target is opened; the request is answered with 101 or refused; the pair runs. A client of a stream server asks
//! for nothing, so that after TLS its target is next.
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
    handshake::server::{self, Asked, Handshake, Refusal},
    link::{
        Channel, Datagrams, Port, Texts,
        room::{Member, Room, Speaker},
    },
    net::{Dialed, OnSpare},
    observe::{LogScope, Reporter},
    session::{Side, SourceEnd},
    tls::{NO_TLS, Unsecured},
};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, PoisonError, atomic::Ordering},
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

/// A client that is to be joined to the target.
enum Came<'a> {
    /// A client that asked for a WebSocket.
    Asks(&'a Greeting, Box<Handshake>),
    /// A client that asks for nothing.
    Plain(Accepted),
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
        let client = ClientInfo { conn: number, peer: peer.clone(), ..ClientInfo::default() };
        let scope = self.run.context.log_scope(Some(number), 'A');
        let (came, mut newcomer, _permit) = match (&self.greeting, accepted) {
            (Some(greeting), Accepted::Stream(dialed)) => {
                let receives = || self.receive(greeting, dialed, &name, newcomer, &scope);
                let (handshake, permit) = on_heap(receives).await?;
                (Came::Asks(greeting, handshake), None, Some(permit))
            }
            (None, Accepted::Stream(dialed)) if self.tls.is_some() => {
                let receives = || self.receive_bytes(dialed, &name, newcomer, &scope);
                let (accepted, newcomer, permit) = on_heap(receives).await?;
                (Came::Plain(accepted), Some(newcomer), Some(permit))
            }
            (_, accepted) => (Came::Plain(accepted), Some(newcomer), permit),
        };
        let opened = on_heap(|| async {
            match came {
                Came::Asks(greeting, handshake) => {
                    self.greet(greeting, *handshake, &name, client, &scope).await
                }
                Came::Plain(accepted) => self.join_plain(accepted, &name, client).await,
            }
        });
        // A server that ends does not wait for clients that are not in yet.
        let (a, b, about) = tokio::select! {
            opened = opened => opened?,
            () = evicted(&mut newcomer) => {
                self.unchoose();
                return None;
            }
            _ = self.run.over("listen") => return None,
        };
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
            (Err(Unsecured::Plain(stream)), Some(greeting)) => {
                return Err(greeting.refuse_plain(stream, until, scope).await);
            }
            (Err(Unsecured::Plain(_)), None) => NO_TLS.to_owned(),
            (Err(Unsecured::Failed(cause)), _) => cause,
        };
        Err(Refusal::unanswered(format!("tls: {cause}")))
    }

    /// Answers a client's plain requests; gives its request for a WebSocket and a place for it, if one comes.
    ///
    /// A client is a newcomer until its request is here: then it has a place, or is refused.
    async fn receive(
        &self,
        greeting: &Greeting,
        dialed: Dialed,
        name: &str,
        mut newcomer: Newcomer,
        scope: &LogScope,
    ) -> Option<(Box<Handshake>, OwnedSemaphorePermit)> {
        let run = &self.run;
        let place = || Arc::clone(&self.permits).try_acquire_owned().ok();
        let reporter = &run.context.reporter;
        let peer = dialed.peer.clone();
        let refused = |refusal: Refusal| self.refused(&refusal, name, &peer, scope);
        let soon = || Instant::now() + greeting.options().handshake_timeout;
        let mut until = soon();
        let client = self.begin(dialed, name, until, &mut newcomer, scope).await?;
        let mut visit = greeting.visit(client, scope);
        loop {
            let asked = tokio::select! {
                asked = visit.asked(until) => asked,
                () = newcomer.evicted() => return None,
                _ = run.over("listen") => return None,
            };
            match asked.map_err(refused).ok()? {
                Asked::Socket(handshake) => match place() {
                    Some(permit) => return Some((handshake, permit)),
                    None => {
                        reporter
                            .life(&format!("{name} refused 503: too many connections (--max-connections)"));
                        tokio::select! {
                            () = handshake.refuse(503, FULL) => {}
                            () = newcomer.evicted() => {}
                        }
                        return None;
                    }
                },
                Asked::Nothing => return None,
                Asked::Plain(plain) => {
                    let Some(permit) = place() else {
                        reporter
                            .life(&format!("{name} refused 503: too many connections (--max-connections)"));
                        tokio::select! {
                            () = plain.refuse(503, FULL, until) => {}
                            () = newcomer.evicted() => {}
                        }
                        return None;
                    };
                    // It is in while it is answered, and a newcomer again until its next request.
                    drop(newcomer);
                    let keep = permit.semaphore().available_permits() >= ROOM;
                    let (line, rest) = plain.answer(keep).await;
                    // METHOD TARGET and what became of it.
                    let words: Vec<_> = line.splitn(3, ' ').collect();
                    let shown = match words[..] {
                        [method, target, rest] => {
                            format!("{method} {} {rest}", run.context.redactor.url(target))
                        }
                        _ => line,
                    };
                    reporter.life(&format!("{name} {shown}"));
                    visit = rest?;
                    until = soon();
                    newcomer = self.newcomers.enter(Arc::default()).0;
                }
            }
        }
    }

    /// Does TLS with a client of a stream server; gives the client and its place, if it comes so far.
    async fn receive_bytes(
        &self,
        dialed: Dialed,
        name: &str,
        mut newcomer: Newcomer,
        scope: &LogScope,
    ) -> Option<(Accepted, Newcomer, OwnedSemaphorePermit)> {
        let until = Instant::now() + self.run.common().server.handshake.handshake_timeout;
        let client = self.begin(dialed, name, until, &mut newcomer, scope).await?;
        drop(newcomer);
        let (accepted, newcomer, place) = self.seat(Accepted::Stream(client))?;
        Some((accepted, newcomer, place.await?))
    }

    /// Tells of a client that is not let in; of those that said nothing, seldom and of all together.
    fn refused(&self, refusal: &Refusal, name: &str, peer: &str, scope: &LogScope) {
        if refusal.is_silent {
            scope.reporter.verbose(&format!("{peer} {}", refusal.cause));
            return self.silent.note(peer);
        }
        let status = if refusal.status == 0 { String::new() } else { format!(" {}", refusal.status) };
        let target = match refusal.target.as_str() {
            "" => String::new(),
            target => format!(" {}", self.run.context.redactor.url(target)),
        };
        self.run.context.reporter.life(&format!("{name} refused{status}{target}: {}", refusal.cause));
    }

    async fn greet(
        &self,
        greeting: &Greeting,
        handshake: Handshake,
        name: &str,
        mut client: ClientInfo,
        scope: &LogScope,
    ) -> Option<(OpenedLink, OpenedLink, String)> {
        let context = &self.run.context;
        let reporter = &context.reporter;
        if !self.choose() {
            handshake.refuse(503, "this server serves one client").await;
            return None;
        }
        let request = handshake.request();
        let target = match &request.query {
            Some(query) => format!("{}?{query}", request.path),
            None => request.path.clone(),
        };
        let url = format!("{}://{}{target}", greeting.scheme(), request.host);
        let target = context.redactor.url(&target);
        let relays = matches!(&self.behind, Behind::Endpoint(endpoint) if endpoint.is_web_socket());
        let subprotocols = relays.then(|| request.subprotocols.clone());
        let mut chosen = server::choose_subprotocol(greeting.options(), request);
        client.request = Some(request.clone());
        client.subprotocol = chosen.clone();
        let peer = client.peer.clone();
        let opening = Opening { subprotocols, client: Some(client), ..Opening::new(Role::B) };
        // Hubs and commands refuse no client, so they are joined only after the 101, when it is really there.
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
        if let Some(agreed) = upgraded.deflate {
            reporter.verbose(&format!("{name} {agreed}"));
        }
        let b = match (b, opening) {
            (Some(b), _) => b,
            (None, opening) => match self.behind(opening.unwrap_or(Opening::new(Role::B))).await {
                Ok(b) => b,
                // The client's WebSocket is open already, so it is closed with the cause.
                Err(fault) => {
                    let how = match fault.exhausted {
                        true => SourceEnd::SentAway { reason: EXHAUSTED.into() },
                        false => SourceEnd::Failed(fault.clone()),
                    };
                    self.fault(&fault);
                    OpenedLink::new(Box::new(Channel::ended(how)), "-".into())
                }
            },
        };
        let about = format!(" {target}{}", context.chosen(" subprotocol ", chosen.as_deref()));
        Some((endpoint::accepted(upgraded, context, scope, peer, &url), b, about))
    }

    /// Refuses a client whose target cannot be opened; a WebSocket's own refusal is passed on.
    async fn refuse(&self, handshake: Handshake, fault: Fault, said: &str, target: &str) {
        let reporter = &self.run.context.reporter;
        self.fault(&fault);
        let without = if fault.exhausted { 503 } else { 502 };
        let status = fault.answer.as_ref().map_or(without, |answer| answer.status);
        reporter.life(&format!("{said} {status} {target}: {}: {}", fault.phase, fault.cause));
        match fault.answer {
            Some(answer) => handshake.pass_on(*answer).await,
            None if fault.exhausted => handshake.refuse(503, EXHAUSTED).await,
            None => handshake.refuse(502, "the target cannot be reached").await,
        }
        self.unchoose();
    }

    async fn join_plain(
        &self,
        accepted: Accepted,
        name: &str,
        client: ClientInfo,
    ) -> Option<(OpenedLink, OpenedLink, String)> {
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
                Some((OpenedLink::new(a, far), b, String::new()))
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
            let greeting = self.greeting.as_ref()?;
            let secured = self.secure(dialed, until, &scope).await.ok()?;
            match greeting.visit(secured, &scope).asked(until).await.ok()? {
                Asked::Socket(handshake) => handshake.refuse(503, EXHAUSTED).await,
                Asked::Plain(plain) => plain.refuse(503, EXHAUSTED, until).await,
                Asked::Nothing => {}
            }
            Some(())
        };
        let _ = timeout_at(until, answering).await;
        drop(place);
        None
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
