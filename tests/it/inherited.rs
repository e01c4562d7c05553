//! Sockets that were handed to us: `fd:N`, and what systemd passes.

use crate::harness::{PATIENCE, Peer, Wsio, eventually};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
};

/// What systemd sets for two sockets.
const SYSTEMD: &str = "export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:admin";

/// A listening socket on loopback, and its address.
fn tcp() -> (OwnedFd, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener.into(), address)
}

fn nothing() -> OwnedFd {
    std::fs::File::open("/dev/null").unwrap().into()
}

fn echoes(address: &str) {
    let mut peer = Peer::dial(address);
    peer.text("hello");
    assert_eq!(peer.message().unwrap(), b"hello");
    peer.close(1000, "");
    peer.until_close();
}

/// A request to upgrade, with this Host.
fn request(host: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// How the answer begins.
fn status(stream: &mut impl Read) -> String {
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    String::from_utf8_lossy(&status).into_owned()
}

#[test]
fn systemd_hands_over_every_socket_and_whoever_waits_there() {
    let ((first, one), (second, two)) = (tcp(), tcp());
    // The socket is there before the server is: a client that came first is served.
    let mut early = TcpStream::connect(&two).unwrap();
    early.write_all(request("localhost").as_bytes()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("urls");
    let args = ["listen", "systemd", "--echo", "--announce", file.to_str().unwrap()];
    let wsio = Wsio::handed(SYSTEMD, [first, second], args);
    for address in [&one, &two] {
        wsio.says(&format!("listening on ws://{address}/"));
    }
    eventually("the file", || file.exists());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("ws://{one}/\nws://{two}/\n"));
    for address in [&one, &two, &one] {
        echoes(address);
    }
    assert_eq!(status(&mut early), "HTTP/1.1 101");
    drop(early);
    wsio.signal(rustix::process::Signal::TERM);
    let done = wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn a_unix_socket_of_systemd_keeps_its_file_and_minds_no_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let (socket, address) = tcp();
    let unix = UnixListener::bind(&path).unwrap();
    let wsio = Wsio::handed(SYSTEMD, [socket, unix.into()], ["listen", "systemd", "--echo"]);
    wsio.says(&format!("listening on ws+unix:{}", path.display()));
    // Whoever stands in front of a Unix socket names the host it serves; on loopback a page could do that.
    let mut unix = UnixStream::connect(&path).unwrap();
    let mut tcp = TcpStream::connect(&address).unwrap();
    unix.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    unix.write_all(request("app.example").as_bytes()).unwrap();
    tcp.write_all(request("app.example").as_bytes()).unwrap();
    assert_eq!(status(&mut unix), "HTTP/1.1 101");
    assert_eq!(status(&mut tcp), "HTTP/1.1 421");
    drop((unix, tcp));
    wsio.signal(rustix::process::Signal::TERM);
    assert_eq!(wsio.wait().code, 0);
    assert!(path.exists(), "the file is the parent's");
}

#[test]
fn a_descriptor_is_listened_on_wherever_an_address_stands() {
    let (socket, address) = tcp();
    let wsio = Wsio::handed("", [socket, nothing()], ["listen", "fd:3", "--echo"]);
    wsio.says(&format!("listening on ws://{address}/"));
    echoes(&address);

    let (socket, address) = tcp();
    let wsio = Wsio::handed("", [nothing(), socket], ["pipe", "ws-listen:fd:4", "echo:"]);
    wsio.says(&format!("listening on ws://{address}/"));
    echoes(&address);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raw.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let wsio = Wsio::handed("", [unix.into(), nothing()], ["pipe", "tcp-listen:fd:3", "echo:"]);
    wsio.says(&format!("listening on unix:{}", path.display()));
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"raw").unwrap();
    let mut back = [0; 3];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"raw");
}

#[test]
fn an_inherited_public_address_is_noted() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let wsio = Wsio::handed("", [listener.into(), nothing()], ["listen", "fd:3", "--echo"]);
    wsio.says("anyone who reaches this address may connect");
}

#[test]
fn what_was_not_handed_over_is_116_and_says_why() {
    for (before, address, cause) in [
        ("", "fd:3", "fd:3: is not a socket"),
        ("", "fd:4", "fd:4: is a socket that does not listen"),
        ("", "fd:9", "fd:9: no descriptor of this number was handed to us"),
        ("", "systemd", "LISTEN_FDS is not set"),
        ("export LISTEN_PID=1 LISTEN_FDS=2", "systemd", "the sockets are for another process"),
        ("export LISTEN_FDS=2", "systemd", "LISTEN_PID is not set"),
        (SYSTEMD, "systemd", "fd:3: is not a socket"),
    ] {
        let pair = UnixStream::pair().unwrap();
        let wsio = Wsio::handed(before, [nothing(), pair.0.into()], ["listen", address, "--echo"]);
        let done = wsio.wait();
        assert_eq!(done.code, 116, "{address}: {}", done.err);
        assert!(done.err.contains(cause), "{address}: {}", done.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn children_know_nothing_of_handed_sockets() {
    let ((first, address), (second, _)) = (tcp(), tcp());
    let args = ["listen", "systemd", "--", "sh", "-c", "env | grep LISTEN_; echo env; exec ls /proc/self/fd"];
    let wsio = Wsio::handed(SYSTEMD, [first, second], args);
    wsio.says(&format!("listening on ws://{address}/"));
    let mut peer = Peer::dial(&address);
    let seen: Vec<_> = (0..5).map(|_| String::from_utf8(peer.message().unwrap()).unwrap()).collect();
    assert_eq!(seen, ["env", "0", "1", "2", "3"], "the last one is the folder that ls reads");
}

#[test]
fn places_where_an_inherited_socket_cannot_stand() {
    for (args, code, text) in [
        (&["listen", "fd:x"][..], 3, "number of a descriptor"),
        (&["listen", "fd:1"], 3, "standard stream"),
        (&["pipe", "unix-listen:fd:3", "echo:"], 3, "tcp-listen:fd:3"),
        (&["pipe", "unix-listen:systemd", "echo:"], 3, "tcp-listen:systemd"),
        (&["listen", "fd:3", "--mode", "0660"], 2, "--mode"),
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, code, "{args:?}: {}", done.err);
        assert!(done.err.contains(text), "{args:?}: {}", done.err);
    }
}
