//! Addresses as the command line writes them.
//!
//! Parsing answers with the cause in words, because the place an address stands in (an option, an
//! endpoint) decides which exit code a bad one has.

use crate::os_text;
use std::{fmt, net::Ipv6Addr, path::PathBuf};

/// An address to listen on, as the command line writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddr {
    /// A bare port: loopback only, 127.0.0.1 and ::1; 0 takes a free one.
    Loopback(u16),
    /// A host name or address literal, and a port.
    Host(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
    /// A socket that our parent handed to us as this descriptor, 3 or above.
    Descriptor(i32),
    /// Every socket that systemd handed to us.
    Systemd,
}

impl ListenAddr {
    /// Reads `PORT`, `HOST:PORT`, `[V6]:PORT`, `unix:PATH`, `fd:N` or `systemd`, the words in whatever letters;
    /// the error is the cause in words.
    pub fn parse(text: &str) -> Result<ListenAddr, String> {
        if text.eq_ignore_ascii_case("systemd") {
            return Ok(ListenAddr::Systemd);
        }
        let behind = |name: &str| {
            text.split_once(':').filter(|(word, _)| word.eq_ignore_ascii_case(name)).map(|(_, rest)| rest)
        };
        if let Some(number) = behind("fd") {
            return descriptor(number).map(ListenAddr::Descriptor);
        }
        if let Some(path) = behind("unix") {
            if path.is_empty() {
                return Err("`unix:` names no path".to_owned());
            }
            return Ok(ListenAddr::Unix(os_text::path(path)));
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return port(text).map(ListenAddr::Loopback);
        }
        if let Some(rest) = text.strip_prefix(':').or_else(|| text.strip_prefix("*:"))
            && port(rest).is_ok()
        {
            return Err(format!(
                "`{text}` names no host: write {rest} for loopback only, 0.0.0.0:{rest} for every interface"
            ));
        }
        host_port(text).map(|(host, port)| ListenAddr::Host(host, port))
    }

    /// The host that was written, if one was.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Host(host, _) => Some(host),
            _ => None,
        }
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddr::Loopback(port) => write!(f, "{port}"),
            ListenAddr::Host(host, port) => f.write_str(&join(host, *port)),
            ListenAddr::Unix(path) => write!(f, "unix:{}", path.display()),
            ListenAddr::Descriptor(number) => write!(f, "fd:{number}"),
            ListenAddr::Systemd => f.write_str("systemd"),
        }
    }
}

/// Reads `HOST:PORT` or `[V6]:PORT`, with or without a leading `//`; the error is the cause in words.
pub fn host_port(text: &str) -> Result<(String, u16), String> {
    let text = text.strip_prefix("//").map_or(text, |rest| rest.strip_suffix('/').unwrap_or(rest));
    if text.contains('@') {
        // Neither part of it is shown: which of them is the password is not known.
        return Err("an address (HOST:PORT) takes no login in front of an @".into());
    }
    let (host, port_text) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) =
            rest.split_once(']').ok_or_else(|| format!("`{text}` lacks the closing bracket"))?;
        // A zone (`fe80::1%eth0`) is for the resolver to judge.
        let literal = host.split('%').next().unwrap_or(host);
        literal.parse::<Ipv6Addr>().map_err(|_| format!("`{host}` is not an IPv6 address"))?;
        (host, rest.strip_prefix(':').ok_or_else(|| format!("`{text}` lacks a port"))?)
    } else {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| match port(text) {
            Ok(_) => format!("`{text}` lacks a host: write 127.0.0.1:{text} for this machine"),
            Err(_) => format!("`{text}` lacks a port (HOST:PORT)"),
        })?;
        if host.parse::<Ipv6Addr>().is_err() && text.parse::<Ipv6Addr>().is_ok() {
            return Err(format!("`{text}` lacks a port: write [{text}]:PORT"));
        }
        if host.contains(':') {
            return Err(format!("`{text}` is ambiguous: write an IPv6 address in brackets, [{host}]:{port}"));
        }
        (host, port)
    };
    if host.is_empty() {
        return Err(format!("`{text}` lacks a host (HOST:PORT)"));
    }
    if host.contains(|character: char| {
        character.is_whitespace() || character.is_control() || "/?#@".contains(character)
    }) {
        return Err(format!("`{host}` is not a host name"));
    }
    // A zone is written as in a URL, `%25eth0` (RFC 6874), or as everywhere else.
    Ok((host.replacen("%25", "%", 1), port(port_text)?))
}

/// `HOST:PORT`, with the brackets an IPv6 literal needs.
pub fn join(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn descriptor(text: &str) -> Result<i32, String> {
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    match number {
        None => Err(format!("`{text}` is not the number of a descriptor (fd:3)")),
        Some(0..=2) => Err(format!("descriptor {text} is a standard stream; inherited sockets begin at 3")),
        Some(number) => Ok(number),
    }
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    // `u16::from_str` takes a plus sign; a port is digits.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{text}` is not a port number"));
    }
    text.parse().map_err(|_| format!("port {text} is above 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_addresses_round_trip() {
        for (text, address) in [
            ("8080", ListenAddr::Loopback(8080)),
            ("0", ListenAddr::Loopback(0)),
            ("0.0.0.0:80", ListenAddr::Host("0.0.0.0".into(), 80)),
            ("example.com:443", ListenAddr::Host("example.com".into(), 443)),
            ("[::1]:9", ListenAddr::Host("::1".into(), 9)),
            ("unix:/run/x.sock", ListenAddr::Unix("/run/x.sock".into())),
            ("fd:3", ListenAddr::Descriptor(3)),
            ("systemd", ListenAddr::Systemd),
        ] {
            assert_eq!(ListenAddr::parse(text).unwrap(), address);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn bad_listen_addresses_say_why() {
        for (text, cause) in [
            ("", "lacks a port"),
            ("unix:", "names no path"),
            ("65536", "above 65535"),
            (":8080", "0.0.0.0:8080"),
            ("*:8080", "0.0.0.0:8080"),
            ("localhost", "lacks a port"),
            ("::1:80", "brackets"),
            ("[::1:80", "closing bracket"),
            ("[::1]", "lacks a port"),
            ("[nope]:1", "not an IPv6 address"),
            ("h:+1", "not a port"),
            ("a b:1", "not a host name"),
            ("fd:", "number of a descriptor"),
            ("fd:x", "number of a descriptor"),
            ("fd:-1", "number of a descriptor"),
            ("fd:+3", "number of a descriptor"),
            ("fd:99999999999", "number of a descriptor"),
            ("fd:0", "standard stream"),
        ] {
            let error = ListenAddr::parse(text).unwrap_err();
            assert!(error.contains(cause), "{text}: {error}");
        }
    }

    #[test]
    fn host_and_port_with_or_without_slashes() {
        assert_eq!(host_port("//h:1"), Ok(("h".to_owned(), 1)));
        assert_eq!(host_port("//[::1]:2/"), Ok(("::1".to_owned(), 2)));
        assert_eq!(host_port("h:3"), Ok(("h".to_owned(), 3)));
        for text in ["[fe80::1%eth0]:4", "[fe80::1%25eth0]:4"] {
            assert_eq!(host_port(text), Ok(("fe80::1%eth0".to_owned(), 4)));
        }
        assert!(host_port(":3").unwrap_err().contains("lacks a host"));
    }
}
