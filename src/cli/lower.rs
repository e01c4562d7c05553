//! Option groups and context to the plain data of the plan.
//!
//! Nothing here knows a subcommand: each function lowers one group, and the subcommands put the
//! pieces together.

use super::{
    client::{Certificate, Credentials, Handshake, Trust},
    cookies,
    expand::{Expander, usage},
    groups::{Fanout, Messages, Output, Session, WhenSlow},
    server::Server,
    values::{self, Field},
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    framing::{self, Kind},
    link::room,
    observe::Verbosity,
    plan::{Direction, FramingChoice, Serve},
    session::Rules,
    tls::{ClientTls, Identity, ServerTls, Sni},
    ws::{Admission, ClientOptions, HeaderName, HeaderValue, Login, ServerOptions},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use clap::{ArgMatches, Command, parser::ValueSource};
use std::{collections::HashSet, path::PathBuf, time::Duration};

/// Which options the user wrote, as opposed to defaults.
pub(super) struct Given<'a> {
    pub matches: &'a ArgMatches,
    pub command: &'a Command,
}

impl Given<'_> {
    /// Fails on the first of these options that was written: it would do nothing here.
    pub(super) fn refuse(&self, ids: &[&str], why: &str) -> Result<()> {
        match ids.iter().find(|id| self.has(id)) {
            None => Ok(()),
            Some(id) => {
                Err(usage(format!("{} {why}", self.name(id))).hint(format!("leave {} out", self.name(id))))
            }
        }
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.matches.value_source(id) == Some(ValueSource::CommandLine)
    }

    fn name(&self, id: &str) -> String {
        let argument = self.command.get_arguments().find(|argument| argument.get_id() == id);
        argument
            .and_then(|argument| argument.get_long())
            .map_or_else(|| id.to_owned(), |long| format!("--{long}"))
    }
}

pub(super) fn rules(session: &Session) -> Rules {
    Rules {
        linger: session.linger.0,
        close_timeout: session.close_timeout,
        ping_interval: session.ping_interval.0,
        ping_timeout: session.ping_timeout.0,
        idle_timeout: session.idle_timeout.and_then(|limit| limit.0),
        timeout: session.timeout.and_then(|limit| limit.0),
        count: if session.one { Some(1) } else { session.count },
        close: session.close.clone().unwrap_or_default(),
        ok_close: session.ok_close.iter().flat_map(|codes| codes.0.iter().cloned()).collect(),
    }
}

pub(super) fn framing(messages: &Messages) -> FramingChoice {
    let both = if messages.nul { framing::by_name("nul") } else { messages.framing };
    FramingChoice {
        input: messages.input.or(both),
        output: messages.output.or(both),
        kind: match (messages.text, messages.binary) {
            (true, _) => Some(Kind::Text),
            (_, true) => Some(Kind::Binary),
            _ => None,
        },
    }
}

pub(super) fn direction(messages: &Messages) -> Direction {
    match (messages.recv_only, messages.send_only) {
        (true, _) => Direction::ReceiveOnly,
        (_, true) => Direction::SendOnly,
        _ => Direction::Both,
    }
}

pub(super) fn send(messages: &Messages, expander: &mut Expander) -> Result<Vec<Bytes>> {
    let message = |text: &String| {
        let bytes = expander.bytes("--send", text)?;
        if bytes.len() > messages.max_message {
            let cause = format!("a message of --send is longer than {} bytes", messages.max_message);
            return Err(Fault::new(Exit::BadInput, "input", cause).hint("raise the limit with --max-message"));
        }
        Ok(Bytes::from(bytes))
    };
    messages.send.iter().map(message).collect()
}

pub(super) fn verbosity(output: &Output) -> Verbosity {
    match (output.quiet, output.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    }
}

pub(super) fn client(
    handshake: Handshake,
    credentials: Credentials,
    target: &str,
    expander: &mut Expander,
) -> Result<ClientOptions> {
    let mut options = ClientOptions { subprotocols: handshake.subprotocols, ..ClientOptions::default() };
    for (name, value) in headers(&handshake.headers, expander)? {
        let Some(value) = value else {
            options.left_out.push(name);
            continue;
        };
        match name.as_str() {
            "sec-websocket-protocol" => options.subprotocols.extend(listed(&value)?),
            "sec-websocket-extensions" => {
                return Err(usage("-H cannot offer an extension: none is supported").hint("leave it out"));
            }
            _ => options.headers.push((name, value)),
        }
    }
    // RFC 6455 section 4.1: no name twice.
    let mut seen = HashSet::new();
    options.subprotocols.retain(|name| seen.insert(name.clone()));
    if let Some(user) = credentials.user {
        let user = name_and_password(&user, expander)?;
        let encoded = format!("Basic {}", BASE64_STANDARD.encode(user));
        add_once(&mut options, "authorization", "--user", &encoded, true)?;
    }
    if let Some(token) = credentials.bearer {
        let token = expander.secret("--bearer", &token)?;
        add_once(&mut options, "authorization", "--bearer", &format!("Bearer {token}"), true)?;
    }
    if let Some(name) = credentials.user_agent {
        add_once(&mut options, "user-agent", "--user-agent", &expander.line("--user-agent", &name)?, false)?;
    }
    if let Some(origin) = credentials.origin {
        add_once(&mut options, "origin", "--origin", &expander.line("--origin", &origin)?, false)?;
    }
    let mut cookies = Vec::new();
    for cookie in &credentials.cookie {
        let content = expander.text("--cookie", cookie)?;
        cookies.push(match cookie.starts_with('@') && !cookie.starts_with("@@") {
            true => cookies::from_jar(&content, &cookies::Place::of(target)),
            false => content,
        });
    }
    cookies.retain(|cookie| !cookie.is_empty());
    if !cookies.is_empty() {
        add_once(&mut options, "cookie", "--cookie", &cookies.join("; "), true)?;
    }
    Ok(options)
}

/// What a server asks its clients for.
pub(super) fn login(
    user: Option<&str>,
    bearer: Option<&str>,
    expander: &mut Expander,
) -> Result<Option<Login>> {
    Ok(match (user, bearer) {
        (Some(user), _) => Some(Login::Basic(name_and_password(user, expander)?)),
        (None, Some(token)) => Some(Login::Bearer(expander.secret("--bearer", token)?)),
        (None, None) => None,
    })
}

fn name_and_password(user: &str, expander: &mut Expander) -> Result<String> {
    let user = expander.secret("--user", user)?;
    if user.contains(':') {
        return Ok(user);
    }
    Err(usage("--user needs NAME:PASSWORD")
        .hint("write --user NAME:PASSWORD, or NAME: for an empty password"))
}

/// Adds a field that must not be there twice.
fn add_once(
    options: &mut ClientOptions,
    name: &'static str,
    option: &str,
    value: &str,
    secret: bool,
) -> Result<()> {
    let name = HeaderName::from_static(name);
    if options.headers.iter().any(|(other, _)| *other == name) {
        return Err(
            usage(format!("{name} is given twice, by -H and by {option}")).hint("keep one of the two")
        );
    }
    let mut value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| usage(format!("the value of {option} contains a control character")))?;
    value.set_sensitive(secret);
    options.headers.push((name, value));
    Ok(())
}

pub(super) fn room(fanout: &Fanout) -> room::Rules {
    let slow = match fanout.slow {
        WhenSlow::Disconnect => room::Slow::Disconnect,
        WhenSlow::Drop => room::Slow::Drop,
        WhenSlow::Wait => room::Slow::Wait,
    };
    room::Rules { queue: fanout.queue, slow, last: fanout.last }
}

/// Whether this endpoint starts a program.
pub(super) fn is_command(endpoint: &str) -> bool {
    endpoint.starts_with("exec:") || endpoint.starts_with("sh:")
}

/// Refuses what is for programs where none is started.
pub(super) fn check_commands(given: &Given, starts: bool) -> Result<()> {
    match starts {
        true => Ok(()),
        false => given.refuse(&["pty", "child_stderr"], "is for programs: exec:, sh: or -- PROGRAM"),
    }
}

pub(super) fn client_tls(trust: Trust, own: Certificate) -> ClientTls {
    ClientTls {
        cacert: trust.cacert,
        cert: own.cert,
        key: own.key,
        insecure: trust.insecure,
        sni: match trust.sni.as_deref() {
            None => Sni::Host,
            Some("none") => Sni::Off,
            Some(name) => Sni::Name(name.to_owned()),
        },
    }
}

pub(super) fn server(server: Server) -> Serve {
    Serve {
        handshake: ServerOptions {
            paths: server.paths,
            subprotocols: Vec::new(),
            headers: Vec::new(),
            admission: Admission {
                origins: server.allow_origin,
                hosts: server.allow_host,
                ..Admission::default()
            },
            handshake_timeout: server.handshake_timeout,
        },
        tls: None,
        once: server.once,
        max_connections: server.max_connections,
        announce: server.announce,
        grace: server.grace,
    }
}

/// What `connect` carries: the embedded echo server asks for nothing.
pub(super) fn no_server() -> Serve {
    server(Server {
        once: false,
        paths: Vec::new(),
        self_signed: false,
        allow_origin: Vec::new(),
        allow_host: Vec::new(),
        client_ca: None,
        announce: None,
        max_connections: 1024,
        handshake_timeout: Duration::from_secs(10),
        grace: Duration::from_secs(10),
    })
}

pub(super) fn server_tls(
    own: &Certificate,
    self_signed: bool,
    client_ca: Option<PathBuf>,
) -> Result<Option<ServerTls>> {
    let serving = |identity| Ok(Some(ServerTls { identity, client_ca: client_ca.clone() }));
    match (&own.cert, self_signed) {
        (Some(_), true) => {
            Err(usage("--cert and --self-signed exclude each other").hint("keep one of the two"))
        }
        (Some(cert), false) => serving(Identity::Files { cert: cert.clone(), key: own.key.clone() }),
        (None, true) => serving(Identity::SelfSigned),
        (None, false) if client_ca.is_some() => Err(usage("--client-ca needs a server that speaks TLS")
            .hint("add --cert FILE --key FILE, or --self-signed for one made at start")),
        (None, false) => Ok(None),
    }
}

pub(super) fn server_headers(texts: &[String], expander: &mut Expander) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    for (name, value) in headers(texts, expander)? {
        let Some(value) = value else {
            return Err(usage(format!(
                "-H '{name}:' leaves out a field of a request, an answer has none to leave out"
            ))
            .hint(format!("write '{name};' for an empty value")));
        };
        if name.as_str() == "sec-websocket-protocol" {
            return Err(
                usage("-H cannot choose the subprotocol of the answer").hint("write --subprotocol NAME")
            );
        }
        if name.as_str().starts_with("sec-websocket-") || matches!(name.as_str(), "upgrade" | "connection") {
            return Err(
                usage(format!("-H cannot set {name}: it belongs to the handshake")).hint("leave it out")
            );
        }
        fields.push((name, value));
    }
    Ok(fields)
}

/// `-H`: one field each, or a file with one a line.
fn headers(texts: &[String], expander: &mut Expander) -> Result<Vec<(HeaderName, Option<HeaderValue>)>> {
    let mut fields = Vec::new();
    for text in texts {
        let content = expander.text("--header", text)?;
        let from_file = text.starts_with('@') && !text.starts_with("@@");
        let lines: Vec<&str> = match from_file {
            true => content.lines().filter(|line| !line.trim().is_empty()).collect(),
            false => vec![&content],
        };
        for line in lines {
            let (name, mut value) =
                values::header(line).map_err(|cause| usage(format!("--header: {cause}")))?;
            if let Some(value) = &mut value {
                value.set_sensitive(from_file || matches!(name.as_str(), "authorization" | "cookie"));
            }
            fields.push((name, value));
        }
    }
    Ok(fields)
}

/// Names in a list field, separated by commas.
fn listed(value: &HeaderValue) -> Result<Vec<String>> {
    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let name = |part: &str| values::token(part.trim()).map_err(|cause| usage(format!("--header: {cause}")));
    text.split(',').map(name).collect()
}
