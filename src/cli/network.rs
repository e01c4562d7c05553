//! The option group of the way to a server, and how it becomes [`DialOptions`].

use super::{
    expand::{Expander, usage},
    lower::Given,
};
use crate::{
    fault::Result,
    net::{Bypass, ConnectTo, DialOptions, Environment, Family, Interface, Proxies, Proxy, Resolve},
    tls::ClientTls,
};
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// How a server is reached.
#[derive(Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Network")]
pub(super) struct Network {
    /// Go through the proxy [http|https|socks5|socks5h://][USER:PASSWORD@]HOST[:PORT]; '' for none; @FILE
    #[arg(short = 'x', long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Log in to the proxy; @FILE, @- and @env:NAME keep it off the command line
    #[arg(long, value_name = "NAME:PASSWORD", allow_hyphen_values = true, hide_short_help = true)]
    pub proxy_user: Option<String>,
    /// Go without a proxy to the hosts in LIST, separated by commas, instead of those in no_proxy
    #[arg(long, value_name = "LIST", hide_short_help = true)]
    pub noproxy: Option<String>,
    /// Trust the roots in FILE (PEM) for an https proxy, instead of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub proxy_cacert: Option<PathBuf>,
    /// Accept any certificate of an https proxy; said on every run
    #[arg(long, conflicts_with = "proxy_cacert", hide_short_help = true)]
    pub proxy_insecure: bool,
    /// Follow at most 5 redirects; credentials never leave scheme, host and port
    #[arg(short = 'L', long)]
    pub location: bool,
    /// Connect to HOST2:PORT2 where HOST1:PORT1 is asked for; an empty part is any, or the same; repeatable
    #[arg(long, value_name = "HOST1:PORT1:HOST2:PORT2", value_parser = ConnectTo::parse, hide_short_help = true)]
    pub connect_to: Vec<ConnectTo>,
    /// Take ADDR for HOST at PORT instead of asking the name service; * is any host; repeatable
    #[arg(long, value_name = "HOST:PORT:ADDR[,ADDR]", value_parser = Resolve::parse, allow_hyphen_values = true, hide_short_help = true)]
    pub resolve: Vec<Resolve>,
    /// Connect to the Unix socket PATH, whatever the host
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, hide_short_help = true, conflicts_with_all = [
        "proxy", "proxy_user", "noproxy", "proxy_cacert", "proxy_insecure", "connect_to", "resolve", "ipv4", "ipv6", "interface",
    ])]
    pub unix_socket: Option<PathBuf>,
    /// Use IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6", hide_short_help = true)]
    pub ipv4: bool,
    /// Use IPv6 addresses only
    #[arg(short = '6', long, hide_short_help = true)]
    pub ipv6: bool,
    /// Connect from the network interface NAME or the address ADDR of this machine
    #[arg(long, value_name = "NAME|ADDR", value_parser = Interface::parse, hide_short_help = true)]
    pub interface: Option<Interface>,
}

/// The options that choose the way; all but `--location`, which is the handshake's.
pub(super) const WAY: &[&str] = &[
    "proxy",
    "proxy_user",
    "noproxy",
    "proxy_cacert",
    "proxy_insecure",
    "connect_to",
    "resolve",
    "unix_socket",
    "ipv4",
    "ipv6",
    "interface",
];

/// Whether an endpoint is reached over the network, so that these options can do something.
pub(super) fn is_dialled(endpoint: &str) -> bool {
    match endpoint.split_once(':') {
        Some((scheme, _)) => match scheme {
            "ws" | "wss" | "http" | "https" | "tcp" | "tls" => true,
            // A scheme that is somewhere else, or a host and its port.
            scheme => !crate::endpoint::SCHEMES.iter().any(|known| known.name == scheme),
        },
        None => endpoint != "-",
    }
}

/// Refuses what would do nothing: none of these endpoints is reached over the network.
pub(super) fn refuse_idle<'a>(given: &Given, endpoints: impl IntoIterator<Item = &'a str>) -> Result<()> {
    if endpoints.into_iter().any(is_dialled) {
        return Ok(());
    }
    given.refuse(WAY, "needs an endpoint that is reached over the network (ws:, wss:, tcp:, tls:)")
}

impl Network {
    /// Whether the way leads elsewhere than to any host.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.unix_socket.is_some()
    }

    pub(super) fn lower(self, expander: &mut Expander) -> Result<DialOptions> {
        let login = match &self.proxy_user {
            Some(_) if self.proxy.as_deref() == Some("") => {
                return Err(usage("--proxy-user needs a proxy, and --proxy '' goes without one")
                    .hint("leave one of the two out"));
            }
            Some(text) => {
                let login = expander.secret("--proxy-user", text)?;
                let (name, password) = login.split_once(':').ok_or_else(|| {
                    usage("--proxy-user needs NAME:PASSWORD").hint("write NAME: for an empty password")
                })?;
                Some((name.to_owned(), password.to_owned()))
            }
            None => None,
        };
        let environment = Environment::read(&|name| expander.variable(name));
        let (given, environment) = match &self.proxy {
            Some(text) if text.is_empty() => (None, Environment::default()),
            Some(text) => (Some(proxy(&expander.secret("--proxy", text)?)?), environment),
            None => (None, environment),
        };
        if let Some(proxy) = given.as_ref().filter(|proxy| !proxy.speaks_tls())
            && (self.proxy_cacert.is_some() || self.proxy_insecure)
        {
            let option = if self.proxy_insecure { "--proxy-insecure" } else { "--proxy-cacert" };
            return Err(usage(format!("{option} is for https proxies, not for {proxy}"))
                .hint(format!("leave {option} out")));
        }
        Ok(DialOptions {
            family: match (self.ipv4, self.ipv6) {
                (true, _) => Some(Family::V4),
                (_, true) => Some(Family::V6),
                _ => None,
            },
            interface: self.interface,
            connect_to: self.connect_to,
            resolve: self.resolve,
            unix_socket: self.unix_socket,
            proxies: Proxies {
                given,
                environment,
                bypass: self.noproxy.as_deref().map(Bypass::new),
                login,
                tls: ClientTls {
                    cacert: self.proxy_cacert,
                    insecure: self.proxy_insecure,
                    ..ClientTls::default()
                },
            },
        })
    }
}

fn proxy(text: &str) -> Result<Proxy> {
    Proxy::parse(text).map_err(|cause| {
        let fault = usage(format!("--proxy: {cause}"));
        // wscat's -x sends a message.
        match text.contains(['{', '"', ' ']) {
            true => fault.hint("--send MSG to send a message before any input"),
            false => fault.hint("write --proxy [http|https|socks5|socks5h://][USER:PASSWORD@]HOST[:PORT]"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_over_the_network() {
        for endpoint in
            ["ws://h", "wss://h", "https://h", "tcp:h:1", "tls:h:1", "localhost:8080", "h", "[::1]:80"]
        {
            assert!(is_dialled(endpoint), "{endpoint}");
        }
        for endpoint in
            ["-", "ws+unix:/s", "unix:/s", "ws-listen:1", "tcp-listen:1", "echo:", "exec:a", "file:/x"]
        {
            assert!(!is_dialled(endpoint), "{endpoint}");
        }
    }
}
