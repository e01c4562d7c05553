//! Closing a file so that the error of it is heard.
//!
//! A file system may keep what was written to itself until `close(2)`: a quota that is used up, a server
//! that has gone (NFS). `std` drops that error, and its descriptors have no close that gives it.

#![allow(unsafe_code, reason = "closing a descriptor that is only known by its number is unsafe by nature")]

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{IntoRawFd, OwnedFd},
    path::Path,
};

/// Closes a file that was written.
pub type Close = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// Closes a file.
///
/// # Errors
/// Those of `close(2)`, but for an interruption: the descriptor is gone then too.
pub fn close(file: impl Into<OwnedFd>) -> io::Result<()> {
    let descriptor = file.into().into_raw_fd();
    // SAFETY: the descriptor was owned, and nobody else closes it.
    if unsafe { libc::close(descriptor) } == 0 {
        return Ok(());
    }
    match io::Error::last_os_error() {
        error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        error => Err(error),
    }
}

/// Writes a file anew, to its last byte.
///
/// # Errors
/// The system's, those of the close too.
pub fn write_file(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content.as_ref())?;
    close(file)
}

/// Gives a function that closes a file without taking it: it closes another descriptor of the file, which
/// tells the same error.
///
/// # Errors
/// When the system has no more descriptors.
pub fn closing(file: &File) -> io::Result<Close> {
    let other = file.try_clone()?;
    Ok(Box::new(move || close(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_there_after_the_close() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"whole").unwrap();
        let closing = closing(file.as_file()).unwrap();
        closing().unwrap();
        file.write_all(b" and more").unwrap();
        close(file.reopen().unwrap()).unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"whole and more");
    }
}
