//! The path of a request as names below a folder.
//!
//! Decoding happens once and name by name, after the path was cut at its slashes, so that an encoded
//! slash can only become a bad name and never a way out. What is left names something below the folder
//! or nothing at all: no empty name, none that begins with a dot (`.`, `..` and dot files), no slash,
//! backslash or NUL within one.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The file that stands for a folder.
const INDEX: &str = "index.html";
/// Characters that are encoded in a name of a Location: all but RFC 3986's unreserved ones.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The file or folder that a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SitePath {
    names: Vec<String>,
    is_folder: bool,
}

impl SitePath {
    /// Reads a path as it was sent.
    ///
    /// # Errors
    /// Why it can name nothing here, for the log.
    pub(super) fn parse(path: &str) -> Result<Self, &'static str> {
        let Some(path) = path.strip_prefix('/') else { return Err("the path is not absolute") };
        let is_folder = path.is_empty() || path.ends_with('/');
        let names = match path {
            "" => Vec::new(),
            path => path.strip_suffix('/').unwrap_or(path).split('/').map(name).collect::<Result<_, _>>()?,
        };
        Ok(Self { names, is_folder })
    }

    /// True when the path ends with a slash.
    pub(super) fn is_folder(&self) -> bool {
        self.is_folder
    }

    /// The file below the folder, with slashes; a folder's is its index.
    pub(super) fn file(&self) -> String {
        let index = self.is_folder.then_some(INDEX);
        self.names.iter().map(String::as_str).chain(index).collect::<Vec<_>>().join("/")
    }

    /// The Location that adds the missing slash: relative, so that it is right behind a proxy too.
    pub(super) fn with_slash(&self, query: Option<&str>) -> String {
        let name = self.names.last().map_or("", String::as_str);
        let query = query.map_or(String::new(), |query| format!("?{query}"));
        format!("./{}/{query}", utf8_percent_encode(name, ENCODED))
    }
}

fn name(encoded: &str) -> Result<String, &'static str> {
    let name = percent_decode_str(encoded).decode_utf8().map_err(|_| "a name is not UTF-8")?.into_owned();
    if name.is_empty() {
        return Err("a name is empty");
    }
    if name.starts_with('.') {
        return Err("names with a dot in front are not served");
    }
    if name.contains(['/', '\\', '\0']) {
        return Err("a name holds a character that no name has");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_files() {
        for (path, file) in [
            ("/", "index.html"),
            ("/a.js", "a.js"),
            ("/a/b/c.txt", "a/b/c.txt"),
            ("/a/", "a/index.html"),
            ("/a%20b/%C3%BC.txt", "a b/ü.txt"),
            ("/ü.txt", "ü.txt"),
            ("/a+b", "a+b"),
            ("/100%", "100%"),
            ("/a..b/c.", "a..b/c."),
            ("/~me", "~me"),
        ] {
            assert_eq!(SitePath::parse(path).unwrap().file(), file, "{path}");
        }
    }

    #[test]
    fn decoding_happens_once() {
        assert_eq!(SitePath::parse("/%252e%252e/%2541").unwrap().file(), "%2e%2e/%41");
        assert_eq!(SitePath::parse("/a%252fb").unwrap().file(), "a%2fb");
        assert_eq!(SitePath::parse("/%2500").unwrap().file(), "%00");
    }

    #[test]
    fn no_path_leads_out_or_to_what_is_hidden() {
        for path in [
            "",
            "*",
            "a",
            "http://h/a",
            "//",
            "//etc/passwd",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/../a",
            "/a/../b",
            "/a/..",
            "/a/./b",
            "/%2e",
            "/%2e%2e/a",
            "/.%2E/a",
            "/%2E./a",
            "/a/%2e%2e%2fb",
            "/%2fetc/passwd",
            "/a%2Fb",
            "/a%2f",
            "/..%2fa",
            "/..%5ca",
            "/a\\b",
            "/..\\a",
            "/C:%5Cx",
            "/a%00",
            "/a%00.html",
            "/%00",
            "/.git/config",
            "/a/.env",
            "/.well-known/x",
            "/...",
            "/%c0%ae%c0%ae/a",
            "/%ff",
            "/a/%80",
        ] {
            assert!(SitePath::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_folder_is_redirected_to_beside_itself() {
        for (path, query, location) in [
            ("/a", None, "./a/"),
            ("/a/b", Some("x=1&y"), "./b/?x=1&y"),
            ("/a:b", None, "./a%3Ab/"),
            ("/%C3%BC%20", None, "./%C3%BC%20/"),
            ("/a%0d%0aX:%20y", None, "./a%0D%0AX%3A%20y/"),
            ("/a%3fb%23", None, "./a%3Fb%23/"),
        ] {
            assert_eq!(SitePath::parse(path).unwrap().with_slash(query), location);
        }
    }
}
