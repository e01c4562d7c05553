//! Rules that the members of a room can rely on.

/// Treatment of a member that does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slow {
    /// Those whose queue is full hold the others up for 1 s in any 30 s, then they are closed with 1013.
    #[default]
    Disconnect,
    /// Messages that do not fit its queue are dropped for it, and counted.
    Drop,
    /// Everybody waits for it, as long as it takes; what cannot wait goes on without it.
    Wait,
}

/// The rules of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomRules {
    /// Bytes that may wait for one member. Payloads are shared with the other members. Default 16 MiB.
    pub queue: usize,
    /// Treatment of a member that does not keep up.
    pub slow: Slow,
    /// Number of past messages that a later member hears first.
    pub last: usize,
}

impl Default for RoomRules {
    fn default() -> Self {
        Self { queue: 16 * 1024 * 1024, slow: Slow::default(), last: 0 }
    }
}

/// Kind of source that a member speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// An input that nobody else depends on: it waits for one alone, and for those that take enough.
    Source,
    /// One of many.
    Member,
    /// Something that cannot be held up: what it says is lost when nobody takes it.
    Live,
}
