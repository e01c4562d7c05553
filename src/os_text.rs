//! Arguments that are not UTF-8, as text and back.
//!
//! A path may be any bytes, and the command line is read as text. A byte that is not part of a character
//! stands there as a character of the private use area that ends Unicode, U+10FF80 and above; whatever takes
//! the text for a path or for bytes gets the bytes again. A character of that range that was really given is
//! taken for its bytes too, so nothing is lost.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

/// Base of the characters that stand for bytes: a byte from 0x80 on is added to it.
const BASE: u32 = 0x10_FF00;

fn byte_of(character: char) -> Option<u8> {
    let byte = u32::from(character).checked_sub(BASE)?;
    u8::try_from(byte).ok().filter(|byte| *byte >= 0x80)
}

/// The text for an argument.
pub fn text(argument: &OsStr) -> Cow<'_, str> {
    match argument.to_str() {
        Some(text) if !stands_for_bytes(text) => Cow::Borrowed(text),
        _ => {
            let mut out = String::new();
            let put = |bytes: &[u8], out: &mut String| {
                out.extend(bytes.iter().filter_map(|byte| char::from_u32(BASE + u32::from(*byte))));
            };
            for chunk in argument.as_bytes().utf8_chunks() {
                for character in chunk.valid().chars() {
                    match byte_of(character) {
                        None => out.push(character),
                        Some(_) => put(character.encode_utf8(&mut [0; 4]).as_bytes(), &mut out),
                    }
                }
                put(chunk.invalid(), &mut out);
            }
            Cow::Owned(out)
        }
    }
}

/// True when a text of [`text`] has bytes in it that are no characters.
pub fn stands_for_bytes(text: &str) -> bool {
    text.chars().any(|character| byte_of(character).is_some())
}

/// The bytes that a text of [`text`] stands for.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte_of(character) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
}

/// The argument again.
pub fn os(text: &str) -> OsString {
    OsString::from_vec(bytes(text))
}

/// The path that a text of [`text`] names.
pub fn path(text: &str) -> PathBuf {
    PathBuf::from(os(text))
}

/// For a person: bytes that are no characters as `\xff`.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !stands_for_bytes(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::new(), |mut out, character| {
        match byte_of(character) {
            Some(byte) => out.push_str(&format!("\\x{byte:02x}")),
            None => out.push(character),
        }
        out
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_comes_back() {
        for bytes in [
            &b"plain"[..],
            "grüße".as_bytes(),
            b"/tmp/\xff\xfe",
            b"a\xc3",
            b"\x80\xffz",
            "\u{10ff80}\u{10ffff}".as_bytes(),
        ] {
            let argument = OsStr::from_bytes(bytes);
            assert_eq!(os(&text(argument)), argument, "{bytes:?}");
        }
        assert_eq!(shown(&text(OsStr::from_bytes(b"/a\xff"))), "/a\\xff");
        assert!(!stands_for_bytes("grüße"));
    }
}
