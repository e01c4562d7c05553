//! Answers to an upgrade that are no WebSocket, told so that the next step is plain.

use super::{WsUrl, redirect};
use crate::{
    exit::Exit,
    fault::{Fault, HttpAnswer},
    net::{self, Findings},
    observe::Redactor,
};
use hyper::{
    ext::ReasonPhrase,
    header::{self, HeaderMap},
    http::response::Parts,
};

/// Exit 22: the server answered with something other than 101; 98 where it says that it wants a certificate.
/// `sent` is the head of the request.
pub(super) fn refused(
    url: &WsUrl,
    sent: &HeaderMap,
    head: &Parts,
    body: &[u8],
    found: &Findings,
    redactor: &Redactor,
) -> Fault {
    let status = net::status_text(head.status, &head.extensions);
    let shown = redactor.url(&url.to_string());
    let text = net::decoded(&head.headers, body).unwrap_or_default();
    let refusal = RefusedUpgrade {
        url,
        sent,
        head,
        text: String::from_utf8_lossy(&text).to_ascii_lowercase(),
        redactor,
    };
    let wants_certificate = refusal.wants_certificate();
    let (exit, hint) = match wants_certificate {
        true => (
            Exit::ClientCertificate,
            Some("give a client certificate with --cert FILE and --key FILE".into()),
        ),
        false => (Exit::UpgradeRefused, refusal.hint()),
    };
    let mut fault = Fault::new(exit, "upgrade", format!("{shown} answered {status} instead of 101"))
        .detail(net::refusal_lines(head, body, redactor))
        .detail(found.missing());
    let reason = head.extensions.get::<ReasonPhrase>();
    fault.answer = Some(Box::new(HttpAnswer {
        status: head.status.as_u16(),
        reason: reason.map_or_else(Vec::new, |reason| reason.as_bytes().to_vec()),
        fields: head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
        body: body.to_vec(),
    }));
    fault.hint = hint;
    fault
}

/// Exit 52: what came is not HTTP.
pub(super) fn not_http(url: &WsUrl, first: &[u8]) -> Fault {
    let fault = |cause: &str| Fault::new(Exit::NoAnswer, "upgrade", cause);
    // A TLS record: alert or handshake, version 3.x.
    if matches!(first, [0x15 | 0x16, 3, ..]) && !url.secure {
        return fault("the server speaks TLS, the URL is plain").hint(other_scheme(url));
    }
    // SETTINGS or GOAWAY on stream 0 is how HTTP/2 begins or refuses (RFC 9113 sections 3.4 and 5.4.1).
    if matches!(first, [0, 0, _, 4 | 7, _, 0, 0, 0, 0, ..]) {
        return fault("a server that speaks HTTP/2 alone answers there").hint(
            "let it speak HTTP/1.1 on this port too: WebSockets over HTTP/2 (RFC 8441) are not spoken here",
        );
    }
    if first.starts_with(b"HTTP/") {
        let line = first.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        return fault(&format!("the answer is not HTTP/1.1: its status line is `{}`", line.escape_ascii()))
            .hint("let the server answer in HTTP/1.1 on this port");
    }
    if let Some(who) = speaker(first) {
        return fault(&format!("{who} answers there, not a web server")).hint(format!(
            "check host and port; to reach it as it is, use `wsio pipe - tcp:{}:{}`",
            url.host, url.port
        ));
    }
    let shown: String = first.iter().take(32).map(|byte| byte.escape_ascii().to_string()).collect();
    fault(&format!("the answer is not HTTP: it begins with `{shown}`"))
        .hint("check host and port; to reach a server that is no WebSocket, use `wsio pipe - tcp:HOST:PORT`")
}

/// The kind of server that begins with these bytes, if they are known.
fn speaker(first: &[u8]) -> Option<&'static str> {
    let banners: [(&[u8], &str); 8] = [
        (b"SSH-", "an SSH server"),
        (b"220 ", "a mail or FTP server"),
        (b"220-", "a mail or FTP server"),
        (b"+OK", "a POP3 server"),
        (b"* OK", "an IMAP server"),
        (b"-ERR", "a Redis server"),
        (b"RFB 0", "a VNC server"),
        (b"INFO {", "a NATS server"),
    ];
    banners.into_iter().find(|(banner, _)| first.starts_with(banner)).map(|(_, who)| who)
}

/// The URL with the other scheme, as a next step.
pub(super) fn other_scheme(url: &WsUrl) -> String {
    let mut other = url.clone();
    other.secure = !url.secure;
    // A port that was the default stays one.
    other.port = match (url.secure, url.port) {
        (false, 80) => 443,
        (true, 443) => 80,
        (_, port) => port,
    };
    other.to_string()
}

/// A refusal that is looked through for its cause.
struct RefusedUpgrade<'a> {
    url: &'a WsUrl,
    /// The head of the request.
    sent: &'a HeaderMap,
    head: &'a Parts,
    /// Its body, in lower case.
    text: String,
    redactor: &'a Redactor,
}

impl RefusedUpgrade<'_> {
    fn says(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// The server wants a certificate that was not shown: nginx, Kong, IIS and Tomcat answer so, as their TLS
    /// lets everybody in.
    fn wants_certificate(&self) -> bool {
        let refuses = matches!(self.head.status.as_u16(), 400 | 401 | 403 | 495 | 496);
        refuses
            && self.url.secure
            && self.says("certificate")
            && (self.says("no required ssl certificate")
                || self.says("no required tls certificate")
                || self.says("client certificate required")
                || self.says("requires a client certificate")
                || self.says("no client certificate")
                || (self.says("client certificate") && self.says("403.7")))
    }

    /// The request came without its Upgrade, which a proxy that does not know it drops.
    fn lost_its_upgrade(&self) -> bool {
        match self.head.status.as_u16() {
            426 => true,
            400 | 403 | 500 => self.says("upgrade"),
            _ => false,
        }
    }

    /// The versions that the server speaks, where ours is none of them (RFC 6455 section 4.4).
    fn other_versions(&self) -> Option<String> {
        let fields = self.head.headers.get_all(header::SEC_WEBSOCKET_VERSION).into_iter();
        let wanted = fields.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
        let wanted = wanted.filter(|value| !value.is_empty()).collect::<Vec<_>>().join(", ");
        let ours = wanted.split(',').any(|version| version.trim() == "13");
        (!wanted.is_empty() && !ours).then_some(wanted)
    }

    fn hint(&self) -> Option<String> {
        let (url, head, redactor) = (self.url, self.head, self.redactor);
        let location = head.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        Some(match head.status.as_u16() {
            300..=399 if head.headers.get_all(header::LOCATION).into_iter().nth(1).is_some() => {
                "the answer has Location twice; connect to the right one".into()
            }
            300..=399 if location.is_some_and(is_login_page) && !is_login_page(&url.to_string()) => {
                format!("the server wants a login and leads to its page: {LOG_IN}")
            }
            300..=399 => match redirect::target(url, head.status, &head.headers, redactor) {
                Some(Ok(to)) => format!("-L to follow it to {}", redactor.url(&to.to_string())),
                _ => format!("connect to {} instead", redactor.url(location?)),
            },
            400 | 426 if self.other_versions().is_some() => format!(
                "let the server speak version 13 of the WebSocket protocol (RFC 6455): it takes {} alone",
                self.other_versions()?
            ),
            400 if !url.secure && (self.says("https") || self.says("tls")) => redactor.url(&other_scheme(url)),
            400 if self.says("ssl certificate error") => {
                "the server does not take the certificate of --cert: its log says why; give one that its authority issued".into()
            }
            400 | 426 | 500 if self.lost_its_upgrade() => format!(
                "the server saw no `Upgrade: websocket` with `Connection: Upgrade`, as a proxy in front of it drops them: {NGINX}"
            ),
            401 => self.login(),
            403 if self.lost_its_upgrade() => format!(
                "the server may want credentials (--user, --bearer, --cookie) or a page's --origin; or a proxy in front of it drops Upgrade: {NGINX}"
            ),
            403 => "the server may want credentials (--user, --bearer, --cookie) or a page's --origin".into(),
            404 | 405 | 410 => "check the path of the URL".into(),
            407 => "a proxy on the way wants credentials".into(),
            200..=299 if is_login_page(&url.to_string()) && self.says("password") => {
                format!("the server wants a login and shows its page: {LOG_IN}")
            }
            200..=299 => "a plain page stands there: check the path of the URL".into(),
            429 | 503 if head.headers.contains_key(header::RETRY_AFTER) => {
                "--retry 3 to try again later, as its Retry-After says".into()
            }
            429 | 503 => "--retry 3 to try again later: the server is busy".into(),
            502 | 504 => "what stands behind the server's proxy does not answer".into(),
            505 => "let the server, or the proxy in front of it, speak HTTP/1.1".into(),
            _ => return None,
        })
    }

    /// The next step after a 401, by the schemes that are offered and the one that was sent.
    fn login(&self) -> String {
        let offered = net::auth_schemes(&self.head.headers, &header::WWW_AUTHENTICATE);
        let offers = |scheme: &str| offered.iter().any(|offered| offered == scheme);
        let sent = self.sent.get(header::AUTHORIZATION).map(|sent| String::from_utf8_lossy(sent.as_bytes()));
        let sent = sent.and_then(|sent| sent.split_whitespace().next().map(str::to_ascii_lowercase));
        let named = || {
            let named = offered.iter().map(|scheme| scheme[..1].to_ascii_uppercase() + &scheme[1..]);
            named.collect::<Vec<_>>().join(" or ")
        };
        match sent.as_deref() {
            // Only what is sent as it is can help, such as a ticket that another program made.
            _ if !offered.is_empty() && !offers("basic") && !offers("bearer") => format!(
                "the server takes {} alone, and only Basic (--user) and Bearer (--bearer) are spoken here: let it offer one of them, or try a --cookie of a browser that is logged in",
                named()
            ),
            Some("basic") if offers("bearer") && !offers("basic") => {
                "the server takes no password: give a token with --bearer TOKEN".into()
            }
            Some("bearer") if offers("basic") && !offers("bearer") => {
                "the server takes no token: give a name and password with --user NAME:PASSWORD".into()
            }
            Some("basic") => "check name and password: the server did not take them".into(),
            Some(_) => "check the credentials: the server did not take them; a token may have expired".into(),
            None => "give credentials with --user NAME:PASSWORD, --bearer TOKEN or -H".into(),
        }
    }
}

/// Hint for a server that leads to a login page.
const LOG_IN: &str = "log in with a browser and give its cookie with --cookie @FILE, or a token with --bearer; -L would only fetch the page";

/// The settings that nginx needs to pass a WebSocket on.
pub(super) const NGINX: &str = "nginx needs `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";`";

/// True when a URL looks like one that people log in at, by its host and path.
fn is_login_page(location: &str) -> bool {
    let place = location.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let place = place.split_once("://").map_or(&place[..], |(_, place)| place);
    let known = |word: &str| {
        const WORDS: [&str; 17] = [
            "login",
            "logon",
            "signin",
            "sso",
            "saml",
            "saml2",
            "oauth",
            "oauth2",
            "oidc",
            "openid",
            "authorize",
            "auth",
            "idp",
            "cas",
            "adfs",
            "accounts",
            "authenticate",
        ];
        WORDS.contains(&word)
    };
    place.split(['/', '.', '-', '_', ':']).any(known)
        || ["sign-in", "sign_in", "log-in", "log_in"].iter().any(|word| place.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_port_stays_default_under_the_other_scheme() {
        let url = |text: &str| WsUrl::parse(text).unwrap();
        assert_eq!(other_scheme(&url("ws://h/x")), "wss://h/x");
        assert_eq!(other_scheme(&url("wss://h:8443/")), "ws://h:8443/");
    }

    #[test]
    fn tls_on_a_plain_url_names_the_url_to_use() {
        let url = WsUrl::parse("ws://h:8443/").unwrap();
        assert_eq!(not_http(&url, &[0x15, 3, 3, 0, 2]).hint.as_deref(), Some("wss://h:8443/"));
        assert!(not_http(&url, b"hello\r\n").cause.contains("begins with `hello\\r\\n`"));
        for (first, who) in [
            (&b"SSH-2.0-x\r\n"[..], "an SSH server answers there"),
            (b"220 mail.example.com ESMTP\r\n", "a mail or FTP server"),
        ] {
            let fault = not_http(&url, first);
            assert!(fault.cause.contains(who), "{fault}");
            assert!(fault.hint.is_some_and(|hint| hint.contains("wsio pipe - tcp:h:8443")));
        }
    }
}
