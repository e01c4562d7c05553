//! The header field Sec-WebSocket-Extensions (RFC 6455 section 9.1).

use hyper::header::{HeaderMap, SEC_WEBSOCKET_EXTENSIONS};

/// One extension that is offered or chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extension {
    pub name: String,
    /// In order, with their values, quotes taken off.
    pub parameters: Vec<(String, Option<String>)>,
}

/// All members of the field, over all its lines; `None` when it does not follow its grammar.
pub(super) fn extensions(headers: &HeaderMap) -> Option<Vec<Extension>> {
    let mut all = Vec::new();
    for line in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        let mut rest = Rest(line.to_str().ok()?.trim_matches([' ', '\t']));
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

/// The text that is left to be read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
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
