//! Signs of a cut other than a reset: TLS lacks close_notify, a child gets SIGHUP, a Unix peer only the end.

use super::{ENDS, End, PINGS, SIZE, gives};
use crate::harness::{Authority, Listening, Pair, Peer, Wsio, accept_bounded, eventually, serve, tls_dial};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{
    fs,
    io::{ErrorKind, Read},
    net::TcpListener,
    os::unix::net::UnixListener,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

/// The TLS side of the next connection.
pub fn accept_tls(
    listener: &TcpListener,
    pair: &Pair,
) -> rustls::StreamOwned<rustls::ServerConnection, std::net::TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&pair.cert).unwrap()],
            PrivateKeyDer::from_pem_file(&pair.key).unwrap(),
        )
        .unwrap();
    let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
    rustls::StreamOwned::new(connection, accept_bounded(listener))
}

/// A TLS target that reads to the end: how many bytes came, and whether close_notify was missing.
fn tls_target(pair: Pair) -> (String, JoinHandle<(usize, bool)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tls:localhost:{}", listener.local_addr().unwrap().port());
    (endpoint, thread::spawn(move || reads(accept_tls(&listener, &pair))))
}

/// Reads TLS to its end: how many bytes came, and whether close_notify was missing.
fn reads(mut stream: impl Read) -> (usize, bool) {
    let (mut bytes, mut chunk) = (0, vec![0; 65536]);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return (bytes, false),
            Ok(count) => bytes += count,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return (bytes, true),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_tls_peer_gets_no_close_notify_after_an_abnormal_end() {
    let authority = Authority::new();
    for end in &ENDS {
        let (tls, reading) = tls_target(authority.signs(&["localhost"]));
        let (url, _peer) = serve(move |peer| gives(peer, end));
        let ca = authority.file.to_str().unwrap();
        let done = Wsio::run(["pipe", &url, &tls, "--cacert", ca, "-4"].iter().chain(&PINGS), "");
        assert_eq!(done.code, end.exit, "{} {}", end.name, done.err);
        assert_eq!(reading.join().unwrap(), (SIZE, !end.whole), "{}", end.name);
    }
}

#[test]
fn a_tls_client_of_a_bridge_gets_no_close_notify_after_an_abnormal_end() {
    for end in &ENDS {
        let (url, _peer) = serve(move |peer| gives(peer, end));
        let args = ["pipe", "tls-listen:127.0.0.1:0", &url, "--self-signed"];
        let bridge = Listening::start(args.iter().chain(&PINGS));
        let seen = reads(tls_dial(bridge.address()));
        assert_eq!(seen, (SIZE, !end.whole), "{}: {}", end.name, bridge.wsio.err_so_far());
    }
}

#[test]
fn a_unix_peer_is_told_by_our_exit_code_only() {
    let folder = tempfile::tempdir().unwrap();
    for (number, end) in ENDS.iter().enumerate() {
        let path = folder.path().join(number.to_string());
        let listener = UnixListener::bind(&path).unwrap();
        let reading = thread::spawn(move || {
            let mut bytes = Vec::new();
            listener.accept().unwrap().0.read_to_end(&mut bytes).map(|_| bytes.len())
        });
        let (url, _peer) = serve(move |peer| gives(peer, end));
        let unix = format!("unix:{}", path.display());
        let done = Wsio::run(["pipe", &url, &unix].iter().chain(&PINGS), "");
        assert_eq!(done.code, end.exit, "{} {}", end.name, done.err);
        assert_eq!(reading.join().unwrap().unwrap(), SIZE, "{}", end.name);
    }
}

/// A shell that writes down that it was hung up on, and then how much it had.
fn child(said: &Path) -> String {
    format!(
        "trap 'echo hup >> {said}' HUP; trap '' TERM; cat | wc -c > {said}.count; \
         for i in 1 2 3 4 5; do sleep 0.1; done; echo end >> {said}",
        said = said.display()
    )
}

#[track_caller]
fn was_hung_up(said: &Path, expected: bool, end: &End) {
    eventually("the child ends", || fs::read_to_string(said).is_ok_and(|text| text.ends_with("end\n")));
    let text = fs::read_to_string(said).unwrap();
    assert_eq!(text.contains("hup"), expected, "{}", end.name);
}

#[test]
fn a_child_is_hung_up_on_after_an_abnormal_end_where_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for (number, end) in ENDS.iter().enumerate() {
            for hangup in [true, false] {
                let said = folder.path().join(format!("pipe-{number}-{hangup}"));
                scope.spawn(move || {
                    let (url, _peer) = serve(move |peer| gives(peer, end));
                    let args = ["pipe", &url, &format!("sh:{}", child(&said))];
                    let more = if hangup { &["--hangup"][..] } else { &[] };
                    let done = Wsio::run(args.iter().chain(&PINGS).chain(more), "");
                    assert_eq!(done.code, end.exit, "{} {}", end.name, done.err);
                    was_hung_up(&said, hangup && !end.whole, end);
                });
            }
        }
    });
}

#[test]
fn so_is_a_servers() {
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for (number, end) in ENDS.iter().enumerate() {
            let said = folder.path().join(format!("listen-{number}"));
            scope.spawn(move || {
                let script = child(&said);
                let args = ["listen", "0", "--hangup"].into_iter().chain(PINGS);
                let server = Listening::start(args.chain(["--", "/bin/sh", "-c", &script]));
                gives(Peer::dial(server.address()), end);
                was_hung_up(&said, !end.whole, end);
            });
        }
    });
}
