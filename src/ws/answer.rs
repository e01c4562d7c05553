//! Answers to an upgrade that are no WebSocket, told so that the next step is plain.

use super::{WsUrl, redirect};
use crate::{
    exit::Exit,
    fault::{Fault, HttpAnswer},
    net,
    observe::Redactor,
};
use hyper::{header, http::response::Parts};

/// Exit 22: the server answered with something other than 101.
pub(super) fn refused(url: &WsUrl, head: &Parts, body: &[u8], redactor: &Redactor) -> Fault {
    let status = net::status_text(head.status);
    let shown = redactor.url(&url.to_string());
    let mut fault =
        Fault::new(Exit::UpgradeRefused, "upgrade", format!("{shown} answered {status} instead of 101"))
            .detail(net::refusal_lines(head, body, redactor));
    fault.answer = Some(Box::new(HttpAnswer {
        status: head.status.as_u16(),
        fields: head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
        body: body.to_vec(),
    }));
    match hint(url, head, body, redactor) {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

/// Exit 52: what came is not HTTP.
pub(super) fn not_http(url: &WsUrl, first: &[u8]) -> Fault {
    let fault = |cause: &str| Fault::new(Exit::NoAnswer, "upgrade", cause);
    // A TLS record: alert or handshake, version 3.x.
    if matches!(first, [0x15 | 0x16, 3, ..]) && !url.secure {
        return fault("the server speaks TLS, the URL is plain").hint(other_scheme(url));
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

/// Who is known by the first bytes it says.
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
    if let Some((_, who)) = banners.into_iter().find(|(banner, _)| first.starts_with(banner)) {
        return Some(who);
    }
    // SETTINGS or GOAWAY on stream 0 is how HTTP/2 begins or refuses (RFC 9113 sections 3.4 and 5.4.1).
    matches!(first, [0, 0, _, 4 | 7, _, 0, 0, 0, 0, ..]).then_some("a server that speaks HTTP/2 alone")
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

fn hint(url: &WsUrl, head: &Parts, body: &[u8], redactor: &Redactor) -> Option<String> {
    let says = |text: &str| String::from_utf8_lossy(body).to_ascii_lowercase().contains(text);
    let location = head.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    Some(match head.status.as_u16() {
        300..=399 if head.headers.get_all(header::LOCATION).into_iter().nth(1).is_some() => {
            "the answer has Location twice; connect to the right one".into()
        }
        300..=399 => match redirect::target(url, head.status, &head.headers, redactor) {
            Some(Ok(to)) => format!("-L to follow it to {}", redactor.url(&to.to_string())),
            _ => format!("connect to {} instead", redactor.url(location?)),
        },
        400 if !url.secure && (says("https") || says("tls")) => redactor.url(&other_scheme(url)),
        401 => "give credentials with --user NAME:PASSWORD, --bearer TOKEN or -H".into(),
        403 => "the server may want credentials (--user, --bearer, --cookie) or a page's --origin".into(),
        404 | 405 | 410 => "check the path of the URL".into(),
        426 if head.headers.contains_key(header::SEC_WEBSOCKET_VERSION) => {
            "the server wants another version of the WebSocket protocol".into()
        }
        407 => "a proxy on the way wants credentials".into(),
        200..=299 => "a plain page stands there: check the path of the URL".into(),
        429 | 503 => "the server is busy: try again later".into(),
        502 | 504 => "what stands behind the server's proxy does not answer".into(),
        _ => return None,
    })
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
            (b"\0\0\x12\x04\0\0\0\0\0\0\x03", "HTTP/2 alone"),
        ] {
            let fault = not_http(&url, first);
            assert!(fault.cause.contains(who), "{fault}");
            assert!(fault.hint.is_some_and(|hint| hint.contains("wsio pipe - tcp:h:8443")));
        }
    }
}
