//! What the members of a room can rely on.

/// What happens to a member that does not keep up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slow {
    /// Its full queue holds the speaker up for at most 30 s, then it is closed with 1013.
    #[default]
    Disconnect,
    /// What does not fit its queue is dropped for it, and counted.
    Drop,
    /// Everybody waits for it.
    Wait,
}

/// The rules of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Bytes that may wait for one member. Default 1 MiB.
    pub queue: usize,
    /// What happens to one that does not keep up.
    pub slow: Slow,
    /// How many past messages one that comes later hears first.
    pub last: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { queue: 1024 * 1024, slow: Slow::default(), last: 0 }
    }
}
