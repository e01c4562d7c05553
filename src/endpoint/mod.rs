//! Endpoints: what the user names, and how it is opened.
//!
//! One file a scheme family; the table [`SCHEMES`] is all that knows them by name, so that a new one
//! is a file and a line here, and help, man page, completions and the table's tests follow.

mod client_info;
mod command;
mod datagram;
mod file;
mod foreign;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod greeting;
mod internal;
mod names;
mod nats;
mod open;
mod scheme;
mod schemes;
mod socket;
mod standard;
mod web_socket;

pub use client_info::ClientInfo;
pub use command::command;
pub use greeting::{Greeting, StreamAcceptor};
pub use internal::script;
pub use names::{listen_line, parse, remote, target};
pub use open::{Acceptor, Deadline, Found, Framings, OpenContext, Opened, OpenedLink, Opening, Role};
pub use scheme::{Flags, Kind, Scheme};
pub use schemes::{SCHEMES, binds_unix, is_dialled, is_echo, tls_server};
pub use web_socket::accepted;

use crate::fault::Result;
use std::{future::Future, pin::Pin};

/// Text for a client when threads, processes or descriptors are used up.
pub const EXHAUSTED: &str = "the server is out of threads, processes or descriptors";

/// A future that an endpoint returns; boxed once per connection.
pub type Opens<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something the user named.
pub trait Endpoint: Send + Sync {
    /// The name again, in full, without secrets.
    fn describe(&self) -> String;

    /// True when it speaks WebSocket.
    fn is_web_socket(&self) -> bool {
        false
    }

    /// True when it sends and takes datagrams.
    fn is_datagrams(&self) -> bool {
        false
    }

    /// True for standard input and output.
    fn is_standard(&self) -> bool {
        false
    }

    /// True for a child process.
    fn is_command(&self) -> bool {
        false
    }

    /// Checks that a server may open it anew for each client, or with `once` for one.
    ///
    /// # Errors
    /// Exit 2 with what works instead.
    fn may_serve(&self, _once: bool) -> Result<()> {
        Ok(())
    }

    /// Does what has to be known before the first client comes, such as whether a program is there.
    ///
    /// # Errors
    /// The fault that makes serving pointless.
    fn prepare<'a>(&'a self, _: &'a OpenContext) -> Opens<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Opens or binds it.
    ///
    /// # Errors
    /// The fault that says in which phase it failed, and why.
    fn open<'a>(&'a self, context: &'a OpenContext, opening: Opening) -> Opens<'a, Result<Opened>>;
}
