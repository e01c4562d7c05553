//! The lingering close of a transport.
//!
//! A socket dropped with unread input makes the kernel send RST, and the peer then loses what it had
//! not read yet. So the write side is shut first, and what still comes is read and thrown away.

use super::Stream;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

/// Shuts the write side (close_notify for TLS, then FIN), then discards input until EOF or until `within` is over.
///
/// Gives how many bytes were discarded. Errors are ignored: the stream is of no use to anyone afterwards.
pub async fn lingering_close(stream: &mut Stream, within: Duration) -> u64 {
    let mut discarded = 0;
    let discard = async {
        if stream.shutdown().await.is_err() {
            return;
        }
        let mut waste = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut waste).await {
            discarded += count as u64;
        }
    };
    let _ = timeout(within, discard).await;
    discarded
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{io::duplex, time::Instant};

    #[tokio::test]
    async fn shuts_then_reads_until_the_peer_is_done() {
        let (ours, mut theirs) = duplex(64);
        let mut ours: Stream = Box::pin(ours);
        let peer = tokio::spawn(async move {
            let mut all = Vec::new();
            theirs.read_to_end(&mut all).await.unwrap();
            // More than the pipe holds: it is only taken by someone who reads.
            theirs.write_all(&[1; 1000]).await.unwrap();
            all
        });
        ours.write_all(b"last").await.unwrap();
        assert_eq!(lingering_close(&mut ours, Duration::from_secs(5)).await, 1000);
        assert_eq!(peer.await.unwrap(), b"last");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_stays_is_left_after_the_time() {
        let (ours, _theirs) = duplex(64);
        let mut ours: Stream = Box::pin(ours);
        let start = Instant::now();
        lingering_close(&mut ours, Duration::from_secs(2)).await;
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }
}
