//! Being told of every frame as it is on the wire.
//!
//! Messages hide what a person who debugs an endpoint wants to see: fragments, reserved bits, what a Close
//! really said, pongs that the engine sends by itself. An observer that is set with
//! [`Conn::watch`](super::conn::Conn::watch) is told of each frame once, in the order of its direction; it
//! looks at the clock itself. Without one, nothing is looked at that would not be anyway.

use std::borrow::Cow;

/// Bytes of a payload that an observer sees, at most: all of a control frame (RFC 6455 section 5.5).
pub const HEAD: usize = 128;

/// The sender of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameSender {
    /// The peer.
    In,
    /// We.
    Out,
}

/// A frame (RFC 6455 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenFrame<'a> {
    /// Its sender.
    pub way: FrameSender,
    /// It ends its message.
    pub fin: bool,
    /// RSV1, RSV2 and RSV3; with permessage-deflate the first one marks a compressed message.
    pub rsv: [bool; 3],
    /// 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong; from a peer anything up to 15.
    pub opcode: u8,
    /// Its payload was masked.
    pub masked: bool,
    /// Of the payload, bytes; as the header says, also when less has come so far.
    pub length: u64,
    /// The first [`HEAD`] bytes of the payload, without the mask, less when the stream ended in them.
    /// What is compressed stays so.
    pub head: &'a [u8],
}

impl<'a> SeenFrame<'a> {
    /// `first` is FIN, the reserved bits and the opcode; of `payload`, the beginning is kept.
    pub(super) fn new(way: FrameSender, first: u8, masked: bool, length: u64, payload: &'a [u8]) -> Self {
        Self {
            way,
            fin: first & 0x80 != 0,
            rsv: [first & 0x40 != 0, first & 0x20 != 0, first & 0x10 != 0],
            opcode: first & 0x0f,
            masked,
            length,
            head: &payload[..payload.len().min(HEAD)],
        }
    }

    /// Code and reason of a Close, also a code that may not be sent; `None` for any other frame.
    ///
    /// A body of a single byte has no code. What is not UTF-8 is replaced.
    pub fn close(&self) -> Option<(Option<u16>, Cow<'_, str>)> {
        let code = self.head.first_chunk().map(|code| u16::from_be_bytes(*code));
        let reason = String::from_utf8_lossy(self.head.get(2..).unwrap_or_default());
        (self.opcode == 8).then_some((code, reason))
    }
}

/// An observer of frames.
pub trait FrameWatch: Send {
    /// Takes note of a frame: a received one when its head is there, before its message is; a sent one
    /// when it joins what is to be written.
    fn frame(&mut self, frame: &SeenFrame<'_>);
}

/// The observer, if there is one.
pub(super) type Watch = Option<Box<dyn FrameWatch>>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::conn::{Conn, Part};
    use bytes::Bytes;
    use std::{
        collections::VecDeque,
        future::poll_fn,
        sync::{Arc, Mutex},
    };
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_tungstenite::tungstenite::Message;

    /// Notes a line a frame.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl FrameWatch for Notes {
        fn frame(&mut self, frame: &SeenFrame<'_>) {
            let bits = [(frame.fin, " fin"), (frame.masked, " masked")]
                .map(|(set, word)| if set { word } else { "" });
            let rsv: String = frame.rsv.iter().map(|set| if *set { '1' } else { '0' }).collect();
            let said = match frame.close() {
                Some((code, reason)) => format!("{code:?} {reason}"),
                None => frame.head.escape_ascii().to_string(),
            };
            self.0.lock().unwrap().push(format!(
                "{:?} {}{}{} rsv{rsv} {}: {said}",
                frame.way, frame.opcode, bits[0], bits[1], frame.length
            ));
        }
    }

    impl Notes {
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    /// What an observer notes while these bytes come, so many at once, until the peer's side ends.
    async fn noted(part: Part, ahead: usize, at_once: usize, bytes: &[u8]) -> Vec<String> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut conn = Conn::new(Box::pin(ours), &bytes[..ahead], part, 1 << 20);
        let notes = Notes::default();
        conn.watch(Box::new(notes.clone()));
        let mut batch = VecDeque::<Message>::new();
        for chunk in bytes[ahead..].chunks(at_once) {
            theirs.write_all(chunk).await.unwrap();
            let receive = poll_fn(|cx| conn.poll_receive(cx, &mut batch));
            let _ = tokio::time::timeout(std::time::Duration::ZERO, receive).await;
        }
        theirs.shutdown().await.unwrap();
        while conn.end().is_none() {
            poll_fn(|cx| conn.poll_receive(cx, &mut batch)).await;
        }
        let _ = poll_fn(|cx| conn.poll_flush(cx)).await;
        notes.take()
    }

    #[tokio::test(start_paused = true)]
    async fn every_frame_of_a_server_and_every_answer_is_told() {
        let bytes = [
            b"\x01\x02he\x89\x01p\x80\x03llo\x82\x00\x8a\x00".as_slice(),
            b"\x82\x7e\x00\xc8",
            &[b'x'; 200],
            // A code that may not be sent, with a reason; what comes after it is still told.
            b"\x88\x05\x03\xedbye",
        ]
        .concat();
        for at_once in [1, 2, 3, 7, 500] {
            for ahead in [0, 1, 9] {
                let noted = noted(Part::Client, ahead, at_once, &bytes).await;
                let is = |way: &str| {
                    let way = way.to_owned();
                    noted
                        .iter()
                        .filter(move |line| line.starts_with(&way))
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                };
                let head = "x".repeat(HEAD);
                assert_eq!(
                    is("In"),
                    [
                        "In 1 rsv000 2: he",
                        "In 9 fin rsv000 1: p",
                        "In 0 fin rsv000 3: llo",
                        "In 2 fin rsv000 0: ",
                        "In 10 fin rsv000 0: ",
                        &format!("In 2 fin rsv000 200: {head}"),
                        "In 8 fin rsv000 5: Some(1005) bye",
                    ]
                );
                assert_eq!(
                    is("Out"),
                    [
                        "Out 10 fin masked rsv000 1: p",
                        "Out 8 fin masked rsv000 20: Some(1002) Protocol violation"
                    ]
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn masks_of_a_client_are_taken_off_and_its_faults_are_shown() {
        // "Hi" masked, then reserved bits and an opcode that nobody knows.
        let bytes = [0x81, 0x82, 1, 2, 3, 4, b'H' ^ 1, b'i' ^ 2, 0xf3, 0x81, 9, 9, 9, 9, b'?' ^ 9];
        for at_once in 1..9 {
            let noted = noted(Part::Server, 0, at_once, &bytes).await;
            assert_eq!(noted[0], "In 1 fin masked rsv000 2: Hi");
            // Nothing is read after the header that ends it, so its payload may not be there yet.
            assert!(noted[1].starts_with("In 3 fin masked rsv111 1: "), "{noted:?}");
            assert_eq!(noted.len(), 2);
        }
        assert_eq!(
            noted(Part::Server, 0, 9, &[0x88, 0x81, 1, 2, 3, 4, b'x' ^ 1]).await,
            ["In 8 fin masked rsv000 1: None "],
            "a Close with half a code"
        );
    }

    #[tokio::test]
    async fn what_we_send_is_told_as_it_goes_out() {
        let (ours, mut theirs) = tokio::io::duplex(8 << 20);
        let mut conn = Conn::new(Box::pin(ours), &[], Part::Server, 1 << 20);
        let notes = Notes::default();
        conn.watch(Box::new(notes.clone()));
        conn.queue(Message::text("hello")).unwrap();
        conn.queue_ping();
        conn.queue(Message::binary(Bytes::from(vec![b'x'; 600 << 10]))).unwrap();
        poll_fn(|cx| conn.poll_flush(cx)).await.unwrap();
        conn.queue_close(Some(4001), "done");
        poll_fn(|cx| conn.poll_flush(cx)).await.unwrap();
        let head = "x".repeat(HEAD);
        assert_eq!(
            notes.take(),
            [
                "Out 1 fin rsv000 5: hello".to_owned(),
                "Out 9 fin rsv000 4: wsio".to_owned(),
                format!("Out 2 rsv000 262144: {head}"),
                format!("Out 0 rsv000 262144: {head}"),
                format!("Out 0 fin rsv000 90112: {head}"),
                "Out 8 fin rsv000 6: Some(4001) done".to_owned(),
            ]
        );
        drop(conn);
        let mut wire = Vec::new();
        theirs.read_to_end(&mut wire).await.unwrap();
        assert!(wire.starts_with(b"\x81\x05hello\x89\x04wsio\x02\x7f\0\0\0\0\0\x04\0\0x"));
        assert!(wire.ends_with(b"x\x88\x06\x0f\xa1done"));
    }
}
