//! The reading half of a byte link: chunks, the messages that are cut out of them, and the end of the input.

use super::{ByteLink, CHUNK, LARGEST_CHUNK};
use crate::{
    child,
    exit::Exit,
    fault::Fault,
    framing::Run,
    link::{
        Item,
        port::{Files, Port},
        stdio::make_room,
        web_socket::asked,
    },
    session::SourceEnd,
};
use bytes::Bytes;
use std::{
    collections::VecDeque,
    io,
    pin::pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncReadExt, ReadBuf};
use tokio_tungstenite::tungstenite::Message;

impl ByteLink {
    /// Turns the end of the bytes into the end of the source; a child's exit status decides which one.
    pub(super) fn eof(&self) -> SourceEnd {
        let Port::Child(child) = &self.port else {
            let has_given = matches!(&self.port, Port::Files(Files { has_given: true, .. }));
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
        matches!(&self.port, Port::Files(Files { terminal: true, .. }))
    }

    pub(super) fn finish(&mut self, end: SourceEnd, batch: &mut VecDeque<Item>) {
        let is_whole = matches!(end, SourceEnd::Eof { .. });
        if !self.give_pieces_of(is_whole, batch) || self.is_amid {
            // A message whose rest could not be read stays unfinished.
            self.end.get_or_insert(end);
            return;
        }
        self.end = Some(match self.decoder.finish() {
            Some(Err(bad)) => SourceEnd::Refused(bad.fault(&self.texts.input)),
            Some(Ok(Message::Close(frame))) => asked(frame, false),
            Some(Ok(message)) => {
                batch.push_back(message.into());
                self.mark_end();
                end
            }
            None => end,
        });
    }

    /// Gives the pieces of a message that are there; false when the input ends with them, or is refused.
    pub(super) fn give_pieces_of(&mut self, at_end: bool, batch: &mut VecDeque<Item>) -> bool {
        while let Some(next) = self.decoder.next_piece(at_end) {
            match next {
                Ok(piece) => {
                    self.is_amid = !piece.is_last;
                    batch.push_back(piece.into());
                    if !self.is_amid {
                        self.mark_end();
                        return false;
                    }
                }
                Err(bad) => {
                    self.end = Some(SourceEnd::Refused(bad.fault(&self.texts.input)));
                    return false;
                }
            }
        }
        true
    }

    /// The message that was given last ends here.
    pub(super) fn mark_end(&mut self) {
        if self.ends.is_some() {
            let given = self.given_bytes();
            self.ends.get_or_insert_default().push_back(given);
        }
    }

    /// The messages of the run that was given last end where the next one begins.
    pub(super) fn mark_ends(&mut self, run: &Run) {
        let given = self.given_bytes();
        if let Some(ends) = &mut self.ends {
            ends.extend(run.behind().map(|behind| given - behind));
        }
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        match &mut self.port {
            Port::Files(Files { input: Some(input), .. }) => input.poll_next(cx),
            Port::Files(_) => Poll::Ready(Ok(None)),
            Port::Stream(stream) => {
                make_room(&mut self.buffer, self.chunk);
                let length = ready!(pin!(stream.read_buf(&mut self.buffer)).poll(cx))?;
                if length >= self.chunk {
                    self.chunk = LARGEST_CHUNK;
                }
                Poll::Ready(Ok((length > 0).then(|| self.buffer.split().freeze())))
            }
            Port::Child(child) => {
                make_room(&mut self.buffer, CHUNK);
                self.buffer.resize(self.buffer.capacity(), 0);
                let mut buffer = ReadBuf::new(&mut self.buffer);
                ready!(child.poll_read(cx, &mut buffer))?;
                let length = buffer.filled().len();
                Poll::Ready(Ok((length > 0).then(|| self.buffer.split_to(length).freeze())))
            }
        }
    }
}
