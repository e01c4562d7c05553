//! A byte stream behind a framing, as a link.

use super::{
    BATCH,
    port::{Port, Threads},
    socket::asked,
};
use crate::{
    child::{self},
    exit::Exit,
    fault::Fault,
    framing::{Decode, Encode, Output, record::Facts},
    net::{self, Parting},
    session::{SideKind, SinkFailure, SourceEnd},
};
use bytes::{Buf, Bytes, BytesMut};
use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::io::ReadBuf;
use tokio_tungstenite::tungstenite::Message;

/// Bytes read from a socket at once.
const CHUNK: usize = 64 * 1024;
/// Slices in one vectored write.
const SLICES: usize = 16;

/// How faults of a link name its two ends.
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
    /// Bytes read.
    taken: u64,
    end: Option<SourceEnd>,
    out: Output,
    /// Taken from `out`, on their way into a socket.
    parts: VecDeque<Bytes>,
    in_parts: usize,
    failed: bool,
}

impl ByteLink {
    /// A port with a framing for either way.
    pub fn new(port: Port, texts: Texts, decoder: Box<dyn Decode>, encoder: Box<dyn Encode>) -> Self {
        let end = matches!(&port, Port::Threads(Threads { input: None, .. })).then_some(SourceEnd::Absent);
        Self {
            port,
            texts,
            decoder,
            encoder,
            buffer: BytesMut::new(),
            taken: 0,
            end,
            out: Output::default(),
            parts: VecDeque::new(),
            in_parts: 0,
            failed: false,
        }
    }

    pub(super) fn kind(&self) -> SideKind {
        match &self.port {
            Port::Threads(threads) if threads.standard => SideKind::Standard,
            _ => SideKind::Stream,
        }
    }

    pub(super) fn end(&self) -> Option<SourceEnd> {
        self.end.clone()
    }

    pub(super) fn given(&self) -> u64 {
        self.taken.saturating_sub(self.decoder.held() as u64)
    }

    pub(super) fn queued(&self) -> usize {
        self.out.len() + self.in_parts
    }

    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut VecDeque<Message>) -> Poll<()> {
        loop {
            if self.end.is_some() {
                return Poll::Ready(());
            }
            let had = batch.len();
            while batch.len() < had + BATCH {
                match self.decoder.next() {
                    Some(Ok(Message::Close(frame))) => {
                        self.end = Some(asked(frame, false));
                        return Poll::Ready(());
                    }
                    Some(Ok(message)) => batch.push_back(message),
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
                    let cause = format!("cannot read {}: {error}", self.texts.input);
                    let end = match (&self.port, error.kind()) {
                        (Port::Stream(_), _) => {
                            SourceEnd::Lost { fault: Fault::new(Exit::Lost, "session", cause), answer: None }
                        }
                        _ => SourceEnd::Failed(Fault::new(Exit::ReadError, "session", cause)),
                    };
                    self.finish(end, batch);
                }
            }
        }
    }

    pub(super) fn wants_events(&self) -> bool {
        self.encoder.wants_events()
    }

    pub(super) fn open(&mut self, conn: Option<u64>, facts: &Facts) {
        if !self.failed {
            self.encoder.open(conn, facts, &mut self.out);
        }
    }

    pub(super) fn feed(&mut self, message: &Message) {
        if !self.failed {
            self.encoder.encode(message, &mut self.out);
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        match ready!(self.poll_hand_over(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(self.sink_failure(error))),
        }
    }

    pub(super) fn poll_shut(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SinkFailure>> {
        ready!(self.poll_flush(cx))?;
        let shut = match &mut self.port {
            Port::Stream(stream) => ready!(stream.as_mut().poll_shutdown(cx)),
            Port::Threads(Threads { output: Some(thread), .. }) => {
                ready!(thread.poll_finish(cx))
            }
            Port::Threads(_) => Ok(()),
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

    pub(super) fn poll_broken(&mut self, cx: &mut Context<'_>) -> Poll<SinkFailure> {
        let Port::Threads(Threads { output: Some(thread), .. }) = &mut self.port else {
            return Poll::Pending;
        };
        if self.failed {
            return Poll::Pending;
        }
        let error = ready!(thread.poll_broken(cx));
        Poll::Ready(self.sink_failure(error))
    }

    pub(super) fn poll_weary(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let left = self.queued();
        match &mut self.port {
            _ if self.failed => Poll::Ready(()),
            Port::Child(child) => child.poll_weary(cx, left),
            _ => Poll::Pending,
        }
    }

    pub(super) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.port {
            Port::Child(child) => child.poll_late(cx),
            _ => Poll::Pending,
        }
    }

    pub(super) fn drop_output(&mut self) -> usize {
        let left = self.queued();
        self.failed = true;
        self.out.take();
        self.parts.clear();
        self.in_parts = 0;
        left
    }

    pub(super) fn unread(&mut self) -> u64 {
        let mut bytes = self.decoder.held();
        if let Port::Threads(Threads { input: Some(input), .. }) = &mut self.port {
            input.close();
            while let Ok(Ok(chunk)) = input.try_recv() {
                bytes += chunk.len();
            }
        }
        if matches!(self.end, Some(SourceEnd::Eof { .. } | SourceEnd::Asked { .. })) {
            0
        } else {
            u64::from(bytes > 0)
        }
    }

    pub(super) async fn release(self, within: Duration, at_once: bool) -> u64 {
        match self.port {
            Port::Child(child) => {
                let late = child.release(at_once).await;
                // What follows on a wish to close was never to be sent.
                if matches!(self.end, Some(SourceEnd::Asked { .. })) { 0 } else { late }
            }
            Port::Stream(mut stream) => net::part(&mut stream, Parting::within(within)).await,
            Port::Threads(_) => 0,
        }
    }

    /// What the end of the bytes means.
    fn eof(&self) -> SourceEnd {
        let Port::Child(child) = &self.port else {
            let has_given = matches!(&self.port, Port::Threads(Threads { has_given: true, .. }));
            return SourceEnd::Eof { empty: self.taken == 0 && !has_given, hangup: self.is_terminal() };
        };
        match child.status().and_then(child::words) {
            // There is nobody left to wait for.
            None => SourceEnd::Eof { empty: false, hangup: true },
            Some(reason) => {
                let cause = format!("{} ended with {reason}", self.texts.input);
                SourceEnd::Exited { fault: Fault::new(Exit::Command, "command", cause), reason }
            }
        }
    }

    fn is_terminal(&self) -> bool {
        matches!(&self.port, Port::Threads(Threads { terminal: true, .. }))
    }

    fn finish(&mut self, end: SourceEnd, batch: &mut VecDeque<Message>) {
        self.end = Some(match self.decoder.finish() {
            Some(Err(bad)) => SourceEnd::Refused(bad.fault(&self.texts.input)),
            Some(Ok(Message::Close(frame))) => asked(frame, false),
            Some(Ok(message)) => {
                batch.push_back(message);
                end
            }
            None => end,
        });
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        match &mut self.port {
            Port::Threads(Threads { input: Some(input), .. }) => input.poll_recv(cx).map(Option::transpose),
            port => {
                self.buffer.resize(CHUNK, 0);
                let mut buffer = ReadBuf::new(&mut self.buffer);
                ready!(match port {
                    Port::Stream(stream) => stream.as_mut().poll_read(cx, &mut buffer),
                    Port::Child(child) => child.poll_read(cx, &mut buffer),
                    Port::Threads(_) => Poll::Ready(Ok(())),
                })?;
                let length = buffer.filled().len();
                Poll::Ready(Ok((length > 0).then(|| self.buffer.split_to(length).freeze())))
            }
        }
    }

    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.failed {
            return Poll::Ready(Ok(()));
        }
        match &mut self.port {
            Port::Threads(Threads { output: Some(thread), .. }) => thread.poll_send(cx, &mut self.out),
            Port::Threads(_) => {
                self.out.take();
                Poll::Ready(Ok(()))
            }
            port => {
                for part in self.out.take() {
                    self.in_parts += part.len();
                    self.parts.push_back(part);
                }
                while !self.parts.is_empty() {
                    let slices: Vec<_> =
                        self.parts.iter().take(SLICES).map(|part| IoSlice::new(part)).collect();
                    let written = match port {
                        Port::Stream(stream) => ready!(stream.as_mut().poll_write_vectored(cx, &slices))?,
                        Port::Child(child) => ready!(child.poll_write(cx, &slices)),
                        Port::Threads(_) => 0,
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
                    Port::Threads(_) => Poll::Ready(Ok(())),
                }
            }
        }
    }

    fn sink_failure(&mut self, error: io::Error) -> SinkFailure {
        self.drop_output();
        let cause = format!("cannot write {}: {error}", self.texts.output);
        match (&self.port, error.kind()) {
            (Port::Threads(threads), io::ErrorKind::BrokenPipe) if threads.standard => {
                SinkFailure::ReaderLeft(Fault::new(Exit::ReaderLeft, "session", cause))
            }
            (Port::Stream(_), _) => SinkFailure::ReaderLeft(Fault::new(Exit::Lost, "session", cause)),
            _ => SinkFailure::Failed(Fault::new(Exit::WriteError, "session", cause)),
        }
    }
}

fn advance(parts: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(first) = parts.front_mut() {
        if written < first.len() {
            return first.advance(written);
        }
        written -= first.len();
        parts.pop_front();
    }
}
