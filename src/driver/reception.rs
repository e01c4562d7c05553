//! What comes before a session: a client's requests, until one is for a WebSocket.
//!
//! Files and pages are answered here and are no session: they are no client of `--once`, and a signal
//! lets the one under way go on within `--grace`.

use super::run::Run;
use crate::{
    endpoint::Greeting,
    net::Dialed,
    ws::{
        Telling,
        server::{Asked, Handshake, Refusal},
    },
};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

/// Connections are kept for further requests while as many more clients find room: a browser opens six
/// for files and one for its socket.
const ROOM: usize = 8;

/// Answers a client's plain requests; gives its request for a WebSocket, if one comes.
pub(super) async fn receive(
    run: &Run,
    greeting: &Greeting,
    dialed: Dialed,
    name: &str,
    permit: &OwnedSemaphorePermit,
    telling: &Telling,
) -> Option<Box<Handshake>> {
    let reporter = &run.reach.reporter;
    let refused = |refusal: Refusal| {
        let status = if refusal.status == 0 { String::new() } else { format!(" {}", refusal.status) };
        let target = match refusal.target.as_str() {
            "" => String::new(),
            target => format!(" {}", run.reach.redactor.url(target)),
        };
        reporter.life(&format!("{name} refused{status}{target}: {}", refusal.cause));
    };
    let soon = || Instant::now() + greeting.options().handshake_timeout;
    let mut until = soon();
    // A server that ends does not wait for clients that are not in yet.
    let begun = tokio::select! {
        begun = greeting.begin(dialed, until, telling) => begun,
        _ = run.over("listen") => return None,
    };
    let mut visit = begun.map_err(refused).ok()?;
    loop {
        let asked = tokio::select! {
            asked = visit.asked(until) => asked,
            _ = run.over("listen") => return None,
        };
        match asked.map_err(refused).ok()? {
            Asked::Socket(handshake) => return Some(handshake),
            Asked::Nothing => return None,
            Asked::Plain(plain) => {
                let keep = permit.semaphore().available_permits() >= ROOM;
                let (line, rest) = plain.answer(keep).await;
                // METHOD TARGET and what became of it.
                let words: Vec<_> = line.splitn(3, ' ').collect();
                let shown = match words[..] {
                    [method, target, rest] => {
                        format!("{method} {} {rest}", run.reach.redactor.url(target))
                    }
                    _ => line,
                };
                reporter.life(&format!("{name} {shown}"));
                visit = rest?;
                until = soon();
            }
        }
    }
}
