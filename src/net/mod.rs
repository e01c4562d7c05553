//! Byte transports: naming, reaching and binding TCP and Unix sockets.
//!
//! Everything above speaks to a [`Stream`], whatever it is made of; what can be known about the far
//! end travels beside it as text.

mod addr;
mod detour;
mod dial;
mod dialer;
mod exchange;
mod linger;
mod listen;
mod prefixed;
mod proxy;
mod resolve;
mod source;
#[cfg(unix)]
mod unix;
mod words;

pub use addr::host_port;
pub use detour::{ConnectTo, Resolve};
#[cfg(unix)]
pub use dial::dial_unix;
pub use dialer::{DialOptions, Dialer, Route, without_zone};
pub use exchange::{Exchange, head_lines, refusal_lines, status_text, title_case};
pub use linger::lingering_close;
pub use listen::Listener;
pub use proxy::{Bypass, Chosen, Environment, Proxies, Proxy};
pub use source::{Family, Interface};
pub use words::words;

use std::{path::PathBuf, pin::Pin};
use tokio::io::{AsyncRead, AsyncWrite};

/// What a transport must be able to do.
pub trait Transport: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Transport for T {}

/// Any open byte transport: TCP, Unix, TLS over either, or an in-process pipe in tests.
///
/// Boxed once per connection; the driver reads and writes whole batches, so the indirection costs nothing.
pub type Stream = Pin<Box<dyn Transport>>;

/// An open transport and who is at its far end.
pub struct Dialed {
    /// The transport.
    pub stream: Stream,
    /// The far end: `192.0.2.1:443`, `[::1]:80` or `unix:/path`.
    pub peer: String,
}

/// An address to listen on, as the command line writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddr {
    /// A bare port: loopback only, 127.0.0.1 and ::1; 0 takes a free one.
    Loopback(u16),
    /// A host name or address literal, and a port.
    Host(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

impl ListenAddr {
    /// The host that was written, if one was.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Host(host, _) => Some(host),
            Self::Loopback(_) | Self::Unix(_) => None,
        }
    }
}
