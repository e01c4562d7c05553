//! The reverse: a byte side that is cut closes the WebSocket with 1011 and is 26; one that takes nothing
//! after its own end, with 1001 and 23.

use super::signs::accept_tls;
use crate::harness::{
    Authority, Listening, PATIENCE, Peer, Wsio, accept_bounded, eventually, serve, tls_dial,
};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::Duration,
};

fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
}

/// A TCP source that does this with its connection.
fn source(act: fn(TcpStream)) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp:{}", listener.local_addr().unwrap());
    (endpoint, thread::spawn(move || act(accept_bounded(&listener))))
}

/// Gives something, and resets once the other side has it.
fn gives_and_resets(mut stream: TcpStream) {
    stream.write_all(b"half of it").unwrap();
    // The other side says that it has it.
    stream.read_exact(&mut [0; 3]).unwrap();
    reset(stream);
}

/// Reads to our Close; what came and its code.
fn takes(mut peer: Peer) -> (Vec<u8>, Option<u16>) {
    let mut bytes = Vec::new();
    loop {
        let Some(frame) = peer.next() else { return (bytes, None) };
        match frame.opcode {
            8 => {
                let _ = peer.try_send(true, 8, &frame.payload);
                return (bytes, frame.code());
            }
            0..=2 => {
                bytes.extend_from_slice(&frame.payload);
                let _ = peer.try_send(true, 2, b"got");
            }
            _ => {}
        }
    }
}

#[test]
fn a_socket_that_is_reset_before_its_end_is_no_end() {
    for target_first in [true, false] {
        let (tcp, giving) = source(gives_and_resets);
        let (url, peer) = serve(takes);
        let ends = if target_first { [&tcp, &url] } else { [&url, &tcp] };
        let done = Wsio::run(["pipe", ends[0], ends[1]], "");
        giving.join().unwrap();
        assert_eq!(done.code, 26, "{}", done.err);
        assert_eq!(peer.join().unwrap(), (b"half of it".to_vec(), Some(1011)));
    }
}

#[test]
fn so_it_is_behind_a_server_and_in_front_of_a_bridge() {
    let (tcp, giving) = source(gives_and_resets);
    let once = Listening::start(["listen", "0", "--once", "--to", &tcp]);
    assert_eq!(takes(Peer::dial(once.address())), (b"half of it".to_vec(), Some(1011)));
    giving.join().unwrap();
    let done = once.wsio.wait();
    assert_eq!(done.code, 26, "{}", done.err);

    let (url, peer) = serve(takes);
    let bridge = Listening::start(["pipe", "tcp-listen:127.0.0.1:0", &url]);
    let address = bridge.url.trim_start_matches("tcp://").trim_start_matches("tcp-listen:");
    gives_and_resets(TcpStream::connect(address).unwrap());
    assert_eq!(peer.join().unwrap(), (b"half of it".to_vec(), Some(1011)));
}

#[test]
fn tls_that_ends_without_close_notify_is_no_end() {
    let authority = Authority::new();
    for notifies in [false, true] {
        let pair = authority.signs(&["localhost"]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tls = format!("tls:localhost:{}", listener.local_addr().unwrap().port());
        let giving = thread::spawn(move || {
            let mut stream = accept_tls(&listener, &pair);
            stream.write_all(b"half of it").unwrap();
            stream.read_exact(&mut [0; 3]).unwrap();
            if notifies {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
            stream.sock.shutdown(Shutdown::Write).unwrap();
            let _ = stream.sock.read_to_end(&mut Vec::new());
        });
        let (url, peer) = serve(takes);
        let ca = authority.file.to_str().unwrap();
        let done = Wsio::run(["pipe", &tls, &url, "--cacert", ca, "-4", "--linger", "100ms"], "");
        giving.join().unwrap();
        let (exit, close) = if notifies { (0, 1000) } else { (26, 1011) };
        assert_eq!(done.code, exit, "{}", done.err);
        let told = done.err.ends_with(": TLS ended without close_notify\n");
        assert_eq!(told, !notifies, "{}", done.err);
        assert_eq!(peer.join().unwrap(), (b"half of it".to_vec(), Some(close)));
    }
}

#[test]
fn so_it_is_of_a_tls_client_of_a_bridge() {
    for notifies in [false, true] {
        let (url, peer) = serve(takes);
        let args = ["pipe", "tls-listen:127.0.0.1:0", &url, "--self-signed", "--linger", "100ms"];
        let bridge = Listening::start(args);
        let mut client = tls_dial(bridge.address());
        client.write_all(b"half of it").unwrap();
        client.read_exact(&mut [0; 3]).unwrap();
        if notifies {
            client.conn.send_close_notify();
            client.flush().unwrap();
        }
        client.sock.shutdown(Shutdown::Write).unwrap();
        let close = if notifies { 1000 } else { 1011 };
        assert_eq!(peer.join().unwrap(), (b"half of it".to_vec(), Some(close)));
    }
}

#[test]
fn one_that_takes_nothing_after_its_end_is_an_output_that_failed() {
    for target_first in [true, false] {
        // It says that it has ended, and is gone for what comes then.
        let (tcp, ending) = source(|mut stream| {
            stream.write_all(b"all of it").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            stream.read_exact(&mut [0; 3]).unwrap();
            reset(stream);
        });
        let (url, peer) = serve(|mut peer| {
            let mut reading = peer.reader();
            let closing = thread::spawn(move || reading.until_close().and_then(|frame| frame.code()));
            while !closing.is_finished() && peer.try_send(true, 2, b"got").is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
            let code = closing.join().unwrap();
            let _ = peer.try_send(true, 8, &[3, 233]);
            code
        });
        let ends = if target_first { [&tcp, &url] } else { [&url, &tcp] };
        let done = Wsio::run(["pipe", ends[0], ends[1], "--linger", "20s"], "");
        ending.join().unwrap();
        assert_eq!(done.code, 23, "{}", done.err);
        assert_eq!(peer.join().unwrap(), Some(1001), "{}", done.err);
    }
}

#[test]
fn a_reset_of_one_end_reaches_the_other_though_that_one_goes_on() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp:{}", target.local_addr().unwrap());
    let listening = Listening::start(["pipe", "tcp-listen:127.0.0.1:0", &endpoint]);
    let mut client = TcpStream::connect(listening.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut served = accept_bounded(&target);
    served.write_all(b"partial").unwrap();
    let mut came = [0; 7];
    client.read_exact(&mut came).unwrap();
    reset(served);
    // The client neither says anything nor ends.
    let error = client.read(&mut came).unwrap_err();
    assert_eq!((error.kind(), &came), (io::ErrorKind::ConnectionReset, b"partial"), "{error}");
    listening.wsio.says("Connection reset by peer");
    // And the other way round.
    let mut client = TcpStream::connect(listening.address()).unwrap();
    let mut served = accept_bounded(&target);
    client.write_all(b"partial").unwrap();
    served.read_exact(&mut came).unwrap();
    reset(client);
    let error = served.read(&mut came).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    // Standard input that stays open is no reason to stay.
    let alone = Wsio::start(["pipe", "-", &endpoint]);
    let mut served = accept_bounded(&target);
    served.write_all(b"partial").unwrap();
    eventually("it is open and has that", || alone.out_so_far() == b"partial");
    reset(served);
    let done = alone.wait();
    assert_eq!(done.code, 26, "{}", done.err);
}
