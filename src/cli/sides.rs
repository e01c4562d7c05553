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
    /// Add a header to the request; 'NAME:' removes a default one; @FILE holds one per line; repeatable
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", allow_hyphen_values = true)]
    pub headers: Vec<String>,
    /// Offer subprotocol NAME; repeatable, or separated by commas
    #[arg(long = "subprotocol", visible_alias = "protocol", value_name = "NAME", value_delimiter = ',', value_parser = values::subprotocol)]
    pub subprotocols: Vec<String>,
    /// Offer compression (permessage-deflate); a server accepts it
    #[arg(long)]
    pub compress: bool,
}

/// Who a client says it is.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Handshake")]
pub(super) struct Credentials {
    /// Log in with HTTP Basic; @FILE, @- or @env:NAME keeps it off the command line
    #[arg(short, long, value_name = "NAME:PASSWORD", conflicts_with = "bearer", allow_hyphen_values = true)]
    pub user: Option<String>,
    /// Log in with a bearer token; @FILE, @- or @env:NAME keeps it off the command line
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub bearer: Option<String>,
    /// Send cookies, 'a=b' or @FILE; FILE is plain, a Netscape jar, JSON or Set-Cookie lines; repeatable
    #[arg(long, value_name = "COOKIE")]
    pub cookie: Vec<String>,
    /// Send NAME as the User-Agent header
    #[arg(short = 'A', long, value_name = "NAME")]
    pub user_agent: Option<String>,
    /// Send ORIGIN as the Origin header, like a page loaded from there
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
}

/// Whom a TLS client trusts.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub(super) struct Trust {
    /// Trust the CA certificates in FILE (PEM) instead of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cacert: Option<PathBuf>,
    /// Accept any certificate; prints a warning on every run
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    pub insecure: bool,
    /// Use at least this version of TLS [default: 1.2]
    #[arg(long, value_name = "1.2|1.3", value_parser = values::tls_version)]
    pub tls_min: Option<Version>,
    /// Accept only a certificate with this public key; a ; separates several
    #[arg(long, visible_alias = "pinnedpubkey", value_name = "sha256//BASE64", value_parser = values::pins)]
    pub pin: Vec<Pins>,
    /// Refuse certificates revoked by the CRLs in FILE (PEM); every issuer needs a CRL
    #[arg(long, visible_alias = "crlfile", value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "insecure")]
    pub crl: Option<PathBuf>,
    /// Send and verify NAME instead of the URL's host; none sends no name
    #[arg(long, value_name = "NAME|none")]
    pub sni: Option<String>,
}

/// Our own certificate.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
#[command(next_help_heading = "TLS")]
pub(super) struct CertificateArgs {
    /// Log in with the client certificate chain in FILE (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cert: Option<PathBuf>,
    /// Read the key of --cert from FILE (PEM) [default: the --cert file]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    pub key: Option<PathBuf>,
    /// Decrypt the key with PASSPHRASE; @FILE or @env:NAME keeps it off the command line
    #[arg(long, value_name = "PASSPHRASE", requires = "cert", allow_hyphen_values = true)]
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
    /// Exit after serving one client; the exit code is that of its session
    #[arg(long)]
    pub once: bool,
    /// Accept WebSockets only at PATH; answer 404 elsewhere; repeatable
    #[arg(long = "path", value_name = "PATH", value_parser = values::path)]
    pub paths: Vec<String>,
    /// Also accept pages from ORIGIN; * in it matches any name, null is a page from a file, any is all; repeatable
    #[arg(long, value_name = "ORIGIN", value_parser = values::origin)]
    pub allow_origin: Vec<String>,
    /// Also accept the Host NAME on a loopback address, for a reverse proxy; * matches any name; repeatable
    #[arg(long, value_name = "NAME|any", value_parser = values::host)]
    pub allow_host: Vec<String>,
    /// Forward the client's header NAME to the WebSocket behind; repeatable
    #[arg(long, value_name = "NAME", value_parser = values::header_name)]
    pub forward_header: Vec<HeaderName>,
    /// Serve TLS with a certificate made at startup; prints its fingerprint
    #[arg(long)]
    pub self_signed: bool,
    /// Require clients to show a certificate issued by a CA in FILE (PEM)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub client_ca: Option<PathBuf>,
    /// Write the URL to FILE once listening
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub announce: Option<PathBuf>,
    /// Create a Unix socket with the permissions MODE, octal such as 0660 [default: from the umask]
    #[arg(long, value_name = "MODE", value_parser = values::mode)]
    pub mode: Option<u32>,
    /// Serve at most N clients at a time; WebSockets beyond get 503, byte connections are closed
    #[arg(long, value_name = "N", value_parser = values::connections, default_value = "1024")]
    pub max_connections: usize,
    /// Buffer at most SIZE of unfinished messages and --read-ahead in all; beyond, close the largest client (1013)
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "256M")]
    pub max_buffer: usize,
    /// Drop a client whose handshake takes longer than DURATION
    #[arg(long, value_name = "DURATION", value_parser = values::some_duration, default_value = "10s")]
    pub handshake_timeout: Duration,
    /// After a signal, let open sessions finish for at most DURATION
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "10s")]
    pub grace: Duration,
}

/// What clients have to show.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Server")]
pub(super) struct Admittance {
    /// Require clients to log in with HTTP Basic; @FILE, @- or @env:NAME keeps it off the command line
    #[arg(short, long, value_name = "NAME:PASSWORD", conflicts_with = "bearer", allow_hyphen_values = true)]
    pub user: Option<String>,
    /// Require this bearer token from clients; @FILE, @- or @env:NAME keeps it off the command line
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub bearer: Option<String>,
}
