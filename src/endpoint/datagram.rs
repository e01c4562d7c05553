//! `udp:` and `udp-listen:`: one datagram, one message.

use super::{Acceptor, Endpoint, Flags, Kind, OpenContext, Opened, OpenedLink, Opening, Opens, Scheme};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::{Datagrams, Peers},
    net::{self, ListenAddr},
};

pub(super) const UDP: Scheme = Scheme {
    name: "udp",
    form: "udp:HOST:PORT",
    example: "udp:127.0.0.1:51820",
    summary: "UDP client, one datagram is one message",
    kind: Kind::Datagrams,
    flags: Flags::NONE,
    a: true,
    b: true,
    parse: |text| {
        let (host, port) = net::host_port(text).map_err(|cause| malformed(&cause))?;
        Ok(Box::new(UdpDial { host, port }))
    },
};

pub(super) const UDP_LISTEN: Scheme = Scheme {
    name: "udp-listen",
    form: "udp-listen:ADDR",
    example: "udp-listen:127.0.0.1:51820",
    summary: "UDP server, one bridge per peer until it is silent for 60 s",
    kind: Kind::DatagramServer,
    flags: Flags::NONE,
    a: true,
    b: false,
    parse: |text| match ListenAddr::parse(text) {
        Ok(ListenAddr::Unix(_)) => Err(malformed("datagrams go over UDP, not over a Unix socket")),
        Ok(address) => Ok(Box::new(UdpListening { address })),
        Err(cause) => Err(malformed(&cause)),
    },
};

fn malformed(cause: &str) -> Fault {
    Fault::new(Exit::Malformed, "endpoint", cause)
}

struct UdpDial {
    host: String,
    port: u16,
}

impl Endpoint for UdpDial {
    fn describe(&self) -> String {
        format!("udp:{}", net::join(&self.host, self.port))
    }

    fn is_datagrams(&self) -> bool {
        true
    }

    fn open<'a>(&'a self, context: &'a OpenContext, _: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            let name = self.describe();
            let dialing = context.dialer.dial_udp(&self.host, self.port);
            let (socket, at) = context.deadline().phase("connect", &name, dialing).await?;
            // An idle server is no reason to leave: the other side says when it is over.
            let rules = context.datagrams(None);
            let link =
                Box::new(Datagrams::client(socket, at, name, rules).reported_by(context.reporter.clone()));
            Ok(OpenedLink::new(link, at.to_string()).into())
        })
    }
}

struct UdpListening {
    address: ListenAddr,
}

impl Endpoint for UdpListening {
    fn describe(&self) -> String {
        format!("udp-listen:{}", self.address)
    }

    fn is_datagrams(&self) -> bool {
        true
    }

    fn open<'a>(&'a self, context: &'a OpenContext, _: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            let udp = net::bind_udp(&self.address, &context.common.server.bind).await?;
            Ok(Opened::Acceptor(Acceptor::Datagrams(Peers::new(udp).reported_by(context.reporter.clone()))))
        })
    }
}
