//! Reads and writes that do not wait, of descriptors that may block.
//!
//! `O_NONBLOCK` belongs to the open file, and with it to everybody who shares that. Linux has a flag for the
//! single call, `RWF_NOWAIT`, for which std and rustix lack a read into memory that is not initialised.

#![cfg_attr(
    target_os = "linux",
    allow(unsafe_code, reason = "memory that the system has written is initialised by nothing but its word")
)]

use bytes::BytesMut;
use std::{
    fs::File,
    io::{self, IoSlice},
};

/// Position that stands for the descriptor's own, which moves with each read.
pub(super) const HERE: u64 = u64::MAX;

/// Way of reading and writing a file in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// The system is asked not to wait.
    NoWait,
    /// The file never waits: it lies in memory, or is a pipe opened by ourselves that does not block.
    Plain,
}

/// Reads into the spare capacity, at this position.
///
/// # Errors
/// The system's: `WouldBlock` where it would wait, `Unsupported` where it cannot tell.
#[cfg(target_os = "linux")]
pub(super) fn read(file: &File, position: u64, call: Call, into: &mut BytesMut) -> io::Result<usize> {
    use bytes::BufMut;
    use std::os::fd::AsRawFd;
    let spare = into.spare_capacity_mut();
    let slice = libc::iovec { iov_base: spare.as_mut_ptr().cast(), iov_len: spare.len() };
    let flags = if call == Call::NoWait { libc::RWF_NOWAIT } else { 0 };
    // The kernel puts the position together from two halves; the upper one is shifted away on 64 bits.
    let (low, high) = (position as libc::c_long, (position >> 32) as libc::c_long);
    // SAFETY: the slice is memory of ours, borrowed until the call is over.
    let count =
        unsafe { libc::syscall(libc::SYS_preadv2, file.as_raw_fd(), &raw const slice, 1, low, high, flags) };
    let Ok(count) = usize::try_from(count) else {
        return Err(in_words(rustix::io::Errno::from_io_error(&io::Error::last_os_error())));
    };
    // SAFETY: so many bytes of the spare capacity were written.
    unsafe { into.advance_mut(count) };
    Ok(count)
}

/// Writes the slices to where the descriptor stands.
///
/// # Errors
/// As for [`read`].
#[cfg(target_os = "linux")]
pub(super) fn write(file: &File, call: Call, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    use rustix::io::ReadWriteFlags;
    let flags = if call == Call::NoWait { ReadWriteFlags::NOWAIT } else { ReadWriteFlags::empty() };
    rustix::io::pwritev2(file, slices, HERE, flags).map_err(|errno| in_words(Some(errno)))
}

/// A terminal, a file system without such reads, an older system: all of that is `Unsupported`.
#[cfg(target_os = "linux")]
fn in_words(errno: Option<rustix::io::Errno>) -> io::Error {
    use rustix::io::Errno;
    match errno {
        None | Some(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::SPIPE) => {
            io::ErrorKind::Unsupported.into()
        }
        Some(errno) => errno.into(),
    }
}

/// Opens a pipe once more, so that `O_NONBLOCK` is ours alone: those that have a name, or were opened by one
/// such as `/dev/stdin`, know no single call that does not wait.
///
/// # Errors
/// The system's, where the pipe is somebody else's or there is no `/proc`.
#[cfg(target_os = "linux")]
pub(super) fn reopen(file: &File, write: bool) -> io::Result<File> {
    use std::os::{fd::AsRawFd, unix::fs::OpenOptionsExt};
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    File::options()
        .read(!write)
        .write(write)
        .custom_flags(flags)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(_: &File, _: u64, _: Call, _: &mut BytesMut) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn write(_: &File, _: Call, _: &[IoSlice<'_>]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reopen(_: &File, _: bool) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_read_fills_what_is_spare_and_nothing_else() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let mut into = BytesMut::with_capacity(8);
        into.extend_from_slice(b"<");
        assert_eq!(read(&file, 4, Call::Plain, &mut into).unwrap(), 6);
        assert_eq!(&into[..], b"<456789");
        assert_eq!(read(&file, 10, Call::Plain, &mut into).unwrap(), 0);
        assert_eq!(&into[..], b"<456789");
    }

    #[test]
    fn a_pipe_that_is_empty_or_full_would_wait() {
        let (theirs, ours) = io::pipe().unwrap();
        let [theirs, ours] = [theirs.into(), ours.into()].map(|end: std::os::fd::OwnedFd| File::from(end));
        let mut into = BytesMut::with_capacity(1 << 20);
        let error = read(&theirs, HERE, Call::NoWait, &mut into).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        let content = vec![7; 1 << 20];
        let taken = write(&ours, Call::NoWait, &[IoSlice::new(b"12"), IoSlice::new(&content)]).unwrap();
        assert!((2..content.len()).contains(&taken), "{taken}");
        let error = write(&ours, Call::NoWait, &[IoSlice::new(&content)]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(read(&theirs, HERE, Call::NoWait, &mut into).unwrap(), taken);
        assert_eq!(&into[..4], b"12\x07\x07");
        drop(theirs);
        let error = write(&ours, Call::NoWait, &[IoSlice::new(&content)]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
