//! What is read is kept in no more memory than it needs.

use super::*;
use crate::framing::{Kind, RAW};
use std::future::poll_fn;
use tokio::{io::AsyncWriteExt, net::UnixStream};

#[tokio::test]
async fn messages_of_a_socket_that_wait_share_their_memory() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let texts = Texts { input: "the source".into(), output: "the target".into() };
    let port = Port::Stream(Box::pin(ours));
    let mut link = ByteLink::new(port, texts, RAW.decoder(Kind::Binary, 1 << 20), RAW.encoder());
    let mut waiting = VecDeque::new();
    for number in 0..1000_usize {
        theirs.write_all(&[number as u8; 1000]).await.unwrap();
        poll_fn(|cx| link.poll_receive(cx, &mut waiting)).await;
    }
    let data: Vec<_> = waiting.iter().map(|item| item.data().unwrap().clone().into_data()).collect();
    assert!(data.iter().enumerate().all(|(number, bytes)| bytes[..] == [number as u8; 1000]));
    let moved =
        data.windows(2).filter(|pair| pair[0].as_ptr().wrapping_add(1000) != pair[1].as_ptr()).count();
    assert!(moved * CHUNK < 2 << 20, "{moved} chunks are held by a million bytes");
}
