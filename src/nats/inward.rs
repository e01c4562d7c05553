//! From the broker to the room of a subject.

use super::{
    confirm::Probes,
    outward::taken,
    subject::{Lost, Subjects, TYPE},
};
use crate::{
    exit::Exit,
    fault::Fault,
    framing::Kind,
    link::{
        Queue,
        room::{Bridge, Member},
    },
    observe::{Reporter, Seldom},
    session::SourceEnd,
    units::counted,
};
use async_nats::Subscriber;
use futures_core::Stream;
use std::{collections::VecDeque, future::poll_fn, pin::Pin, sync::Arc};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

/// Messages said in a row before the next look at what waits.
const BATCH: usize = 64;
/// Bytes from the broker that may wait for a room whose members are slow.
const INBOX: usize = 16 * 1024 * 1024;

/// Takes what the broker sends at once, so that the library never has to drop any.
pub(super) struct Inward {
    pub subscriber: Subscriber,
    /// Messages that [`say`] is to say in the room.
    pub inbox: Queue,
    pub bridge: Bridge,
    pub subjects: Arc<Subjects>,
    pub name: String,
    pub kind: Option<Kind>,
    pub max_message: usize,
    /// The session ends with what cannot be passed on.
    pub alone: bool,
    pub reporter: Reporter,
    /// Messages that cannot be passed on, and those that came while the inbox was full.
    pub unfit: Seldom,
    pub full: Seldom,
}

impl Inward {
    /// Runs as long as the subscription.
    pub(super) async fn run(mut self) {
        while let Some(message) = poll_fn(|cx| Pin::new(&mut self.subscriber).poll_next(cx)).await {
            if Probes::is_one(&message.subject) {
                continue;
            }
            let (name, value) = TYPE;
            let binary = message.headers.as_ref().and_then(|headers| headers.get(name));
            let binary = binary.is_some_and(|kind| kind.as_str() == value);
            match read(message.payload, binary, self.kind, self.max_message) {
                Ok(message) if self.inbox.bytes() < INBOX => _ = self.inbox.push(message),
                Ok(_) => {
                    self.miss();
                    self.full.one(Some(&self.reporter), |count| {
                        let missed = counted(count, "message");
                        format!("{}: dropped {missed}: those here do not keep up with it", self.name)
                    });
                }
                Err(mut fault) => {
                    self.miss();
                    fault.cause = format!("{}: {}", self.name, fault.cause);
                    if !self.alone {
                        self.unfit.one(Some(&self.reporter), |count| {
                            let hint = fault.hint.as_deref().unwrap_or_default();
                            format!("{}: dropped {}; {hint}", fault.cause, counted(count, "message"))
                        });
                    } else {
                        self.bridge.send_all_away(&SourceEnd::Lost { fault, answer: None });
                    }
                }
            }
        }
        self.inbox.finish(SourceEnd::Absent);
    }

    fn miss(&self) {
        Lost::add(&self.subjects.losses.missed, 1);
    }
}

/// Says in the room what the broker sent, as fast as its members can take it.
pub(super) async fn say(inbox: Queue, mut member: Member) {
    let mut batch = VecDeque::new();
    loop {
        taken(&inbox, &mut batch, BATCH).await;
        if batch.is_empty() {
            return;
        }
        for message in batch.drain(..) {
            if member.is_held_up() {
                poll_fn(|cx| member.poll_room(cx)).await;
            }
            member.say(&message);
        }
    }
}

/// A payload as a message: binary where its publisher or `-b` says so, else text where it is UTF-8.
fn read(payload: Bytes, binary: bool, kind: Option<Kind>, most: usize) -> Result<Message, Fault> {
    if payload.len() > most {
        let cause = format!("a message of {} bytes is longer than --max-message", payload.len());
        return Err(Fault::new(Exit::TooBig, "nats", cause).hint("raise the limit with --max-message"));
    }
    if binary || kind == Some(Kind::Binary) {
        return Ok(Message::Binary(payload));
    }
    match (Utf8Bytes::try_from(payload.clone()), kind) {
        (Ok(text), _) => Ok(Message::Text(text)),
        (Err(_), None) => Ok(Message::Binary(payload)),
        (Err(_), Some(_)) => Err(Fault::new(Exit::BadInput, "nats", "a message is not UTF-8")
            .hint("leave -t out, or take all as binary with -b")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_text_where_they_can_be_unless_somebody_says_otherwise() {
        let (text, bytes) = (Message::text("ü"), Message::binary(b"\xff".as_slice()));
        let read = |payload: &'static [u8], binary, kind| {
            read(Bytes::from_static(payload), binary, kind, 10).map_err(|fault| fault.exit)
        };
        assert_eq!(read("ü".as_bytes(), false, None), Ok(text.clone()));
        assert_eq!(read("ü".as_bytes(), false, Some(Kind::Text)), Ok(text));
        assert_eq!(read("ü".as_bytes(), true, Some(Kind::Text)), Ok(Message::binary("ü".as_bytes())));
        assert_eq!(read("ü".as_bytes(), false, Some(Kind::Binary)), Ok(Message::binary("ü".as_bytes())));
        assert_eq!(read(b"\xff", false, None), Ok(bytes));
        assert_eq!(read(b"\xff", false, Some(Kind::Text)), Err(Exit::BadInput));
        assert_eq!(read(b"", false, None), Ok(Message::text("")));
        assert_eq!(read(b"12345678901", true, None), Err(Exit::TooBig));
    }
}
