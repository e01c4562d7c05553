//! The table of schemes: all that knows them by name.
//!
//! Whoever has to know what an endpoint is asks here for its [`Kind`] and its flags, so that no scheme is
//! compared as text anywhere else, and capitals mean the same everywhere (RFC 3986 section 3.1). A new scheme
//! is a file beside this one and a line below; help, man page, completions and the tests of the table follow.

use super::{Kind, Scheme, command, datagram, file, internal, nats, socket, standard, web_socket};
use crate::net::ListenAddr;

/// Every scheme, in the order help shows them.
pub static SCHEMES: &[Scheme] = &[
    standard::STANDARD,
    web_socket::WS,
    web_socket::WSS,
    web_socket::WS_UNIX,
    web_socket::WS_LISTEN,
    web_socket::WSS_LISTEN,
    socket::TCP,
    socket::TLS,
    socket::TCP_LISTEN,
    socket::TLS_LISTEN,
    socket::UNIX,
    socket::UNIX_LISTEN,
    datagram::UDP,
    datagram::UDP_LISTEN,
    command::EXEC,
    command::SH,
    file::FILE,
    file::APPEND,
    internal::ECHO,
    internal::NULL,
    internal::HUB,
    nats::NATS,
    nats::NATS_TLS,
];

/// Names that mean one of the table.
const ALIASES: [(&str, &str); 2] = [("http", "ws"), ("https", "wss")];

impl Scheme {
    /// The scheme of that name, in whatever letters.
    pub fn named(name: &str) -> Option<&'static Self> {
        let alias = ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name));
        let name = alias.map_or(name, |(_, name)| name);
        SCHEMES.iter().find(|scheme| scheme.name.eq_ignore_ascii_case(name))
    }

    /// The scheme that an endpoint is written with, and what stands after the colon; `None` for a URL without
    /// a scheme and for what is no endpoint at all.
    pub fn of(endpoint: &str) -> Option<(&'static Self, &str)> {
        match endpoint.split_once(':') {
            Some((name, rest)) => Some((Self::named(name)?, rest)),
            None => Some((Self::named(endpoint).filter(|scheme| scheme.kind == Kind::Standard)?, "")),
        }
    }
}

impl Kind {
    /// Kind of an endpoint; a word without a known scheme is a WebSocket URL whose scheme was left out.
    pub fn of(endpoint: &str) -> Self {
        Scheme::of(endpoint).map_or(Self::WebSocket, |(scheme, _)| scheme.kind)
    }
}

/// True when an endpoint is reached over the network; a URL without a scheme is.
pub fn is_dialled(endpoint: &str) -> bool {
    Scheme::of(endpoint).is_none_or(|(scheme, _)| scheme.flags.dialled)
}

/// True when the text is `echo:` alone, the built-in echo server.
pub fn is_echo(endpoint: &str) -> bool {
    Scheme::of(endpoint).is_some_and(|(scheme, rest)| scheme.kind == Kind::Echo && rest.is_empty())
}

/// The scheme of an endpoint that is a server over TLS.
pub fn tls_server(endpoint: &str) -> Option<&'static Scheme> {
    Scheme::of(endpoint).map(|(scheme, _)| scheme).filter(|scheme| scheme.serves_tls())
}

/// True when an endpoint makes a Unix socket to listen on.
pub fn binds_unix(endpoint: &str) -> bool {
    Scheme::of(endpoint).is_some_and(|(scheme, address)| {
        scheme.kind.listens()
            && (scheme.flags.path || matches!(ListenAddr::parse(address), Ok(ListenAddr::Unix(_))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Redactor;

    #[test]
    fn endpoints_are_known_by_their_scheme_in_whatever_letters() {
        for (endpoint, kind) in [
            ("-", Kind::Standard),
            ("ws://h/", Kind::WebSocket),
            ("https://h/", Kind::WebSocket),
            ("ws+unix:/s:/p", Kind::WebSocket),
            ("localhost:8080", Kind::WebSocket),
            ("example.com", Kind::WebSocket),
            ("8080", Kind::WebSocket),
            (":8080/x", Kind::WebSocket),
            ("ws-listen:8080", Kind::WebSocketServer),
            ("wss-listen:8443", Kind::WebSocketServer),
            ("tcp-listen:1", Kind::StreamServer),
            ("tls-listen:1", Kind::StreamServer),
            ("unix-listen:/s", Kind::StreamServer),
            ("tls:h:1", Kind::Stream),
            ("nats://h/x", Kind::Subject),
            ("nats+tls://h/x", Kind::Subject),
            ("tcp://h:1", Kind::Stream),
            ("append:/x", Kind::File),
            ("udp:h:1", Kind::Datagrams),
            ("udp-listen:1", Kind::DatagramServer),
            ("sh:cat", Kind::Command),
            ("hub:a", Kind::Hub),
        ] {
            assert_eq!(Kind::of(endpoint), kind, "{endpoint}");
            assert_eq!(Kind::of(&endpoint.to_ascii_uppercase()), kind, "{endpoint}");
        }
        assert!(Scheme::of("echo").is_none(), "a scheme has its colon");
    }

    #[test]
    fn flags_are_those_of_the_table_in_whatever_letters() {
        for (flag, with, without) in [
            (
                is_dialled as fn(&str) -> bool,
                &["ws://h", "https://h", "tcp:h:1", "tls:h:1", "localhost:8080", "h", "[::1]:80"][..],
                &["-", "ws+unix:/s", "unix:/s", "ws-listen:1", "tcp-listen:1", "echo:", "exec:a", "file:/x"]
                    [..],
            ),
            (is_echo, &["echo:"], &["echo:x", "echo", "null:"]),
            (
                |endpoint| tls_server(endpoint).is_some(),
                &["wss-listen:1", "tls-listen:1"],
                &["wss://h", "tls:h:1", "ws-listen:1", "tcp-listen:1", "h"],
            ),
            (
                binds_unix,
                &["unix-listen:/s", "ws-listen:unix:/s", "wss-listen:unix:/s", "tls-listen:unix:/s"],
                &["unix:/s", "tls-listen:1", "ws+unix:/s", "ws-listen:8080", "file:unix:/s"],
            ),
        ] {
            for (endpoints, holds) in [(with, true), (without, false)] {
                for endpoint in endpoints {
                    assert_eq!(flag(endpoint), holds, "{endpoint}");
                    assert_eq!(flag(&endpoint.to_ascii_uppercase()), holds, "{endpoint}");
                }
            }
        }
    }

    #[test]
    fn a_login_is_hidden_behind_every_scheme_that_is_reached_over_the_network() {
        for scheme in SCHEMES.iter().filter(|scheme| scheme.flags.dialled || scheme.takes_whole()) {
            let aliases = ALIASES.iter().filter(|(_, name)| *name == scheme.name).map(|(alias, _)| alias);
            for name in aliases.chain([&scheme.name]) {
                let shown = Redactor::default().text(&format!("{name}://me:s3cret-pass@h:1/a"));
                assert!(!shown.contains("s3cret"), "{shown}");
            }
        }
    }
}
