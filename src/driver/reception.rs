//! The time before a session: TLS, and a client's requests until one is for a WebSocket.
//!
//! A client of a stream server asks for nothing, so that TLS is all there is before its session.
//! Files and pages are answered here and are no session: they are no client of `--once`, and a signal
//! lets the one under way go on within `--grace`.

use super::{
    any_listener::Accepted,
    newcomers::Newcomer,
    serve::{Served, Shared},
};
use crate::{
    endpoint::{EXHAUSTED, Greeting},
    handshake::server::{Asked, Handshake, Refusal},
    net::{Dialed, OnSpare},
    observe::LogScope,
    tls::{NO_TLS, Unsecured},
};
use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until, timeout_at},
};

/// Connections are kept for further requests while as many more clients find room: a browser opens six
/// for files and one for its socket.
const ROOM: usize = 8;

/// Text of the 503 when all places are taken.
const FULL: &str = "too many connections";

/// Time for a client to hear that descriptors are used up; others wait for the same place.
const TOLD: Duration = Duration::from_millis(100);

impl Shared {
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
}

/// Waits for a client's first byte, then does TLS where it is spoken; `None` when it is not let in.
async fn begin(
    shared: &Shared,
    mut dialed: Dialed,
    name: &str,
    until: Instant,
    newcomer: &mut Newcomer,
    scope: &LogScope,
) -> Option<Dialed> {
    let run = &shared.run;
    let peer = dialed.peer.clone();
    let stream = &mut dialed.stream;
    let heard =
        poll_fn(move |cx| stream.beneath().socket.map_or(Poll::Ready(()), |socket| socket.poll_readable(cx)));
    tokio::select! {
        () = heard => newcomer.spoke(),
        // It is told below that it was silent.
        () = sleep_until(until) => {}
        () = newcomer.evicted() => return None,
        _ = run.over("listen") => return None,
    }
    // A server that ends does not wait for clients that are not in yet.
    let begun = tokio::select! {
        begun = shared.secure(dialed, until, scope) => begun,
        () = newcomer.evicted() => return None,
        _ = run.over("listen") => return None,
    };
    begun.map_err(|refusal| shared.refused(&refusal, name, &peer, scope)).ok()
}

/// Does TLS with a client of a stream server; gives the client and its place, if it comes so far.
pub(super) async fn receive_bytes(
    shared: &Shared,
    dialed: Dialed,
    name: &str,
    mut newcomer: Newcomer,
    scope: &LogScope,
) -> Option<(Accepted, Newcomer, OwnedSemaphorePermit)> {
    let until = Instant::now() + shared.run.common().server.handshake.handshake_timeout;
    let client = begin(shared, dialed, name, until, &mut newcomer, scope).await?;
    drop(newcomer);
    let (accepted, newcomer, place) = shared.seat(Accepted::Stream(client))?;
    Some((accepted, newcomer, place.await?))
}

/// Answers a client's plain requests; gives its request for a WebSocket and a place for it, if one comes.
///
/// A client is a newcomer until its request is here: then it has a place, or is refused.
pub(super) async fn receive(
    shared: &Shared,
    greeting: &Greeting,
    dialed: Dialed,
    name: &str,
    mut newcomer: Newcomer,
    scope: &LogScope,
) -> Option<(Box<Handshake>, OwnedSemaphorePermit)> {
    let run = &shared.run;
    let place = || Arc::clone(&shared.permits).try_acquire_owned().ok();
    let reporter = &run.context.reporter;
    let peer = dialed.peer.clone();
    let refused = |refusal: Refusal| shared.refused(&refusal, name, &peer, scope);
    let soon = || Instant::now() + greeting.options().handshake_timeout;
    let mut until = soon();
    let client = begin(shared, dialed, name, until, &mut newcomer, scope).await?;
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
                    reporter.life(&format!("{name} refused 503: too many connections (--max-connections)"));
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
                    reporter.life(&format!("{name} refused 503: too many connections (--max-connections)"));
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
                newcomer = shared.newcomers.enter(Arc::default()).0;
            }
        }
    }
}
