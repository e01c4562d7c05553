//! The state that the session keeps of one side of a pair.

use super::{
    Instant, Rules, Within,
    keepalive::Keepalive,
    progress::{Progress, Rate, Wait},
};
use crate::{exit::Exit, fault::Fault};

/// The kind of a side, as far as endings differ.
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

impl SideKind {
    /// True when a user takes messages from such a side for received ones.
    pub(super) fn is_remote(self) -> bool {
        matches!(self, Self::WebSocket | Self::Datagrams | Self::Subject)
    }
}

/// The limit of the wait for an output, once all that it is to get is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainTimeout {
    /// As long as its reader lives, as `cat` waits.
    Never,
    /// Until it has taken nothing for `--close-timeout`.
    CloseTimeout,
}

pub(super) struct SessionSide {
    pub kind: SideKind,
    /// Name of its output in messages to the user.
    pub output: String,
    pub drain_timeout: DrainTimeout,
    /// The source has ended, or is no longer asked.
    pub ended: bool,
    pub sink: SinkState,
    /// Code of our Close, to know an echo of it.
    pub close_code: Option<u16>,
    pub released: bool,
    pub release_asked: bool,
    /// Messages that arrive from here are dropped.
    pub discarding: bool,
    /// Time of the last data message from here.
    pub received_at: Instant,
    /// We refuse to read from here: its silence is ours.
    pub blocked: bool,
    /// Time since which data from here waits for its output, which is too slow.
    pub held_since: Option<Instant>,
    /// The unfinished message and frame that the last byte from here belongs to, and the time of that byte.
    pub within: Within,
    pub heard_at: Instant,
    /// Bytes that came from here.
    pub heard: u64,
    /// Bytes of ours that the transport took, and those that were acknowledged.
    pub progress: Progress,
    /// It is lost, and being opened again.
    pub away: bool,
    /// A lost connection is opened again.
    pub renews: bool,
    /// Its source gives to many peers, which do not wait for one that takes nothing.
    pub shared: bool,
    /// Time at which sending to here failed; what the peer still sends is waited for.
    pub deaf_since: Option<Instant>,
    /// The wait for the peer's silence, when nothing else is waited for.
    pub lingering: Option<Wait>,
    /// Lingering starts once all input is delivered to this side.
    pub linger_next: bool,
    pub keepalive: Option<Keepalive>,
    /// Our Close is acknowledged, and a message that had begun before is still coming.
    pub finishing: Option<Rate>,
    /// It is being left: it has to take our last bytes at this rate.
    pub leaving: Option<Rate>,
    /// Time at which it last took something; set once it has everything that it is to get.
    pub taking: Option<Instant>,
    /// The user was told that this output is waited for.
    pub waiting_told: bool,
    /// Its output is incomplete, and its far end has to see that.
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
pub(super) enum SinkState {
    Open,
    /// Close or shut was asked of the driver.
    Ending,
    /// Our Close is on the wire, unanswered.
    CloseSent(Wait),
    Done,
}

impl SessionSide {
    pub(super) fn new(kind: SideKind, keepalive: Option<Keepalive>, now: Instant) -> Self {
        Self {
            kind,
            output: "the output".to_owned(),
            drain_timeout: DrainTimeout::Never,
            ended: false,
            sink: SinkState::Open,
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

    /// True when its silence says nothing about the peer.
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
        let (Some(rate), SinkState::CloseSent(wait)) = (&mut self.finishing, &mut self.sink) else { return };
        if rate.is_too_slow(self.heard, now) {
            self.finishing = None;
        } else {
            wait.since = now;
        }
    }

    /// True while a clock waits for sent bytes to be acknowledged.
    pub(super) fn is_awaited(&self) -> bool {
        self.lingering.as_ref().is_some_and(Wait::is_behind)
            || matches!(&self.sink, SinkState::CloseSent(wait) if wait.is_behind())
            || self.keepalive.as_ref().is_some_and(Keepalive::watches_queue)
    }

    pub(super) fn is_web_socket(&self) -> bool {
        self.kind == SideKind::WebSocket
    }

    /// True when a user takes messages from here for received ones.
    pub(super) fn is_remote(&self) -> bool {
        self.kind.is_remote()
    }

    /// True when answers are waited for after the input ended: the peer may still send some, and cannot be
    /// asked whether it will. A subject never falls silent, since others publish there too: it is waited for
    /// only when a number of messages is wanted.
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
