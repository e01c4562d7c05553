//! The words of a pasted command line, as the shell it was written for would make them.
//!
//! Browsers copy for two shells: bash, with `$'…'` and a backslash at the end of a line, and Windows'
//! cmd, with `^`. Nothing is ever looked up or run: where a shell would, the line is refused.

use std::{iter::Peekable, str::Chars};

/// The words; the error is the cause in words.
pub(super) fn split(text: &str) -> Result<Vec<String>, String> {
    let for_cmd = ["^\"", "^\n", "^\r\n"].iter().any(|mark| text.contains(mark));
    let mut rest = text.chars().peekable();
    if for_cmd || has_carets_in_quotes(text) { Ok(cmd(text)) } else { bash(&mut rest) }
}

/// True for a line of older browsers for cmd: all values in double quotes, and a caret inside of them before
/// each character that is special outside.
fn has_carets_in_quotes(text: &str) -> bool {
    !text.contains(['\'', '$'])
        && text
            .split('"')
            .skip(1)
            .step_by(2)
            .any(|quoted| quoted.match_indices('^').any(|(at, _)| quoted[at + 1..].starts_with(ESCAPED)))
}

/// Characters that older browsers put a caret before.
const ESCAPED: [char; 16] = ['&', '%', '{', '}', '[', ']', '"', '\\', '!', '@', '#', '^', '<', '>', '|', '$'];

/// The characters that are left.
type Rest<'a, 'b> = &'a mut Peekable<Chars<'b>>;

fn bash(rest: Rest) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    // `None` is between words, because a word may be empty.
    let mut word: Option<String> = None;
    let mut ended = false;
    while let Some(character) = rest.next() {
        if ended && !character.is_whitespace() {
            return Err("there is more than one command in it".to_owned());
        }
        match character {
            ' ' | '\t' | '\r' => words.extend(word.take()),
            '\n' => {
                words.extend(word.take());
                ended = !words.is_empty();
            }
            '\'' => single_quoted(rest, word.get_or_insert_default())?,
            '"' => double_quoted(rest, word.get_or_insert_default())?,
            '$' if rest.next_if_eq(&'\'').is_some() => ansi_c(rest, word.get_or_insert_default())?,
            '\\' => match rest.next() {
                Some('\n') => {}
                Some('\r') if rest.next_if_eq(&'\n').is_some() => {}
                escaped => word.get_or_insert_default().extend(escaped),
            },
            ';' | '&' | '|' | '<' | '>' | '(' | ')' => {
                return Err(format!("an unquoted `{character}` is for a shell"));
            }
            character => {
                not_looked_up(character, rest.peek())?;
                word.get_or_insert_default().push(character);
            }
        }
    }
    words.extend(word);
    Ok(words)
}

fn single_quoted(rest: Rest, word: &mut String) -> Result<(), String> {
    loop {
        match rest.next() {
            Some('\'') => return Ok(()),
            Some(character) => word.push(character),
            None => return Err(unclosed('\'')),
        }
    }
}

fn double_quoted(rest: Rest, word: &mut String) -> Result<(), String> {
    loop {
        match rest.next() {
            Some('"') => return Ok(()),
            Some('\\') => match rest.next() {
                Some('\n') => {}
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                other => {
                    word.push('\\');
                    word.extend(other);
                }
            },
            Some(character) => {
                not_looked_up(character, rest.peek())?;
                word.push(character);
            }
            None => return Err(unclosed('"')),
        }
    }
}

/// `$'…'`, bash's ANSI-C quoting.
fn ansi_c(rest: Rest, word: &mut String) -> Result<(), String> {
    // `\x` and `\nnn` are bytes: several of them may make one character.
    let mut bytes = Vec::new();
    loop {
        let character = match rest.next() {
            Some('\'') => break,
            Some('\\') => match rest.next().ok_or_else(|| unclosed('\''))? {
                'a' => '\x07',
                'b' => '\x08',
                'e' | 'E' => '\x1b',
                'f' => '\x0c',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\x0b',
                same @ ('\\' | '\'' | '"' | '?') => same,
                'u' => scalar(digits(rest, 0, 16, 4)),
                'U' => scalar(digits(rest, 0, 16, 8)),
                'x' => {
                    bytes.push(digits(rest, 0, 16, 2) as u8);
                    continue;
                }
                octal if octal.is_digit(8) => {
                    bytes.push(digits(rest, octal.to_digit(8).unwrap_or(0), 8, 2) as u8);
                    continue;
                }
                other => {
                    bytes.push(b'\\');
                    other
                }
            },
            Some(character) => character,
            None => return Err(unclosed('\'')),
        };
        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    word.push_str(&String::from_utf8_lossy(&bytes));
    Ok(())
}

/// A number that begins with `value` and goes on with at most so many digits.
fn digits(rest: Rest, mut value: u32, radix: u32, most: usize) -> u32 {
    for _ in 0..most {
        let Some(digit) = rest.peek().and_then(|character| character.to_digit(radix)) else { break };
        value = value.wrapping_mul(radix).wrapping_add(digit);
        rest.next();
    }
    value
}

fn scalar(value: u32) -> char {
    char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Fails where a shell would put something else in the place of what follows.
fn not_looked_up(character: char, next: Option<&char>) -> Result<(), String> {
    match (character, next) {
        ('$', Some(next)) if next.is_alphanumeric() || "_{(@*#?!$".contains(*next) => {
            Err(format!("`${next}…` would have to be looked up by a shell"))
        }
        ('`', _) => Err("a command in backquotes would have to be run by a shell".to_owned()),
        _ => Ok(()),
    }
}

fn unclosed(quote: char) -> String {
    format!("a quote ({quote}) is not closed: is it the whole line?")
}

/// Reads `^` as cmd does, and `"` and `\` as the program does (Microsoft's rules for arguments).
fn cmd(text: &str) -> Vec<String> {
    let (mut line, mut in_quotes) = (String::new(), false);
    let mut rest = text.chars().filter(|character| *character != '\r').peekable();
    while let Some(character) = rest.next() {
        match character {
            '^' if !in_quotes => match rest.next() {
                // The end of the line is gone; an empty line after it is a line break.
                Some('\n') => line.extend(rest.next_if_eq(&'\n')),
                escaped => line.extend(escaped),
            },
            '^' if line.ends_with('%') && rest.peek().is_some_and(|next| next.is_ascii_alphanumeric()) => {}
            '^' => match rest.next_if(|next| ESCAPED.contains(next)) {
                // The program sees the quote escaped, and cmd does not see it end.
                Some(escaped) => line.push(escaped),
                None => line.push('^'),
            },
            character => {
                in_quotes ^= character == '"';
                line.push(character);
            }
        }
    }
    let (mut words, mut word, mut in_quotes) = (Vec::new(), None::<String>, false);
    let mut rest = line.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ' ' | '\t' | '\n' if !in_quotes => words.extend(word.take()),
            '"' => {
                in_quotes = !in_quotes;
                word.get_or_insert_default();
            }
            '\\' => {
                let mut count = 1;
                while rest.next_if_eq(&'\\').is_some() {
                    count += 1;
                }
                let word = word.get_or_insert_default();
                if rest.peek() == Some(&'"') {
                    word.extend(std::iter::repeat_n('\\', count / 2));
                    if count % 2 == 1 {
                        word.extend(rest.next());
                    }
                } else {
                    word.extend(std::iter::repeat_n('\\', count));
                }
            }
            character => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_as_bash_makes_them() {
        for (text, words) in [
            ("curl a  b\tc", &["curl", "a", "b", "c"][..]),
            ("curl 'a b' \"c d\" e' 'f", &["curl", "a b", "c d", "e f"]),
            ("curl \\\n  a \\\r\n  b \\\n", &["curl", "a", "b"]),
            ("curl '' \"\"", &["curl", "", ""]),
            ("curl a\\ b \\'", &["curl", "a b", "'"]),
            (r#"curl "a\"b\\c\d\$x""#, &["curl", r#"a"b\c\d$x"#]),
            ("curl 'a\\b$x`'", &["curl", "a\\b$x`"]),
            (r"curl $'a\'b\n\u0021\x21\041\\\q'", &["curl", "a'b\n!!!\\\\q"]),
            (r"curl $'\xc3\xbc\u00fc\U0001f44b'", &["curl", "üü👋"]),
            ("curl a$ \"b$\"", &["curl", "a$", "b$"]),
            ("\n curl a\n\n", &["curl", "a"]),
            ("curl 'a^&b' \"^x\" \"c^d\"", &["curl", "a^&b", "^x", "c^d"]),
        ] {
            assert_eq!(
                split(text).as_deref(),
                Ok(&words.iter().map(|word| word.to_string()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }

    #[test]
    fn what_a_shell_would_do_is_refused() {
        for (text, cause) in [
            ("curl $TOKEN", "looked up"),
            ("curl \"x $TOKEN\"", "looked up"),
            ("curl ${A}", "looked up"),
            ("curl $(id)", "looked up"),
            ("curl `id`", "backquotes"),
            ("curl \"`id`\"", "backquotes"),
            ("curl a | jq", "`|`"),
            ("curl wss://h/?a=1&b=2", "`&`"),
            ("curl a\ncurl b", "more than one"),
            ("curl 'a", "not closed"),
            ("curl \"a", "not closed"),
            ("curl $'a\\", "not closed"),
        ] {
            assert!(split(text).unwrap_err().contains(cause), "{text}");
        }
    }

    #[test]
    fn words_as_cmd_makes_them() {
        for (text, words) in [
            (
                "curl ^\"wss://h/?a=1^&b=2^\" ^\r\n  -H ^\"A: b^\"",
                &["curl", "wss://h/?a=1&b=2", "-H", "A: b"][..],
            ),
            ("curl \"wss://h/\" ^\n  -H \"A: b^c\"", &["curl", "wss://h/", "-H", "A: b^c"]),
            ("curl ^\"a^\\^\"b^\" ^\"100^%^\"", &["curl", "a\"b", "100%"]),
            ("curl ^\"a^\n\nb^\"", &["curl", "a\nb"]),
            // Older browsers.
            (
                "curl \"http://h/ws?a=1^&b=2^%^2C5\" -H \"A: b^c ^%^20 100^%\"",
                &["curl", "http://h/ws?a=1&b=2%2C5", "-H", "A: b^c %20 100%"],
            ),
            (r#"curl "wss://h/" -H "A: ^{^\^"x^\^": 1^}""#, &["curl", "wss://h/", "-H", r#"A: {"x": 1}"#]),
            ("curl ^\"c:\\\\x^\" ^\"y\\\\^\"", &["curl", "c:\\\\x", "y\\"]),
        ] {
            assert_eq!(
                split(text).as_deref(),
                Ok(&words.iter().map(|word| word.to_string()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }
}
