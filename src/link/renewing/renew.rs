//! The interface between a renewing link and the code that opens its connections.

use crate::{
    fault::Result,
    session::Doubt,
    ws::conn::{Conn, End},
};
use bytes::Bytes;
use std::{
    task::{Context, Poll},
    time::Duration,
};
use tokio_tungstenite::tungstenite::Message;

/// Opens a connection again.
pub trait Renew: Send {
    /// Returns whether a connection that ended so is worth opening again.
    fn is_wanted(&self, end: &End) -> bool;

    /// The connection is gone; from here on [`poll_open`](Self::poll_open) is asked.
    fn lost(&mut self, loss: Loss);

    /// The peer confirms nothing, for so long: from here on input goes on without.
    fn unconfirmed(&mut self, waited: Duration);

    /// The next connection, or the last try's fault.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<Renewed>>;
}

/// Account of a lost connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Why it is gone.
    pub cause: String,
    /// Input that was sent and is not proved to have arrived.
    pub doubt: Doubt,
    /// Time for which no message had gone either way, where that may be the cause.
    pub silence: Option<Duration>,
}

/// Terms on which input is proved to have arrived.
#[derive(Clone, Copy, Debug)]
pub struct Confirming {
    /// Pings are sent behind it, whose pongs are the proof.
    pub pings: bool,
    /// Longest time that pongs may stay away while input waits for them; `None` for ever.
    pub timeout: Option<Duration>,
    /// Input in doubt when a connection is lost is sent again on the next one.
    pub resend: bool,
}

/// A connection that was opened again.
pub struct Renewed {
    /// The connection.
    pub conn: Conn,
    /// Sent before anything else.
    pub first: Vec<Message>,
    /// Tells of the gap, for sinks that want events.
    pub record: Bytes,
}
