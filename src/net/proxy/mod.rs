//! Proxies: which one stands in front of a host, and how a tunnel is asked of it.
//!
//! Choosing follows curl to the letter (variables, their order, `no_proxy`), which the matchers of
//! HTTP libraries do not: they read `HTTP_PROXY` and a `*` in a list, and skip what they cannot use.
//! The tunnel is always CONNECT or SOCKS5, for plain `ws:` too: a WebSocket is no HTTP for a proxy to
//! forward.

mod choice;
mod tunnel;

pub use choice::{Bypass, Chosen, Environment, Proxies};
#[cfg(test)]
pub(super) use tunnel::Prefixed;
pub(super) use tunnel::Tunnel;

use super::addr::{join, port};
use percent_encoding::percent_decode_str;
use std::fmt;

/// The kind of a proxy: the protocol that it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// CONNECT.
    Http,
    /// CONNECT over TLS.
    Https,
    /// SOCKS5 with an address: names are looked up here.
    Socks5,
    /// SOCKS5 with a name: it is looked up there.
    Socks5h,
}

/// Name and password.
pub type Login = (String, String);

/// A proxy. Its login is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its protocol.
    pub kind: ProxyKind,
    /// Name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Name and password that we log in with.
    pub login: Option<Login>,
}

impl Proxy {
    /// Reads `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT][/…]`; http when no scheme is written, port
    /// 443 for https and 1080 for the others, as in curl. The error is the cause in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyKind::Http,
            "https" => ProxyKind::Https,
            "socks5" => ProxyKind::Socks5,
            "socks5h" => ProxyKind::Socks5h,
            other => {
                let why = match other {
                    "socks" => "; it names no version, and socks5h is what desktops mean by it",
                    "socks4" | "socks4a" => "; SOCKS4 is not spoken, and most such proxies speak SOCKS5 too",
                    _ => "",
                };
                return Err(format!(
                    "a proxy of kind `{other}` is not known (http, https, socks5, socks5h){why}"
                ));
            }
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (userinfo, address) = match authority.rsplit_once('@') {
            Some((userinfo, address)) => (Some(userinfo), address),
            None => (None, authority),
        };
        // From here on nothing that is shown holds a password.
        let shown = format!("{scheme}://{address}");
        let (host, port_text) = match address.strip_prefix('[') {
            Some(literal) => {
                let (host, rest) =
                    literal.split_once(']').ok_or_else(|| format!("`{shown}` lacks the closing bracket"))?;
                (host, rest.strip_prefix(':'))
            }
            None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
        };
        let usable = |character: char| character.is_alphanumeric() || "-._:%".contains(character);
        if host.is_empty() || !host.chars().all(usable) {
            return Err(format!("`{shown}` names no host"));
        }
        let default = if kind == ProxyKind::Https { 443 } else { 1080 };
        let login = userinfo.map(|userinfo| {
            let (name, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
            let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            (decode(name), decode(password))
        });
        let port = port_text.map_or(Ok(default), port).map_err(|why| format!("`{shown}`: {why}"))?;
        Self { kind, host: host.replacen("%25", "%", 1), port, login }.bounded()
    }

    /// A proxy of a kind of SOCKS that is not known, as one that is, without its login; `None` for any other.
    pub fn as_socks5h(text: &str) -> Option<String> {
        let (scheme, rest) = text.split_once("://")?;
        let is_socks = ["socks", "socks4", "socks4a"].iter().any(|kind| kind.eq_ignore_ascii_case(scheme));
        let address = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let address = address.rsplit_once('@').map_or(address, |(_, address)| address);
        is_socks.then(|| format!("socks5h://{address}"))
    }

    /// True when it speaks TLS to us.
    pub fn speaks_tls(&self) -> bool {
        self.kind == ProxyKind::Https
    }

    /// The same proxy, unless its login cannot be sent to it.
    pub(super) fn bounded(self) -> Result<Self, String> {
        let Some((name, password)) = &self.login else { return Ok(self) };
        let socks = matches!(self.kind, ProxyKind::Socks5 | ProxyKind::Socks5h);
        if socks && (name.is_empty() || name.len() > 255 || password.len() > 255) {
            // RFC 1929 section 2
            return Err("SOCKS5 takes a name of 1 to 255 bytes and a password of at most 255".to_owned());
        }
        if !socks && name.contains(':') {
            // RFC 7617 section 2
            return Err("a name with a colon cannot be sent to an HTTP proxy".to_owned());
        }
        Ok(self)
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Https => "https",
            ProxyKind::Socks5 => "socks5",
            ProxyKind::Socks5h => "socks5h",
        };
        write!(f, "{scheme}://{}", join(&self.host, self.port))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}{}", if self.login.is_some() { " with a login" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_as_people_write_them() {
        for (text, shown, login) in [
            ("h", "http://h:1080", None),
            ("h:3128", "http://h:3128", None),
            ("http://h:3128/", "http://h:3128", None),
            ("HTTPS://h", "https://h:443", None),
            ("socks5://127.0.0.1", "socks5://127.0.0.1:1080", None),
            ("socks5h://[::1]:9050", "socks5h://[::1]:9050", None),
            ("[fe80::1%25eth0]:1", "http://[fe80::1%eth0]:1", None),
            ("me:pw@h", "http://h:1080", Some(("me", "pw"))),
            ("http://me@h:1", "http://h:1", Some(("me", ""))),
            ("http://a%40b:p%3Aw@x@h:1", "http://h:1", Some(("a@b", "p:w@x"))),
            ("socks5://me:p:w@h", "socks5://h:1080", Some(("me", "p:w"))),
        ] {
            let proxy = Proxy::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(proxy.to_string(), shown, "{text}");
            let found = proxy.login.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
            assert_eq!(found, login, "{text}");
        }
    }

    #[test]
    fn bad_ones_say_why_and_never_show_a_password() {
        let long = format!("socks5://{}:s3cret@h", "x".repeat(256));
        for (text, cause) in [
            ("socks4://me:s3cret@h", "`socks4` is not known"),
            ("socks://me:s3cret@h:1080/", "socks5h is what desktops mean by it"),
            ("ftp://h", "`ftp` is not known"),
            ("me:s3cret@", "names no host"),
            ("http://", "names no host"),
            ("{\"op\":1}", "names no host"),
            ("a b", "names no host"),
            ("me:s3cret@h:x", "not a port"),
            ("me:s3cret@h:99999", "above 65535"),
            ("[::1", "closing bracket"),
            (long.as_str(), "255"),
            ("http://a%3Ab:s3cret@h", "colon"),
        ] {
            let error = Proxy::parse(text).unwrap_err();
            assert!(error.contains(cause), "{text}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        assert_eq!(Proxy::as_socks5h("SOCKS://me:s3cret@h:1080/x").as_deref(), Some("socks5h://h:1080"));
        assert_eq!(Proxy::as_socks5h("socks4a://[::1]:9").as_deref(), Some("socks5h://[::1]:9"));
        assert_eq!(Proxy::as_socks5h("ftp://h"), None);
        let proxy = Proxy::parse("http://me:s3cret@h").unwrap();
        assert!(!format!("{proxy:?} {proxy}").contains("s3cret"));
    }
}
