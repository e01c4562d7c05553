//! Transports: naming, reaching and binding TCP, Unix and UDP sockets.
//!
//! Everything above speaks to a [`Stream`](crate::stream::Stream), whatever it is made of; what can be known
//! about the far end travels beside it as text.

mod addr;
mod answer_head;
mod bind;
mod dial;
mod dialer;
mod exchange;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod header_case;
mod inherited;
mod layer;
mod listen;
mod noticed;
mod overrides;
mod part;
mod proxy;
mod resolve;
mod source;
mod udp;
mod unix;

pub use addr::{ListenAddr, host_port, join};
pub use answer_head::{Findings, is_token};
pub use dial::dial_unix;
pub use dialer::{Dialer, Route, without_zone};
pub use exchange::{Exchange, auth_schemes, decoded, head_lines, refusal_lines, status_text, title_case};
pub use header_case::HeaderCase;
pub use layer::{Layer, Layered, give};
pub use listen::{Listener, OnSpare};
pub use noticed::{Heard, noticed};
pub use overrides::{ConnectTo, Resolve};
pub use part::{Parting, part};
pub use proxy::{Bypass, Chosen, Environment, Proxies, Proxy};
pub use resolve::DialOptions;
pub use resolve::is_localhost;
pub use source::{Family, Interface};
pub use udp::{LARGEST_DATAGRAM, Udp, bind_udp, is_full, is_too_big};

/// An open transport and who is at its far end.
pub struct Dialed {
    /// The transport.
    pub stream: crate::stream::Stream,
    /// The far end: `192.0.2.1:443`, `[::1]:80` or `unix:/path`.
    pub peer: String,
}

/// Options for binding, beside the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BindOptions {
    /// Permissions of a Unix socket's file. Default: what the umask leaves of 0777.
    pub mode: Option<u32>,
    /// The sockets that systemd may have handed to us.
    pub activation: Activation,
}

/// The variables that tell a process of the sockets systemd hands over (sd_listen_fds(3)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activation {
    /// `LISTEN_PID`: the process they are for.
    pub pid: Option<String>,
    /// `LISTEN_FDS`: how many there are, the first one being descriptor 3.
    pub fds: Option<String>,
}
