//! A byte stream behind a framing, as a link.

mod reading;

use super::{
    BATCH, Item, Link, Place, Released, Releasing, Rest,
    in_place::advance,
    is_control,
    port::{Files, Port},
    web_socket::asked,
};
use crate::{
    exit::Exit,
    fault::Fault,
    framing::{Decode, Encode, Output, Piece, Run, record::Facts},
    net::{self, Parting},
    session::{DrainTimeout, Left, SideKind, SinkFailure, SourceEnd},
    stream::SocketRef,
    tls,
};
use bytes::{Bytes, BytesMut};
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    mem::take,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// Bytes read from a socket at once.
const CHUNK: usize = 64 * 1024;
/// The same once a read was filled: more comes than that.
const LARGEST_CHUNK: usize = 256 * 1024;
/// A child that has to be gone by then is hurried.
const AT_ONCE: Duration = Duration::from_millis(100);
/// Ends of messages that are kept before a socket is asked how far the far end is.
const MARKS: usize = 4096;
/// Slices in one vectored write.
const SLICES: usize = 16;

/// Names of a link's two ends, as faults show them.
#[derive(Clone, Debug)]
pub struct Texts {
    /// Such as `standard input` or `tcp:127.0.0.1:22`.
    pub input: String,
    /// Such as `standard output`.
    pub output: String,
}

/// A byte stream and its framing.
pub struct ByteLink {
    port: Port,
    texts: Texts,
    decoder: Box<dyn Decode>,
    encoder: Box<dyn Encode>,
    buffer: BytesMut,
    /// Bytes to read at once.
    chunk: usize,
    /// Bytes read.
    taken: u64,
    /// Of a regular file: up to which byte it is needed no more, and where each message ends that came
    /// after that.
    settled: u64,
    ends: Option<VecDeque<u64>>,
    end: Option<SourceEnd>,
    gives_runs: bool,
    /// A message that is given in pieces has not come to its end.
    is_amid: bool,
    out: Output,
    /// Taken from `out`, on their way into a socket.
    parts: VecDeque<Bytes>,
    in_parts: usize,
    /// Bytes taken from `out` so far.
    handed: u64,
    /// Output positions, bytes: the end of each message that may not be taken yet.
    marks: VecDeque<u64>,
    failed: bool,
    /// The far end has reset the connection, which its sink has not told yet.
    is_reset: bool,
    /// Messages and bytes that were not delivered when it failed.
    lost: (u64, u64),
    /// A child has not come to its end and is to take everything: what it had refused before that, bytes.
    owed: Option<u64>,
}

impl ByteLink {
    /// A port with a framing for either way.
    pub fn new(port: Port, texts: Texts, decoder: Box<dyn Decode>, encoder: Box<dyn Encode>) -> Self {
        let end = matches!(&port, Port::Files(Files { input: None, .. })).then_some(SourceEnd::Absent);
        let regular =
            matches!(&port, Port::Files(Files { input_file: Some((file, _)), .. }) if file.is_regular());
        Self {
            port,
            texts,
            decoder,
            encoder,
            buffer: BytesMut::new(),
            chunk: CHUNK,
            taken: 0,
            settled: 0,
            ends: regular.then(VecDeque::new),
            end,
            gives_runs: false,
            is_amid: false,
            out: Output::default(),
            parts: VecDeque::new(),
            in_parts: 0,
            handed: 0,
            marks: VecDeque::new(),
            failed: false,
            is_reset: false,
            lost: (0, 0),
            owed: None,
        }
    }

    /// Bytes that were given as messages.
    fn given_bytes(&self) -> u64 {
        self.taken.saturating_sub(self.decoder.held() as u64)
    }

    fn drop_output(&mut self) {
        self.lost = self.undelivered();
        self.failed = true;
        self.out.take();
        self.parts.clear();
        self.marks.clear();
        self.in_parts = 0;
    }

    /// Reads nothing more; gives what was read or is still to be read, and was not given.
    fn unread(&mut self) -> Rest {
        if let (Port::Child(child), None) = (&self.port, &self.end) {
            self.owed.get_or_insert(child.refused());
        }
        let asked = matches!(self.end, Some(SourceEnd::Asked { .. }));
        if asked || matches!(self.end, Some(SourceEnd::Eof { .. } | SourceEnd::Absent)) {
            return Rest::default();
        }
        let held = self.decoder.held() as u64;
        let Port::Files(Files { input: Some(input), input_file, terminal, .. }) = &mut self.port else {
            return Rest { bytes: held, at_least: false };
        };
        let read = input.close();
        if *terminal {
            // Lines that were typed and not taken are for the next reader of the terminal, and not counted.
            return Rest { bytes: held, at_least: false };
        }
        if let Some((file, begin)) = input_file {
            let rest = file.rest(*begin + self.taken);
            return Rest { bytes: held + rest.bytes, ..rest };
        }
        Rest { bytes: held + read, at_least: false }
    }

    /// Closes the transport, and counts what was lost by that.
    async fn leave(self, parting: Parting) -> Released {
        let written = self.written();
        match self.port {
            Port::Child(child) => {
                // Output of a child behind its request to close was never to be sent.
                let asked = matches!(self.end, Some(SourceEnd::Asked { .. }));
                let at_once = parting.by.is_some_and(|by| by <= Instant::now() + AT_ONCE);
                let untaken = self.owed.map_or(0, |before| child.refused() - before);
                let late = child.release(at_once).await;
                let late = if asked { 0 } else { late };
                Released { late, untaken, lost: (0, untaken), ..Released::default() }
            }
            Port::Stream(mut stream) => {
                let late = net::part(&mut stream, parting).await;
                // An end of TCP that is not acknowledged counts as a byte; a stream that is cut has none.
                let ends = matches!(stream.beneath().socket, Some(SocketRef::Tcp(_))) && !parting.cut;
                let untaken = stream.backlog().unwrap_or(0).saturating_sub(u64::from(ends));
                let taken = written.saturating_sub(untaken);
                let behind = |end: &&u64| (taken + 1..=written).contains(end);
                let lost = match stream.beneath().socket {
                    Some(SocketRef::Unix(_)) => (0, 0),
                    _ => (self.marks.iter().filter(behind).count() as u64, untaken),
                };
                Released { late, untaken, lost, ..Released::default() }
            }
            Port::Files(_) => Released::default(),
        }
    }

    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.failed {
            return Poll::Ready(Ok(()));
        }
        match &mut self.port {
            Port::Files(Files { output: Some(output), .. }) => {
                let length = self.out.len() as u64;
                let sent = output.poll_send(cx, &mut self.out);
                self.handed += length - self.out.len() as u64;
                sent
            }
            Port::Files(_) => {
                // Nobody is there to take it, and nobody misses it.
                self.handed += self.out.len() as u64;
                self.out.take();
                Poll::Ready(Ok(()))
            }
            port => {
                for part in self.out.take() {
                    self.in_parts += part.len();
                    self.handed += part.len() as u64;
                    self.parts.push_back(part);
                }
                while !self.parts.is_empty() {
                    let slices: Vec<_> =
                        self.parts.iter().take(SLICES).map(|part| IoSlice::new(part)).collect();
                    let written = match port {
                        Port::Stream(stream) => ready!(stream.as_mut().poll_write_vectored(cx, &slices))?,
                        Port::Child(child) => ready!(child.poll_write(cx, &slices)),
                        Port::Files(_) => 0,
                    };
                    if written == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    self.in_parts -= written;
                    advance(&mut self.parts, written);
                }
                match port {
                    Port::Stream(stream) => stream.as_mut().poll_flush(cx),
                    Port::Child(child) => child.poll_flush(cx).map(Ok),
                    Port::Files(_) => Poll::Ready(Ok(())),
                }
            }
        }
    }

    fn sink_failure(&mut self, error: io::Error) -> SinkFailure {
        self.drop_output();
        let cause = format!("cannot write {}: {error}", self.texts.output);
        let failed = |exit| Fault::new(exit, "session", cause);
        match (&self.port, error.kind()) {
            (Port::Files(files), io::ErrorKind::BrokenPipe) if files.standard => {
                SinkFailure::ReaderLeft(failed(Exit::ReaderLeft))
            }
            // A reset before the end of what it says was read: what it said is not the whole either.
            (Port::Stream(_), io::ErrorKind::ConnectionReset) => SinkFailure::Failed(failed(Exit::ReadError)),
            // It has said all that it had to say, and left.
            (Port::Stream(_), _) => SinkFailure::ReaderLeft(failed(Exit::WriteError)),
            _ => SinkFailure::Failed(failed(Exit::WriteError)),
        }
    }
}

impl Link for ByteLink {
    fn kind(&self) -> SideKind {
        match &self.port {
            Port::Files(files) if files.standard => SideKind::Standard,
            _ => SideKind::Stream,
        }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Item>) -> Poll<()> {
        loop {
            if self.end.is_some() {
                return Poll::Ready(());
            }
            let had = batch.len();
            if !self.give_pieces_of(false, batch) {
                return Poll::Ready(());
            }
            let mut messages = 0;
            while messages < BATCH {
                if self.gives_runs
                    && let Some(run) = self.decoder.next_run()
                {
                    self.mark_ends(&run);
                    messages += run.count();
                    batch.push_back(run.into());
                    continue;
                }
                messages += 1;
                match self.decoder.next() {
                    Some(Ok(Message::Close(frame))) => {
                        self.end = Some(asked(frame, false));
                        return Poll::Ready(());
                    }
                    Some(Ok(message)) => {
                        let is_data = !is_control(&message);
                        batch.push_back(message.into());
                        if is_data {
                            self.mark_end();
                        }
                    }
                    Some(Err(bad)) => {
                        self.end = Some(SourceEnd::Refused(bad.fault(&self.texts.input)));
                        return Poll::Ready(());
                    }
                    None => break,
                }
            }
            if batch.len() > had {
                return Poll::Ready(());
            }
            match ready!(self.poll_read(cx)) {
                Ok(Some(chunk)) => {
                    self.taken += chunk.len() as u64;
                    self.decoder.feed(chunk);
                }
                Ok(None) => {
                    let end = self.eof();
                    self.finish(end, batch);
                }
                Err(error) => {
                    let unreadable = || {
                        let why = match error.kind() {
                            io::ErrorKind::UnexpectedEof => tls::NO_CLOSE_NOTIFY.to_owned(),
                            _ => error.to_string(),
                        };
                        let cause = format!("cannot read {}: {why}", self.texts.input);
                        Fault::new(Exit::ReadError, "session", cause)
                    };
                    self.is_reset = error.kind() == io::ErrorKind::ConnectionReset;
                    // An alert of TLS 1.3 about the handshake comes when that is over for us.
                    let fault = tls::explain_io(&error).unwrap_or_else(unreadable);
                    self.finish(SourceEnd::Failed(fault), batch);
                }
            }
        }
    }

    fn end(&self) -> Option<SourceEnd> {
        self.end.clone()
    }

    fn queued(&self) -> usize {
        let in_file = match &self.port {
            Port::Files(Files { output: Some(output), .. }) => output.queued(),
            _ => 0,
        };
        self.out.len() + self.in_parts + in_file
    }

    fn feed(&mut self, message: Message) -> Result<(), SinkFailure> {
        if !self.failed {
            self.encoder.encode(&message, &mut self.out);
            if !is_control(&message) {
                self.marks.push_back(self.handed + self.out.len() as u64);
            }
        }
        Ok(())
    }

    fn give_pieces(&mut self, gives: bool) {
        self.decoder.give_pieces(gives);
    }

    fn give_runs(&mut self, gives: bool) {
        self.gives_runs = gives;
    }

    fn takes_runs(&self) -> bool {
        true
    }

    fn feed_run(&mut self, run: Run) -> Result<(), SinkFailure> {
        if !self.failed {
            let had = self.marks.len();
            self.encoder.encode_run(&run, &mut self.out, &mut self.marks);
            self.marks.range_mut(had..).for_each(|end| *end += self.handed);
        }
        Ok(())
    }

    fn takes_pieces(&self) -> bool {
        self.encoder.takes_pieces()
    }

    fn feed_piece(&mut self, piece: Piece) -> Result<(), SinkFailure> {
        if !self.failed {
            self.encoder.encode_piece(&piece.payload, &mut self.out);
            let end = self.handed + self.out.len() as u64;
            match self.marks.back_mut().filter(|_| !piece.is_first) {
                Some(mark) => *mark = end,
                None => self.marks.push_back(end),
            }
        }
        Ok(())
    }

    fn event(&mut self, record: &Bytes) {
        if !self.failed {
            self.encoder.record(record, &mut self.out);
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        let handed = self.poll_hand_over(cx);
        let taken = match &self.port {
            // The system may have taken bytes that the socket's far end has not; it is asked for those only
            // when many messages wait.
            Port::Stream(_) if self.marks.len() < MARKS => 0,
            _ => self.taken(),
        };
        let gone = self.marks.partition_point(|end| *end <= taken);
        self.marks.drain(..gone);
        match ready!(handed) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(self.sink_failure(error))),
        }
    }

    fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        ready!(self.poll_flush(cx))?;
        let shut = match &mut self.port {
            Port::Stream(stream) => ready!(stream.as_mut().poll_shutdown(cx)),
            Port::Files(Files { output: Some(output), .. }) => {
                ready!(output.poll_finish(cx))
            }
            Port::Files(_) => Ok(()),
            Port::Child(child) => {
                ready!(child.poll_end(cx));
                Ok(())
            }
        };
        match shut {
            // The far end of a socket may have gone first; everything was taken before that.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(self.sink_failure(error))),
            Ok(()) => Poll::Ready(Ok(())),
        }
    }

    fn poll_cut_off(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        ready!(self.poll_flush(cx))?;
        match &mut self.port {
            // The release decides how a socket ends.
            Port::Stream(_) => Poll::Ready(Ok(())),
            Port::Child(child) => {
                ready!(child.poll_end(cx));
                child.hang_up();
                Poll::Ready(Ok(()))
            }
            Port::Files(_) => self.poll_shut(cx),
        }
    }

    fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<SinkFailure> {
        // A reset ends both ways at once, and nothing need ever be written to find that out.
        if take(&mut self.is_reset) && !self.failed {
            return Poll::Ready(self.sink_failure(io::ErrorKind::ConnectionReset.into()));
        }
        let Port::Files(Files { output: Some(output), .. }) = &mut self.port else {
            return Poll::Pending;
        };
        if self.failed {
            return Poll::Pending;
        }
        let error = ready!(output.poll_broken(cx));
        Poll::Ready(self.sink_failure(error))
    }

    fn takes_nothing(&self) -> bool {
        matches!(&self.port, Port::Files(Files { output: None, standard: false, .. }))
    }

    fn wants_events(&self) -> bool {
        self.encoder.wants_events()
    }

    fn open(&mut self, conn: Option<u64>, facts: &Facts) {
        if !self.failed {
            self.encoder.open(conn, facts, &mut self.out);
        }
    }

    fn output(&self, serving: bool) -> (String, DrainTimeout) {
        let drain_timeout = match &self.port {
            Port::Files(_) => DrainTimeout::Never,
            Port::Child(_) if !serving => DrainTimeout::Never,
            Port::Child(_) | Port::Stream(_) => DrainTimeout::CloseTimeout,
        };
        (self.texts.output.clone(), drain_timeout)
    }

    fn undelivered(&self) -> (u64, u64) {
        if self.failed {
            return self.lost;
        }
        let written = self.written();
        let messages = self.marks.iter().rev().take_while(|end| **end > written).count();
        (messages as u64, self.in_flight())
    }

    fn in_flight(&self) -> u64 {
        self.handed + self.out.len() as u64 - self.written()
    }

    fn written(&self) -> u64 {
        match &self.port {
            Port::Files(Files { output: Some(output), .. }) => output.written(),
            _ => self.handed - self.in_parts as u64,
        }
    }

    fn taken(&self) -> u64 {
        match &self.port {
            Port::Stream(stream) => self.written().saturating_sub(stream.backlog().unwrap_or(0)),
            Port::Child(_) | Port::Files(_) => self.written(),
        }
    }

    fn is_input(&self) -> bool {
        matches!(&self.port, Port::Files(Files { input: Some(_), .. }))
    }

    fn settle(&mut self, unsent: usize) {
        if let Some(ends) = &mut self.ends
            && let Some(gone) = ends.len().checked_sub(unsent)
            && let Some(end) = ends.drain(..gone).next_back()
        {
            self.settled = end;
        }
    }

    fn place(&self, unsent: u64) -> Option<Place> {
        let ends = self.ends.as_ref()?;
        let Port::Files(Files { input_file: Some((file, begin)), standard: true, .. }) = &self.port else {
            return None;
        };
        let sent = ends.len().checked_sub(usize::try_from(unsent).unwrap_or(usize::MAX));
        let end = match sent {
            // Bytes behind the last message, such as a blank line, were read all the same.
            Some(_) if unsent == 0 && matches!(self.end, Some(SourceEnd::Eof { .. })) => self.taken,
            // The record that closes has done what it says; whoever reads on from it would close again.
            Some(_) if unsent == 0 && matches!(self.end, Some(SourceEnd::Asked { .. })) => self.given_bytes(),
            Some(sent @ 1..) => ends[sent - 1],
            _ => self.settled,
        };
        Some(Place { file: Arc::clone(file), position: begin + end })
    }

    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.port {
            Port::Child(child) => child.poll_late(cx),
            _ => Poll::Pending,
        }
    }

    fn input(&self) -> String {
        self.texts.input.clone()
    }

    fn has_rest(&self) -> bool {
        true
    }

    fn rest(&mut self) -> Left {
        let Rest { bytes, at_least } = self.unread();
        Left { bytes, at_least, ..Left::default() }
    }

    fn release(self: Box<Self>, parting: Parting) -> Releasing {
        Box::pin(self.leave(parting))
    }

    fn given(&self) -> Option<u64> {
        Some(self.given_bytes())
    }
}

#[cfg(test)]
mod tests;
