//! Option groups of the two sides of a WebSocket: the client's opening handshake, credentials and TLS, and the
//! server's.

use super::values::{self, Pins};
use crate::{handshake::HeaderName, tls::Version};
use clap::{Args, ValueHint};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The opening handshake, on whichever side this end has.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Handshake")]
pub(super) struct HandshakeArgs {
    /// Add a header to the request; 'NAME:' leaves out a default one; @FILE holds one a line; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", allow_hyphen_values = true)]
    pub headers: Vec<String>,
    /// Offer the subprotocol NAME; repeatable, or separated by commas
    #[arg(long = "subprotocol", visible_alias = "protocol", value_name = "NAME", value_delimiter = ',', value_parser = values::subprotocol)]
    pub subprotocols: Vec<String>,
    /// Offer compression (permessage-deflate); when listening, accept it
    #[arg(long, hide_short_help = true)]
    pub compress: bool,
}

/// Who a client says it is.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Handshake")]
pub(super) struct Credentials {
    /// Log in with HTTP Basic; @FILE, @- and @env:NAME keep it off the command line
    #[arg(short, long, value_name = "NAME:PASSWORD", conflicts_with = "bearer", allow_hyphen_values = true)]
    pub user: Option<String>,
    /// Log in with a bearer token; @FILE, @- and @env:NAME keep it off the command line
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub bearer: Option<String>,
    /// Send cookies, as 'a=b' or from @FILE: plain, a Netscape jar, JSON, Set-Cookie lines; repeatable
    #[arg(long, value_name = "COOKIE", hide_short_help = true)]
    pub cookie: Vec<String>,
    /// Send NAME as User-Agent
    #[arg(short = 'A', long, value_name = "NAME", hide_short_help = true)]
    pub user_agent: Option<String>,
    /// Send ORIGIN as Origin, as a browser page from there would
    #[arg(long, value_name = "ORIGIN", hide_short_help = true)]
    pub origin: Option<String>,
}

/// Whom a TLS client trusts.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub(super) struct Trust {
    /// Trust the roots in FILE (PEM) instead of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cacert: Option<PathBuf>,
    /// Accept any certificate; said on every run
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    pub insecure: bool,
    /// Speak no older TLS than this [default: 1.2]
    #[arg(long, value_name = "1.2|1.3", value_parser = values::tls_version, hide_short_help = true)]
    pub tls_min: Option<Version>,
    /// Accept only a certificate with one of these keys, separated by ;
    #[arg(long, visible_alias = "pinnedpubkey", value_name = "sha256//BASE64", value_parser = values::pins, hide_short_help = true)]
    pub pin: Vec<Pins>,
    /// Refuse certificates that the lists in FILE (PEM) revoke; every issuer needs one
    #[arg(long, visible_alias = "crlfile", value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "insecure", hide_short_help = true)]
    pub crl: Option<PathBuf>,
    /// Send and verify NAME instead of the URL's host, or send none
    #[arg(long, value_name = "NAME|none", hide_short_help = true)]
    pub sni: Option<String>,
}

/// Our own certificate.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub(super) struct CertificateArgs {
    /// Show the certificate chain in FILE (PEM) to the server
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub cert: Option<PathBuf>,
    /// Take the key of --cert from FILE (PEM) [default: the --cert file]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert", hide_short_help = true)]
    pub key: Option<PathBuf>,
    /// Open an encrypted key with PASSPHRASE; @FILE and @env:NAME keep it off the command line
    #[arg(
        long,
        value_name = "PASSPHRASE",
        requires = "cert",
        allow_hyphen_values = true,
        hide_short_help = true
    )]
    pub pass: Option<String>,
}

impl CertificateArgs {
    /// The same with `--cert FILE:PASSWORD` parted, as curl takes it; a file of that very name goes before.
    pub fn with_password(mut self) -> Self {
        let Some(text) = self.cert.as_ref().filter(|cert| !cert.exists()).and_then(|cert| cert.to_str())
        else {
            return self;
        };
        // One letter before the colon is a drive of Windows.
        let colons = text.match_indices(':').map(|(at, _)| at).filter(|at| *at > 1);
        let parted = colons.map(|at| (&text[..at], &text[at + 1..]));
        let found =
            parted.clone().find(|(file, _)| Path::new(file).exists()).or_else(|| parted.clone().next());
        if let Some((file, password)) = found {
            // It is meant as it is, also where it begins as @FILE does.
            let password =
                if password.starts_with('@') { format!("@{password}") } else { password.to_owned() };
            let file = PathBuf::from(file);
            self.pass = self.pass.or(Some(password));
            self.cert = Some(file);
        }
        self
    }
}

/// How a listening endpoint serves its clients.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Server")]
pub(super) struct ServerArgs {
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
