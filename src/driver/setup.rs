//! The setup of a pair.

use crate::{
    fault::Fault,
    link::budget::Seat,
    observe::Reporter,
    plan::AutoSend,
    session::{Instant, Rules},
};
use std::{future::Future, pin::Pin};
use tokio_tungstenite::tungstenite::Message;

/// Everything that a pair needs beside its links.
pub struct Setup {
    /// Endings, deadlines, keepalive.
    pub rules: Rules,
    /// The WebSocket was accepted, not dialled.
    pub serving: bool,
    /// Time at which the whole run is over.
    pub timeout_at: Option<Instant>,
    /// Sent to the WebSocket side before anything else.
    pub first: Vec<Message>,
    /// Generated messages for the WebSocket: heartbeats and answers.
    pub auto_send: AutoSend,
    /// Bytes that are read ahead of an output that takes nothing; `None` reads nothing ahead.
    pub read_ahead: Option<usize>,
    /// Its share of the memory for unfinished messages, in a server.
    pub seat: Option<Seat>,
    /// Messages of the WebSocket are not delivered.
    pub send_only: bool,
    /// Ready with a fault when the session has to end: a signal, or something expected that is not so.
    pub stop: Pin<Box<dyn Future<Output = Fault> + Send>>,
    /// Takes the notes.
    pub reporter: Reporter,
}
