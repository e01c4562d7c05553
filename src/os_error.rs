//! Operating system errors in plain words.
//!
//! `Connection refused (os error 111)` is noise to most readers; the number stays only where we have
//! no better words, so that it can still be looked up.

use std::io::{self, ErrorKind};

/// The error in words: in lower case, and without an error number where the kind is well known.
pub fn words(error: &io::Error) -> String {
    if is_exhausted(error) {
        return "too many open files in this process or system".to_owned();
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset",
        ErrorKind::ConnectionAborted => "connection aborted",
        ErrorKind::BrokenPipe => "broken pipe",
        ErrorKind::HostUnreachable => "host unreachable",
        ErrorKind::NetworkUnreachable => "network unreachable",
        ErrorKind::NetworkDown => "network down",
        ErrorKind::TimedOut => "timed out",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::NotFound => "no such file",
        ErrorKind::AddrInUse => "address already in use",
        ErrorKind::AddrNotAvailable => "address not available",
        ErrorKind::UnexpectedEof => "connection closed early",
        // The name of a constant of the system says nothing; Linux takes 107 bytes, others fewer.
        ErrorKind::InvalidInput if error.to_string().contains("SUN_LEN") => {
            "the path is too long for a socket (107 bytes at most); a relative one may be shorter"
        }
        _ => return error.to_string(),
    }
    .to_owned()
}

/// True when this process or the system ran out of descriptors, buffers or memory: no fault of the peer.
pub fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| exhausted.iter().any(|errno| errno.raw_os_error() == code))
}

/// True when something cannot be started or opened because threads, processes, descriptors or memory for them
/// are used up; not for an error of a socket, where `EAGAIN` means something else.
pub fn cannot_start(error: &io::Error) -> bool {
    is_exhausted(error) || error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::OutOfMemory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_errors_lose_their_number() {
        assert_eq!(words(&ErrorKind::ConnectionRefused.into()), "connection refused");
        assert!(!words(&io::Error::other("odd")).is_empty());
        let long = std::os::unix::net::SocketAddr::from_pathname("a".repeat(300)).unwrap_err();
        assert!(words(&long).contains("too long for a socket"), "{long}");
    }

    #[test]
    fn descriptors_used_up_are_told_apart() {
        let error = io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        assert!(is_exhausted(&error));
        assert!(words(&error).contains("open files"));
    }
}
