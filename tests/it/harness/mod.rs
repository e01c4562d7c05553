//! Children, peers and programs in process, all with bounded waits.

#[cfg(feature = "nats")]
mod broker;
mod browser;
mod certs;
mod child;
mod peer;
mod program;
mod proxies;
mod terminal;

#[cfg(feature = "nats")]
pub use broker::Broker;
pub use browser::Browser;
pub use certs::{Authority, Pair};
pub use child::{Done, Listening, Wsio};
pub use peer::{
    Frame, Peer, accept_bounded, field, narrow_listener, read_head, serve, serve_many, serve_narrow,
};
pub use program::{Ended, Input, Output, Program};
pub use proxies::{NAME, Proxy, greeting, tls_front, tls_front_of};
pub use terminal::{Options, Terminal};

use std::time::{Duration, Instant};

/// No wait of a test is longer; ten times what a quiet machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Polls until `check` holds; panics when it never does.
pub fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
