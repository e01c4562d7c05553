//! `--check` and `--ping`: a connection that is only looked at.
//!
//! A check opens, pings once and closes; its verdict is one line on standard output, its exit code that
//! of the phase that failed. `--ping` goes round as often as it is told and gives the figures.

use super::{run::Run, scripts};
use crate::{
    endpoint::{Found, OpenedLink},
    exit::Exit,
    fault::{Fault, Result, printable},
    framing::{
        record::{Facts, Record, What},
        verdict::{Pings, Verdict},
    },
    link::{Item, Link},
    net::Parting,
    observe::Redactor,
    os_error,
    plan::{Expected, Probe},
    session::{Instant, SourceEnd},
    units::milliseconds,
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io,
    sync::PoisonError,
    task::Poll,
    time::{Duration, SystemTime},
};
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

/// Time to leave the transport once our Close was answered.
const FAREWELL: Duration = Duration::from_millis(50);

/// Opens with `opening`, looks, closes, and says what was found.
pub(super) async fn run(
    run: &Run,
    probe: &Probe,
    url: &str,
    opening: impl Future<Output = Result<OpenedLink>>,
    known: &Found,
) -> Result<()> {
    let facts = Facts { url: Some(run.context.redactor.url(url)), ..Facts::default() };
    let mut found = Verdict { facts, ..Verdict::default() };
    let result = look(run, probe, opening, known, &mut found).await;
    found.ok = result.is_ok();
    if let Err(fault) = &result {
        found.exit = fault.exit.code();
        found.cause = Some(run.context.redactor.shown(&format!("{}: {}", fault.phase, fault.cause)));
    }
    found.tell(run.context.redactor.facts(&found.facts));
    let line = match run.context.tells_events() {
        true => Record::new(None, None, What::Check(&found)).line(),
        false => format!("{}\n", printable(&found.line(SystemTime::now()))).into_bytes(),
    };
    let told = run.context.stdio.write(line).await.map_err(|error| untold(&error));
    result.and(told)
}

fn untold(error: &io::Error) -> Fault {
    Fault::new(
        Exit::unwritten(error),
        "session",
        format!("cannot write to standard output: {}", os_error::words(error)),
    )
}

async fn look(
    run: &Run,
    probe: &Probe,
    opening: impl Future<Output = Result<OpenedLink>>,
    known: &Found,
    found: &mut Verdict,
) -> Result<()> {
    let opened = match opening.await {
        Ok(opened) => opened,
        Err(fault) => {
            let facts = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if facts.url.is_some() {
                found.facts = facts;
            }
            probe.expected.refusal(fault)?;
            return probe.expected.meets(found, SystemTime::now(), &run.context.redactor);
        }
    };
    found.facts = opened.facts;
    let mut link = opened.link;
    let pinged = match (probe.expected.status, probe.pings) {
        // The open connection is the failure; there is no need to ping it.
        (Some(status), _) if status != 101 => Ok(()),
        (_, None) => {
            let mut is_told = false;
            let trip = round_trip(run, &mut *link, 0, probe, &mut is_told);
            run.unless_over("ping", trip).await.map(|time| found.rtt = Some(time))
        }
        (_, Some(count)) => {
            let pings = run.unless_over("ping", rounds(run, &mut *link, count, probe)).await;
            pings.map(|pings| found.pings = Some(pings))
        }
    };
    let closed = close(link, run).await;
    // A fault of the opening comes first, also where the status is the expected one.
    let opened =
        scripts::unexpected(&run.common().expect, &found.facts, &run.context.redactor).map_or(Ok(()), Err);
    opened.and(pinged).and(closed)?;
    probe.expected.meets(found, SystemTime::now(), &run.context.redactor)
}

/// Goes round that often.
async fn rounds(run: &Run, link: &mut dyn Link, count: u64, probe: &Probe) -> Result<Pings> {
    let (mut times, mut lost, mut is_told) = (Vec::new(), 0, false);
    for number in 1..=count {
        let next = Instant::now() + probe.interval;
        match round_trip(run, link, number, probe, &mut is_told).await {
            Ok(time) => {
                run.context.reporter.life(&format!("pong {number}: {}", milliseconds(time)));
                times.push(time);
            }
            Err(fault) if fault.exit == Exit::Deadline => {
                run.context.reporter.life(&format!("pong {number}: {}", fault.cause));
                lost += 1;
            }
            Err(fault) => return Err(fault),
        }
        if number < count {
            // Messages that come meanwhile are taken, so that they do not delay the next pong.
            let mut batch = VecDeque::new();
            let rest =
                timeout(next.saturating_duration_since(Instant::now()), receive(link, &mut batch, |_| false));
            if let Ok(Err(fault)) = rest.await {
                return Err(fault);
            }
            sleep_until(next).await;
        }
    }
    Ok(Pings::of(times, lost))
}

/// Prefix of the payloads of our pings.
const OWN: &str = "wsio ";

/// Time to wait for the right pong once one with another payload has come.
const GRACE: Duration = Duration::from_secs(1);

/// One ping and its pong. A pong with another payload is one too, if none with the right one comes soon:
/// one that nobody asked for may have been on its way (RFC 6455 section 5.5.3). `is_told` when that was said.
async fn round_trip(
    run: &Run,
    link: &mut dyn Link,
    number: u64,
    probe: &Probe,
    is_told: &mut bool,
) -> Result<Duration> {
    let payload = Bytes::from(format!("{OWN}{number}"));
    take_what_came(link).await?;
    let begun = Instant::now();
    let lost = |_| Fault::new(Exit::Lost, "ping", "the connection was lost while sending");
    link.feed(Message::Ping(payload.clone())).map_err(lost)?;
    let mut batch = VecDeque::new();
    let turn = async {
        poll_fn(|cx| link.poll_flush(cx)).await.map_err(lost)?;
        // A late answer to an earlier ping is none to this one.
        receive(
            link,
            &mut batch,
            |message| matches!(message, Message::Pong(back) if *back == payload || !is_own(back)),
        )
        .await
    };
    let pong = match probe.patience {
        None => turn.await?,
        Some(patience) => timeout(patience, turn).await.map_err(|_| {
            let within = humantime::format_duration(patience);
            Fault::new(Exit::Deadline, "ping", format!("no pong within {within}"))
        })??,
    };
    let took = begun.elapsed();
    if pong == Message::Pong(payload.clone()) {
        return Ok(took);
    }
    if !*is_told {
        let grace = probe.patience.map_or(GRACE, |patience| GRACE.min(patience.saturating_sub(took)));
        let right = |message: &Message| matches!(message, Message::Pong(back) if *back == payload);
        if let Ok(Ok(_)) = timeout(grace, receive(link, &mut batch, right)).await {
            return Ok(begun.elapsed());
        }
        run.context
            .reporter
            .note("the server answers pings with another payload than theirs (RFC 6455 section 5.5.3)");
        *is_told = true;
    }
    Ok(took)
}

/// True when a pong with this payload answers a ping of ours, of whatever number.
fn is_own(payload: &[u8]) -> bool {
    let number = payload.strip_prefix(OWN.as_bytes()).and_then(|number| str::from_utf8(number).ok());
    number.is_some_and(|number| number.parse::<u64>().is_ok())
}

/// Receives until a message is the one, and gives it; the others are of no interest. What came behind it is
/// left in `batch`.
async fn receive(
    link: &mut dyn Link,
    batch: &mut VecDeque<Item>,
    is_it: impl Fn(&Message) -> bool,
) -> Result<Message> {
    loop {
        while let Some(item) = batch.pop_front() {
            if let Item::Message(message) = item
                && is_it(&message)
            {
                return Ok(message);
            }
        }
        poll_fn(|cx| link.poll_receive(cx, batch)).await;
        if batch.is_empty() {
            return Err(ended(link));
        }
    }
}

/// Takes what came before the ping is sent: a pong in it answers nothing.
async fn take_what_came(link: &mut dyn Link) -> Result<()> {
    let mut batch = VecDeque::new();
    while poll_fn(|cx| Poll::Ready(link.poll_receive(cx, &mut batch).is_ready())).await {
        if batch.is_empty() {
            return Err(ended(link));
        }
        batch.clear();
    }
    Ok(())
}

/// The fault of a link that gives nothing more.
fn ended(link: &dyn Link) -> Fault {
    match link.end() {
        Some(SourceEnd::Close { described, .. }) => {
            Fault::new(Exit::ClosedByPeer, "ping", format!("closed by the peer: {described}"))
        }
        Some(SourceEnd::Lost { fault, .. }) => fault,
        _ => Fault::new(Exit::Lost, "ping", "the connection was lost"),
    }
}

/// Closes and waits for the answer.
async fn close(mut link: Box<dyn Link>, run: &Run) -> Result<()> {
    link.queue_close(run.common().rules.close.code, &run.common().rules.close.reason);
    let answered = async {
        let _ = poll_fn(|cx| link.poll_flush(cx)).await;
        let mut batch = VecDeque::new();
        while link.end().is_none() {
            poll_fn(|cx| link.poll_receive(cx, &mut batch)).await;
            batch.clear();
        }
    };
    let answered = timeout(run.common().rules.close_timeout, answered).await;
    let end = link.end();
    // A peer that let the whole time pass gets none on top of it.
    link.release(Parting::within(if answered.is_ok() { FAREWELL } else { Duration::ZERO })).await;
    match (answered, end) {
        (Err(_), _) => Err(Fault::new(Exit::CloseUnanswered, "close", "our Close was never answered")),
        (Ok(()), Some(SourceEnd::Lost { fault, .. })) => Err(Fault::new(
            Exit::CloseUnanswered,
            "close",
            format!("our Close was never answered: {}", fault.cause),
        )),
        (Ok(()), _) => Ok(()),
    }
}

impl Expected {
    /// Accepts a refusal whose status is the expected one; any other is a fault.
    fn refusal(&self, fault: Fault) -> Result<()> {
        match (self.status, &fault.answer) {
            (Some(wanted), Some(answer)) if wanted == answer.status => Ok(()),
            (Some(wanted), Some(answer)) => {
                Err(unmet(format!("expected status {wanted}, got {}", answer.status)).detail(fault.detail))
            }
            _ => Err(fault),
        }
    }

    fn meets(&self, found: &Verdict, now: SystemTime, redactor: &Redactor) -> Result<()> {
        if let Some(wanted) = self.status.filter(|wanted| found.facts.status != Some(*wanted)) {
            return Err(unmet(format!("expected status {wanted}, got 101: the WebSocket was opened")));
        }
        for (name, regex) in &self.headers {
            let response = found.facts.response.iter();
            let fields = response.filter(|(field, _)| field.eq_ignore_ascii_case(name));
            let values: Vec<&str> = fields.map(|(_, value)| value.as_str()).collect();
            if !values.iter().any(|value| regex.is_match(value)) {
                let shown: Vec<String> = values.iter().map(|value| redactor.field(name, value)).collect();
                let got = if values.is_empty() { "no such field".to_owned() } else { shown.join(", ") };
                return Err(unmet(format!("expected {name} to match /{regex}/, got {got}")));
            }
        }
        if let Some(margin) = self.certificate {
            expires_in(found, margin, now)?;
        }
        let (time, what) = match &found.pings {
            Some(pings) => (pings.p95, "the 95th percentile of the round trips"),
            None => (found.rtt, "the round trip"),
        };
        if let (Some(limit), Some(time)) = (self.max_rtt, time)
            && time > limit
        {
            let cause = format!("{what} took {}, more than {}", milliseconds(time), milliseconds(limit));
            return Err(unmet(cause));
        }
        match &found.pings {
            Some(pings) if pings.loss > self.max_loss => Err(unmet(format!(
                "{:.1} % of the pings were lost, more than {} %",
                pings.loss, self.max_loss
            ))),
            _ => Ok(()),
        }
    }
}

fn expires_in(found: &Verdict, margin: Duration, now: SystemTime) -> Result<()> {
    let Some(tls) = &found.facts.tls else {
        return Err(unmet("the connection has no certificate: it is not TLS".to_owned()));
    };
    let soonest = tls.certificates.iter().min_by_key(|certificate| certificate.not_after);
    match soonest {
        Some(certificate) if certificate.not_after < now + margin => {
            let name = certificate.names.first().unwrap_or(&certificate.subject);
            Err(unmet(format!(
                "the certificate of {name} expires on {}, within {}",
                humantime::format_rfc3339_seconds(certificate.not_after),
                humantime::format_duration(margin)
            )))
        }
        _ => Ok(()),
    }
}

fn unmet(cause: String) -> Fault {
    Fault::new(Exit::Expectation, "check", cause)
}
