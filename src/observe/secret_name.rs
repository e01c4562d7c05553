//! Names of header fields and query keys that say that their value is a secret.
//!
//! By rule and not by list alone: a name is cut into words, at separators and capitals, since every feed has
//! names of its own for the same few things.

/// Parts of names whose values are secrets, in header fields and query keys alike; what separates words
/// does not count.
const PARTS: &[&str] = &[
    "token",
    "bearer",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "signature",
    "sessionid",
    "sessionkey",
    "sessid",
    "hmac",
    "jwt",
    "csrf",
    "xsrf",
    "samlresponse",
    "samlrequest",
];
/// Words that make a name one of a secret, between separators or capitals: `X-BAPI-SIGN`, `user_pwd`.
const WORDS: &[&str] = &[
    "sig",
    "sign",
    "auth",
    "authentication",
    "authorization",
    "pw",
    "psw",
    "pass",
    "pin",
    "tok",
    "sas",
    "hdnts",
    "hdnea",
    "session",
    "sess",
    "sid",
    "ticket",
    "otp",
    "totp",
    "mfa",
    "psk",
    "creds",
    "assertion",
    "cookie",
];
/// Names that end in `key` and are no key's.
const NO_KEYS: &[&str] = &["key", "monkey", "donkey", "turkey", "hockey", "jockey", "whiskey"];
/// Last words of names that tell something about a secret, and are none.
const TELLING: &[&str] = &[
    "count",
    "info",
    "timeout",
    "ttl",
    "expires",
    "expiry",
    "length",
    "size",
    "limit",
    "type",
    "version",
    "name",
    "mode",
    "method",
    "alg",
    "algorithm",
    "status",
    "state",
    "url",
    "uri",
    "required",
    "enabled",
];
/// True when the words of a name say that its value is a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    let joined = words.concat();
    let last = words.last().map(String::as_str).unwrap_or_default();
    PARTS.iter().any(|part| joined.contains(part))
        || words.len() > 1 && last == "key"
        || last.ends_with("key") && !NO_KEYS.contains(&last)
        || words.iter().any(|word| WORDS.contains(&word.as_str())) && !TELLING.contains(&last)
}

/// True for fields with which a client of an API, such as an exchange's, says who it is.
pub(super) fn is_of_an_api(lower: &str) -> bool {
    let lower = lower.replace('_', "-");
    lower.starts_with("x-api-")
        || lower.contains("-access-")
            && !["timestamp", "time"].contains(&lower.rsplit('-').next().unwrap_or_default())
            && !lower.starts_with("access-control")
}

/// The words of a name in lower case: cut at separators, before capitals, and without digits at their ends.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for character in name.chars() {
        if !character.is_alphanumeric() {
            words.push(String::new());
        } else {
            if character.is_uppercase() && before.is_lowercase() {
                words.push(String::new());
            }
            words.last_mut().expect("there is one").extend(character.to_lowercase());
        }
        before = character;
    }
    let words = words.into_iter().map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned());
    words.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_at_separators_and_capitals() {
        for (name, expected) in [
            ("X-Api_key.v2", &["x", "api", "key", "v"][..]),
            ("listenKey", &["listen", "key"]),
            ("PHPSESSID", &["phpsessid"]),
            ("userPwd1", &["user", "pwd"]),
            ("", &[]),
            ("--", &[]),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
        for name in ["loginkey", "appkey", "authKey", "X-Pin", "mfa_code", "pwdhash", "SAMLResponse", "sas"] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["monkey", "key", "pin_count", "keyboard", "spinner", "task"] {
            assert!(!is_secret_name(name), "{name}");
        }
        assert!(is_secret_name("userPwd") && is_secret_name("wsKey") && !is_secret_name("userName"));
    }
}
