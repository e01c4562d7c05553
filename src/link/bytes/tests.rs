//! What is read is kept in no more memory than it needs.

use super::*;
use crate::framing::{Kind, LINES, RAW};
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

#[tokio::test]
async fn each_message_of_a_run_ends_where_the_next_one_begins() {
    let lines: Vec<String> = (0..3000).map(|number| "ä".repeat(number % 90) + "\n").collect();
    let mut end = 0;
    let expected: VecDeque<u64> = lines
        .iter()
        .map(|line| {
            end += line.len() as u64;
            end
        })
        .collect();
    for gives_runs in [false, true] {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let texts = Texts { input: "the source".into(), output: "the target".into() };
        let decoder = LINES.decoder(Kind::Text, 1 << 20);
        let mut link = ByteLink::new(Port::Stream(Box::pin(ours)), texts, decoder, LINES.encoder());
        link.give_runs(gives_runs);
        link.ends = Some(VecDeque::new());
        let input = lines.concat();
        let given = tokio::spawn(async move { theirs.write_all(input.as_bytes()).await });
        let mut batch = VecDeque::new();
        while link.end.is_none() {
            poll_fn(|cx| link.poll_receive(cx, &mut batch)).await;
        }
        given.await.unwrap().unwrap();
        assert_eq!(link.ends.as_ref(), Some(&expected), "{gives_runs}");
        assert_eq!(batch.iter().map(Item::count).sum::<usize>(), lines.len());
        assert_eq!(batch.iter().any(|item| matches!(item, Item::Run(_))), gives_runs);
        // What it gave is what it takes.
        for item in batch {
            match item {
                Item::Run(run) => link.feed_run(*run).unwrap(),
                item => link.feed(item.message().unwrap().clone()).unwrap(),
            }
        }
        assert_eq!((&link.marks, link.undelivered().0), (&expected, 3000));
        assert!(link.out.take().concat() == lines.concat().as_bytes());
    }
}
