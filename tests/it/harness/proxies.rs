//! Proxies written by hand: CONNECT and SOCKS5, with and without a login, that know names of their own.

use super::{accept_bounded, field, read_head};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
};

/// A name that nobody but these proxies knows; it leads to 127.0.0.1.
pub const NAME: &str = "server.test";

/// A running proxy.
pub struct Proxy {
    /// `HOST:PORT`.
    pub address: String,
    /// What each client asked for: the head of its request, or the words of a SOCKS exchange.
    pub asked: Receiver<String>,
}

impl Proxy {
    /// Gives tunnels to CONNECT, to anyone or only with `NAME:PASSWORD`.
    pub fn http(login: Option<&'static str>) -> Self {
        Self::serve(move |mut client, told| {
            let head = read_head(&mut client);
            let expected = login.map(|login| format!("Basic {}", BASE64_STANDARD.encode(login)));
            let allowed = expected.is_none() || field(&head, "proxy-authorization") == expected;
            told(head.clone());
            if !allowed {
                let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\
                               Content-Length: 11\r\n\r\nwho are you";
                return client.write_all(refusal.as_bytes());
            }
            let goal = head.split_whitespace().nth(1).unwrap_or_default();
            let server = dial(goal)?;
            client.write_all(b"HTTP/1.1 200 Connection established\r\nX-Via: test\r\n\r\n")?;
            relay(&client, &server)
        })
    }

    /// Gives tunnels by SOCKS5, to anyone or only with `NAME:PASSWORD`.
    pub fn socks(login: Option<&'static str>) -> Self {
        Self::serve(move |mut client, told| {
            let [version, count] = read(&mut client)?;
            let mut methods = vec![0; usize::from(count)];
            client.read_exact(&mut methods)?;
            let wanted = if login.is_some() { 2 } else { 0 };
            if version != 5 || !methods.contains(&wanted) {
                told(format!("methods {methods:?}"));
                return client.write_all(&[5, 0xff]);
            }
            client.write_all(&[5, wanted])?;
            if let Some(login) = login {
                let [_, length] = read(&mut client)?;
                let name = string(&mut client, length)?;
                let [length] = read(&mut client)?;
                let given = format!("{name}:{}", string(&mut client, length)?);
                client.write_all(&[1, u8::from(given != login)])?;
                if given != login {
                    told(format!("login {given}"));
                    return Ok(());
                }
            }
            let [_, command, _, kind] = read(&mut client)?;
            let (word, host) = match kind {
                1 => ("v4", Ipv4Addr::from(read::<4>(&mut client)?).to_string()),
                4 => ("v6", format!("[{}]", Ipv6Addr::from(read::<16>(&mut client)?))),
                _ => {
                    let [length] = read(&mut client)?;
                    ("name", string(&mut client, length)?)
                }
            };
            let port = u16::from_be_bytes(read(&mut client)?);
            told(format!("{word} {host}"));
            let server =
                if command == 1 { dial(&format!("{host}:{port}")) } else { Err(io::ErrorKind::Other.into()) };
            match server {
                Ok(server) => {
                    // Its own end under a name, which nobody sends and everybody may.
                    client.write_all(&[5, 0, 0, 3, 2, b'm', b'e', 0, 80])?;
                    relay(&client, &server)
                }
                Err(_) => client.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]),
            }
        })
    }

    /// Reads one request and gives this answer, whatever was asked, to every client.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::serve(move |mut client, told| {
            told(read_head(&mut client));
            client.write_all(&answer)?;
            client.shutdown(Shutdown::Write)?;
            io::copy(&mut client, &mut io::sink()).map(|_| ())
        })
    }

    /// Agrees on no login and answers every request for a tunnel with this reply, and this behind it.
    pub fn socks_replying(reply: u8, then: &'static str) -> Self {
        Self::serve(move |mut client, _| {
            read::<3>(&mut client)?;
            client.write_all(&[5, 0])?;
            read::<5>(&mut client)?;
            client.write_all(&[&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0], then.as_bytes()].concat())?;
            client.shutdown(Shutdown::Write)?;
            io::copy(&mut client, &mut io::sink()).map(|_| ())
        })
    }

    fn serve(talk: impl Fn(TcpStream, &dyn Fn(String)) -> io::Result<()> + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (tell, asked) = channel();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (talk, tell) = (talk.clone(), tell.clone());
                thread::spawn(move || {
                    let told = |text| drop(tell.send(text));
                    talk(client.unwrap(), &told)
                });
            }
        });
        Self { address, asked }
    }

    /// What the next client asked for.
    pub fn next(&self) -> String {
        self.asked.recv_timeout(super::PATIENCE).expect("somebody asks the proxy")
    }

    /// Nobody asked for anything so far.
    pub fn is_unused(&self) -> bool {
        self.asked.try_recv().is_err()
    }
}

/// A TLS front before the address: what stands behind it is spoken to in plain text.
pub fn tls_front(pair: &super::Pair, behind: String) -> SocketAddr {
    tls_front_of(pair, behind, rustls::ALL_VERSIONS)
}

/// A TLS front that speaks these versions only.
pub fn tls_front_of(
    pair: &super::Pair,
    behind: String,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> SocketAddr {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(&pair.cert).unwrap()],
            PrivateKeyDer::from_pem_file(&pair.key).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let mut client = acceptor.accept(client).await?;
                    let mut server = tokio::net::TcpStream::connect(behind).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
    });
    address
}

/// A server that says this first and keeps the connection until the client leaves.
pub fn greeting(text: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut stream = accept_bounded(&listener);
        stream.write_all(text.as_bytes()).unwrap();
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    address
}

fn dial(goal: &str) -> io::Result<TcpStream> {
    TcpStream::connect(goal.replace(NAME, "127.0.0.1"))
}

fn relay(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    let copy = |from: &TcpStream, to: &TcpStream| -> io::Result<()> {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            to.shutdown(Shutdown::Write)
        });
        Ok(())
    };
    copy(client, server)?;
    copy(server, client)
}

fn read<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).map(|()| bytes)
}

fn string(stream: &mut TcpStream, length: u8) -> io::Result<String> {
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
