//! Whoever is told what happened: the lines on stderr.
//!
//! stderr may be closed or full; saying something never fails and never panics.

use crate::{
    exit::Exit,
    fault::{Fault, printable},
};
use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// `-q`: faults only.
    Quiet,
    /// Faults, notes, life-cycle lines of servers.
    #[default]
    Normal,
    /// `-v`: how the connection came about.
    Verbose,
}

/// Writes lines to stderr; clones share it.
#[derive(Clone)]
pub struct Reporter {
    verbosity: Verbosity,
    to: Arc<Mutex<dyn Write + Send>>,
}

impl Reporter {
    /// A reporter that writes to `to`.
    pub fn new(to: impl Write + Send + 'static, verbosity: Verbosity) -> Self {
        Self { verbosity, to: Arc::new(Mutex::new(to)) }
    }

    /// The same sink with another verbosity.
    #[must_use]
    pub fn with(&self, verbosity: Verbosity) -> Self {
        Self { verbosity, to: Arc::clone(&self.to) }
    }

    /// A reporter that says nothing but faults.
    #[must_use]
    pub fn silent(&self) -> Self {
        self.with(Verbosity::Quiet)
    }

    /// Tells why something failed.
    pub fn fault(&self, fault: &Fault) {
        // Whoever hung up is not there to read it; ssh hangs up on its ProxyCommand at every normal end.
        let hung_up = fault.exit == Exit::Hangup && self.verbosity < Verbosity::Verbose;
        if !fault.is_silent() && !hung_up {
            self.write(&format!("wsio: {fault}\n"));
        }
    }

    /// Tells something the user did not ask for and should know.
    pub fn note(&self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.write(&format!("wsio: {}\n", printable(text)));
        }
    }

    /// Tells a step in the life of a server or a connection.
    pub fn life(&self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.write(&format!("{}\n", printable(text)));
        }
    }

    /// Passes on a line of a child's standard error.
    pub fn child(&self, conn: u64, line: &str) {
        self.write(&format!("#{conn} | {}\n", printable(line)));
    }

    /// Tells how a connection came about, with `-v`.
    pub fn verbose(&self, text: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.write(&format!("* {}\n", printable(text)));
        }
    }

    fn write(&self, text: &str) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = to.write_all(text.as_bytes());
        let _ = to.flush();
    }
}
