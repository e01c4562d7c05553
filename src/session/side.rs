//! What the session knows of one side of a pair.

use super::{
    Instant, Rules, Within,
    keepalive::Keepalive,
    progress::{Progress, Rate, Wait},
};
use crate::{exit::Exit, fault::Fault};

/// What kind of thing a side is, as far as endings differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideKind {
    /// A WebSocket: it closes with a handshake.
    WebSocket,
    /// Standard input and output: an end before the first byte is not a wish to leave.
    Standard,
    /// A subject of a broker: it never ends, and that nothing is said to it is no wish to leave.
    Subject,
    /// Any other byte stream: each way ends by itself.
    Stream,
    /// Datagrams: nothing tells the far end that we are done, nor us that it is.
    Datagrams,
}

/// How long an output is waited for once all that it is to get is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// As long as its reader lives, as `cat` waits.
    Endless,
    /// Until it has taken nothing for `--close-timeout`.
    Bounded,
}

pub(super) struct Side {
    pub kind: SideKind,
    /// What a person calls its output.
    pub output: String,
    pub patience: Patience,
    /// The source has ended, or is no longer asked.
    pub ended: bool,
    pub sink: Sink,
    /// What we close with, to know an echo of it.
    pub close_code: Option<u16>,
    pub released: bool,
    pub release_asked: bool,
    /// What arrives from here is dropped.
    pub discarding: bool,
    /// When the last data message arrived from here.
    pub received_at: Instant,
    /// We refuse to read from here: its silence is ours.
    pub blocked: bool,
    /// Since when what came from here waits for its output; the output is too slow.
    pub held_since: Option<Instant>,
    /// What the last byte from here belongs to, and when it came.
    pub within: Within,
    pub heard_at: Instant,
    /// Bytes that came from here.
    pub heard: u64,
    /// What of our bytes has left for here.
    pub progress: Progress,
    /// It is lost, and being opened again.
    pub away: bool,
    /// A lost connection is opened again.
    pub renews: bool,
    /// What it gives is for others too, who do not wait for one that takes nothing.
    pub shared: bool,
    /// When sending to here failed; what it still says is waited for.
    pub deaf_since: Option<Instant>,
    /// Since when only the peer's silence is waited for.
    pub lingering: Option<Wait>,
    /// When all input is delivered to this side, start to linger.
    pub linger_next: bool,
    pub keepalive: Option<Keepalive>,
    /// Our Close is acknowledged, and a message that had begun before is still coming.
    pub finishing: Option<Rate>,
    /// It is being left: it has to take our last bytes at this rate.
    pub leaving: Option<Rate>,
    /// It has everything that it is to get: when it took something last.
    pub taking: Option<Instant>,
    /// The user was told that this output is waited for.
    pub waiting_told: bool,
    /// What it got is not the whole, and its far end has to see that.
    pub cut: bool,
    /// It is given up by then.
    pub gone_by: Option<Instant>,
    /// The peer's Close came, or it has hung up.
    pub closed: bool,
    /// The peer or the path is gone.
    pub lost: bool,
}

/// The life of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sink {
    Open,
    /// Close or shut was asked of the driver.
    Ending,
    /// Our Close is on the wire, unanswered.
    CloseSent(Wait),
    Done,
}

impl Side {
    pub(super) fn new(kind: SideKind, keepalive: Option<Keepalive>, now: Instant) -> Self {
        Self {
            kind,
            output: "the output".to_owned(),
            patience: Patience::Endless,
            ended: false,
            sink: Sink::Open,
            close_code: None,
            released: false,
            release_asked: false,
            discarding: false,
            received_at: now,
            blocked: false,
            held_since: None,
            within: Within::default(),
            heard_at: now,
            heard: 0,
            progress: Progress::new(now),
            away: false,
            renews: false,
            shared: false,
            deaf_since: None,
            lingering: None,
            linger_next: false,
            keepalive,
            finishing: None,
            leaving: None,
            taking: None,
            waiting_told: false,
            cut: false,
            gone_by: None,
            closed: false,
            lost: false,
        }
    }

    /// Whether its silence says nothing about the peer.
    pub(super) fn is_excused(&self) -> bool {
        self.blocked || self.away
    }

    /// Our Close is acknowledged: of what the peer still says, only a message that has begun is waited for.
    pub(super) fn close_acknowledged(&mut self, now: Instant) {
        self.leaving = None;
        self.finishing = self.within.message.then(|| Rate::new(self.heard, now));
    }

    /// More of that message came: our Close goes on waiting, unless it merely trickles.
    pub(super) fn goes_on_finishing(&mut self, now: Instant) {
        let (Some(rate), Sink::CloseSent(wait)) = (&mut self.finishing, &mut self.sink) else { return };
        if rate.is_too_slow(self.heard, now) {
            self.finishing = None;
        } else {
            wait.since = now;
        }
    }

    /// Whether a clock waits for what was sent to be acknowledged.
    pub(super) fn is_awaited(&self) -> bool {
        self.lingering.as_ref().is_some_and(Wait::is_behind)
            || matches!(&self.sink, Sink::CloseSent(wait) if wait.is_behind())
            || self.keepalive.as_ref().is_some_and(Keepalive::watches_queue)
    }

    pub(super) fn is_web_socket(&self) -> bool {
        self.kind == SideKind::WebSocket
    }

    /// Whether a person takes what comes from here for what was received.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.kind, SideKind::WebSocket | SideKind::Datagrams | SideKind::Subject)
    }

    /// Whether answers are waited for after the input ended: it may still answer, and cannot be asked
    /// whether it will. Others never fall silent on a subject: there, only what is counted on is.
    pub(super) fn answers(&self, rules: &Rules) -> bool {
        match self.kind {
            SideKind::WebSocket | SideKind::Datagrams => true,
            SideKind::Subject => rules.count.is_some(),
            SideKind::Standard | SideKind::Stream => false,
        }
    }
}

/// A Close of ours that a side never answered.
pub(super) fn unanswered(cause: &str) -> Fault {
    Fault::new(Exit::CloseUnanswered, "session", format!("our Close was never answered: {cause}"))
}
