//! Ports, through which the bytes of a link go: a socket, files and standard streams, a child.

use super::{
    InputFile, OutputFile, Patient, Streams, Workers,
    close::closing,
    in_place::{FileInput, FileOutput},
    workers::hire_one,
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
    /// Files and the standard streams; either way may be missing.
    Files(Files),
    /// A child process.
    Child(Box<Child>),
}

/// The ends of a port that are files of any kind.
#[derive(Default)]
pub struct Files {
    pub(super) input: Option<Box<FileInput>>,
    /// Handle that tells what the input still holds, and the position at which reading began.
    pub(super) input_file: Option<(Arc<InputFile>, u64)>,
    pub(super) output: Option<Box<FileOutput>>,
    pub(super) standard: bool,
    /// Something was given before this was made.
    pub(super) has_given: bool,
    pub(super) terminal: bool,
    pub(super) to_terminal: bool,
}

impl Port {
    /// The standard streams, with the threads that they need; `read` tells whether standard input is wanted.
    pub fn standard(workers: Workers, streams: Streams, read: bool) -> Self {
        let input_file = streams.input_file.filter(|_| read);
        let output = FileOutput::new(workers.writer, streams.output, None, streams.output_file);
        Self::Files(Files {
            input_file: input_file.clone().map(|file| (Arc::clone(&file), file.position())),
            input: read.then(|| Box::new(FileInput::new(workers.reader, streams.input, input_file))),
            output: Some(Box::new(output.watched())),
            standard: true,
            has_given: false,
            terminal: read && streams.input_is_terminal,
            to_terminal: streams.output_is_terminal,
        })
    }

    /// The same when what it had was `taken` by somebody else, to its end.
    pub fn after(mut self, taken: bool) -> Self {
        if let Self::Files(threads) = &mut self {
            threads.has_given = taken;
        }
        self
    }

    /// A file to read from.
    ///
    /// # Errors
    /// Those of looking at it; when the system has no more threads.
    pub fn reader(file: File) -> io::Result<Self> {
        let (from, input_file) = InputFile::open(file)?;
        let worker = input_file.is_none().then(hire_one).transpose()?;
        Ok(Self::Files(Files {
            input_file: input_file.clone().map(|file| (Arc::clone(&file), file.position())),
            input: Some(Box::new(FileInput::new(worker, from, input_file))),
            ..Files::default()
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
        let (in_place, close, to_terminal) = (OutputFile::of(&file)?, closing(&file)?, file.is_terminal());
        let worker = in_place.is_none().then(hire_one).transpose()?;
        let output = FileOutput::new(worker, writer(Patient::new(file)), Some(close), in_place);
        Ok(Self::Files(Files { output: Some(Box::new(output)), to_terminal, ..Files::default() }))
    }

    /// True when output goes to a terminal, where a person sees it.
    pub fn writes_to_a_terminal(&self) -> bool {
        matches!(self, Self::Files(Files { to_terminal: true, .. }))
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
