//! The secrets that a run was given: names whose values are hidden, and values that a peer may repeat.

use crate::{
    handshake::{ClientOptions, Cookies, HeaderName, HeaderValue, Login},
    observe::Redactor,
    plan::{Common, Plan, Target},
};
use base64::{Engine, prelude::BASE64_STANDARD};

/// Secrets that are hidden in everything that a run of this plan tells.
pub(super) fn of(plan: &Plan) -> Redactor {
    let (common, targets): (&Common, Vec<&str>) = match plan {
        Plan::Connect(plan) => (&plan.common, vec![&plan.target]),
        Plan::Listen(plan) => match &plan.target {
            Target::Endpoint(text) => (&plan.common, vec![text]),
            _ => (&plan.common, Vec::new()),
        },
        Plan::Pipe(plan) => (&plan.common, vec![&plan.a, &plan.b]),
    };
    let mut redactor = Redactor::naming(common.secrets.clone());
    of_client(&common.client, &mut redactor);
    of_headers(&common.server.handshake.headers, &mut redactor);
    targets.into_iter().for_each(|target| redactor.learn_url(target));
    match &common.server.handshake.access.login {
        Some(Login::Basic(login)) => learn_login(login, &mut redactor),
        Some(Login::Bearer(token)) => redactor.learn(token),
        None => {}
    }
    let proxies = &common.dial.proxies;
    let logins = proxies.login.iter().chain(proxies.given.iter().filter_map(|proxy| proxy.login.as_ref()));
    logins.for_each(|(_, password)| redactor.learn(password));
    redactor
}

fn of_client(client: &ClientOptions, redactor: &mut Redactor) {
    of_headers(&client.headers, redactor);
    redactor.more.extend(client.secret_subprotocols.iter().cloned());
    for subprotocol in &client.subprotocols {
        if redactor.hides_subprotocol(subprotocol) {
            redactor.learn(subprotocol);
            // The token alone, as in `base64url.bearer.authorization.k8s.io.TOKEN`.
            redactor.learn(subprotocol.rsplit('.').next().unwrap_or_default());
        }
    }
    for cookies in &client.cookies {
        match cookies {
            Cookies::Plain(text) => text.split(';').for_each(|cookie| learn_value(cookie, redactor)),
            Cookies::Own(_) | Cookies::Jar(_) => {
                cookies.values().into_iter().for_each(|value| redactor.learn(value));
            }
        }
    }
}

fn of_headers(headers: &[(HeaderName, HeaderValue)], redactor: &mut Redactor) {
    // A value that was read from a file is a secret, whatever its name.
    let sensitive = headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.as_str());
    let own = sensitive.filter(|name| !["authorization", "cookie"].contains(name)).map(str::to_owned);
    redactor.more.extend(own);
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        if !redactor.hides(name.as_str(), &value) {
            continue;
        }
        match (name.as_str(), value.split_once(' ')) {
            ("cookie", _) => value.split(';').for_each(|cookie| learn_value(cookie, redactor)),
            ("referer" | "origin", _) => redactor.learn_url(&value),
            (_, Some((scheme, credentials))) if scheme.eq_ignore_ascii_case("basic") => {
                redactor.learn(credentials);
                if let Ok(login) = BASE64_STANDARD.decode(credentials) {
                    learn_login(&String::from_utf8_lossy(&login), redactor);
                }
            }
            (_, Some((_, credentials))) => redactor.learn(credentials),
            (_, None) => redactor.learn(&value),
        }
    }
}

/// The value of `NAME=VALUE`.
fn learn_value(pair: &str, redactor: &mut Redactor) {
    redactor.learn(pair.split_once('=').map_or(pair, |(_, value)| value));
}

/// The password of `NAME:PASSWORD`.
fn learn_login(login: &str, redactor: &mut Redactor) {
    redactor.learn(login.split_once(':').map_or(login, |(_, password)| password));
    redactor.learn(login);
}
