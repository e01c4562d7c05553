//! Parsers for the values of options: durations, sizes, close codes, header fields, tokens.
//!
//! Each is a plain function from text to value with an error that says what is expected, so that
//! every option that takes such a value reads it the same way.

pub use crate::units::duration;
use crate::{
    close, expect,
    handshake::{HeaderName, HeaderValue},
    script::report::Report,
    session::CloseWith,
    tls::{Pin, Version},
};
use regex::Regex;
use std::{ops::RangeInclusive, time::Duration};

/// The largest size that is taken, bytes: one TiB.
const LARGEST: u64 = 1 << 40;

/// A deadline that can be switched off; `None` is `off`, also written `inf`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimit(pub Option<Duration>);

/// A size that can be switched off; `None` is `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeLimit(pub Option<usize>);

/// Close codes and ranges of them, as in `1008,4000-4999`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes(pub Vec<RangeInclusive<u16>>);

/// One header field.
pub type Field = (HeaderName, HeaderValue);

/// A duration that is more than 0.
pub fn some_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("0 would be over at once".to_owned()),
        duration => Ok(duration),
    }
}

/// A duration, or `off` or `inf` for no limit; 0 is refused where it would end everything at once.
pub fn limit(text: &str) -> Result<TimeLimit, String> {
    match zero_or_limit(text)? {
        TimeLimit(Some(Duration::ZERO)) => Err("0 would be over at once; write off for no limit".to_owned()),
        limit => Ok(limit),
    }
}

/// A duration, 0 included, or `off` or `inf` for no limit.
pub fn zero_or_limit(text: &str) -> Result<TimeLimit, String> {
    match text {
        "off" | "inf" => Ok(TimeLimit(None)),
        _ => duration(text).map(|duration| TimeLimit(Some(duration))),
    }
}

/// Bytes, or `64k`, `16M`, `1G` in powers of two.
pub fn size(text: &str) -> Result<usize, String> {
    let expected = || "expected a size such as 65536, 64k, 16M or 1G".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return Err(expected()),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(expected());
    }
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    match bytes.filter(|bytes| *bytes <= LARGEST).and_then(|bytes| usize::try_from(bytes).ok()) {
        Some(0) => Err("must be more than 0".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("must be at most 1024G".to_owned()),
    }
}

/// A size, or `off` for nothing at all.
pub fn size_or_off(text: &str) -> Result<SizeLimit, String> {
    match text {
        "off" => Ok(SizeLimit(None)),
        _ => size(text).map(|size| SizeLimit(Some(size))).map_err(|cause| format!("{cause}; or off")),
    }
}

/// Permissions of a socket's file, octal; whoever connects has to be allowed to write.
pub fn mode(text: &str) -> Result<u32, String> {
    let octal = (3..=4).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if octal && mode <= 0o777 && mode & 0o222 != 0 => Ok(mode),
        Ok(mode) if octal && mode <= 0o777 => Err("nobody may write, so nobody could connect".to_owned()),
        _ => Err("expected permissions in octal, such as 0660 or 600".to_owned()),
    }
}

/// Reads a number of clients, which has to fit a semaphore's permits.
pub fn connections(text: &str) -> Result<usize, String> {
    match text.parse::<u32>() {
        Ok(0) => Err("nobody could connect; use at least 1".to_owned()),
        Ok(number) if number <= 1 << 24 => Ok(number as usize),
        _ => Err("expected a number up to 16777216".to_owned()),
    }
}

/// `CODE` or `CODE:REASON` that may be sent (RFC 6455 section 7.4), or `none` for a Close without either.
pub fn close(text: &str) -> Result<CloseWith, String> {
    if text == "none" {
        return Ok(CloseWith { code: None, reason: String::new() });
    }
    let (code, reason) = text.split_once(':').unwrap_or((text, ""));
    CloseWith::new(Some(close::parse(code)?), reason)
}

/// Close codes and ranges, separated by commas.
pub fn close_codes(text: &str) -> Result<Codes, String> {
    close::ranges(text).map(Codes)
}

/// Close codes that a peer can close with: 1006 and 1015 stand for a Close that never came.
pub fn arriving_codes(text: &str) -> Result<Codes, String> {
    close::arriving(text).map(Codes)
}

/// `junit=FILE`, `tap` or `github`.
pub fn report(text: &str) -> Result<Report, String> {
    match text.split_once('=') {
        Some(("junit", "-")) => {
            Err("`-` is no file: write junit=/dev/stdout, or junit=./- for one of that name".to_owned())
        }
        Some(("junit", file)) if !file.is_empty() => Ok(Report::Junit(file.into())),
        None if text == "tap" => Ok(Report::Tap),
        None if text == "github" => Ok(Report::Github),
        _ => Err("expected junit=FILE, tap or github".to_owned()),
    }
}

/// A regular expression that is looked for in a payload.
pub fn pattern(text: &str) -> Result<regex::bytes::Regex, String> {
    regex::bytes::Regex::new(text).map_err(|error| expect::no_regex(&error))
}

/// As curl reads them: `Name: value`, `Name;` for an empty value, `Name:` for none, which leaves out a
/// field that would be sent by itself.
pub fn header(text: &str) -> Result<(HeaderName, Option<HeaderValue>), String> {
    if text.contains(['\r', '\n', '\0']) {
        return Err("a header may not contain CR, LF or NUL".to_owned());
    }
    let (name, value) = match text.split_once(':') {
        Some((name, value)) => {
            (name, Some(value.trim_matches([' ', '\t'])).filter(|value| !value.is_empty()))
        }
        None => match text.trim_end().strip_suffix(';') {
            Some(name) => (name, Some("")),
            None => return Err("expected 'Name: value', or 'Name;' for an empty value".to_owned()),
        },
    };
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("'{}' is not a header name", name.escape_default()))?;
    let value = value.map(|value| HeaderValue::from_bytes(value.as_bytes())).transpose();
    match value {
        Ok(value) => Ok((name, value)),
        Err(_) => Err(format!("the value of {name} contains a control character")),
    }
}

/// `NAME: REGEX`.
pub fn field_regex(text: &str) -> Result<(String, Regex), String> {
    let (name, pattern) = text.split_once(':').ok_or_else(|| "expected 'NAME: REGEX'".to_owned())?;
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("'{name}' is not a header name"))?;
    Ok((name.to_owned(), regex(pattern.trim_start())?))
}

/// A regular expression; the error shows where it is wrong.
pub fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| expect::no_regex(&error))
}

/// `REGEX=MSG`, cut at the first `=` that has no backslash before it.
pub fn reply(text: &str) -> Result<(Regex, String), String> {
    let bytes = text.as_bytes();
    let cut = (0..bytes.len()).find(|at| bytes[*at] == b'=' && (*at == 0 || bytes[*at - 1] != b'\\'));
    let cut = cut.ok_or_else(|| "expected REGEX=MSG".to_owned())?;
    Ok((regex(&text[..cut])?, text[cut + 1..].to_owned()))
}

/// 0 to 100.
pub fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse() {
        Ok(percent @ 0.0..=100.0) => Ok(percent),
        _ => Err("expected a percentage from 0 to 100".to_owned()),
    }
}

/// The name of a header field that may be passed on.
pub fn header_name(text: &str) -> Result<HeaderName, String> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| "is not a header name".to_owned())?;
    let handshake = ["host", "upgrade", "connection", "content-length", "transfer-encoding"];
    if name.as_str().starts_with("sec-websocket-") || handshake.contains(&name.as_str()) {
        return Err("belongs to each connection and cannot be passed on".to_owned());
    }
    Ok(name)
}

/// Keys of `--pin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins(pub Vec<Pin>);

/// `sha256//BASE64[;sha256//BASE64]`
pub fn pins(text: &str) -> Result<Pins, String> {
    match Pin::parse_all(text)? {
        pins if pins.is_empty() => Err("it names no key".to_owned()),
        pins => Ok(Pins(pins)),
    }
}

/// A version of TLS.
pub fn tls_version(text: &str) -> Result<Version, String> {
    match text {
        "1.2" => Ok(Version::V1_2),
        "1.3" => Ok(Version::V1_3),
        _ => Err("expected 1.2 or 1.3; older ones are not spoken".to_owned()),
    }
}

/// A subprotocol name. It should be a token (RFC 6455 section 4.1), but servers that want another one, such as
/// `json/v1`, are nothing a user can change: what stands as one member of a list is taken.
pub fn subprotocol(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic() && !b",\"".contains(&byte)) {
        return Err(
            "a subprotocol is a name of ASCII letters, digits and signs, without blanks, commas and quotes"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// An origin as the log shows it: whatever a client may send in one field, `*` in it for any run of characters
/// but `/` and `:`.
pub fn origin(text: &str) -> Result<String, String> {
    match text {
        "*" => Ok("any".to_owned()),
        _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') => {
            Ok(text.to_owned())
        }
        _ => Err("expected one origin such as https://example.com or https://*.example.com, or null, or any"
            .to_owned()),
    }
}

/// A host that is answered for, `*` in it as in [`origin`]; a port does not count.
pub fn host(text: &str) -> Result<String, String> {
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.contains(':') => name,
        _ => text,
    };
    match name {
        "*" => Ok("any".to_owned()),
        "" => Err("expected the name of a host such as dev.example or *.dev.example, or any".to_owned()),
        _ if !name.bytes().all(|byte| byte.is_ascii_graphic() && !b"/,@".contains(&byte)) => {
            Err("expected the name of a host such as dev.example or *.dev.example, without scheme and path, or any".to_owned())
        }
        name => Ok(name.to_owned()),
    }
}

/// A path that requests are compared with.
pub fn path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') || text.contains(['?', '#', ' ']) {
        return Err("expected a path such as /chat, without query".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_or_are_seconds() {
        let ms = Duration::from_millis;
        for (text, expected) in [
            ("500ms", ms(500)),
            ("10s", ms(10_000)),
            ("2m", ms(120_000)),
            ("1h", ms(3_600_000)),
            ("14d", ms(14 * 86_400_000)),
            ("1.5", ms(1500)),
            (".5", ms(500)),
            ("0", ms(0)),
            ("0.25s", ms(250)),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "-1", "1w", "1 s", "nan", "inf", "1e3", ".", "1.2.3", "99999h", "10ſ"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_can_be_off_but_not_zero() {
        assert_eq!(limit("off"), Ok(TimeLimit(None)));
        assert_eq!(limit("inf"), Ok(TimeLimit(None)));
        assert!(limit("0").is_err());
        assert_eq!(zero_or_limit("0"), Ok(TimeLimit(Some(Duration::ZERO))));
    }

    #[test]
    fn sizes_are_powers_of_two() {
        for (text, expected) in [("1", 1), ("64k", 65536), ("64K", 65536), ("16M", 16 << 20), ("1G", 1 << 30)]
        {
            assert_eq!(size(text), Ok(expected), "{text}");
        }
        for text in ["", "k", "0", "-1", "1.5M", "1T", "1kb", "99999999999999999999", "1025G", "+1", "é"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_can_be_off_but_not_zero() {
        assert_eq!(size_or_off("off"), Ok(SizeLimit(None)));
        assert_eq!(size_or_off("256k"), Ok(SizeLimit(Some(256 << 10))));
        for text in ["0", "inf", "", "OFF", "-1"] {
            assert!(size_or_off(text).unwrap_err().ends_with("; or off"), "{text}");
        }
    }

    #[test]
    fn permissions_are_octal_and_let_somebody_in() {
        assert_eq!(mode("0660"), Ok(0o660));
        assert_eq!(mode("600"), Ok(0o600));
        assert_eq!(mode("0777"), Ok(0o777));
        for text in ["", "6", "66", "0680", "rw", "u+rw", "00660", "1777", "4755", "-660", "+660", "0o660"] {
            assert!(mode(text).unwrap_err().contains("octal"), "{text}");
        }
        for text in ["0444", "000", "0555"] {
            assert!(mode(text).unwrap_err().contains("nobody could connect"), "{text}");
        }
    }

    #[test]
    fn only_sendable_close_codes_are_sent() {
        assert_eq!(close("4001:bye: now"), Ok(CloseWith { code: Some(4001), reason: "bye: now".to_owned() }));
        assert_eq!(close("1001"), Ok(CloseWith { code: Some(1001), reason: String::new() }));
        assert_eq!(close("none"), Ok(CloseWith { code: None, reason: String::new() }));
        assert!(close(&format!("1000:{}", "x".repeat(123))).is_ok());
        for text in ["1004", "1005", "1006", "1015", "999", "5000", "x", "", ":bye"] {
            assert!(close(text).is_err(), "{text}");
        }
        assert!(close(&format!("1000:{}", "x".repeat(124))).is_err());
    }

    #[test]
    fn codes_come_as_lists_and_ranges() {
        assert_eq!(close_codes("1008, 4000-4999"), Ok(Codes(vec![1008..=1008, 4000..=4999])));
        for text in ["", "1008,", "4002-4001", "0", "1000-"] {
            assert!(close_codes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn headers_hold_no_line_breaks() {
        let shown = |text| {
            let (name, value) = header(text).unwrap();
            (name.to_string(), value.map(|value| String::from_utf8(value.as_bytes().to_vec()).unwrap()))
        };
        for (text, value) in [
            ("X-A:  b:c ", Some("b:c")),
            ("X-A: é", Some("é")),
            ("X-A;", Some("")),
            ("X-A:", None),
            ("X-A: ", None),
        ] {
            assert_eq!(shown(text), ("x-a".to_owned(), value.map(str::to_owned)), "{text}");
        }
        for text in ["X-A: b\r\nX-B: c", "X-A: b\n", "X-A: \0", "X A: b", ": b", "X-A", "", "X-A: \x07"] {
            assert!(header(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn subprotocols_origins_hosts_and_paths() {
        for name in ["graphql-transport-ws", "v1.x", "json/v1", "ogmios.v1:compact", "urn:x@y(z)[1]", "a=b;c"]
        {
            assert_eq!(subprotocol(name).as_deref(), Ok(name));
        }
        for name in ["", "a b", "a,b", "é", "\"a\"", "a\t"] {
            assert!(subprotocol(name).is_err(), "{name}");
        }
        for text in [
            "https://a.example:8443",
            "null",
            "any",
            "file://",
            "a.example",
            "https://a.example/",
            "x",
            "chrome-extension://id",
        ] {
            assert_eq!(origin(text).as_deref(), Ok(text));
        }
        assert!(["", "a b", "https://a, https://b", "é"].iter().all(|text| origin(text).is_err()));
        assert_eq!((origin("*").as_deref(), host("*").as_deref()), (Ok("any"), Ok("any")));
        for (text, name) in [
            ("dev.example", "dev.example"),
            ("dev.example:8080", "dev.example"),
            ("my_host", "my_host"),
            ("*.x:", "*.x"),
        ] {
            assert_eq!(host(text).as_deref(), Ok(name), "{text}");
        }
        assert!(["", "http://h", "a b", ":80", "h/p"].iter().all(|text| host(text).is_err()));
        assert!(path("/").is_ok() && path("/a/b").is_ok());
        assert!(path("a").is_err() && path("/a?b").is_err());
    }
}
