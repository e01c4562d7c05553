//! The kernel's send queue of a socket: how much of it is not acknowledged, how much may wait to be sent, and
//! how far the receiver's window goes.
//!
//! Bytes that a write has taken may stand in the kernel for minutes on a slow path, and a ping or a Close
//! that is written then stands behind them. Neither std, tokio nor rustix asks how many there are, so the
//! system calls are made here.

#![allow(
    unsafe_code,
    reason = "ioctl(2), getsockopt(2) and setsockopt(2) take a pointer whose type they cannot check"
)]

use std::os::fd::{AsRawFd, BorrowedFd};

/// Bound on the bytes in the send queue that have not been sent yet.
///
/// It does not bound what is on the way, so it costs no throughput while it is refilled in time: over
/// loopback 256 KiB are as fast as no limit, and 128 KiB lose a twentieth.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
static UNSENT: libc::c_int = 256 * 1024;

#[cfg(any(target_os = "linux", target_os = "android"))]
const NOTSENT_LOWAT: libc::c_int = libc::TCP_NOTSENT_LOWAT;
/// As netinet/tcp.h has it; libc lacks it.
#[cfg(target_vendor = "apple")]
const NOTSENT_LOWAT: libc::c_int = 0x201;

/// Bytes that the far end has not acknowledged, a FIN counted as one; on a Unix socket bytes of buffers
/// that it has not read to their end. `None` where the system does not say.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn unacknowledged(socket: BorrowedFd<'_>) -> Option<u64> {
    let mut bytes: libc::c_int = 0;
    // TIOCOUTQ is the number that Linux calls SIOCOUTQ where sockets are meant (tcp(7), unix(7)).
    // SAFETY: the descriptor is open while it is borrowed, and for this request the kernel writes one int.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 { u64::try_from(bytes).ok() } else { None }
}

/// Bytes that the far end has not acknowledged. `None` where the system does not say.
#[cfg(target_vendor = "apple")]
pub(super) fn unacknowledged(socket: BorrowedFd<'_>) -> Option<u64> {
    let mut bytes: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed, and the kernel writes at most `length` bytes,
    // which is the size of `bytes`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NWRITE,
            (&raw mut bytes).cast(),
            &raw mut length,
        )
    };
    if result == 0 { u64::try_from(bytes).ok() } else { None }
}

/// This system does not say.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn unacknowledged(_: BorrowedFd<'_>) -> Option<u64> {
    None
}

/// Bytes up to which the receiver has opened its window (SND.UNA + SND.WND of RFC 9293), counted from the
/// beginning of the connection. `None` where the system does not say.
#[cfg(target_os = "linux")]
pub(super) fn window_end(socket: BorrowedFd<'_>) -> Option<u64> {
    let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed, and the kernel writes at most `length` bytes,
    // which is the size of `info`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    // SAFETY: it is plain numbers, all of them zero or written by the kernel.
    let info = unsafe { info.assume_init() };
    // Linux before 5.4 ends it earlier, and musl's structure ends with this field.
    let end = std::mem::offset_of!(libc::tcp_info, tcpi_snd_wnd) + size_of::<u32>();
    let is_known = length as usize >= end;
    (result == 0 && is_known).then(|| info.tcpi_bytes_acked + u64::from(info.tcpi_snd_wnd))
}

/// This system does not say.
#[cfg(not(target_os = "linux"))]
pub(super) fn window_end(_: BorrowedFd<'_>) -> Option<u64> {
    None
}

/// Keeps what waits to be sent small, so that a ping or a Close goes out soon after it is written; failing
/// to do so changes delays only.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(super) fn limit_unsent(socket: BorrowedFd<'_>) {
    // SAFETY: the descriptor is open while it is borrowed, and the kernel reads one int of that size.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            NOTSENT_LOWAT,
            (&raw const UNSENT).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}

/// This system has no such limit.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn limit_unsent(_: BorrowedFd<'_>) {}
