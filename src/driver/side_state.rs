//! One side of a pair beside pumping: asking, pinging, letting go.

use crate::{
    link::{Place, Released},
    net::Parting,
    session::{Instant, When},
};
use std::{future::Future, pin::Pin};

/// Work under way at one side beside pumping.
#[derive(Default)]
pub(super) struct SideState {
    pub pending_close: Option<PendingClose>,
    pub ping: bool,
    /// Time at which the ping that is not answered yet went out.
    pub pinged: Option<Instant>,
    pub abandoned: bool,
    /// The messages from here that were left unsent are counted.
    pub settled: bool,
    /// The source here is input, whose unsent rest is told.
    pub is_input: bool,
    /// Position to leave standard input at when the half-written message cannot be finished.
    pub place_unfinished: Option<Place>,
    /// It is to be released so, once what is left of its input is counted.
    pub released_then: Option<Parting>,
    /// Bytes that the output has taken.
    pub written: u64,
    /// The link is lost and being opened again.
    pub away: bool,
    pub releasing: Option<Pin<Box<dyn Future<Output = Released> + Send>>>,
}

impl SideState {
    /// True while there is something to be done.
    pub(super) fn is_at_work(&self) -> bool {
        self.ping || self.abandoned || self.pending_close.is_some() || self.releasing.is_some()
    }
}

pub(super) enum PendingClose {
    Close { code: Option<u16>, reason: String, when: When },
    FlushClose,
    Shut { cut: bool },
}
