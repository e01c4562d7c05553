//! `--check` and `--ping`: what is found, and the exit code of the stage that failed.

use crate::harness::{Authority, Listening, Peer, Wsio, accept_bounded, read_head, serve, serve_many};
use serde_json::Value;
use std::{io::Write, net::TcpListener, time::Instant};

fn json(out: &str) -> Value {
    assert_eq!(out.lines().count(), 1, "{out}");
    serde_json::from_str(out).unwrap()
}

#[test]
fn a_check_times_every_stage_and_says_so_in_one_line() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
    let listening = Listening::start(["listen", "wss://localhost:0", "--echo", "--cert", cert, "--key", key]);
    let port = listening.address().rsplit(':').next().unwrap();
    let url = format!("wss://localhost:{port}/x?token=s3cret");
    let ca = authority.file.to_str().unwrap();
    let done = Wsio::run(["connect", "--check", "--cacert", ca, &url], "");
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let line = done.text();
    assert!(line.starts_with(&format!("ok | wss://localhost:{port}/x?token=[hidden] | ")), "{line}");
    for part in [
        "| status 101 |",
        "| dns ",
        "| tcp ",
        "| tls ",
        "| upgrade ",
        "| ping ",
        "| TLS 1.3 ",
        "| certificate of localhost, valid until ",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let done = Wsio::run(["connect", "--check", "--json", "--cacert", ca, &url], "");
    let check = json(done.text());
    assert_eq!((&check["type"], &check["ok"], &check["exit"]), (&"check".into(), &true.into(), &0.into()));
    assert!(check["rtt"].is_number() && check["timings"]["tls"].is_number(), "{check}");
    assert_eq!(check["tls"]["certificates"][0]["names"][0], "localhost");
}

#[test]
fn each_stage_has_its_own_exit_code() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = Wsio::run(["connect", "--check", &format!("ws://{free}/")], "");
    assert_eq!(done.code, 7);
    assert!(
        done.text().starts_with(&format!("failed | ws://{free}/ | dns "))
            && done.text().contains(" ms | exit 7: connect: "),
        "{}",
        done.text()
    );

    let listening = Listening::start(["listen", "0", "--self-signed", "--echo"]);
    assert_eq!(Wsio::run(["connect", "--check", &listening.url], "").code, 60);

    let (url, server) = serve_many(|listener| {
        let mut stream = accept_bounded(listener);
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let done = Wsio::run(["connect", "--check", "--json", &url], "");
    server.join().unwrap();
    let check = json(done.text());
    assert_eq!((done.code, &check["status"], &check["ok"]), (22, &401.into(), &false.into()));

    let (url, server) = serve(|mut peer| {
        peer.next();
        peer.close(1011, "sick");
        peer.until_close();
    });
    let done = Wsio::run(["connect", "--check", &url], "");
    server.join().unwrap();
    assert_eq!(done.code, 115, "{}", done.text());
    assert!(done.text().contains("1011 internal error: sick"), "{}", done.text());
}

#[test]
fn a_refusal_that_must_happen_is_success_and_an_open_socket_is_not() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    let check = |more: &[&str]| {
        let args = ["connect", "--check", listening.url.as_str()];
        let done = Wsio::run(args.iter().chain(more), "");
        (done.code, done.text().to_owned())
    };
    let evil = ["--origin", "http://evil.example", "--expect-status", "403"];
    assert_eq!(check(&evil).0, 0);
    let (code, line) = check(&["--expect-status", "403"]);
    assert_eq!(code, 1);
    assert!(line.contains("expected status 403, got 101"), "{line}");
    let (code, line) = check(&["--origin", "http://evil.example", "--expect-status", "401"]);
    assert_eq!(code, 1);
    assert!(line.contains("expected status 401, got 403"), "{line}");
    assert_eq!(check(&["--expect-header", "upgrade: (?i)^websocket$"]).0, 0);
    let (code, line) = check(&["--expect-header", "server: nginx"]);
    assert_eq!(code, 1);
    assert!(line.contains("expected server to match /nginx/, got no such field"), "{line}");
    assert_eq!(check(&["--max-rtt", "30s"]).0, 0);
    assert_eq!(check(&["--fail-if-cert-expires-in", "14d"]).0, 1, "there is no certificate");
}

#[test]
fn a_certificate_that_expires_soon_fails() {
    let authority = Authority::new();
    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(10 * 24 * 3600);
    let pair = authority.signs_with(&["localhost"], |params| params.not_after = soon.into());
    let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
    let listening = Listening::start(["listen", "wss://localhost:0", "--echo", "--cert", cert, "--key", key]);
    let url = format!("wss://localhost:{}/", listening.address().rsplit(':').next().unwrap());
    let ca = authority.file.to_str().unwrap();
    let check = |within: &str| {
        Wsio::run(["connect", "--check", "--cacert", ca, "--fail-if-cert-expires-in", within, &url], "")
    };
    assert_eq!(check("9d").code, 0);
    let done = check("14d");
    assert_eq!(done.code, 1);
    assert!(done.err.contains("the certificate of localhost expires on "), "{}", done.err);
    assert!(done.err.contains("within 14days"), "{}", done.err);
}

#[test]
fn pings_are_counted_and_lost_ones_fail() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    let done = Wsio::run(["connect", "--ping", "2", "--json", &listening.url], "");
    let pings = json(done.text());
    assert_eq!((done.code, &pings["sent"], &pings["received"]), (0, &2.into(), &2.into()), "{pings}");
    assert!(pings["min"].as_f64() <= pings["max"].as_f64());
    assert!(done.err.contains("pong 1: ") && done.err.contains("pong 2: "), "{}", done.err);

    // A peer that never answers a ping, yet closes as it should.
    let (url, server) = serve(|mut peer| peer.answer_close().is_some());
    let done = Wsio::run(["connect", "--ping", "1", &url], "");
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.err.contains("100.0 % of the pings were lost, more than 0 %"), "{}", done.err);
    assert!(server.join().unwrap());
}

#[test]
fn a_pong_with_another_payload_is_one_and_is_told() {
    /// Answers pings with what `answers` makes of their payload.
    fn server(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> String {
        let (url, _) = serve(move |mut peer| {
            while let Some(frame) = peer.next() {
                match frame.opcode {
                    8 => return peer.close(1000, ""),
                    9 => answers(&frame.payload).iter().for_each(|pong| peer.send(true, 10, pong)),
                    _ => {}
                }
            }
        });
        url
    }
    let odd = "the server answers pings with another payload than theirs";
    let done = Wsio::run(["connect", "--check", &server(|_| vec![Vec::new()])], "");
    assert_eq!(done.code, 0, "{} {}", done.text(), done.err);
    assert!(done.text().contains("| ping ") && done.err.contains(odd), "{} {}", done.text(), done.err);
    let done = Wsio::run(["connect", "--ping", "2", &server(|_| vec![b"other".to_vec()])], "");
    assert_eq!((done.code, done.err.matches(odd).count()), (0, 1), "{}", done.err);
    assert!(done.text().contains("0 % lost") || done.text().contains("0.0 %"), "{}", done.text());
    // One that nobody asked for is no answer where the answer comes.
    let both = server(|payload| vec![b"unasked".to_vec(), payload.to_vec()]);
    let done = Wsio::run(["connect", "--check", &both], "");
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.text());
}

#[test]
fn a_pong_that_came_ahead_of_the_ping_is_no_answer() {
    // It comes with the answer to the upgrade, as the heartbeat of a server may; pings are never answered.
    let deaf = || {
        let (url, _) = serve_many(|listener| {
            let mut peer = Peer::accept_and(listener, &[], b"\x8a\x04beat\x81\x02hi");
            while let Some(frame) = peer.next() {
                if frame.opcode == 8 {
                    return peer.close(1000, "");
                }
            }
        });
        url
    };
    let done = Wsio::run(["connect", "--check", "--ping-timeout", "300ms", &deaf()], "");
    assert_eq!(done.code, 28, "{} {}", done.text(), done.err);
    assert!(
        done.text().starts_with("failed | ") && done.err.contains("ping: no pong within"),
        "{}",
        done.err
    );
    // Where the whole run has a limit, it is the pong that was waited for.
    let done = Wsio::run(["connect", "--check", "-m", "300ms", &deaf()], "");
    assert_eq!(done.code, 28, "{} {}", done.text(), done.err);
    assert!(done.err.contains("ping: the time limit (--timeout) is over"), "{}", done.err);
    let done = Wsio::run(["connect", "--ping", "1", "--ping-timeout", "300ms", &deaf()], "");
    assert_eq!(done.code, 1, "{} {}", done.text(), done.err);
}

#[test]
fn a_check_waits_for_a_server_that_is_starting() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let args = ["connect", "--check", "--retry-connrefused", "--retry-max-time", "30s"];
    let wsio = Wsio::start(args.into_iter().chain([format!("ws://{address}/").as_str()]));
    wsio.says("trying again in");
    let _listening = Listening::start(["listen", &address, "--echo"]);
    let done = wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.text().starts_with("ok | "), "{}", done.text());
}

#[test]
fn options_of_a_session_are_not_for_a_check() {
    for args in [
        &["--check", "--send", "x"][..],
        &["--check", "-n", "1"],
        &["--ping", "1", "--check"],
        &["--expect-status", "403"],
        &["--max-rtt", "1s"],
        &["--max-loss", "5"],
        &["--check", "--reconnect"],
    ] {
        let done = Wsio::run(["connect", "ws://127.0.0.1:1/"].iter().chain(args), "");
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
    }
}

#[test]
fn a_verdict_that_cannot_be_written_is_no_success() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    for (probe, code) in [("--check", 23), ("--ping=1", 23)] {
        let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_wsio"))
            .args(["connect", probe, &listening.url])
            .stdin(std::process::Stdio::null())
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(code), "{done:?}");
        assert!(String::from_utf8_lossy(&done.stderr).contains("No space left"), "{done:?}");
    }
}

#[test]
fn pings_stand_as_far_apart_as_they_are_told() {
    let listening = Listening::start(["listen", "127.0.0.1:0", "--echo"]);
    let pings = |more: &[&str]| {
        let args = ["connect", listening.url.as_str(), "--ping", "30"];
        Wsio::run(args.iter().chain(more), "")
    };
    // A second each would be half a minute.
    let done = pings(&["-m", "20s", "--ping-interval", "10ms"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.text().contains("30 of 30 pongs"), "{}", done.text());
    assert_eq!(pings(&["-m", "100ms"]).code, 28);
    assert_eq!(pings(&["--ping-interval", "off"]).code, 2);
}

#[test]
fn a_refusal_that_was_wanted_still_has_to_be_as_expected() {
    let authority = Authority::new();
    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(4 * 24 * 3600);
    let pair = authority.signs_with(&["localhost"], |params| params.not_after = soon.into());
    let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
    let args = ["listen", "wss://localhost:0", "--echo", "--bearer", "t", "--cert", cert, "--key", key];
    let listening = Listening::start(args);
    let url = format!("wss://localhost:{}/", listening.address().rsplit(':').next().unwrap());
    let ca = authority.file.to_str().unwrap();
    let check = |more: &[&str]| {
        let args = ["connect", "--check", "--expect-status", "401", "--cacert", ca, &url];
        Wsio::run(args.iter().chain(more), "")
    };
    for (more, cause) in [
        (&["--fail-if-cert-expires-in", "14d"][..], "within 14days"),
        (&["--expect-header", "server: nginx"], "expected server to match"),
    ] {
        let done = check(more);
        assert_eq!(done.code, 1, "{}", done.err);
        assert!(done.err.contains(cause), "{}", done.err);
    }
    for (more, reason) in [
        (&["--max-rtt", "1s"][..], "--max-rtt is about an open WebSocket"),
        (&["--subprotocol", "p", "--expect-subprotocol", "p"], "--expect-subprotocol is about an open"),
    ] {
        let done = check(more);
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(done.err.contains(reason), "{}", done.err);
    }
    let done = check(&["--fail-if-cert-expires-in", "2d", "--expect-header", "www-authenticate: Bearer"]);
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn a_check_that_fails_tells_all_that_it_found() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost", "other.example"]);
    let (cert, key) = (pair.cert.to_str().unwrap(), pair.key.to_str().unwrap());
    let args = ["listen", "wss://localhost:0", "--echo", "--bearer", "t", "--cert", cert, "--key", key];
    let listening = Listening::start(args);
    let url = format!("wss://localhost:{}/", listening.address().rsplit(':').next().unwrap());
    let ca = authority.file.to_str().unwrap();
    let until = "certificate of localhost, other.example, valid until 4096-01-01T00:00:00Z";
    // Refused, wanted or not: all phases, the certificate, the status, the fields of the answer.
    for (more, code) in [(&[][..], 22), (&["--expect-status", "401"], 0), (&["--expect-status", "403"], 1)] {
        let done = Wsio::run(["connect", "--check", "--cacert", ca, &url].iter().chain(more), "");
        assert_eq!(done.code, code, "{}", done.err);
        for part in [
            " | 127.0.0.1:",
            " | status 401 | ",
            " | tls ",
            " | upgrade ",
            until,
            " | Www-Authenticate: Bearer",
        ] {
            assert!(done.text().contains(part), "{part}: {}", done.text());
        }
        let done = Wsio::run(["connect", "--check", "--json", "--cacert", ca, &url].iter().chain(more), "");
        let check = json(done.text());
        assert_eq!((&check["status"], &check["exit"]), (&401.into(), &code.into()), "{check}");
        assert_eq!(check["headers"]["www-authenticate"][0], "Bearer realm=\"wsio\"", "{check}");
        assert_eq!(check["tls"]["certificates"][0]["names"][1], "other.example", "{check}");
        assert!(check["timings"]["tls"].is_number() && check["peer"] != "", "{check}");
    }
    // Not trusted: what was shown is told all the same.
    let done = Wsio::run(["connect", "--check", "--json", &url], "");
    let check = json(done.text());
    assert_eq!(
        (done.code, &check["tls"]["certificates"][0]["names"][0]),
        (60, &"localhost".into()),
        "{check}"
    );
    assert!(check["tls"].get("version").is_none() && check["timings"]["tcp"].is_number(), "{check}");
    assert!(Wsio::run(["connect", "--check", &url], "").text().contains(until));
    // No subprotocol was chosen of those that were offered.
    let plain = Listening::start(["listen", "0", "--echo"]);
    let wanted = ["--subprotocol", "v9", "--expect-subprotocol", "v9"];
    for mode in [&["--check"][..], &["--ping", "1"]] {
        let done = Wsio::run([&["connect", plain.url.as_str()], mode, &wanted].concat(), "");
        assert_eq!(done.code, 1, "{}", done.text());
        assert!(
            done.text().starts_with("failed | ") && done.text().contains("status 101"),
            "{}",
            done.text()
        );
    }
}

#[test]
fn the_times_of_a_check_are_parts_of_the_run() {
    let listening = Listening::start(["listen", "127.0.0.1:0", "--self-signed", "--echo"]);
    let begun = Instant::now();
    let done = Wsio::run(["connect", "--check", "--json", "-k", &listening.url], "");
    let all = begun.elapsed().as_secs_f64() * 1000.0;
    let check = json(done.text());
    let times = ["tcp", "tls", "upgrade"].map(|phase| check["timings"][phase].as_f64().unwrap());
    let times: Vec<f64> = times.into_iter().chain(check["rtt"].as_f64()).collect();
    assert!(times.len() == 4 && times.iter().all(|time| *time > 0.0), "{check}");
    assert!(times.iter().sum::<f64>() < all, "{check} in {all} ms");
}

#[test]
fn an_answer_that_breaks_off_in_its_head_tells_its_status() {
    let (url, server) = serve_many(|listener| {
        let mut stream = accept_bounded(listener);
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 503 Busy\r\nServer: x\r\n").unwrap();
    });
    let done = Wsio::run(["connect", "--check", "--json", &url], "");
    server.join().unwrap();
    let check = json(done.text());
    assert_eq!((done.code, &check["status"]), (52, &503.into()), "{check}");
}
