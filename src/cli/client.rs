//! Option groups of the client side: the opening handshake, credentials, TLS.

use super::values::{self, Pins};
use crate::tls::Version;
use clap::{Args, ValueHint};
use std::path::{Path, PathBuf};

/// The opening handshake, on whichever side this end has.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Handshake")]
pub(super) struct Handshake {
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
pub(super) struct Certificate {
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

impl Certificate {
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
