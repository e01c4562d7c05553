//! The choice of the proxy in front of a host: `--proxy`, or else the environment's, unless `no_proxy` says
//! that there is none.
//!
//! The environment is curl's: `ws_proxy` and `wss_proxy` first, then what the same URL would have
//! under http, then `all_proxy`; lower case before upper case, and `http_proxy` in lower case only,
//! because a CGI program finds a client's `Proxy:` field in `HTTP_PROXY`. An empty variable is none.

use super::{Login, Proxy};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    tls::ClientTls,
};
use std::{fmt, net::IpAddr};

/// The variables that may name a proxy.
const VARIABLES: [&str; 9] = [
    "ws_proxy",
    "WS_PROXY",
    "http_proxy",
    "wss_proxy",
    "WSS_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// A list of hosts that are reached directly (`no_proxy`, `--noproxy`), as curl reads it.
///
/// A list of names and addresses; a name covers itself and every name below it, an address may be a
/// network. `*` alone is everybody. Ports and wildcards within names are not part of curl's rule, so
/// an entry that has one matches nobody. The one liberty taken: an IPv6 address may stand in brackets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bypass(String);

/// The environment's proxies, and the hosts that need none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    found: Vec<(&'static str, String)>,
    bypass: Bypass,
}

impl Environment {
    /// Reads it through `look_up`.
    pub fn read(look_up: &dyn Fn(&str) -> Option<String>) -> Self {
        let some = |name: &str| look_up(name).filter(|value| !value.is_empty());
        Self {
            found: VARIABLES.into_iter().filter_map(|name| Some((name, some(name)?))).collect(),
            bypass: Bypass::new(&some("no_proxy").or_else(|| some("NO_PROXY")).unwrap_or_default()),
        }
    }

    /// The variable that speaks for a scheme, and what it says.
    fn speaks_for(&self, scheme: &str) -> Option<&(&'static str, String)> {
        let names: &[&str] = match scheme {
            "ws" => &["ws_proxy", "WS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"],
            "wss" => &["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
            _ => &["all_proxy", "ALL_PROXY"],
        };
        names.iter().find_map(|name| self.found.iter().find(|(found, _)| found == name))
    }
}

impl fmt::Debug for Environment {
    /// Names only: a value may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.found.iter().map(|(name, _)| name)).finish()
    }
}

/// Proxy settings of the command line and the environment.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// `--proxy`; it switches the environment's off.
    pub given: Option<Proxy>,
    /// The environment's, if they count.
    pub environment: Environment,
    /// `--noproxy`; it stands in the place of `no_proxy`.
    pub bypass: Option<Bypass>,
    /// `--proxy-user`.
    pub login: Option<Login>,
    /// The TLS of https proxies.
    pub tls: ClientTls,
}

/// A proxy, and who named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The proxy.
    pub proxy: Proxy,
    /// `--proxy`, or a variable of the environment.
    pub by: &'static str,
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            "--proxy" => self.proxy.fmt(f),
            variable => write!(f, "{} (from {variable})", self.proxy),
        }
    }
}

impl Proxies {
    /// The proxy in front of a host; `None` is none.
    ///
    /// # Errors
    /// Exit 3 when the environment names one that cannot be used.
    pub(crate) fn choose(&self, scheme: &str, host: &str) -> Result<Option<Chosen>> {
        if self.bypass.as_ref().unwrap_or(&self.environment.bypass).covers(host) {
            return Ok(None);
        }
        let (proxy, by) = match (&self.given, self.environment.speaks_for(scheme)) {
            (Some(proxy), _) => (proxy.clone(), "--proxy"),
            (None, Some((name, text))) => {
                let proxy = Proxy::parse(text).map_err(|cause| {
                    let fault = unusable(name, &cause);
                    match Proxy::as_socks5h(text) {
                        Some(meant) => {
                            fault.hint(format!("{name}={meant}, or --proxy {meant}; --proxy '' goes without"))
                        }
                        None => fault,
                    }
                });
                (proxy?, *name)
            }
            (None, None) => return Ok(None),
        };
        let login = self.login.clone().or(proxy.login.clone());
        let proxy = Proxy { login, ..proxy }.bounded().map_err(|cause| unusable(by, &cause))?;
        Ok(Some(Chosen { proxy, by }))
    }
}

fn unusable(by: &str, cause: &str) -> Fault {
    Fault::new(Exit::Malformed, "proxy", format!("{by}: {cause}"))
        .hint("--proxy '' to go without, or --proxy URL for another one")
}

impl Bypass {
    /// The list as it was written: entries separated by commas or blanks.
    pub fn new(list: &str) -> Self {
        Self(list.to_owned())
    }

    /// True when a host, a name or an address without brackets, is on the list.
    fn covers(&self, host: &str) -> bool {
        let mut entries =
            self.0.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()).map(str::to_ascii_lowercase);
        if self.0 == "*" {
            return true;
        }
        let literal = host.split('%').next().unwrap_or(host);
        match literal.parse::<IpAddr>() {
            Ok(address) => entries.any(|entry| covers_address(&entry, address)),
            Err(_) => {
                let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
                entries.any(|entry| covers_name(&entry, &host))
            }
        }
    }
}

fn covers_name(entry: &str, host: &str) -> bool {
    let entry = entry.strip_suffix('.').unwrap_or(entry);
    let entry = entry.strip_prefix('.').unwrap_or(entry);
    match host.strip_suffix(entry) {
        Some("") => true,
        Some(below) => below.ends_with('.'),
        None => false,
    }
}

/// `ADDRESS` or `ADDRESS/BITS`; as in curl, 0 bits are the whole address.
fn covers_address(entry: &str, address: IpAddr) -> bool {
    let (network, bits) = entry.split_once('/').unwrap_or((entry, "0"));
    let network = network.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(network);
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let (network, address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(u32::from(network)), u128::from(u32::from(address)), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (u128::from(network), u128::from(address), 128),
        _ => return false,
    };
    match bits {
        0 => network == address,
        1.. if bits <= width => network >> (width - bits) == address >> (width - bits),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(set: &[(&str, &str)]) -> Environment {
        let value = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| value.to_string());
        Environment::read(&value)
    }

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        for (set, scheme, by) in [
            (&[("http_proxy", "h")][..], "ws", Some("http_proxy")),
            (&[("HTTP_PROXY", "h")], "ws", None),
            (&[("http_proxy", "h")], "wss", None),
            (&[("https_proxy", "h")], "wss", Some("https_proxy")),
            (&[("HTTPS_PROXY", "h")], "wss", Some("HTTPS_PROXY")),
            (&[("HTTPS_PROXY", "h"), ("https_proxy", "h")], "wss", Some("https_proxy")),
            (&[("HTTPS_PROXY", "h"), ("https_proxy", "")], "wss", Some("HTTPS_PROXY")),
            (&[("all_proxy", "h"), ("ALL_PROXY", "h")], "ws", Some("all_proxy")),
            (&[("ALL_PROXY", "h")], "tcp", Some("ALL_PROXY")),
            (&[("http_proxy", "h"), ("https_proxy", "h")], "tcp", None),
            (&[("all_proxy", "h"), ("http_proxy", "h")], "ws", Some("http_proxy")),
            (&[("WS_PROXY", "h"), ("http_proxy", "h")], "ws", Some("WS_PROXY")),
            (&[("wss_proxy", "h"), ("https_proxy", "h")], "wss", Some("wss_proxy")),
            (&[("http_proxy", "h"), ("no_proxy", "example.com")], "ws", None),
            (&[("http_proxy", "h"), ("NO_PROXY", "*")], "ws", None),
            (&[("http_proxy", "h"), ("NO_PROXY", "*"), ("no_proxy", "other")], "ws", Some("http_proxy")),
            // What is bypassed does not have to be sound.
            (&[("http_proxy", "socks4://h"), ("no_proxy", "*")], "ws", None),
        ] {
            let proxies = Proxies { environment: environment(set), ..Proxies::default() };
            let chosen = proxies.choose(scheme, "www.example.com").unwrap();
            assert_eq!(chosen.map(|chosen| chosen.by), by, "{set:?}");
        }
    }

    #[test]
    fn the_command_line_comes_before_the_environment() {
        let proxies = Proxies {
            given: Some(Proxy::parse("given:1").unwrap()),
            environment: environment(&[("http_proxy", "me:pw@h"), ("no_proxy", "example.com")]),
            ..Proxies::default()
        };
        assert_eq!(proxies.choose("ws", "example.com").unwrap(), None);
        assert_eq!(proxies.choose("ws", "h").unwrap().unwrap().proxy.host, "given");
        // --noproxy stands in the place of no_proxy.
        let proxies = Proxies { bypass: Some(Bypass::default()), ..proxies };
        assert_eq!(proxies.choose("ws", "example.com").unwrap().unwrap().by, "--proxy");
        // --proxy-user counts for the environment's proxy too.
        let login = Some(("you".to_owned(), "new".to_owned()));
        let proxies = Proxies { given: None, login: login.clone(), ..proxies };
        assert_eq!(proxies.choose("ws", "h").unwrap().unwrap().proxy.login, login);
    }

    #[test]
    fn an_unusable_variable_is_named() {
        let environment = environment(&[("all_proxy", "socks://me:s3cret@h:1/")]);
        let fault = Proxies { environment, ..Proxies::default() }.choose("wss", "h").unwrap_err();
        assert_eq!(fault.exit, Exit::Malformed);
        assert!(fault.cause.starts_with("all_proxy: ") && !fault.to_string().contains("s3cret"), "{fault}");
    }

    /// What curl 7.88 does, asked one by one.
    #[test]
    fn the_list_is_read_as_curl_reads_it() {
        for (list, host, covered) in [
            ("*", "h.example", true),
            ("*", "127.0.0.1", true),
            ("*,x", "h.example", false),
            ("example.com", "example.com", true),
            ("example.com", "www.example.com", true),
            ("example.com", "nonexample.com", false),
            (".example.com", "example.com", true),
            (".example.com", "www.example.com", true),
            ("example.com.", "example.com", true),
            ("example.com", "example.com.", true),
            ("EXAMPLE.com", "www.Example.COM", true),
            ("*.example.com", "www.example.com", false),
            ("com", "example.com", true),
            ("a,b example.com", "example.com", true),
            ("a b example.com", "example.com", true),
            (" , example.com", "example.com", true),
            (",,example.com", "example.com", true),
            ("", "example.com", false),
            ("x,", "example.com", false),
            ("example.com:443", "example.com", false),
            ("localhost", "localhost", true),
            ("127.0.0.1", "localhost", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1:80", "127.0.0.1", false),
            ("127.0", "127.0.0.1", false),
            (".0.0.1", "127.0.0.1", false),
            ("127.0.0.0/8", "127.9.9.9", true),
            ("127.0.0.0/0", "127.9.9.9", false),
            ("127.0.0.0/33", "127.0.0.0", false),
            ("10.0.0.1,192.168.0.0/16", "192.168.7.7", true),
            ("192.168.0.0/16", "h192.168.7.7", false),
            ("::1", "::1", true),
            ("::1", "::2", false),
            ("::/8", "127.0.0.1", false),
        ] {
            assert_eq!(Bypass::new(list).covers(host), covered, "[{list}] {host}");
        }
    }

    #[test]
    fn ipv6_may_be_written_in_any_form() {
        for (list, host) in [
            ("[::1]", "::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("fe80::/10", "fe80::1%eth0"),
            ("[2001:db8::]/32", "2001:db8::7"),
        ] {
            assert!(Bypass::new(list).covers(host), "[{list}] {host}");
        }
    }
}
