//! UTF-8 that comes in pieces: a wrong byte is found when it is there, not at the end of its message.

use super::read_error::ReadError;
use std::str;

/// The state between two pieces of a text.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    /// The bytes of a character that is not complete.
    begun: [u8; 4],
    length: usize,
}

impl Utf8 {
    /// True when a text may end here.
    pub(super) fn is_complete(&self) -> bool {
        self.length == 0
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// When no text can go on like this.
    pub(super) fn go_on(&mut self, mut bytes: &[u8]) -> Result<(), ReadError> {
        while self.length > 0 {
            let Some((next, rest)) = bytes.split_first() else { return Ok(()) };
            self.begun[self.length] = *next;
            self.length += 1;
            bytes = rest;
            match str::from_utf8(&self.begun[..self.length]) {
                Ok(_) => self.length = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(ReadError::Text),
            }
        }
        match str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                let rest = &bytes[error.valid_up_to()..];
                self.begun[..rest.len()].copy_from_slice(rest);
                self.length = rest.len();
                Ok(())
            }
            Err(_) => Err(ReadError::Text),
        }
    }
}

/// True for a whole text. Most are short and ASCII, for which [`str::from_utf8`] goes byte by byte at either end.
#[inline]
pub(super) fn is_utf8(bytes: &[u8]) -> bool {
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let bits = match bytes.last_chunk() {
        // The last eight bytes have the rest that fills no word.
        Some(last) => bytes
            .as_chunks()
            .0
            .iter()
            .fold(u64::from_ne_bytes(*last), |bits, word| bits | u64::from_ne_bytes(*word)),
        None => bytes.iter().fold(0, |bits, byte| bits | u64::from(*byte)),
    };
    bits & HIGH == 0 || str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn valid(bytes: &[u8], at_once: usize) -> Result<bool, usize> {
        let (mut utf8, mut at) = (Utf8::default(), 0);
        for piece in bytes.chunks(at_once) {
            utf8.go_on(piece).map_err(|_| at)?;
            at += piece.len();
        }
        Ok(utf8.is_complete())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_cut_tells_what_the_whole_tells(
            bytes in proptest::collection::vec(prop_oneof![0x20u8..0x7f, 0x80u8..0xc0, 0xc0u8..=0xff], 0..40),
            at_once in 1usize..9,
        ) {
            let expected = match str::from_utf8(&bytes) {
                Ok(_) => Ok(true),
                Err(error) if error.error_len().is_none() => Ok(false),
                // In the piece with the first byte that cannot follow, at the latest.
                Err(error) => Err((error.valid_up_to() + error.error_len().unwrap_or(1) - 1) / at_once * at_once),
            };
            match (valid(&bytes, at_once), expected) {
                (Err(at), Err(latest)) => prop_assert!(at <= latest + at_once),
                (got, expected) => prop_assert_eq!(got, expected),
            }
        }
    }

    #[test]
    fn the_first_byte_that_cannot_follow_is_wrong() {
        for (bytes, at) in [
            (&b"a\xff"[..], 1),
            (b"\xc0", 0),
            (b"\xed\xa0\x80", 1),
            (b"\xf4\x90\x80\x80", 1),
            (b"\xe2\x82a", 2),
            (b"\xf0\x9f\x98\xff", 3),
        ] {
            assert_eq!(valid(bytes, 1), Err(at), "{bytes:x?}");
        }
        assert_eq!(valid("añ€😀".as_bytes(), 1), Ok(true));
    }
}
