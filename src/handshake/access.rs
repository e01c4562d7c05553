//! The access policy for clients: the rules for Origin, Host and credentials.
//!
//! A browser lets any page open a WebSocket to any server it can reach, and names the page in Origin
//! (RFC 6455 section 10.2), so a local server that took everybody would be open to every web page its
//! user looks at. By default a client without Origin (no browser) and a page of the very same host come
//! in. A server on loopback also minds Host, or a page could reach it under a name of its own that it
//! lets resolve to 127.0.0.1 (DNS rebinding).

use super::authority::Authority;
use crate::net::is_localhost;
use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::{
    StatusCode,
    header::{self, HeaderMap, HeaderName},
};
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// Which clients are let in, from the command line.
#[derive(Clone, Debug, Default)]
pub struct AccessPolicy {
    /// Origins beside none at all and the one that equals Host; `any` lets all in.
    pub origins: Vec<String>,
    /// Names that Host may carry on loopback beside IP literals and `localhost`; `any` lets all in.
    pub hosts: Vec<String>,
    /// The server is bound to loopback, so Host is minded.
    pub loopback: bool,
    /// Credentials that a client has to show; `None` asks for nothing.
    pub login: Option<Login>,
}

/// Credentials that a server asks for (RFC 7617, RFC 6750).
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// `NAME:PASSWORD`.
    Basic(String),
    /// A token.
    Bearer(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Basic(_) => "Basic(…)",
            Self::Bearer(_) => "Bearer(…)",
        })
    }
}

/// Why a client is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Denied {
    pub status: StatusCode,
    /// For the client.
    pub cause: String,
    /// For the log: what would let it in.
    pub remedy: String,
    pub header: Option<(HeaderName, &'static str)>,
}

impl AccessPolicy {
    /// Lets a request in or denies it; gives the user's name of a Basic login. A request without a Host is
    /// none of a browser's.
    pub(super) fn admit(&self, headers: &HeaderMap, host: Option<&str>) -> Result<Option<String>, Denied> {
        if let Some(host) = host {
            self.host(host)?;
        }
        let host = host.unwrap_or_default();
        if let Some(origin) = headers.get(header::ORIGIN) {
            self.origin(&String::from_utf8_lossy(origin.as_bytes()), host)?;
        }
        match &self.login {
            None => Ok(None),
            Some(login) => login.check(headers),
        }
    }

    fn host(&self, host: &str) -> Result<(), Denied> {
        let authority = Authority::parse(host).ok();
        let name = authority.as_ref().map_or(host, |authority| &authority.name);
        let known = name.parse::<IpAddr>().is_ok()
            || is_localhost(name)
            || self.hosts.iter().any(|listed| listed == "any" || matches(listed, name));
        if !self.loopback || known {
            return Ok(());
        }
        Err(Denied {
            status: StatusCode::MISDIRECTED_REQUEST,
            cause: "this server does not answer for that Host".to_owned(),
            remedy: match name {
                "" => "Host is empty; let it in with --allow-host any".to_owned(),
                _ => format!("Host is `{host}`; let it in with --allow-host {}", shell_words::quote(name)),
            },
            header: None,
        })
    }

    fn origin(&self, origin: &str, host: &str) -> Result<(), Denied> {
        let listed = self.origins.iter().any(|listed| listed == "any" || matches(listed, origin));
        if listed || is_same(origin, host) {
            return Ok(());
        }
        Err(Denied {
            status: StatusCode::FORBIDDEN,
            cause: "pages of this origin are not let in".to_owned(),
            remedy: match origin {
                // Written as an option, the word would let everybody in.
                "any" => "Origin is `any`, which no browser sends, and cannot be let in alone".to_owned(),
                "null" => {
                    "Origin is `null`, as of a page opened from a file; let it in with --allow-origin null"
                        .to_owned()
                }
                _ => format!(
                    "Origin is `{origin}`; let it in with --allow-origin {}",
                    shell_words::quote(origin)
                ),
            },
            header: None,
        })
    }
}

impl Login {
    fn check(&self, headers: &HeaderMap) -> Result<Option<String>, Denied> {
        let mut values = headers.get_all(header::AUTHORIZATION).into_iter();
        let shown = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().unwrap_or_default(),
            _ => "",
        };
        let (scheme, shown) = shown.split_once(' ').unwrap_or((shown, ""));
        let (name, expected, shown) = match self {
            Self::Basic(expected) => {
                ("Basic", expected, BASE64_STANDARD.decode(shown.trim()).unwrap_or_default())
            }
            Self::Bearer(expected) => ("Bearer", expected, shown.trim().as_bytes().to_vec()),
        };
        if scheme.eq_ignore_ascii_case(name) && bool::from(expected.as_bytes().ct_eq(&shown)) {
            let user = expected.split_once(':').map(|(user, _)| user.to_owned());
            return Ok(user.filter(|_| matches!(self, Self::Basic(_))));
        }
        Err(Denied {
            status: StatusCode::UNAUTHORIZED,
            cause: "credentials are needed".to_owned(),
            remedy: if shown.is_empty() {
                "it showed none".to_owned()
            } else {
                "it showed others".to_owned()
            },
            header: Some((
                header::WWW_AUTHENTICATE,
                match self {
                    Self::Basic(_) => "Basic realm=\"wsio\", charset=\"UTF-8\"",
                    Self::Bearer(_) => "Bearer realm=\"wsio\"",
                },
            )),
        })
    }
}

/// True when a text is the listed one, in any case; `*` stands for one or more characters but `/` and `:`.
fn matches(listed: &str, text: &str) -> bool {
    let Some((before, after)) = listed.split_once('*') else { return listed.eq_ignore_ascii_case(text) };
    let Some((begin, rest)) = text.split_at_checked(before.len()) else { return false };
    let run = rest.bytes().take_while(|byte| !b"/:".contains(byte)).count();
    begin.eq_ignore_ascii_case(before)
        && (1..=run).any(|length| rest.get(length..).is_some_and(|rest| matches(after, rest)))
}

/// True when an origin is the very host that was asked, default ports written or not.
fn is_same(origin: &str, host: &str) -> bool {
    let (default, authority) = match origin.split_once("://") {
        Some((scheme, authority)) if scheme.eq_ignore_ascii_case("http") => (80, authority),
        Some((scheme, authority)) if scheme.eq_ignore_ascii_case("https") => (443, authority),
        _ => return false,
    };
    let place = |text: &str| {
        let authority = Authority::parse(text).ok().filter(|authority| !authority.name.is_empty());
        authority.map(|authority| (authority.name, authority.port.unwrap_or(default)))
    };
    place(authority).is_some_and(|origin| Some(origin) == place(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(
        access: &AccessPolicy,
        host: &str,
        fields: &[(&'static str, &str)],
    ) -> Result<Option<String>, u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        access.admit(&headers, Some(host)).map_err(|denied| denied.status.as_u16())
    }

    #[test]
    fn no_origin_and_the_same_origin_come_in() {
        let plain = AccessPolicy::default();
        assert_eq!(admit(&plain, "h:1", &[]), Ok(None));
        for (origin, host, in_) in [
            ("http://h:8080", "h:8080", true),
            ("http://H", "h:80", true),
            ("https://h", "h", true),
            ("https://h:443", "h", true),
            ("http://[::1]:9", "[::1]:9", true),
            ("http://h:8081", "h:8080", false),
            ("http://h", "h:443", false),
            ("http://evil.example", "h", false),
            ("http://h.evil.example", "h", false),
            ("null", "h", false),
            ("file://", "h", false),
            ("chrome-extension://h", "h", false),
        ] {
            let expected = if in_ { Ok(None) } else { Err(403) };
            assert_eq!(admit(&plain, host, &[("origin", origin)]), expected, "{origin} at {host}");
        }
    }

    #[test]
    fn listed_origins_are_exact() {
        let listed = AccessPolicy {
            origins: vec!["https://a.example".into(), "null".into()],
            ..AccessPolicy::default()
        };
        for (origin, expected) in [
            ("https://a.example", Ok(None)),
            ("null", Ok(None)),
            ("http://a.example", Err(403)),
            ("https://b.a.example", Err(403)),
        ] {
            assert_eq!(admit(&listed, "h", &[("origin", origin)]), expected, "{origin}");
        }
        let any = AccessPolicy { origins: vec!["any".into()], ..AccessPolicy::default() };
        assert_eq!(admit(&any, "h", &[("origin", "http://evil.example")]), Ok(None));
    }

    #[test]
    fn a_star_stands_for_names_and_ports() {
        for (listed, text, fits) in [
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.EXAMPLE.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://.example.com", false),
            ("https://*.example.com", "https://a.example.com.evil.example", false),
            ("https://*.example.com", "https://evil.example/.example.com", false),
            ("https://*.example.com", "https://evil.example:1.example.com", false),
            ("https://*.example.com", "http://a.example.com", false),
            ("http://localhost:*", "http://localhost:3000", true),
            ("http://localhost:*", "http://localhost", false),
            ("*://*:*", "http://h:1", true),
            ("file://", "file://", true),
            ("*.dev.example", "a.dev.example", true),
            ("*.dev.example", "é.dev.example", true),
            ("a*", "é", false),
        ] {
            assert_eq!(matches(listed, text), fits, "{listed} {text}");
        }
    }

    #[test]
    fn loopback_minds_host() {
        let loopback =
            AccessPolicy { loopback: true, hosts: vec!["dev.example".into()], ..AccessPolicy::default() };
        for (host, expected) in [
            ("127.0.0.1:8080", Ok(None)),
            ("[::1]:8080", Ok(None)),
            ("localhost", Ok(None)),
            ("LOCALHOST:1", Ok(None)),
            ("localhost.", Ok(None)),
            ("app.localhost:8080", Ok(None)),
            ("a.b.LocalHost.", Ok(None)),
            ("notlocalhost", Err(421)),
            ("localhost.evil.example", Err(421)),
            ("dev.example:8080", Ok(None)),
            ("rebound.example", Err(421)),
            ("localhost.example", Err(421)),
        ] {
            assert_eq!(admit(&loopback, host, &[]), expected, "{host}");
        }
        assert_eq!(
            admit(&AccessPolicy::default(), "rebound.example", &[]),
            Ok(None),
            "elsewhere it is not minded"
        );
    }

    #[test]
    fn credentials_are_compared_whole() {
        let basic = AccessPolicy { login: Some(Login::Basic("me:pass".into())), ..AccessPolicy::default() };
        let of = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        assert_eq!(admit(&basic, "h", &[("authorization", &of("me:pass"))]), Ok(Some("me".into())));
        assert_eq!(
            admit(&basic, "h", &[("authorization", &of("me:pass").replace("Basic", "basic"))]),
            Ok(Some("me".into()))
        );
        for wrong in [&of("me:pas"), &of("me:pass2"), &of(""), "Basic", "Basic %%", "Bearer me:pass", ""] {
            assert_eq!(admit(&basic, "h", &[("authorization", wrong)]), Err(401), "{wrong}");
        }
        assert_eq!(admit(&basic, "h", &[]), Err(401));
        let twice = [("authorization", of("me:pass")), ("authorization", of("me:pass"))];
        assert_eq!(
            admit(&basic, "h", &twice.each_ref().map(|(name, value)| (*name, value.as_str()))),
            Err(401)
        );
        let bearer = AccessPolicy { login: Some(Login::Bearer("t".into())), ..AccessPolicy::default() };
        assert_eq!(admit(&bearer, "h", &[("authorization", "Bearer t")]), Ok(None));
        assert_eq!(admit(&bearer, "h", &[("authorization", "Bearer u")]), Err(401));
    }
}
