//! Secrets out of text: words about a command line, causes, lines for standard error.
//!
//! What is wrong with an address may be the very thing that hides its password from whoever parses it,
//! so every word is looked at by itself, with less faith than a URL deserves. Text of a run has sound
//! addresses, and repeats what a peer said: there the run's own secrets are hidden too.

use super::redact::{HIDDEN, Redactor, decoded, login_start};
use crate::{
    exit::Exit,
    fault::Fault,
    framing::record::{Facts, Head},
};

/// Schemes that may stand in front of a login.
const SCHEMES: &[&str] =
    &["ws", "wss", "http", "https", "tcp", "tls", "udp", "nats", "nats+tls", "socks5", "socks5h"];
/// Schemes of a path, in which an `@` is no login's end.
const OF_PATHS: &[&str] = &["unix", "unix-listen", "ws+unix", "file", "append"];
/// A secret of fewer bytes may be any word.
const SHORTEST: usize = 6;
/// A secret of fewer bytes may be a part of any word.
const LONG: usize = 16;

impl Redactor {
    /// The text about a command line without logins and without values of secret keys.
    pub fn text(&self, text: &str) -> String {
        words(text, |word| self.url(&without_login(word)))
    }

    /// The text of a run without logins, values of secret keys and the run's own secrets.
    pub fn shown(&self, text: &str) -> String {
        let mut shown = self.by_shape(text);
        for secret in &self.known {
            if shown.contains(secret.as_str()) {
                shown = without(&shown, secret);
            }
        }
        shown
    }

    /// A fault as it may be told. A hint is ours alone: no secret of the run is looked for in its words.
    pub fn fault(&self, fault: &Fault) -> Fault {
        // A word that was not understood is quoted as it was written, a password in it too.
        let is_quoted = matches!(fault.exit, Exit::Usage | Exit::Malformed);
        let told = |text: &str| if is_quoted { self.text(&self.shown(text)) } else { self.shown(text) };
        let hint = |hint: &str| if is_quoted { self.text(hint) } else { self.by_shape(hint) };
        Fault {
            cause: told(&fault.cause),
            detail: fault.detail.iter().map(|line| told(line)).collect(),
            hint: fault.hint.as_deref().map(hint),
            ..fault.clone()
        }
    }

    /// The facts about a connection, as they may be told.
    pub fn facts(&self, facts: &Facts) -> Facts {
        let head = |head: &Head| -> Head {
            head.iter().map(|(name, value)| (name.clone(), self.field(name, value))).collect()
        };
        Facts {
            url: facts.url.as_ref().map(|url| self.url(url)),
            peer: self.shown(&facts.peer),
            subprotocol: facts.subprotocol.as_ref().map(|name| self.subprotocol(name)),
            extensions: facts.extensions.as_ref().map(|text| self.shown(text)),
            request: head(&facts.request),
            response: head(&facts.response),
            ..facts.clone()
        }
    }

    /// Hides this text from now on.
    pub fn learn(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.len() >= SHORTEST && !self.known.iter().any(|known| known == secret) {
            self.known.push(secret.to_owned());
            self.known.sort_by_key(|known| std::cmp::Reverse(known.len()));
        }
    }

    /// Hides the login and the secret values of a URL from now on, wherever they are repeated.
    pub fn learn_url(&mut self, url: &str) {
        let start = login_start(url);
        let end = url[start..].find(['/', '?', '#', '\\']).map_or(url.len(), |end| start + end);
        let login = url[start..end].rsplit_once('@').map(|(login, _)| login);
        let password = login.and_then(|login| login.split_once(':')).map(|(_, password)| password);
        let values = url[end..].split(['?', '#', '&', ';', '/']).filter_map(|pair| pair.split_once('='));
        let values = values.filter(|(key, _)| self.is_secret_key(key)).map(|(_, value)| value);
        let path = url[end..].split(['?', '#']).next().unwrap_or_default().split('/').collect::<Vec<_>>();
        let behind = path.windows(2).filter(|pair| self.is_behind_its_name(pair[0], pair[1]));
        let behind = behind.map(|pair| pair[1]);
        let secrets: Vec<&str> = login.into_iter().chain(password).chain(values).chain(behind).collect();
        for secret in secrets {
            self.learn(secret);
            self.learn(&decoded(secret));
        }
    }

    /// Hides what the other one hides too.
    pub fn join(&mut self, other: &Self) {
        let names = other.more.iter().filter(|name| !self.more.contains(name)).cloned().collect::<Vec<_>>();
        self.more.extend(names);
        other.known.iter().for_each(|secret| self.learn(secret));
    }

    fn by_shape(&self, text: &str) -> String {
        // Most text has nothing in it that could be an address.
        match text.contains(['?', '#', '@', ';', '=', '/']) {
            true => words(text, |word| self.url(&without_login_before_path(word))),
            false => text.to_owned(),
        }
    }
}

/// The text without a secret; a short one has to stand alone.
fn without(text: &str, secret: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    let goes_on = |c: char| c.is_alphanumeric() || "-_".contains(c);
    for (start, _) in text.match_indices(secret) {
        let end = start + secret.len();
        let inside = text[..start].ends_with(goes_on) || text[end..].starts_with(goes_on);
        if !inside || secret.len() >= LONG {
            shown.push_str(&text[at..start]);
            shown.push_str(HIDDEN);
            at = end;
        }
    }
    shown.push_str(&text[at..]);
    shown
}

/// Each word changed, without what stands around it.
fn words(text: &str, change: impl Fn(&str) -> String) -> String {
    let ends = |c: char| c.is_whitespace() || "`'\"<>".contains(c);
    let shown = |word: &str| {
        let inner = word.trim_start_matches(['(', ',']);
        let bare = inner.trim_end_matches(|c: char| ends(c) || "(),.:".contains(c));
        let start = word.len() - inner.len();
        format!("{}{}{}", &word[..start], change(bare), &word[start + bare.len()..])
    };
    text.split_inclusive(ends).map(shown).collect()
}

/// The same for what looks like an address up to its path, where an `@` is no login's end.
fn without_login_before_path(word: &str) -> String {
    let start = word.find("://").map_or(0, |at| at + 3);
    let end = word[start..].find(['/', '?', '#']).map_or(word.len(), |end| start + end);
    format!("{}{}", without_login(&word[..end]), &word[end..])
}

/// `SCHEME://` and what follows on the login; a word without a password is as it was.
fn without_login(word: &str) -> String {
    let head = word.find('?').map_or(word, |at| &word[..at]);
    let Some(at) = head.rfind('@') else { return word.to_owned() };
    let scheme = head.split_once(':').map_or("", |(scheme, _)| scheme);
    if OF_PATHS.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return word.to_owned();
    }
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

    /// The hints that stand in the source, as they are written there.
    fn hints() -> Vec<String> {
        let written = regex::Regex::new(r#"hint\(\s*(?:format!\(\s*)?"((?:[^"\\]|\\.)*)""#).unwrap();
        let (mut hints, mut folders) = (Vec::new(), vec![format!("{}/src", env!("CARGO_MANIFEST_DIR"))]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry.to_str().unwrap().to_owned());
                } else if entry.extension().is_some_and(|kind| kind == "rs") {
                    let source = std::fs::read_to_string(&entry).unwrap();
                    let source = source.split("#[cfg(test)]").next().unwrap();
                    hints.extend(written.captures_iter(source).map(|found| found[1].replace("\\\"", "\"")));
                }
            }
        }
        hints
    }

    #[test]
    fn no_hint_is_taken_for_a_secret() {
        let (redactor, hints) = (Redactor::default(), hints());
        assert!(hints.len() > 100, "{}", hints.len());
        for hint in hints {
            assert_eq!(redactor.text(&hint), hint);
        }
    }

    #[test]
    fn text_of_a_run_keeps_paths_and_hints() {
        let mut redactor = Redactor::default();
        redactor.learn("hunter2");
        redactor.learn("hunter2-and-more");
        redactor.learn("short");
        for (text, shown) in [
            (
                "wss://h/?token=SEKRET if the server speaks TLS",
                "wss://h/?token=[hidden] if the server speaks TLS",
            ),
            ("`ws://h/#token=SEKRET` is wrong", "`ws://h/#token=[hidden]` is wrong"),
            ("ws://h/a@b: closed", "ws://h/a@b: closed"),
            ("u:SEKRET@proxy:3128 refused", "[hidden]@proxy:3128 refused"),
            ("GET /?%74oken=SEKRET", "GET /?%74oken=[hidden]"),
            ("?token=a,SEKRET, (ws://h/?sig=SEKRET).", "?token=[hidden], (ws://h/?sig=[hidden])."),
            ("<a href=\"/?token=SEKRET\">", "<a href=\"/?token=[hidden]\">"),
            (
                "it said hunter2-and-more, \u{fc}hunter2,hunter2=hunter2s, short",
                "it said [hidden], \u{fc}hunter2,[hidden]=hunter2s, short",
            ),
            ("{\"a\":\"b;c=d\"} 100% #3 x=1;y", "{\"a\":\"b;c=d\"} 100% #3 x=1;y"),
        ] {
            assert_eq!(redactor.shown(text), shown);
            assert_eq!(redactor.shown(shown), shown, "twice is once");
        }
        let fault = Fault::new(crate::exit::Exit::Lost, "session", "hunter2")
            .hint("give hunter2 at ws://h/?token=SEKRET again");
        let told = redactor.fault(&fault);
        assert_eq!(told.cause, HIDDEN);
        assert_eq!(told.hint.as_deref(), Some("give hunter2 at ws://h/?token=[hidden] again"));
    }

    #[test]
    fn every_word_of_a_fault_loses_its_secrets() {
        let mut redactor = Redactor::default();
        redactor.learn("hunter2hunter2");
        for exit in [crate::exit::Exit::Usage, crate::exit::Exit::Malformed, crate::exit::Exit::Lost] {
            let fault = Fault::new(exit, "usage", "ws://u:s3cret@h and hunter2hunter2")
                .detail(["ws://h/?token=s3cret".to_owned(), "hunter2hunter2".to_owned()])
                .hint("give ws://u:s3cret@h/ again");
            let told = redactor.fault(&fault).to_string();
            assert!(!told.contains("s3cret") && !told.contains("hunter2"), "{told}");
            assert_eq!(told.matches(HIDDEN).count(), 5, "{told}");
        }
    }

    #[test]
    fn every_fact_about_a_connection_loses_its_secrets() {
        let mut redactor = Redactor::default();
        redactor.learn("hunter2hunter2");
        let head = || vec![("Cookie".to_owned(), "sid=hunter2hunter2".to_owned())];
        let facts = Facts {
            url: Some("ws://u:hunter2hunter2@h/?token=hunter2hunter2".to_owned()),
            peer: "unix:/run/hunter2hunter2".to_owned(),
            subprotocol: Some("bearer.hunter2hunter2".to_owned()),
            extensions: Some("x-key; k=hunter2hunter2".to_owned()),
            request: head(),
            response: head(),
            ..Facts::default()
        };
        let told = format!("{:?}", redactor.facts(&facts));
        assert!(!told.contains("hunter2"), "{told}");
        assert_eq!(told.matches(HIDDEN).count(), 7, "{told}");
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
            ("unix:@/run/x", "unix:@/run/x"),
            ("file:/home/me@h/x", "file:/home/me@h/x"),
            ("files:me@h", "[hidden]@h"),
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
