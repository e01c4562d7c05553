//! The client's side of the opening handshake (RFC 6455 sections 4.1 and 4.2.2).
//!
//! hyper writes the request and reads the answer, with its limits and 1xx rules; what makes the answer
//! a WebSocket is checked here, line by line. Then hyper gives the stream back with what it had
//! already read.

use super::{
    ClientOptions, Upgraded, WsUrl, answer,
    conn::Agreed,
    deflate,
    taster::Taster,
    tokens::{accept_value, has_token},
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    net::Stream,
    tls,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response, StatusCode, Version,
    body::Incoming,
    client::conn::http1::{Builder, Connection},
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use std::{error::Error, future::poll_fn, pin::pin, task::Poll, time::Duration};

/// How much of a refusal's body is shown, bytes.
const SHOWN_BODY: usize = 4096;
/// How long the body of a refusal is waited for.
const BODY_WAIT: Duration = Duration::from_secs(1);

/// Asks for the WebSocket at `url` and checks the answer.
///
/// # Errors
/// Exit 22 with status, headers and body when the answer is not 101; 110 when the 101 is invalid; 52
/// when the connection closed first or what came is not HTTP; 56 when it was lost, and TLS codes for a
/// late alert.
pub async fn upgrade(stream: Stream, url: &WsUrl, options: &ClientOptions) -> Result<Upgraded> {
    let request = request(url, options)?;
    let key =
        request.headers().get(header::SEC_WEBSOCKET_KEY).map_or(Vec::new(), |key| key.as_bytes().to_vec());
    let mut builder = Builder::new();
    // Some servers compare header names by case.
    builder.title_case_headers(true);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(Taster::new(stream))).await.map_err(|error| lost(&error, url, &[]))?;
    let mut http = Http { connection, done: false };
    let answer = match http.drive(sender.send_request(request)).await {
        Ok(answer) => answer,
        Err(error) => {
            let taster = http.connection.into_parts().io.into_inner();
            return Err(lost(&error, url, taster.first()));
        }
    };
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let (head, body) = answer.into_parts();
        let body = http.drive(read_body(body)).await;
        return Err(answer::refused(url, &head, &body));
    }
    let (subprotocol, deflate) = check(&answer, &key, options)?;
    // The answer came while the connection was still at work: let it come to rest.
    if !http.done {
        poll_fn(|cx| http.connection.poll_without_shutdown(cx))
            .await
            .map_err(|error| lost(&error, url, &[]))?;
    }
    let parts = http.connection.into_parts();
    Ok(Upgraded {
        stream: parts.io.into_inner().into_stream(),
        read_ahead: parts.read_buf,
        subprotocol,
        deflate,
    })
}

/// hyper's connection, which only moves while it is polled.
struct Http {
    connection: Connection<TokioIo<Taster>, Empty<Bytes>>,
    done: bool,
}

impl Http {
    /// Runs a future while the connection does its work.
    async fn drive<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        poll_fn(|cx| {
            // An error of the connection reaches the future too.
            self.done = self.done || self.connection.poll_without_shutdown(cx).is_ready();
            match future.as_mut().poll(cx) {
                Poll::Ready(value) => Poll::Ready(value),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

fn request(url: &WsUrl, options: &ClientOptions) -> Result<Request<Empty<Bytes>>> {
    let unusable = |what: &str| {
        Fault::new(Exit::Malformed, "url", format!("`{url}`: {what} cannot be sent in a request"))
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

/// What RFC 6455 section 4.1 wants of a 101; gives the subprotocol and the extension.
fn check(
    answer: &Response<Incoming>,
    key: &[u8],
    asked: &ClientOptions,
) -> Result<(Option<String>, Option<Agreed>)> {
    let invalid = |cause: String| {
        let fault = Fault::new(Exit::BadHandshake, "upgrade", cause);
        Err(fault.detail(answer::head_lines(answer.version(), answer.status(), answer.headers())))
    };
    let headers = answer.headers();
    if answer.version() != Version::HTTP_11 {
        return invalid("the 101 answer is not HTTP/1.1".into());
    }
    if !has_token(headers, &header::UPGRADE, "websocket") {
        return invalid("the 101 answer does not upgrade to websocket".into());
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return invalid("the 101 answer lacks `Connection: Upgrade`".into());
    }
    let mut accepts = headers.get_all(header::SEC_WEBSOCKET_ACCEPT).into_iter();
    match (accepts.next(), accepts.next()) {
        (Some(accept), None) if accept.as_bytes().trim_ascii() == accept_value(key).as_bytes() => {}
        (None, _) => return invalid("the 101 answer lacks Sec-WebSocket-Accept".into()),
        (Some(_), Some(_)) => return invalid("the 101 answer has Sec-WebSocket-Accept twice".into()),
        _ => return invalid("Sec-WebSocket-Accept does not fit the key that was sent".into()),
    }
    let deflate = match deflate::check(headers, asked.compress) {
        Ok(deflate) => deflate,
        Err(cause) => return invalid(cause),
    };
    let mut chosen = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    let subprotocol = match (chosen.next(), chosen.next()) {
        (None, _) => return Ok((None, deflate)),
        (Some(_), Some(_)) => return invalid("the server chose more than one subprotocol".into()),
        (Some(one), None) => String::from_utf8_lossy(one.as_bytes().trim_ascii()).into_owned(),
    };
    if !asked.subprotocols.contains(&subprotocol) {
        return invalid(format!("the server chose the subprotocol `{subprotocol}`, which was not offered"));
    }
    Ok((Some(subprotocol), deflate))
}

/// As much of the body as is shown, and not one second longer than it comes.
async fn read_body(mut body: Incoming) -> Vec<u8> {
    let mut bytes = Vec::new();
    let all = async {
        while let Some(Ok(frame)) = body.frame().await {
            bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
            if bytes.len() > SHOWN_BODY {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(BODY_WAIT, all).await;
    bytes.truncate(SHOWN_BODY);
    bytes
}

/// No answer that is HTTP.
fn lost(error: &hyper::Error, url: &WsUrl, first: &[u8]) -> Fault {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    if let Some(fault) = io.and_then(tls::explain_io) {
        return fault;
    }
    if error.is_parse() || (!first.is_empty() && !first.starts_with(b"HTTP/")) {
        return answer::not_http(url, first);
    }
    let cause = match io {
        Some(error) => {
            format!("the connection was lost before any answer to the upgrade: {}", crate::net::words(error))
        }
        None => "the server closed the connection before any answer to the upgrade".to_owned(),
    };
    let other = answer::other_scheme(url);
    Fault::new(Exit::NoAnswer, "upgrade", cause)
        .hint(format!("check the URL; {other} if the server expects that"))
}
