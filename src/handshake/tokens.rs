//! Header fields that are lists of tokens (RFC 9110 section 5.6.1), and the handshake's accept value.
//!
//! `Connection: keep-alive, Upgrade` is what Firefox sends, so comparing whole values would be wrong.

use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::header::{HeaderMap, HeaderName};
use sha1::{Digest, Sha1};

/// The members of a list field, over all its lines.
pub(super) fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|member| !member.is_empty())
}

/// True when the list field has this member, in any case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    members(headers, name).any(|member| member.eq_ignore_ascii_case(token))
}

/// Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2).
pub(super) fn accept_value(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{CONNECTION, HeaderValue};

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(accept_value(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn tokens_are_found_in_lists_and_in_any_case() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_static("keep-alive, UPGRADE"));
        headers.append(CONNECTION, HeaderValue::from_static("x"));
        assert!(has_token(&headers, &CONNECTION, "upgrade"));
        assert!(has_token(&headers, &CONNECTION, "x"));
        assert!(!has_token(&headers, &CONNECTION, "up"));
    }
}
