//! Binary messages as a dump: offset, sixteen bytes, and what of them is ASCII.

use std::fmt::Write;

/// Bytes in a line.
const ROW: usize = 16;
/// Bytes that are shown of a long message.
const MOST: usize = 32 * ROW;

/// The dump, one line a row, and how many bytes it leaves out.
pub(super) fn dump(bytes: &[u8]) -> (String, usize) {
    let shown = &bytes[..bytes.len().min(MOST)];
    let mut out = String::with_capacity(shown.len().div_ceil(ROW) * 80);
    for (index, row) in shown.chunks(ROW).enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let _ = write!(out, "{:08x} ", index * ROW);
        for column in 0..ROW {
            let gap = if column % 8 == 0 { " " } else { "" };
            let _ = match row.get(column) {
                Some(byte) => write!(out, "{gap}{byte:02x} "),
                None => write!(out, "{gap}   "),
            };
        }
        out.push_str(" |");
        out.extend(row.iter().map(|byte| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        }));
        out.push('|');
    }
    (out, bytes.len() - shown.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_offset_bytes_and_text() {
        let (shown, left_out) = dump(b"Hello, \x1b[2J\x00\xff world!\n");
        let expected = "\
00000000  48 65 6c 6c 6f 2c 20 1b  5b 32 4a 00 ff 20 77 6f  |Hello, .[2J.. wo|
00000010  72 6c 64 21 0a                                    |rld!.|";
        assert_eq!((shown.as_str(), left_out), (expected, 0));
        assert_eq!(dump(b""), (String::new(), 0));
    }

    #[test]
    fn long_ones_are_shortened() {
        let (shown, left_out) = dump(&[7; 1000]);
        assert_eq!((shown.lines().count(), left_out), (32, 1000 - 512));
        assert_eq!(dump(&[7; 512]).1, 0);
    }
}
