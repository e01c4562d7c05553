//! The head of a request as it came, checked before hyper sees it (RFC 9112 sections 2.2, 3 and 5).
//!
//! hyper takes a bare LF for the end of a line, makes one of two equal lengths, drops a fragment, and
//! answers what it cannot read with an empty body. What a proxy in front may read otherwise is refused
//! here instead, and each refusal names what it is about.

use super::authority::Authority;
use crate::net::is_token;
use hyper::Uri;

/// Bound on the head of a request, bytes.
pub(super) const MAX_HEAD: usize = 32 * 1024;
/// Bound on the header fields of a request.
pub(super) const MAX_FIELDS: usize = 100;
/// Bound on what is repeated of a request in a refusal, bytes.
const MAX_SHOWN: usize = 80;

/// Refusal of the PROXY protocol, which load balancers speak ahead of a connection when they are told to.
const PROXY_PROTOCOL: &str = "the PROXY protocol is not spoken here: switch it off in the load balancer in front (haproxy: without send-proxy; nginx: proxy_protocol off)";

/// The fields that decide who comes in, where to, or where the request ends: each stands once.
const ONCE: [&str; 6] =
    ["Host", "Origin", "Authorization", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Content-Length"];

/// Why a head is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// The status of the answer.
    pub status: u16,
    /// For the log and the client.
    pub cause: String,
    /// The request's target, empty while it is not known.
    pub target: String,
}

/// The result of reading some bytes of a head.
pub(super) enum HeadProgress {
    /// It goes on.
    More,
    /// It ended after this many of the bytes.
    Ended(usize),
    /// It is refused.
    Refused(Malformed),
}

/// Reads one head, in whatever pieces it comes.
#[derive(Default)]
pub(super) struct HeadReader {
    /// The line so far, without its end.
    line: Vec<u8>,
    size: usize,
    fields: usize,
    /// The request line was read; the target is for the log.
    target: Option<String>,
    /// A bit for each of `ONCE` that was there.
    seen: u8,
    /// The last line of Transfer-Encoding.
    coding: Option<Vec<u8>>,
}

impl HeadReader {
    pub(super) fn feed(&mut self, bytes: &[u8]) -> HeadProgress {
        for (at, &byte) in bytes.iter().enumerate() {
            self.size += 1;
            match self.take(byte) {
                Ok(false) => {}
                Ok(true) => return HeadProgress::Ended(at + 1),
                Err((status, cause)) => {
                    let target = self.target.clone().unwrap_or_default();
                    return HeadProgress::Refused(Malformed { status, cause, target });
                }
            }
        }
        HeadProgress::More
    }

    /// Takes a byte; true when it was the last one.
    fn take(&mut self, byte: u8) -> Result<bool, (u16, String)> {
        let bad = |cause: String| (400, cause);
        if self.size > MAX_HEAD {
            return Err((431, "the request's head is too large".into()));
        }
        match byte {
            b'\n' if self.line.pop_if(|last| *last == b'\r').is_some() => {
                let line = std::mem::take(&mut self.line);
                return self.line(&line);
            }
            b'\n' => return Err(bad(format!("{} ends with LF alone; a line ends with CR LF", self.place()))),
            _ if self.line.last() == Some(&b'\r') => {
                return Err(bad(format!("a CR without LF in {}", self.place())));
            }
            b'\r' => {}
            b'\t' if self.target.is_some() => {}
            0..=0x1f | 0x7f => {
                if self.target.is_none()
                    && let Some(what) = self.other_protocol(byte)
                {
                    return Err(bad(what.into()));
                }
                let place = self.place();
                return Err(bad(format!("a control character (0x{byte:02X}) in {place}")));
            }
            _ => {}
        }
        self.line.push(byte);
        Ok(false)
    }

    /// Another protocol that such a byte of the first line is of, and what to do.
    fn other_protocol(&self, byte: u8) -> Option<&'static str> {
        match (self.size, byte) {
            (1, 0x16) => Some(
                "this is TLS, and plain HTTP is served here: connect to ws://, or serve with --cert or --self-signed",
            ),
            // Its signature begins with two empty lines.
            (5, 0) => Some(PROXY_PROTOCOL),
            _ => None,
        }
    }

    /// The reader's place in the head, in words.
    fn place(&self) -> String {
        let name = self.line.split(|byte| *byte == b':').next().unwrap_or_default();
        match self.target {
            None => "the request line".to_owned(),
            Some(_) if is_token(name) => format!("the header field {}", shown(name)),
            Some(_) => "a header field".to_owned(),
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<bool, (u16, String)> {
        let bad = |cause: String| (400, cause);
        if self.target.is_none() {
            // Some clients of old put an empty line after a body (RFC 9112 section 2.2).
            if !line.is_empty() {
                self.target = Some(request_line(line, &mut self.target).map_err(bad)?);
            }
            return Ok(false);
        }
        if line.is_empty() {
            return self.whole().map_err(bad).map(|()| true);
        }
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err((431, format!("more than {MAX_FIELDS} header fields")));
        }
        self.field(line).map_err(bad).map(|()| false)
    }

    fn field(&mut self, line: &[u8]) -> Result<(), String> {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return Err("a header field is folded over several lines".into());
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Err(format!("`{}` is no header field: it has no colon", shown(line)));
        };
        let (name, value) = (&line[..colon], trimmed(&line[colon + 1..]));
        if name.ends_with(b" ") || name.ends_with(b"\t") {
            return Err(format!("a blank before the colon of {}", shown(name.trim_ascii_end())));
        }
        if !is_token(name) {
            return Err(format!("`{}` is no name of a header field", shown(name)));
        }
        if let Some(index) = ONCE.iter().position(|once| name.eq_ignore_ascii_case(once.as_bytes())) {
            if self.seen & 1 << index != 0 {
                return Err(format!("{} stands twice; exactly one is allowed", ONCE[index]));
            }
            self.seen |= 1 << index;
        }
        if name.eq_ignore_ascii_case(b"content-length")
            && (!value.iter().all(u8::is_ascii_digit) || number(value).is_none())
        {
            return Err(format!("Content-Length `{}` is no number", shown(value)));
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.coding = Some(value.to_vec());
        }
        Ok(())
    }

    /// Checks on the head as a whole (RFC 9112 section 6.3).
    fn whole(&self) -> Result<(), String> {
        let Some(coding) = &self.coding else { return Ok(()) };
        if self.seen & 1 << (ONCE.len() - 1) != 0 {
            return Err("Content-Length and Transfer-Encoding stand together".into());
        }
        let last = coding.rsplit(|byte| *byte == b',').next().unwrap_or_default();
        match trimmed(last).eq_ignore_ascii_case(b"chunked") {
            true => Ok(()),
            false => Err(format!("Transfer-Encoding `{}` does not end with chunked", shown(coding))),
        }
    }
}

/// Checks a request line; gives its target for the log, which is in `told` also when it is refused.
fn request_line(line: &[u8], told: &mut Option<String>) -> Result<String, String> {
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(target), Some(version), None) if is_token(method) && !target.is_empty() => {
            (method, target, version)
        }
        _ if line.starts_with(b"PROXY ") => return Err(PROXY_PROTOCOL.to_owned()),
        _ => return Err(format!("`{}` is no request line of HTTP", shown(line))),
    };
    if (method, target) == (b"PRI", b"*") {
        return Err("HTTP/2 is not spoken here; HTTP/1.1 is needed (in a proxy in front, switch HTTP/2 to this server off)".into());
    }
    if version != b"HTTP/1.1" && version != b"HTTP/1.0" {
        return Err(format!("HTTP/1.1 is needed, not `{}`", shown(version)));
    }
    let uri = Uri::try_from(target).ok();
    let logged = uri.as_ref().and_then(Uri::path_and_query).map_or(String::new(), ToString::to_string);
    *told = Some(logged.clone());
    check_target(method, target)?;
    if uri.is_none() {
        return Err(format!("the request target `{}` is not valid", without_query(target)));
    }
    Ok(logged)
}

/// Checks the form of a request target (RFC 9112 section 3.2).
fn check_target(method: &[u8], target: &[u8]) -> Result<(), String> {
    let refused = |why: &str| Err(format!("the request target `{}` {why}", without_query(target)));
    if target.contains(&b'#') {
        return Err("the request target has a fragment, which no request carries".into());
    }
    if target == b"*" {
        return match method {
            b"OPTIONS" => Ok(()),
            _ => refused("is for OPTIONS alone; a path is needed"),
        };
    }
    if method == b"CONNECT" {
        return refused("is for a proxy, and this is none");
    }
    if target.starts_with(b"/") {
        return Ok(());
    }
    let Some((scheme, rest)) = std::str::from_utf8(target).ok().and_then(|text| text.split_once("://"))
    else {
        return refused("is neither a path nor a URL");
    };
    if !["http", "https", "ws", "wss"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return refused("has a scheme that is not served here");
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("the request target carries user information, which no request does".into());
    }
    match Authority::parse(authority) {
        Ok(_) if authority.is_empty() => refused("has no host"),
        Ok(_) => Ok(()),
        Err(why) => refused(&format!("has no valid host: {why}")),
    }
}

/// A target without what may be secret in it.
fn without_query(target: &[u8]) -> String {
    match target.iter().position(|byte| *byte == b'?') {
        Some(at) => shown(&target[..at]) + "?…",
        None => shown(target),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Without optional blanks (RFC 9110 section 5.6.3).
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Bytes of a stranger, safe to show.
pub(super) fn shown(bytes: &[u8]) -> String {
    let more = if bytes.len() > MAX_SHOWN { "…" } else { "" };
    format!("{}{more}", bytes[..bytes.len().min(MAX_SHOWN)].escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds a head in pieces of this size; how far it came and why it was refused.
    fn read(head: &[u8], piece: usize) -> (usize, Option<Malformed>) {
        let (mut reader, mut taken) = (HeadReader::default(), 0);
        for bytes in head.chunks(piece) {
            match reader.feed(bytes) {
                HeadProgress::More => taken += bytes.len(),
                HeadProgress::Ended(at) => return (taken + at, None),
                HeadProgress::Refused(why) => return (taken, Some(why)),
            }
        }
        panic!("{} does not end", head.escape_ascii());
    }

    #[test]
    fn a_head_ends_at_its_empty_line_in_whatever_pieces_it_comes() {
        let head = b"\r\nGET /a?b HTTP/1.1\r\nHost: \t h \t\r\nX:\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n";
        let more = [&head[..], b"\n\0more"].concat();
        for piece in 1..more.len() {
            assert_eq!(read(&more, piece), (head.len(), None), "{piece}");
        }
    }

    #[test]
    fn a_refusal_comes_with_its_byte_and_knows_the_target() {
        let head = b"GET /a?b HTTP/1.1\r\nHost: h\nX: y\r\n\r\n";
        let why = Malformed {
            status: 400,
            cause: "the header field Host ends with LF alone; a line ends with CR LF".into(),
            target: "/a?b".into(),
        };
        for piece in 1..head.len() {
            let (taken, refused) = read(head, piece);
            assert_eq!(refused.as_ref(), Some(&why), "{piece}");
            assert!((taken..taken + piece).contains(&26), "{piece}: {taken}");
        }
    }

    #[test]
    fn what_is_large_is_refused_before_it_is_whole() {
        let long = [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'y'; MAX_HEAD]].concat();
        assert_eq!(read(&long, 1000).1.map(|why| why.status), Some(431));
        let many = format!("GET / HTTP/1.1\r\n{}", "X: y\r\n".repeat(MAX_FIELDS + 1));
        assert_eq!(read(many.as_bytes(), 1000).1.map(|why| why.status), Some(431));
    }

    /// A good head with a few bytes changed, put in or taken out.
    fn mutated() -> impl Strategy<Value = Vec<u8>> {
        const GOOD: &[u8] =
            b"GET /a HTTP/1.1\r\nHost: h:1\r\nOrigin: http://h:1\r\nUpgrade: websocket\r\n\r\n";
        let odd = proptest::sample::select(b"\0\t\n\x0b\x0c\r #%,/:@[]\x7f\x85\xa0\xffhO".to_vec());
        let change = (0..GOOD.len(), odd, 0..4_u8);
        proptest::collection::vec(change, 0..4).prop_map(|changes| {
            let mut head = GOOD.to_vec();
            for (at, byte, kind) in changes {
                let at = at.min(head.len() - 1);
                match kind {
                    0 => head[at] = byte,
                    1 => head.insert(at, byte),
                    2 => drop(head.remove(at)),
                    _ => head.extend_from_slice(b"\r\nOrigin: x\r\n\r\n"),
                }
            }
            // Something that ends or refuses every head.
            head.extend_from_slice(b"\r\n\r\n\n\n");
            head
        })
    }

    proptest! {
        #[test]
        fn pieces_change_nothing_and_what_is_let_through_is_sound(head in mutated(), piece in 1..20_usize) {
            let (taken, refused) = read(&head, head.len());
            let (in_pieces, again) = read(&head, piece);
            prop_assert_eq!(&refused, &again);
            if refused.is_none() {
                prop_assert_eq!(taken, in_pieces);
                let head = &head[..taken];
                let lines = head.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                prop_assert!(lines.clone().all(|line| line.ends_with(b"\r")));
                let once = |name: &[u8]| {
                    lines.clone().filter(|line| line.len() > name.len()
                        && line[..name.len()].eq_ignore_ascii_case(name)).count() <= 1
                };
                prop_assert!(once(b"host:") && once(b"origin:"));
                let controls = |byte: &u8| byte.is_ascii_control() && !b"\t\r\n".contains(byte);
                prop_assert!(!head.iter().any(controls));
            }
        }
    }
}
