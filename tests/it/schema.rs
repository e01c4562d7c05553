//! The JSON Schema of the records, which `wsio --generate schema` prints: every field that is written stands
//! in it, nothing else does, and what real runs write is valid.
//!
//! The validator knows the keywords that the schema uses and refuses any other. It is stricter than the schema
//! in one point: a field that the schema does not name is an error here.

use crate::harness::{Authority, Listening, Peer, Wsio, eventually, serve, serve_many};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, SystemTime},
};
use wsio::framing::{
    record::{Certificate, Dir, Facts, Record, SCHEMA, Tally, Timings, Tls, What},
    verdict::{Pings, Verdict},
};

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// Why a value is not what a part of the schema asks for.
fn check(root: &Value, part: &Value, value: &Value, place: &str) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{place}: {what}: {value}"));
    for (keyword, asked) in part.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "additionalProperties" => true,
            "$ref" => {
                let path = asked.as_str().unwrap().strip_prefix('#').unwrap();
                check(root, root.pointer(path).unwrap(), value, place)?;
                true
            }
            "oneOf" => {
                let tried = asked.as_array().unwrap().iter().map(|one| check(root, one, value, place));
                let (fits, not): (Vec<_>, Vec<_>) = tried.partition(Result::is_ok);
                if fits.len() != 1 {
                    // The cause that counts is that of the type which the record has.
                    let is_other = |cause: &String| cause.contains(".type:");
                    let causes = not.into_iter().filter_map(Result::err).filter(|cause| !is_other(cause));
                    return wrong(format!("{} types fit; {:?}", fits.len(), causes.collect::<Vec<_>>()));
                }
                true
            }
            "type" => match asked.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_u64() || value.is_i64(),
                "number" => value.is_number(),
                other => panic!("no type {other}"),
            },
            "const" => value == asked,
            "enum" => asked.as_array().unwrap().contains(value),
            "minimum" => value.as_f64() >= asked.as_f64(),
            "maximum" => value.as_f64() <= asked.as_f64(),
            "pattern" => {
                regex::Regex::new(asked.as_str().unwrap()).unwrap().is_match(value.as_str().unwrap())
            }
            "items" => {
                for (index, item) in value.as_array().unwrap().iter().enumerate() {
                    check(root, asked, item, &format!("{place}[{index}]"))?;
                }
                true
            }
            "required" => {
                asked.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "properties" => {
                for (name, item) in value.as_object().unwrap() {
                    let Some(property) = asked.get(name) else { return wrong(format!("no field {name}")) };
                    check(root, property, item, &format!("{place}.{name}"))?;
                }
                true
            }
            other => panic!("this validator does not know {other}"),
        };
        if !holds {
            return wrong(format!("not {keyword} {asked}"));
        }
    }
    // A map: any name, each value of one form.
    if let (Some(form), Some(map)) = (part.get("additionalProperties"), value.as_object()) {
        map.values().try_for_each(|item| check(root, form, item, place))?;
    }
    Ok(())
}

/// The records of a text, each of them valid.
fn valid(text: &str) -> Vec<Value> {
    let root = schema();
    let read = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        check(&root, &root, &record, "record").unwrap_or_else(|error| panic!("{error}"));
        record
    };
    text.lines().map(read).collect()
}

/// The types of the records.
fn types(records: &[Value]) -> BTreeSet<&str> {
    records.iter().map(|record| record["type"].as_str().unwrap()).collect()
}

/// The fields of each object of a definition, by its place, following the definitions that it refers to.
fn named(root: &Value, part: &Value, place: &str, found: &mut BTreeMap<String, BTreeSet<String>>) {
    let part = match part.get("$ref") {
        Some(path) => root.pointer(path.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(),
        None => part,
    };
    if let Some(items) = part.get("items") {
        named(root, items, place, found);
    }
    if let Some(properties) = part.get("properties").and_then(Value::as_object) {
        found.entry(place.to_owned()).or_default().extend(properties.keys().cloned());
        for (name, property) in properties {
            named(root, property, &format!("{place}.{name}"), found);
        }
    }
}

/// The fields of each object that was written, by its place; a map of header fields is none.
fn written(object: &Map<String, Value>, place: &str, found: &mut BTreeMap<String, BTreeSet<String>>) {
    found.entry(place.to_owned()).or_default().extend(object.keys().cloned());
    for (name, value) in object.iter().filter(|(name, _)| *name != "headers") {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for object in items.iter().filter_map(Value::as_object) {
            written(object, &format!("{place}.{name}"), found);
        }
    }
}

/// A record of each type with all that it can have. A new field does not compile before it stands here.
pub fn complete() -> Vec<Value> {
    let some = || Some("x".to_owned());
    let time = Some(Duration::from_micros(1500));
    let now = SystemTime::now();
    let certificate = Certificate {
        subject: "CN=x".into(),
        issuer: "CN=y".into(),
        names: vec!["x".into()],
        not_before: now,
        not_after: now,
    };
    let tls = Tls {
        version: "1.3",
        cipher: "TLS13_AES_256_GCM_SHA384".into(),
        alpn: some(),
        certificates: vec![certificate],
        unchecked: some(),
    };
    let facts = Facts {
        url: some(),
        peer: "x:1".into(),
        subprotocol: some(),
        extensions: some(),
        tls: Some(tls),
        timings: Timings { dns: time, tcp: time, proxy: time, tls: time, upgrade: time },
        status: Some(101),
        request: Vec::new(),
        response: vec![("Upgrade".into(), "websocket".into())],
    };
    let tally = Tally {
        messages_in: 1,
        bytes_in: 1,
        messages_out: 1,
        bytes_out: 1,
        unsent_messages: 1,
        unsent_bytes: 1,
        dropped_messages: 1,
        unheard_messages: 1,
        undelivered_messages: 1,
        undelivered_bytes: 1,
        exit: 1,
        cause: some(),
    };
    let pings = Pings { sent: 1, received: 1, loss: 0.5, min: time, avg: time, p95: time, max: time };
    let verdict = Verdict {
        ok: false,
        status: Some(101),
        rtt: time,
        headers: [("upgrade".to_owned(), vec!["websocket".to_owned()])].into(),
        pings: Some(pings),
        facts: facts.clone(),
        exit: 1,
        cause: some(),
    };
    let base64 = || "AP8=".to_owned();
    let kinds = [
        (true, What::Text { data: "x" }),
        (true, What::Binary { base64: base64() }),
        (true, What::Ping { base64: base64() }),
        (true, What::Pong { base64: base64() }),
        (true, What::close(Some(1000), "x")),
        (false, What::Open(&facts)),
        (
            false,
            What::Reconnect { cause: "x", tries: 1, away: 1, doubtful: 1, doubtful_bytes: 1, resent: true },
        ),
        (false, What::Check(&verdict)),
        (false, What::End(&tally)),
    ];
    // A type that is missing above does not compile here.
    let is_known = |what: &What<'_>| match what {
        What::Text { .. } | What::Binary { .. } | What::Ping { .. } | What::Pong { .. } => true,
        What::Close { .. } | What::Open(_) | What::Reconnect { .. } | What::Check(_) | What::End(_) => true,
    };
    assert!(kinds.iter().all(|(_, what)| is_known(what)));
    let record = |(has_dir, what)| Record::new(Some(1), Some(Dir::In).filter(|_| has_dir), what).json();
    kinds.into_iter().map(|kind| serde_json::from_slice(&record(kind)).unwrap()).collect()
}

#[test]
fn every_field_that_is_written_stands_in_the_schema_and_nothing_else() {
    let root = schema();
    let mut ours = BTreeMap::new();
    for record in complete() {
        check(&root, &root, &record, "record").unwrap_or_else(|error| panic!("{error}"));
        written(record.as_object().unwrap(), record["type"].as_str().unwrap(), &mut ours);
    }
    let mut theirs = BTreeMap::new();
    for kind in root["oneOf"].as_array().unwrap() {
        let name = kind["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        named(&root, kind, name, &mut theirs);
    }
    assert_eq!(ours, theirs);
}

#[test]
fn what_is_no_record_is_not_valid() {
    let root = schema();
    for record in [
        r#"{}"#,
        r#"{"time":"2026-01-02T03:04:05.678901Z","type":"text","data":"x"}"#,
        r#"{"time":"yesterday","dir":"in","type":"text","data":"x"}"#,
        r#"{"time":"2026-01-02T03:04:05.678901Z","dir":"in","type":"text","data":1}"#,
        r#"{"time":"2026-01-02T03:04:05.678901Z","dir":"in","type":"text","data":"x","more":1}"#,
        r#"{"time":"2026-01-02T03:04:05.678901Z","dir":"in","type":"binary","base64":"?"}"#,
        r#"{"time":"2026-01-02T03:04:05.678901Z","type":"open"}"#,
    ] {
        let record: Value = serde_json::from_str(record).unwrap();
        assert!(check(&root, &root, &record, "record").is_err(), "{record}");
    }
}

#[test]
fn what_a_client_writes_is_valid() {
    let (url, server) = serve(|mut peer| {
        peer.text("a\nb");
        peer.send(true, 2, b"\0\xff");
        peer.send(true, 9, b"hi");
        peer.send(true, 10, b"");
        peer.close(4001, "bye");
        peer.until_close()
    });
    let done = Wsio::run(["connect", "--json", &url], "");
    server.join().unwrap();
    assert_eq!(types(&valid(done.text())), ["binary", "close", "end", "open", "ping", "pong", "text"].into());

    let done = Wsio::run(["connect", "--json", "ws://127.0.0.1:1/"], "");
    assert_eq!(types(&valid(done.text())), ["end"].into());
    let args = ["connect", "--json", "--compress", "echo:"];
    let done = Wsio::run(args, "{\"type\":\"text\",\"data\":\"x\"}\n");
    let records = valid(done.text());
    assert!(records[0]["extensions"].is_string() && types(&records).contains("text"), "{records:?}");
}

#[test]
fn what_a_check_writes_is_valid() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
    let listening = Listening::start(["listen", "wss://localhost:0", "--echo", "--cert", cert, "--key", key]);
    let url = format!("wss://localhost:{}/", listening.address().rsplit(':').next().unwrap());
    let ca = authority.file.to_str().unwrap();
    let found = |args: &[&str]| {
        let done = Wsio::run(["connect", "--json"].iter().chain(args), "");
        let records = valid(done.text());
        assert_eq!(types(&records), ["check"].into(), "{}", done.err);
        records[0].clone()
    };
    assert!(found(&["--check", "--cacert", ca, &url])["tls"]["certificates"][0].is_object());
    assert!(found(&["--check", "-k", &url])["tls"].is_object());
    assert!(found(&["--ping", "3", "--ping-interval", "10ms", "--cacert", ca, &url])["p95"].is_number());
    assert_eq!(found(&["--check", &url])["ok"], false);
    assert_eq!(found(&["--check", "ws://127.0.0.1:1/"])["exit"], 7);
}

#[test]
fn what_a_server_and_a_recorder_write_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.jsonl");
    let (url, server) = serve(|mut peer| {
        while let Some(frame) = peer.next() {
            let _ = peer.try_send(true, frame.opcode, &frame.payload);
            if frame.opcode == 8 {
                break;
            }
        }
    });
    let args = ["connect", "--json", "--record", file.to_str().unwrap(), &url];
    let done = Wsio::run(args, "{\"type\":\"text\",\"data\":\"x\"}\n{\"type\":\"close\"}\n");
    server.join().unwrap();
    assert!(types(&valid(done.text())).contains("end"), "{}", done.err);
    let recorded = valid(&fs::read_to_string(&file).unwrap());
    assert!(recorded.iter().any(|record| record["dir"] == "out"), "{recorded:?}");

    let listening = Listening::start(["listen", "0", "--json"]);
    let mut peer = Peer::dial_with(listening.address(), "/a?token=x", &[]);
    peer.text("first");
    peer.close(1001, "off");
    peer.until_close();
    eventually("it has ended", || listening.wsio.out_so_far().ends_with(b"\"exit\":0}\n"));
    let records = valid(&String::from_utf8(listening.wsio.out_so_far()).unwrap());
    assert_eq!(types(&records), ["close", "end", "open", "text"].into());
    assert!(records.iter().all(|record| record["conn"] == 1), "{records:?}");
}

#[test]
fn what_a_client_writes_that_was_cut_off_is_valid() {
    let (url, server) = serve_many(|listener| {
        // The first connection breaks, the second ends in order.
        drop(Peer::accept(listener));
        let mut peer = Peer::accept(listener);
        peer.close(1000, "");
        peer.until_close();
    });
    let done = Wsio::run(["connect", "--reconnect", "--json", &url], "");
    server.join().unwrap();
    let records = valid(done.text());
    assert!(types(&records).contains("reconnect"), "{}\n{}", done.text(), done.err);
}
