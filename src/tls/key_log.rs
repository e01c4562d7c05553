//! `SSLKEYLOGFILE`: the secrets of every connection, for Wireshark.
//!
//! Whoever reads the file reads the connections, so it is made for its owner alone, which rustls' own
//! writer leaves to the umask.

use crate::{
    exit::Exit,
    fault::{Fault, Result},
    os_error,
};
use rustls::KeyLog;
use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::Mutex,
};

/// Appends to one file in the NSS format.
#[derive(Debug)]
pub(super) struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    /// Opens the file, or makes it with mode 0600.
    ///
    /// # Errors
    /// Exit 23 naming it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(Self(Mutex::new(file))),
            Err(error) => {
                let cause =
                    format!("cannot write the TLS keys to {}: {}", path.display(), os_error::words(&error));
                Err(Fault::new(Exit::WriteError, "tls", cause)
                    .hint("unset SSLKEYLOGFILE, or let it name another file"))
            }
        }
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex::encode(client_random), hex::encode(secret));
        // One write a line: other programs append to the same file. A full disk spoils the log, not
        // the connection.
        if let Ok(mut file) = self.0.lock() {
            let _ = file.write_all(line.as_bytes());
        }
    }
}
