//! Offering and accepting permessage-deflate (RFC 7692 sections 5 and 7.1), in the header field
//! Sec-WebSocket-Extensions (RFC 6455 section 9.1).

use super::Agreed;
use hyper::header::{HeaderMap, SEC_WEBSOCKET_EXTENSIONS};
use std::collections::HashSet;

/// The name of the extension.
pub const NAME: &str = "permessage-deflate";

/// A client's offer: the server may limit our window, and everything else as well.
pub const OFFER: &str = "permessage-deflate; client_max_window_bits";

/// The first offer of a request that we can accept; `None` goes on without compression, as section 5.1
/// wants it when all are declined.
pub fn accept(headers: &HeaderMap) -> Option<Agreed> {
    let offers = extensions(headers)?;
    offers.iter().filter(|offer| offer.name == NAME).find_map(|offer| {
        let said = Said::read(offer, true).ok()?;
        Some(Agreed {
            server_no_context_takeover: said.server_no_context_takeover,
            // A hint that it will not need its context: kept to, so that we need none either.
            client_no_context_takeover: said.client_no_context_takeover,
            server_max_window_bits: said.server_max_window_bits.unwrap_or(15),
            // We restore from any window, so the client is not limited.
            client_max_window_bits: 15,
        })
    })
}

/// Checks the extensions of an answer and gives those agreed on; `None` is no extension.
///
/// # Errors
/// Why the answer is invalid: an extension that was not offered, or one twice, or parameters that
/// section 7.1 does not allow.
pub fn check(headers: &HeaderMap, offered: bool) -> Result<Option<Agreed>, String> {
    // RFC 6455 section 11.3.2 allows a single line; empty ones do no harm.
    let lines = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).into_iter();
    if lines.filter(|line| !line.as_bytes().trim_ascii().is_empty()).count() > 1 {
        return Err("the server's answer has Sec-WebSocket-Extensions twice".to_owned());
    }
    let Some(chosen) = extensions(headers) else {
        return Err("the server's Sec-WebSocket-Extensions is malformed".to_owned());
    };
    let [extension] = &chosen[..] else {
        return match chosen.get(1) {
            None => Ok(None),
            Some(_) => match chosen.iter().find(|extension| extension.name != NAME || !offered) {
                Some(other) => Err(unasked(&other.name)),
                None => Err(format!("the server uses the extension `{NAME}` twice")),
            },
        };
    };
    if extension.name != NAME || !offered {
        return Err(unasked(&extension.name));
    }
    let invalid = |cause: String| format!("the server's answer to {NAME} is invalid: {cause}");
    let said = Said::read(extension, false).map_err(invalid)?;
    Ok(Some(Agreed {
        server_no_context_takeover: said.server_no_context_takeover,
        client_no_context_takeover: said.client_no_context_takeover,
        server_max_window_bits: said.server_max_window_bits.unwrap_or(15),
        client_max_window_bits: said.client_max_window_bits.unwrap_or(15),
    }))
}

fn unasked(name: &str) -> String {
    format!("the server uses the extension `{name}`, which was not offered")
}

/// One extension that is offered or chosen.
#[derive(Debug, PartialEq, Eq)]
struct Extension {
    pub name: String,
    /// In order, with their values, quotes taken off.
    pub parameters: Vec<(String, Option<String>)>,
}

/// The parameters of an offer or an answer.
#[derive(Default)]
struct Said {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<u8>,
}

/// The text that is left to be read.
struct FieldParser<'a>(&'a str);

impl Said {
    fn read(extension: &Extension, is_offer: bool) -> Result<Self, String> {
        let (mut said, mut seen) = (Self::default(), HashSet::new());
        for (name, value) in &extension.parameters {
            let value = value.as_deref();
            if !seen.insert(name) {
                return Err(format!("`{name}` stands there twice"));
            }
            match name.as_str() {
                "server_no_context_takeover" => said.server_no_context_takeover = flag(name, value)?,
                "client_no_context_takeover" => said.client_no_context_takeover = flag(name, value)?,
                "server_max_window_bits" => said.server_max_window_bits = Some(bits(name, value)?),
                // Only an offer may leave its value out: any is fine then (section 7.1.2.2).
                "client_max_window_bits" if is_offer && value.is_none() => {}
                "client_max_window_bits" => said.client_max_window_bits = Some(bits(name, value)?),
                _ => return Err(format!("`{name}` is unknown")),
            }
        }
        Ok(said)
    }
}

fn flag(name: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None => Ok(true),
        Some(value) => Err(format!("`{name}` has the value `{value}`, where none may be")),
    }
}

/// 8 to 15, without leading zeros (section 7.1.2).
fn bits(name: &str, value: Option<&str>) -> Result<u8, String> {
    let Some(value) = value else { return Err(format!("`{name}` lacks its value")) };
    match value {
        "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15" => Ok(value.parse().unwrap_or(15)),
        _ => Err(format!("`{name}` is `{value}`, not a number from 8 to 15")),
    }
}

/// All members of the field, over all its lines; `None` when it does not follow its grammar.
fn extensions(headers: &HeaderMap) -> Option<Vec<Extension>> {
    let mut all = Vec::new();
    for line in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        let mut rest = FieldParser(line.to_str().ok()?.trim_matches([' ', '\t']));
        // An empty member is no member (RFC 9110 section 5.6.1).
        while !rest.0.is_empty() {
            if !rest.takes(',') {
                all.push(rest.extension()?);
                if !rest.0.is_empty() && !rest.takes(',') {
                    return None;
                }
            }
        }
    }
    Some(all)
}

impl<'a> FieldParser<'a> {
    fn takes(&mut self, separator: char) -> bool {
        let Some(rest) = self.0.strip_prefix(separator) else { return false };
        self.0 = rest.trim_start_matches([' ', '\t']);
        true
    }

    fn extension(&mut self) -> Option<Extension> {
        let name = self.token()?.to_owned();
        let mut parameters = Vec::new();
        while self.takes(';') {
            let name = self.token()?.to_owned();
            let value = if self.takes('=') { Some(self.value()?) } else { None };
            parameters.push((name, value));
        }
        Some(Extension { name, parameters })
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.0.find(|character: char| !is_token(character)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest.trim_start_matches([' ', '\t']);
        (!token.is_empty()).then_some(token)
    }

    /// A token, or a quoted one.
    fn value(&mut self) -> Option<String> {
        if !self.takes('"') {
            return self.token().map(str::to_owned);
        }
        let (mut value, mut escaped) = (String::new(), false);
        for (at, character) in self.0.char_indices() {
            match character {
                '"' if !escaped => {
                    self.0 = self.0[at + 1..].trim_start_matches([' ', '\t']);
                    return (!value.is_empty() && value.chars().all(is_token)).then_some(value);
                }
                '\\' if !escaped => escaped = true,
                other => {
                    value.push(other);
                    escaped = false;
                }
            }
        }
        None
    }
}

/// True for a character that may stand in a token (RFC 9110 section 5.6.2).
fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn field(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_str(text).unwrap());
        headers
    }

    /// The answer to an offer; nothing when it is declined.
    fn answer(offer: &str) -> Option<String> {
        accept(&field(offer)).map(|agreed| agreed.to_string())
    }

    #[test]
    fn offers_are_answered_with_what_they_ask_for() {
        for (offer, expected) in [
            ("permessage-deflate", "permessage-deflate"),
            (OFFER, "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits=10", "permessage-deflate"),
            (
                "permessage-deflate; server_no_context_takeover",
                "permessage-deflate; server_no_context_takeover",
            ),
            (
                "permessage-deflate; client_no_context_takeover",
                "permessage-deflate; client_no_context_takeover",
            ),
            (
                "permessage-deflate; server_max_window_bits=10",
                "permessage-deflate; server_max_window_bits=10",
            ),
            (
                "permessage-deflate; server_max_window_bits=\"9\"",
                "permessage-deflate; server_max_window_bits=9",
            ),
            ("permessage-deflate; server_max_window_bits=8", "permessage-deflate; server_max_window_bits=8"),
            ("permessage-deflate; server_max_window_bits=15", "permessage-deflate"),
            (
                "permessage-deflate; client_max_window_bits; server_max_window_bits=12; \
                 client_no_context_takeover; server_no_context_takeover",
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
            ),
            // The first one that can be accepted, after those that cannot.
            ("x-webkit-deflate-frame, permessage-deflate", "permessage-deflate"),
            (
                "permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=11, permessage-deflate",
                "permessage-deflate; server_max_window_bits=11",
            ),
            ("permessage-deflate; x, permessage-deflate", "permessage-deflate"),
        ] {
            assert_eq!(answer(offer).as_deref(), Some(expected), "{offer}");
        }
    }

    /// What makes an offer one to be declined, and an answer one that is invalid.
    const INVALID: &[(&str, &str)] = &[
        ("unknown_parameter", "`unknown_parameter` is unknown"),
        ("Server_no_context_takeover", "is unknown"),
        ("server_no_context_takeover=1", "has the value `1`, where none may be"),
        ("server_no_context_takeover=\"true\"", "has the value `true`, where none may be"),
        ("client_no_context_takeover=0", "has the value `0`, where none may be"),
        ("server_no_context_takeover; server_no_context_takeover", "stands there twice"),
        ("client_no_context_takeover; client_no_context_takeover", "stands there twice"),
        ("server_max_window_bits=10; server_max_window_bits=10", "stands there twice"),
        ("client_max_window_bits=10; client_max_window_bits=11", "stands there twice"),
        ("server_max_window_bits", "lacks its value"),
        ("server_max_window_bits=7", "is `7`, not a number from 8 to 15"),
        ("server_max_window_bits=16", "is `16`"),
        ("server_max_window_bits=0", "is `0`"),
        ("server_max_window_bits=08", "is `08`"),
        ("server_max_window_bits=\"010\"", "is `010`"),
        ("server_max_window_bits=+9", "is `+9`"),
        ("server_max_window_bits=-9", "is `-9`"),
        ("server_max_window_bits=9.0", "is `9.0`"),
        ("server_max_window_bits=0x9", "is `0x9`"),
        ("server_max_window_bits=ten", "is `ten`"),
        ("server_max_window_bits=256", "is `256`"),
        ("server_max_window_bits=4294967305", "is `4294967305`"),
        ("client_max_window_bits=7", "is `7`"),
        ("client_max_window_bits=16", "is `16`"),
        ("client_max_window_bits=09", "is `09`"),
    ];

    #[test]
    fn invalid_offers_are_declined_and_invalid_answers_are_refused() {
        for (parameters, why) in INVALID {
            let text = format!("permessage-deflate; {parameters}");
            assert_eq!(answer(&text), None, "{text}");
            let cause = check(&field(&text), true).unwrap_err();
            assert!(cause.contains(why), "{text}: {cause}");
            assert_eq!(
                answer(&format!("{text}, permessage-deflate")).as_deref(),
                Some("permessage-deflate"),
                "the next offer counts"
            );
        }
        for malformed in
            ["permessage-deflate;", "permessage-deflate; server_max_window_bits=", "permessage-deflate x"]
        {
            assert_eq!(answer(malformed), None, "{malformed}");
            assert!(check(&field(malformed), true).unwrap_err().contains("malformed"), "{malformed}");
        }
        assert_eq!(answer("PerMessage-Deflate"), None);
        assert_eq!(answer("permessage-bzip2, x"), None);
        assert_eq!(answer(""), None);
    }

    #[test]
    fn answers_are_taken_as_far_as_they_may_go() {
        let plain = Agreed::default();
        for (text, expected) in [
            ("", None),
            ("permessage-deflate", Some(plain)),
            (
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                Some(Agreed { server_no_context_takeover: true, client_no_context_takeover: true, ..plain }),
            ),
            // Both may come unasked, the first one was (sections 7.1.2.1 and 7.1.2.2).
            (
                "permessage-deflate; client_max_window_bits=8; server_max_window_bits=9",
                Some(Agreed { client_max_window_bits: 8, server_max_window_bits: 9, ..plain }),
            ),
            ("permessage-deflate; server_max_window_bits=\"15\"", Some(plain)),
        ] {
            assert_eq!(check(&field(text), true), Ok(expected), "{text}");
        }
        assert_eq!(check(&HeaderMap::new(), false), Ok(None));
    }

    #[test]
    fn answers_that_were_not_asked_for_are_refused() {
        for (text, offered, why) in [
            ("permessage-deflate", false, "`permessage-deflate`, which was not offered"),
            ("x-other", true, "`x-other`, which was not offered"),
            ("permessage-deflate, x-other", true, "`x-other`, which was not offered"),
            ("permessage-deflate, permessage-deflate", true, "`permessage-deflate` twice"),
            ("permessage-deflate, permessage-deflate", false, "which was not offered"),
            // A value is what the answer must have (section 7.1.2.2).
            ("permessage-deflate; client_max_window_bits", true, "`client_max_window_bits` lacks its value"),
        ] {
            let cause = check(&field(text), offered).unwrap_err();
            assert!(cause.contains(why), "{text}: {cause}");
        }
    }

    #[test]
    fn an_answer_stands_on_a_single_line() {
        let mut headers = field("permessage-deflate");
        headers.append(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(""));
        assert_eq!(check(&headers, true), Ok(Some(Agreed::default())));
        headers.append(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static("permessage-deflate"));
        assert!(check(&headers, true).unwrap_err().contains("Sec-WebSocket-Extensions twice"));
    }

    #[test]
    fn our_own_offer_is_valid() {
        assert_eq!(accept(&field(OFFER)), Some(Agreed::default()));
    }

    /// Written out again, a member in brackets.
    fn parsed(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_str(line).unwrap());
        }
        let parameter = |(name, value): (String, Option<String>)| match value {
            Some(value) => format!(" {name}={value}"),
            None => format!(" {name}"),
        };
        let member = |extension: Extension| {
            format!(
                "[{}{}]",
                extension.name,
                extension.parameters.into_iter().map(parameter).collect::<String>()
            )
        };
        extensions(&headers).map(|all| all.into_iter().map(member).collect())
    }

    #[test]
    fn members_and_parameters_are_read_over_all_lines() {
        for (lines, expected) in [
            (&[][..], ""),
            (&[""], ""),
            (&["a"], "[a]"),
            (&["a, b"], "[a][b]"),
            (&["a", "b,c"], "[a][b][c]"),
            (&["a,,b,"], "[a][b]"),
            (&[",a"], "[a]"),
            (&["a;x"], "[a x]"),
            (&["a ; x = 1 ; y , b"], "[a x=1 y][b]"),
            (&["a; x=\"1\""], "[a x=1]"),
            (&["a; x=\"1\\2\"; y"], "[a x=12 y]"),
            (&["\ta;\tx=1 "], "[a x=1]"),
        ] {
            assert_eq!(parsed(lines).as_deref(), Some(expected), "{lines:?}");
        }
    }

    #[test]
    fn what_breaks_the_grammar_is_nothing_at_all() {
        for line in [
            "a b",
            "a;",
            "a;;x",
            "a; x=",
            "a; x=;y",
            "a; =1",
            "a; x=\"1",
            "a; x=\"\"",
            "a; x=\"1, b\"",
            "a; x=\"1 2\"",
            "a; x=\"1\"2",
            "a/b",
            "a; x=(1)",
            ";",
            "=",
            "a=1",
            "\"a\"",
            "a; x=\"\\\"\"",
        ] {
            assert_eq!(parsed(&[line]), None, "{line}");
            assert_eq!(parsed(&["good", line]), None, "{line}");
        }
    }
}
