//! The two ways of a file: read and written by the task that needs it, or on a thread where that would wait.
//!
//! A pipe, a socket and `/dev/null` are read and written in place. So is a regular file, as long as what is
//! read lies in memory; one piece that does not is read on a thread. Terminals, devices, regular files that are
//! written, and everything that turns out to know no read or write that does not wait, have a thread of their
//! own.

use super::{
    Close, InputFile, OutputFile, Worker,
    nowait::{self, Call},
    readiness::Readiness,
    stdio::{self, CHUNK, StdOutput, make_room},
    workers::hire_one,
};
use crate::framing;
use bytes::{Buf, Bytes, BytesMut};
use std::{
    collections::VecDeque,
    fs::File,
    future::Future,
    io::{self, IoSlice, Read, Write},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{sync::mpsc, task::JoinHandle};

/// Slices in one vectored write.
const SLICES: usize = 64;

/// Way in for the bytes of a file.
pub(super) struct FileInput {
    /// Reader for the thread, until that is started or the end was read.
    reader: Option<Box<dyn Read + Send>>,
    in_place: Option<InPlace>,
    thread: Option<mpsc::Receiver<io::Result<Bytes>>>,
}

/// An input that is read by the task that needs it.
struct InPlace {
    file: Arc<InputFile>,
    /// Readiness of a pipe or socket.
    readiness: Option<Readiness>,
    call: Call,
    /// A pipe that was opened once more, since its calls cannot be asked not to wait.
    own: Option<File>,
    buffer: BytesMut,
    /// A piece of a regular file that is read on a thread.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileInput {
    /// Reads on the thread if there is one, and otherwise the file in place, or on a thread that is hired when
    /// that does not go.
    pub(super) fn new(
        worker: Option<Worker>,
        reader: Box<dyn Read + Send>,
        file: Option<Arc<InputFile>>,
    ) -> Self {
        let mut input = Self { reader: Some(reader), in_place: None, thread: None };
        match worker {
            Some(worker) => input.start(worker),
            None => input.in_place = file.map(InPlace::new),
        }
        input
    }

    /// The next chunk; `None` at the end.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        if let Some(in_place) = &mut self.in_place {
            let read = ready!(in_place.poll_next(cx));
            if !matches!(&read, Err(error) if error.kind() == io::ErrorKind::Unsupported) {
                if !matches!(read, Ok(Some(_))) {
                    self.reader = None;
                }
                return Poll::Ready(read);
            }
            self.in_place = None;
        }
        if self.reader.is_some() {
            self.start(hire_one()?);
        }
        match &mut self.thread {
            Some(thread) => thread.poll_recv(cx).map(Option::transpose),
            None => Poll::Ready(Ok(None)),
        }
    }

    fn start(&mut self, worker: Worker) {
        self.thread = self.reader.take().map(|reader| stdio::read_on_thread(worker, reader));
    }

    /// Reads nothing more; gives the number of bytes that were read by a thread and not taken.
    pub(super) fn close(&mut self) -> u64 {
        (self.reader, self.in_place) = (None, None);
        let Some(thread) = &mut self.thread else { return 0 };
        thread.close();
        let mut bytes = 0;
        while let Ok(Ok(chunk)) = thread.try_recv() {
            bytes += chunk.len() as u64;
        }
        bytes
    }
}

impl InPlace {
    fn new(file: Arc<InputFile>) -> Self {
        let readiness = (!file.is_regular()).then(|| Readiness::reading(Arc::clone(file.file())));
        Self { file, readiness, call: Call::NoWait, own: None, buffer: BytesMut::new(), reading: None }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
                return Poll::Ready(read.map(|bytes| (!bytes.is_empty()).then_some(bytes)));
            }
            make_room(&mut self.buffer, CHUNK);
            let Self { file, readiness, call, own, buffer, .. } = self;
            let mut read = || file.read(own.as_ref(), *call, buffer);
            let read = match readiness {
                Some(readiness) => ready!(readiness.poll_read(cx, read)),
                None => read(),
            };
            match read {
                Ok(0) => return Poll::Ready(Ok(None)),
                Ok(_) => return Poll::Ready(Ok(Some(self.buffer.split().freeze()))),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => self.read_on_a_thread(),
                    io::ErrorKind::Unsupported if self.has_another_way() => {}
                    _ => return Poll::Ready(Err(error)),
                },
            }
        }
    }

    /// Reads the next piece of a regular file, for which the disk has to be waited for.
    fn read_on_a_thread(&mut self) {
        let (file, mut buffer) = (Arc::clone(&self.file), std::mem::take(&mut self.buffer));
        self.reading = Some(tokio::task::spawn_blocking(move || {
            loop {
                match file.read(None, Call::Plain, &mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => return read.map(|_| buffer.freeze()),
                }
            }
        }));
    }

    /// The calls cannot be asked not to wait: true where they need not be asked.
    fn has_another_way(&mut self) -> bool {
        if self.call == Call::Plain {
            return false;
        }
        self.call = Call::Plain;
        if self.file.is_regular() {
            return self.file.is_in_memory();
        }
        // Readiness stays the first one's, which knows whether a pipe ever had a writer.
        self.own = nowait::reopen(self.file.file(), false).ok();
        self.own.is_some()
    }
}

/// Way out for the bytes of a file.
pub(super) struct FileOutput {
    /// Writer for the thread, until that is started or nothing more comes.
    writer: Option<Box<dyn Write + Send>>,
    close: Option<Close>,
    /// The file where it is written in place, or only watched since that did not go.
    file: Option<OutputFile>,
    in_place: bool,
    /// The reader is missed as soon as it leaves.
    watched: bool,
    /// Taken to be written in place.
    parts: VecDeque<Bytes>,
    waiting: usize,
    written: u64,
    thread: Option<StdOutput>,
}

impl FileOutput {
    /// Writes on the thread if there is one, and otherwise the file in place, or on a thread that is hired when
    /// that does not go.
    pub(super) fn new(
        worker: Option<Worker>,
        writer: Box<dyn Write + Send>,
        close: Option<Close>,
        file: Option<OutputFile>,
    ) -> Self {
        let mut output = Self {
            writer: Some(writer),
            close,
            in_place: worker.is_none() && file.is_some(),
            file,
            watched: false,
            parts: VecDeque::new(),
            waiting: 0,
            written: 0,
            thread: None,
        };
        if let Some(worker) = worker {
            output.start(worker);
        }
        output
    }

    /// The same, broken as soon as its reader leaves.
    pub(super) fn watched(self) -> Self {
        Self { watched: true, ..self }
    }

    /// Takes everything in `out`; ready when more can be taken.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut framing::Output,
    ) -> Poll<io::Result<()>> {
        if self.in_place {
            self.waiting += out.len();
            match self.parts.is_empty() {
                true => self.parts = out.take().into(),
                false => self.parts.extend(out.take()),
            }
            return self.poll_parts(cx);
        }
        if out.is_empty() {
            return Poll::Ready(Ok(()));
        }
        match self.thread(cx) {
            Ok(Some(thread)) => thread.poll_send(cx, out),
            Ok(None) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Bytes that were taken and are still to be written in place.
    pub(super) fn queued(&self) -> usize {
        self.waiting
    }

    /// Bytes that the system has taken so far.
    pub(super) fn written(&self) -> u64 {
        self.written + self.thread.as_ref().map_or(0, StdOutput::written)
    }

    /// Closes it; ready when everything is written.
    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.in_place {
            ready!(self.poll_parts(cx))?;
        }
        // Whoever reads a FIFO waits for all of its writers to be gone.
        (self.watched, self.file) = (false, None);
        if self.in_place {
            (self.writer, self.in_place) = (None, false);
            return Poll::Ready(self.close.take().map_or(Ok(()), |close| close()));
        }
        match self.thread(cx)? {
            Some(thread) => thread.poll_finish(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Ready with an error when the thread gave up or the reader has left.
    pub(super) fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Some(thread) = &mut self.thread
            && let Poll::Ready(error) = thread.poll_broken(cx)
        {
            return Poll::Ready(error);
        }
        let Some(file) = self.file.as_mut().filter(|_| self.watched) else { return Poll::Pending };
        ready!(file.poll_left(cx));
        self.watched = false;
        Poll::Ready(io::ErrorKind::BrokenPipe.into())
    }

    /// Writes what was taken, as many chunks at once as there are.
    fn poll_parts(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.parts.is_empty() {
            let Some(file) = &mut self.file else { return Poll::Ready(Ok(())) };
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.parts.len().min(SLICES);
            for (slice, part) in slices.iter_mut().zip(&self.parts) {
                *slice = IoSlice::new(part);
            }
            let error = match ready!(file.poll_write(cx, &slices[..count])) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(written) => {
                    self.written += written as u64;
                    self.waiting -= written;
                    advance(&mut self.parts, written);
                    continue;
                }
                Err(error) => error,
            };
            let parts = std::mem::take(&mut self.parts);
            self.waiting = 0;
            self.in_place = false;
            if error.kind() != io::ErrorKind::Unsupported {
                self.writer = None;
                return Poll::Ready(Err(error));
            }
            if let Some(thread) = self.thread(cx)? {
                thread.begin_with(parts.into());
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The thread that writes; none once there was a failure or the end.
    fn thread(&mut self, cx: &mut Context<'_>) -> io::Result<Option<&mut StdOutput>> {
        if self.writer.is_some() {
            self.start(hire_one()?);
            // A failure of it has to be asked for.
            cx.waker().wake_by_ref();
        }
        Ok(self.thread.as_mut())
    }

    fn start(&mut self, worker: Worker) {
        if let Some(writer) = self.writer.take() {
            self.thread = Some(stdio::write_on_thread(worker, writer, self.close.take()));
        }
    }
}

/// Drops so many bytes at the front.
pub(super) fn advance(parts: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(first) = parts.front_mut() {
        if written < first.len() {
            return first.advance(written);
        }
        written -= first.len();
        parts.pop_front();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
