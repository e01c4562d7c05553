//! Secrets out of what is shown or recorded: header fields, URLs, subprotocols.
//!
//! Whatever a person may paste into a ticket goes through here. What looks like a secret is one: a
//! value too much hidden costs a look at the source, one too little costs an account. A name counts
//! however it is written: percent-encoded, in a query, a fragment, a path's parameter, or in a URL
//! inside of a value.

use super::secret_name::{is_of_an_api, is_secret_name};
use percent_encoding::percent_decode_str;

/// Stand-in for a secret.
pub const HIDDEN: &str = "[hidden]";

/// Whole names of query keys whose values are secrets.
const KEYS: &[&str] = &["key", "code", "access"];
/// Deepest level of URLs in values of URLs that is looked into.
const DEPTH: usize = 4;
/// Header fields whose value may begin with the scheme of a login.
const FIELDS: &[&str] = &["authorization", "proxy-authorization", "x-auth", "x-session", "x-csrf", "x-key"];

/// Names of secrets, and secrets of this run, beside the well-known names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redactor {
    /// Names of header fields, query keys and subprotocols, in any case (`--secret`).
    pub more: Vec<String>,
    /// Secrets of this run, which are hidden wherever a peer repeats them; longest first.
    pub(super) known: Vec<String>,
}

impl Redactor {
    /// One that hides the values of these names too.
    pub fn naming(more: Vec<String>) -> Self {
        Self { more, known: Vec::new() }
    }

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
            "location" | "content-location" | "referer" | "origin" => self.url(value),
            _ if FIELDS.contains(&lower.as_str()) => match value.split_once(' ') {
                // The scheme is worth knowing: Basic, Bearer, Negotiate …
                Some((scheme, _)) => format!("{scheme} {HIDDEN}"),
                None => HIDDEN.to_owned(),
            },
            _ if is_secret_name(name) || is_of_an_api(&lower) => HIDDEN.to_owned(),
            _ => self.shown(value),
        }
    }

    /// True when a header field carries a secret.
    pub fn hides(&self, name: &str, value: &str) -> bool {
        self.field(name, value) != value
    }

    /// A subprotocol's name; one that carries a token is hidden, as some servers take them there.
    pub fn subprotocol(&self, name: &str) -> String {
        if self.is_listed(name) || self.is_listed("sec-websocket-protocol") {
            return HIDDEN.to_owned();
        }
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

    /// True when a subprotocol carries a secret.
    pub fn hides_subprotocol(&self, name: &str) -> bool {
        self.subprotocol(name) != name
    }

    /// A URL or request target without password and tokens.
    pub fn url(&self, url: &str) -> String {
        self.url_within(url, DEPTH)
    }

    fn url_within(&self, url: &str, depth: usize) -> String {
        let (rest, fragment) = cut(url, '#');
        let (path, query) = cut(rest, '?');
        let (authority, path) = path.split_at(authority_end(path));
        let mut shown = match authority.rfind('@') {
            Some(at) => format!("{}{HIDDEN}{}", &authority[..login_start(authority)], &authority[at..]),
            None => authority.to_owned(),
        };
        let mut before = "";
        for (index, segment) in path.split('/').enumerate() {
            shown.push_str(if index > 0 { "/" } else { "" });
            // A path may carry a secret behind its name: `/token/VALUE`.
            match self.is_behind_its_name(before, segment) {
                true => shown.push_str(HIDDEN),
                false => shown.push_str(&self.pairs(segment, depth)),
            }
            before = segment;
        }
        if let Some(query) = query {
            shown.push('?');
            shown.push_str(&self.pairs(query, depth));
        }
        if let Some(fragment) = fragment {
            shown.push('#');
            shown.push_str(&self.url_within(fragment, depth.saturating_sub(1)));
        }
        shown
    }

    /// `KEY=VALUE` pairs between `&` or `;` without the values of secret keys.
    fn pairs(&self, text: &str, depth: usize) -> String {
        let (mut shown, mut hid) = (String::with_capacity(text.len()), false);
        let mut before = "";
        for piece in text.split_inclusive(['&', ';']) {
            let pair = piece.trim_end_matches(['&', ';']);
            let separator = &piece[pair.len()..];
            // A `;` may stand in a value too: what follows a secret and is no pair belongs to it.
            if !(hid && before == ";" && !pair.contains('=')) {
                let (key, value) = cut(pair, '=');
                // Two of them at the end are the padding of Base64, in which no name stands.
                hid = value.is_some_and(|value| value != "=") && self.is_secret_key(key);
                match value {
                    Some(_) if hid => shown.push_str(&format!("{key}={HIDDEN}")),
                    Some(value) if self.nests(value, depth) => shown.push_str(&format!("{key}={HIDDEN}")),
                    None if self.nests(pair, depth) => shown.push_str(HIDDEN),
                    _ => shown.push_str(pair),
                }
                shown.push_str(separator);
            }
            before = separator;
        }
        shown
    }

    /// True when a value holds a secret of its own: a URL with one, pairs that were encoded together, a JWT.
    fn nests(&self, value: &str, depth: usize) -> bool {
        let decoded = decoded(value);
        if decoded.starts_with("eyJ") && decoded.matches('.').count() >= 2 {
            return true;
        }
        let may = decoded.contains(['?', '=', '#', ';', '&']) || decoded.contains("//");
        may && decoded != HIDDEN
            && match depth {
                0 => true,
                _ => self.url_within(&decoded, depth - 1) != decoded,
            }
    }

    pub(super) fn is_secret_key(&self, key: &str) -> bool {
        let key = decoded(&key.replace('+', " "));
        let key = key.trim().trim_end_matches("[]");
        let lower = key.to_ascii_lowercase();
        self.is_listed(key) || KEYS.contains(&lower.as_str()) || is_secret_name(key) || is_of_an_api(&lower)
    }

    /// True when a segment of a path is the value of a secret that the segment before names: long and with a
    /// digit, as machines make secrets and no address is spelled. Names in paths have no capitals, which the
    /// pieces of a key in Base64 do.
    pub(super) fn is_behind_its_name(&self, name: &str, segment: &str) -> bool {
        segment.len() >= 8
            && !name.bytes().any(|byte| byte.is_ascii_uppercase())
            && segment != HIDDEN
            && segment.bytes().any(|byte| byte.is_ascii_digit())
            && self.is_secret_key(name)
    }

    fn is_listed(&self, name: &str) -> bool {
        self.more.iter().any(|listed| listed.eq_ignore_ascii_case(name))
    }
}

/// The text before the first such character, and the text behind it.
fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

/// End of `SCHEME://LOGIN@HOST` or `//LOGIN@HOST`; 0 where the text begins with neither.
fn authority_end(text: &str) -> usize {
    let start = login_start(text);
    match start {
        0 => 0,
        start => text[start..].find(['/', '\\']).map_or(text.len(), |end| start + end),
    }
}

/// Offset at which the login of a URL would begin; 0 where no `SCHEME://` or `//` begins the text.
pub(super) fn login_start(text: &str) -> usize {
    let is_scheme = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    text.find("//")
        .filter(|at| text[..*at].strip_suffix(':').is_some_and(is_scheme) || *at == 0)
        .map_or(0, |at| at + 2)
}

/// Without percent-encoding, however often it was encoded.
pub(super) fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..DEPTH {
        if !text.contains('%') {
            break;
        }
        text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    }
    text
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
    list.split(separator).map(change).collect::<Vec<_>>().join(&format!("{separator} "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_the_handshake_is_no_name_with_its_padding_for_a_value() {
        let redactor = Redactor::default();
        for key in ["IHIHLglXbUxRlUAWHOFyPw==", "IHIHLglXbUxRlUAWHOFKey=="] {
            let line = format!("> Sec-WebSocket-Key: {key}");
            assert_eq!((redactor.text(&line), redactor.url(key)), (line.clone(), key.to_owned()));
        }
        assert_eq!(redactor.text("?userPw=x=="), format!("?userPw={HIDDEN}"));
    }

    #[test]
    fn a_pin_that_is_printed_can_be_pasted() {
        let redactor = Redactor::default();
        for pin in ["LficIvPw/KZ5Zo2Ev9/Z5Zo2EvK5+2Rk=", "abApiKey/12345678/x=", "aB3/TokenSid/98765432Q="] {
            let line = format!("wsio connect -k --pin sha256//{pin} wss://127.0.0.1:1/");
            assert_eq!(redactor.shown(&line), line);
        }
        assert!(!redactor.shown("ws://h/token/s3cret99/x").contains("s3cret99"));
    }

    #[test]
    fn header_fields_lose_their_secrets_and_keep_what_helps() {
        let redactor = Redactor::naming(vec!["X-Gotify".into()]);
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
        let redactor = Redactor::naming(vec!["room".into()]);
        for (url, shown) in [
            ("wss://u:pw@h:1/p", "wss://[hidden]@h:1/p"),
            ("/feed?x=1&access_token=abc&y=2", "/feed?x=1&access_token=[hidden]&y=2"),
            ("/feed?KEY=abc&room=1", "/feed?KEY=[hidden]&room=[hidden]"),
            ("wss://h/a@b?monkey=1", "wss://h/a@b?monkey=1"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(redactor.url(url), shown);
        }
    }

    #[test]
    fn a_secret_is_hidden_wherever_a_url_has_room_for_it() {
        let redactor = Redactor::naming(vec!["room".into()]);
        for url in [
            // Names under percent-encoding, once and twice, and with a plus.
            "ws://h/?%74oken=SEKRET",
            "/?acc%65ss%5Ftoken=SEKRET&x=1",
            "/?%2574oken=SEKRET",
            "/?%6b%65%79=SEKRET",
            "/?+key+=SEKRET",
            "/?r%6Fom=SEKRET",
            "/?token[]=SEKRET",
            "/?token%5B%5D=SEKRET",
            "/?key[]=SEKRET",
            // The fragment.
            "/#token=SEKRET",
            "https://h/cb#access_token=SEKRET&state=1",
            "https://h/#/route?token=SEKRET",
            "/?x=1#%74oken=SEKRET",
            "/?x=1#a=1&sig=SEKRET",
            // Other separators.
            "/?a=1;token=SEKRET",
            "/?token=a;SEKRET",
            "/?token=a;bSEKRET;c=1",
            "/?a=1&amp;sig=SEKRET",
            // Parameters of a path.
            "/a;jsessionid=1;token=SEKRET/b",
            "/a;%74oken=SEKRET?x=1",
            "/token=SEKRET/b",
            // A URL in a value, as it is and encoded.
            "/?next=https://u:SEKRET@h/",
            "/?next=https%3A%2F%2Fu%3ASEKRET%40h%2F",
            "/?next=/cb?token=SEKRET",
            "/?next=%2Fcb%3Ftoken%3DSEKRET",
            "/?next=%252Fcb%253Ftoken%253DSEKRET",
            "/?next=%2Fcb%23token%3DSEKRET",
            "/?q=a%3D1%26token%3DSEKRET",
            "/?a%3D1%26token%3DSEKRET",
            "/cb%3Ftoken%3DSEKRET",
            "/?x=eyJhbGciOiJIUzI1NiJ9.e30.SEKRET",
            // Logins.
            "ws://u:SEKRET@h/",
            "ws://SEKRET@h",
            "ws://u:p@SEKRET@h/",
            "ws://u%3ASEKRET@h/",
            "ws://u:SEKRET@h?x",
            "ws://u:SEKRET@h#x",
            "//u:SEKRET@h/x",
            "ws://u:SEKRET@h\\x",
        ] {
            let shown = redactor.url(url);
            assert!(!shown.contains("SEKRET") && shown.contains(HIDDEN), "{url}: {shown}");
            assert_eq!(redactor.url(&shown), shown, "twice is once");
        }
        for kept in [
            "ws://h/a;v=1/b?x=1;y=2&z#top",
            "/?next=https%3A%2F%2Fh%2F%3Fa%3D1",
            "/?q=100%25&r=%C3%BC",
            "/a@b/c:d?mail=me@h",
            "/#/route?x=1",
            "/?x=%zz%",
            "/?a==b&&c",
            "https://h//a//b?u=//h/x",
        ] {
            assert_eq!(redactor.url(kept), kept);
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
            // By a word of it.
            ("CB-ACCESS-SIGN", true),
            ("CB-ACCESS-PASSPHRASE", true),
            ("OK-ACCESS-KEY", true),
            ("X-BAPI-SIGN", true),
            ("KC-API-PASSPHRASE", true),
            ("X-MBX-APIKEY", true),
            ("Authentication", true),
            ("X-Api-Login", true),
            ("X-Otp", true),
            ("X-Signal", false),
            ("X-Design", false),
            ("X-Passenger", false),
            ("WWW-Authenticate", false),
            ("Access-Control-Allow-Origin", false),
            ("CB-ACCESS-TIMESTAMP", false),
            ("Content-Type", false),
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
            // By a word of it.
            ("listenKey", true),
            ("session_id", true),
            ("sessionid", true),
            ("pwd", true),
            ("user.pwd", true),
            ("passphrase", true),
            ("sign", true),
            ("hmac", true),
            ("authkey", true),
            ("PHPSESSID", true),
            ("JSESSIONID", true),
            ("connect.sid", true),
            ("pass2", true),
            ("signal", false),
            ("session_timeout", false),
            ("auth_type", false),
            ("side", false),
            ("resident", false),
            ("compass", false),
        ] {
            for key in [key.to_owned(), key.to_uppercase()] {
                let expected = if hidden { HIDDEN } else { "s3cret" };
                assert_eq!(redactor.url(&format!("/?a=1&{key}=s3cret")), format!("/?a=1&{key}={expected}"));
            }
        }
    }

    #[test]
    fn what_carries_more_than_one_value_loses_the_secret_ones() {
        let redactor = Redactor::naming(vec!["Room".into(), "set-cookie".into()]);
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
