//! Secrets out of words about a command line that could not be understood.
//!
//! What is wrong with an address may be the very thing that hides its password from whoever parses it,
//! so every word is looked at by itself, with less faith than a URL deserves.

use super::redact::{HIDDEN, Redactor};

/// What may stand in front of a login.
const SCHEMES: &[&str] =
    &["ws", "wss", "http", "https", "tcp", "tls", "udp", "nats", "nats+tls", "socks5", "socks5h"];

impl Redactor {
    /// The text without logins and without values of secret keys.
    pub fn text(&self, text: &str) -> String {
        let ends = |c: char| c.is_whitespace() || "`'\"(),".contains(c);
        let shown = |word: &str| {
            let bare = word.trim_end_matches(ends);
            self.url(&without_login(bare)) + &word[bare.len()..]
        };
        text.split_inclusive(ends).map(shown).collect()
    }
}

/// `SCHEME://` and what follows on the login; a word without a password is as it was.
fn without_login(word: &str) -> String {
    let head = word.find('?').map_or(word, |at| &word[..at]);
    let Some(at) = head.rfind('@') else { return word.to_owned() };
    let scheme = head.split_once(':').map_or("", |(scheme, _)| scheme);
    let start = match SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        true => scheme.len() + 1 + head[scheme.len() + 1..].bytes().take_while(|byte| *byte == b'/').count(),
        false => 0,
    };
    let is_login = start < at && (start > 0 || head[..at].contains(':'));
    if is_login { format!("{}{HIDDEN}{}", &word[..start], &word[at..]) } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_login_and_no_token_is_shown_however_the_address_is_written() {
        let redactor = Redactor::default();
        for address in [
            "ws:/u:SEKRET@h:1/?token=SEKRET",
            "ws:u:SEKRET@h:1/?a=b&token=SEKRET",
            "nats://u:SEKRET@h/x",
            "nats://SEKRET@h/x",
            "u:SEKRET@h:1",
            "[u:SEKRET@h]:1",
            "WSS://u:SEK@RET@h/",
        ] {
            let shown = redactor.text(&format!("`{address}` is wrong; try: wsio connect '{address}' -1"));
            assert!(!shown.contains("SEK") && !shown.contains("RET"), "{shown}");
            assert!(shown.contains("is wrong; try: wsio connect '") && shown.ends_with("' -1"), "{shown}");
        }
        for plain in
            ["--send @file, @- and @env:NAME", "a note: user@example.com", "ws://h/x?a=b", "{\"a\":1}"]
        {
            assert_eq!(redactor.text(plain), plain);
        }
    }

    #[test]
    fn a_login_is_hidden_behind_each_scheme_and_only_there() {
        let redactor = Redactor::default();
        for scheme in SCHEMES {
            for (slashes, login) in [("//", "s3cret"), ("/", "u:s3cret"), ("", "s3cret")] {
                let shown = redactor.text(&format!("{scheme}:{slashes}{login}@h/a"));
                assert_eq!(shown, format!("{scheme}:{slashes}{HIDDEN}@h/a"));
            }
        }
        for (text, shown) in [
            ("u:s3cret@h", "[hidden]@h"),
            ("me@h", "me@h"),
            ("@file", "@file"),
            ("mailto:me@h", "[hidden]@h"),
            ("ws://h/?a=u:x@h", "ws://h/?a=u:x@h"),
            ("(ws://s3cret@h/, wss://s3cret@h/)", "(ws://[hidden]@h/, wss://[hidden]@h/)"),
            ("a?token=s3cret b", "a?token=[hidden] b"),
        ] {
            assert_eq!(redactor.text(text), shown);
        }
    }
}
