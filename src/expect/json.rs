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
    /// Value that was wanted there.
    pub wanted: &'a Value,
    /// Value that is there; `None` when there is nothing.
    pub got: Option<&'a Value>,
}

/// The first place where `got` does not contain `wanted`, if there is one.
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

/// Equal by decimal value, however many digits there are and however they are written.
fn same(wanted: &Number, got: &Number) -> bool {
    let (wanted, got) = (wanted.as_str(), got.as_str());
    wanted == got || Decimal::of(wanted).is_some_and(|wanted| Decimal::of(got) == Some(wanted))
}

/// A number as digits that neither begin nor end with a zero, times a power of ten.
#[derive(Debug, PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// The value of a JSON number; `None` when its exponent is beyond all bounds.
    fn of(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0').trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        let zeros = all.len() - all.trim_end_matches('0').len();
        let shift = i64::try_from(zeros).ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let exponent = exponent.parse::<i64>().ok()?.checked_add(shift)?;
        Some(Self { negative, digits, exponent })
    }
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
    fn numbers_are_equal_by_decimal_value() {
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (wanted, got, equal) in [
            ("1", "1.0", true),
            ("1", "10e-1", true),
            ("100", "1E+2", true),
            ("-0", "0.00", true),
            ("0e5", "0", true),
            ("1.10", "1.1", true),
            ("123000", "1.23e5", true),
            ("18446744073709551616", "18446744073709551617", false),
            ("18446744073709551616", "18446744073709551616.0", true),
            ("12345678901234567890123", "12345678901234567890124", false),
            ("0.1", "0.10000000000000001", false),
            ("1", "-1", false),
            ("1e400", "1e401", false),
            ("10e399", "1e400", true),
            ("1e99999999999999999999", "1e99999999999999999999", true),
            ("1e99999999999999999999", "1", false),
            ("9007199254740993", "9007199254740992.0", false),
        ] {
            let (one, other) = (number(wanted), number(got));
            assert_eq!(difference(&one, &other).is_none(), equal, "{wanted} {got}");
            assert_eq!(difference(&other, &one).is_none(), equal, "{got} {wanted}");
        }
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
