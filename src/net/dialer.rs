//! The ways of a client side to its server: straight, by --connect-to, through a proxy or over a Unix socket.
//!
//! [`Dialer::route`] decides, [`Dialer::dial`] opens the transport to the first stop, and
//! [`Dialer::tunnel`] asks a proxy there for the rest of the way; the three are apart so that each
//! can run under its own name in what is left of the deadline.

use super::{
    Dialed,
    dial::dial_tcp,
    overrides::ConnectTo,
    proxy::{Chosen, ProxyKind, Tunnel},
    resolve::{DialOptions, resolve},
    udp::dial_udp,
};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    framing::record::Timings,
    observe::{Redactor, Reporter, Verbosity},
    tls::{self, ClientTls, Connector},
};
use std::{net::SocketAddr, path::PathBuf};
use tokio::{net::UdpSocket, sync::OnceCell, time::Instant};

/// Reaches servers; made once for all connections of a run.
pub struct Dialer {
    options: DialOptions,
    reporter: Reporter,
    redactor: Redactor,
    /// The TLS to https proxies, made at its first use.
    connector: OnceCell<Connector>,
}

/// The way to one server.
#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    /// Over a Unix socket.
    Unix(PathBuf),
    /// To this host and port.
    Direct(String, u16),
    /// To this host and port by a tunnel.
    Through(Chosen, String, u16),
}

impl Dialer {
    /// A dialer that tells of proxies to `reporter`.
    pub fn new(options: DialOptions, reporter: Reporter, redactor: Redactor) -> Self {
        Self { options, reporter, redactor, connector: OnceCell::new() }
    }

    /// The way to a server; `scheme` is its endpoint's, such as `wss` or `tcp`.
    ///
    /// # Errors
    /// Exit 3 when the environment names a proxy that cannot be used.
    pub fn route(&self, scheme: &str, host: &str, port: u16) -> Result<Route> {
        if let Some(path) = &self.options.unix_socket {
            return Ok(Route::Unix(path.clone()));
        }
        let chosen = self.options.proxies.choose(scheme, host)?;
        let (host, port) = ConnectTo::apply(&self.options.connect_to, host, port);
        Ok(match chosen {
            None => Route::Direct(host, port),
            // A zone is this machine's affair.
            Some(chosen) => Route::Through(chosen, without_zone(&host).to_owned(), port),
        })
    }

    /// A transport to the first stop of the way; how long that took is noted in `timings`.
    ///
    /// # Errors
    /// Exit 6 for a host's name and 5 for a proxy's, 7 when no address answers; 77 for the roots of an
    /// https proxy.
    pub async fn dial(&self, reporter: &Reporter, route: &Route, timings: &mut Timings) -> Result<Dialed> {
        match route {
            Route::Unix(path) => super::dial_unix(path).await,
            Route::Direct(host, port) => dial_tcp(host, *port, &self.options, timings, reporter).await,
            Route::Through(chosen, ..) => {
                if chosen.proxy.kind == ProxyKind::Https {
                    // Our own files are judged before anybody else is troubled.
                    self.connector().await?;
                }
                reporter.verbose(&format!("through the proxy {chosen}"));
                dial_tcp(&chosen.proxy.host, chosen.proxy.port, &self.options, timings, reporter)
                    .await
                    .map_err(|fault| of_proxy(fault, chosen))
            }
        }
    }

    /// A UDP socket connected to a host, and its address.
    ///
    /// # Errors
    /// Exit 6 when the name has no address, exit 7 when there is no way to any.
    pub async fn dial_udp(&self, host: &str, port: u16) -> Result<(UdpSocket, SocketAddr)> {
        dial_udp(host, port, &self.options).await
    }

    /// The transport to the far end of the way, once the proxy gave its tunnel.
    ///
    /// # Errors
    /// Exit 97 for a proxy that refuses, 6 for a name that has to be known here, 35 and 60 for the TLS
    /// of an https proxy.
    pub async fn tunnel(
        &self,
        reporter: &Reporter,
        route: &Route,
        dialed: Dialed,
        timings: &mut Timings,
    ) -> Result<Dialed> {
        let Route::Through(chosen, host, port) = route else { return Ok(dialed) };
        if chosen.proxy.kind == ProxyKind::Https {
            self.connector().await?.finish_warm_up();
        }
        let begun = Instant::now();
        let tunnel = Tunnel { chosen, host, port: *port, reporter, redactor: &self.redactor };
        let stream = dialed.stream;
        let stream = match chosen.proxy.kind {
            ProxyKind::Http => tunnel.by_connect(stream).await?,
            ProxyKind::Https => {
                let shaken = self.connector().await?.connect(stream, &chosen.proxy.host).await;
                let (stream, facts) = shaken.map_err(|fault| of_proxy(fault, chosen))?;
                reporter.verbose(&format!("proxy: TLS {} with {}", facts.version, facts.cipher));
                if let Some(cause) = &facts.unchecked {
                    reporter
                        .verbose(&format!("proxy: without --proxy-insecure it would have failed: {cause}"));
                }
                tunnel.by_connect(stream).await?
            }
            ProxyKind::Socks5 => {
                let addresses = resolve(host, *port, &self.options).await?;
                tunnel.by_socks(stream, addresses.first().map(|address| address.ip())).await?
            }
            ProxyKind::Socks5h => tunnel.by_socks(stream, None).await?,
        };
        timings.proxy = Some(begun.elapsed());
        Ok(Dialed { stream, ..dialed })
    }

    async fn connector(&self) -> Result<&Connector> {
        let tls = &self.options.proxies.tls;
        let make = || async {
            if tls.insecure {
                self.reporter.note("the proxy's certificate is not checked (--proxy-insecure)");
            }
            let explains = tls.insecure && self.reporter.says(Verbosity::Verbose);
            Connector::new(&ClientTls { explains, ..tls.clone() })
        };
        self.connector.get_or_try_init(make).await
    }
}

/// A host without `%eth0`.
pub fn without_zone(host: &str) -> &str {
    host.split('%').next().unwrap_or(host)
}

/// A fault on the way to the proxy, told as such.
fn of_proxy(fault: Fault, chosen: &Chosen) -> Fault {
    let without = match chosen.by {
        // wscat's -x sends a message.
        "--proxy" if fault.exit == Exit::HostName => "check --proxy; to send a message, --send MSG",
        "--proxy" => "check --proxy",
        _ => "check that variable; --proxy '' goes without a proxy",
    };
    let (exit, hint) = match fault.exit {
        Exit::HostName => (Exit::ProxyName, without),
        Exit::Untrusted => {
            (fault.exit, "trust its issuer with --proxy-cacert FILE; --proxy-insecure accepts anything")
        }
        Exit::TlsHandshake => match fault.hint.as_deref() {
            Some(tls::PLAIN) | None => {
                (fault.exit, "http:// in front of its address if the proxy speaks plain text")
            }
            Some(hint) => (fault.exit, hint),
        },
        exit => (exit, without),
    };
    let hint = hint.to_owned();
    Fault { exit, phase: "proxy", cause: format!("{chosen}: {}", fault.cause), ..fault }.hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        net::{Bypass, Environment, Proxies, Proxy},
        observe::Verbosity,
    };

    fn route(options: &DialOptions, scheme: &str, host: &str) -> String {
        let reporter = Reporter::new(std::io::sink(), Verbosity::Quiet);
        let dialer = Dialer::new(options.clone(), reporter, Redactor::default());
        match dialer.route(scheme, host, 80).unwrap() {
            Route::Unix(path) => path.display().to_string(),
            Route::Direct(host, port) => format!("{host} {port}"),
            Route::Through(chosen, host, port) => format!("{chosen}, {host} {port}"),
        }
    }

    #[test]
    fn the_way_is_chosen_once_and_by_the_urls_own_name() {
        let environment = |name: &str| (name == "all_proxy").then(|| "socks5h://p:1".to_owned());
        let mut options = DialOptions {
            connect_to: vec![ConnectTo::parse("a::b:").unwrap()],
            proxies: Proxies { environment: Environment::read(&environment), ..Proxies::default() },
            ..DialOptions::default()
        };
        assert_eq!(route(&options, "wss", "a"), "socks5h://p:1 (from all_proxy), b 80");
        assert_eq!(route(&options, "tcp", "fe80::1%eth0"), "socks5h://p:1 (from all_proxy), fe80::1 80");
        options.proxies.given = Some(Proxy::parse("q").unwrap());
        assert_eq!(route(&options, "wss", "c"), "http://q:1080, c 80");
        // What --noproxy names is the host of the URL, not what --connect-to makes of it.
        options.proxies.bypass = Some(Bypass::new("b"));
        assert_eq!(route(&options, "ws", "a"), "http://q:1080, b 80");
        options.proxies.bypass = Some(Bypass::new("a"));
        assert_eq!(route(&options, "ws", "a"), "b 80");
        options.unix_socket = Some("/s".into());
        assert_eq!(route(&options, "ws", "c"), "/s");
    }
}
