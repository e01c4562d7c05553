//! Cookies from a file: a plain `a=b; c=d`, or the ones of a Netscape cookie jar that fit the URL.
//!
//! The jar is what curl and browser add-ons write. Only domain, path and the secure flag are looked
//! at: an expired cookie is for the server to refuse.

use crate::ws::WsUrl;

/// The parts of a target that decide which cookies of a jar are sent to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    host: String,
    path: String,
    secure: bool,
}

impl Place {
    /// Reads host, path and scheme of a WebSocket URL, with or without scheme.
    ///
    /// Nothing is sent to what is no URL, so its place fits no cookie.
    pub(super) fn of(target: &str) -> Self {
        let Ok(url) = WsUrl::parse(target) else {
            return Self { host: String::new(), path: "/".to_owned(), secure: false };
        };
        let path = url.target.split('?').next().unwrap_or_default().to_owned();
        Self { host: url.host.to_ascii_lowercase(), path, secure: url.secure }
    }
}

/// The value of the `Cookie` field (RFC 6265 section 5.4) that the file's content gives for a place.
pub(super) fn from_jar(content: &str, place: &Place) -> String {
    if !content.lines().any(|line| line.split('\t').count() >= 7) {
        return content.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    }
    content.lines().filter_map(|line| jar_cookie(line, place)).collect::<Vec<_>>().join("; ")
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

    #[test]
    fn a_plain_file_is_taken_as_it_is() {
        assert_eq!(from_jar("a=b; c=d\ne=f\n", &Place::of("ws://h/")), "a=b; c=d; e=f");
    }

    #[test]
    fn a_jar_gives_the_cookies_that_fit() {
        let jar = "# Netscape HTTP Cookie File\n\
            example.com\tFALSE\t/\tFALSE\t0\thost\t1\n\
            .example.com\tTRUE\t/\tFALSE\t0\tsite\t2\n\
            #HttpOnly_example.com\tFALSE\t/chat\tTRUE\t0\tdeep\t3\n\
            other.com\tTRUE\t/\tFALSE\t0\tother\t4\n";
        let sent = |url| from_jar(jar, &Place::of(url));
        assert_eq!(sent("wss://example.com/chat/room?x"), "host=1; site=2; deep=3");
        assert_eq!(sent("ws://user:pw@example.com:80/chat"), "host=1; site=2");
        assert_eq!(sent("wss://example.com/chatter"), "host=1; site=2");
        assert_eq!(sent("wss://a.example.com"), "site=2");
        assert_eq!(sent("wss://badexample.com"), "");
    }

    #[test]
    fn a_place_is_read_from_any_url() {
        let place = |host: &str, path: &str, secure| Place { host: host.into(), path: path.into(), secure };
        assert_eq!(Place::of("wss://[::1]:443/a?b"), place("::1", "/a", true));
        assert_eq!(Place::of("Example.com/a"), place("example.com", "/a", true));
        assert_eq!(Place::of("localhost:80"), place("localhost", "/", false));
        assert_eq!(Place::of("WSS://h"), place("h", "/", true));
        assert_eq!(Place::of("8080/x"), place("127.0.0.1", "/x", false));
    }
}
