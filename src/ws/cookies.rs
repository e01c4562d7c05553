//! Cookies of `--cookie`: a plain `a=b; c=d`, or a file of whatever kind people have.
//!
//! A file may be the Netscape jar of curl and browser add-ons (with blanks where an editor has lost the
//! tabs), JSON of an add-on or of a test driver, the `Set-Cookie` lines of a saved answer, or plain
//! cookies. A line that is none of these is refused: sent as a cookie it would only be wrong. A jar is
//! asked anew for every URL that is gone to (RFC 6265 section 5.4), since its cookies belong to their own
//! domains and not to the URL of the command line.

mod read;

use super::WsUrl;
use std::time::{SystemTime, UNIX_EPOCH};

/// Cookies to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// The value of a `Cookie` field, for the origin it was given for.
    Plain(String),
    /// Cookies without a domain, for the origin they were given for.
    Own(Vec<Cookie>),
    /// Cookies with their domains.
    Jar(Vec<Cookie>),
}

/// One cookie, and where it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookie {
    /// In lower case, without a dot before it; empty for whatever host it was given for.
    domain: String,
    subdomains: bool,
    path: String,
    secure: bool,
    /// Seconds since 1970; 0 is the end of the session.
    expires: i64,
    name: String,
    value: String,
}

/// The parts of a URL that decide which cookies of a jar are sent to it, and the time.
struct Place {
    host: String,
    path: String,
    /// TLS, or a host that is this machine, as curl and browsers count it.
    secure: bool,
    now: i64,
}

impl Cookies {
    /// The cookies of a file.
    ///
    /// # Errors
    /// Which line is no cookie.
    pub fn of_file(content: &str) -> Result<Vec<Self>, String> {
        read::file(content)
    }

    /// The value of the `Cookie` field for a URL; empty is none.
    pub fn value_for(&self, url: &WsUrl) -> String {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Own(cookies) | Self::Jar(cookies) => {
                let place = Place::of(url);
                let mut sent: Vec<&Cookie> = cookies.iter().filter(|cookie| cookie.fits(&place)).collect();
                sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
                let pairs = sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value));
                pairs.collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// What is secret in it.
    pub fn values(&self) -> Vec<&str> {
        match self {
            Self::Plain(text) => text
                .split(';')
                .filter_map(|pair| pair.split_once('='))
                .map(|(_, value)| value.trim())
                .collect(),
            Self::Own(cookies) | Self::Jar(cookies) => {
                cookies.iter().map(|cookie| cookie.value.as_str()).collect()
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Plain(text) => text.is_empty(),
            Self::Own(cookies) | Self::Jar(cookies) => cookies.is_empty(),
        }
    }

    /// Every text that may come into a field.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Plain(text) => vec![text],
            Self::Own(cookies) | Self::Jar(cookies) => {
                cookies.iter().flat_map(|cookie| [cookie.name.as_str(), cookie.value.as_str()]).collect()
            }
        }
    }
}

impl Place {
    fn of(url: &WsUrl) -> Self {
        let path = url.target.split('?').next().unwrap_or_default().to_owned();
        let host = url.host.to_ascii_lowercase();
        let is_here = host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        Self { host, path, secure: url.secure || is_here, now: i64::try_from(now).unwrap_or(i64::MAX) }
    }
}

impl Cookie {
    fn fits(&self, place: &Place) -> bool {
        let is_address = place.host.parse::<std::net::IpAddr>().is_ok();
        let below =
            || !is_address && place.host.strip_suffix(&self.domain).is_some_and(|head| head.ends_with('.'));
        (self.domain.is_empty() || place.host == self.domain || self.subdomains && below())
            && path_fits(&self.path, &place.path)
            && (place.secure || !self.secure)
            && (self.expires == 0 || self.expires > place.now)
    }
}

/// RFC 6265 section 5.1.4.
fn path_fits(cookie: &str, request: &str) -> bool {
    request
        .strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
