//! From a name to addresses: what `--resolve` knows, or else the name service; in the order in which
//! they are tried.

use super::{
    Family, Interface, Proxies,
    overrides::{ConnectTo, Resolve},
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};
use tokio::net::lookup_host;

/// Options of the command line and the environment for the way to a server.
#[derive(Clone, Debug, Default)]
pub struct DialOptions {
    /// Addresses of this family only.
    pub family: Option<Family>,
    /// Interface or address that our end is bound to.
    pub interface: Option<Interface>,
    /// Other hosts and ports than the names say; the first that fits counts.
    pub connect_to: Vec<ConnectTo>,
    /// Addresses that the name service is not asked for; the last that fits counts.
    pub resolve: Vec<Resolve>,
    /// A Unix socket in place of any host.
    pub unix_socket: Option<PathBuf>,
    /// Proxies.
    pub proxies: Proxies,
}

impl DialOptions {
    /// The one family that is wanted, and the option that wants it.
    fn only(&self) -> Option<(Family, &'static str)> {
        match (self.family, self.interface.as_ref().and_then(Interface::family)) {
            (Some(family @ Family::V4), _) => Some((family, "-4")),
            (Some(family @ Family::V6), _) => Some((family, "-6")),
            (None, Some(family)) => Some((family, "--interface")),
            (None, None) => None,
        }
    }
}

/// True for `localhost` and every name below it, with or without the dot of an absolute name.
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

/// The addresses of a name without a name service: those of `localhost` and of every name below it, as in
/// browsers and curl (RFC 6761 section 6.3).
fn loopback(name: &str, port: u16) -> Option<Vec<SocketAddr>> {
    let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    is_localhost(name).then(|| both.map(|address| (address, port).into()).into())
}

/// The addresses of a name, families taking turns; never empty.
///
/// # Errors
/// Exit 6: none, or none of the wanted family.
pub(super) async fn resolve(host: &str, port: u16, options: &DialOptions) -> Result<Vec<SocketAddr>> {
    let unknown = |why: String| {
        Fault::new(Exit::HostName, "name", format!("cannot find the address of {host}: {why}"))
            .hint("check the spelling of the host name, and the name service of this machine")
    };
    let found = Resolve::look_up(&options.resolve, host, port)
        .map(|addresses| addresses.iter().map(|address| (*address, port).into()).collect());
    let found: Vec<SocketAddr> = match found.or_else(|| loopback(host, port)) {
        Some(addresses) => addresses,
        None => lookup_host((host, port)).await.map_err(|error| unknown(lookup_words(&error)))?.collect(),
    };
    if found.is_empty() {
        return Err(unknown("the name has no address".to_owned()));
    }
    let Some((family, why)) = options.only() else { return Ok(interleave(found)) };
    let found: Vec<SocketAddr> = found.into_iter().filter(|address| family.fits(address)).collect();
    if found.is_empty() {
        let cause = format!("{host} has no {family} address, and {why} asks for one");
        return Err(Fault::new(Exit::HostName, "name", cause).hint(format!("leave {why} out")));
    }
    Ok(interleave(found))
}

/// getaddrinfo's own words, without the frame std puts around them.
fn lookup_words(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned()
}

/// Families take turns, beginning with the one the system prefers (RFC 8305 section 4).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut unique = Vec::with_capacity(addresses.len());
    for address in addresses {
        if !unique.contains(&address) {
            unique.push(address);
        }
    }
    let first_is_v6 = unique.first().is_some_and(SocketAddr::is_ipv6);
    let (one, other): (Vec<_>, Vec<_>) =
        unique.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    loop {
        let pair = [one.next(), other.next()];
        if pair == [None, None] {
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Interface;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_take_turns() {
        let [a, b, c, d] = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1"].map(address);
        assert_eq!(interleave(vec![a, b, a, c, d]), [a, c, b, d]);
        assert_eq!(interleave(vec![c, a]), [c, a]);
        assert_eq!(interleave(Vec::new()), []);
    }

    #[tokio::test]
    async fn localhost_and_what_is_below_it_is_loopback_without_a_name_service() {
        let both = [address("127.0.0.1:1"), address("[::1]:1")];
        for name in ["localhost", "LocalHost.", "app.localhost", "a.b.localhost."] {
            assert_eq!(resolve(name, 1, &DialOptions::default()).await.unwrap(), both, "{name}");
        }
        let options = DialOptions {
            resolve: vec![Resolve::parse("app.localhost:1:192.0.2.1").unwrap()],
            ..DialOptions::default()
        };
        assert_eq!(resolve("app.localhost", 1, &options).await.unwrap(), [address("192.0.2.1:1")]);
        assert!(!is_localhost("notlocalhost") && !is_localhost("localhost.example") && !is_localhost(""));
    }

    #[tokio::test]
    async fn one_family_alone_and_the_option_that_wants_it() {
        let options = |family, interface| DialOptions {
            family,
            interface,
            resolve: vec![
                Resolve::parse("both:1:127.0.0.1,::1").unwrap(),
                Resolve::parse("four:1:127.0.0.1").unwrap(),
            ],
            ..DialOptions::default()
        };
        let both = [address("127.0.0.1:1"), address("[::1]:1")];
        assert_eq!(resolve("both", 1, &options(None, None)).await.unwrap(), both);
        let v6 = options(Some(Family::V6), None);
        assert_eq!(resolve("both", 1, &v6).await.unwrap(), both[1..]);
        let fault = resolve("four", 1, &v6).await.unwrap_err();
        assert_eq!((fault.exit, fault.hint.as_deref()), (Exit::HostName, Some("leave -6 out")));
        let source = options(None, Some(Interface::parse("127.0.0.1").unwrap()));
        assert_eq!(resolve("both", 1, &source).await.unwrap(), both[..1]);
    }

    #[tokio::test]
    async fn an_unknown_name_is_named() {
        let fault = resolve("no-such-host.invalid", 80, &DialOptions::default()).await.unwrap_err();
        assert_eq!((fault.exit, fault.phase), (Exit::HostName, "name"));
        assert!(fault.cause.contains("no-such-host.invalid"), "{}", fault.cause);
    }
}
