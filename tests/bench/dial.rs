//! A client's way to an open WebSocket, over TCP or over rustls.

use crate::{
    frames,
    program::{CERT, PATIENCE, scratch},
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::{Arc, LazyLock},
};

pub trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// Trusts the one certificate of the harness.
static TRUST: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(scratch(CERT)).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
});

/// Opens a `ws:` or `wss:` URL of this machine; `more` is for the head of the request.
pub fn open(url: &str, more: &str) -> io::Result<Box<dyn Stream>> {
    let (scheme, rest) = url.split_once("://").unwrap();
    let address = rest.trim_end_matches('/');
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE / 4))?;
    let mut stream: Box<dyn Stream> = if scheme == "wss" {
        let name = ServerName::try_from("127.0.0.1").unwrap();
        Box::new(StreamOwned::new(
            ClientConnection::new(Arc::clone(&TRUST), name).map_err(io::Error::other)?,
            stream,
        ))
    } else {
        Box::new(stream)
    };
    frames::ask(&mut stream, address, more)?;
    stream.flush()?;
    // A server may give at once.
    frames::is_upgrade(frames::head_alone(&mut stream)?)?;
    Ok(stream)
}
