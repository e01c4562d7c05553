//! What a pair is set up with.

use crate::{
    fault::Fault,
    link::budget::Seat,
    observe::Reporter,
    plan::Chat,
    session::{Instant, Rules},
};
use std::{future::Future, pin::Pin};
use tokio_tungstenite::tungstenite::Message;

/// What a pair needs beside its links.
pub struct Setup {
    /// Endings, deadlines, keepalive.
    pub rules: Rules,
    /// The WebSocket was accepted, not dialled.
    pub serving: bool,
    /// When the whole run is over.
    pub timeout_at: Option<Instant>,
    /// Sent to the WebSocket side before anything else.
    pub first: Vec<Message>,
    /// What is said to the WebSocket by itself.
    pub chat: Chat,
    /// How much is read ahead of an output that takes nothing, bytes; `None` is nothing.
    pub read_ahead: Option<usize>,
    /// Its share of the memory for unfinished messages, in a server.
    pub seat: Option<Seat>,
    /// What a WebSocket gives is not delivered.
    pub send_only: bool,
    /// Ready with a fault when the session has to end: a signal, or something expected that is not so.
    pub stop: Pin<Box<dyn Future<Output = Fault> + Send>>,
    /// Where notes go.
    pub reporter: Reporter,
}
