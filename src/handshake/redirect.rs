//! The target of a 3xx answer, and what is not taken along there (`-L`).
//!
//! A permission belongs to the scheme, host and port it was given for: logins, cookies, fields and
//! subprotocols that are secret. Whatever else the server says, TLS is never left.

use super::{ClientOptions, Cookies, WsUrl};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    observe::Redactor,
};
use hyper::{
    StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use url::Url;

/// The URL that the answer redirects to; `None` when it is no redirect.
///
/// # Errors
/// Exit 22 for a place that cannot be gone to.
pub(super) fn target(
    url: &WsUrl,
    status: StatusCode,
    headers: &HeaderMap,
    redactor: &Redactor,
) -> Option<Result<WsUrl>> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get(header::LOCATION)?;
    Some(join(url, &String::from_utf8_lossy(location.as_bytes()), redactor))
}

fn join(from: &WsUrl, location: &str, redactor: &Redactor) -> Result<WsUrl> {
    let shown = redactor.url(location);
    let refuse =
        |why: &str| Fault::new(Exit::UpgradeRefused, "upgrade", format!("the redirect to `{shown}` {why}"));
    let scheme = if from.secure { "wss" } else { "ws" };
    let base = format!("{scheme}://{}{}", from.authority(), from.target);
    let joined = Url::parse(&base).and_then(|base| base.join(location));
    let mut joined = joined.map_err(|error| refuse(&format!("cannot be followed: {error}")))?;
    joined.set_fragment(None);
    let mut to =
        WsUrl::parse(joined.as_str()).map_err(|_| refuse("leads to nothing that speaks WebSocket"))?;
    if from.secure && !to.secure {
        return Err(refuse("would leave TLS")
            .hint(format!("{} if plain text will do", redactor.url(&to.to_string()))));
    }
    if to.has_address_of(from) {
        // As curl: a login that the server names takes the place of the one before.
        to.userinfo = to.userinfo.or_else(|| from.userinfo.clone());
        to.unix = from.unix.clone();
        to.zone = from.zone.clone();
    }
    Ok(to)
}

impl ClientOptions {
    /// The same without what was meant for one origin only: logins, cookies that are of no jar, and the
    /// fields and subprotocols that `redactor` would not show; and the names of what is missing.
    pub(crate) fn for_strangers(&self, redactor: &Redactor) -> (Self, Vec<String>) {
        let own = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::HOST];
        let is_open = |(name, value): &(HeaderName, HeaderValue)| {
            !own.contains(name)
                && !value.is_sensitive()
                && !redactor.hides(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))
        };
        let (headers, dropped): (Vec<_>, Vec<_>) = self.headers.iter().cloned().partition(is_open);
        let (cookies, plain): (Vec<_>, Vec<_>) =
            self.cookies.iter().cloned().partition(|cookies| matches!(cookies, Cookies::Jar(_)));
        let (subprotocols, secret): (Vec<_>, Vec<_>) =
            self.subprotocols.iter().cloned().partition(|name| !redactor.hides_subprotocol(name));
        let mut missing: Vec<String> = Vec::new();
        let names = dropped.iter().map(|(name, _)| name.as_str());
        let names = names.chain(plain.iter().map(|_| "cookie"));
        for name in names.chain(secret.iter().map(|_| "a subprotocol")) {
            if !missing.iter().any(|other| other == name) {
                missing.push(name.to_owned());
            }
        }
        (Self { headers, cookies, subprotocols, ..self.clone() }, missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(from: &str, location: &str) -> Result<WsUrl> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap());
        target(&WsUrl::parse(from).unwrap(), StatusCode::FOUND, &headers, &Redactor::default()).unwrap()
    }

    #[test]
    fn locations_are_joined() {
        for (from, location, to) in [
            ("ws://h/a/b?x", "/c", "ws://h/c"),
            ("ws://h/a/b?x", "c?y", "ws://h/a/c?y"),
            ("ws://h:8080/a", "?y", "ws://h:8080/a?y"),
            ("ws://h/a", "//o/c", "ws://o/c"),
            ("wss://h/a", "//o/c", "wss://o/c"),
            ("ws://h/a", "http://o:81/c#top", "ws://o:81/c"),
            ("ws://h/a", "https://o/", "wss://o/"),
            ("wss://h/a", "wss://o:8443/ü", "wss://o:8443/%C3%BC"),
            ("ws+unix:/s:/a", "/b", "ws+unix:/s:/b"),
            ("ws+unix:/s:/a", "http://localhost/b", "ws+unix:/s:/b"),
            ("ws+unix:/s:/a", "http://o/b", "ws://o/b"),
            ("ws://[fe80::1%25eth0]/a", "/b", "ws://[fe80::1%25eth0]/b"),
        ] {
            assert_eq!(leads(from, location).unwrap().to_string(), to, "{from} {location}");
        }
    }

    #[test]
    fn a_place_that_must_not_be_gone_to_is_refused() {
        for (from, location, why) in [
            ("wss://h/a", "http://h/a", "leave TLS"),
            ("wss://h/a", "ws://o/", "leave TLS"),
            ("ws://h/", "ftp://h/", "nothing that speaks WebSocket"),
            ("ws://h/", "http://h:99999/", "cannot be followed"),
        ] {
            let fault = leads(from, location).unwrap_err();
            assert_eq!(fault.exit, Exit::UpgradeRefused);
            assert!(fault.cause.contains(why), "{fault}");
        }
    }

    #[test]
    fn only_redirects_lead_somewhere() {
        let mut headers = HeaderMap::new();
        let url = WsUrl::parse("ws://h/").unwrap();
        assert!(target(&url, StatusCode::FOUND, &headers, &Redactor::default()).is_none(), "no Location");
        headers.insert(header::LOCATION, HeaderValue::from_static("/x"));
        for status in [StatusCode::OK, StatusCode::NOT_MODIFIED, StatusCode::NOT_FOUND] {
            assert!(target(&url, status, &headers, &Redactor::default()).is_none(), "{status}");
        }
    }

    #[test]
    fn a_login_of_the_url_stays_with_scheme_host_and_port() {
        for (from, location, kept) in [
            ("ws://me:pw@h/", "/x", true),
            ("ws://me:pw@h/", "ws://H:80/x", true),
            ("ws://me:pw@h/", "ws://h:81/x", false),
            ("ws://me:pw@h/", "wss://h/x", false),
            ("ws://me:pw@h/", "wss://h:80/x", false),
            ("ws://me:pw@h/", "ws://o/x", false),
            ("ws://me:pw@h/", "ws://h.o/x", false),
        ] {
            let to = leads(from, location).unwrap();
            assert_eq!(to.userinfo.is_some(), kept, "{location}");
        }
        // As in curl, the server's own word counts within its origin.
        let renamed = leads("ws://me:pw@h/", "ws://you:new@h/").unwrap();
        assert_eq!(renamed.userinfo, Some(("you".into(), "new".into())));
    }

    #[test]
    fn strangers_get_no_secrets() {
        let field = |name: &str, value: &str, secret: bool| {
            let mut value = HeaderValue::from_str(value).unwrap();
            value.set_sensitive(secret);
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), value)
        };
        let options = ClientOptions {
            headers: vec![
                field("authorization", "Bearer x", false),
                field("cookie", "a=b", true),
                field("cookie", "c=d", true),
                field("proxy-authorization", "Basic x", false),
                field("host", "h", false),
                field("x-from-a-file", "x", true),
                field("x-tenant", "7", false),
                field("x-api-key", "x", false),
                field("x-room", "x", false),
                field("referer", "https://u:pw@o/", false),
                field("origin", "https://o", false),
            ],
            cookies: vec![Cookies::Jar(vec![]), Cookies::Plain("a=b".into())],
            subprotocols: ["chat", "bearer.x", "room"].map(str::to_owned).to_vec(),
            ..ClientOptions::default()
        };
        let redactor = Redactor::naming(vec!["X-Room".into(), "Room".into()]);
        let (kept, dropped) = options.for_strangers(&redactor);
        let names: Vec<&str> = kept.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, kept.subprotocols), (vec!["x-tenant", "origin"], vec!["chat".to_owned()]));
        assert_eq!(kept.cookies, [Cookies::Jar(vec![])]);
        assert_eq!(
            dropped,
            [
                "authorization",
                "cookie",
                "proxy-authorization",
                "host",
                "x-from-a-file",
                "x-api-key",
                "x-room",
                "referer",
                "a subprotocol"
            ]
        );
    }
}
