//! The buffers that connections read into: a few for each thread, lent for a read.
//!
//! A connection owns only what it has read and not used up, so thousands that are silent keep no buffer each.
//! The bytes that were read are cut off and given away; the memory is the buffer's again once nothing that was cut
//! out of it is left anywhere. Until then the next buffer of the thread is read into: an allocator that gives each
//! one back to the system and asks for another costs as much as the reading. Nothing is zeroed.

use crate::stream::Stream;
use bytes::BytesMut;
use std::{
    cell::RefCell,
    collections::VecDeque,
    io,
    pin::pin,
    task::{Context, Poll, ready},
};
use tokio::io::AsyncReadExt;

/// Bytes read at once. From a peer that sends all the time 128 KiB gave a fifth less into `/dev/null`, and 64 KiB a
/// twentieth less into a socket.
const CHUNK: usize = 96 * 1024;
/// Buffers of a thread, at most: as many as a large read and what is being written of the ones before take.
const BUFFERS: usize = 5;

thread_local! {
    /// The first one is read into.
    static ALL: RefCell<VecDeque<BytesMut>> = RefCell::default();
}

/// Reads what is there; nothing at the end of the stream.
///
/// # Errors
/// The stream's.
pub(super) fn poll_read(stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<BytesMut>> {
    ALL.with_borrow_mut(|all| {
        let buffer = choose(all);
        ready!(pin!(stream.read_buf(buffer)).poll(cx))?;
        Poll::Ready(Ok(buffer.split()))
    })
}

/// The buffer to read into: one that is free, or has room.
fn choose(all: &mut VecDeque<BytesMut>) -> &mut BytesMut {
    // A chunk stays in memory as a whole for as long as a part of it is kept anywhere, so one that is not free again
    // is filled up first.
    let fits = |buffer: &mut BytesMut| buffer.try_reclaim(CHUNK) || buffer.capacity() >= CHUNK / 4;
    if !all.front_mut().is_some_and(fits) {
        match all.iter_mut().position(|buffer| buffer.try_reclaim(CHUNK)) {
            Some(free) => all.swap(0, free),
            None => {
                all.push_front(BytesMut::with_capacity(CHUNK));
                all.truncate(BUFFERS);
            }
        }
    }
    &mut all[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_read_into_again_once_nothing_of_it_is_left() {
        let mut all = VecDeque::new();
        let fill = |all: &mut VecDeque<BytesMut>| {
            let buffer = choose(all);
            buffer.resize(buffer.capacity(), 7);
            (buffer.as_ptr(), buffer.split())
        };
        let (first, kept) = fill(&mut all);
        let (second, gone) = fill(&mut all);
        assert_ne!(first, second);
        drop(gone);
        assert_eq!(fill(&mut all).0, second);
        drop(kept);
        let (again, _kept) = fill(&mut all);
        assert!(all.len() == 2 && [first, second].contains(&again));
        let held: Vec<_> = (0..2 * BUFFERS).map(|_| fill(&mut all)).collect();
        assert_eq!((all.len(), held.len()), (BUFFERS, 2 * BUFFERS));
    }
}
