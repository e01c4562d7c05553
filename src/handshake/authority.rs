//! The host and port of `Host` and of a request target (RFC 9110 section 7.2, RFC 3986 section 3.2).
//!
//! Rules for who may come in compare hosts, so what is no host is refused before it is compared: a proxy
//! in front may read it otherwise. A reg-name of RFC 3986 may hold nearly anything; this is the part of it
//! that names hosts, with the `_` that container networks use and the dot that ends an absolute name.

use std::net::Ipv6Addr;

/// Longest name, bytes (RFC 3986 section 3.2.2).
const MAX_NAME: usize = 255;

/// A host and, where it is written, a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authority {
    /// In lower case; an IPv6 address without brackets, in its shortest form.
    pub name: String,
    pub port: Option<u16>,
}

impl Authority {
    /// Reads `HOST[:PORT]`; the error says in words why it is none. The empty text is the authority of a
    /// URI that has none.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Ok(Self { name: String::new(), port: None });
        }
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (literal, port) = rest.split_once(']').ok_or("the bracket is not closed")?;
                let address =
                    literal.parse::<Ipv6Addr>().map_err(|_| "no IPv6 address is in the brackets")?;
                (address.to_string(), port)
            }
            None => {
                let (name, port) = text.find(':').map_or((text, ""), |at| text.split_at(at));
                check(name)?;
                (name.to_ascii_lowercase(), port)
            }
        };
        let port = match port.strip_prefix(':') {
            _ if port.is_empty() => None,
            None => return Err("only a port may follow the bracket"),
            // `HOST:` is the default port (RFC 3986 section 3.2.3).
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| "the port is over 65535")?)
            }
            Some(_) => return Err("the port is no number"),
        };
        Ok(Self { name, port })
    }
}

fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("a port without a host");
    }
    if name.len() > MAX_NAME {
        return Err("it is longer than 255 bytes");
    }
    if name.contains('@') {
        return Err("user information has no place there");
    }
    if name.contains(',') {
        return Err("a list has no place there");
    }
    if name.strip_suffix('.').unwrap_or(name).split('.').any(str::is_empty) {
        return Err("a label is empty");
    }
    let mut rest = name.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'%' => {
                let pair = after.split_at_checked(2);
                let (pair, after) = pair.ok_or("a percent sign without two hexadecimal digits")?;
                let byte = hex::decode(pair).map_err(|_| "a percent sign without two hexadecimal digits")?;
                if !byte.iter().all(|byte| is_of_name(*byte) || !byte.is_ascii()) {
                    return Err("an encoded character that no host has");
                }
                after
            }
            byte if is_of_name(byte) => after,
            b' ' | b'\t' => return Err("a blank has no place there"),
            _ => return Err("a character that no host has"),
        };
    }
    Ok(())
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_and_what_is_none_is_told() {
        for (text, name, port) in [
            ("", "", None),
            ("h", "h", None),
            ("H.Example:8080", "h.example", Some(8080)),
            ("h:", "h", None),
            ("my_service:080", "my_service", Some(80)),
            ("localhost.", "localhost.", None),
            ("127.0.0.1:0", "127.0.0.1", Some(0)),
            ("[::1]", "::1", None),
            ("[0:0:0:0:0:0:0:1]:9", "::1", Some(9)),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
            ("b%C3%BCcher.example", "b%c3%bccher.example", None),
        ] {
            assert_eq!(Authority::parse(text), Ok(Authority { name: name.into(), port }), "{text}");
        }
        for (text, cause) in [
            ("[::1].x", "only a port"),
            ("[::1]x:1", "only a port"),
            ("[::1", "not closed"),
            ("[]", "no IPv6"),
            ("[127.0.0.1]", "no IPv6"),
            ("[fe80::1%25lo]", "no IPv6"),
            ("::1", "a port without"),
            (":80", "a port without"),
            ("a:b", "no number"),
            ("a:80:80", "no number"),
            ("a:+80", "no number"),
            ("a:8 0", "no number"),
            ("a:65536", "over 65535"),
            ("u@h", "user information"),
            ("u:p@h", "no number"),
            ("a,b", "a list"),
            ("a b", "a blank"),
            ("a\tb", "a blank"),
            ("a/b", "no host has"),
            ("a?b", "no host has"),
            ("a\\b", "no host has"),
            ("$(id)", "no host has"),
            ("a\u{a0}b", "no host has"),
            ("a%", "two hexadecimal"),
            ("a%4", "two hexadecimal"),
            ("a%zz", "two hexadecimal"),
            ("a%00", "encoded character"),
            ("a%2fb", "encoded character"),
            ("a..b", "label"),
            (".a", "label"),
            ("..", "label"),
        ] {
            let error = Authority::parse(text).unwrap_err();
            assert!(error.contains(cause), "{text}: {error}");
        }
    }
}
