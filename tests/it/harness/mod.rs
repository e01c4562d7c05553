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
mod tls_client;

#[cfg(feature = "nats")]
pub use broker::Broker;
pub use browser::Browser;
pub use certs::{Authority, Pair};
pub use child::{Done, Listening, Wsio};
pub use peer::{
    Frame, Peer, accept_bounded, field, narrow_listener, read_head, serve, serve_many, serve_narrow,
};
pub use program::{Ended, Input, Output, Program, Running};
pub use proxies::{NAME, Proxy, greeting, tls_front, tls_front_of};
pub use terminal::{Options, Terminal};
pub use tls_client::{TlsClient, tls_dial, tls_over};

use std::time::{Duration, Instant};

/// No wait of a test is longer; ten times what a quiet machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Has signals act in programs that are started from here on, though they are ignored here, as under `nohup` and
/// in a background job of a script.
///
/// A signal that is handled goes back to its default where a program is started. Signals that act here are left
/// alone, so that Ctrl-C still ends the tests.
pub fn signals_act() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = ignored.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        // SIGHUP, SIGINT, SIGQUIT, SIGTERM.
        for number in [1, 2, 3, 15].into_iter().filter(|number| mask >> (number - 1) & 1 == 1) {
            drop(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(number)).unwrap());
        }
    });
}

/// Polls until `check` holds; panics when it never does.
pub fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
