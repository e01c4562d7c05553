//! One HTTP/1.1 request over a stream that is wanted back afterwards: an upgrade, or CONNECT.
//!
//! hyper writes the request and reads the answer, with its limits and 1xx rules; then the stream is
//! wanted back with what came behind the head.

use super::{
    Layered,
    answer_head::{AnswerHeads, Findings, MAX_FIELDS, MAX_HEAD, SharedFindings, field_text},
    header_case::HeaderCase,
};
use crate::{framing::is_utf16, observe::Redactor, stream::Stream};
use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http_body_util::{BodyExt, Empty};
use hyper::{
    HeaderMap, Request, Response, StatusCode, Version,
    body::Incoming,
    client::conn::http1::{Builder, Connection, SendRequest},
    ext::ReasonPhrase,
    header::{self, HeaderName},
    http::{Extensions, response::Parts},
};
use hyper_util::rt::TokioIo;
use std::{borrow::Cow, future::poll_fn, io::Read, pin::pin, task::Poll, time::Duration};
/// Longest part of a refusal's body that is shown, bytes.
const SHOWN_BODY: usize = 4096;
/// Longest part of a refusal's body that is read, bytes: a relay passes it on.
const READ_BODY: usize = 64 * 1024;
/// Longest wait for the body of a refusal.
const BODY_WAIT: Duration = Duration::from_secs(1);

/// hyper's connection, which only moves while it is polled.
pub struct Exchange {
    sender: SendRequest<Empty<Bytes>>,
    connection: Connection<Io, Empty<Bytes>>,
    shared: SharedFindings,
    done: bool,
}

type Io = TokioIo<HeaderCase<Layered<AnswerHeads>>>;

impl Exchange {
    /// Takes a stream over.
    ///
    /// # Errors
    /// hyper's.
    pub async fn over(stream: Stream) -> hyper::Result<Self> {
        let shared = SharedFindings::default();
        let mut builder = Builder::new();
        // Some servers compare header names by case.
        builder.title_case_headers(true);
        builder.max_headers(MAX_FIELDS).max_header_size(2 * MAX_HEAD).max_buf_size(2 * MAX_HEAD);
        let heads = AnswerHeads::new(stream, shared.clone());
        let (sender, connection) = builder.handshake(TokioIo::new(HeaderCase::of_requests(heads))).await?;
        Ok(Self { sender, connection, shared, done: false })
    }

    /// The findings so far that the parsed head of the answer does not tell.
    pub fn findings(&self) -> Findings {
        self.shared.findings()
    }

    /// Sends the request and reads the head of the answer.
    ///
    /// # Errors
    /// hyper's.
    pub async fn ask(&mut self, request: Request<Empty<Bytes>>) -> hyper::Result<Response<Incoming>> {
        let answer = self.sender.send_request(request);
        let mut answer = drive(&mut self.connection, &mut self.done, answer).await?;
        // hyper drops a phrase that is not ASCII.
        let line = self.shared.findings().status_line.unwrap_or_default();
        let reason = line.splitn(3, ' ').nth(2).unwrap_or_default();
        if answer.status().canonical_reason() != Some(reason)
            && let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes())
        {
            answer.extensions_mut().insert(reason);
        }
        Ok(answer)
    }

    /// As much of the body as is of use, and not one second longer than it comes.
    pub async fn body(&mut self, mut body: Incoming) -> Vec<u8> {
        self.shared.let_through();
        let (mut bytes, mut is_broken) = (Vec::new(), false);
        let all = async {
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else {
                    is_broken = true;
                    break;
                };
                bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
                if bytes.len() > READ_BODY {
                    break;
                }
            }
        };
        let _ = drive(&mut self.connection, &mut self.done, tokio::time::timeout(BODY_WAIT, all)).await;
        bytes.truncate(READ_BODY);
        if is_broken {
            self.shared.leave_out("the rest of the body, which ended early or cannot be read");
        }
        bytes
    }

    /// The stream after an answer that switched protocols, and what came behind that answer.
    ///
    /// # Errors
    /// hyper's.
    pub async fn switched(mut self, status: StatusCode) -> hyper::Result<(Stream, Bytes)> {
        // The answer came while the connection was still at work: let it come to rest. After another 2xx to
        // CONNECT it would wait for a body, or for the next request.
        let rests = matches!(status, StatusCode::SWITCHING_PROTOCOLS | StatusCode::OK);
        if !self.done && rests {
            poll_fn(|cx| self.connection.poll_without_shutdown(cx)).await?;
        }
        Ok(self.connection.into_parts().io.into_inner().into_inner().into_parts())
    }
}

/// Runs a future while the connection does its work.
async fn drive<O>(
    connection: &mut Connection<Io, Empty<Bytes>>,
    done: &mut bool,
    future: impl Future<Output = O>,
) -> O {
    let mut future = pin!(future);
    poll_fn(|cx| {
        // An error of the connection reaches the future too.
        *done = *done || connection.poll_without_shutdown(cx).is_ready();
        match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(value),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The head of an answer without its secrets, a line each.
pub fn head_lines(version: Version, status: &str, headers: &HeaderMap, redactor: &Redactor) -> Vec<String> {
    let mut lines = vec![format!("{version:?} {status}")];
    lines.extend(headers.iter().map(|(name, value)| {
        format!("{name}: {}", redactor.field(name.as_str(), &field_text(value.as_bytes())))
    }));
    lines
}

/// Head and body of a refusal, a line each.
pub fn refusal_lines(head: &Parts, body: &[u8], redactor: &Redactor) -> Vec<String> {
    let status = status_text(head.status, &head.extensions);
    let mut lines = head_lines(head.version, &status, &head.headers, redactor);
    if body.is_empty() {
        return lines;
    }
    lines.push(String::new());
    match decoded(&head.headers, body) {
        Ok(body) => {
            let shown = &body[..body.len().min(SHOWN_BODY)];
            lines.extend(body_text(&head.headers, shown).lines().map(str::to_owned));
            if shown.len() < body.len() {
                lines.push("…".to_owned());
            }
        }
        Err(coding) => lines.push(format!("({} bytes, encoded with {coding})", body.len())),
    }
    lines
}

/// The text of a body in the few character sets that need no table.
fn body_text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, str> {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| field_text(kind.as_bytes()).to_ascii_lowercase());
    let says = |charset: &str| kind.as_ref().is_some_and(|kind| kind.contains(charset));
    if is_utf16(body) || says("charset=utf-16") {
        let is_big = body.starts_with(b"\xfe\xff");
        let unit = |pair: [u8; 2]| if is_big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
        let units = body.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text = char::decode_utf16(units).map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER));
        return text.filter(|c| *c != '\u{feff}').collect::<String>().into();
    }
    match says("8859-1") || says("windows-1252") || says("latin1") {
        true => field_text(body),
        false => String::from_utf8_lossy(body),
    }
}

/// The body of a refusal without its Content-Encoding (RFC 9110 section 8.4), as much of it as can be read;
/// some servers compress though nobody asked for it. The error is a coding that is not known here.
pub fn decoded<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
    let codings = headers.get_all(header::CONTENT_ENCODING).into_iter();
    let codings: Vec<String> =
        codings.map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase()).collect();
    let mut body = Cow::Borrowed(body);
    let all =
        codings.iter().flat_map(|line| line.split(',')).map(str::trim).filter(|coding| !coding.is_empty());
    // The last one was applied last.
    for coding in all.collect::<Vec<_>>().into_iter().rev() {
        let mut plain = Vec::new();
        let most = READ_BODY as u64;
        // A body that is cut off or broken is shown as far as it can be decoded.
        let _ = match coding {
            "identity" => continue,
            "gzip" | "x-gzip" => MultiGzDecoder::new(&*body).take(most).read_to_end(&mut plain),
            // The `deflate` of RFC 9110 is zlib's format; some servers send bare DEFLATE.
            "deflate" if body.first().is_some_and(|first| first & 0x0f == 8) => {
                ZlibDecoder::new(&*body).take(most).read_to_end(&mut plain)
            }
            "deflate" => DeflateDecoder::new(&*body).take(most).read_to_end(&mut plain),
            other => return Err(other.to_owned()),
        };
        body = Cow::Owned(plain);
    }
    Ok(body)
}

/// The authentication schemes that a challenge offers, in lower case, in whatever lines and lists they stand
/// (RFC 9110 section 11.6.1).
pub fn auth_schemes(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let mut schemes: Vec<String> = Vec::new();
    for value in headers.get_all(name) {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let (mut is_quoted, mut is_escaped) = (false, false);
        // A comma in a quoted string parts nothing.
        let members = text.split(|character| {
            let was_escaped = std::mem::take(&mut is_escaped);
            is_escaped = is_quoted && character == '\\' && !was_escaped;
            is_quoted ^= character == '"' && !was_escaped;
            character == ',' && !is_quoted
        });
        for member in members {
            let member = member.trim();
            let end = member.find([' ', '\t', '=']).unwrap_or(member.len());
            let (word, rest) = member.split_at(end);
            // `name=value` goes on with the scheme before it.
            let is_parameter = rest.trim_start().starts_with('=');
            let word = word.to_ascii_lowercase();
            if !word.is_empty() && !is_parameter && !schemes.contains(&word) {
                schemes.push(word);
            }
        }
    }
    schemes
}

/// Such as `404 Not Found`, in the words of whoever answered: hyper keeps those that are not the usual ones.
pub fn status_text(status: StatusCode, extensions: &Extensions) -> String {
    let own = extensions.get::<ReasonPhrase>().map(|reason| field_text(reason.as_bytes()));
    let own = own.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    match own.or_else(|| status.canonical_reason()) {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// `sec-websocket-key` as `Sec-WebSocket-Key`, the way it goes on the wire.
pub fn title_case(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    let title = name.split('-').map(word).collect::<Vec<_>>().join("-");
    match title.strip_prefix("Sec-Websocket-") {
        Some(rest) => format!("Sec-WebSocket-{rest}"),
        None => title,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write};
    use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
    use std::io::Write;

    #[test]
    fn challenges_are_found_in_lines_and_in_lists() {
        for (lines, schemes) in [
            (&["Basic realm=\"x\""][..], &["basic"][..]),
            (&["Negotiate, Basic realm=\"x\""], &["negotiate", "basic"]),
            (&["Digest realm=\"a, Basic b\", nonce=\"n\", qop=\"auth\""], &["digest"]),
            (&["Digest realm = \"a\", nonce = \"\\\", Bearer\"", "NTLM"], &["digest", "ntlm"]),
            (&["Negotiate YII=, NTLM TlR=="], &["negotiate", "ntlm"]),
            (&["Basic", "basic charset=\"UTF-8\""], &["basic"]),
            (&["", ",,"], &[]),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(line).unwrap());
            }
            assert_eq!(auth_schemes(&headers, &WWW_AUTHENTICATE), schemes, "{lines:?}");
        }
    }

    #[test]
    fn bodies_are_shown_without_their_coding() {
        let gzip = |body: &[u8]| {
            let mut writer = write::GzEncoder::new(Vec::new(), Compression::default());
            writer.write_all(body).unwrap();
            writer.finish().unwrap()
        };
        let mut zlib = write::ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(b"no key").unwrap();
        let mut raw = write::DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(b"no key").unwrap();
        for (coding, body) in [
            ("gzip", gzip(b"no key")),
            ("X-GZIP", gzip(b"no key")),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", raw.finish().unwrap()),
            ("identity", b"no key".to_vec()),
            ("gzip, identity, gzip", gzip(&gzip(b"no key"))),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_ENCODING, coding.parse().unwrap());
            assert_eq!(decoded(&headers, &body).as_deref(), Ok(&b"no key"[..]), "{coding}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, "br".parse().unwrap());
        assert_eq!(decoded(&headers, b"x"), Err("br".to_owned()));
        headers.insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
        assert!(decoded(&headers, &gzip(&vec![0; 1 << 24])).unwrap().len() <= READ_BODY, "a bomb is bounded");
    }
}
