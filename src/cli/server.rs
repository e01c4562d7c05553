//! The option group of the server side.

use super::values;
use clap::{Args, ValueHint};
use std::{path::PathBuf, time::Duration};

/// How a listening endpoint serves its clients.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Server")]
pub(super) struct Server {
    /// Serve one client, then exit with that session's code
    #[arg(long)]
    pub once: bool,
    /// Serve only PATH, answer 404 elsewhere; repeatable
    #[arg(long = "path", value_name = "PATH", value_parser = values::path)]
    pub paths: Vec<String>,
    /// Serve TLS with a certificate made at start; its fingerprint is shown
    #[arg(long)]
    pub self_signed: bool,
    /// Write the URL to FILE when listening
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub announce: Option<PathBuf>,
    /// Serve at most N clients at a time, answer 503 beyond
    #[arg(long, value_name = "N", value_parser = values::connections, default_value = "1024", hide_short_help = true)]
    pub max_connections: usize,
    /// Drop a client that did not finish its handshake after DURATION
    #[arg(long, value_name = "DURATION", value_parser = values::some_duration, default_value = "10s", hide_short_help = true)]
    pub handshake_timeout: Duration,
    /// Let open sessions drain for at most DURATION at a signal
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "10s", hide_short_help = true)]
    pub grace: Duration,
}
