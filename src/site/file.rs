//! Answers for the files of a folder: from a path to a status, fields and a body.

use super::{
    Reply,
    body::AnswerBody,
    conditional::{ByteSelection, Validators},
    folder::{self, FoundEntry},
    target::SitePath,
};
use hyper::{
    Method, StatusCode,
    header::{self, HeaderMap, HeaderValue},
    http::request::Parts,
};
use std::{
    fs::{File, Metadata},
    io::{self, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
};
use tokio::task::spawn_blocking;

/// The body of an answer when there is no file for the client.
const MISSING: &str = "no such file";

/// The answer to a GET or HEAD for something in the folder.
pub(super) async fn answer(folder: PathBuf, head: &Parts) -> Reply {
    let target = match SitePath::parse(head.uri.path()) {
        Ok(target) => target,
        Err(cause) => return Reply::failed(StatusCode::NOT_FOUND, MISSING, Some(cause.into())),
    };
    let path = target.file();
    let opened = {
        let path = path.clone();
        spawn_blocking(move || folder::open(&folder, &path))
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    };
    match opened {
        Ok(FoundEntry::File(file, metadata)) => content(&path, file, &metadata, head),
        Ok(FoundEntry::Folder) if target.is_folder() => {
            Reply::failed(StatusCode::NOT_FOUND, MISSING, Some("index.html is a folder".into()))
        }
        Ok(FoundEntry::Folder) => Reply::elsewhere(&target.with_slash(head.uri.query())),
        Err(error) if target.is_folder() && error.kind() == io::ErrorKind::NotFound => {
            let note = ours(&error);
            Reply::failed(StatusCode::NOT_FOUND, "there is no index.html in this folder", note)
        }
        Err(error) => failed(&error),
    }
}

/// The words of an error that the system did not give: those say what nobody sees from the request.
fn ours(error: &io::Error) -> Option<String> {
    error.raw_os_error().is_none().then(|| error.to_string())
}

fn failed(error: &io::Error) -> Reply {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied};
    match error.kind() {
        NotFound | NotADirectory | InvalidFilename => {
            Reply::failed(StatusCode::NOT_FOUND, MISSING, ours(error))
        }
        PermissionDenied => {
            Reply::failed(StatusCode::FORBIDDEN, "the file may not be read", Some(error.to_string()))
        }
        _ => Reply::failed(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the file cannot be read",
            Some(error.to_string()),
        ),
    }
}

fn content(path: &str, file: File, metadata: &Metadata, head: &Parts) -> Reply {
    let validators = Validators::of(metadata);
    if validators.is_known(&head.headers) {
        return about(Reply::new(StatusCode::NOT_MODIFIED, ""), &validators);
    }
    // A range is a GET's (RFC 9110 section 14.2).
    let part = if head.method == Method::GET { validators.part(&head.headers) } else { ByteSelection::Whole };
    let reply = match part {
        ByteSelection::Whole => Reply::new(StatusCode::OK, AnswerBody::file(file, validators.length)),
        ByteSelection::Bytes(range) => match cut(file, &range) {
            Ok(body) => Reply::new(StatusCode::PARTIAL_CONTENT, body).with(
                header::CONTENT_RANGE,
                content_range(&format!("{}-{}", range.start, range.end - 1), validators.length),
            ),
            Err(error) => return failed(&error),
        },
        ByteSelection::Beyond => {
            return Reply::failed(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "the range is beyond the file's end",
                None,
            )
            .with(header::CONTENT_RANGE, content_range("*", validators.length));
        }
    };
    about(reply, &validators)
        .with(header::CONTENT_TYPE, content_type(Path::new(path)))
        .with(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"))
}

fn cut(mut file: File, range: &Range<u64>) -> io::Result<AnswerBody> {
    file.seek(SeekFrom::Start(range.start))?;
    Ok(AnswerBody::file(file, range.end - range.start))
}

fn content_range(bytes: &str, length: u64) -> HeaderValue {
    HeaderValue::try_from(format!("bytes {bytes}/{length}")).unwrap_or(HeaderValue::from_static("bytes */*"))
}

/// The fields that a 304 has as well.
fn about(mut reply: Reply, validators: &Validators) -> Reply {
    let say = |headers: &mut HeaderMap, name, text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    };
    let headers = reply.answer.headers_mut();
    say(headers, header::ETAG, validators.etag.clone());
    if let Some(modified) = validators.modified {
        say(headers, header::LAST_MODIFIED, modified.to_string());
    }
    reply
}

/// By extension; text is UTF-8 as everywhere in this program, XML says it itself.
fn content_type(path: &Path) -> HeaderValue {
    let Some(name) = mime_guess::from_path(path).first_raw() else {
        return HeaderValue::from_static("application/octet-stream");
    };
    match name.starts_with("text/") && name != "text/xml" {
        true => HeaderValue::try_from(format!("{name}; charset=utf-8")),
        false => Ok(HeaderValue::from_static(name)),
    }
    .unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pages_are_made_of_has_its_type() {
        for (name, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a/B.HTML", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "application/javascript"),
            ("a.json", "application/json"),
            ("a.js.map", "text/plain; charset=utf-8"),
            ("a.wasm", "application/wasm"),
            ("a.svg", "image/svg+xml"),
            ("a.png", "image/png"),
            ("a.webp", "image/webp"),
            ("a.ico", "image/x-icon"),
            ("a.woff2", "font/woff2"),
            ("a.webmanifest", "application/manifest+json"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.xml", "text/xml"),
            ("a.mp4", "video/mp4"),
            ("a.pdf", "application/pdf"),
            ("a.unheard-of", "application/octet-stream"),
            ("LICENSE", "application/octet-stream"),
        ] {
            assert_eq!(content_type(Path::new(name)), expected, "{name}");
        }
    }
}
