//! A stream that notes how much its far end has sent, as long as that is next to nothing.

use super::{Layer, Layered};
use crate::stream::Stream;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Bytes after which a far end has begun in earnest; one that drips has hardly begun.
const ENOUGH: usize = 16;

/// Count of the bytes that a far end has sent, while they are few.
#[derive(Debug, Default)]
pub struct Heard(AtomicUsize);

impl Heard {
    /// So many bytes more.
    pub fn more(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// It has begun, however little it said.
    pub fn begun(&self) {
        self.more(ENOUGH);
    }

    /// True when the far end has sent anything.
    pub fn anything(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// True when the far end has begun in earnest.
    pub fn enough(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= ENOUGH
    }
}

/// Counts the first bytes that come.
struct Noticed(Arc<Heard>);

/// The same stream, which counts the first bytes that come.
pub fn noticed(stream: Stream, heard: Arc<Heard>) -> Stream {
    Box::pin(Layered { below: stream, layer: Noticed(heard) })
}

impl Layer for Noticed {
    fn received(&mut self, bytes: &[u8]) {
        if !self.0.enough() {
            self.0.more(bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn the_first_bytes_are_counted_and_the_end_is_none() {
        for (sent, anything, enough) in
            [(&b"x"[..], true, false), (b"", false, false), (&[b'x'; 16], true, true)]
        {
            let (ours, mut theirs) = duplex(64);
            let heard = Arc::<Heard>::default();
            let mut stream = noticed(Box::pin(ours), Arc::clone(&heard));
            theirs.write_all(sent).await.unwrap();
            theirs.shutdown().await.unwrap();
            assert!(!heard.anything());
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            assert_eq!((all.as_slice(), heard.anything(), heard.enough()), (sent, anything, enough));
        }
    }
}
