//! Trying again: before the first open, and after a connection was lost.
//!
//! Every try is said on standard error with its cause, and so is the gap that a lost connection left.

use super::run::Run;
use crate::{
    endpoint::{Endpoint, Opened, OpenedLink, Opening, Role},
    exit::Exit,
    fault::{Fault, Result},
    framing::record::{Record, What},
    link::{Confirming, Loss, Renew, Renewed, Renewing},
    retry::{Backoff, is_passing},
    session::{Doubt, Instant, Silence},
    units::brief,
    ws::conn::{Conn, End},
};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio_tungstenite::tungstenite::Message;

/// Opens an endpoint that is one connection; see [`open_any`].
pub(super) async fn open(
    run: &Arc<Run>,
    endpoint: &Arc<dyn Endpoint>,
    opening: Opening,
) -> Result<OpenedLink> {
    one(&**endpoint, open_any(run, endpoint, opening).await?)
}

/// Opens an endpoint, as often as `--retry` says, and sees that it is opened again when it is lost.
pub(super) async fn open_any(
    run: &Arc<Run>,
    endpoint: &Arc<dyn Endpoint>,
    opening: Opening,
) -> Result<Opened> {
    let opened = first(run, &**endpoint, &opening).await?;
    let Some(reconnect) = run.common().reconnect else { return Ok(opened) };
    let OpenedLink { link, facts } = match opened {
        Opened::Link(opened) if opened.link.as_kind::<Conn>().is_some() => *opened,
        other => return Ok(other),
    };
    let Some(conn) = link.into_kind::<Conn>() else { return Err(no_web_socket()) };
    // Between two WebSockets, what is sent first is for the second.
    let speaks = opening.role == Role::B || !run.context.relays;
    let first = if speaks { run.first.clone() } else { Vec::new() };
    let firsts = first.len();
    let confirming = Confirming {
        pings: run.common().rules.ping_interval.is_some(),
        timeout: run.common().rules.ping_timeout,
        resend: reconnect.resend,
    };
    if !confirming.pings {
        run.context.reporter.note(
            "--ping-interval off: nothing confirms what is sent, so all of it is in doubt when the connection is lost",
        );
    }
    let redial = Redial {
        run: Arc::clone(run),
        endpoint: Arc::clone(endpoint),
        opening,
        first,
        backoff: Backoff::default(),
        opened: Instant::now(),
        lost: Instant::now(),
        loss: None,
        tries: 0,
        said: None,
        opens: None,
    };
    let link = Box::new(Renewing::new(conn, Box::new(redial), firsts, confirming));
    Ok(OpenedLink { link, facts }.into())
}

async fn first(run: &Run, endpoint: &dyn Endpoint, opening: &Opening) -> Result<Opened> {
    let begun = Instant::now();
    let mut tries = 0;
    loop {
        let opened = run.unless_stopped(endpoint.open(&run.context, opening.clone())).await;
        let fault = match opened {
            Ok(opened) => return Ok(opened),
            Err(fault) => fault,
        };
        tries += 1;
        let Some(delay) = run.common().retry.after(&fault, tries, begun.elapsed()) else {
            let times = |fault: Fault| match tries {
                1 => fault,
                _ => Fault { cause: format!("{} (tried {tries} times)", fault.cause), ..fault },
            };
            return Err(run.context.redactor.fault(&times(fault)));
        };
        run.context.reporter.note(&format!(
            "{}: {}; trying again in {}",
            fault.phase,
            fault.cause,
            brief(delay)
        ));
        run.unless_stopped(pause(delay)).await?;
    }
}

/// The link of what was opened, which must not listen.
fn one(endpoint: &dyn Endpoint, opened: Opened) -> Result<OpenedLink> {
    match opened {
        Opened::Link(link) => Ok(*link),
        Opened::Acceptor(_) => Err(Fault::new(
            Exit::Usage,
            "usage",
            format!("{} listens and cannot stand here", endpoint.describe()),
        )),
    }
}

async fn pause(delay: Duration) -> Result<()> {
    tokio::time::sleep(delay).await;
    Ok(())
}

/// Opens a lost WebSocket again.
struct Redial {
    run: Arc<Run>,
    endpoint: Arc<dyn Endpoint>,
    opening: Opening,
    /// Sent at every open.
    first: Vec<Message>,
    backoff: Backoff,
    opened: Instant,
    lost: Instant,
    loss: Option<Loss>,
    /// Since it was lost.
    tries: u32,
    /// Why the last try failed, which is said once.
    said: Option<String>,
    opens: Option<Opens>,
}

/// One try: the pause before it, then the opening.
type Opens = Pin<Box<dyn Future<Output = Result<OpenedLink>> + Send>>;

impl Redial {
    fn try_again(&mut self) {
        let delay = self.backoff.delay(random());
        self.tries += 1;
        let (run, endpoint, opening) =
            (Arc::clone(&self.run), Arc::clone(&self.endpoint), self.opening.clone());
        self.run.context.reporter.verbose(&format!("trying again in {}", brief(delay)));
        self.opens = Some(Box::pin(async move {
            run.unless_stopped(pause(delay)).await?;
            one(&*endpoint, run.unless_stopped(endpoint.open(&run.context, opening)).await?)
        }));
    }

    /// True when another try is allowed.
    fn may_try(&self) -> bool {
        self.run
            .common()
            .reconnect
            .is_some_and(|reconnect| reconnect.tries.is_none_or(|most| self.tries < most))
    }

    fn resends(&self) -> bool {
        self.run.common().reconnect.is_some_and(|reconnect| reconnect.resend)
    }

    fn renewed(&mut self, opened: OpenedLink) -> Result<Renewed> {
        let Some(conn) = opened.link.into_kind::<Conn>() else {
            return Err(no_web_socket());
        };
        let away = self.lost.elapsed();
        let loss =
            self.loss.take().unwrap_or(Loss { cause: String::new(), doubt: Doubt::default(), silence: None });
        self.run.context.reporter.note(&format!("connected again after {}", brief(away)));
        self.opened = Instant::now();
        let record = What::Reconnect {
            cause: &self.run.context.redactor.shown(&loss.cause),
            tries: self.tries,
            away: u64::try_from(away.as_millis()).unwrap_or(u64::MAX),
            doubtful: loss.doubt.messages,
            doubtful_bytes: loss.doubt.bytes,
            resent: self.resends() && loss.doubt.messages > 0,
        };
        Ok(Renewed {
            conn: *conn,
            first: self.first.clone(),
            record: Record::new(self.opening.client.as_ref().map(|client| client.conn), None, record)
                .line()
                .into(),
        })
    }
}

impl Renew for Redial {
    fn is_wanted(&self, end: &End) -> bool {
        let ok_close = &self.run.common().rules.ok_close;
        match end {
            End::Close { code: Some(code), .. } => {
                matches!(code, 1001 | 1011..=1014) && !ok_close.iter().any(|codes| codes.contains(code))
            }
            End::Close { code: None, .. } => false,
            End::Lost { fault, .. } => fault.exit == Exit::Lost,
        }
    }

    fn lost(&mut self, loss: Loss) {
        let doubt = doubt_told(loss.doubt, self.resends());
        self.run.context.reporter.note(&format!("{}{doubt}; connecting again", loss.cause));
        if let Some(lasted) = loss.silence {
            let advice = Silence::advice(lasted, self.run.common().rules.ping_interval);
            self.run.context.reporter.note(&format!("try {advice}"));
        }
        self.backoff.lost_after(self.opened.elapsed());
        (self.lost, self.loss, self.tries, self.said) = (Instant::now(), Some(loss), 0, None);
        self.try_again();
    }

    fn unconfirmed(&mut self, waited: Duration) {
        self.run.context.reporter.note(&format!(
            "the peer confirms nothing: no pong for {} while input waited for one; input goes on, and what was sent since the last pong stays in doubt",
            brief(waited)
        ));
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<Renewed>> {
        loop {
            let Some(opens) = &mut self.opens else { return Poll::Pending };
            let opened = ready!(opens.as_mut().poll(cx));
            self.opens = None;
            match opened {
                Ok(opened) => return Poll::Ready(self.renewed(opened)),
                Err(fault) if is_passing(&fault) && self.may_try() => {
                    let said = format!("{}: {}; trying again", fault.phase, fault.cause);
                    if self.said.as_ref() == Some(&said) {
                        self.run.context.reporter.verbose(&said);
                    } else {
                        self.run.context.reporter.note(&said);
                        self.said = Some(said);
                    }
                    self.try_again();
                }
                Err(fault) => return Poll::Ready(Err(fault)),
            }
        }
    }
}

/// The fault of a new connection that is no WebSocket.
fn no_web_socket() -> Fault {
    Fault::new(Exit::Internal, "session", "a WebSocket was opened again as something else")
}

/// The messages in doubt, in words, for the line that tells of the loss.
fn doubt_told(doubt: Doubt, resends: bool) -> String {
    let are = match (doubt.messages, resends) {
        (0, _) => return String::new(),
        (1, false) => "message sent last may not have arrived",
        (1, true) => "message sent last may not have arrived and is sent again",
        (_, false) => "messages sent last may not have arrived",
        (_, true) => "messages sent last may not have arrived and are sent again",
    };
    format!("; {} {are} ({} bytes)", doubt.messages, doubt.bytes)
}

/// Uniform in 0..1; without random bytes, the middle.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX))
}
