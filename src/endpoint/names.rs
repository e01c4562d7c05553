//! From text to endpoint: scheme lookup, URLs without a scheme, and did-you-mean.

use super::{Endpoint, Kind, Opening, Role, SCHEMES, Scheme, foreign, web_socket};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    handshake,
    net::ListenAddr,
};

/// Hint for what no scheme and no host comes near.
const HELP: &str = "see `wsio pipe --help` for what can stand here";
/// The same in `connect`.
const REMOTES: &str =
    "connect takes ws://HOST/PATH, wss://HOST/PATH, ws+unix:/PATH or echo:; wsio pipe joins other endpoints";
/// Hint for a standard stream in `connect`.
const STREAMS: &str = "wsio connect wss://HOST/PATH: standard input and output are always the other side";

/// The line of `listen` that serves as the scheme of a WebSocket server does, at this address.
pub fn listen_line(scheme: &Scheme, address: &str) -> String {
    match (scheme.flags.secure, ListenAddr::parse(address)) {
        (false, _) => format!("wsio listen {address}"),
        (true, Ok(ListenAddr::Loopback(port))) => format!("wsio listen wss://localhost:{port}"),
        (true, Ok(ListenAddr::Host(..))) => format!("wsio listen wss://{address}"),
        // No URL names such an address.
        (true, _) => format!("wsio listen {address} --cert FILE --key FILE"),
    }
}

/// The endpoint that `text` names, standing in that role.
///
/// # Errors
/// Exit 3 for what cannot be parsed, with the nearest scheme; exit 2 for a role it cannot have.
pub fn parse(text: &str, opening: &Opening) -> Result<Box<dyn Endpoint>> {
    let Some((scheme, rest)) = Scheme::of(text) else {
        return unknown(text, opening.role);
    };
    let allowed = match opening.role {
        Role::A => scheme.a,
        Role::B => scheme.b,
    };
    if !allowed {
        let (place, other) = match opening.role {
            Role::A => ("first", "second"),
            Role::B => ("second", "first"),
        };
        let hint = match scheme.kind {
            Kind::WebSocketServer => {
                format!("{}, or name it as the first endpoint of wsio pipe", listen_line(scheme, rest))
            }
            _ => format!("name it as the {other} endpoint of wsio pipe"),
        };
        let cause = format!("{} cannot stand as the {place} endpoint", scheme.form);
        return Err(Fault::new(Exit::Usage, "usage", cause).hint(hint));
    }
    (scheme.parse)(if scheme.takes_whole() { text } else { rest })
}

/// The WebSocket that `connect` talks to.
///
/// # Errors
/// Those of [`parse`]; exit 2 for another kind of endpoint. The hints lead to a line that works.
pub fn remote(text: &str) -> Result<Box<dyn Endpoint>> {
    if let Some((scheme, rest)) = Scheme::of(text).filter(|(scheme, _)| scheme.kind != Kind::WebSocket) {
        let cause = format!("connect wants a WebSocket URL, not `{text}`");
        return Err(Fault::new(Exit::Usage, "usage", cause).hint(match scheme.kind {
            Kind::Standard => STREAMS.to_owned(),
            Kind::WebSocketServer => listen_line(scheme, rest),
            Kind::Stream if scheme.flags.path => {
                format!("wsio connect ws+unix:{rest} for a WebSocket there, wsio pipe - {text} for bytes")
            }
            _ => piped(scheme, text),
        }));
    }
    parse(text, &Opening::new(Role::B)).map_err(|fault| {
        let hint = match fault.hint.as_deref() {
            _ if is_path(text) => format!("wsio connect ws+unix:{text} for a WebSocket at a Unix socket"),
            Some(hint) if hint.starts_with("write - ") => STREAMS.to_owned(),
            Some(HELP) => REMOTES.to_owned(),
            _ if is_command(text) => REMOTES.to_owned(),
            // What another tool's word means may be no WebSocket.
            Some(hint) => ["write ", "did you mean `"]
                .into_iter()
                .find_map(|before| {
                    let written = hint.strip_prefix(before)?;
                    let (scheme, _) = Scheme::of(written)?;
                    let is_taken = matches!(scheme.kind, Kind::WebSocket | Kind::Echo);
                    (!is_taken).then(|| format!("{before}{}", piped(scheme, written)))
                })
                .unwrap_or_else(|| hint.to_owned()),
            None => return fault,
        };
        fault.hint(hint)
    })
}

/// The line of `pipe` that joins an endpoint to standard input and output.
fn piped(scheme: &Scheme, text: &str) -> String {
    if scheme.b { format!("wsio pipe - {text}") } else { format!("wsio pipe {text}") }
}

/// The endpoint behind a server, which asks for a scheme: `localhost:5900` is hardly a WebSocket there.
///
/// # Errors
/// Those of [`parse`]; exit 3 where the scheme is missing.
pub fn target(text: &str) -> Result<Box<dyn Endpoint>> {
    if let Some((scheme, _)) = Scheme::of(text).filter(|(scheme, _)| !scheme.b) {
        let cause = format!("{} cannot stand behind a server", scheme.form);
        return Err(
            Fault::new(Exit::Usage, "usage", cause).hint("see `wsio pipe --help`: an endpoint that may be B")
        );
    }
    let endpoint = parse(text, &Opening::new(Role::B))?;
    if Scheme::of(text).is_some() {
        return Ok(endpoint);
    }
    let url = endpoint.describe();
    let address = text.split(['/', '?']).next().unwrap_or_default().trim_start_matches(':');
    let address = match address.contains(':') {
        true => address.to_owned(),
        false if address.bytes().all(|byte| byte.is_ascii_digit()) => format!("127.0.0.1:{address}"),
        false => format!("{address}:PORT"),
    };
    // A word alone may be a program's name.
    let program = match text.contains(['.', ':', '/']) || address.starts_with(|c: char| c.is_ascii_digit()) {
        true => String::new(),
        false => format!(", exec:{text} for a program"),
    };
    Err(Fault::new(Exit::Malformed, "endpoint", format!("`{text}` has no scheme"))
        .hint(format!("tcp:{address} for a stream of bytes, {url} for a WebSocket{program}")))
}

fn unknown(text: &str, role: Role) -> Result<Box<dyn Endpoint>> {
    let name = text.split_once(':').map_or(text, |(name, _)| name);
    let malformed = |cause: String| Fault::new(Exit::Malformed, "endpoint", cause);
    if text.is_empty() {
        return Err(malformed("an empty endpoint".into()).hint(HELP));
    }
    let rest = text.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
    let is_host = rest.is_none_or(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        || text.starts_with(['[', ':'])
        || handshake::bare_v6(text).is_some();
    if rest.is_none() && SCHEMES.iter().any(|scheme| scheme.name.eq_ignore_ascii_case(name)) {
        return Err(malformed(format!("`{text}` lacks its colon")).hint(format!("write `{text}:`")));
    }
    let unknown = || malformed(format!("`{name}:` is no scheme that wsio knows"));
    if rest.is_some() && foreign::is_no_host(name) {
        return Err(unknown().hint(foreign::hint(name, role).unwrap_or_default()));
    }
    if let Some(hint) = instead(text, role) {
        return Err(malformed(format!("`{text}` has no scheme")).hint(hint));
    }
    // No host is likely to be called almost as a server's scheme.
    if rest.is_some()
        && name.contains(['-', '_'])
        && let Some(scheme) = nearest(name).filter(|scheme| scheme.name.ends_with("-listen"))
    {
        return Err(unknown().hint(foreign::hint(name, role).map_or_else(|| meant(scheme), str::to_owned)));
    }
    if is_host {
        return web_socket::url(text).map_err(|fault| match foreign::hint(name, role) {
            Some(hint) => unknown().hint(hint),
            None => fault,
        });
    }
    let fault = unknown();
    if let Some(hint) = foreign::hint(name, role) {
        return Err(fault.hint(hint));
    }
    Err(fault.hint(nearest(name).map_or_else(|| HELP.to_owned(), meant)))
}

/// The scheme whose name differs by a slip or two.
fn nearest(name: &str) -> Option<&'static Scheme> {
    let slip = if name.len() < 5 { 1 } else { 2 };
    let distance = |scheme: &Scheme| strsim::osa_distance(&name.to_ascii_lowercase(), scheme.name);
    SCHEMES.iter().min_by_key(|scheme| distance(scheme)).filter(|scheme| distance(scheme) <= slip)
}

fn meant(scheme: &Scheme) -> String {
    format!("did you mean `{}`?", scheme.form)
}

fn is_path(text: &str) -> bool {
    ["/", "./", "../", "~"].iter().any(|begin| text.starts_with(begin)) && !text.starts_with("//")
        || matches!(text, "." | "..")
}

fn is_stream(text: &str) -> bool {
    ["stdin", "stdout", "stdio"].iter().any(|name| name.eq_ignore_ascii_case(text))
}

fn is_command(text: &str) -> bool {
    text.contains(' ') && !text.contains("://")
}

/// Hint for a path, a command line or a standard stream without its scheme; none of them names a host.
fn instead(text: &str, role: Role) -> Option<String> {
    Some(match role {
        _ if is_stream(text) => foreign::hint(text, role)?.to_owned(),
        Role::A if is_path(text) => format!("file:{text} to read it, unix:{text} for a socket"),
        Role::B if is_path(text) => {
            format!("append:{text} to add to a file, unix:{text} for a socket, exec:{text} for a program")
        }
        Role::A if is_command(text) => {
            "a command stands second, as in wsio pipe URL 'exec:PROGRAM ARG'".to_owned()
        }
        Role::B if is_command(text) => {
            "a command is written exec:PROGRAM ARG, or sh:COMMAND, in quotes".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str, role: Role) -> Fault {
        match parse(text, &Opening::new(role)) {
            Ok(endpoint) => panic!("{text} parsed as {}", endpoint.describe()),
            Err(fault) => fault,
        }
    }

    #[test]
    fn a_hint_of_connect_leads_to_what_it_takes_or_to_a_line_of_another_command() {
        let ours = SCHEMES.iter().filter(|scheme| !matches!(scheme.kind, Kind::WebSocket | Kind::Echo));
        let ours = ours.map(|scheme| scheme.example.to_owned());
        let foreign = foreign::names().flat_map(|name| [format!("{name}:x"), format!("{name}://h/")]);
        let unknown =
            ["", "ftp://x", "MAILTO:x", "./x", "/x", "~", "cat x", "stdin", "tpc:h:x", "tcp-listn:x"];
        let leads = |line: &str| {
            ["connect takes ws://", "ws", "echo:", "--", "the URL"]
                .iter()
                .any(|begin| line.starts_with(begin))
                || line.contains("wsio ")
        };
        for text in ours.chain(foreign).chain(unknown.map(str::to_owned)) {
            let Some(fault) = remote(&text).err() else { panic!("{text} is a WebSocket") };
            let hint = fault.hint.unwrap_or_else(|| panic!("{text}: {}", fault.cause));
            let written = ["write ", "did you mean `"].iter().find_map(|before| hint.strip_prefix(before));
            assert!(leads(written.unwrap_or(&hint)) && !hint.contains("pipe --help"), "{text}: {hint}");
        }
        for (text, hint) in [
            ("ssh://h", "write wsio pipe - tcp:HOST:PORT for the bytes of such a server"),
            ("tcp-listen:1", "wsio pipe tcp-listen:1"),
            ("wsss://h", "did you mean `wss://HOST[:443]/PATH`?"),
            ("ftp://x", REMOTES),
        ] {
            assert_eq!(remote(text).err().unwrap().hint.as_deref(), Some(hint), "{text}");
        }
        for scheme in SCHEMES.iter().filter(|scheme| !scheme.b) {
            let fault = target(scheme.example).err().unwrap();
            assert!(fault.cause.ends_with(" cannot stand behind a server"), "{fault}");
        }
    }

    #[test]
    fn every_example_parses_where_it_may_stand_and_is_refused_elsewhere() {
        for scheme in SCHEMES {
            for (role, allowed) in [(Role::A, scheme.a), (Role::B, scheme.b)] {
                if allowed {
                    let endpoint =
                        parse(scheme.example, &Opening::new(role)).unwrap_or_else(|fault| panic!("{fault}"));
                    let again = endpoint.describe();
                    let reparsed =
                        parse(&again, &Opening::new(role)).unwrap_or_else(|fault| panic!("{again}: {fault}"));
                    assert_eq!(reparsed.describe(), again);
                    let (name, rest) = scheme.example.split_once(':').unwrap_or(("-", ""));
                    let capitals =
                        if name == "-" { "-".into() } else { format!("{}:{rest}", name.to_uppercase()) };
                    let capitals =
                        parse(&capitals, &Opening::new(role)).unwrap_or_else(|fault| panic!("{fault}"));
                    assert_eq!(capitals.describe(), again);
                } else {
                    assert_eq!(fault(scheme.example, role).exit, Exit::Usage);
                }
            }
            assert!(!scheme.summary.ends_with('.'));
        }
    }

    #[test]
    fn behind_a_server_the_scheme_is_asked_for() {
        for (text, instead) in [
            (
                "localhost:5900",
                "tcp:localhost:5900 for a stream of bytes, ws://localhost:5900/ for a WebSocket",
            ),
            ("example.com", "tcp:example.com:PORT for a stream of bytes, wss://example.com/ for a WebSocket"),
            ("8080/x", "tcp:127.0.0.1:8080 for a stream of bytes, ws://127.0.0.1:8080/x for a WebSocket"),
            ("[::1]:9", "tcp:[::1]:9 for a stream of bytes, ws://[::1]:9/ for a WebSocket"),
        ] {
            let fault = target(text).err().unwrap();
            assert_eq!((fault.exit, fault.hint.as_deref()), (Exit::Malformed, Some(instead)), "{text}");
        }
        for text in ["ws://h/", "HTTP://h", "tcp:h:1", "echo:", "-", "sh:cat", "WS+UNIX:/s"] {
            assert!(target(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_path_a_command_and_a_stream_are_no_hosts() {
        for (text, role, hint) in [
            ("/tmp/x", Role::A, "file:/tmp/x"),
            ("./x.log", Role::A, "file:./x.log"),
            ("/tmp/x", Role::B, "append:/tmp/x"),
            ("../x", Role::B, "exec:../x"),
            ("~/x", Role::B, "unix:~/x"),
            (".", Role::A, "file:."),
            ("cat -n", Role::B, "exec:PROGRAM ARG"),
            ("cat -n", Role::A, "a command stands second"),
            ("STDIN", Role::A, "write -"),
            ("stdout", Role::B, "write -"),
            ("ssh:h", Role::B, "write tcp:HOST:PORT"),
        ] {
            let fault = fault(text, role);
            assert_eq!(fault.exit, Exit::Malformed, "{text}");
            assert!(fault.hint.as_ref().is_some_and(|said| said.contains(hint)), "{text}: {:?}", fault.hint);
        }
        for (text, cause) in [("tcp:5900", "write 127.0.0.1:5900"), ("tcp:h", "lacks a port")] {
            assert!(fault(text, Role::B).cause.contains(cause), "{text}");
        }
        for host in ["//h/x", "h/~x", "stdin.example.com"] {
            assert!(parse(host, &Opening::new(Role::B)).is_ok(), "{host}");
        }
        assert!(
            target("cat")
                .err()
                .and_then(|fault| fault.hint)
                .is_some_and(|hint| hint.contains("exec:cat for"))
        );
    }

    #[test]
    fn a_missing_scheme_is_a_url_and_a_wrong_one_gets_a_suggestion() {
        let describe = |text: &str| parse(text, &Opening::new(Role::B)).map(|endpoint| endpoint.describe());
        assert_eq!(describe("localhost:8080/x").as_deref(), Ok("ws://localhost:8080/x"));
        assert_eq!(describe("example.com/feed").as_deref(), Ok("wss://example.com/feed"));
        assert_eq!(describe("https://example.com/").as_deref(), Ok("wss://example.com/"));
        assert_eq!(describe("HTTPS://Example.com/A").as_deref(), Ok("wss://example.com/A"));
        assert_eq!(describe("WS+UNIX:/Run/a:/x").as_deref(), Ok("ws+unix:/Run/a:/x"));
        assert_eq!(describe("TCP:localhost:22").as_deref(), Ok("tcp:localhost:22"));
        assert_eq!(describe("Echo:").as_deref(), Ok("echo:"));
        assert_eq!(describe(":8080/x").as_deref(), Ok("ws://127.0.0.1:8080/x"));
        assert_eq!(describe("8080").as_deref(), Ok("ws://127.0.0.1:8080/"));
        assert!(fault("wz://x", Role::B).hint.is_some_and(|hint| hint.contains("ws://")));
        assert!(fault("tpc:localhost:22", Role::B).hint.is_some_and(|hint| hint.contains("tcp:")));
        assert!(fault("TPC:localhost:22", Role::B).hint.is_some_and(|hint| hint.contains("tcp:")));
        for (text, form) in [
            ("tls-liste:8443", "tls-listen:"),
            ("TCP-LSTEN:8080", "tcp-listen:"),
            ("ws_listen:[::1]:8080", "ws-listen:"),
            ("unix-lisen:/tmp/x", "unix-listen:"),
        ] {
            let fault = fault(text, Role::A);
            assert_eq!(fault.exit, Exit::Malformed, "{fault}");
            assert!(fault.hint.as_ref().is_some_and(|hint| hint.contains(&format!("`{form}"))), "{fault:?}");
        }
        assert_eq!(describe("my-listener:8080").as_deref(), Ok("wss://my-listener:8080/"));
        for (text, instead) in [
            ("ws-l:127.0.0.1:0", "ws-listen:ADDR"),
            ("tcp-l:[::1]:0", "tcp:HOST:PORT"),
            ("MIRROR:", "echo:"),
            ("cmd:cat", "sh:COMMAND"),
            ("autoreconnect:wss://h/", "--reconnect"),
            ("tcp-l:8080", "stands first"),
            ("ssl-l:8080", "stands first"),
            ("OPENSSL-LISTEN:8080", "stands first"),
            ("readfile:x", "exec:'cat PATH'"),
            ("writefile:x", "append:PATH"),
        ] {
            let fault = fault(text, Role::B);
            assert!(fault.cause.contains("is no scheme"), "{fault}");
            assert!(fault.hint.as_ref().is_some_and(|hint| hint.contains(instead)), "{fault}");
        }
        for (text, instead) in [
            ("::1", "ws://[::1]/"),
            ("::1:8080/x", "ws://[::1]:8080/x"),
            ("fe80::1%eth0", "ws://[fe80::1%eth0]/"),
            ("ws:/h:1", "ws://h:1"),
            ("ws//h/x", "ws://h/x"),
            ("https//h", "https://h"),
            ("http:/h:1/x", "http://h:1/x"),
            ("ws:h:1", "ws://h:1"),
            ("ws://::1:9001/", "ws://[::1]:9001/"),
            ("wss://user@fe80::1/x", "wss://user@[fe80::1]/x"),
            ("ws-listen:8080", "wsio listen 8080, or name it as the first endpoint of wsio pipe"),
            (
                "wss-listen:8443",
                "wsio listen wss://localhost:8443, or name it as the first endpoint of wsio pipe",
            ),
        ] {
            assert_eq!(fault(text, Role::B).hint.as_deref(), Some(instead), "{text}");
        }
        assert_eq!(describe("mirror:8080").as_deref(), Ok("wss://mirror:8080/"), "a host may be called so");
        assert_eq!(fault("echo", Role::B).hint.as_deref(), Some("write `echo:`"));
        assert_eq!(fault("", Role::B).exit, Exit::Malformed);
    }
}
