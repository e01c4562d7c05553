//! Comparing JSON: what is wanted has to be contained, what is more does not matter.
//!
//! An object contains another when it has all its keys with contained values; arrays have to be of the
//! same length, element by element; numbers are equal by value, however they are written.

use serde_json::{Number, Value};

/// The first place where a value does not contain what was wanted.
#[derive(Debug, PartialEq)]
pub struct Difference<'a> {
    /// Where; RFC 6901, empty for the whole.
    pub pointer: String,
    /// What was wanted there.
    pub wanted: &'a Value,
    /// What is there; `None` when there is nothing.
    pub got: Option<&'a Value>,
}

/// Whether `got` contains `wanted`, and if not, where it differs.
pub fn difference<'a>(wanted: &'a Value, got: &'a Value) -> Option<Difference<'a>> {
    let here = || Some(Difference { pointer: String::new(), wanted, got: Some(got) });
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => wanted.iter().find_map(|(key, wanted)| {
            let found = match got.get(key) {
                Some(got) => difference(wanted, got)?,
                None => Difference { pointer: String::new(), wanted, got: None },
            };
            Some(below(found, &key.replace('~', "~0").replace('/', "~1")))
        }),
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            let mut pairs = wanted.iter().zip(got).enumerate();
            pairs.find_map(|(index, (wanted, got))| Some(below(difference(wanted, got)?, &index.to_string())))
        }
        (Value::Number(wanted), Value::Number(got)) if same(wanted, got) => None,
        (wanted, got) if wanted == got => None,
        _ => here(),
    }
}

fn below<'a>(mut found: Difference<'a>, token: &str) -> Difference<'a> {
    found.pointer.insert_str(0, token);
    found.pointer.insert(0, '/');
    found
}

/// Integers exactly, and by value when one of the two has a fraction or exponent.
fn same(wanted: &Number, got: &Number) -> bool {
    wanted == got || ((wanted.is_f64() || got.is_f64()) && wanted.as_f64() == got.as_f64())
}

impl Difference<'_> {
    /// In words; `show` makes a value presentable.
    pub fn describe(&self, show: impl Fn(&Value) -> String) -> String {
        let place = if self.pointer.is_empty() { "the whole" } else { &self.pointer };
        let got = self.got.map_or_else(|| "nothing".to_owned(), &show);
        format!("{place}: wanted {}, got {got}", show(self.wanted))
    }
}

/// A JSON pointer (RFC 6901) that is well formed.
///
/// # Errors
/// What is wrong with it.
pub fn check_pointer(text: &str) -> Result<(), String> {
    let escapes = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    match text.is_empty() || text.starts_with('/') {
        false => Err("a JSON pointer begins with /, as in /result/id".to_owned()),
        true if !escapes => Err("in a JSON pointer ~ is written ~0, and / in a name ~1".to_owned()),
        true => Ok(()),
    }
}

/// A value as text: a string's content, anything else as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The text as it stands inside the quotes of a JSON string.
pub fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// A JSON string with every character that does not show itself escaped too.
pub fn quoted(text: &str) -> String {
    crate::fault::printable_json(Value::from(text).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_more_does_not_matter_and_what_differs_is_pointed_at() {
        let got = json!({"ok": true, "id": 7, "list": [1, {"a": 1, "b": 2}], "a/b": {"~": null}, "f": 1.0});
        for wanted in [
            json!({}),
            json!({"ok": true}),
            json!({"list": [1, {"b": 2}]}),
            json!({"a/b": {"~": null}}),
            json!({"id": 7.0, "f": 1}),
        ] {
            assert_eq!(difference(&wanted, &got), None, "{wanted}");
        }
        for (wanted, pointer, shown) in [
            (json!({"ok": false}), "/ok", "/ok: wanted false, got true"),
            (json!({"id": "7"}), "/id", "/id: wanted \"7\", got 7"),
            (json!({"none": null}), "/none", "/none: wanted null, got nothing"),
            (json!({"list": [1]}), "/list", "/list: wanted [1], got [1,{\"a\":1,\"b\":2}]"),
            (json!({"list": [1, {"b": 3}]}), "/list/1/b", "/list/1/b: wanted 3, got 2"),
            (json!({"a/b": {"~": 1}}), "/a~1b/~0", "/a~1b/~0: wanted 1, got null"),
            (json!([]), "", "the whole: wanted [], got {"),
        ] {
            let found = difference(&wanted, &got).unwrap();
            assert_eq!(found.pointer, pointer);
            let found = found.describe(Value::to_string);
            assert!(found.starts_with(shown), "{found}");
        }
    }

    #[test]
    fn large_integers_are_not_rounded() {
        let (wanted, got) = (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64));
        assert!(difference(&wanted, &got).is_some());
    }

    #[test]
    fn pointers_are_checked() {
        for good in ["", "/", "/a/0", "/a~1b/~0"] {
            assert_eq!(check_pointer(good), Ok(()), "{good}");
        }
        for bad in ["a", "a/b", "/~", "/~2", "/a~"] {
            assert!(check_pointer(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn quoting_shows_what_hides() {
        assert_eq!(quoted("a\"\n\u{7f}\u{202e}é🦀\u{feff}"), "\"a\\\"\\n\\u007f\\u202eé🦀\\ufeff\"");
        assert_eq!(escaped("a\"b\\"), "a\\\"b\\\\");
        let text = quoted("\u{9b}\u{2028}x");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), "\u{9b}\u{2028}x");
    }
}
