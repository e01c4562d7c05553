//! `wsio listen`: its arguments, and how they become a plan.

use super::{
    expand::{Expander, usage},
    expectations::Scripting,
    groups::{ChildErrors, Commands, Fanout},
    habits, handshake,
    lower::{self, GivenOptions},
    shared::{SharedArgs, Use},
    sides::{Admittance, CertificateArgs, HandshakeArgs, ServerArgs},
    values,
};
use crate::{
    endpoint::{Kind, Scheme, listen_line},
    exit::Exit,
    fault::{Fault, Result},
    framing::LINES,
    net::ListenAddr,
    plan::{Common, Expect, Listen, Plan, Target},
    session::Rules,
    site,
    tls::ServerTls,
};
use clap::{Args, ValueHint};
use std::{ffi::OsString, net::IpAddr, path::PathBuf, sync::Arc};

/// Be a WebSocket server
///
/// Standard input goes to every client, and each client's messages to standard output, one line a
/// message; --echo, --relay, --to, --script and PROGRAM connect clients to something else. A bare port
/// is reachable from this machine only.
///
/// On a terminal listen is a prompt: each line goes to every client; their messages, each behind the
/// number of its client, and the log appear above it. Ctrl-C ends the server, /help lists the commands.
/// With --framing, --in or --out there is no prompt.
#[derive(Debug, Args)]
#[command(override_usage = "wsio listen [OPTIONS] <ADDR> [-- <PROGRAM>...]")]
pub(super) struct ListenArgs {
    /// Where to listen
    #[arg(
        value_name = "ADDR",
        help = "Listen on PORT, HOST:PORT, ws://HOST:PORT/PATH, wss://HOST:PORT/PATH, unix:PATH, fd:N or systemd"
    )]
    pub address: String,
    /// Echo each message to its sender
    #[arg(long, help_heading = "Server", conflicts_with_all = ["to", "script"])]
    pub echo: bool,
    /// Send each message to all other clients; standard output gets it too
    #[arg(long, help_heading = "Server", conflicts_with_all = ["echo", "to", "once", "program", "script"])]
    pub relay: bool,
    /// Connect each client to ENDPOINT, such as tcp:HOST:PORT; each gets a connection of its own
    #[arg(long, help_heading = "Server", value_name = "ENDPOINT", conflicts_with = "script")]
    pub to: Option<String>,
    /// Start PROGRAM for each client; its input and output are messages, one per line
    #[arg(last = true, value_name = "PROGRAM", num_args = 1.., conflicts_with_all = ["echo", "to", "script"])]
    pub program: Vec<OsString>,
    #[command(flatten)]
    pub scripting: Scripting,
    #[command(flatten)]
    pub site: SiteArgs,
    #[command(flatten)]
    pub server: ServerArgs,
    #[command(flatten)]
    pub fanout: Fanout,
    #[command(flatten)]
    pub commands: Commands,
    #[command(flatten)]
    pub admittance: Admittance,
    #[command(flatten)]
    pub shared: SharedArgs,
}

/// Files and pages beside the WebSocket.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Server")]
pub(super) struct SiteArgs {
    /// Serve the files in DIR to plain HTTP requests; a page and its socket share one address
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub serve: Option<PathBuf>,
    /// Serve a web page that talks to the socket; with --serve it is at /.console
    #[arg(long)]
    pub console: bool,
}

/// The address to listen on, in its parts.
struct AddressParts {
    address: ListenAddr,
    path: Option<String>,
    /// `Some` when a scheme said it.
    secure: Option<bool>,
}

impl ListenArgs {
    pub(super) fn lower(mut self, given: &GivenOptions, expander: &mut Expander) -> Result<Plan> {
        let max_buffer = lower::max_buffer(given, &self.server, &self.shared.messages)?;
        let expect = self.scripting.lower(Expect::default(), given, expander)?;
        let parts = AddressParts::parse(&self.address)?;
        let tls = self.tls(parts.secure, expander)?;
        self.server.paths.extend(parts.path);
        let standard = self
            .to
            .as_deref()
            .map_or(!self.echo && self.program.is_empty(), |to| Kind::of(to) == Kind::Standard);
        let is_one_on_standard = self.server.once && standard && self.scripting.script.is_none();
        let once = self.server.once;
        let used = Use { framing: LINES, listens: true, once, certificate: CertificateArgs::default() };
        let shared = self.shared.lower(used, given, expander)?;
        let HandshakeArgs { headers, subprotocols, compress } = self.shared.handshake;
        let forward = self.server.forward_header.clone();
        let mut server = lower::server(self.server, max_buffer, expander)?;
        server.handshake.headers = handshake::server_headers(&headers, expander)?;
        let Admittance { user, bearer } = &self.admittance;
        server.handshake.access.login = handshake::login(user.as_deref(), bearer.as_deref(), expander)?;
        server.handshake.subprotocols = subprotocols;
        server.handshake.site = self.site.lower(given)?;
        server.handshake.compress = compress;
        let common = Common {
            rules: Rules { grace: server.grace, ..shared.rules },
            input_left: shared.input_left.filter(|_| is_one_on_standard),
            input_sent: expander.gave_input_to("--send"),
            expect,
            forward,
            server,
            room: lower::room(&self.fanout),
            errors_to_client: self.commands.child_stderr == ChildErrors::Client,
            hangup: self.commands.hangup,
            pty: self.commands.pty,
            ..shared
        };
        let target = match self.to {
            _ if self.echo => Target::Echo,
            _ if self.relay => Target::Relay,
            _ if !self.program.is_empty() => Target::Command(self.program),
            Some(endpoint) => Target::Endpoint(endpoint),
            None => match &common.expect.script {
                Some(script) => Target::Script(Arc::clone(script)),
                None => Target::Stdio,
            },
        };
        Ok(Plan::Listen(Listen { address: parts.address, tls, target, common: Arc::new(common) }))
    }

    fn tls(&self, secure: Option<bool>, expander: &mut Expander) -> Result<Option<ServerTls>> {
        let ServerArgs { self_signed, client_ca, .. } = &self.server;
        let tls = lower::server_tls(&self.shared.certificate, *self_signed, client_ca.clone(), expander)?;
        match (secure, &tls) {
            (Some(true), None) => Err(usage("wss:// needs a certificate")
                .hint("add --cert FILE --key FILE, or --self-signed for one made at start")),
            (Some(false), Some(_)) => Err(usage("ws:// is plain, but a certificate was given")
                .hint("write wss:// for TLS, or leave --cert and --self-signed out")),
            _ => Ok(tls),
        }
    }
}

impl AddressParts {
    fn parse(text: &str) -> Result<Self> {
        let malformed = |cause: String| {
            let host = text.parse::<IpAddr>().is_ok() || text == "localhost";
            Fault::new(Exit::Malformed, "listen", format!("'{text}' is not an address to listen on: {cause}"))
                .hint(match host {
                    _ if text.starts_with(['/', '.', '~']) => format!("wsio listen unix:{text} for a Unix socket there"),
                    true if text.contains(':') => format!("wsio listen '[{text}]:8080'"),
                    true => format!("wsio listen {text}:8080"),
                    false => "write PORT, HOST:PORT, [V6]:PORT, ws://HOST:PORT/PATH, wss://…, unix:PATH, fd:N or systemd"
                        .to_owned(),
                })
        };
        let is_endpoint = |hint: String| {
            let cause = format!("'{text}' is an endpoint, and listen takes an address");
            Fault::new(Exit::Malformed, "listen", cause).hint(hint)
        };
        if let Some(hint) = endpoint_instead(text) {
            return Err(is_endpoint(hint));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            if let Some((port, path)) = text.split_once('/').filter(|(port, _)| port.parse::<u16>().is_ok()) {
                return Err(malformed("a path stands in a URL".to_owned())
                    .hint(format!("wsio listen ws://127.0.0.1:{port}/{path}")));
            }
            let address = ListenAddr::parse(text).map_err(|cause| match target_instead(text) {
                Some(hint) => is_endpoint(hint),
                None => malformed(cause),
            })?;
            return Ok(Self { address, path: None, secure: None });
        };
        let secure = match Scheme::named(scheme) {
            Some(known) if known.kind == Kind::WebSocket && !known.flags.path => known.flags.secure,
            _ => {
                let fault = || malformed(format!("unknown scheme '{scheme}'"));
                return Err(target_instead(text).map_or_else(fault, is_endpoint));
            }
        };
        let default_port = if secure { 443 } else { 80 };
        let path_at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_at);
        let path = match path {
            "" | "/" => None,
            _ => Some(values::path(path).map_err(malformed)?),
        };
        let has_port = authority.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let address = match has_port {
            true => ListenAddr::parse(authority),
            false if authority.is_empty() => Err("the host is missing".to_owned()),
            false => ListenAddr::parse(&format!("{authority}:{default_port}")),
        };
        Ok(Self { address: address.map_err(malformed)?, path, secure: Some(secure) })
    }
}

impl SiteArgs {
    fn lower(self, given: &GivenOptions) -> Result<Option<site::Site>> {
        if self.console && given.has("bearer") {
            return Err(usage("--console is for browsers, which cannot show a --bearer token")
                .hint("ask for a login with --user NAME:PASSWORD"));
        }
        Ok(match (self.serve, self.console) {
            (Some(path), console) => Some(site::Site::Folder { path, console }),
            (None, true) => Some(site::Site::Console),
            (None, false) => None,
        })
    }
}

/// The line that does what an endpoint in the place of the address means.
fn endpoint_instead(text: &str) -> Option<String> {
    let endpoint = habits::ours(text);
    let (scheme, rest) = Scheme::of(&endpoint)?;
    Some(match scheme.kind {
        Kind::WebSocketServer => listen_line(scheme, rest),
        Kind::StreamServer if scheme.flags.path => format!("wsio listen unix:{rest}"),
        Kind::StreamServer | Kind::DatagramServer => format!(
            "wsio pipe {}:{rest} B for clients that speak no WebSocket, wsio listen {rest} for those that do",
            scheme.name
        ),
        Kind::Echo => "wsio listen PORT --echo".to_owned(),
        _ => return None,
    })
}

/// The line that has the endpoint in the place of the address behind a server.
fn target_instead(text: &str) -> Option<String> {
    let (scheme, rest) = Scheme::of(text)?;
    Some(match scheme.kind {
        Kind::Standard => "wsio listen PORT: standard input and output are the other side already".to_owned(),
        Kind::WebSocket if scheme.flags.path => {
            // The target of its requests is no part of an address.
            format!("wsio listen unix:{}", rest.split(":/").next().unwrap_or(rest))
        }
        // Both stand for an address as well.
        Kind::WebSocket => return None,
        Kind::Stream if scheme.flags.path => return None,
        // A file would be emptied by each client.
        Kind::File => format!("wsio listen PORT --to append:{rest}"),
        _ if scheme.b => format!("wsio listen PORT --to {text}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{Context, Parsed, parse},
        endpoint::SCHEMES,
        exit::Exit,
        fault::Fault,
        plan::Plan,
        site::Site,
    };

    fn parts(text: &str) -> (ListenAddr, Option<String>, Option<bool>) {
        let parts = AddressParts::parse(text).unwrap();
        (parts.address, parts.path, parts.secure)
    }

    #[test]
    fn an_endpoint_in_the_place_of_the_address_gets_the_line_that_has_it() {
        // Those stand for an address as well.
        for scheme in SCHEMES.iter().filter(|scheme| !["ws", "wss", "unix"].contains(&scheme.name)) {
            let fault = AddressParts::parse(scheme.example).err().unwrap();
            assert!(fault.cause.ends_with(" is an endpoint, and listen takes an address"), "{fault}");
            assert!(fault.hint.unwrap().starts_with("wsio "), "{}", scheme.name);
        }
        for (text, hint) in [
            ("sh:cat", "wsio listen PORT --to sh:cat"),
            ("file:x", "wsio listen PORT --to append:x"),
            ("TCP:h:1", "wsio listen PORT --to TCP:h:1"),
            ("ws+unix:/run/s:/chat", "wsio listen unix:/run/s"),
        ] {
            assert_eq!(AddressParts::parse(text).err().unwrap().hint.as_deref(), Some(hint), "{text}");
        }
        let fault = AddressParts::parse("ftp://x").err().unwrap();
        assert!(fault.cause.ends_with("unknown scheme 'ftp'"), "{fault}");
    }

    #[test]
    fn addresses_are_ports_hosts_and_urls() {
        let host = |name: &str, port| ListenAddr::Host(name.to_owned(), port);
        assert_eq!(parts("8080"), (ListenAddr::Loopback(8080), None, None));
        assert_eq!(parts("0.0.0.0:0"), (host("0.0.0.0", 0), None, None));
        assert_eq!(parts("ws://h"), (host("h", 80), None, Some(false)));
        assert_eq!(parts("WSS://h"), (host("h", 443), None, Some(true)));
        assert_eq!(parts("wss://h/"), (host("h", 443), None, Some(true)));
        assert_eq!(parts("ws://h:8080/chat"), (host("h", 8080), Some("/chat".to_owned()), Some(false)));
        assert!(matches!(parts("wss://[::1]").0, ListenAddr::Host(_, 443)));
        assert!(matches!(parts("unix:/tmp/x").0, ListenAddr::Unix(_)));
        assert_eq!(parts("fd:3"), (ListenAddr::Descriptor(3), None, None));
        assert_eq!(parts("systemd"), (ListenAddr::Systemd, None, None));
    }

    #[test]
    fn a_host_without_a_port_gets_one() {
        for (text, instead) in [
            ("::1", "wsio listen '[::1]:8080'"),
            ("127.0.0.1", "wsio listen 127.0.0.1:8080"),
            ("x", "write PORT"),
        ] {
            let fault = AddressParts::parse(text).err().unwrap();
            assert!(fault.hint.as_ref().is_some_and(|hint| hint.starts_with(instead)), "{fault}");
            assert!(fault.cause.contains("lacks a port"), "{fault}");
        }
    }

    #[test]
    fn an_endpoint_for_an_address_gets_the_line_that_is_meant() {
        for (text, instead) in [
            ("ws-listen:8080", "wsio listen 8080"),
            ("WSS-L:h:1", "wsio listen wss://h:1"),
            ("wss-listen:8443", "wsio listen wss://localhost:8443"),
            ("wss-listen:unix:/s", "wsio listen unix:/s --cert FILE"),
            ("unix-listen:/s", "wsio listen unix:/s"),
            ("tcp-l:1", "wsio pipe tcp-listen:1 B for clients"),
            ("OPENSSL-LISTEN:1", "wsio pipe tls-listen:1 B for clients"),
            ("8080/chat", "wsio listen ws://127.0.0.1:8080/chat"),
        ] {
            let fault = AddressParts::parse(text).err().unwrap();
            assert!(fault.hint.as_ref().is_some_and(|hint| hint.starts_with(instead)), "{fault}");
        }
    }

    #[test]
    fn other_addresses_are_malformed() {
        for text in ["tcp://h:1", "ws://", "ws://h/a?b", "70000", "ws://h:x/"] {
            assert_eq!(
                AddressParts::parse(text).err().map(|fault| fault.exit),
                Some(Exit::Malformed),
                "{text}"
            );
        }
    }

    fn site(args: &[&str]) -> Result<Option<Site>, Fault> {
        let mut context =
            Context { env: &|_| None, stdin: &mut std::io::empty(), stdin_is_terminal: false, ask: None };
        let args = ["wsio", "listen", "8080"].iter().chain(args).map(Into::into);
        match parse(args, &mut context)? {
            Parsed::Run(Plan::Listen(listen)) => Ok(listen.common.server.handshake.site.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn files_and_the_console_land() {
        let folder = |console| Some(Site::Folder { path: "web".into(), console });
        assert_eq!(site(&[]), Ok(None));
        assert_eq!(site(&["--serve", "web", "--echo"]), Ok(folder(false)));
        assert_eq!(site(&["--serve", "web", "--console", "--user", "a:b"]), Ok(folder(true)));
        assert_eq!(site(&["--console"]), Ok(Some(Site::Console)));
        assert_eq!(site(&["--serve", "web", "--bearer", "t"]), Ok(folder(false)));
    }

    #[test]
    fn a_console_that_no_browser_could_open_is_refused() {
        let fault = site(&["--console", "--bearer", "t"]).unwrap_err();
        assert_eq!(fault.exit, Exit::Usage);
        assert!(fault.hint.is_some_and(|hint| hint.contains("--user")));
    }
}
