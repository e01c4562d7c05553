//! What a pair does at one side beside pumping: asking, pinging, letting go.

use crate::{
    link::{Place, Released},
    net::Parting,
    session::{Instant, When},
};
use std::{future::Future, pin::Pin};

/// What is being done at one side beside pumping.
#[derive(Default)]
pub(super) struct Leg {
    pub ask: Option<Ask>,
    pub ping: bool,
    /// When the ping that is not answered yet went out.
    pub pinged: Option<Instant>,
    pub abandoned: bool,
    /// What was left of what comes from here is counted.
    pub settled: bool,
    /// What comes from here is input, whose rest is told.
    pub is_input: bool,
    /// Where standard input is left when the message that is being finished cannot be.
    pub place_unfinished: Option<Place>,
    /// It is to be released so, once what is left of its input is counted.
    pub released_then: Option<Parting>,
    /// Bytes that the output has taken.
    pub written: u64,
    /// The link is lost and being opened again.
    pub away: bool,
    pub releasing: Option<Pin<Box<dyn Future<Output = Released> + Send>>>,
}

pub(super) enum Ask {
    Close { code: Option<u16>, reason: String, when: When },
    FlushClose,
    Shut { cut: bool },
}
