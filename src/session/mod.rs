//! The session: the pure rules of how a pair of links lives and ends.
//!
//! Events and time go in, actions come out; there is no socket and no clock in here, so that every
//! row of the endings matrix can be tested as data.

mod calm;
mod clock;
mod ending;
mod event;
mod keepalive;
mod left;
mod machine;
mod progress;
mod side;
mod traffic;

pub use event::{Action, Event, Instant, Side, SinkFailure, SourceEnd, When, Within};
pub use left::{Doubt, Left};
pub use machine::Session;
pub use progress::{Rate, Silence};
pub use side::{DrainTimeout, SideKind};

use crate::{close, expect::Filter};
use std::{ops::RangeInclusive, sync::Arc, time::Duration};

/// Deadlines, stop conditions and close codes of a session, from the command line.
#[derive(Clone, Debug)]
pub struct Rules {
    /// After the input ended, stay open until the peer was silent this long; `None` is `inf`. Default 1 s.
    pub linger: Option<Duration>,
    /// Longest time that a Close may stay unanswered. Default 5 s.
    pub close_timeout: Duration,
    /// Longest time that an accepted session may take to end after a signal. Default 10 s.
    pub grace: Duration,
    /// Ping the peer after this long; `None` is `off`. Default 20 s.
    pub ping_interval: Option<Duration>,
    /// Give the peer up when a ping stays unanswered this long; `None` is `off`. Default 20 s.
    pub ping_timeout: Option<Duration>,
    /// End after this long without a message either way. Default `None`.
    pub idle_timeout: Option<Duration>,
    /// Each session ends normally once it has lasted this long. Default `None`.
    pub lasts: Option<Duration>,
    /// End the whole run after this long. Default `None`.
    pub timeout: Option<Duration>,
    /// End after this many received messages. Default `None`.
    pub count: Option<u64>,
    /// Code and reason of our Close at a normal end. Default 1000 without a reason.
    pub close: CloseWith,
    /// Close codes of the peer that count as success beside 1000, 1001 and none.
    pub ok_close: Vec<RangeInclusive<u16>>,
    /// Filter of the received messages that are delivered and counted, at least one. Default `None`: all.
    pub filter: Option<Arc<Filter>>,
    /// The peer has to close with one of these; 1005 is none. Default empty: it does not have to.
    pub expect_close: Vec<RangeInclusive<u16>>,
}

/// A Close that may go on the wire (RFC 6455 sections 5.5.1 and 7.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseWith {
    /// 1000–1014 without 1004–1006, or 3000–4999; `None` sends neither code nor reason.
    pub code: Option<u16>,
    /// At most 123 bytes.
    pub reason: String,
}

impl CloseWith {
    /// A Close with that code and reason; `None` sends neither.
    ///
    /// # Errors
    /// Why it may not be sent, in words that follow on the code.
    pub fn new(code: Option<u16>, reason: &str) -> Result<Self, String> {
        match code {
            Some(1005) => return Err("is never sent, it stands for no code; use none".to_owned()),
            Some(code) if !close::sendable(code) => {
                return Err("may not be sent; use 1000-1003, 1007-1013 or 3000-4999".to_owned());
            }
            None if !reason.is_empty() => return Err("a reason needs a code".to_owned()),
            _ => {}
        }
        if reason.len() > close::MAX_REASON {
            let (length, limit) = (reason.len(), close::MAX_REASON);
            return Err(format!("the reason is {length} bytes long, the limit is {limit}"));
        }
        Ok(Self { code, reason: reason.to_owned() })
    }
}

impl Default for CloseWith {
    fn default() -> Self {
        Self { code: Some(1000), reason: String::new() }
    }
}

impl Default for Rules {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            linger: Some(seconds(1)),
            close_timeout: seconds(5),
            grace: seconds(10),
            ping_interval: Some(seconds(20)),
            ping_timeout: Some(seconds(20)),
            idle_timeout: None,
            lasts: None,
            timeout: None,
            count: None,
            close: CloseWith::default(),
            ok_close: Vec::new(),
            filter: None,
            expect_close: Vec::new(),
        }
    }
}

/// The limits of one session.
struct SessionLimits {
    /// End of the whole run (`--timeout`).
    timeout_at: Option<Instant>,
    /// Normal end of this session (`--for`).
    lasts_until: Option<Instant>,
}

/// A limit that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PassedLimit {
    /// Exit 28 with this cause, or what was expected and did not come; `None` is a normal end, as if the user
    /// had asked for it just then: nothing of the input is missed.
    pub fault: Option<&'static str>,
}

impl SessionLimits {
    /// The limits of a session that is open `now`.
    fn new(rules: &Rules, timeout_at: Option<Instant>, now: Instant) -> Self {
        Self { timeout_at, lasts_until: rules.lasts.map(|lasts| now + lasts) }
    }

    /// The earliest time at which [`over`](Self::over) gives something.
    fn deadline(&self) -> Option<Instant> {
        [self.timeout_at, self.lasts_until].into_iter().flatten().min()
    }

    /// The limit that has passed, once.
    fn over(&mut self, now: Instant) -> Option<PassedLimit> {
        let is_over = |at: &mut Option<Instant>| at.take_if(|at| *at <= now).is_some();
        if is_over(&mut self.timeout_at) {
            return Some(PassedLimit { fault: Some("the time limit (--timeout) is over") });
        }
        is_over(&mut self.lasts_until).then_some(PassedLimit { fault: None })
    }
}
