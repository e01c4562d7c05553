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
    client_end::Cut,
    newcomers::Newcomer,
    redial,
    serve::{Accepted, Behind, REST, Served, Shared},
    trim,
};
use crate::{
    endpoint::{self, ClientInfo, EXHAUSTED, Greeting, OpenedLink, Opening, Role},
    fault::{Fault, Result},
    handshake::{
        ServerOptions, logged,
        server::{
            self, Answering, Ended, FAREWELL, Handshake, Head, HttpConnection, Milestone, Refusal, ReplyLine,
            RequestKind,
        },
    },
    link::{
        Channel, Datagrams, Port, Texts,
        room::{Member, Speaker},
    },
    net::{Dialed, OnSpare},
    observe::LogScope,
    session::SourceEnd,
    site::{Answer, Site},
    tls::{NO_TLS, Unsecured},
};
use std::{
    future::{poll_fn, ready},
    mem::{forget, take},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::Poll,
    time::Duration,
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until, timeout_at},
};

/// Connections are kept for further requests while as many more clients find room: a browser opens six
/// for files and one for its socket.
const ROOM: usize = 8;

/// Time for a client to hear that descriptors are used up; others wait for the same place.
const TOLD: Duration = Duration::from_millis(100);

/// A client as its task knows it from the start.
struct ServedClient {
    number: u64,
    /// Number and peer, as the log names it.
    name: String,
    peer: String,
    scope: LogScope,
}

/// A client and its target, both open.
struct Joined {
    a: OpenedLink,
    b: OpenedLink,
    /// More for the line of the log.
    about: String,
    /// Makes room for others while the session has next to nothing.
    newcomer: Option<Newcomer>,
    permit: OwnedSemaphorePermit,
}

impl ServedClient {
    /// All that an endpoint is told of it before a request.
    fn info(&self) -> ClientInfo {
        ClientInfo { conn: self.number, peer: self.peer.clone(), ..ClientInfo::default() }
    }
}

impl Shared {
    /// Serves one client; one that asks for nothing has its place already, and loses it while it is silent.
    pub(super) async fn client(
        &self,
        accepted: Accepted,
        newcomer: Newcomer,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Served {
        let (peer, number) = (accepted.peer(), self.next.fetch_add(1, Ordering::Relaxed));
        let name = if peer.is_empty() { format!("#{number}") } else { format!("#{number} {peer}") };
        let scope = self.run.context.log_scope(Some(number), 'A');
        let client = ServedClient { number, name, peer, scope };
        // Nothing of a step outlives it here: this future is what a client that says nothing costs.
        let (pair, mut newcomer, _permit) = self.open_pair(
            &client,
            match (&self.greeting, accepted) {
                (Some(greeting), Accepted::Stream(dialed)) => {
                    on_heap(|| self.receive(greeting, dialed, newcomer, &client)).await?
                }
                (_, accepted) => on_heap(|| self.receive_plain(accepted, newcomer, permit, &client)).await?,
            },
        );
        let (reporter, name) = (&self.run.context.reporter, &client.name);
        let cut = Cut(reporter, name);
        let parted = tokio::select! {
            biased;
            outcome = pair => on_heap(|| self.parted(name, number, outcome)),
            () = evicted(&mut newcomer) => {
                forget(cut);
                reporter.life(&format!("{name} close 1006 abnormal: it said next to nothing, and others needed the room"));
                trim::later();
                return None;
            }
        };
        forget(cut);
        let outcome = parted.await;
        trim::later();
        Some(outcome)
    }

    /// Runs a client and its target, which are both open.
    fn open_pair<'a>(
        &'a self,
        client: &ServedClient,
        joined: Joined,
    ) -> (OnHeap<'a, Outcome>, Option<Newcomer>, OwnedSemaphorePermit) {
        let Joined { a, b, about, newcomer, permit } = joined;
        self.run.context.reporter.life(&format!("{} open{about}", client.name));
        (on_heap(|| self.run.pair(a, b, true, Some(client.number))), newcomer, permit)
    }

    /// Waits for a client's first byte, then does TLS where it is spoken; `None` when it is not let in.
    async fn begin(
        &self,
        mut dialed: Dialed,
        until: Instant,
        newcomer: &mut Newcomer,
        client: &ServedClient,
    ) -> Option<Dialed> {
        let run = &self.run;
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
            begun = self.secure(dialed, until, &client.scope) => begun,
            () = newcomer.evicted() => return None,
            _ = run.over("listen") => return None,
        };
        begun.map_err(|refusal| self.refused(&refusal, client)).ok()
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
                return Err(Box::pin(server::refuse_plain(logged(scope, stream, true), until)).await);
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
        client: &ServedClient,
    ) -> Option<Joined> {
        let rules = greeting.rules(&dialed.peer);
        let (reporter, name) = (&self.run.context.reporter, &client.name);
        let late = "no request within --handshake-timeout";
        let mut until = Instant::now() + rules.handshake_timeout;
        let stream = self.begin(dialed, until, &mut newcomer, client).await?.stream;
        let arrival = Arrival { server: self, greeting, rules, client, state: Mutex::default() };
        let stream = logged(&client.scope, stream, true);
        let mut http = HttpConnection::new(stream, |head| arrival.respond(head));
        loop {
            let asked = tokio::select! {
                asked = timeout_at(until, http.until(Milestone::Asked)) => asked,
                () = newcomer.evicted() => return None,
                _ = self.run.over("listen") => return None,
            };
            match asked {
                Ok(Ok(())) => {}
                // Browsers connect in advance, and keep a connection for what may come.
                _ if rules.site.is_some() && !http.heard() => {
                    http.leave().await;
                    return None;
                }
                asked => {
                    let refusal = match asked {
                        Ok(Err(Ended::Unasked(refusal))) => http.refuse(refusal).await,
                        _ => http.time_out("no request came in time", late).await,
                    };
                    self.refused(&refusal, client);
                    return None;
                }
            }
            if !matches!(arrival.state().answer, AnswerKind::Page(..)) {
                break;
            }
            // It is in while it is answered, for as long as it reads, and a newcomer again until its next request.
            drop(newcomer);
            let answered = http.until(Milestone::Answered).await;
            let RequestState { answer: AnswerKind::Page(line, keep), .. } = take(&mut *arrival.state())
            else {
                return None;
            };
            reporter.life(&format!("{name} {}", line.text(&answered)));
            if !keep || answered.is_err() {
                return None;
            }
            newcomer = self.newcomers.enter(Arc::default()).0;
            until = Instant::now() + rules.handshake_timeout;
        }
        let mut newcomer = arrival.state().permit.is_none().then_some(newcomer);
        let answers = async {
            if let Err(lost) = http.until(Milestone::Decided).await {
                return Some(Err(lost));
            }
            let until = until.max(Instant::now() + FAREWELL);
            timeout_at(until, http.until(Milestone::Answered)).await.ok()
        };
        // A client that has its 101 is in, whatever came meanwhile.
        let answered = tokio::select! {
            biased;
            answered = answers => answered,
            () = evicted(&mut newcomer) => return None,
            _ = self.run.over("listen") => return None,
        };
        let state = take(&mut *arrival.state());
        let RequestState { answer: AnswerKind::WebSocket(target, upgrade), permit: Some(permit) } = state
        else {
            http.leave().await;
            return None;
        };
        let (Some(upgrade), Some(Ok(()))) = (upgrade, &answered) else {
            let cause = match answered {
                Some(_) => "the client left before it was answered",
                None => "the client does not read its answer",
            };
            reporter.life(&format!("{name} lost {target}: {cause}"));
            self.unchoose();
            return None;
        };
        let (handshake, opening) = *upgrade;
        let url = format!("{}://{}{}", greeting.scheme(), handshake.request.host, handshake.request.target());
        let upgraded = handshake.upgraded(http);
        if let Some(agreed) = upgraded.deflate {
            reporter.verbose(&format!("{name} {agreed}"));
        }
        // The client's WebSocket is open already, so a fault closes it with the cause.
        let ended = |fault: Fault| {
            self.fault(&fault);
            let how = match fault.exhausted {
                true => SourceEnd::SentAway { reason: EXHAUSTED.into() },
                false => SourceEnd::Failed(fault),
            };
            OpenedLink::new(Box::new(Channel::ended(how)), "-".into())
        };
        let b = tokio::select! {
            biased;
            opened = opening => opened.unwrap_or_else(ended),
            // The session hears of it too, and closes.
            _ = self.run.over("listen") => OpenedLink::new(Box::new(Channel::null()), "-".into()),
        };
        let context = &self.run.context;
        let about = format!(" {target}{}", context.chosen(" subprotocol ", upgraded.subprotocol.as_deref()));
        let a = endpoint::accepted(upgraded, context, &client.scope, client.peer.clone(), &url);
        Some(Joined { a, b, about, newcomer: None, permit })
    }

    /// Does TLS with a client of a stream server, finds a place for it, and joins it to the target.
    async fn receive_plain(
        &self,
        mut accepted: Accepted,
        mut newcomer: Newcomer,
        mut permit: Option<OwnedSemaphorePermit>,
        client: &ServedClient,
    ) -> Option<Joined> {
        if permit.is_none()
            && let Accepted::Stream(dialed) = accepted
        {
            let until = Instant::now() + self.run.common().server.handshake.handshake_timeout;
            let dialed = self.begin(dialed, until, &mut newcomer, client).await?;
            drop(newcomer);
            let (dialed, entered, place) = self.seat(Accepted::Stream(dialed))?;
            (accepted, newcomer, permit) = (dialed, entered, Some(place.await?));
        }
        // A server that ends does not wait for clients that are not in yet.
        let (a, b) = tokio::select! {
            opened = self.join_plain(accepted, client) => opened?,
            () = newcomer.evicted() => {
                self.unchoose();
                return None;
            }
            _ = self.run.over("listen") => return None,
        };
        Some(Joined { a, b, about: String::new(), newcomer: Some(newcomer), permit: permit? })
    }

    /// Tells of a client that is not let in; of those that said nothing, seldom and of all together.
    fn refused(&self, refusal: &Refusal, client: &ServedClient) {
        let ServedClient { name, peer, scope, .. } = client;
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

    async fn join_plain(
        &self,
        accepted: Accepted,
        client: &ServedClient,
    ) -> Option<(OpenedLink, OpenedLink)> {
        if !self.choose() {
            self.lose(accepted.waiting());
            return None;
        }
        let (context, name) = (&self.run.context, &client.name);
        match self.open(Opening { client: Some(client.info()), ..Opening::new(Role::B) }).await {
            Ok(mut b) => {
                let name = name.clone();
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
                Some((OpenedLink::new(a, client.peer.clone()), b))
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

    async fn open(&self, opening: Opening) -> Result<OpenedLink> {
        match &self.behind {
            Behind::Endpoint(endpoint) => redial::open(&self.run, endpoint, opening).await,
            Behind::Hub(room, hub) => {
                let conn = opening.client.map_or(0, |client| client.conn);
                let link = self.hub(room, hub).await?.join(conn);
                Ok(OpenedLink::new(link, "-".into()))
            }
        }
    }

    /// Tells a client that descriptors are used up, where that can be told; it stands in place of the spare one.
    pub(super) async fn turn_away(&self, dialed: Dialed, place: OnSpare) -> Served {
        let until = Instant::now() + TOLD;
        let scope = self.run.context.log_scope(None, 'A');
        let answering = async {
            // Clients that are greeted with nothing are told nothing.
            self.greeting.as_ref()?;
            let stream = logged(&scope, self.secure(dialed, until, &scope).await.ok()?.stream, true);
            let mut http =
                HttpConnection::new(stream, |_| Box::pin(async { server::refuse(503, EXHAUSTED) }));
            match http.until(Milestone::Answered).await {
                Err(Ended::Unasked(refusal)) => drop(http.refuse(refusal).await),
                _ => http.leave().await,
            }
            Some(())
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
    client: &'a ServedClient,
    state: Mutex<RequestState<'a>>,
}

/// A client's last request, as the service leaves it to the owner.
#[derive(Default)]
struct RequestState<'a> {
    /// Its place, also while it is told that it cannot be served.
    permit: Option<OwnedSemaphorePermit>,
    answer: AnswerKind<'a>,
}

/// The answer to a request.
#[derive(Default)]
enum AnswerKind<'a> {
    /// A refusal, the last one on the connection.
    #[default]
    Refused,
    /// A file or a page; the connection is kept after it where that says so.
    Page(ReplyLine, bool),
    /// A 101, for the target that the log names; the rest is there once it may be given.
    WebSocket(String, Option<Box<(Handshake, TargetOpening<'a>)>>),
}

/// A step of a client.
type OnHeap<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The opening of a client's target.
type TargetOpening<'a> = OnHeap<'a, Result<OpenedLink>>;

impl<'a> Arrival<'a> {
    fn state(&self) -> MutexGuard<'_, RequestState<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a request against the rules, and finds a place for it; gives what answers it.
    fn respond(&self, mut head: Head) -> Answering<'_> {
        let refused = |answer| Box::pin(ready(answer));
        let kind = match server::validate(&mut head, self.rules, self.greeting.is_secure) {
            Ok(kind) => kind,
            Err(rejection) => {
                self.server.refused(&rejection.refusal(server::target(&head)), self.client);
                return refused(rejection.into_answer());
            }
        };
        let Ok(permit) = Arc::clone(&self.server.permits).try_acquire_owned() else {
            self.say("refused 503: too many connections (--max-connections)");
            return refused(server::refuse(503, "too many connections"));
        };
        let keep = permit.semaphore().available_permits() >= ROOM;
        let (mut state, redactor) = (self.state(), &self.server.run.context.redactor);
        state.permit = Some(permit);
        match kind {
            RequestKind::Plain(site) => {
                let line = ReplyLine::new(&head, redactor);
                state.answer = AnswerKind::Page(line.clone(), keep);
                Box::pin(self.reply(head, site, line, keep))
            }
            RequestKind::WebSocket(..) if !self.server.choose() => {
                refused(server::refuse(503, "this server serves one client"))
            }
            RequestKind::WebSocket(request, key) => {
                let target = redactor.url(&request.target());
                state.answer = AnswerKind::WebSocket(target.clone(), None);
                Box::pin(self.join(Handshake::new(request, key, self.rules), target))
            }
        }
    }

    /// Answers with a file or a page.
    async fn reply(&self, head: Head, site: &Site, line: ReplyLine, keep: bool) -> Answer {
        let (answer, line) = line.reply(&head, site, self.rules, keep).await;
        self.state().answer = AnswerKind::Page(line, keep);
        answer
    }

    /// Opens the target of a WebSocket, and answers 101 or passes on why that cannot be.
    async fn join(&self, mut handshake: Handshake, target: String) -> Answer {
        let Self { server, rules, .. } = *self;
        let request = &handshake.request;
        let relays = matches!(&server.behind, Behind::Endpoint(endpoint) if endpoint.is_web_socket());
        let mut chosen = server::choose_subprotocol(rules, request);
        let client = ClientInfo {
            request: Some((**request).clone()),
            subprotocol: chosen.clone(),
            ..self.client.info()
        };
        let subprotocols = relays.then(|| request.subprotocols.clone());
        let opening = Opening { subprotocols, client: Some(client), ..Opening::new(Role::B) };
        let mut opening: TargetOpening = Box::pin(server.open(opening));
        // Hubs and commands refuse no client, so they are opened only after the 101, when it is really there.
        if matches!(&server.behind, Behind::Endpoint(endpoint) if !endpoint.is_command()) {
            match opening.await {
                Ok(opened) => {
                    if relays {
                        chosen = opened.facts.subprotocol.clone();
                    }
                    opening = Box::pin(ready(Ok(opened)));
                }
                Err(fault) => return self.pass_on(fault, &target),
            }
        }
        let answer = handshake.accept(chosen, rules);
        self.state().answer = AnswerKind::WebSocket(target, Some(Box::new((handshake, opening))));
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
        self.state().answer = AnswerKind::Refused;
        answer
    }

    fn say(&self, text: &str) {
        self.server.run.context.reporter.life(&format!("{} {text}", self.client.name));
    }
}

/// A step of a client on the heap, made in a frame of its own: while its session runs a client keeps
/// nothing of the steps before, and no poll of it walks through the memory that only they need.
#[inline(never)]
fn on_heap<'a, F>(step: impl FnOnce() -> F) -> OnHeap<'a, F::Output>
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::{Pair, run::Run};

    fn size<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_client_keeps_nothing_of_its_first_and_last_steps() {
        type Way = (Accepted, Newcomer, Option<OwnedSemaphorePermit>);
        let client = size(|(shared, way): (&'static Shared, Way)| shared.client(way.0, way.1, way.2));
        let pair = size(|(run, a, b): (&'static Run, _, _)| run.pair(a, b, true, None));
        assert!(client <= 1024, "{client} bytes");
        assert!(pair <= 256, "{pair} bytes beside the pair itself");
        assert!(size_of::<Pair>() <= 3072, "{} bytes", size_of::<Pair>());
    }
}
