//! `--record`: every message of every WebSocket into a file, as JSON records, as HAR or as a script.
//!
//! One thread writes; what waits for it is bounded, and a connection whose records find no room waits
//! with them, so that a recording is complete or the fault says why it is not.

use super::{Close, Queue, closing, har};
use crate::{
    exit::Exit,
    fault::{Fault, Result, printable},
    framing::record::{Dir, Facts, Record, Tally, What},
    observe::Tap,
    os_error,
    script::transcript::Transcript,
    session::{Instant, SourceEnd},
    ws::conn::KEEPALIVE,
};
use bytes::Bytes;
use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    future::poll_fn,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};
use tokio::{runtime::Handle, sync::oneshot, task::spawn_blocking};
use tokio_tungstenite::tungstenite::Message;

/// Records written at once.
const BATCH: usize = 1024;

/// An open recording.
pub struct Recorder {
    queue: Queue,
    form: Form,
    written: Mutex<Option<oneshot::Receiver<io::Result<()>>>>,
    /// `None` is standard output.
    path: Option<PathBuf>,
}

enum Form {
    /// JSON, one record a line.
    Records,
    /// Connections that are open: an entry is one JSON object.
    Har(Entries),
    /// Statements of a script that says and expects the same again.
    Script,
}

type Entries = Mutex<HashMap<Option<u64>, Arc<Mutex<har::HarEntry>>>>;

impl Recorder {
    /// Makes the file anew; one whose name ends in `.har` becomes HAR, in `.wsio` a script.
    ///
    /// # Errors
    /// Exit 23 when it cannot be written.
    pub async fn start(path: &Path) -> Result<Self> {
        let path = path.to_owned();
        let ends_in = |name| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(name));
        let form = match (ends_in("har"), ends_in("wsio")) {
            (true, _) => Form::Har(Entries::default()),
            (_, true) => Form::Script,
            _ => Form::Records,
        };
        let opening = path.clone();
        // Opening a FIFO waits for its reader.
        let opened = spawn_blocking(move || File::create(opening)).await;
        let file = opened.unwrap_or_else(|error| Err(io::Error::other(error)));
        let file = file.map_err(|error| unwritable(Some(&path), &error))?;
        let close = closing(&file).map_err(|error| unwritable(Some(&path), &error))?;
        Ok(Self::writing(Box::new(file), Some(close), Some(path), form))
    }

    /// JSON records on standard output.
    pub fn on(output: Box<dyn Write + Send>) -> Self {
        Self::writing(output, None, None, Form::Records)
    }

    fn writing(to: Box<dyn Write + Send>, close: Option<Close>, path: Option<PathBuf>, form: Form) -> Self {
        let (queue, runtime) = (Queue::default(), Handle::current());
        let (done, mut written) = oneshot::channel();
        let (source, har) = (queue.clone(), matches!(form, Form::Har(_)));
        let writing = move || {
            let written = write(to, &source, &runtime, har);
            let result = written.and_then(|()| close.map_or(Ok(()), |close| close()));
            // Nobody waits for a disk that takes nothing.
            source.finish(SourceEnd::Absent);
            let _ = done.send(result);
        };
        match super::hire() {
            Ok([worker]) => worker.run(writing),
            Err(error) => {
                // It is told when the recording is to be finished; nobody waits for it until then.
                let (failed, unwritten) = oneshot::channel();
                let _ = failed.send(Err(error));
                queue.finish(SourceEnd::Absent);
                written = unwritten;
            }
        }
        Self { queue, form, written: Mutex::new(Some(written)), path }
    }

    /// Notes that a connection is open, with what of it may be told, and gives the tap that records its
    /// messages.
    pub fn open(&self, conn: Option<u64>, facts: &Facts) -> Box<dyn Tap> {
        let queue = self.queue.clone();
        match &self.form {
            Form::Records => {
                self.push(Record::new(conn, None, What::Open(facts)).line());
                Box::new(Lines { queue, conn })
            }
            Form::Har(entries) => {
                let entry = Arc::new(Mutex::new(har::HarEntry::new(conn, facts.clone())));
                lock(entries).insert(conn, Arc::clone(&entry));
                Box::new(Collected(entry))
            }
            Form::Script => {
                self.push(transcript_head(facts));
                Box::new(Statements::new(queue))
            }
        }
    }

    /// Notes that a session is over.
    pub fn end(&self, conn: Option<u64>, tally: &Tally) {
        match &self.form {
            Form::Records => self.push(Record::new(conn, None, What::End(tally)).line()),
            Form::Har(entries) => {
                let entry = lock(entries).remove(&conn);
                if let Some(entry) = entry {
                    self.push(lock(&entry).finish(tally));
                }
            }
            Form::Script => self.push(transcript_tail(tally)),
        }
    }

    /// Writes everything out.
    ///
    /// # Errors
    /// Exit 23 when something could not be written.
    pub async fn finish(&self) -> Result<()> {
        self.queue.finish(SourceEnd::Absent);
        let Some(written) = lock(&self.written).take() else { return Ok(()) };
        match written.await {
            Ok(Err(error)) => Err(unwritable(self.path.as_deref(), &error)),
            _ => Ok(()),
        }
    }

    fn push(&self, bytes: Vec<u8>) {
        self.queue.push(Message::Binary(bytes.into()));
    }
}

fn unwritable(path: Option<&Path>, error: &io::Error) -> Fault {
    let Some(path) = path else {
        let cause = format!("cannot write standard output: {}", os_error::words(error));
        return Fault::new(Exit::unwritten(error), "session", cause);
    };
    let cause = format!("cannot write {}: {}", path.display(), os_error::words(error));
    Fault::new(Exit::WriteError, "record", cause).hint("name another file with --record")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes what comes until the queue has ended.
fn write(mut file: Box<dyn Write + Send>, queue: &Queue, runtime: &Handle, har: bool) -> io::Result<()> {
    let (mut batch, mut first) = (VecDeque::new(), true);
    if har {
        file.write_all(har::head().as_bytes())?;
    }
    loop {
        runtime.block_on(poll_fn(|cx| queue.poll_pop(cx, &mut batch, BATCH)));
        if batch.is_empty() {
            break;
        }
        let mut bytes = Vec::new();
        for message in batch.drain(..) {
            if har && !std::mem::take(&mut first) {
                bytes.extend_from_slice(b",\n");
            }
            bytes.extend_from_slice(&message.into_data());
        }
        file.write_all(&bytes)?;
    }
    if har {
        file.write_all(har::TAIL.as_bytes())?;
    }
    file.flush()
}

/// Records as lines.
struct Lines {
    queue: Queue,
    conn: Option<u64>,
}

impl Tap for Lines {
    fn tell(&mut self, dir: Dir, message: &Message) {
        if let Some(what) = What::of(message) {
            let line = Record::new(self.conn, Some(dir), what).line();
            self.queue.push(Message::Binary(line.into()));
        }
    }

    fn record(&mut self, record: &Bytes) {
        self.queue.push(Message::Binary(record.clone()));
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.queue.poll_room(cx, WAITING)
    }
}

/// Messages of a HAR entry, kept until the connection has ended: an entry is one JSON object.
struct Collected(Arc<Mutex<har::HarEntry>>);

impl Tap for Collected {
    fn tell(&mut self, dir: Dir, message: &Message) {
        lock(&self.0).push(dir, message);
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// Bytes of records that may wait for the disk.
pub(super) const WAITING: usize = 4 * 1024 * 1024;

/// Puts statements into a queue.
pub(super) struct Statements {
    queue: Queue,
    transcript: Transcript,
}

impl Statements {
    pub(super) fn new(queue: Queue) -> Self {
        Self { queue, transcript: Transcript::default() }
    }
}

impl Tap for Statements {
    fn tell(&mut self, dir: Dir, message: &Message) {
        // Keepalive pings and their pongs are no part of the conversation.
        if matches!((dir, message), (Dir::Out, Message::Ping(payload)) | (Dir::In, Message::Pong(payload)) if payload.starts_with(KEEPALIVE))
        {
            return;
        }
        if let Some(text) = self.transcript.tell(dir, message, Instant::now()) {
            self.queue.push(Message::Binary(text.into()));
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.queue.poll_room(cx, WAITING)
    }
}

/// The comment at the top.
fn transcript_head(facts: &Facts) -> Vec<u8> {
    let time = humantime::format_rfc3339_seconds(std::time::SystemTime::now());
    let place = facts.url.as_deref().unwrap_or(&facts.peer);
    let subprotocol =
        facts.subprotocol.as_ref().map_or(String::new(), |name| format!(", subprotocol {name}"));
    let version = env!("CARGO_PKG_VERSION");
    format!("# wsio {version}, {time}: {}\n", printable(&format!("{place}{subprotocol}"))).into_bytes()
}

/// The comment at the end; none when all went well.
fn transcript_tail(tally: &Tally) -> Vec<u8> {
    tally
        .cause
        .as_ref()
        .map_or_else(Vec::new, |cause| format!("# exit {}: {}\n", tally.exit, printable(cause)).into_bytes())
}
