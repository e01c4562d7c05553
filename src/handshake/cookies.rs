//! Cookies of `--cookie`: a plain `a=b; c=d`, or a file of whatever kind people have.
//!
//! A file may be the Netscape jar of curl and browser add-ons (with blanks where an editor has lost the
//! tabs), JSON of an add-on or of a test driver, the `Set-Cookie` lines of a saved answer, or plain
//! cookies. A line that is none of these is refused: sent as a cookie it would only be wrong. A jar is
//! asked anew for every URL that is gone to (RFC 6265 section 5.4), since its cookies belong to their own
//! domains and not to the URL of the command line.

use super::WsUrl;
use serde_json::{Map, Value};
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
struct CookieScope {
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
        file(content)
    }

    /// The value of the `Cookie` field for a URL; empty is none.
    pub fn value_for(&self, url: &WsUrl) -> String {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Own(cookies) | Self::Jar(cookies) => {
                let scope = CookieScope::of(url);
                let mut sent: Vec<&Cookie> = cookies.iter().filter(|cookie| cookie.fits(&scope)).collect();
                sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
                let pairs = sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value));
                pairs.collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// The values, which are secret.
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

    /// True when there is no cookie.
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

impl CookieScope {
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
    fn fits(&self, scope: &CookieScope) -> bool {
        let is_address = scope.host.parse::<std::net::IpAddr>().is_ok();
        let below =
            || !is_address && scope.host.strip_suffix(&self.domain).is_some_and(|head| head.ends_with('.'));
        (self.domain.is_empty() || scope.host == self.domain || self.subdomains && below())
            && path_fits(&self.path, &scope.path)
            && (scope.secure || !self.secure)
            && (self.expires == 0 || self.expires > scope.now)
    }
}

/// RFC 6265 section 5.1.4.
fn path_fits(cookie: &str, request: &str) -> bool {
    request
        .strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

/// Marks a line of a jar that no script of a page may read.
const HTTP_ONLY: &str = "#HttpOnly_";

/// The cookies of a file, those of a jar and those without a domain apart.
fn file(content: &str) -> Result<Vec<Cookies>, String> {
    let (mut plain, mut cookies) = (Vec::new(), Vec::new());
    if content.trim_start().starts_with(['[', '{']) {
        cookies = json(content.trim())?;
    } else {
        let is_answer = |line: &str| line.starts_with("HTTP/") || field(line, "set-cookie").is_some();
        let is_answer = content.lines().any(is_answer);
        for (number, line) in content.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            let is_comment = line.starts_with('#') && !line.starts_with(HTTP_ONLY);
            if line.trim().is_empty() || is_comment {
            } else if let Some(cookie) = jar_line(line) {
                cookies.push(cookie);
            } else if is_answer {
                cookies.extend(field(line, "set-cookie").and_then(set_cookie));
            } else if let Some(pairs) = pairs(line) {
                plain.push(pairs);
            } else {
                return Err(format!(
                    "line {} is no cookie: a=b, a line of a Netscape jar, Set-Cookie and JSON are read",
                    number + 1
                ));
            }
        }
    }
    // A later cookie replaces an earlier one of the same name, domain and path.
    let mut kept: Vec<Cookie> = Vec::new();
    for cookie in cookies {
        kept.retain(|old| {
            (&old.name, &old.domain, &old.path) != (&cookie.name, &cookie.domain, &cookie.path)
        });
        kept.push(cookie);
    }
    let (own, jar) = kept.into_iter().partition(|cookie| cookie.domain.is_empty());
    let all = [Cookies::Plain(plain.join("; ")), Cookies::Own(own), Cookies::Jar(jar)];
    Ok(all.into_iter().filter(|cookies| !cookies.is_empty()).collect())
}

/// The value of a header line of that name.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
}

/// A line of a Netscape jar, with tabs, or with blanks where they were lost.
fn jar_line(line: &str) -> Option<Cookie> {
    let line = line.strip_prefix(HTTP_ONLY).unwrap_or(line);
    let mut fields: Vec<&str> = line.splitn(7, '\t').collect();
    if fields.len() < 6 {
        fields = line.split_ascii_whitespace().collect();
    }
    let (&[domain, subdomains, path, secure, expires, name], value) =
        (fields.first_chunk()?, fields.get(6).copied().unwrap_or_default());
    let flag = |text: &str| match text.to_ascii_uppercase().as_str() {
        "TRUE" => Some(true),
        "FALSE" => Some(false),
        _ => None,
    };
    if fields.len() > 7 {
        return None;
    }
    Some(Cookie {
        subdomains: flag(subdomains)?,
        secure: flag(secure)?,
        expires: seconds(expires.trim())?,
        domain: bare(domain),
        path: path.to_owned(),
        name: name.to_owned(),
        value: value.trim_end().to_owned(),
    })
}

/// Seconds since 1970, of which some programs write fractions; what is below is the end of a session.
fn seconds(text: &str) -> Option<i64> {
    text.parse::<f64>().ok().map(|seconds| (seconds.max(0.0)) as i64)
}

/// A domain without the dot before it.
fn bare(domain: &str) -> String {
    domain.trim().trim_start_matches('.').to_ascii_lowercase()
}

/// `Set-Cookie` (RFC 6265 section 5.2); without `Path` it is for all of them.
fn set_cookie(text: &str) -> Option<Cookie> {
    let mut parts = text.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie {
        name: name.trim().to_owned(),
        value: value.trim().to_owned(),
        path: "/".to_owned(),
        ..Cookie::default()
    };
    let mut max_age = false;
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match (name.trim().to_ascii_lowercase().as_str(), value.trim()) {
            ("domain", domain) if !domain.is_empty() => {
                (cookie.domain, cookie.subdomains) = (bare(domain), true);
            }
            ("path", path) if path.starts_with('/') => path.clone_into(&mut cookie.path),
            ("secure", _) => cookie.secure = true,
            // The time when the cookie was set is not known, so no age ends it; zero or less deletes it.
            ("max-age", age) => {
                max_age = true;
                cookie.expires = i64::from(age.starts_with('-') || age == "0");
            }
            ("expires", date) if !max_age => {
                let date = httpdate::parse_http_date(&date.replacen('-', " ", 2)).ok();
                let since =
                    date.map(|date| date.duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs()));
                cookie.expires = since.and_then(|since| i64::try_from(since).ok()).unwrap_or(0);
            }
            _ => {}
        }
    }
    (!cookie.name.is_empty()).then_some(cookie)
}

/// Plain cookies of one line, as in a `Cookie` field.
fn pairs(line: &str) -> Option<String> {
    let line = field(line, "cookie").unwrap_or(line).trim().trim_end_matches(';');
    let is_pair = |pair: &str| {
        pair.trim().split_once('=').is_some_and(|(name, _)| {
            !name.is_empty()
                && !name.contains(|c: char| c.is_whitespace() || c.is_control() || ":{}[]\"<>".contains(c))
        })
    };
    line.split(';').all(is_pair).then(|| line.to_owned())
}

/// JSON of browser add-ons (a list), of test drivers (`{"cookies":[…]}`), or `{"NAME":"VALUE"}`.
fn json(text: &str) -> Result<Vec<Cookie>, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    let list = match value {
        Value::Array(list) => list,
        Value::Object(mut object) => match object.remove("cookies") {
            Some(Value::Array(list)) => list,
            _ => return object.into_iter().map(named).collect(),
        },
        _ => Vec::new(),
    };
    let cookie = |(at, value): (usize, Value)| {
        let object = value.as_object().and_then(of_object);
        object.ok_or_else(|| format!("the entry {} of its JSON is no cookie with a name and a value", at + 1))
    };
    list.into_iter().enumerate().map(cookie).collect()
}

fn named((name, value): (String, Value)) -> Result<Cookie, String> {
    match value {
        Value::String(value) => Ok(Cookie { name, value, path: "/".to_owned(), ..Cookie::default() }),
        _ => Err(format!("`{name}` of its JSON has no text for a value, and there is no list of cookies")),
    }
}

fn of_object(object: &Map<String, Value>) -> Option<Cookie> {
    let text = |names: &[&str]| names.iter().find_map(|name| object.get(*name)?.as_str()).map(str::to_owned);
    let flag = |name: &str| object.get(name).and_then(Value::as_bool);
    let domain = text(&["domain", "host"]).unwrap_or_default();
    let expires = ["expirationDate", "expires", "expiry"].iter().find_map(|name| object.get(*name));
    let expires = match expires {
        Some(Value::String(date)) => {
            let date =
                httpdate::parse_http_date(date).ok().and_then(|date| date.duration_since(UNIX_EPOCH).ok());
            date.and_then(|since| i64::try_from(since.as_secs()).ok())
        }
        // Some write milliseconds; a second of theirs is thousands of years away.
        Some(number) => {
            number.as_f64().map(|number| if number > 1e11 { number / 1000.0 } else { number } as i64)
        }
        None => None,
    };
    Some(Cookie {
        subdomains: flag("hostOnly").map_or(domain.starts_with('.'), |host_only| !host_only),
        domain: bare(&domain),
        path: text(&["path"]).filter(|path| path.starts_with('/')).unwrap_or_else(|| "/".to_owned()),
        secure: flag("secure").unwrap_or(false),
        expires: expires.unwrap_or(0).max(0),
        name: text(&["name"]).filter(|name| !name.is_empty())?,
        value: text(&["value"])?,
    })
}

#[cfg(test)]
mod tests;
