//! What the bytes of a link go through: a socket, blocking ends on threads, a child.

use super::{
    Streams,
    stdio::{self, Input, Output as Thread},
};
use crate::{child::Child, net::Stream};
use std::io::{self, Read, Write};

/// What the bytes go through.
pub enum Port {
    /// A socket, read and written in place.
    Stream(Stream),
    /// Blocking ends on threads; either may be missing.
    Threads(Threads),
    /// A child process.
    Child(Box<Child>),
}

/// The ends of a port whose reads and writes block.
pub struct Threads {
    pub(super) input: Option<Input>,
    pub(super) output: Option<Thread>,
    pub(super) standard: bool,
    /// Something was given before this was made.
    pub(super) has_given: bool,
    pub(super) terminal: bool,
    pub(super) to_terminal: bool,
}

impl Port {
    /// The standard streams; `read` tells whether standard input is wanted.
    pub fn standard(streams: Streams, read: bool, write: bool) -> Self {
        let output = if write { streams.output } else { Box::new(io::sink()) };
        Self::Threads(Threads {
            input: read.then(|| stdio::read_on_thread(streams.input)),
            output: Some(stdio::write_on_thread(output, streams.output_gone)),
            standard: true,
            has_given: false,
            terminal: read && streams.input_is_terminal,
            to_terminal: write && streams.output_is_terminal,
        })
    }

    /// The same when what it had was `taken` by somebody else, to its end.
    pub fn after(mut self, taken: bool) -> Self {
        if let Self::Threads(threads) = &mut self {
            threads.has_given = taken;
        }
        self
    }

    /// A file to read from.
    pub fn reader(from: impl Read + Send + 'static) -> Self {
        let input = Some(stdio::read_on_thread(Box::new(from)));
        Self::Threads(Threads {
            input,
            output: None,
            standard: false,
            has_given: false,
            terminal: false,
            to_terminal: false,
        })
    }

    /// A file to write to.
    pub fn writer(to: impl Write + Send + 'static) -> Self {
        let output = Some(stdio::write_on_thread(Box::new(to), None));
        Self::Threads(Threads {
            input: None,
            output,
            standard: false,
            has_given: false,
            terminal: false,
            to_terminal: false,
        })
    }

    /// Whether a person sees what is written.
    pub fn writes_to_a_terminal(&self) -> bool {
        matches!(self, Self::Threads(Threads { to_terminal: true, .. }))
    }
}
