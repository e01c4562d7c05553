//! Exit codes: the single source of what a process status of `wsio` means.
//!
//! curl's numbers where the meaning is equal; never renumbered. The README's table and the man
//! page are generated from or checked against [`EXITS`], so a code cannot be added in one place only.

use std::{fmt, io};

/// The outcome of the process; the discriminant is the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "EXITS below describes every variant")]
pub enum Exit {
    Ok = 0,
    Expectation = 1,
    Usage = 2,
    Malformed = 3,
    NotBuiltIn = 4,
    ProxyName = 5,
    HostName = 6,
    Refused = 7,
    UpgradeRefused = 22,
    WriteError = 23,
    ReadError = 26,
    Deadline = 28,
    TlsHandshake = 35,
    Redirects = 47,
    NoAnswer = 52,
    Unsent = 55,
    Lost = 56,
    OwnCertificate = 58,
    Untrusted = 60,
    BadInput = 65,
    Internal = 70,
    CaFile = 77,
    Crl = 82,
    ProxyRefused = 97,
    ClientCertificate = 98,
    BadHandshake = 110,
    Protocol = 111,
    BadUtf8 = 112,
    TooBig = 113,
    CloseUnanswered = 114,
    ClosedByPeer = 115,
    Bind = 116,
    Command = 125,
    Hangup = 129,
    Interrupt = 130,
    ReaderLeft = 141,
    Terminate = 143,
}

/// Every exit code with the sentence that README, man page and `--help` print for it, in order.
pub const EXITS: &[(Exit, &str)] = &[
    (Exit::Ok, "clean and complete"),
    (Exit::Expectation, "an expectation was not met"),
    (Exit::Usage, "usage: unknown or bad option, CR/LF/NUL in a header (refused before a packet leaves)"),
    (Exit::Malformed, "malformed URL or endpoint"),
    (Exit::NotBuiltIn, "not built in"),
    (Exit::ProxyName, "proxy name not found"),
    (Exit::HostName, "host name not found"),
    (Exit::Refused, "connection refused or unreachable"),
    (Exit::UpgradeRefused, "the server answered the upgrade with something other than 101"),
    (Exit::WriteError, "cannot write output"),
    (Exit::ReadError, "cannot read input"),
    (Exit::Deadline, "a deadline passed (the message names it)"),
    (Exit::TlsHandshake, "TLS handshake failed"),
    (Exit::Redirects, "too many redirects"),
    (Exit::NoAnswer, "connection closed before any answer to the upgrade"),
    (Exit::Unsent, "input was left unsent"),
    (Exit::Lost, "connection lost without a Close"),
    (Exit::OwnCertificate, "own certificate or key unusable"),
    (Exit::Untrusted, "the peer's certificate is not trusted"),
    (Exit::BadInput, "input cannot be represented (text mode, size)"),
    (Exit::Internal, "internal fault: a bug, please report"),
    (Exit::CaFile, "CA file unusable"),
    (Exit::Crl, "certificate revocation list unusable"),
    (Exit::ProxyRefused, "the proxy refused"),
    (Exit::ClientCertificate, "the server wants a client certificate"),
    (Exit::BadHandshake, "101 received, but invalid: Accept, Upgrade, unasked extension or subprotocol"),
    (Exit::Protocol, "the peer broke the protocol"),
    (Exit::BadUtf8, "the peer sent bad UTF-8"),
    (Exit::TooBig, "the peer exceeded the message limit"),
    (Exit::CloseUnanswered, "our Close was never answered"),
    (Exit::ClosedByPeer, "closed by the peer with an error code"),
    (Exit::Bind, "cannot bind or listen"),
    (Exit::Command, "a command endpoint failed"),
    (Exit::Hangup, "SIGHUP"),
    (Exit::Interrupt, "SIGINT, or Ctrl-C twice at the prompt"),
    (Exit::ReaderLeft, "stdout's reader left"),
    (Exit::Terminate, "SIGTERM"),
];

impl Exit {
    /// The process status, 0–255.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The exit of whoever could not write to standard output: its reader left, or it is full or broken.
    pub fn unwritten(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderLeft,
            _ => Self::WriteError,
        }
    }

    /// True when a signal ended the process: SIGHUP, SIGINT or SIGTERM.
    pub fn is_signal(self) -> bool {
        matches!(self, Self::Hangup | Self::Interrupt | Self::Terminate)
    }

    /// The sentence that tables print for this code.
    pub fn meaning(self) -> &'static str {
        EXITS.iter().find(|(exit, _)| *exit == self).map_or("", |(_, text)| text)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code(), self.meaning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_described_once_in_order() {
        assert!(EXITS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(EXITS.iter().all(|(_, text)| !text.is_empty()));
    }
}
