//! The URL of a WebSocket: read as a browser reads it, and sent as RFC 6455 section 3 wants it.
//!
//! `http(s)` is accepted for `ws(s)`, because that is what people paste. A missing scheme is guessed
//! from the host, plain only where no network is in between; a port alone is this machine's.

use crate::{
    exit::Exit,
    fault::{Fault, Result},
    net::is_localhost,
    observe::Redactor,
    os_text,
};
use percent_encoding::percent_decode_str;
use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
};
use url::{Host, Url};

/// The URL of a WebSocket server, in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsUrl {
    /// TLS or plain.
    pub secure: bool,
    /// Host name or address literal, without brackets; `localhost` over a Unix socket.
    pub host: String,
    /// Default 80, secure 443.
    pub port: u16,
    /// The request target: path and query, percent-encoded, never empty.
    pub target: String,
    /// Name and password from the URL, decoded. Never shown.
    pub userinfo: Option<(String, String)>,
    /// The Unix socket of `ws+unix:`.
    pub unix: Option<PathBuf>,
    /// The zone of a link-local IPv6 address (RFC 6874): for this machine only, never sent.
    pub zone: Option<String>,
    /// The scheme was not written.
    pub guessed: bool,
}

impl WsUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// Exit 3 with the cause, such as a fragment, which a server never sees (RFC 6455 section 3).
    pub fn parse(text: &str) -> Result<Self> {
        if text.contains(|character: char| character.is_control() || character == ' ') {
            return Err(
                malformed(text, "it contains a blank or a control character").hint("write a blank as %20")
            );
        }
        if let Some(bracketed) = bare_v6(text) {
            return Err(
                malformed(text, "an IPv6 address stands in brackets").hint(format!("ws://{bracketed}"))
            );
        }
        if let Some((port, target)) = lone_port(text) {
            return on_this_machine(text, port, target);
        }
        for scheme in ["ws", "wss", "http", "https"] {
            let rest = text.get(..scheme.len()).filter(|head| head.eq_ignore_ascii_case(scheme));
            if let Some(rest) = rest.and_then(|head| text[head.len()..].strip_prefix("//")) {
                return Err(malformed(text, "the colon is missing").hint(format!("{scheme}://{rest}")));
            }
        }
        let (scheme, rest) = text.split_once(':').unwrap_or_default();
        // RFC 3986 section 3.1: the case of a scheme means nothing.
        match (scheme.to_ascii_lowercase().as_str(), rest.starts_with("//")) {
            ("ws+unix", _) => over_unix(text, rest),
            ("ws" | "http", true) => over_tcp(text, text, false, false),
            ("wss" | "https", true) => over_tcp(text, text, true, false),
            (_, true) if is_scheme(scheme) => Err(malformed(text, &format!("`{scheme}` is not ws or wss"))),
            // A host may be called `http`, and its port follows: `http:8080`.
            (name @ ("ws" | "wss" | "http" | "https"), false)
                if name.starts_with("ws") || rest.starts_with('/') =>
            {
                Err(malformed(text, "two slashes are missing")
                    .hint(format!("{scheme}://{}", rest.trim_start_matches('/'))))
            }
            _ => {
                let mut url = over_tcp(text, &format!("ws://{text}"), false, true)?;
                if !url.is_near() {
                    url = over_tcp(text, &format!("wss://{text}"), true, true)?;
                }
                Ok(url)
            }
        }
    }

    /// The value of the Host field: the port only where it is not the default (RFC 6455 section 4.1).
    pub fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match (self.secure, self.port) {
            (false, 80) | (true, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The URL for a request that is passed on: its path where ours has none, its query where ours has none.
    #[must_use]
    pub fn relaying(&self, path: &str, query: Option<&str>) -> Self {
        let (own_path, own_query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target.as_str(), None),
        };
        let path = if own_path == "/" { path } else { own_path };
        let target = match own_query.or(query) {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        Self { target, ..self.clone() }
    }

    /// The host as this machine reaches it: with the zone of a link-local address.
    pub fn reached_host(&self) -> String {
        match &self.zone {
            Some(zone) => format!("{}%{zone}", self.host),
            None => self.host.clone(),
        }
    }

    /// True when scheme, host, port, Unix socket and zone are the same: credentials go no further.
    pub fn has_origin_of(&self, other: &Self) -> bool {
        self.has_address_of(other) && (&self.unix, &self.zone) == (&other.unix, &other.zone)
    }

    /// True when scheme, host and port are the same, as they stand in a URL.
    pub(super) fn has_address_of(&self, other: &Self) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> Self {
        Self { target: "/".to_owned(), userinfo: None, ..self.clone() }
    }

    /// Loopback and literal private addresses: no foreign network is in between.
    fn is_near(&self) -> bool {
        let host = self.host.trim_end_matches('.');
        if is_localhost(host) {
            return true;
        }
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(v4)) => {
                v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified()
            }
            Ok(IpAddr::V6(v6)) => {
                v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified()
            }
            Err(_) => false,
        }
    }
}

impl fmt::Display for WsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unix {
            Some(path) if self.target == "/" => write!(f, "ws+unix:{}", path.display()),
            Some(path) => write!(f, "ws+unix:{}:{}", path.display(), self.target),
            None => {
                let scheme = if self.secure { "wss" } else { "ws" };
                let mut authority = self.authority();
                if let Some(zone) = &self.zone {
                    authority = authority.replacen(']', &format!("%25{zone}]"), 1);
                }
                write!(f, "{scheme}://{authority}{}", self.target)
            }
        }
    }
}

fn over_tcp(text: &str, whole: &str, secure: bool, guessed: bool) -> Result<WsUrl> {
    let (whole, zone) = split_zone(whole);
    let url = Url::parse(&whole).map_err(|error| match unbracketed(&whole) {
        Some(right) => malformed(text, "an IPv6 address stands in brackets").hint(right),
        None => malformed(text, &error.to_string()),
    })?;
    if url.fragment().is_some() {
        return Err(
            malformed(text, "a fragment (#…) never reaches a server").hint("write %23 for a literal #")
        );
    }
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => return Err(malformed(text, "the host is missing")),
    };
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let userinfo = (!url.username().is_empty() || url.password().is_some())
        .then(|| (decode(url.username()), decode(url.password().unwrap_or_default())));
    let port = url.port().unwrap_or(if secure { 443 } else { 80 });
    Ok(WsUrl { secure, host, port, target, userinfo, unix: None, zone, guessed })
}

/// A URL without the zone in its brackets, `%25eth0` or as people write it `%eth0`, and the zone.
fn split_zone(whole: &str) -> (String, Option<String>) {
    let begin = whole.find("://").map_or(0, |at| at + 3);
    let end = whole[begin..].find(['/', '?', '#']).map_or(whole.len(), |at| begin + at);
    let found = || {
        let open = begin + whole[begin..end].rfind('[')?;
        let close = open + whole[open..end].find(']')?;
        let percent = open + whole[open..close].find('%')?;
        let zone = &whole[percent + 1..close];
        let zone = zone.strip_prefix("25").filter(|rest| !rest.is_empty()).unwrap_or(zone);
        let sound = |c: char| c.is_ascii_alphanumeric() || "._~-".contains(c);
        (!zone.is_empty() && zone.chars().all(sound))
            .then(|| (format!("{}{}", &whole[..percent], &whole[close..]), Some(zone.to_owned())))
    };
    found().unwrap_or_else(|| (whole.to_owned(), None))
}

/// An IPv6 address without brackets, with a port or without, as it has to be written.
pub fn bare_v6(text: &str) -> Option<String> {
    let (authority, target) = text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()));
    let target = if target.is_empty() { "/" } else { target };
    let is_v6 =
        |text: &str| text.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    match authority.rsplit_once(':') {
        Some((host, port)) if is_v6(host) && port.parse::<u16>().is_ok() => {
            Some(format!("[{host}]:{port}{target}"))
        }
        _ if is_v6(authority) => Some(format!("[{authority}]{target}")),
        _ => None,
    }
}

/// The URL with brackets around its IPv6 address, if that is what it lacks.
fn unbracketed(whole: &str) -> Option<String> {
    let (scheme, rest) = whole.split_once("://")?;
    let (login, place) = match rest.split(['/', '?', '#']).next()?.rsplit_once('@') {
        Some((login, _)) => rest.split_at(login.len() + 1),
        None => ("", rest),
    };
    bare_v6(place).map(|place| format!("{scheme}://{login}{place}"))
}

/// RFC 3986 section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|other| other.is_ascii_alphanumeric() || "+-.".contains(other))
}

/// `PORT` or `:PORT`, with or without path and query: the digits, and what follows them.
fn lone_port(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix(':').unwrap_or(text);
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let (port, target) = text.split_at(end);
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some((port, target))
}

fn on_this_machine(text: &str, port: &str, target: &str) -> Result<WsUrl> {
    match port.parse::<u16>() {
        Ok(0) => Err(malformed(text, "port 0 cannot be connected to")),
        Ok(port) => over_tcp(text, &format!("ws://127.0.0.1:{port}{target}"), false, true),
        Err(_) => Err(malformed(text, &format!("port {port} is above 65535"))),
    }
}

/// `PATH[:/URI]`: a colon before a slash ends the path of the socket.
fn over_unix(text: &str, rest: &str) -> Result<WsUrl> {
    let rest = if rest.starts_with("///") { &rest[2..] } else { rest };
    let (path, uri) = match rest.find(":/") {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, "/"),
    };
    if path.is_empty() {
        return Err(malformed(text, "the path of the socket is missing").hint("write ws+unix:/run/app.sock"));
    }
    let url = over_tcp(text, &format!("ws://localhost{uri}"), false, false)?;
    Ok(WsUrl { unix: Some(os_text::path(path)), ..url })
}

/// The cause with the URL, without a password and tokens that may stand in it.
fn malformed(text: &str, cause: &str) -> Fault {
    let shown = match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://…{}", &text[..scheme], &text[at..]),
        _ => text.to_owned(),
    };
    let query = shown.find('?').unwrap_or(shown.len());
    let shown = format!("{}{}", &shown[..query], Redactor::default().url(&shown[query..]));
    Fault::new(Exit::Malformed, "url", format!("`{shown}`: {cause}"))
}

/// Undoes percent-encoding; what is not UTF-8 afterwards stays as it was written.
fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_request_that_is_passed_on_keeps_path_and_query_where_ours_has_none() {
        for (ours, path, query, result) in [
            ("ws://h", "/a/b", Some("x=1"), "ws://h/a/b?x=1"),
            ("ws://h/feed", "/", Some("x=1"), "ws://h/feed?x=1"),
            ("ws://h/feed", "/other", None, "ws://h/feed"),
            ("ws://h/?own=1", "/a", Some("x=1"), "ws://h/a?own=1"),
        ] {
            let url = WsUrl::parse(ours).unwrap().relaying(path, query);
            assert_eq!(url.to_string(), result);
        }
    }

    use super::*;

    fn shown(text: &str) -> String {
        WsUrl::parse(text).unwrap_or_else(|fault| panic!("{fault}")).to_string()
    }

    #[test]
    fn urls_as_people_write_them() {
        for (text, expected) in [
            ("ws://example.com", "ws://example.com/"),
            ("wss://example.com:443/a?b=c d".replace(' ', "%20").as_str(), "wss://example.com/a?b=c%20d"),
            ("http://example.com:8080?x", "ws://example.com:8080/?x"),
            ("https://EXAMPLE.com:80/ü", "wss://example.com:80/%C3%BC"),
            ("ws://[::1]:9/", "ws://[::1]:9/"),
            ("localhost:8080", "ws://localhost:8080/"),
            ("10.1.2.3/x", "ws://10.1.2.3/x"),
            ("[::1]:80", "ws://[::1]/"),
            ("8.8.8.8", "wss://8.8.8.8/"),
            ("example.com:8443/feed", "wss://example.com:8443/feed"),
            ("ws://[fe80::1%25eth0]:9/%25?[%25x]", "ws://[fe80::1%25eth0]:9/%25?[%25x]"),
            ("[fe80::1%eth0]:9", "ws://[fe80::1%25eth0]:9/"),
            ("ws+unix:/run/a.sock", "ws+unix:/run/a.sock"),
            ("ws+unix:///run/a.sock:/x?y", "ws+unix:/run/a.sock:/x?y"),
            ("ws://me:secret@h/", "ws://h/"),
            ("http:8080", "wss://http:8080/"),
            ("8080", "ws://127.0.0.1:8080/"),
            (":8080", "ws://127.0.0.1:8080/"),
            (":8080/chat?room=1", "ws://127.0.0.1:8080/chat?room=1"),
            ("80/x", "ws://127.0.0.1/x"),
            ("8080?x", "ws://127.0.0.1:8080/?x"),
            ("example.com/to?url=http://h/", "wss://example.com/to?url=http://h/"),
            ("WS://Example.com/A", "ws://example.com/A"),
            ("Wss://h/", "wss://h/"),
            ("HTTP://h/", "ws://h/"),
            ("HttpS://h/", "wss://h/"),
            ("WS+Unix:/run/A.sock:/x", "ws+unix:/run/A.sock:/x"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_port_and_the_way_there() {
        for (one, other, same) in [
            ("ws://h/a", "ws://u:p@H:80/b?c", true),
            ("wss://h/", "wss://h:443/", true),
            ("ws://h/", "wss://h/", false),
            ("ws://h:443/", "wss://h/", false),
            ("ws://h/", "ws://h:81/", false),
            ("ws://h/", "ws://h./", false),
            // The Host over a Unix socket is a name on the network too.
            ("ws+unix:/s:/a", "ws+unix:/s:/b", true),
            ("ws+unix:/s:/a", "ws+unix:/t:/a", false),
            ("ws+unix:/s:/a", "ws://localhost/a", false),
            ("ws://[fe80::1%25eth0]/", "ws://[fe80::1%25eth1]/", false),
        ] {
            let (one, other) = (WsUrl::parse(one).unwrap(), WsUrl::parse(other).unwrap());
            assert_eq!(one.has_origin_of(&other), same, "{one} {other}");
        }
    }

    #[test]
    fn parts_are_what_the_handshake_needs() {
        let url = WsUrl::parse("wss://me:p%40ss@[::1]/a").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.secure), ("::1", 443, true));
        assert_eq!(url.userinfo, Some(("me".into(), "p@ss".into())));
        let odd = WsUrl::parse("ws://%+1m%C3%BC:%FF%41@h/").unwrap();
        assert_eq!(odd.userinfo, Some(("%+1mü".into(), "%FF%41".into())), "no hexadecimal digits, no UTF-8");
        assert_eq!(url.authority(), "[::1]");
        let local = WsUrl::parse("ws://[fe80::1%25eth0]:9/").unwrap();
        assert_eq!(
            (local.reached_host().as_str(), local.authority().as_str()),
            ("fe80::1%eth0", "[fe80::1]:9")
        );
        assert!(WsUrl::parse("example.com").unwrap().guessed);
        assert!(WsUrl::parse(":8080").unwrap().guessed && !WsUrl::parse("WS://h").unwrap().guessed);
        assert_eq!(WsUrl::parse("ws+unix:/s:/p").unwrap().unix, Some("/s".into()));
    }

    #[test]
    fn bad_urls_say_why_and_never_show_a_password() {
        for (text, cause) in [
            ("ws://h/#top", "fragment"),
            ("ws://", "host"),
            ("ws:h", "slashes"),
            ("ws://h:99999/", "port"),
            ("ftp://h", "not ws"),
            ("ws://a b/", "blank"),
            ("ws://h/\n", "control"),
            ("ws://me:secret@h:x/", "port"),
            ("ws+unix:", "path"),
            ("WS:h", "slashes"),
            ("http:/h", "slashes"),
            ("HTTPS:/h/x", "slashes"),
            ("65536", "above 65535"),
            (":99999999999/x", "above 65535"),
            ("0", "port 0"),
            (":", "host"),
            (":/x", "host"),
            (":8080x", "host"),
            ("8080#top", "fragment"),
            ("ws://[fe80::1%]/", "IPv6"),
            ("ws://[fe80::1%a b]/", "blank"),
            ("ws://[fe80::1%a/b]/", "IPv6"),
        ] {
            let fault = WsUrl::parse(text).unwrap_err();
            assert_eq!(fault.exit, Exit::Malformed);
            assert!(fault.cause.contains(cause), "{fault}");
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
    }
}
