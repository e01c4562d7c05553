//! The buffer that connections read into: one for each thread, lent for a read.
//!
//! A connection owns only what it has read and not used up, so thousands that are silent keep no buffer each.
//! What was read is cut off and given away; the memory is the buffer's again once nothing that was cut out of
//! it is left anywhere. Nothing is zeroed.

use crate::stream::Stream;
use bytes::BytesMut;
use std::{
    cell::RefCell,
    io,
    pin::pin,
    task::{Context, Poll, ready},
};
use tokio::io::AsyncReadExt;

/// Bytes read at once.
const CHUNK: usize = 128 * 1024;

thread_local! {
    static BUFFER: RefCell<BytesMut> = RefCell::default();
}

/// Reads what is there; nothing at the end of the stream.
///
/// # Errors
/// The stream's.
pub(super) fn poll_read(stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<BytesMut>> {
    BUFFER.with_borrow_mut(|buffer| {
        // A chunk stays in memory as a whole for as long as a part of it is kept anywhere, so one that is not
        // free again is filled up first.
        if !buffer.try_reclaim(CHUNK) && buffer.capacity() < CHUNK / 4 {
            *buffer = BytesMut::with_capacity(CHUNK);
        }
        ready!(pin!(stream.read_buf(buffer)).poll(cx))?;
        Poll::Ready(Ok(buffer.split()))
    })
}
