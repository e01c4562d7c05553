//! A tunnel through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6).

use super::{Kind, Tunnel};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    net::{
        Exchange, Findings, Stream, auth_schemes, prefixed::Prefixed, refusal_lines, status_text, title_case,
    },
    os_error, tls,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Method, Request, Uri,
    header::{self, HeaderMap, HeaderValue},
    http::response::Parts,
};
use std::{error::Error, io};

impl Tunnel<'_> {
    /// Asks for the tunnel; the stream is the far end's from then on.
    ///
    /// # Errors
    /// Exit 97 with status, headers and body of the refusal, or saying that there was no answer.
    pub async fn by_connect(&self, stream: Stream) -> Result<Stream> {
        let request = self.request()?;
        self.tell_head('>', &format!("CONNECT {} HTTP/1.1", self.goal()), request.headers());
        let nothing = Findings::default();
        let mut exchange = Exchange::over(stream).await.map_err(|error| self.lost(&error, &nothing))?;
        let asked = exchange.ask(request).await;
        let found = exchange.findings();
        let answer = asked.map_err(|error| self.lost(&error, &found))?;
        let words = status_text(answer.status(), answer.extensions());
        self.tell_head('<', &format!("{:?} {words}", answer.version()), answer.headers());
        if !answer.status().is_success() {
            let (head, body) = answer.into_parts();
            let body = exchange.body(body).await;
            let cause = format!("answered {words} to CONNECT {}", self.goal());
            let fault = self
                .refused(&cause)
                .detail(refusal_lines(&head, &body, self.redactor))
                .detail(exchange.findings().missing());
            return Err(match self.hint(&head) {
                Some(hint) => fault.hint(hint),
                None => fault,
            });
        }
        // The answer has no body, whatever its fields say; what came after its head is the far end's.
        let status = answer.status();
        drop(answer);
        let switched = exchange.switched(status).await;
        let (stream, read_ahead) = switched.map_err(|error| self.lost(&error, &nothing))?;
        Ok(if read_ahead.is_empty() { stream } else { Box::pin(Prefixed::new(read_ahead, stream)) })
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>> {
        let goal = self.goal();
        let unusable =
            || Fault::new(Exit::Malformed, "proxy", format!("`{goal}` cannot be asked of an HTTP proxy"));
        let uri: Uri = goal.parse().map_err(|_| unusable())?;
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::try_from(&goal).map_err(|_| unusable())?);
        let agent = HeaderValue::from_static(concat!("wsio/", env!("CARGO_PKG_VERSION")));
        headers.insert(header::USER_AGENT, agent);
        if let Some((name, password)) = &self.chosen.proxy.login {
            let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}")));
            let mut basic = HeaderValue::try_from(basic).map_err(|_| unusable())?;
            basic.set_sensitive(true);
            headers.insert(header::PROXY_AUTHORIZATION, basic);
        }
        Ok(request)
    }

    fn tell_head(&self, way: char, first: &str, headers: &HeaderMap) {
        self.tell(&format!("{way} {first}"));
        for (name, value) in headers {
            let shown = self.redactor.field(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
            self.tell(&format!("{way} {}: {shown}", title_case(name.as_str())));
        }
    }

    fn hint(&self, head: &Parts) -> Option<String> {
        Some(match head.status.as_u16() {
            401 | 407 => {
                let offered = auth_schemes(&head.headers, &header::PROXY_AUTHENTICATE);
                match &self.chosen.proxy.login {
                    _ if !offered.is_empty() && !offered.iter().any(|name| name == "basic") => {
                        format!(
                            "another proxy: this one wants {}, and only basic is known here",
                            offered.join(" or ")
                        )
                    }
                    Some(_) => "check the proxy's name and password: it did not take them".to_owned(),
                    None => "give its name and password with --proxy-user NAME:PASSWORD".to_owned(),
                }
            }
            403 => format!("ask whoever runs the proxy: it lets nobody through to {}", self.goal()),
            400 | 404 | 405 | 501 => "check the proxy's address: it does not seem to know CONNECT".to_owned(),
            500 | 502..=504 => format!("check the URL: the proxy cannot reach {}", self.goal()),
            _ => return None,
        })
    }

    /// No answer that can be read.
    fn lost(&self, error: &hyper::Error, found: &Findings) -> Fault {
        let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        if let Some(fault) = io.and_then(tls::explain_io) {
            return Fault { phase: "proxy", cause: format!("{}: {}", self.chosen, fault.cause), ..fault };
        }
        let other = match self.chosen.proxy.kind {
            Kind::Https => "http://",
            _ => "https:// or socks5h://",
        };
        let hint = format!("{other} in front of its address, if it is a proxy of that kind");
        match (io, &found.status_line) {
            (_, Some(line)) if error.is_parse() => {
                self.refused(&format!("answers with a status line that cannot be read: `{line}`"))
            }
            (None, Some(line)) => {
                self.refused(&format!("closed the connection in the head of its answer `{line}`"))
            }
            _ if error.is_parse() => self.refused("does not answer in HTTP").hint(hint),
            (Some(error), _) => {
                self.refused(&format!("was lost before any answer: {}", os_error::words(error)))
            }
            (None, None) => self.refused("closed the connection before any answer").hint(hint),
        }
    }
}
