//! The answers to plain requests: the files of a folder (`--serve`), the console (`--console`).
//!
//! A request comes here after it was let in (Host, Origin, credentials) and found to be no WebSocket's.
//! Reading files blocks, so it happens on tokio's threads for that; everything else here is plain
//! functions over the head of a request.

mod body;
mod conditional;
mod console;
mod file;
mod folder;
mod target;

pub use body::{Answer, AnswerBody, Reply};

use crate::{
    exit::Exit,
    fault::{Fault, Result},
};
use hyper::{
    Method, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    http::request::Parts,
};
use std::path::PathBuf;

/// Path of the console beside a folder: no file can be there, for none with a dot in front is served.
const CONSOLE: &str = "/.console";

/// The WebSocket that a site stands beside.
pub struct Beside<'a> {
    /// Its paths; empty serves every path.
    pub paths: &'a [String],
    /// Extra header fields of every answer.
    pub headers: &'a [(HeaderName, HeaderValue)],
    /// Origins that are let in.
    pub origins: &'a [String],
}

/// The pages and files beside the WebSocket, from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// Files below a folder, and the console at a path of its own.
    Folder {
        /// The folder.
        path: PathBuf,
        /// The console is there too.
        console: bool,
    },
    /// The console wherever a WebSocket can be opened.
    Console,
}

impl Site {
    /// Fails when there is nothing to serve, so that it is heard at the start.
    ///
    /// # Errors
    /// Exit 26 with what is wrong with the folder.
    pub fn check(&self) -> Result<()> {
        let Self::Folder { path, .. } = self else { return Ok(()) };
        let cause = match std::fs::read_dir(path) {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        Err(Fault::new(Exit::ReadError, "serve", format!("cannot serve {}: {cause}", path.display()))
            .hint("name a folder: --serve DIR"))
    }

    /// Lines to show at the start; `url` is what the server listens on.
    pub fn lines(&self, url: &str, paths: &[String]) -> Vec<String> {
        let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
        let scheme = if scheme == "wss" { "https" } else { "http" };
        let host = rest.split('/').next().unwrap_or_default();
        let console = |path: &str| format!("console on {scheme}://{host}{path}");
        match self {
            Self::Folder { path, console: also } => {
                let files = format!("serving {} on {scheme}://{host}/", path.display());
                [files].into_iter().chain(also.then(|| console(CONSOLE))).collect()
            }
            Self::Console => vec![console(paths.first().map_or("/", String::as_str))],
        }
    }

    /// The answer to a GET or HEAD that was let in.
    pub async fn reply(&self, head: &Parts, beside: &Beside<'_>) -> Reply {
        let path = head.uri.path();
        let first = beside.paths.first().map(String::as_str);
        let mut reply = match self {
            Self::Folder { console: true, .. } if path == CONSOLE => {
                console::page(head, first.unwrap_or("/"))
            }
            Self::Folder { path, .. } => file::answer(path.clone(), head).await,
            Self::Console => match first {
                Some(first) if path == "/" && !beside.paths.iter().any(|path| path == "/") => {
                    Reply::elsewhere(&format!(".{first}"))
                }
                Some(_) if !beside.paths.iter().any(|served| served == path) => {
                    Reply::failed(StatusCode::NOT_FOUND, "nothing is served at this path", None)
                }
                _ => console::page(head, head.uri.path_and_query().map_or("/", |target| target.as_str())),
            },
        };
        dress(reply.answer.headers_mut(), head, beside);
        if head.method == Method::HEAD {
            reply.strip();
        }
        reply
    }
}

/// The fields that every answer has, and those of `-H`, which come before ours.
fn dress(headers: &mut HeaderMap, head: &Parts, beside: &Beside<'_>) {
    let any = beside.origins.iter().any(|origin| origin == "any");
    // Names are what content types are chosen by; a browser is not to guess another from the content.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A page that was edited is the edited one at the next reload, and a 304 when it was not.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    // Without Origin, as in <img> and <script>, only this keeps foreign pages out.
    if !any {
        headers.insert(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        );
    }
    // A page whose Origin was let in may read the answer, as it may open a WebSocket.
    if let Some(origin) = head.headers.get(header::ORIGIN) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    if !beside.origins.is_empty() {
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
    // But the console needs the policy that its nonce belongs to.
    let kept = headers.remove(header::CONTENT_SECURITY_POLICY);
    for (name, _) in beside.headers {
        headers.remove(name);
    }
    for (name, value) in beside.headers {
        headers.append(name, value.clone());
    }
    if let Some(policy) = kept {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_says_where_things_are() {
        let folder = |console| Site::Folder { path: "web".into(), console };
        let paths = ["/chat".to_owned(), "/other".to_owned()];
        assert_eq!(
            folder(false).lines("ws://127.0.0.1:1/chat", &paths),
            ["serving web on http://127.0.0.1:1/"]
        );
        assert_eq!(
            folder(true).lines("wss://[::1]:1/", &[]),
            ["serving web on https://[::1]:1/", "console on https://[::1]:1/.console"]
        );
        assert_eq!(Site::Console.lines("ws://h:1/chat", &paths), ["console on http://h:1/chat"]);
        assert!(Site::Console.lines("ws+unix:/run/a.sock", &[]).is_empty());
    }

    #[test]
    fn a_folder_has_to_be_there() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        let folder = |path: &std::path::Path| Site::Folder { path: path.to_owned(), console: false };
        assert!(folder(home.path()).check().is_ok());
        for path in [file, home.path().join("nowhere")] {
            let fault = folder(&path).check().unwrap_err();
            assert_eq!((fault.exit, fault.phase), (Exit::ReadError, "serve"), "{fault}");
        }
    }
}
