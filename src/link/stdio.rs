//! The standard streams, and the threads for byte ends that block.
//!
//! `O_NONBLOCK` is never set on a descriptor we were given (it is shared with whoever gave it), so
//! blocking reads and writes happen on threads of our own with a bounded queue. The threads are not
//! joined: a blocked read must not hold the process up.

use super::{Close, InputFile, OutputFile, Prompt, Worker, workers::hire_one};
use crate::framing;
use bytes::{Bytes, BytesMut};
use std::{
    future::Future,
    io::{self, Read, Write},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// Bytes read at once.
pub(super) const CHUNK: usize = 256 * 1024;
/// Longest time that writing the last words may take, when nobody reads them.
const AFTERWORD: Duration = Duration::from_secs(1);
/// Chunks that may wait on either side of a thread.
const DEPTH: usize = 2;

/// The standard streams as the process was given them.
pub struct Streams {
    /// Standard input, unbuffered.
    pub input: Box<dyn Read + Send>,
    /// Handle that tells what standard input still holds, where that is a file, a pipe or a socket.
    pub input_file: Option<Arc<InputFile>>,
    /// Standard output, unbuffered.
    pub output: Box<dyn Write + Send>,
    /// Standard output where it can be written in place.
    pub output_file: Option<OutputFile>,
    /// Closes standard output, for the error that only this tells.
    pub close_output: Option<Close>,
    /// Standard input is a terminal: its end is a person's Ctrl-D.
    pub input_is_terminal: bool,
    /// Standard output is a terminal: it acts on control characters.
    pub output_is_terminal: bool,
}

/// Threads for those of the standard streams that cannot be read or written in place.
#[derive(Default)]
pub struct Workers {
    /// Reads.
    pub reader: Option<Worker>,
    /// Writes.
    pub writer: Option<Worker>,
}

/// Starts a prompt that greets with this line; `None` when the terminal cannot be one.
pub type OpenPrompt = Box<dyn FnOnce(&str) -> Option<Prompt> + Send>;

/// The standard streams, to be taken by the one link that uses them.
#[derive(Default)]
pub struct Stdio {
    streams: Mutex<Option<Streams>>,
    input_file: Option<Arc<InputFile>>,
    output: Option<SharedStreams>,
    close: Mutex<Option<Close>>,
    prompt: Mutex<Option<OpenPrompt>>,
    names_clients: bool,
}

impl Stdio {
    /// Holds the streams until somebody takes them.
    pub fn new(mut streams: Streams) -> Self {
        let output = SharedStreams(Arc::new(Mutex::new(streams.output)));
        streams.output = Box::new(output.clone());
        let close = Mutex::new(streams.close_output.take());
        let input_file = streams.input_file.clone();
        let streams = Mutex::new(Some(streams));
        Self { streams, input_file, output: Some(output), close, ..Self::default() }
    }

    /// The same streams, on a terminal that can be a prompt.
    #[must_use]
    pub fn with_prompt(self, open: OpenPrompt) -> Self {
        Self { prompt: Mutex::new(Some(open)), ..self }
    }

    /// The same streams; on output that many speak to, whoever speaks is named.
    #[must_use]
    pub fn naming_clients(self, names_clients: bool) -> Self {
        Self { names_clients, ..self }
    }

    /// True when each speaker is named on output that many speak to.
    pub fn names_clients(&self) -> bool {
        self.names_clients
    }

    /// True when a prompt may be opened in place of the streams.
    pub fn has_prompt(&self) -> bool {
        self.prompt.lock().is_ok_and(|prompt| prompt.is_some())
    }

    /// Hires the threads that the streams need, before they are taken, which nobody could take again.
    ///
    /// # Errors
    /// The system's, when it has no thread to give.
    pub fn hire(&self) -> io::Result<Workers> {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let hired = |wanted: bool| wanted.then(hire_one).transpose();
        let streams = streams.as_ref();
        Ok(Workers {
            reader: hired(streams.is_some_and(|streams| streams.input_file.is_none()))?,
            writer: hired(streams.is_some_and(|streams| streams.output_file.is_none()))?,
        })
    }

    /// Takes the streams; `None` the second time.
    pub fn take(&self) -> Option<Streams> {
        self.streams.lock().ok()?.take()
    }

    /// Handle that tells what standard input still holds, no matter which link reads it.
    pub fn input_file(&self) -> Option<Arc<InputFile>> {
        self.input_file.clone()
    }

    /// Opens the prompt in place of the streams, where there is one.
    pub fn prompt(&self, greeting: &str) -> Option<Prompt> {
        let open = self.prompt.lock().ok()?.take()?;
        open(greeting)
    }

    /// Writes to standard output what comes after everything else; a reader that has left is no fault.
    pub async fn afterword(&self, bytes: Vec<u8>) {
        let _ = tokio::time::timeout(AFTERWORD, self.write(bytes)).await;
    }

    /// Writes to standard output, which no link has taken.
    ///
    /// # Errors
    /// The system's.
    pub async fn write(&self, bytes: Vec<u8>) -> io::Result<()> {
        let Some(mut output) = self.output() else { return Ok(()) };
        let write = move || output.write_all(&bytes).and_then(|()| output.flush());
        tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Closes standard output, which nobody writes any more.
    ///
    /// # Errors
    /// The system's, such as a quota that is used up.
    pub async fn close(&self) -> io::Result<()> {
        let close = self.close.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(close) = close else { return Ok(()) };
        tokio::task::spawn_blocking(close).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Standard output, to be written by somebody who is no link.
    pub fn output(&self) -> Option<Box<dyn Write + Send>> {
        Some(Box::new(self.output.clone()?))
    }
}

/// Standard output, for the link that writes it and for what is said after that.
#[derive(Clone)]
struct SharedStreams(Arc<Mutex<Box<dyn Write + Send>>>);

impl SharedStreams {
    fn lock(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for SharedStreams {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

/// The sending end of a writer thread.
pub(super) struct StdOutput {
    /// Chunks to be written in order; `None` once nothing more comes.
    chunks: Option<mpsc::Sender<Vec<Bytes>>>,
    /// Waiting for a place in the queue.
    waiting: Option<Pin<Box<dyn Future<Output = Reserved> + Send>>>,
    /// Bytes that the thread has written.
    written: Arc<AtomicU64>,
    /// The thread's result: sent when all is written, or at its first error.
    done: oneshot::Receiver<io::Result<()>>,
}

type Reserved = Result<mpsc::OwnedPermit<Vec<Bytes>>, mpsc::error::SendError<()>>;

impl StdOutput {
    /// Hands everything in `out` to the thread; ready when it was taken, not when it is written.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut framing::Output,
    ) -> Poll<io::Result<()>> {
        if out.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let Some(chunks) = &self.chunks else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(chunks.clone().reserve_owned()));
        let reserved = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        match reserved {
            Ok(permit) => {
                permit.send(out.take());
                Poll::Ready(Ok(()))
            }
            Err(_) => self.poll_error(cx).map(Err),
        }
    }

    /// Hands these over before anything else, for which there is a place.
    pub(super) fn begin_with(&self, parts: Vec<Bytes>) {
        if let Some(chunks) = &self.chunks {
            let _ = chunks.try_send(parts);
        }
    }

    /// Bytes that the system has taken so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Lets the thread finish; ready when everything is written.
    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.chunks = None;
        self.waiting = None;
        // A failure that was told already stays told; asking once more would be a panic.
        if self.done.is_terminated() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.done).poll(cx).map(|result| result.unwrap_or(Ok(())))
    }

    /// Ready with an error when the thread gave up.
    pub(super) fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.chunks.is_none() { Poll::Pending } else { self.poll_error(cx) }
    }

    fn poll_error(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.done.is_terminated() {
            return Poll::Ready(io::ErrorKind::BrokenPipe.into());
        }
        let result = ready!(Pin::new(&mut self.done).poll(cx));
        Poll::Ready(result.unwrap_or(Ok(())).err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()))
    }
}

/// Makes room for the next read of a chunk, in the memory of the last one if nothing that was cut out of it is left anywhere.
///
/// A chunk stays in memory as a whole for as long as a part of it waits, so one that a short read left partly
/// empty is filled up.
pub(super) fn make_room(buffer: &mut BytesMut, chunk: usize) {
    if !buffer.try_reclaim(chunk) && buffer.capacity() < chunk / 4 {
        *buffer = BytesMut::with_capacity(chunk);
    }
}

/// Reads on a thread of its own until the end, an error, or nobody listens.
pub(super) fn read_on_thread(
    worker: Worker,
    mut from: Box<dyn Read + Send>,
) -> mpsc::Receiver<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(DEPTH);
    worker.run(move || {
        let mut buffer = BytesMut::new();
        loop {
            make_room(&mut buffer, CHUNK);
            buffer.resize(buffer.capacity(), 0);
            let read = from.read(&mut buffer);
            let last = !matches!(read, Ok(1..));
            let item = match read {
                Ok(0) => return,
                Ok(length) => Ok(buffer.split_to(length).freeze()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            if sender.blocking_send(item).is_err() || last {
                return;
            }
        }
    });
    receiver
}

/// Writes on a thread of its own until the sender is dropped or a write fails, and closes what it wrote.
pub(super) fn write_on_thread(
    worker: Worker,
    mut to: Box<dyn Write + Send>,
    close: Option<Close>,
) -> StdOutput {
    let (chunks, mut receiver) = mpsc::channel::<Vec<Bytes>>(DEPTH);
    let (report, done) = oneshot::channel();
    let written = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&written);
    worker.run(move || {
        let result = (|| {
            while let Some(chunks) = receiver.blocking_recv() {
                for chunk in chunks {
                    write_counting(&mut to, &chunk, &count)?;
                }
            }
            to.flush()?;
            close.map_or(Ok(()), |close| close())
        })();
        // The queue is closed before the report, so that nothing more is handed over once a failure is known.
        drop(receiver);
        let _ = report.send(result);
    });
    StdOutput { chunks: Some(chunks), waiting: None, written, done }
}

/// Writes all of it, and counts what is written as it is.
fn write_counting(to: &mut dyn Write, mut bytes: &[u8], count: &AtomicU64) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(step) => {
                count.fetch_add(step as u64, Ordering::Release);
                bytes = &bytes[step..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    /// Takes nothing.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn worker() -> Worker {
        let [worker] = crate::link::hire().unwrap();
        worker
    }

    /// Takes three bytes at a time.
    struct Narrow;

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len().min(3))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn short_reads_that_wait_share_their_memory() {
        /// Gives 10,000 bytes at a time.
        struct Short(usize);
        impl Read for Short {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                let length = into.len().min(10_000);
                into[..length].fill(self.0 as u8);
                Ok(length)
            }
        }
        let mut input = read_on_thread(worker(), Box::new(Short(0)));
        let (mut waiting, mut chunks) = (Vec::new(), 1);
        for number in 1..=1000_usize {
            let bytes = input.recv().await.unwrap().unwrap();
            assert!(bytes.iter().all(|byte| *byte == number as u8));
            waiting.push(bytes);
        }
        for pair in waiting.windows(2) {
            chunks += usize::from(pair[0].as_ptr().wrapping_add(pair[0].len()) != pair[1].as_ptr());
        }
        let held = chunks * CHUNK;
        assert!(held < 2 * 1000 * 10_000, "{held} bytes are held by 10,000,000");
    }

    #[tokio::test]
    async fn every_byte_that_is_written_counts() {
        let mut output = write_on_thread(worker(), Box::new(Narrow), None);
        let mut bytes = framing::Output::default();
        bytes.push_slice(b"in four pieces");
        poll_fn(|cx| output.poll_send(cx, &mut bytes)).await.unwrap();
        poll_fn(|cx| output.poll_finish(cx)).await.unwrap();
        assert_eq!(output.written(), 14);
    }

    #[tokio::test]
    async fn what_only_the_close_tells_is_a_failure() {
        let close = || Err(io::ErrorKind::QuotaExceeded.into());
        let mut output = write_on_thread(worker(), Box::new(Vec::new()), Some(Box::new(close)));
        let mut bytes = framing::Output::default();
        bytes.push_slice(b"written");
        poll_fn(|cx| output.poll_send(cx, &mut bytes)).await.unwrap();
        let error = poll_fn(|cx| output.poll_finish(cx)).await.unwrap_err();
        assert_eq!((error.kind(), output.written()), (io::ErrorKind::QuotaExceeded, 7));
    }

    #[tokio::test]
    async fn an_output_whose_failure_was_told_can_still_be_finished() {
        let (mut output, mut bytes) =
            (write_on_thread(worker(), Box::new(Full), None), framing::Output::default());
        bytes.push_slice(b"never written");
        poll_fn(|cx| output.poll_send(cx, &mut bytes)).await.unwrap();
        let error = poll_fn(|cx| output.poll_broken(cx)).await;
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        bytes.push_slice(b"neither is this");
        assert!(poll_fn(|cx| output.poll_send(cx, &mut bytes)).await.is_err());
        poll_fn(|cx| output.poll_finish(cx)).await.unwrap();
    }
}
