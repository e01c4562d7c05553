//! An answer of the site: its status, fields and body, which is a few bytes, or a file that is read as the
//! client takes it.
//!
//! Files are read by tokio's threads for blocking work, one chunk at a time and only when hyper asks
//! for it, so a large file costs a client's task no more memory than a small one.

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    body::{Body, Frame, SizeHint},
    header::{self, HeaderName, HeaderValue},
};
use std::{
    fs::File,
    io::{self, Read},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};
use tokio::task::{JoinHandle, spawn_blocking};

/// Piece of a file that is read at a time, bytes.
const CHUNK: u64 = 128 * 1024;

/// An answer of the server.
pub type Answer = Response<AnswerBody>;

/// The body of an answer.
pub struct AnswerBody {
    content: Content,
    given: Option<Arc<AtomicBool>>,
}

enum Content {
    Whole(Bytes),
    Part(FilePart),
}

/// The part of an open file that is left to send.
struct FilePart {
    /// `None` while it is read.
    file: Option<File>,
    left: u64,
    reading: Option<JoinHandle<io::Result<(File, Bytes)>>>,
}

/// An answer, and what the log says of it.
pub struct Reply {
    /// Head and body.
    pub answer: Answer,
    /// Why, where there is no content.
    pub note: Option<String>,
}

impl AnswerBody {
    /// `length` bytes of a file from where it stands.
    pub(super) fn file(file: File, length: u64) -> Self {
        let part = FilePart { file: Some(file), left: length, reading: None };
        Self { content: Content::Part(part), given: None }
    }

    /// The same body, which sets `given` once hyper has taken all of it.
    pub fn telling(mut self, given: Arc<AtomicBool>) -> Self {
        self.given = Some(given);
        self
    }

    /// Bytes still to be given.
    pub fn left(&self) -> u64 {
        match &self.content {
            Content::Whole(bytes) => bytes.len() as u64,
            Content::Part(part) => part.left,
        }
    }
}

impl<T: Into<Bytes>> From<T> for AnswerBody {
    fn from(bytes: T) -> Self {
        Self { content: Content::Whole(bytes.into()), given: None }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let (Some(given), 0) = (&self.given, self.left()) {
            given.store(true, Relaxed);
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let bytes = match &mut self.content {
            Content::Whole(bytes) => std::mem::take(bytes),
            Content::Part(part) => match ready!(part.poll_read(cx)) {
                Ok(bytes) => bytes,
                Err(error) => return Poll::Ready(Some(Err(error))),
            },
        };
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}

impl FilePart {
    /// The next chunk, empty at the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if self.left == 0 {
            return Poll::Ready(Ok(Bytes::new()));
        }
        if let Some(mut file) = self.file.take() {
            let wanted = self.left.min(CHUNK);
            self.reading = Some(spawn_blocking(move || {
                let mut chunk = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
                file.by_ref().take(wanted).read_to_end(&mut chunk)?;
                Ok((file, chunk.into()))
            }));
        }
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(Err(io::Error::other("the file could not be read")));
        };
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let (file, bytes) = read.map_err(io::Error::other)??;
        // It stays here for whoever asks once more after a fault: the answer is the same.
        self.file = Some(file);
        if bytes.is_empty() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file got shorter")));
        }
        self.left -= bytes.len() as u64;
        Poll::Ready(Ok(bytes))
    }
}

impl Reply {
    pub(super) fn new(status: StatusCode, content: impl Into<AnswerBody>) -> Self {
        let mut answer = Answer::new(content.into());
        *answer.status_mut() = status;
        Self { answer, note: None }
    }

    /// An answer that says what is wrong; `note` is for the log alone.
    pub(super) fn failed(status: StatusCode, text: &str, note: Option<String>) -> Self {
        let mut reply = Self::new(status, format!("{text}\n"))
            .with(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        reply.note = Some(note.unwrap_or_else(|| text.to_owned()));
        reply
    }

    /// A redirect that nobody remembers: tomorrow something else may stand there.
    pub(super) fn elsewhere(location: &str) -> Self {
        match HeaderValue::from_str(location) {
            Ok(location) => Self::new(StatusCode::TEMPORARY_REDIRECT, "").with(header::LOCATION, location),
            Err(_) => Self::failed(StatusCode::NOT_FOUND, "no such file", None),
        }
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.answer.headers_mut().insert(name, value);
        self
    }

    /// The same head without its body (RFC 9110 section 9.3.2).
    pub(super) fn strip(&mut self) {
        let length = self.answer.body().left();
        *self.answer.body_mut() = "".into();
        if self.answer.status() != StatusCode::NOT_MODIFIED {
            self.answer.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::io::{Seek, SeekFrom, Write};

    fn file(length: usize) -> (File, Vec<u8>) {
        let content: Vec<u8> = (0..length).map(|index| (index * 167 % 256) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        file.rewind().unwrap();
        (file, content)
    }

    #[tokio::test]
    async fn a_file_comes_in_chunks_and_whole() {
        for length in [0, 1, CHUNK as usize, 3 * CHUNK as usize + 1] {
            let (file, content) = file(length);
            let given = Arc::<AtomicBool>::default();
            let mut body = AnswerBody::file(file, length as u64).telling(Arc::clone(&given));
            assert_eq!(body.size_hint().exact(), Some(length as u64));
            let mut got = Vec::new();
            while let Some(frame) = body.frame().await {
                let bytes = frame.unwrap().into_data().unwrap();
                assert!(bytes.len() as u64 <= CHUNK);
                got.extend_from_slice(&bytes);
            }
            assert!(got == content, "{length}");
            assert!(!given.load(Relaxed), "hyper still holds the body");
            drop(body);
            assert!(given.load(Relaxed));
        }
    }

    #[tokio::test]
    async fn a_part_is_that_part() {
        let (mut file, content) = file(1000);
        file.seek(SeekFrom::Start(300)).unwrap();
        let body = AnswerBody::file(file, 50).collect().await.unwrap().to_bytes();
        assert_eq!(body, content[300..350]);
    }

    #[tokio::test]
    async fn a_file_that_got_shorter_is_an_error_and_never_whole() {
        let (file, _) = file(1000);
        let given = Arc::<AtomicBool>::default();
        let mut body = AnswerBody::file(file, 1001).telling(Arc::clone(&given));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 1000);
        for _ in 0..2 {
            let error = body.frame().await.unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
        drop(body);
        assert!(!given.load(Relaxed));
    }
}
