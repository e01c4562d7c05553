//! HAR 1.2 with `_webSocketMessages`, the form in which browsers' developer tools import a session.
//!
//! Fields, their order and what is mandatory: the HAR 1.2 specification; the underscored ones are
//! Chromium's. The two heads come without their secrets; payloads are as they were.

use crate::{
    fault::printable_json,
    framing::record::{Dir, Facts, Head, Tally},
    units::in_milliseconds,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use tokio_tungstenite::tungstenite::Message;

/// Text that ends the file.
pub(super) const TAIL: &str = "\n]}}\n";

/// Text that begins the file, up to its entries.
pub(super) fn head() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "{{\"log\":{{\"version\":\"1.2\",\"creator\":{{\"name\":\"wsio\",\"version\":\"{version}\"}},\"pages\":[],\"entries\":[\n"
    )
}

/// One connection.
pub(super) struct HarEntry {
    conn: Option<u64>,
    facts: Facts,
    begun: SystemTime,
    messages: Vec<Value>,
}

impl HarEntry {
    /// An entry that begins now.
    pub(super) fn new(conn: Option<u64>, facts: Facts) -> Self {
        Self { conn, facts, begun: SystemTime::now(), messages: Vec::new() }
    }

    /// Adds a message.
    pub(super) fn push(&mut self, dir: Dir, message: &Message) {
        let (opcode, data) = match message {
            Message::Text(text) => (1, text.to_string()),
            Message::Binary(bytes) => (2, BASE64_STANDARD.encode(bytes)),
            Message::Ping(bytes) => (9, BASE64_STANDARD.encode(bytes)),
            Message::Pong(bytes) => (10, BASE64_STANDARD.encode(bytes)),
            Message::Close(frame) => {
                let said = frame.as_ref().map(|frame| format!("{} {}", u16::from(frame.code), frame.reason));
                (8, said.unwrap_or_default().trim_end().to_owned())
            }
            Message::Frame(_) => return,
        };
        let kind = if dir == Dir::In { "receive" } else { "send" };
        self.messages.push(
            json!({ "type": kind, "time": seconds(SystemTime::now()), "opcode": opcode, "data": data }),
        );
    }

    /// The entry as JSON.
    pub(super) fn finish(&mut self, tally: &Tally) -> Vec<u8> {
        let (facts, timings) = (&self.facts, &self.facts.timings);
        let phases = [timings.dns, timings.tcp, timings.proxy, timings.tls, timings.upgrade];
        let opening: Duration = phases.into_iter().flatten().sum();
        let url = facts.url.clone().unwrap_or_default();
        let connect: Duration = [timings.tcp, timings.proxy, timings.tls].into_iter().flatten().sum();
        let entry = json!({
            "_connectionId": self.conn.map(|conn| conn.to_string()),
            "_resourceType": "websocket",
            "startedDateTime": humantime::format_rfc3339_millis(self.begun - opening).to_string(),
            "time": self.begun.elapsed().map_or(0.0, |open| in_milliseconds(open + opening)),
            "request": {
                "method": "GET",
                "url": url,
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": fields(&facts.request),
                "queryString": query(&url),
                "headersSize": -1,
                "bodySize": 0,
            },
            "response": {
                "status": 101,
                "statusText": "Switching Protocols",
                "httpVersion": "HTTP/1.1",
                "cookies": [],
                "headers": fields(&facts.response),
                "content": { "size": 0, "mimeType": "x-unknown" },
                "redirectURL": "",
                "headersSize": -1,
                "bodySize": -1,
            },
            "cache": {},
            "timings": {
                "blocked": -1,
                "dns": timings.dns.map_or(-1.0, in_milliseconds),
                "connect": if connect.is_zero() { -1.0 } else { in_milliseconds(connect) },
                "ssl": timings.tls.map_or(-1.0, in_milliseconds),
                "send": 0,
                "wait": timings.upgrade.map_or(0.0, in_milliseconds),
                "receive": 0,
            },
            "serverIPAddress": address(&facts.peer),
            "connection": self.conn.unwrap_or(1).to_string(),
            "comment": match &tally.cause {
                Some(cause) => format!("exit {}: {cause}", tally.exit),
                None => format!("exit {}", tally.exit),
            },
            "_webSocketMessages": std::mem::take(&mut self.messages),
        });
        printable_json(entry.to_string()).into_bytes()
    }
}

fn fields(head: &Head) -> Vec<Value> {
    head.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn query(url: &str) -> Vec<Value> {
    let pairs = url.split_once('?').map_or("", |(_, query)| query).split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            json!({ "name": name, "value": value })
        })
        .collect()
}

/// The address of `HOST:PORT`.
fn address(peer: &str) -> &str {
    peer.rsplit_once(':').map_or(peer, |(address, _)| address).trim_matches(['[', ']'])
}

/// Seconds since the epoch.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Redactor;

    #[test]
    fn an_entry_has_every_mandatory_field() {
        let facts = Facts {
            url: Some("ws://h:1/x?a=1&b".into()),
            peer: "[::1]:1".into(),
            request: vec![("Host".into(), "h:1".into()), ("Cookie".into(), "a=s3cret".into())],
            ..Facts::default()
        };
        let mut entry = HarEntry::new(Some(3), Redactor::default().facts(&facts));
        entry.push(Dir::Out, &Message::text("hi"));
        entry.push(Dir::In, &Message::binary(&b"\0\xff"[..]));
        entry.push(Dir::In, &Message::Close(None));
        let bytes = entry.finish(&Tally { exit: 56, cause: Some("lost".into()), ..Tally::default() });
        let whole = format!("{}{}{TAIL}", head(), String::from_utf8(bytes).unwrap());
        assert!(!whole.contains("s3cret"));
        let har: Value = serde_json::from_str(&whole).unwrap();
        let log = &har["log"];
        assert_eq!((log["version"].as_str(), log["creator"]["name"].as_str()), (Some("1.2"), Some("wsio")));
        let entry = &log["entries"][0];
        for field in ["startedDateTime", "time", "request", "response", "cache", "timings"] {
            assert!(!entry[field].is_null(), "{field}");
        }
        for field in
            ["method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"]
        {
            assert!(!entry["request"][field].is_null(), "{field}");
        }
        for field in [
            "status",
            "statusText",
            "httpVersion",
            "cookies",
            "headers",
            "content",
            "redirectURL",
            "headersSize",
            "bodySize",
        ] {
            assert!(!entry["response"][field].is_null(), "{field}");
        }
        for field in ["send", "wait", "receive"] {
            assert!(entry["timings"][field].is_number(), "{field}");
        }
        assert_eq!(entry["request"]["queryString"][1], json!({ "name": "b", "value": "" }));
        assert_eq!(entry["serverIPAddress"], "::1");
        let messages = entry["_webSocketMessages"].as_array().unwrap();
        let told: Vec<_> = messages
            .iter()
            .map(|message| (message["type"].as_str(), message["opcode"].as_i64(), message["data"].as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (Some("send"), Some(1), Some("hi")),
                (Some("receive"), Some(2), Some("AP8=")),
                (Some("receive"), Some(8), Some("")),
            ]
        );
    }
}
