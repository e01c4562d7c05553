//! The console: a page that talks to the socket it came from.
//!
//! One file without anything foreign in it. Its policy lets only its own script and style run, by a nonce
//! of this one answer, and lets it connect to its own host only; it may not stand in a frame, or a foreign
//! page could make its reader click there.

use super::Reply;
use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::{
    StatusCode,
    header::{self, HeaderName, HeaderValue},
    http::request::Parts,
};

/// The page; `{nonce}` and `{socket}` are filled in.
const PAGE: &str = include_str!("console.html");

/// The page for the socket at a path and query.
pub(super) fn page(head: &Parts, socket: &str) -> Reply {
    let mut random = [0; 18];
    if getrandom::fill(&mut random).is_err() {
        return Reply::failed(StatusCode::INTERNAL_SERVER_ERROR, "no random numbers", None);
    }
    let nonce = BASE64_STANDARD.encode(random);
    let page = PAGE.replace("{nonce}", &nonce).replace("{socket}", &escaped(socket));
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Ok(policy) = HeaderValue::try_from(policy(&nonce, host)) else {
        return Reply::failed(StatusCode::INTERNAL_SERVER_ERROR, "no policy for this host", None);
    };
    let same = |name, value| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let mut reply = Reply::new(StatusCode::OK, page).with(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        same("content-type", "text/html; charset=utf-8"),
        // Its nonce is of one use.
        same("cache-control", "no-store"),
        same("referrer-policy", "no-referrer"),
        same("cross-origin-opener-policy", "same-origin"),
    ] {
        reply = reply.with(name, value);
    }
    reply
}

fn policy(nonce: &str, host: &str) -> String {
    // Not every browser takes 'self' for the sockets of the same host as well.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    let sockets = match !host.is_empty() && host.bytes().all(plain) {
        true => format!(" ws://{host} wss://{host}"),
        false => String::new(),
    };
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; \
         connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// As the value of an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_nothing_foreign_in_it() {
        for word in [
            "http:",
            "https:",
            "src=",
            "url(",
            "@import",
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "eval(",
            "style=\"",
        ] {
            assert!(!PAGE.contains(word), "{word}");
        }
        assert_eq!(PAGE.matches("{socket}").count(), 1);
        let opened = PAGE.matches("<script").count() + PAGE.matches("<style").count();
        assert_eq!(PAGE.matches("nonce=\"{nonce}\"").count(), opened, "each has the nonce");
        let handlers = PAGE.split_whitespace().any(|word| word.starts_with("on") && word.contains("=\""));
        assert!(!handlers, "the policy lets no handler in an attribute run");
    }

    #[test]
    fn what_a_client_sends_cannot_become_markup_or_policy() {
        assert_eq!(escaped("/a?b=\"><script>&'"), "/a?b=&quot;&gt;&lt;script&gt;&amp;&#39;");
        assert!(
            policy("n", "127.0.0.1:8080")
                .contains("connect-src 'self' ws://127.0.0.1:8080 wss://127.0.0.1:8080;")
        );
        for host in ["[::1]:8080", "h; script-src *", "h *", "h'", "", "h,x"] {
            assert!(policy("n", host).contains("connect-src 'self'; "), "{host}");
        }
    }
}
