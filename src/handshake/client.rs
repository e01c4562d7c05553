//! The client's side of the opening handshake (RFC 6455 sections 4.1 and 4.2.2).
//!
//! The request and its answer are one exchange over hyper (`net`); what makes the answer a WebSocket
//! is checked here, line by line.

use super::{
    ClientOptions, Upgraded, WsUrl, answer, fields, redirect,
    tokens::{accept_value, has_token},
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    framing::record::Facts,
    net::{self, Exchange, Findings},
    observe::Redactor,
    os_error,
    stream::Stream,
    tls,
    ws::{conn::Agreed, deflate},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use std::error::Error;

/// The fields of a 101 that stand once.
const ONCE: [HeaderName; 4] =
    [header::UPGRADE, header::SEC_WEBSOCKET_ACCEPT, header::SEC_WEBSOCKET_PROTOCOL, header::CONTENT_LENGTH];

/// An answer of a server that does not refuse.
pub enum Answer {
    /// A WebSocket.
    Open(Box<Upgraded>),
    /// Another place, with the status line that said so; only where redirects are followed.
    Moved(WsUrl, String),
}

/// Asks for the WebSocket at `url` and checks the answer; `facts` has both heads, whatever comes of it.
///
/// # Errors
/// Exit 22 with status, headers and body when the answer is neither 101 nor a redirect to follow; 98 when it
/// says that a client certificate is wanted; 110 when the 101 is invalid; 52 when the connection closed first
/// or what came is not HTTP; 56 when it was lost; a code of TLS for a late alert.
pub async fn upgrade(
    stream: Stream,
    url: &WsUrl,
    options: &ClientOptions,
    redactor: &Redactor,
    facts: &mut Facts,
) -> Result<Answer> {
    let request = request(url, options, redactor)?;
    let key =
        request.headers().get(header::SEC_WEBSOCKET_KEY).map_or(Vec::new(), |key| key.as_bytes().to_vec());
    let sent = request.headers().clone();
    facts.request = fields(&sent);
    let nothing = Findings::default();
    let mut exchange = Exchange::over(stream).await.map_err(|error| lost(&error, url, &nothing, redactor))?;
    let answer = match exchange.ask(request).await {
        Ok(answer) => answer,
        Err(error) => {
            let found = exchange.findings();
            let line = found.status_line.as_deref();
            facts.status = line.and_then(|line| line.split(' ').nth(1)?.parse().ok());
            return Err(lost(&error, url, &found, redactor));
        }
    };
    facts.status = Some(answer.status().as_u16());
    facts.response = fields(answer.headers());
    let found = exchange.findings();
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        if options.follow
            && answer.headers().get_all(header::LOCATION).into_iter().nth(1).is_none()
            && let Some(target) = redirect::target(url, answer.status(), answer.headers(), redactor)
        {
            return target
                .map(|to| Answer::Moved(to, net::status_text(answer.status(), answer.extensions())));
        }
        let (head, body) = answer.into_parts();
        let body = exchange.body(body).await;
        return Err(answer::refused(url, &sent, &head, &body, &exchange.findings(), redactor));
    }
    let (subprotocol, deflate) = check(&answer, &key, options, &found, redactor)?;
    let switched = exchange.switched(answer.status()).await;
    let (stream, read_ahead) = switched.map_err(|error| lost(&error, url, &nothing, redactor))?;
    Ok(Answer::Open(Box::new(Upgraded {
        stream,
        read_ahead,
        subprotocol,
        deflate,
        request: sent,
        response: answer.into_parts().0.headers,
    })))
}

fn request(url: &WsUrl, options: &ClientOptions, redactor: &Redactor) -> Result<Request<Empty<Bytes>>> {
    let unusable = |what: &str| {
        let shown = redactor.url(&url.to_string());
        Fault::new(Exit::Malformed, "url", format!("`{shown}`: {what} cannot be sent in a request"))
    };
    let value = |text: String, what: &str| HeaderValue::try_from(text).map_err(|_| unusable(what));
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, value(url.authority(), "the host")?);
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_KEY, value(key()?, "the key")?);
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("wsio/", env!("CARGO_PKG_VERSION"))));
    if !options.subprotocols.is_empty() {
        headers.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            value(options.subprotocols.join(", "), "the subprotocols")?,
        );
    }
    if options.compress {
        headers.insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(deflate::OFFER));
    }
    if let Some((name, password)) = &url.userinfo {
        let mut basic =
            value(format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}"))), "the password")?;
        basic.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, basic);
    }
    for name in &options.left_out {
        headers.remove(name);
    }
    let mut replaced: Vec<&HeaderName> = Vec::new();
    for (name, value) in &options.headers {
        if !replaced.contains(&name) {
            headers.remove(name);
            replaced.push(name);
        }
        headers.append(name, value.clone());
    }
    let cookies: Vec<String> = options.cookies.iter().map(|cookies| cookies.value_for(url)).collect();
    let cookies = cookies.into_iter().filter(|value| !value.is_empty()).collect::<Vec<_>>().join("; ");
    if !cookies.is_empty() {
        let mut cookies = value(cookies, "the cookies")?;
        cookies.set_sensitive(true);
        headers.append(header::COOKIE, cookies);
    }
    let mut request =
        Request::get(url.target.as_str()).body(Empty::new()).map_err(|_| unusable("the path"))?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// A fresh Sec-WebSocket-Key: 16 random bytes.
fn key() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Fault::new(Exit::Internal, "upgrade", format!("the system gives no random bytes: {error}"))
    })?;
    Ok(BASE64_STANDARD.encode(bytes))
}

/// Checks a 101 as RFC 6455 section 4.1 wants it; gives the subprotocol and the extension.
fn check(
    answer: &Response<Incoming>,
    key: &[u8],
    asked: &ClientOptions,
    found: &Findings,
    redactor: &Redactor,
) -> Result<(Option<String>, Option<Agreed>)> {
    let invalid = |cause: String| {
        let fault = Fault::new(Exit::BadHandshake, "upgrade", cause);
        let status = net::status_text(answer.status(), answer.extensions());
        let lines = net::head_lines(answer.version(), &status, answer.headers(), redactor);
        Err(fault.detail(lines).detail(found.missing()))
    };
    let headers = answer.headers();
    if let Some(limit) = &found.beyond {
        // The fields beyond the limit may hold an extension or a subprotocol that nobody asked for.
        return invalid(format!("the 101 answer has {limit}, which is the limit"));
    }
    if let Some(name) = ONCE.into_iter().find(|name| headers.get_all(name).into_iter().nth(1).is_some()) {
        return invalid(match name {
            header::SEC_WEBSOCKET_PROTOCOL => "the server chose more than one subprotocol".into(),
            name => format!("the 101 answer has {} twice", net::title_case(name.as_str())),
        });
    }
    // Not a list here, unlike in a request (RFC 6455 section 4.1).
    let upgrade = headers.get(header::UPGRADE).map_or(&[][..], |value| value.as_bytes().trim_ascii());
    if !upgrade.eq_ignore_ascii_case(b"websocket") {
        return invalid("the 101 answer does not upgrade to websocket".into());
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return invalid("the 101 answer lacks `Connection: Upgrade`".into());
    }
    match headers.get(header::SEC_WEBSOCKET_ACCEPT) {
        Some(accept) if accept.as_bytes().trim_ascii() == accept_value(key).as_bytes() => {}
        None => return invalid("the 101 answer lacks Sec-WebSocket-Accept".into()),
        Some(_) => return invalid("Sec-WebSocket-Accept does not fit the key that was sent".into()),
    }
    let deflate = match deflate::check(headers, asked.compress) {
        Ok(deflate) => deflate,
        Err(cause) if !asked.compress && cause.contains(deflate::NAME) => {
            return invalid(cause).map_err(|fault| fault.hint("--compress to offer it"));
        }
        Err(cause) => return invalid(cause),
    };
    // An empty field chooses none; small servers send it.
    let chosen = headers.get(header::SEC_WEBSOCKET_PROTOCOL).map(|chosen| chosen.as_bytes().trim_ascii());
    let Some(chosen) = chosen.filter(|chosen| !chosen.is_empty()) else { return Ok((None, deflate)) };
    let subprotocol = String::from_utf8_lossy(chosen).into_owned();
    if !asked.subprotocols.contains(&subprotocol) {
        let shown = redactor.subprotocol(&subprotocol);
        if subprotocol.contains(',') {
            return invalid(format!("the server chose more than one subprotocol: `{shown}`"));
        }
        let fault = invalid(format!("the server chose the subprotocol `{shown}`, which was not offered"));
        // Only a name that a shell takes as it is may stand in a line to paste.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._/:+".contains(c);
        return match shown == subprotocol && shown.chars().all(is_plain) {
            true => fault.map_err(|fault| fault.hint(format!("--subprotocol {shown} to offer it"))),
            false => fault,
        };
    }
    Ok((Some(subprotocol), deflate))
}

/// No answer that can be read.
fn lost(error: &hyper::Error, url: &WsUrl, found: &Findings, redactor: &Redactor) -> Fault {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    if let Some(fault) = io.and_then(tls::explain_io) {
        return fault;
    }
    if let Some(status_line) = &found.status_line {
        let cause = match (error.is_parse(), io) {
            (true, _) => format!("the status line of the answer cannot be read: `{status_line}`"),
            (false, Some(error)) => {
                format!(
                    "the connection was lost in the head of the answer `{status_line}`: {}",
                    os_error::words(error)
                )
            }
            (false, None) => {
                format!("the server closed the connection in the head of its answer `{status_line}`")
            }
        };
        return Fault::new(Exit::NoAnswer, "upgrade", cause)
            .detail(found.missing())
            .hint("the log of the server, or of a proxy on the way, may say why; -v shows what came");
    }
    if error.is_parse() || (!found.first.is_empty() && !found.first.starts_with(b"HTTP/")) {
        return redactor.fault(&answer::not_http(url, &found.first));
    }
    let cause = match io {
        Some(error) => {
            format!("the connection was lost before any answer to the upgrade: {}", os_error::words(error))
        }
        None => "the server closed the connection before any answer to the upgrade".to_owned(),
    };
    let other = redactor.url(&answer::other_scheme(url));
    Fault::new(Exit::NoAnswer, "upgrade", cause)
        .hint(format!("check the URL, and that HTTP/1.1 is spoken there and not HTTP/2 alone; {other} if the server expects that"))
}
