//! NATS: rooms that reach beyond this process.
//!
//! A subject of a broker is a room like that of `hub:`: those who are in it here hear each other
//! directly. One more member, its *bridge*, publishes what they say and says what the broker sends, so
//! a broker that is slow or gone changes nothing for them. One connection serves all subjects of a
//! server; it asks not to be sent its own publications (`echo: false`).
//!
//! A published message counts as delivered once the broker answered a probe that was sent after it
//! (`confirm`); `async-nats` itself tells only that bytes were written. A message that was under way when a
//! connection broke is not sent again, since it may have arrived; it is counted and said.
//!
//! `async-nats` lives only here, behind the cargo feature `nats`; URLs are read without it too.

#[cfg(not(feature = "nats"))]
mod absent;
#[cfg(feature = "nats")]
mod broker;
#[cfg(feature = "nats")]
mod confirm;
#[cfg(feature = "nats")]
mod connect;
#[cfg(feature = "nats")]
mod inward;
#[cfg(feature = "nats")]
mod outward;
#[cfg(feature = "nats")]
mod subject;
mod url;
#[cfg(feature = "nats")]
mod watch;

#[cfg(not(feature = "nats"))]
pub use absent::NoBrokers as Brokers;
#[cfg(feature = "nats")]
pub use broker::Brokers;
pub use url::{NatsLogin, NatsServer, NatsUrl};

use crate::{framing::Kind, observe::Reporter, tls};
use std::time::Duration;

/// Terms on which a subject is joined.
pub struct Terms {
    /// Kind of the messages of foreign publishers; `None` is text where it is UTF-8, else binary.
    pub kind: Option<Kind>,
    /// Bound on one message, bytes.
    pub max_message: usize,
    /// Until the first connection is open; `None` is off.
    pub connect_timeout: Option<Duration>,
    /// The client side of TLS; `None` leaves it to the system's roots.
    pub tls: Option<tls::ClientConfig>,
    /// The only one in its room: it may be held up, and its session ends with what goes wrong.
    pub alone: bool,
    /// Nothing is published.
    pub listen_only: bool,
    /// Nothing is subscribed to.
    pub speak_only: bool,
    /// Reporter for notes.
    pub reporter: Reporter,
}
