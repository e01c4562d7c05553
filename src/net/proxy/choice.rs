//! The choice of the proxy in front of a host: `--proxy`, or else the environment's, unless `no_proxy` says
//! that there is none.
//!
//! The environment is curl's: `ws_proxy` and `wss_proxy` first, then what the same URL would have
//! under http, then `all_proxy`; lower case before upper case, and `http_proxy` in lower case only,
//! because a CGI program finds a client's `Proxy:` field in `HTTP_PROXY`. An empty variable is none.

use super::{Bypass, Login, Proxy};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    tls::ClientTls,
};
use std::fmt;

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
}
