//! `tcp:`, `tls:`, `unix:` and their listening forms: byte streams without a protocol of their own.

use super::{Endpoint, Flags, Kind, OpenContext, Opened, OpenedLink, Opening, Opens, Scheme, StreamAcceptor};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    framing::record::Timings,
    link::{Port, Texts},
    net::{self, ListenAddr, Listener},
    os_text,
};
use std::{path::PathBuf, time::SystemTime};

pub(super) const TCP: Scheme = Scheme {
    name: "tcp",
    form: "tcp:HOST:PORT",
    example: "tcp:127.0.0.1:22",
    summary: "TCP client",
    kind: Kind::Stream,
    flags: Flags { dialled: true, ..Flags::NONE },
    a: true,
    b: true,
    parse: |text| dial(text, false),
};

pub(super) const TLS: Scheme = Scheme {
    name: "tls",
    form: "tls:HOST:PORT",
    example: "tls:example.com:993",
    summary: "TLS client over TCP",
    kind: Kind::Stream,
    flags: Flags { dialled: true, secure: true, ..Flags::NONE },
    a: true,
    b: true,
    parse: |text| dial(text, true),
};

pub(super) const TCP_LISTEN: Scheme = Scheme {
    name: "tcp-listen",
    form: "tcp-listen:ADDR",
    example: "tcp-listen:127.0.0.1:2222",
    summary: "TCP server, one bridge per client",
    kind: Kind::StreamServer,
    flags: Flags::NONE,
    a: true,
    b: false,
    parse: |text| match ListenAddr::parse(text) {
        Ok(ListenAddr::Unix(_)) => Err(malformed("a Unix socket is written unix-listen:PATH")),
        Ok(address) => Ok(Box::new(StreamListening { address, tls: false })),
        Err(cause) => Err(malformed(&cause)),
    },
};

pub(super) const TLS_LISTEN: Scheme = Scheme {
    name: "tls-listen",
    form: "tls-listen:ADDR",
    example: "tls-listen:127.0.0.1:8883",
    summary: "TLS server over TCP, one bridge per client",
    kind: Kind::StreamServer,
    flags: Flags { secure: true, ..Flags::NONE },
    a: true,
    b: false,
    parse: |text| match ListenAddr::parse(text) {
        Ok(address) => Ok(Box::new(StreamListening { address, tls: true })),
        Err(cause) => Err(malformed(&cause)),
    },
};

pub(super) const UNIX: Scheme = Scheme {
    name: "unix",
    form: "unix:PATH",
    example: "unix:/run/app.sock",
    summary: "Unix socket client",
    kind: Kind::Stream,
    flags: Flags { path: true, ..Flags::NONE },
    a: true,
    b: true,
    parse: |path| Ok(Box::new(StreamDial::Unix(some_path(path)?))),
};

pub(super) const UNIX_LISTEN: Scheme = Scheme {
    name: "unix-listen",
    form: "unix-listen:PATH",
    example: "unix-listen:/run/app.sock",
    summary: "Unix socket server, one bridge per client",
    kind: Kind::StreamServer,
    flags: Flags { path: true, ..Flags::NONE },
    a: true,
    b: false,
    parse: |path| match ListenAddr::parse(path) {
        Ok(ListenAddr::Descriptor(_) | ListenAddr::Systemd) => {
            Err(malformed(&format!("an inherited socket, Unix or TCP, is written tcp-listen:{path}"))
                .hint(format!("unix-listen:./{path} for a file of that name")))
        }
        _ => Ok(Box::new(StreamListening { address: ListenAddr::Unix(some_path(path)?), tls: false })),
    },
};

fn dial(text: &str, tls: bool) -> Result<Box<dyn Endpoint>> {
    let (host, port) = net::host_port(text).map_err(|cause| malformed(&cause))?;
    Ok(Box::new(StreamDial::Tcp { host, port, tls }))
}

fn some_path(path: &str) -> Result<PathBuf> {
    if path.is_empty() { Err(malformed("a Unix socket needs a path")) } else { Ok(os_text::path(path)) }
}

fn malformed(cause: &str) -> Fault {
    Fault::new(Exit::Malformed, "endpoint", cause)
}

enum StreamDial {
    Tcp { host: String, port: u16, tls: bool },
    Unix(PathBuf),
}

impl Endpoint for StreamDial {
    fn describe(&self) -> String {
        match self {
            Self::Tcp { host, port, tls } => {
                let scheme = if *tls { "tls" } else { "tcp" };
                format!("{scheme}:{}", net::join(host, *port))
            }
            Self::Unix(path) => format!("unix:{}", path.display()),
        }
    }

    fn open<'a>(&'a self, context: &'a OpenContext, opening: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            let deadline = context.deadline();
            let name = self.describe();
            let mut timings = Timings::default();
            let (peer, stream) = match self {
                Self::Tcp { host, port, tls } => {
                    // Our own files are judged before anybody else is troubled.
                    let connector = if *tls { Some(context.connector().await?) } else { None };
                    let route = context.dialer.route(if *tls { "tls" } else { "tcp" }, host, *port)?;
                    let reporter = context.reporter.of(opening.client.map(|client| client.conn));
                    let dialed = context.dial(&deadline, &reporter, &name, &route, &mut timings).await?;
                    let host = net::without_zone(host);
                    let stream = match connector {
                        Some(tls) => {
                            let shaken = deadline.phase("tls", &name, tls.connect(dialed.stream, host)).await;
                            let (stream, facts) = shaken?;
                            facts.lines(SystemTime::now()).iter().for_each(|line| reporter.verbose(line));
                            stream
                        }
                        None => dialed.stream,
                    };
                    (dialed.peer, stream)
                }
                Self::Unix(path) => {
                    let dialed = deadline.phase("connect", &name, net::dial_unix(path)).await?;
                    (dialed.peer, dialed.stream)
                }
            };
            let texts = Texts { input: name.clone(), output: name };
            let link = context.bytes(Port::Stream(stream), texts);
            Ok(OpenedLink::new(link, peer).into())
        })
    }
}

struct StreamListening {
    address: ListenAddr,
    tls: bool,
}

impl Endpoint for StreamListening {
    fn describe(&self) -> String {
        match (&self.address, self.tls) {
            (ListenAddr::Unix(path), false) => format!("unix-listen:{}", path.display()),
            (address, false) => format!("tcp-listen:{address}"),
            (address, true) => format!("tls-listen:{address}"),
        }
    }

    fn open<'a>(&'a self, context: &'a OpenContext, _: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            // What is inside of TLS is not known here, so that every ALPN is as good as none.
            let tls = || context.acceptor(&self.describe(), &self.address, None);
            let tls = self.tls.then(tls).transpose()?;
            let listener = Listener::bind(&self.address, &context.common.server.bind).await?;
            let scheme = if self.tls { "tls" } else { "tcp" };
            Ok(Opened::Acceptor(StreamAcceptor { listener, scheme, tls, greeting: None }.into()))
        })
    }
}
