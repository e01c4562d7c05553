//! The option group of the server side.

use super::values;
use crate::handshake::HeaderName;
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
    /// Open a WebSocket only at PATH, answer 404 elsewhere; repeatable
    #[arg(long = "path", value_name = "PATH", value_parser = values::path)]
    pub paths: Vec<String>,
    /// Let in pages of ORIGIN too, * standing for any name in it; null is a page opened from a file; repeatable
    #[arg(long, value_name = "ORIGIN|null|any", value_parser = values::origin)]
    pub allow_origin: Vec<String>,
    /// Answer for the Host NAME too, * standing for any, on a loopback address behind a reverse proxy; repeatable
    #[arg(long, value_name = "NAME|any", value_parser = values::host, hide_short_help = true)]
    pub allow_host: Vec<String>,
    /// Pass the client's header NAME on to the WebSocket behind; repeatable
    #[arg(long, value_name = "NAME", value_parser = values::header_name, hide_short_help = true)]
    pub forward_header: Vec<HeaderName>,
    /// Serve TLS with a certificate made at start; its fingerprint is shown
    #[arg(long)]
    pub self_signed: bool,
    /// Let in only clients that show a certificate issued by a root in FILE (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub client_ca: Option<PathBuf>,
    /// Write the URL to FILE when listening
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub announce: Option<PathBuf>,
    /// Give the file of a Unix socket the permissions MODE, octal as in 0660 [default: as the umask has it]
    #[arg(long, value_name = "MODE", value_parser = values::mode, hide_short_help = true)]
    pub mode: Option<u32>,
    /// Serve at most N clients at a time, answer 503 beyond
    #[arg(long, value_name = "N", value_parser = values::connections, default_value = "1024", hide_short_help = true)]
    pub max_connections: usize,
    /// Hold SIZE in all of unfinished messages and --read-ahead; beyond, close the client that holds most (1013)
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "256M", hide_short_help = true)]
    pub max_buffer: usize,
    /// Drop a client that did not finish its handshake after DURATION
    #[arg(long, value_name = "DURATION", value_parser = values::some_duration, default_value = "10s", hide_short_help = true)]
    pub handshake_timeout: Duration,
    /// Let open sessions drain for at most DURATION at a signal
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "10s", hide_short_help = true)]
    pub grace: Duration,
}

/// What clients have to show.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Server")]
pub(super) struct Admittance {
    /// Let in only clients that log in with HTTP Basic; @FILE, @- and @env:NAME keep it off the command line
    #[arg(short, long, value_name = "NAME:PASSWORD", conflicts_with = "bearer", allow_hyphen_values = true)]
    pub user: Option<String>,
    /// Let in only clients that show this bearer token; @FILE, @- and @env:NAME keep it off the command line
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true, hide_short_help = true)]
    pub bearer: Option<String>,
}
