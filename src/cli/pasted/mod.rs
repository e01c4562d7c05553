//! `--curl`: the command line for curl that a browser's developer tools copy becomes a connection.
//!
//! The line is translated into our own options, so that their values are read and refused in one
//! place. The handshake's own fields are left to our handshake; what curl would do beside asking for
//! a WebSocket is refused by name.

mod options;
mod words;

pub(super) use options::hint;

use super::{
    connect::ConnectArgs,
    expand::{Expander, usage},
    lower::Given,
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
};
use clap::{Args, FromArgMatches};

/// The options of `connect` that the line asks for.
///
/// # Errors
/// Exit 2 naming what cannot be done.
pub(super) fn read(text: &str, expander: &mut Expander) -> Result<ConnectArgs> {
    let text = expander.text("--curl", text)?;
    let wrong = |cause: String| usage(format!("--curl: {cause}"));
    let text = text.trim();
    let words = words::split(text.strip_prefix("$ ").unwrap_or(text)).map_err(|cause| {
        wrong(cause).hint("give the line from a file, as with --curl @FILE, or from standard input with @-")
    })?;
    let mut own = options::translate(&words)?;
    // The URL may stand on the command line instead.
    own.insert(0, "--curl=".to_owned());
    let command = ConnectArgs::augment_args(clap::Command::new("--curl").no_binary_name(true));
    command.try_get_matches_from(own).and_then(|matches| ConnectArgs::from_arg_matches(&matches)).map_err(
        |error| {
            let rendered = error.render().to_string();
            let first = rendered.lines().next().unwrap_or_default();
            wrong(first.strip_prefix("error: ").unwrap_or(first).to_owned())
        },
    )
}

impl ConnectArgs {
    /// What the line asks for where the command line itself says nothing.
    pub(super) fn over(&mut self, line: ConnectArgs, given: &Given) {
        fn fill<T>(own: &mut Option<T>, line: Option<T>) {
            if own.is_none() {
                *own = line;
            }
        }
        fn fill_all<T>(own: &mut Vec<T>, line: Vec<T>) {
            if own.is_empty() {
                *own = line;
            }
        }
        let named = self.named_headers();
        let (own, line_headers) = (&mut self.handshake.headers, line.handshake.headers);
        own.extend(line_headers.into_iter().filter(|text| !named.contains(&name_of(text))));
        fill_all(&mut self.handshake.subprotocols, line.handshake.subprotocols);

        let says = |name: &str| named.iter().any(|other| other == name);
        if !says("authorization") {
            fill(&mut self.credentials.user, line.credentials.user);
            fill(&mut self.credentials.bearer, line.credentials.bearer);
        }
        if !says("cookie") {
            self.credentials.cookie = line.credentials.cookie;
        }
        if !says("user-agent") {
            self.credentials.user_agent = line.credentials.user_agent;
        }

        // Both speak of whom to trust.
        if self.trust.cacert.is_none() && !self.trust.insecure {
            self.trust.cacert = line.trust.cacert;
            self.trust.insecure = line.trust.insecure && self.trust.crl.is_none();
        }
        if !self.trust.insecure {
            fill(&mut self.trust.crl, line.trust.crl);
        }
        fill(&mut self.trust.tls_min, line.trust.tls_min);
        fill_all(&mut self.trust.pin, line.trust.pin);
        if self.certificate.cert.is_none() {
            self.certificate = line.certificate;
        }

        let (own, line_network) = (&mut self.network, line.network);
        own.location |= line_network.location;
        if !own.is_elsewhere() {
            if own.proxy.is_none() {
                own.proxy = line_network.proxy;
                fill(&mut own.proxy_user, line_network.proxy_user);
            }
            fill(&mut own.noproxy, line_network.noproxy);
            fill(&mut own.proxy_cacert, line_network.proxy_cacert);
            own.proxy_insecure |= line_network.proxy_insecure;
            own.connect_to.extend(line_network.connect_to);
            own.resolve.splice(0..0, line_network.resolve);
            fill(&mut own.interface, line_network.interface);
            if !own.ipv4 && !own.ipv6 {
                (own.ipv4, own.ipv6) = (line_network.ipv4, line_network.ipv6);
            }
            if own.proxy.is_none() && own.connect_to.is_empty() && own.resolve.is_empty() {
                fill(&mut own.unix_socket, line_network.unix_socket);
            }
        }

        fill(&mut self.target, line.target);
        fill(&mut self.session.timeout, line.session.timeout);
        if !given.has("connect_timeout") {
            self.session.connect_timeout = line.session.connect_timeout;
        }
        if !self.output.quiet {
            self.output.verbose = self.output.verbose.max(line.output.verbose);
        }
    }

    /// The header fields that the command line itself speaks of, in lower case.
    fn named_headers(&self) -> Vec<String> {
        let credentials = &self.credentials;
        let mut named: Vec<String> = self.handshake.headers.iter().map(|text| name_of(text)).collect();
        for (is_given, name) in [
            (credentials.user.is_some() || credentials.bearer.is_some(), "authorization"),
            (!credentials.cookie.is_empty(), "cookie"),
            (credentials.user_agent.is_some(), "user-agent"),
            (credentials.origin.is_some(), "origin"),
            (!self.handshake.subprotocols.is_empty(), "sec-websocket-protocol"),
        ] {
            named.extend(is_given.then(|| name.to_owned()));
        }
        named
    }
}

/// The name in `Name: value` or `Name;`, in lower case.
fn name_of(header: &str) -> String {
    header.split([':', ';']).next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The target, which the command line or the line for curl has to name.
pub(super) fn target(target: Option<String>) -> Result<String> {
    target.ok_or_else(|| Fault::new(Exit::Usage, "usage", "--curl: there is no URL in the line"))
}
