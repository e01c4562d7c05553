//! `base64` and `hex`: one encoded line is one message, so that any bytes pass where only text can.

use super::{BadInput, Decode, Encode, Entry, Kind, Output, delimited, message, payload};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use tokio_tungstenite::tungstenite::Message;

pub(super) const BASE64: Entry = Entry {
    name: "base64",
    parameter: None,
    summary: "one line in base64 is one message",
    kind: Kind::Binary,
    delimits: false,
    decoder: |_, kind, max| Decoder::boxed(kind, max, &BASE64_CODE),
    encoder: |_| Box::new(Encoder(&BASE64_CODE)),
};

pub(super) const HEX: Entry = Entry {
    name: "hex",
    parameter: None,
    summary: "one line in hexadecimal is one message",
    kind: Kind::Binary,
    delimits: false,
    decoder: |_, kind, max| Decoder::boxed(kind, max, &HEX_CODE),
    encoder: |_| Box::new(Encoder(&HEX_CODE)),
};

/// A way to write bytes as text.
struct Code {
    name: &'static str,
    encode: fn(&[u8]) -> String,
    decode: fn(&[u8]) -> Option<Vec<u8>>,
}

const BASE64_CODE: Code = Code {
    name: "base64",
    encode: |bytes| BASE64_STANDARD.encode(bytes),
    decode: |text| BASE64_STANDARD.decode(text).ok(),
};

const HEX_CODE: Code =
    Code { name: "hex", encode: |bytes| hex::encode(bytes), decode: |text| hex::decode(text).ok() };

struct Decoder {
    lines: Box<dyn Decode>,
    kind: Kind,
    max: usize,
    code: &'static Code,
    count: u64,
}

impl Decoder {
    fn boxed(kind: Kind, max: usize, code: &'static Code) -> Box<dyn Decode> {
        // A line is at most twice as long as what it stands for, and its end.
        let lines = (delimited::LINES.decoder)(&[], Kind::Binary, max.saturating_mul(2).saturating_add(2));
        Box::new(Self { lines, kind, max, code, count: 0 })
    }

    fn decoded(&mut self, line: Result<Message, BadInput>) -> Result<Message, BadInput> {
        self.count += 1;
        let place = format!("line {}", self.count);
        let Some(bytes) = (self.code.decode)(payload(&line?).trim_ascii()) else {
            return Err(BadInput {
                cause: format!("{place} is not {}", self.code.name),
                hint: "each line stands for one message; choose another --framing for other input",
            });
        };
        if bytes.len() > self.max {
            return Err(BadInput::too_big(&place, self.max));
        }
        message(self.kind, Bytes::from(bytes)).map_err(|at| BadInput::not_utf8(&place, at))
    }
}

impl Decode for Decoder {
    fn feed(&mut self, chunk: Bytes) {
        self.lines.feed(chunk);
    }

    fn next(&mut self) -> Option<Result<Message, BadInput>> {
        let line = self.lines.next()?;
        Some(self.decoded(line))
    }

    fn finish(&mut self) -> Option<Result<Message, BadInput>> {
        let line = self.lines.finish()?;
        Some(self.decoded(line))
    }

    fn held(&self) -> usize {
        self.lines.held()
    }
}

struct Encoder(&'static Code);

impl Encode for Encoder {
    fn encode(&mut self, message: &Message, out: &mut Output) {
        out.push_slice((self.0.encode)(&payload(message)).as_bytes());
        out.push_slice(b"\n");
    }

    fn is_printable(&self) -> bool {
        true
    }
}
