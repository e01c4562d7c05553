//! Secrets out of what is shown or recorded: header fields, URLs, subprotocols.
//!
//! Whatever a person may paste into a ticket goes through here. What looks like a secret is one: a
//! value too much hidden costs a look at the source, one too little costs an account.

/// What stands in the place of a secret.
pub const HIDDEN: &str = "[hidden]";

/// Parts of names whose values are secrets, in header fields and query keys alike.
const PARTS: &[&str] = &[
    "token",
    "bearer",
    "secret",
    "password",
    "passwd",
    "apikey",
    "api-key",
    "api_key",
    "credential",
    "signature",
    "jwt",
];
/// Whole names of query keys whose values are secrets.
const KEYS: &[&str] = &["key", "sig", "auth", "pw", "pass", "session", "sid", "code", "access", "ticket"];
/// Header fields with secrets beside those of [`PARTS`].
const FIELDS: &[&str] = &["authorization", "proxy-authorization", "x-auth", "x-session", "x-csrf", "x-key"];

/// Names whose values are secrets beside the well-known ones (`--secret`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redactor {
    /// Names of header fields and query keys, in any case.
    pub more: Vec<String>,
}

impl Redactor {
    /// The value of a header field as it may be shown.
    pub fn field(&self, name: &str, value: &str) -> String {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            _ if self.is_listed(name) => HIDDEN.to_owned(),
            "cookie" => each(value, ';', |cookie| hide_value(cookie.trim())),
            "set-cookie" => match value.split_once(';') {
                Some((cookie, attributes)) => format!("{};{attributes}", hide_value(cookie)),
                None => hide_value(value),
            },
            "sec-websocket-protocol" => each(value, ',', |name| self.subprotocol(name.trim())),
            "sec-websocket-key" | "sec-websocket-accept" => value.to_owned(),
            "location" | "referer" | "origin" => self.url(value),
            _ if FIELDS.contains(&lower.as_str()) => match value.split_once(' ') {
                // The scheme is worth knowing: Basic, Bearer, Negotiate …
                Some((scheme, _)) => format!("{scheme} {HIDDEN}"),
                None => HIDDEN.to_owned(),
            },
            _ if lower.ends_with("-key") || has_part(&lower) => HIDDEN.to_owned(),
            _ => value.to_owned(),
        }
    }

    /// A subprotocol's name; one that carries a token is hidden, as some servers take them there.
    pub fn subprotocol(&self, name: &str) -> String {
        let words = name.split(['.', '-', '_', '/']);
        let longest = words.clone().map(str::len).max().unwrap_or(0);
        let mixed = |word: &str| {
            word.len() >= 16
                && word.bytes().any(|byte| byte.is_ascii_digit())
                && word.bytes().any(|byte| byte.is_ascii_alphabetic())
        };
        match name.split_once("bearer.").or_else(|| name.split_once("Bearer.")) {
            Some((before, _)) if before.len() < 40 => {
                format!("{}{HIDDEN}", &name[..before.len() + "bearer.".len()])
            }
            _ if longest >= 24 || words.clone().any(mixed) || name.starts_with("eyJ") => HIDDEN.to_owned(),
            _ => name.to_owned(),
        }
    }

    /// A URL or request target without password and tokens.
    pub fn url(&self, url: &str) -> String {
        let (before, query) = match url.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (url, None),
        };
        let mut shown = match before.split_once("://") {
            Some((scheme, rest)) => {
                let end = rest.find('/').unwrap_or(rest.len());
                match rest[..end].rfind('@') {
                    Some(at) => format!("{scheme}://{HIDDEN}@{}", &rest[at + 1..]),
                    None => before.to_owned(),
                }
            }
            None => before.to_owned(),
        };
        if let Some(query) = query {
            shown.push('?');
            shown.push_str(&each(query, '&', |pair| match pair.split_once('=') {
                Some((key, _)) if self.is_secret_key(key) => format!("{key}={HIDDEN}"),
                _ => pair.to_owned(),
            }));
        }
        shown
    }

    fn is_secret_key(&self, key: &str) -> bool {
        let lower = key.to_ascii_lowercase();
        self.is_listed(key) || KEYS.contains(&lower.as_str()) || has_part(&lower) || lower.ends_with("_key")
    }

    fn is_listed(&self, name: &str) -> bool {
        self.more.iter().any(|listed| listed.eq_ignore_ascii_case(name))
    }
}

fn has_part(lower: &str) -> bool {
    PARTS.iter().any(|part| lower.contains(part))
}

/// `NAME=VALUE` without its value.
fn hide_value(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) => format!("{name}={HIDDEN}"),
        None => HIDDEN.to_owned(),
    }
}

/// Each part of a list, with its separator as it is commonly written.
fn each(list: &str, separator: char, change: impl Fn(&str) -> String) -> String {
    let between = if separator == '&' { "&".to_owned() } else { format!("{separator} ") };
    list.split(separator).map(change).collect::<Vec<_>>().join(&between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_lose_their_secrets_and_keep_what_helps() {
        let redactor = Redactor { more: vec!["X-Gotify".into()] };
        for (name, value, shown) in [
            ("Authorization", "Bearer s3cret", "Bearer [hidden]"),
            ("authorization", "Basic dXNlcjpwdw==", "Basic [hidden]"),
            ("Proxy-Authorization", "s3cret", "[hidden]"),
            ("Cookie", "a=1; session=s3cret", "a=[hidden]; session=[hidden]"),
            ("Set-Cookie", "sid=s3cret; Path=/; HttpOnly", "sid=[hidden]; Path=/; HttpOnly"),
            ("X-Api-Key", "s3cret", "[hidden]"),
            ("X-CSRF-Token", "s3cret", "[hidden]"),
            ("X-Gotify", "s3cret", "[hidden]"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Protocol", "chat, v1.json", "chat, v1.json"),
            ("Location", "https://u:s3cret@h/x?token=s3cret", "https://[hidden]@h/x?token=[hidden]"),
            ("Host", "example.com", "example.com"),
            ("User-Agent", "wsio/0.1.0", "wsio/0.1.0"),
        ] {
            assert_eq!(redactor.field(name, value), shown, "{name}");
        }
    }

    #[test]
    fn subprotocols_that_carry_tokens_are_hidden() {
        let redactor = Redactor::default();
        for kept in ["chat", "graphql-transport-ws", "v10.stomp", "bus.sp.nanomsg.org", "mqtt", "ocpp1.6"] {
            assert_eq!(redactor.subprotocol(kept), kept);
        }
        assert_eq!(
            redactor.subprotocol("base64url.bearer.authorization.k8s.io.c2VjcmV0"),
            "base64url.bearer.[hidden]"
        );
        for token in
            ["eyJhbGciOiJIUzI1NiJ9.e30.x", "0123456789abcdef0123456789abcdef", "sk-ab12cd34ef56gh78ij90"]
        {
            assert_eq!(redactor.subprotocol(token), HIDDEN);
        }
    }

    #[test]
    fn urls_lose_passwords_and_tokens() {
        let redactor = Redactor { more: vec!["room".into()] };
        for (url, shown) in [
            ("wss://u:pw@h:1/p", "wss://[hidden]@h:1/p"),
            ("/feed?x=1&access_token=abc&y=2", "/feed?x=1&access_token=[hidden]&y=2"),
            ("/feed?KEY=abc&room=1", "/feed?KEY=[hidden]&room=[hidden]"),
            ("wss://h/a@b?monkey=1", "wss://h/a@b?monkey=1"),
            ("/", "/"),
        ] {
            assert_eq!(redactor.url(url), shown);
        }
    }

    /// Hides nothing of its own accord: every row stands on one rule alone.
    #[test]
    fn each_rule_hides_by_itself() {
        let redactor = Redactor::default();
        for (name, shown) in [
            // By the end of the name, where no part of it says so.
            ("X-Functions-Key", true),
            ("Ocp-Apim-Subscription-Key", true),
            ("x-master-key", true),
            ("Key", false),
            ("X-Keyword", false),
            ("X-Monkey", false),
            ("Key-Id", false),
            // Whole names.
            ("X-Auth", true),
            ("X-Session", true),
            ("X-Csrf", true),
            ("X-Key", true),
            ("X-Author", false),
            ("X-Session-Count", false),
            ("Authorization-Info", false),
            // By a part of the name.
            ("X-Tokens", true),
            ("My-Bearer", true),
            ("Client-Secret", true),
            ("X-Password", true),
            ("X-Passwd", true),
            ("X-Apikey", true),
            ("Api-Key-Id", true),
            ("X_Api_Key_Id", true),
            ("AWS-Credential", true),
            ("X-Hub-Signature", true),
            ("X-Jwt-Assertion", true),
            ("X-Request-Id", false),
            // The handshake's own keys are no secrets, though they end like some.
            ("Sec-WebSocket-Key", false),
            ("Sec-WebSocket-Accept", false),
            ("Sec-WebSocket-Version", false),
        ] {
            let expected = if shown { HIDDEN } else { "s3cret" };
            for name in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
                assert_eq!(redactor.field(&name, "s3cret"), expected, "{name}");
            }
        }
        for (key, hidden) in [
            // By the end of the name.
            ("subscription_key", true),
            ("client_KEY", true),
            ("key_client", false),
            ("monkey", false),
            // Whole names.
            ("key", true),
            ("sig", true),
            ("auth", true),
            ("pw", true),
            ("pass", true),
            ("session", true),
            ("sid", true),
            ("code", true),
            ("access", true),
            ("ticket", true),
            ("design", false),
            ("author", false),
            ("passage", false),
            ("zipcode", false),
            // By a part of the name.
            ("access_token", true),
            ("id.jwt", true),
            ("X-Amz-Signature", true),
            ("X-Amz-Credential", true),
            ("userpassword", true),
            ("passwd2", true),
            ("my-api-key-2", true),
            ("apikey2", true),
            ("secretly", true),
            ("bearer", true),
            ("room", false),
        ] {
            for key in [key.to_owned(), key.to_uppercase()] {
                let expected = if hidden { HIDDEN } else { "s3cret" };
                assert_eq!(redactor.url(&format!("/?a=1&{key}=s3cret")), format!("/?a=1&{key}={expected}"));
            }
        }
    }

    #[test]
    fn what_carries_more_than_one_value_loses_the_secret_ones() {
        let redactor = Redactor { more: vec!["Room".into(), "set-cookie".into()] };
        for (name, value, shown) in [
            ("Cookie", "s3cret", "[hidden]"),
            ("Cookie", "a=s3cret=more;b=s3cret", "a=[hidden]; b=[hidden]"),
            ("ROOM", "s3cret", "[hidden]"),
            ("Set-Cookie", "sid=s3cret; Path=/", "[hidden]"),
            ("X-Auth", "Custom s3cret more", "Custom [hidden]"),
            ("Referer", "https://u@h/?sig=s3cret", "https://[hidden]@h/?sig=[hidden]"),
            ("Origin", "https://u:s3cret@h", "https://[hidden]@h"),
            ("Sec-WebSocket-Protocol", "chat,bearer.s3cret", "chat, bearer.[hidden]"),
        ] {
            assert_eq!(redactor.field(name, value), shown, "{name}: {value}");
        }
        let redactor = Redactor::default();
        assert_eq!(redactor.field("Set-Cookie", "s3cret"), "[hidden]");
        assert_eq!(redactor.field("Set-Cookie", "a=s3cret"), "a=[hidden]");
        for (name, shown) in [
            ("Bearer.s3cret", "Bearer.[hidden]"),
            // Of 24 letters and more no word is one.
            ("abcdefghijklmnopqrstuvw", "abcdefghijklmnopqrstuvw"),
            ("abcdefghijklmnopqrstuvwx", "[hidden]"),
            // Of 16 with digits and letters.
            ("v1.abcdefgh1234567", "v1.abcdefgh1234567"),
            ("v1.abcdefgh12345678", "[hidden]"),
            ("abcdefghijklmnop", "abcdefghijklmnop"),
            ("1234567890123456", "1234567890123456"),
            ("eyJ", "[hidden]"),
        ] {
            assert_eq!(redactor.subprotocol(name), shown, "{name}");
        }
    }
}
