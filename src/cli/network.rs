//! The option group of the way to a server, and how it becomes [`DialOptions`].

use super::expand::{Expander, usage};
use crate::{
    fault::Result,
    net::{Bypass, ConnectTo, DialOptions, Environment, Family, Interface, Proxies, Proxy, Resolve},
    tls::ClientTls,
};
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// How a server is reached.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = "Network")]
pub(super) struct Network {
    #[arg(
        // Brackets are links to rustdoc when they stand in a comment.
        help = "Connect through a proxy; [http|https|socks5|socks5h://][USER:PASSWORD@]HOST[:PORT], or '' for none",
        short = 'x',
        long,
        value_name = "PROXY"
    )]
    pub proxy: Option<String>,
    /// Log in to the proxy; @FILE, @- or @env:NAME keeps it off the command line
    #[arg(long, value_name = "NAME:PASSWORD", allow_hyphen_values = true)]
    pub proxy_user: Option<String>,
    /// Bypass the proxy for the hosts in LIST; separated by commas, overrides no_proxy
    #[arg(long, value_name = "LIST")]
    pub noproxy: Option<String>,
    /// Trust the CA certificates in FILE (PEM) for an https proxy, instead of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub proxy_cacert: Option<PathBuf>,
    /// Accept any certificate of an https proxy; prints a warning on every run
    #[arg(long, conflicts_with = "proxy_cacert")]
    pub proxy_insecure: bool,
    /// Follow up to 5 redirects; logins, secrets, --cert, -k and --sni never leave scheme, host and port
    #[arg(short = 'L', long)]
    pub location: bool,
    /// Connect to H2:P2 instead of H1:P1; an empty part matches any, or stays the same; repeatable
    #[arg(long, value_name = "H1:P1:H2:P2", value_parser = ConnectTo::parse)]
    pub connect_to: Vec<ConnectTo>,
    #[arg(help = "Use ADDR[,ADDR] for HOST:PORT instead of a name lookup; * matches any host; repeatable", long, value_name = "HOST:PORT:ADDR", value_parser = Resolve::parse, allow_hyphen_values = true)]
    pub resolve: Vec<Resolve>,
    /// Connect through the Unix socket PATH, for any host
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, conflicts_with_all = [
        "proxy", "proxy_user", "noproxy", "proxy_cacert", "proxy_insecure", "connect_to", "resolve", "ipv4", "ipv6", "interface",
    ])]
    pub unix_socket: Option<PathBuf>,
    /// Use IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Use IPv6 addresses only
    #[arg(short = '6', long)]
    pub ipv6: bool,
    /// Connect from network interface NAME or local address ADDR
    #[arg(long, value_name = "NAME|ADDR", value_parser = Interface::parse)]
    pub interface: Option<Interface>,
}

impl Network {
    /// True when the way leads to a Unix socket in place of any host.
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
        if let Some(meant) = Proxy::as_socks5h(text) {
            return fault.hint(format!("--proxy {meant}"));
        }
        // wscat's -x sends a message.
        match text.contains(['{', '"', ' ']) {
            true => fault.hint("--send MSG to send a message before any input"),
            false => fault.hint("--proxy http://HOST:PORT, or https://, socks5:// or socks5h://; its login with --proxy-user NAME:PASSWORD"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::{Context, Parsed, parse},
        plan::Plan,
    };

    fn lowered(args: &[&str], env: &[(&str, &str)]) -> DialOptions {
        let value = |name: &str| env.iter().find(|(set, _)| *set == name).map(|(_, value)| value.to_string());
        let mut context = Context { env: &value, stdin: &mut &b""[..], stdin_is_terminal: false, ask: None };
        let args = ["wsio", "connect", "ws://h/"].iter().chain(args).map(Into::into);
        match parse(args, &mut context) {
            Ok(Parsed::Run(Plan::Connect(plan))) => plan.common.dial.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_land() {
        let way = ["--interface", "127.0.0.2", "-6", "--connect-to", "::x:", "--resolve", "-h:80"];
        let options = lowered(&way, &[]);
        assert_eq!(options.interface, Some(Interface::Address([127, 0, 0, 2].into())));
        assert_eq!((options.family, options.unix_socket), (Some(Family::V6), None));
        assert_eq!(options.connect_to, [ConnectTo::parse("::x:").unwrap()]);
        assert_eq!(options.resolve, [Resolve::Remove("h".to_owned(), 80)]);
        assert_eq!(lowered(&["--unix-socket", "/s"], &[]).unix_socket, Some("/s".into()));

        let env =
            [("http_proxy", "env:1"), ("no_proxy", "x"), ("LOGIN", "me:pw:more"), ("PROXY", "socks5://p")];
        let way = ["-x", "@env:PROXY", "--proxy-user", "@env:LOGIN", "--noproxy", "y"];
        let proxies = lowered(&way, &env).proxies;
        assert_eq!(proxies.given, Some(Proxy::parse("socks5://p").unwrap()));
        assert_eq!(proxies.login, Some(("me".to_owned(), "pw:more".to_owned())));
        assert_eq!(proxies.bypass, Some(Bypass::new("y")));
        let chosen =
            |args: &[&str]| lowered(args, &env).proxies.choose("ws", "h").unwrap().map(|chosen| chosen.by);
        assert_eq!(chosen(&[]), Some("http_proxy"));
        assert_eq!(chosen(&["-x", "p"]), Some("--proxy"));
        assert_eq!(chosen(&["--proxy", ""]), None);
        let tls = lowered(&["--proxy-cacert", "ca"], &[]).proxies.tls;
        assert_eq!((tls.cacert, tls.insecure), (Some("ca".into()), false));
    }
}
