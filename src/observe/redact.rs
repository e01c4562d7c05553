//! Secrets out of what is shown or recorded: header fields, URLs, subprotocols.
//!
//! Whatever a person may paste into a ticket goes through here. What looks like a secret is one: a
//! value too much hidden costs a look at the source, one too little costs an account. A name counts
//! however it is written: percent-encoded, in a query, a fragment, a path's parameter, or in a URL
//! inside of a value.

use super::secret_name::{is_of_an_api, is_secret_name};
use base64::{Engine, prelude::BASE64_STANDARD};
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
            Some(_) => HIDDEN.to_owned(),
            None if longest >= 24 || words.clone().any(mixed) || name.starts_with("eyJ") => HIDDEN.to_owned(),
            None => name.to_owned(),
        }
    }

    /// True when a subprotocol carries a secret.
    pub fn hides_subprotocol(&self, name: &str) -> bool {
        self.subprotocol(name) != name
    }

    /// A URL or request target without password and tokens.
    pub fn url(&self, url: &str) -> String {
        // The letters of a digest may spell a name, and its padding look like a value.
        match url.split(';').all(is_digest) {
            true => url.to_owned(),
            false => self.url_within(url, DEPTH),
        }
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
                hid = value.is_some() && self.is_secret_key(key);
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
    /// digit, as machines make secrets and no address is spelled.
    pub(super) fn is_behind_its_name(&self, name: &str, segment: &str) -> bool {
        segment.len() >= 8
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

/// True for a word that a handshake shows and nobody has to hide: a `Sec-WebSocket-Key`, a
/// `Sec-WebSocket-Accept`, a pin of a key. One that begins with `/` is a path.
fn is_digest(word: &str) -> bool {
    let digest = word.strip_prefix("sha256//").unwrap_or(word);
    matches!(digest.len(), 24 | 28 | 44)
        && !word.starts_with('/')
        && digest.ends_with('=')
        && BASE64_STANDARD.decode(digest).is_ok()
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
mod tests;
