//! Ports, through which the bytes of a link go: a socket, blocking ends on threads, a child.

use super::{
    InputFile, Patient, Streams, Worker,
    close::closing,
    hire,
    stdio::{self, Input, StdOutput as Thread},
};
use crate::{child::Child, stream::Stream};
use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    sync::Arc,
};

/// Way in and out for the bytes of a link.
pub enum Port {
    /// A socket, read and written in place.
    Stream(Stream),
    /// Blocking ends on threads; either may be missing.
    Threads(Threads),
    /// A child process.
    Child(Box<Child>),
}

/// The ends of a port whose reads and writes block.
#[derive(Default)]
pub struct Threads {
    pub(super) input: Option<Input>,
    /// Handle that tells what the input still holds, and the position at which reading began.
    pub(super) input_file: Option<(Arc<InputFile>, u64)>,
    pub(super) output: Option<Thread>,
    pub(super) standard: bool,
    /// Something was given before this was made.
    pub(super) has_given: bool,
    pub(super) terminal: bool,
    pub(super) to_terminal: bool,
}

impl Port {
    /// The standard streams, on these threads; `read` tells whether standard input is wanted.
    pub fn standard(workers: [Worker; 3], streams: Streams, read: bool, write: bool) -> Self {
        let [reader, writer, watcher] = workers;
        let output = if write { streams.output } else { Box::new(io::sink()) };
        let input_file = streams.input_file.filter(|_| read);
        Self::Threads(Threads {
            input_file: input_file.map(|file| (Arc::clone(&file), file.position())),
            input: read.then(|| stdio::read_on_thread(reader, streams.input)),
            output: Some(stdio::write_on_thread(
                writer,
                output,
                None,
                streams.output_gone.map(|gone| (watcher, gone)),
            )),
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
    ///
    /// # Errors
    /// Those of looking at it; when the system has no more threads.
    pub fn reader(file: File) -> io::Result<Self> {
        let [worker] = hire()?;
        let (from, input_file) = InputFile::open(file)?;
        Ok(Self::Threads(Threads {
            input_file: input_file.map(|file| (Arc::clone(&file), file.position())),
            input: Some(stdio::read_on_thread(worker, from)),
            ..Threads::default()
        }))
    }

    /// A file to write to.
    ///
    /// # Errors
    /// When the system has no more descriptors or threads.
    pub fn writer(file: File) -> io::Result<Self> {
        Self::writing(file, |to| Box::new(to))
    }

    /// A file to write to, emptied by the first byte that comes for it.
    ///
    /// # Errors
    /// When the system has no more descriptors or threads.
    pub fn writer_anew(file: File) -> io::Result<Self> {
        let old = Some(file.try_clone()?);
        Self::writing(file, |to| Box::new(Anew { old, to }))
    }

    fn writing(file: File, writer: impl FnOnce(Patient) -> Box<dyn Write + Send>) -> io::Result<Self> {
        let [worker] = hire()?;
        let (close, to_terminal) = (closing(&file)?, file.is_terminal());
        let output = stdio::write_on_thread(worker, writer(Patient::new(file)), Some(close), None);
        Ok(Self::Threads(Threads { output: Some(output), to_terminal, ..Threads::default() }))
    }

    /// True when output goes to a terminal, where a person sees it.
    pub fn writes_to_a_terminal(&self) -> bool {
        matches!(self, Self::Threads(Threads { to_terminal: true, .. }))
    }
}

/// A file that keeps what it holds until something else comes for it.
struct Anew {
    /// The file as it was, until it is emptied.
    old: Option<File>,
    to: Patient,
}

impl Write for Anew {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(old) = self.old.take_if(|_| !bytes.is_empty())
            && old.metadata()?.is_file()
        {
            old.set_len(0)?;
        }
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
