//! The heads of a server's or proxy's answers, made readable before hyper sees them (RFC 9112 section 5).
//!
//! A user cannot change the server. hyper gives up on a head for one odd line of it, and then neither the
//! status nor the body can be shown; so each head is read here, what is harmless in it is put right (a
//! folded line is joined with blanks, a control character becomes one, a line that is no header field is
//! left out), and what was left out is kept for the message. hyper gets one whole head at a time and nothing
//! of what follows before it is asked for: to CONNECT, that is the tunnel whatever the head says of a body.

use super::{Layer, Layered, layer::give};
use crate::stream::Stream;
use bytes::{Bytes, BytesMut};
use std::{
    borrow::Cow,
    io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};
use tokio::io::ReadBuf;

/// Bound on the header fields of an answer.
pub(super) const MAX_FIELDS: usize = 2000;
/// Bound on the head of an answer, bytes.
pub(super) const MAX_HEAD: usize = 1 << 20;
/// Bound on one header field, bytes: no name may be longer.
const MAX_FIELD: usize = 64 * 1024 - 1;
/// The beginning of an answer.
const HTTP: &[u8] = b"HTTP/1.";
/// Bound on the empty lines before an answer, bytes.
const MAX_BLANK: usize = 1024;
/// First bytes of an answer that are kept, to tell which protocol is spoken there.
const KEPT: usize = 64;
/// Lines that are named at most.
const NAMED: usize = 4;
/// Longest part of such a line that is shown, bytes.
const SHOWN: usize = 40;

/// Findings in an answer that its parsed head does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The first bytes that came, at most 64.
    pub first: Vec<u8>,
    /// The status line, once it is there; what comes is HTTP then.
    pub status_line: Option<String>,
    /// The lines that were left out, in words.
    pub left_out: Vec<String>,
    /// The limit that the head is beyond: the fields that follow it were left out.
    pub beyond: Option<String>,
}

impl Findings {
    /// The parts of an answer that are not shown, a line each.
    pub fn missing(&self) -> Vec<String> {
        let beyond =
            self.beyond.iter().map(|limit| format!("(left out: the rest of {limit}, which is the limit)"));
        self.left_out.iter().map(|line| format!("(left out: {line})")).chain(beyond).collect()
    }
}

/// Shared with whoever owns hyper's connection.
#[derive(Clone, Default)]
pub(super) struct SharedFindings(Arc<Mutex<(Findings, bool)>>);

impl SharedFindings {
    fn lock(&self) -> MutexGuard<'_, (Findings, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that this is not shown.
    pub(super) fn leave_out(&self, what: &str) {
        self.lock().0.left_out.push(what.to_owned());
    }

    /// The findings so far.
    pub(super) fn findings(&self) -> Findings {
        self.lock().0.clone()
    }

    /// Lets what follows the head through: it is a body.
    pub(super) fn let_through(&self) {
        self.lock().1 = true;
    }
}

enum Phase {
    /// A head is read.
    Head,
    /// A final head was given; what follows waits.
    Held,
    /// Everything passes as it comes.
    Through,
}

/// Makes the heads of a stream readable.
pub(super) struct AnswerHeads {
    shared: SharedFindings,
    phase: Phase,
    /// Bytes that came and were not parsed yet.
    ahead: BytesMut,
    /// Length of the beginning of `ahead` that has no end of a line.
    scanned: usize,
    /// Bytes that the reader gets before anything else.
    ready: Bytes,
    head: Head,
}

/// The part of a head that came so far.
#[derive(Default)]
struct Head {
    /// The status line, cleaned; empty before it came.
    status: Vec<u8>,
    fields: Vec<Vec<u8>>,
    size: usize,
    lines: usize,
    /// The last line was left out, and so is what is folded below it.
    is_last_left_out: bool,
}

impl AnswerHeads {
    pub(super) fn new(stream: Stream, shared: SharedFindings) -> Layered<Self> {
        let heads = Self {
            shared,
            phase: Phase::Head,
            ahead: BytesMut::new(),
            scanned: 0,
            ready: Bytes::new(),
            head: Head::default(),
        };
        Layered { below: stream, layer: heads }
    }

    /// Reads a line of what came; false when there is no whole one.
    fn step(&mut self) -> bool {
        if self.head.status.is_empty() {
            let blank = self.ahead.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let begun = &self.ahead[blank..];
            let known = begun.len().min(HTTP.len());
            if blank > MAX_BLANK || begun[..known] != HTTP[..known] {
                self.phase = Phase::Through;
                return true;
            }
            // Only what follows tells whether empty lines are of HTTP, which may begin with some.
            if known < HTTP.len() {
                return false;
            }
        }
        let Some(end) = memchr::memchr(b'\n', &self.ahead[self.scanned..]) else {
            self.scanned = self.ahead.len();
            if self.scanned > MAX_HEAD && self.head.status.is_empty() {
                self.phase = Phase::Through;
                return true;
            }
            if self.scanned > MAX_HEAD {
                // The rest of an endless line is not kept; its beginning says which it was.
                self.ahead.truncate(MAX_FIELD + 1);
                self.scanned = self.ahead.len();
            }
            return false;
        };
        let line = self.ahead.split_to(self.scanned + end + 1);
        self.scanned = 0;
        let line = &line[..line.len() - 1];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.head.status.is_empty() {
            self.status_line(line);
        } else if line.is_empty() {
            self.end();
        } else {
            let findings = &mut self.shared.lock().0;
            self.head.line(line, findings);
        }
        true
    }

    fn status_line(&mut self, line: &[u8]) {
        // Empty lines may come before it (RFC 9112 section 2.2).
        let line = line.trim_ascii_start();
        if line.is_empty() {
            return;
        }
        self.head.status = cleaned(line);
        let text = field_text(&self.head.status).into_owned();
        let findings = &mut self.shared.lock().0;
        findings.status_line = Some(text);
        (findings.left_out, findings.beyond) = (Vec::new(), None);
    }

    fn end(&mut self) {
        let head = mem::take(&mut self.head);
        let code = head.status.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let is_interim = code.len() == 3 && code.starts_with(b"1") && code != b"101";
        let findings = &mut self.shared.lock().0;
        self.ready = head.into_bytes(findings).into();
        if !is_interim {
            self.phase = Phase::Held;
        }
    }
}

impl Head {
    fn line(&mut self, line: &[u8], findings: &mut Findings) {
        self.lines += 1;
        self.size += line.len();
        if self.size > MAX_HEAD || self.fields.len() >= MAX_FIELDS {
            findings.beyond.get_or_insert_with(|| match self.size > MAX_HEAD {
                true => format!("a head of more than {} KiB", MAX_HEAD >> 10),
                false => format!("more than {MAX_FIELDS} header fields"),
            });
            self.is_last_left_out = true;
            return;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            match self.fields.last_mut().filter(|_| !self.is_last_left_out) {
                Some(field) => {
                    field.push(b' ');
                    field.extend(cleaned(line).trim_ascii());
                }
                None => self.leave_out(line, "begins with a blank and has no line to go on from", findings),
            }
            return;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            return self.leave_out(line, "has no colon", findings);
        };
        let name = line[..colon].trim_ascii_end();
        if !is_token(name) {
            return self.leave_out(line, "begins with no name of a field", findings);
        }
        if line.len() > MAX_FIELD {
            return self.leave_out(line, "is longer than 64 KiB", findings);
        }
        let mut field = name.to_vec();
        field.extend_from_slice(b": ");
        field.extend(cleaned(&line[colon + 1..]).trim_ascii());
        self.fields.push(field);
        self.is_last_left_out = false;
    }

    fn leave_out(&mut self, line: &[u8], why: &str, findings: &mut Findings) {
        self.is_last_left_out = true;
        if findings.left_out.len() < NAMED {
            // A value may be secret, so no more is shown than a name could be.
            let end = line.iter().position(|byte| b"=:;,".contains(byte)).map_or(line.len(), |at| at + 1);
            let shown = line[..end.min(SHOWN)].escape_ascii();
            let more = if end.min(SHOWN) < line.len() { "…" } else { "" };
            findings.left_out.push(format!("line {} of the head, `{shown}{more}`, {why}", self.lines + 1));
        }
    }

    /// The head as hyper takes it.
    fn into_bytes(mut self, findings: &mut Findings) -> Vec<u8> {
        let lengths: Vec<&[u8]> =
            self.fields.iter().filter_map(|field| value(field, b"content-length")).collect();
        let lengths: Vec<&[u8]> = lengths
            .iter()
            .flat_map(|value| value.split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .collect();
        let is_number = |text: &[u8]| {
            text.iter().all(u8::is_ascii_digit)
                && str::from_utf8(text).is_ok_and(|text| text.parse::<u64>().is_ok())
        };
        if lengths.iter().any(|length| *length != lengths[0] || !is_number(length)) {
            let shown = lengths.join(&b", "[..]);
            let shown = shown[..shown.len().min(SHOWN)].escape_ascii();
            findings.left_out.push(format!("Content-Length is no one number: `{shown}`"));
            self.fields.retain(|field| value(field, b"content-length").is_none());
        }
        if self.status.starts_with(b"HTTP/1.0") {
            // There is none in that version, and hyper refuses it.
            self.fields.retain(|field| value(field, b"transfer-encoding").is_none());
        }
        let mut bytes = self.status;
        for field in self.fields {
            bytes.extend_from_slice(b"\r\n");
            bytes.extend(field);
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes
    }
}

/// The value of a field if it has that name, in lower case.
fn value<'a>(field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, value) = field.split_at_checked(name.len())?;
    found.eq_ignore_ascii_case(name).then(|| value.strip_prefix(b": ")).flatten()
}

/// Without what no field and no reason phrase may hold: each becomes a blank (RFC 9110 section 5.5).
fn cleaned(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if byte.is_ascii_control() && *byte != b'\t' { b' ' } else { *byte }).collect()
}

/// A token of HTTP (RFC 9110 section 5.6.2).
pub fn is_token(name: &[u8]) -> bool {
    !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

impl Layered<AnswerHeads> {
    /// The transport, and what came behind the head.
    pub(super) fn into_parts(self) -> (Stream, Bytes) {
        (self.below, self.layer.ahead.freeze())
    }
}

impl Layer for AnswerHeads {
    fn poll_read(
        &mut self,
        below: &mut Stream,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if !self.ready.is_empty() {
                give(&mut self.ready, usize::MAX, buffer);
                return Poll::Ready(Ok(()));
            }
            match self.phase {
                // No waker is kept: the caller of `let_through` polls again.
                Phase::Held if !self.shared.lock().1 => return Poll::Pending,
                Phase::Held => self.phase = Phase::Through,
                Phase::Through if self.ahead.is_empty() => {
                    let before = buffer.filled().len();
                    ready!(below.as_mut().poll_read(cx, buffer))?;
                    self.keep_first(&buffer.filled()[before..]);
                    return Poll::Ready(Ok(()));
                }
                Phase::Through => self.ready = self.ahead.split().freeze(),
                Phase::Head => {
                    if self.step() {
                        continue;
                    }
                    let before = buffer.filled().len();
                    ready!(below.as_mut().poll_read(cx, buffer))?;
                    let came = &buffer.filled()[before..];
                    if came.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    self.ahead.extend_from_slice(came);
                    self.keep_first(&buffer.filled()[before..]);
                    buffer.set_filled(before);
                }
            }
        }
    }
}

impl AnswerHeads {
    fn keep_first(&self, came: &[u8]) {
        let first = &mut self.shared.lock().0.first;
        let wanted = came.len().min(KEPT - first.len());
        first.extend_from_slice(&came[..wanted]);
    }
}

/// The text of a reason phrase or a field: UTF-8, or ISO-8859-1, which HTTP had for both (RFC 9110 section 5.5).
pub(super) fn field_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().copied().map(char::from).collect::<String>().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// What hyper gets of this answer, in pieces of that size, and what was found; the body is let through.
    async fn read(answer: &[u8], at_once: usize) -> (String, Findings) {
        let (ours, mut theirs) = duplex(at_once);
        let shared = SharedFindings::default();
        shared.let_through();
        let mut given = Vec::new();
        let mut heads = AnswerHeads::new(Box::pin(ours), shared.clone());
        let write = async move { theirs.write_all(answer).await.unwrap() };
        let ((), read) = tokio::join!(write, heads.read_to_end(&mut given));
        read.unwrap();
        (String::from_utf8_lossy(&given).into_owned(), shared.findings())
    }

    #[tokio::test]
    async fn what_is_harmless_is_put_right_however_it_is_cut() {
        let odd = b"\r\nHTTP/1.1 403 go\0away\r\n lost\r\nA : 1\r\nB: x\r\n  y\r\n\tz\r\nC:a\0b\x01\nno colon\r\n more\r\n(D): 1\r\n\
            E: a\rb\r\n\r\nbody: 1\r\n 2\0";
        for at_once in [1, 2, 7, 1000] {
            let (given, found) = read(odd, at_once).await;
            assert_eq!(
                given, "HTTP/1.1 403 go away\r\nA: 1\r\nB: x y z\r\nC: a b\r\nE: a b\r\n\r\nbody: 1\r\n 2\0",
                "{at_once}"
            );
            assert_eq!(
                found.left_out,
                [
                    "line 2 of the head, ` lost`, begins with a blank and has no line to go on from",
                    "line 8 of the head, `no colon`, has no colon",
                    "line 9 of the head, ` more`, begins with a blank and has no line to go on from",
                    "line 10 of the head, `(D):…`, begins with no name of a field",
                ]
            );
            assert_eq!(found.status_line.as_deref(), Some("HTTP/1.1 403 go away"));
        }
    }

    #[tokio::test]
    async fn empty_lines_before_another_protocol_are_passed_on() {
        for answer in [&b"\r\n\nSSH-2.0-x\r\n"[..], b"HTTP/1.1 100 x\n\n\n\r\nno HTTP", b"\r\nHTTP/1?"] {
            let (whole, _) = read(answer, 1000).await;
            assert!(whole.as_bytes().ends_with(&answer[answer.len() - 9..]), "{whole:?}");
            for at_once in 1..9 {
                assert_eq!(read(answer, at_once).await.0, whole, "{at_once}");
            }
        }
        let many = [&[b'\n'; 2000][..], b"HTTP/1.1 200 OK\r\n\r\n"].concat();
        assert_eq!(read(&many, 7).await.0.as_bytes(), many, "no HTTP begins so");
    }

    #[tokio::test]
    async fn a_length_that_is_none_is_left_out_and_one_written_twice_is_not() {
        for (fields, kept) in [
            ("Content-Length: 5\r\ncontent-length:5\r\n", true),
            ("Content-Length: 5, 5\r\n", true),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", false),
            ("Content-Length: -1\r\n", false),
            ("Content-Length: 99999999999999999999\r\n", false),
        ] {
            let (given, found) = read(format!("HTTP/1.1 403 F\r\n{fields}\r\nhello").as_bytes(), 1000).await;
            assert_eq!(given.to_ascii_lowercase().contains("content-length"), kept, "{fields}");
            assert_eq!(found.left_out.is_empty(), kept, "{fields}");
            assert!(given.ends_with("\r\n\r\nhello"));
        }
    }

    #[tokio::test]
    async fn what_is_beyond_a_limit_is_left_out_and_the_limit_is_named() {
        let many = |count: usize, field: &str| format!("HTTP/1.1 403 F\r\n{}\r\nbody", field.repeat(count));
        let (given, found) = read(many(MAX_FIELDS, "X: 1\r\n").as_bytes(), 100_000).await;
        assert_eq!((given.matches("X: 1").count(), found.beyond), (MAX_FIELDS, None));
        let (given, found) = read(many(MAX_FIELDS + 1, "X: 1\r\n").as_bytes(), 100_000).await;
        assert_eq!(given.matches("X: 1").count(), MAX_FIELDS);
        assert!(found.beyond.unwrap().contains("2000 header fields") && given.ends_with("\r\n\r\nbody"));
        let large = format!("X: {}\r\n", "x".repeat(30_000));
        let (given, found) = read(many(40, &large).as_bytes(), 100_000).await;
        assert!(given.len() < MAX_HEAD && given.ends_with("\r\n\r\nbody"));
        assert!(found.beyond.unwrap().contains("1024 KiB"));
        let endless = format!("HTTP/1.1 403 F\r\nX: {}\r\nY: 1\r\n\r\nbody", "x".repeat(3 << 20));
        let (given, found) = read(endless.as_bytes(), 100_000).await;
        assert!(given.ends_with("Y: 1\r\n\r\nbody"), "{}", given.len());
        assert!(found.left_out[0].contains("`X:…`, is longer"), "{found:?}");
    }

    #[tokio::test]
    async fn what_is_not_http_passes_as_it_is() {
        for text in ["SSH-2.0-x\r\n", "\x15\x03\x03", "HTTQ", "HTTP/2 200\r\n\r\n", "\r\n\r\nx", ""] {
            let (given, found) = read(text.as_bytes(), 1).await;
            assert_eq!(given, text);
            assert_eq!((found.first, found.status_line), (text.as_bytes().to_vec(), None));
        }
    }

    #[tokio::test]
    async fn what_follows_the_last_head_waits_until_it_is_a_body() {
        let (ours, mut theirs) = duplex(1 << 20);
        theirs.write_all(b"HTTP/1.1 103 E\r\nA: 1\r\n\r\nHTTP/1.1 204 N\r\n\r\ntunnel").await.unwrap();
        let mut heads = AnswerHeads::new(Box::pin(ours), SharedFindings::default());
        let mut given = vec![0; 45];
        let whole = b"HTTP/1.1 103 E\r\nA: 1\r\n\r\nHTTP/1.1 204 N\r\n\r\n";
        heads.read_exact(&mut given[..whole.len()]).await.unwrap();
        assert_eq!(&given[..whole.len()], whole);
        let more = tokio::time::timeout(std::time::Duration::ZERO, heads.read(&mut given)).await;
        assert!(more.is_err(), "nothing of the tunnel");
        let mut rest = Vec::new();
        let (mut stream, ahead) = heads.into_parts();
        rest.extend_from_slice(&ahead);
        drop(theirs);
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"tunnel");
    }
}
