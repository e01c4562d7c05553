//! The far end of a link's connections, read frame by frame, and wakers that count.

use super::*;
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    task::Wake,
};

/// Counts how often it is woken.
#[derive(Default)]
pub(super) struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    pub(super) fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        (Arc::clone(&count), Waker::from(count))
    }

    /// How often since it was asked last.
    pub(super) fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

/// The far end of a connection: what came, read frame by frame.
pub(super) struct FarEnd {
    pub(super) stream: DuplexStream,
    pub(super) bytes: Vec<u8>,
}

/// What came: a data message, a ping's payload, or a Close.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arrived {
    Data(Vec<u8>),
    Ping(Vec<u8>),
    Close,
}

impl FarEnd {
    pub(super) fn all(ends: Vec<DuplexStream>) -> Vec<Self> {
        ends.into_iter().map(|stream| Self { stream, bytes: Vec::new() }).collect()
    }

    /// What has come and was not asked for before; of a message in fragments, each one.
    pub(super) fn came(&mut self) -> Vec<Arrived> {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let mut piece = vec![0; 1 << 16];
            let mut buffer = ReadBuf::new(&mut piece);
            match Pin::new(&mut self.stream).poll_read(&mut cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.bytes.extend_from_slice(buffer.filled());
                }
                _ => break,
            }
        }
        let mut came = Vec::new();
        while let [first, length, ..] = self.bytes[..] {
            let (head, length) = match length {
                126 if self.bytes.len() < 4 => break,
                126 => (4, usize::from(u16::from_be_bytes([self.bytes[2], self.bytes[3]]))),
                127 if self.bytes.len() < 10 => break,
                127 => (10, u64::from_be_bytes(self.bytes[2..10].try_into().unwrap()) as usize),
                length => (2, usize::from(length)),
            };
            if self.bytes.len() < head + length {
                break;
            }
            let payload = self.bytes[head..head + length].to_vec();
            self.bytes.drain(..head + length);
            came.push(match first & 15 {
                8 => Arrived::Close,
                9 => Arrived::Ping(payload),
                _ => Arrived::Data(payload),
            });
        }
        came
    }

    /// The data messages that have come.
    pub(super) fn data(&mut self) -> Vec<Vec<u8>> {
        self.came()
            .into_iter()
            .filter_map(|came| if let Arrived::Data(data) = came { Some(data) } else { None })
            .collect()
    }

    /// Sends a frame as a client does; without anything to be masked.
    pub(super) async fn send(&mut self, first: u8, payload: &[u8]) {
        let head = [first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
        self.stream.write_all(&[&head[..], payload].concat()).await.unwrap();
    }

    pub(super) async fn pong(&mut self, payload: &[u8]) {
        self.send(0x8a, payload).await;
    }

    /// Answers every ping that has come; what else has come.
    pub(super) async fn answer(&mut self) -> Vec<Arrived> {
        let came = self.came();
        for ping in came.iter() {
            if let Arrived::Ping(payload) = ping {
                self.pong(payload).await;
            }
        }
        came.into_iter().filter(|came| !matches!(came, Arrived::Ping(_))).collect()
    }
}

pub(super) fn text(text: &str) -> Arrived {
    Arrived::Data(text.as_bytes().to_vec())
}
