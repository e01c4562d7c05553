//! The options of the opening handshake to plain data: header fields, credentials, cookies.

use super::{
    expand::{Expander, usage},
    sides::{Credentials, HandshakeArgs},
    values::{self, Field},
};
use crate::{
    fault::Result,
    handshake::{ClientOptions, Cookies, HeaderName, HeaderValue, Login},
    os_text,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::collections::HashSet;

pub(super) fn client(
    handshake: HandshakeArgs,
    credentials: Credentials,
    expander: &mut Expander,
) -> Result<ClientOptions> {
    let mut options = ClientOptions {
        subprotocols: handshake.subprotocols,
        compress: handshake.compress,
        ..ClientOptions::default()
    };
    for (name, value) in headers(&handshake.headers, expander)? {
        let Some(value) = value else {
            options.left_out.push(name);
            continue;
        };
        match name.as_str() {
            "sec-websocket-protocol" => {
                let names = listed(&value)?;
                if value.is_sensitive() {
                    options.secret_subprotocols.extend(names.iter().cloned());
                }
                options.subprotocols.extend(names);
            }
            "sec-websocket-extensions" => {
                return Err(usage("-H cannot offer an extension")
                    .hint("write --compress to offer permessage-deflate"));
            }
            // It would never leave: a GET has no body to code.
            "transfer-encoding" => {
                return Err(usage(
                    "-H cannot send Transfer-Encoding: the request of a WebSocket has no body",
                ));
            }
            _ => options.headers.push((name, value)),
        }
    }
    // RFC 6455 section 4.1: no name twice.
    let mut seen = HashSet::new();
    options.subprotocols.retain(|name| seen.insert(name.clone()));
    if let Some(user) = credentials.user {
        let user = name_and_password(&user, expander)?;
        let encoded = format!("Basic {}", BASE64_STANDARD.encode(user));
        add_once(&mut options, "authorization", "--user", &encoded, true)?;
    }
    if let Some(token) = credentials.bearer {
        let token = expander.secret("--bearer", &token)?;
        add_once(&mut options, "authorization", "--bearer", &format!("Bearer {token}"), true)?;
    }
    if let Some(name) = credentials.user_agent {
        add_once(&mut options, "user-agent", "--user-agent", &expander.line("--user-agent", &name)?, false)?;
    }
    if let Some(origin) = credentials.origin {
        add_once(&mut options, "origin", "--origin", &expander.line("--origin", &origin)?, false)?;
    }
    for cookie in &credentials.cookie {
        // curl takes a word without = for a file, and a server would take it for nothing.
        if !cookie.starts_with('@') && !cookie.contains('=') && !cookie.trim().is_empty() {
            return Err(usage("the value of --cookie is no NAME=VALUE").hint(
                match os_text::path(cookie).exists() {
                    true => format!("--cookie '@{cookie}' to read cookies from that file"),
                    false => "--cookie 'NAME=VALUE', or --cookie @FILE to read them from a file".to_owned(),
                },
            ));
        }
        let content = expander.text("--cookie", cookie)?;
        let cookies = match cookie.starts_with('@') && !cookie.starts_with("@@") {
            true => Cookies::of_file(&content).map_err(|cause| {
                usage(format!("the file of --cookie: {cause}"))
                    .hint("--cookie 'NAME=VALUE', or a jar of curl's: --cookie @FILE")
            })?,
            false => vec![Cookies::Plain(content)],
        };
        for cookies in cookies {
            add_cookies(&mut options, cookies)?;
        }
    }
    Ok(options)
}

/// The login that a server asks its clients for.
pub(super) fn login(
    user: Option<&str>,
    bearer: Option<&str>,
    expander: &mut Expander,
) -> Result<Option<Login>> {
    Ok(match (user, bearer) {
        (Some(user), _) => Some(Login::Basic(name_and_password(user, expander)?)),
        (None, Some(token)) => Some(Login::Bearer(expander.secret("--bearer", token)?)),
        (None, None) => None,
    })
}

fn name_and_password(user: &str, expander: &mut Expander) -> Result<String> {
    let user = expander.secret("--user", user)?;
    if user.contains(':') {
        return Ok(user);
    }
    Err(usage("--user needs NAME:PASSWORD")
        .hint("write --user NAME:PASSWORD, or NAME: for an empty password"))
}

/// Adds a field that must not be there twice.
fn add_once(
    options: &mut ClientOptions,
    name: &'static str,
    option: &str,
    value: &str,
    secret: bool,
) -> Result<()> {
    let name = HeaderName::from_static(name);
    if options.headers.iter().any(|(other, _)| *other == name) {
        return Err(
            usage(format!("{name} is given twice, by -H and by {option}")).hint("keep one of the two")
        );
    }
    let mut value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| usage(format!("the value of {option} contains a control character")))?;
    value.set_sensitive(secret);
    options.headers.push((name, value));
    Ok(())
}

/// Adds the cookies of one `--cookie`.
fn add_cookies(options: &mut ClientOptions, cookies: Cookies) -> Result<()> {
    if cookies.is_empty() {
        return Ok(());
    }
    if options.headers.iter().any(|(name, _)| name.as_str() == "cookie") {
        return Err(usage("cookie is given twice, by -H and by --cookie").hint("keep one of the two"));
    }
    if cookies.texts().into_iter().any(|text| HeaderValue::from_bytes(text.as_bytes()).is_err()) {
        return Err(usage("the value of --cookie contains a control character"));
    }
    options.cookies.push(cookies);
    Ok(())
}

pub(super) fn server_headers(texts: &[String], expander: &mut Expander) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    for (name, value) in headers(texts, expander)? {
        let Some(value) = value else {
            return Err(usage(format!(
                "-H '{name}:' leaves out a field of a request, an answer has none to leave out"
            ))
            .hint(format!("write '{name};' for an empty value")));
        };
        if name.as_str() == "sec-websocket-protocol" {
            return Err(
                usage("-H cannot choose the subprotocol of the answer").hint("write --subprotocol NAME")
            );
        }
        let framing = ["upgrade", "connection", "content-length", "transfer-encoding"];
        if name.as_str() == "sec-websocket-extensions" {
            return Err(usage("-H cannot choose the extensions of the answer")
                .hint("write --compress to accept permessage-deflate"));
        }
        if name.as_str().starts_with("sec-websocket-") || framing.contains(&name.as_str()) {
            return Err(
                usage(format!("-H cannot set {name}: wsio sets it where it belongs")).hint("leave it out")
            );
        }
        fields.push((name, value));
    }
    Ok(fields)
}

/// `-H`: one field each, or a file with one a line.
fn headers(texts: &[String], expander: &mut Expander) -> Result<Vec<(HeaderName, Option<HeaderValue>)>> {
    let mut fields = Vec::new();
    for text in texts {
        let content = expander.text("--header", text)?;
        let from_file = text.starts_with('@') && !text.starts_with("@@");
        let lines: Vec<&str> = match from_file {
            true => content.lines().filter(|line| !line.trim().is_empty()).collect(),
            false => vec![&content],
        };
        for line in lines {
            let (name, mut value) =
                values::header(line).map_err(|cause| usage(format!("--header: {cause}")))?;
            if let Some(value) = &mut value {
                value.set_sensitive(from_file || matches!(name.as_str(), "authorization" | "cookie"));
            }
            fields.push((name, value));
        }
    }
    Ok(fields)
}

/// Names in a list field, separated by commas.
fn listed(value: &HeaderValue) -> Result<Vec<String>> {
    let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let name =
        |part: &str| values::subprotocol(part.trim()).map_err(|cause| usage(format!("--header: {cause}")));
    text.split(',').map(name).collect()
}
