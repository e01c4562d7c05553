//! Cookies of `--cookie`: a plain `a=b; c=d`, or a Netscape cookie jar.
//!
//! The jar is what curl and browser add-ons write. Only domain, path and the secure flag are looked
//! at: an expired cookie is for the server to refuse. The jar is asked anew for every URL that is gone
//! to, since its cookies belong to their own domains and not to the URL of the command line.

use super::WsUrl;

/// Cookies to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cookies {
    /// The value of a `Cookie` field, for the origin it was given for.
    Plain(String),
    /// The text of a cookie jar.
    Jar(String),
}

/// The parts of a URL that decide which cookies of a jar are sent to it.
struct Place {
    host: String,
    path: String,
    secure: bool,
}

impl Cookies {
    /// What the text of a file holds: a jar where a line has the fields of one, plain cookies otherwise.
    pub fn of_file(content: &str) -> Self {
        if content.lines().any(|line| line.split('\t').count() >= 7) {
            return Self::Jar(content.to_owned());
        }
        let lines = content.lines().map(str::trim).filter(|line| !line.is_empty());
        Self::Plain(lines.collect::<Vec<_>>().join("; "))
    }

    /// The value of the `Cookie` field (RFC 6265 section 5.4) for a URL; empty is none.
    pub fn value_for(&self, url: &WsUrl) -> String {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Jar(content) => {
                let place = Place::of(url);
                content.lines().filter_map(|line| jar_cookie(line, &place)).collect::<Vec<_>>().join("; ")
            }
        }
    }
}

impl Place {
    fn of(url: &WsUrl) -> Self {
        let path = url.target.split('?').next().unwrap_or_default().to_owned();
        Self { host: url.host.to_ascii_lowercase(), path, secure: url.secure }
    }
}

fn jar_cookie(line: &str, place: &Place) -> Option<String> {
    let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
    if line.starts_with('#') {
        return None;
    }
    let mut fields = line.splitn(7, '\t');
    let (domain, subdomains, path, secure) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let (_expires, name, value) = (fields.next()?, fields.next()?, fields.next()?);
    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
    let below = || place.host.strip_suffix(&domain).is_some_and(|head| head.ends_with('.'));
    let fits = (place.host == domain || subdomains.eq_ignore_ascii_case("TRUE") && below())
        && path_fits(path, &place.path)
        && (place.secure || !secure.eq_ignore_ascii_case("TRUE"));
    fits.then(|| format!("{name}={value}"))
}

/// RFC 6265 section 5.1.4.
fn path_fits(cookie: &str, request: &str) -> bool {
    request
        .strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(content: &str, url: &str) -> String {
        Cookies::of_file(content).value_for(&WsUrl::parse(url).unwrap())
    }

    #[test]
    fn a_plain_file_is_taken_as_it_is() {
        assert_eq!(sent("a=b; c=d\ne=f\n", "ws://h/"), "a=b; c=d; e=f");
        assert_eq!(Cookies::of_file("a=b\n"), Cookies::Plain("a=b".to_owned()));
    }

    #[test]
    fn a_jar_gives_the_cookies_that_fit() {
        let jar = "# Netscape HTTP Cookie File\n\
            example.com\tFALSE\t/\tFALSE\t0\thost\t1\n\
            .example.com\tTRUE\t/\tFALSE\t0\tsite\t2\n\
            #HttpOnly_example.com\tFALSE\t/chat\tTRUE\t0\tdeep\t3\n\
            other.com\tTRUE\t/\tFALSE\t0\tother\t4\n\
            localhost\tFALSE\t/\tTRUE\t0\tnear\t5\n";
        for (url, cookies) in [
            ("wss://example.com/chat/room?x", "host=1; site=2; deep=3"),
            ("ws://user:pw@example.com:80/chat", "host=1; site=2"),
            ("wss://example.com/chatter", "host=1; site=2"),
            ("Example.com/a", "host=1; site=2"),
            ("wss://a.example.com", "site=2"),
            ("wss://badexample.com", ""),
            ("https://other.com:8443/", "other=4"),
            ("WSS://localhost:1/a?b", "near=5"),
            ("localhost:80", ""),
            ("8080/x", ""),
        ] {
            assert_eq!(sent(jar, url), cookies, "{url}");
        }
    }
}
