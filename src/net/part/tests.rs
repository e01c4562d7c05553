//! Parting with transports: how long, and what the far end sees.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

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
    assert_eq!(part(&mut ours, Parting::within(Duration::from_secs(5))).await, 1000);
    assert_eq!(peer.await.unwrap(), b"last");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stays_is_left_after_the_time() {
    let (ours, _theirs) = duplex(64);
    let mut ours: Stream = Box::pin(ours);
    let start = Instant::now();
    part(&mut ours, Parting { by: None, stall: Duration::from_secs(60), cut: false }).await;
    assert_eq!(start.elapsed(), LINGER);
    let start = Instant::now();
    part(&mut ours, Parting::within(Duration::from_millis(50))).await;
    assert_eq!(start.elapsed(), Duration::from_millis(50));
}
