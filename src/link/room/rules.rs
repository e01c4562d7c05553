//! What the members of a room can rely on.

/// What happens to a member that does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slow {
    /// Those whose queue is full hold the others up for 1 s in any 30 s, then they are closed with 1013.
    #[default]
    Disconnect,
    /// What does not fit its queue is dropped for it, and counted.
    Drop,
    /// Everybody waits for it, as long as it takes; what cannot wait goes on without it.
    Wait,
}

/// The rules of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Bytes that may wait for one member. Payloads are shared with the other members. Default 16 MiB.
    pub queue: usize,
    /// What happens to one that does not keep up.
    pub slow: Slow,
    /// How many past messages one that comes later hears first.
    pub last: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { queue: 16 * 1024 * 1024, slow: Slow::default(), last: 0 }
    }
}

/// What a member speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// An input that nobody else depends on: it waits for one alone, and for those that take enough.
    Source,
    /// One of many.
    Member,
    /// Something that cannot be held up: what it says is lost when nobody takes it.
    Live,
}
