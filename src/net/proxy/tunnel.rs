//! A tunnel through a proxy: CONNECT over HTTP (RFC 9110 section 9.3.6), or SOCKS5 (RFC 1928), with name and
//! password (RFC 1929).
//!
//! Of SOCKS, exactly the bytes of the exchange are read, so that a far end that speaks first loses nothing;
//! what came after the head of an HTTP answer is read first from the stream that is handed on.

use super::{Chosen, ProxyKind};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    net::{
        Exchange, Findings, Layer, Layered, addr::join, auth_schemes, layer::give, refusal_lines,
        status_text, title_case,
    },
    observe::{Redactor, Reporter},
    os_error,
    stream::Stream,
    tls,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Method, Request, Uri,
    header::{self, HeaderMap, HeaderValue},
    http::response::Parts,
};
use std::{
    error::Error,
    io,
    net::IpAddr,
    task::{Context, Poll},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const NAME_AND_PASSWORD: u8 = 2;
const NONE_OF_THESE: u8 = 0xff;

/// A tunnel that is asked of a proxy.
pub(in crate::net) struct Tunnel<'a> {
    /// The proxy.
    pub chosen: &'a Chosen,
    /// Far end of the tunnel: a name or an address, without brackets and zone.
    pub host: &'a str,
    /// The port there.
    pub port: u16,
    /// Gets the lines about the exchange.
    pub reporter: &'a Reporter,
    /// Hides the secrets in those lines.
    pub redactor: &'a Redactor,
}

/// Gives what was read first, then the rest.
pub(in crate::net) struct Prefixed(Bytes);

impl Tunnel<'_> {
    /// `HOST:PORT` of the far end.
    fn goal(&self) -> String {
        join(self.host, self.port)
    }

    fn tell(&self, text: &str) {
        self.reporter.verbose(&format!("proxy {text}"));
    }

    /// Exit 97: the proxy did not give the tunnel; the cause says what it did.
    fn refused(&self, cause: &str) -> Fault {
        Fault::new(Exit::ProxyRefused, "proxy", format!("{} {cause}", self.chosen))
    }

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
            ProxyKind::Https => "http://",
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

    /// Asks for the tunnel, to the address where there is one and else to the name.
    ///
    /// # Errors
    /// Exit 97 with the proxy's reason in words.
    pub async fn by_socks(&self, mut stream: Stream, address: Option<IpAddr>) -> Result<Stream> {
        self.methods(&mut stream).await?;
        let mut request = vec![VERSION, 1, 0];
        let place = match address.or_else(|| self.host.parse().ok()) {
            Some(IpAddr::V4(v4)) => {
                request.push(1);
                request.extend(v4.octets());
                v4.to_string()
            }
            Some(IpAddr::V6(v6)) => {
                request.push(4);
                request.extend(v6.octets());
                format!("[{v6}]")
            }
            None => {
                let length = u8::try_from(self.host.len())
                    .map_err(|_| self.refused("takes no name of more than 255 bytes"))?;
                request.extend([3, length]);
                request.extend(self.host.as_bytes());
                self.host.to_owned()
            }
        };
        request.extend(self.port.to_be_bytes());
        self.tell(&format!("> connect to {place}:{}", self.port));
        self.send(&mut stream, &request).await?;
        let [version, reply, _, kind] = self.read(&mut stream).await?;
        if version != VERSION {
            return Err(self.stranger());
        }
        // The address that the proxy's own end is bound to is of no use here.
        let bound = match kind {
            1 => 4,
            4 => 16,
            3 => usize::from(self.read::<1>(&mut stream).await?[0]),
            _ => return Err(self.stranger()),
        };
        let mut waste = vec![0; bound + 2];
        stream.read_exact(&mut waste).await.map_err(|error| self.cut(&error))?;
        self.tell(&format!("< {}", meaning(reply)));
        if reply == 0 {
            return Ok(stream);
        }
        let fault = self.refused(&format!("gave no tunnel to {}: {}", self.goal(), meaning(reply)));
        Err(match reply {
            2 => fault.hint("ask whoever runs the proxy: its rules forbid it"),
            3 | 4 | 6 if address.is_some() => fault.hint("socks5h://, which lets the proxy look the name up"),
            1 | 3..=6 => fault.hint(format!("check the URL: the proxy cannot reach {}", self.goal())),
            8 => fault.hint("-4 or -6 for an address of the other kind"),
            _ => fault,
        })
    }

    /// Agrees on a way to log in, and logs in.
    async fn methods(&self, stream: &mut Stream) -> Result<()> {
        let login = self.chosen.proxy.login.as_ref();
        let greeting: &[u8] = match login {
            Some(_) => &[VERSION, 2, NO_LOGIN, NAME_AND_PASSWORD],
            None => &[VERSION, 1, NO_LOGIN],
        };
        self.send(stream, greeting).await?;
        let [version, method] = self.read(stream).await?;
        if version != VERSION {
            return Err(self.stranger());
        }
        match (method, login) {
            (NO_LOGIN, _) => Ok(()),
            (NAME_AND_PASSWORD, Some((name, password))) => {
                self.tell("> name and password [hidden]");
                let mut request = vec![1];
                for part in [name, password] {
                    // Their length was checked when the proxy was chosen.
                    request.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
                    request.extend(part.as_bytes());
                }
                self.send(stream, &request).await?;
                match self.read(stream).await? {
                    [_, 0] => Ok(()),
                    _ => Err(self
                        .refused("does not take this name and password")
                        .hint("check the proxy's name and password")),
                }
            }
            (NONE_OF_THESE, None) => Err(self
                .refused("wants a login")
                .hint("give its name and password with --proxy-user NAME:PASSWORD")),
            (NONE_OF_THESE, Some(_)) => {
                Err(self.refused("takes neither a name and password nor a client without one"))
            }
            (method, _) => Err(self.refused(&format!("wants the login method {method}, which is not known"))),
        }
    }

    async fn send(&self, stream: &mut Stream, bytes: &[u8]) -> Result<()> {
        let sent = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        sent.await.map_err(|error| self.cut(&error))
    }

    async fn read<const N: usize>(&self, stream: &mut Stream) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        match stream.read_exact(&mut bytes).await {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.cut(&error)),
        }
    }

    fn cut(&self, error: &io::Error) -> Fault {
        self.refused(&format!("broke off: {}", os_error::words(error)))
            .hint("http:// in front of its address, if it is a proxy of that kind")
    }

    fn stranger(&self) -> Fault {
        self.refused("does not answer in SOCKS5")
            .hint("http:// in front of its address, if it is a proxy of that kind")
    }
}

/// RFC 1928 section 6.
fn meaning(reply: u8) -> String {
    match reply {
        0 => "succeeded",
        1 => "general failure of the proxy",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "the proxy does not connect for anyone",
        8 => "this kind of address is not supported",
        other => return format!("reason {other}, which is not known"),
    }
    .to_owned()
}

impl Prefixed {
    pub(in crate::net) fn new(first: Bytes, stream: Stream) -> Layered<Self> {
        Layered { below: stream, layer: Self(first) }
    }
}

impl Layer for Prefixed {
    fn poll_read(
        &mut self,
        below: &mut Stream,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return below.as_mut().poll_read(cx, buffer);
        }
        give(&mut self.0, usize::MAX, buffer);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn what_was_read_comes_first_however_small_the_buffer() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = Prefixed::new(Bytes::from_static(b"hello "), Box::pin(ours));
        theirs.write_all(b"world").await.unwrap();
        theirs.shutdown().await.unwrap();
        let mut all = vec![0; 4];
        stream.read_exact(&mut all).await.unwrap();
        stream.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"hello world");
        stream.write_all(b"back").await.unwrap();
        let mut back = [0; 4];
        theirs.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"back");
    }
}
