//! Judges the head of a request: a WebSocket handshake, a plain request, or the error it is answered with.
//!
//! Plain checks on the head alone, so that every rule of RFC 6455 section 4.2.1 can be tested line by
//! line. A person who opens the address in a browser, and a program that got it wrong, both read in the
//! body what to do, unless there is a site for them.

use super::{
    ServerOptions,
    answer::NGINX,
    authority::Authority,
    http::Refusal,
    request_head::shown,
    tokens::{has_token, members},
};
use crate::site::{Answer, Site};
use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::{
    Method, StatusCode, Version,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    http::request::Parts,
};

/// Bound on one line of the head, bytes.
const MAX_LINE: usize = 8 * 1024;

/// A client's request for a WebSocket.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path, as it was sent.
    pub path: String,
    /// The query, without its question mark.
    pub query: Option<String>,
    /// Host.
    pub host: String,
    /// Origin, from a browser.
    pub origin: Option<String>,
    /// Subprotocols in the client's order.
    pub subprotocols: Vec<String>,
    /// The user who logged in by HTTP Basic.
    pub user: Option<String>,
    /// All fields.
    pub headers: HeaderMap,
}

impl Request {
    /// The path with the query, as they were sent.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

/// The subprotocol a server answers with: the first of its own that the client offers.
pub fn choose_subprotocol(options: &ServerOptions, request: &Request) -> Option<String> {
    options.subprotocols.iter().find(|own| request.subprotocols.contains(own)).cloned()
}

/// A status, the line below it, and the fields that belong to it.
pub struct Rejection {
    status: StatusCode,
    /// For the log and, as the body, for the client.
    cause: String,
    /// More for the log alone.
    remedy: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Rejection {
    /// A status without fields of its own.
    pub fn new(status: StatusCode, cause: &str) -> Self {
        Self { status, cause: cause.to_owned(), remedy: None, headers: Vec::new() }
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// The refusal of the request for this target, for the log.
    pub fn refusal(&self, target: String) -> Refusal {
        let cause = match &self.remedy {
            Some(remedy) => format!("{}: {remedy}", self.cause),
            None => self.cause.clone(),
        };
        Refusal { status: self.status.as_u16(), cause, target, is_silent: false }
    }

    /// The answer, the last one on its connection.
    pub fn into_answer(self) -> Answer {
        let mut answer = Answer::new(format!("{}\n", self.cause).into());
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        headers.extend(self.headers.into_iter().map(|(name, value)| (Some(name), value)));
        answer
    }
}

/// The purpose of a client that is let in.
pub enum RequestKind<'a> {
    /// A WebSocket, with its key.
    WebSocket(Box<Request>, Vec<u8>),
    /// A file or a page of the site.
    Plain(&'a Site),
}

/// Checks a request for a WebSocket by RFC 6455 section 4.2.1, and any request by RFC 9112.
///
/// The Host of a request in absolute form becomes that of its target.
///
/// # Errors
/// Why it is not let in.
pub fn validate<'a>(
    head: &mut Parts,
    options: &'a ServerOptions,
    secure: bool,
) -> Result<RequestKind<'a>, Rejection> {
    let bad = |cause: &str| Err(Rejection::new(StatusCode::BAD_REQUEST, cause));
    if !matches!(head.version, Version::HTTP_11 | Version::HTTP_10) {
        return bad("HTTP/1.1 is needed");
    }
    let is_old = head.version == Version::HTTP_10;
    // The older version has none (RFC 9112 section 3.2), and no browser speaks it.
    let named = match is_old && !head.headers.contains_key(header::HOST) {
        true => None,
        false => Some(host(head)?),
    };
    let host = named.clone().unwrap_or_default();
    let headers = &head.headers;
    if let Some(origin) = headers.get(header::ORIGIN) {
        check_origin(origin.as_bytes())?;
    }
    if head.uri.to_string().len() > MAX_LINE {
        return Err(Rejection::new(StatusCode::URI_TOO_LONG, "the request line is longer than 8 KiB"));
    }
    if headers.iter().any(|(name, value)| name.as_str().len() + value.len() > MAX_LINE) {
        return Err(Rejection::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "a header field is longer than 8 KiB",
        ));
    }
    let user = options.access.admit(headers, named.as_deref()).map_err(|denied| {
        let rejection =
            Rejection { remedy: Some(denied.remedy), ..Rejection::new(denied.status, &denied.cause) };
        denied.header.into_iter().fold(rejection, |rejection, (name, value)| rejection.with(name, value))
    })?;
    if let Some(site) = &options.site
        && !asks_for_socket(headers)
    {
        return plain(head).map(|()| RequestKind::Plain(site));
    }
    let path = head.uri.path().to_owned();
    if !options.paths.is_empty() && !options.paths.contains(&path) {
        return Err(Rejection::new(StatusCode::NOT_FOUND, "nothing is served at this path"));
    }
    // A HEAD is answered as a GET of no page would be (RFC 9110 section 9.3.2); it opens nothing.
    let looks = head.method == Method::HEAD && !asks_for_socket(headers);
    if head.method != Method::GET && !looks {
        let rejection = Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed");
        return Err(rejection.with(header::ALLOW, "GET, HEAD"));
    }
    let upgrade_required = |cause: &str| {
        Err(Rejection::new(StatusCode::UPGRADE_REQUIRED, cause)
            .with(header::UPGRADE, "websocket")
            .with(header::CONNECTION, "Upgrade, close")
            .with(header::SEC_WEBSOCKET_VERSION, "13"))
    };
    let lacks = [
        (!has_token(headers, &header::UPGRADE, "websocket"), "`Upgrade: websocket`"),
        (!has_token(headers, &header::CONNECTION, "upgrade"), "`Connection: Upgrade`"),
        (is_old, "HTTP/1.1"),
    ];
    let lacks: Vec<&str> = lacks.into_iter().filter(|(lacks, _)| *lacks).map(|(_, what)| what).collect();
    if !lacks.is_empty() && !asks_for_socket(headers) {
        let (scheme, host) =
            (if secure { "wss" } else { "ws" }, if host.is_empty() { "HOST" } else { &host });
        return upgrade_required(&format!(
            "This is a WebSocket server, not a web page. Connect with: wsio connect {scheme}://{host}{path}"
        ));
    }
    if !lacks.is_empty() {
        return upgrade_required(&format!(
            "the handshake lacks {}; a proxy in front may have dropped that: {NGINX}",
            lacks.join(" and ")
        ));
    }
    if has_body(headers) {
        return bad("a request for a WebSocket has no body");
    }
    match only(headers, &header::SEC_WEBSOCKET_VERSION).as_deref() {
        Some("13") => {}
        Some(_) => return upgrade_required("version 13 of the WebSocket protocol is needed"),
        None => return bad("exactly one Sec-WebSocket-Version is needed"),
    }
    let Some(key) = only(headers, &header::SEC_WEBSOCKET_KEY) else {
        return bad("exactly one Sec-WebSocket-Key is needed");
    };
    if !BASE64_STANDARD.decode(&key).is_ok_and(|bytes| bytes.len() == 16) {
        return bad("Sec-WebSocket-Key is not 16 bytes in base64");
    }
    let request = Request {
        path,
        query: head.uri.query().map(str::to_owned),
        host,
        origin: headers
            .get(header::ORIGIN)
            .map(|origin| String::from_utf8_lossy(origin.as_bytes()).into_owned()),
        subprotocols: members(headers, &header::SEC_WEBSOCKET_PROTOCOL).map(str::to_owned).collect(),
        user,
        headers: headers.clone(),
    };
    Ok(RequestKind::WebSocket(Box::new(request), key.into_bytes()))
}

/// The Host that a request is judged by (RFC 9112 section 3.2.2).
fn host(head: &mut Parts) -> Result<String, Rejection> {
    let bad = |cause: String| Rejection::new(StatusCode::BAD_REQUEST, &cause);
    let mut values = head.headers.get_all(header::HOST).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(bad("Host is missing; exactly one is needed".into()));
    };
    let read = std::str::from_utf8(value.as_bytes()).map_err(|_| "a character that no host has");
    let read = read.map(|host| host.trim_matches([' ', '\t']));
    let host = match read.and_then(|host| Authority::parse(host).map(|_| host.to_owned())) {
        Ok(host) => host,
        Err(why) => return Err(bad(format!("Host `{}` is no host: {why}", shown(value.as_bytes())))),
    };
    let Some(authority) = head.uri.authority() else { return Ok(host) };
    let host = authority.as_str().to_owned();
    let value = HeaderValue::try_from(&host).map_err(|_| bad("the request target has no host".into()))?;
    head.headers.insert(header::HOST, value);
    Ok(host)
}

/// One origin, whatever its scheme (RFC 6454 section 7): no list, no blank, nothing but ASCII.
fn check_origin(origin: &[u8]) -> Result<(), Rejection> {
    let is_one = !origin.is_empty() && origin.iter().all(|byte| byte.is_ascii_graphic() && *byte != b',');
    match is_one {
        true => Ok(()),
        false => {
            let cause = format!("Origin `{}` is not one origin", shown(origin));
            Err(Rejection::new(StatusCode::BAD_REQUEST, &cause))
        }
    }
}

/// One trait is enough: what a proxy made of a handshake must not be answered with a page.
fn asks_for_socket(headers: &HeaderMap) -> bool {
    has_token(headers, &header::UPGRADE, "websocket")
        || headers.contains_key(header::SEC_WEBSOCKET_KEY)
        || headers.contains_key(header::SEC_WEBSOCKET_VERSION)
}

/// A request for a file or a page (RFC 9110 section 9.3).
fn plain(head: &Parts) -> Result<(), Rejection> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        let rejection = Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are allowed");
        return Err(rejection.with(header::ALLOW, "GET, HEAD"));
    }
    if has_body(&head.headers) {
        return Err(Rejection::new(StatusCode::BAD_REQUEST, "a GET or HEAD has no body here"));
    }
    Ok(())
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0")
}

/// The value of a field that is there exactly once.
fn only(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(|text| text.trim_matches([' ', '\t']).to_owned()),
        _ => None,
    }
}
