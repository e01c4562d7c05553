//! The heads of the opening handshake as they are on the wire, told a line each.
//!
//! hyper lowers the names of what it reads and adds fields to what it writes, so neither a request nor an
//! answer of its is what a person who debugs an endpoint needs to see. A stream that is read along tells
//! it: the head of a request when it was written or read, whether an answer comes or not.

use crate::{
    net::{Layer, Layered},
    observe::{HIDDEN, LogScope, Verbosity},
    stream::Stream,
};

/// Longest part of one head that is kept; a longer head is reported without its end. Bytes.
const LONGEST: usize = 64 * 1024;

/// A stream whose heads are told with `-v`; `serves` on the side that answers.
pub fn logged(scope: &LogScope, stream: Stream, serves: bool) -> Stream {
    if !scope.reporter.says(Verbosity::Verbose) {
        return stream;
    }
    let (asks, answers) = if serves { ('<', '>') } else { ('>', '<') };
    let head = Vec::new();
    let heads = Heads { scope: scope.clone(), asks, answers, awaits: StreamPart::Request, head };
    Box::pin(Layered { below: stream, layer: heads })
}

/// The part of the stream that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StreamPart {
    Request,
    Answer,
    /// No heads any more.
    Frames,
}

/// Finds heads in the bytes of both directions.
struct Heads {
    scope: LogScope,
    /// The direction of requests and of answers, as it is shown.
    asks: char,
    answers: char,
    awaits: StreamPart,
    /// Bytes so far of the head that is awaited.
    head: Vec<u8>,
}

impl Heads {
    fn pass(&mut self, way: char, bytes: &[u8]) {
        if way == self.answers && self.awaits == StreamPart::Request && bytes.starts_with(b"HTTP/") {
            // The answer of a server that does not wait for a request is reported too.
            (self.awaits, self.head) = (StreamPart::Answer, Vec::new());
        }
        let is_awaited = match self.awaits {
            StreamPart::Request => way == self.asks,
            StreamPart::Answer => way == self.answers,
            StreamPart::Frames => false,
        };
        if !is_awaited {
            return;
        }
        let from = self.head.len().saturating_sub(3);
        let room = LONGEST.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let end = self.head[from..].windows(4).position(|four| four == b"\r\n\r\n").map(|at| from + at);
        let Some(end) = end.or((self.head.len() == LONGEST).then_some(LONGEST)) else { return };
        let head = std::mem::take(&mut self.head);
        let status = self.tell(way, &String::from_utf8_lossy(&head[..end]));
        self.awaits = match (self.awaits, status) {
            (StreamPart::Request, _) => StreamPart::Answer,
            (_, Some(101)) => StreamPart::Frames,
            // An interim answer, such as 103.
            (_, Some(100..=199)) => StreamPart::Answer,
            _ => StreamPart::Request,
        };
        if self.awaits == StreamPart::Answer && way == self.answers && end + 4 < head.len() {
            self.pass(way, &head[end + 4..]);
        }
    }

    /// Tells a head; gives the status if it is an answer's.
    fn tell(&self, way: char, head: &str) -> Option<u16> {
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let words: Vec<&str> = first.splitn(3, ' ').collect();
        let status = first.starts_with("HTTP/").then(|| words.get(1)?.parse().ok()).flatten();
        let shown = match words[..] {
            [method, target, version] if !first.starts_with("HTTP/") => {
                format!("{method} {} {version}", self.scope.redactor.url(target))
            }
            _ => first.to_owned(),
        };
        self.say(way, &shown);
        for line in lines {
            self.say(
                way,
                &match line.split_once(':') {
                    Some((name, value)) if !line.starts_with([' ', '\t']) => {
                        format!("{name}: {}", self.scope.redactor.field(name.trim(), value.trim()))
                    }
                    // A field that goes on, or none: whose value it is cannot be told.
                    _ => HIDDEN.to_owned(),
                },
            );
        }
        status
    }

    fn say(&self, way: char, line: &str) {
        self.scope.reporter.wire(&format!("{}{way} {line}", self.scope.prefix));
    }
}

impl Layer for Heads {
    fn received(&mut self, bytes: &[u8]) {
        self.pass('<', bytes);
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.pass('>', bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Redactor, Reporter, test_stderr::TestStderr};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// What is told while these go out and come in by turns, so many bytes at once.
    async fn told(serves: bool, at_once: usize, turns: &[(char, &str)]) -> String {
        let said = TestStderr::default();
        let reporter = Reporter::new(said.clone(), Verbosity::Verbose);
        let to = LogScope { reporter, redactor: Redactor::default(), prefix: "#3 ".to_owned() };
        let (ours, mut theirs) = duplex(1 << 20);
        let mut ours = logged(&to, Box::pin(ours), serves);
        for (way, text) in turns {
            for piece in text.as_bytes().chunks(at_once) {
                let mut taken = vec![0; piece.len()];
                match way {
                    '>' => ours.write_all(piece).await.unwrap(),
                    _ => {
                        theirs.write_all(piece).await.unwrap();
                        ours.read_exact(&mut taken).await.map(|_| ()).unwrap();
                    }
                }
            }
        }
        to.reporter.finish(Duration::from_secs(10));
        said.text()
    }

    #[tokio::test]
    async fn heads_are_found_however_they_are_cut() {
        for at_once in [1, 2, 3, 50, 10_000] {
            let turns = [
                ('>', "GET /?token=x HTTP/1.1\r\nhOST: h\r\nX-Token:x\r\n\r\n"),
                (
                    '<',
                    "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
                ),
                ('<', "HTTP/1.1 is no head here\r\n\r\n"),
                ('>', "GET / is none either\r\n\r\n"),
            ];
            assert_eq!(
                told(false, at_once, &turns).await,
                "#3 > GET /?token=[hidden] HTTP/1.1\n#3 > hOST: h\n#3 > X-Token: [hidden]\n\
                 #3 < HTTP/1.1 103 Early Hints\n#3 < Link: </x>\n\
                 #3 < HTTP/1.1 101 Switching Protocols\n#3 < Upgrade: websocket\n",
                "{at_once} at once"
            );
        }
    }

    #[tokio::test]
    async fn bodies_are_not_told_and_a_second_request_is() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nb: 1\r\n\r\n";
        let turns = [('<', "GET /a HTTP/1.1\r\n\r\n"), ('>', answer), ('<', "GET /b HTTP/1.1\r\n\r\n")];
        assert_eq!(
            told(true, 7, &turns).await,
            "#3 < GET /a HTTP/1.1\n#3 > HTTP/1.1 200 OK\n#3 > Content-Length: 8\n#3 < GET /b HTTP/1.1\n"
        );
        // A client that said nothing is told so.
        assert_eq!(
            told(true, 100, &[('>', "HTTP/1.1 408 Request Timeout\r\n\r\n")]).await,
            "#3 > HTTP/1.1 408 Request Timeout\n"
        );
        let secret = "GET / HTTP/1.1\r\nCookie: a=1;\r\n  b=2\r\nno field\r\n\r\n";
        assert!(told(true, 100, &[('<', secret)]).await.ends_with("#3 < [hidden]\n#3 < [hidden]\n"));
    }
}
