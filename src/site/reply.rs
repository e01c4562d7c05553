//! An answer of the site, made of a status, fields and a body.

use super::body::{Answer, Outgoing};
use hyper::{
    StatusCode,
    header::{self, HeaderName, HeaderValue},
};

/// An answer, and what the log says of it.
pub struct Reply {
    /// Head and body.
    pub answer: Answer,
    /// Why, where there is no content.
    pub note: Option<String>,
}

impl Reply {
    pub(super) fn new(status: StatusCode, content: impl Into<Outgoing>) -> Self {
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
