//! Any text as an endpoint, a URL or an address.

use super::{Opening, Role, names, schemes::is_dialled};
use crate::{handshake::WsUrl, net::ListenAddr, units};

/// Endpoints of both roles, and the parts that they are made of: each is an endpoint or a fault in words, and a URL that
/// was read is read again as the same.
pub fn endpoints(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for role in [Role::A, Role::B] {
        match names::parse(text, &Opening::new(role)) {
            Ok(endpoint) => assert!(!endpoint.describe().is_empty(), "{text:?}"),
            Err(fault) => assert!(!fault.to_string().is_empty(), "{text:?}"),
        }
    }
    let _ = names::target(text);
    let _ = is_dialled(text);
    let _ = units::duration(text);
    let _ = ListenAddr::parse(text);
    if let Ok(url) = WsUrl::parse(text) {
        assert!(!url.target.is_empty() && url.target.bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
        assert!(!url.authority().contains(char::is_control), "{url:?}");
        let said = url.to_string();
        let mut again = WsUrl::parse(&said).unwrap_or_else(|fault| panic!("{said:?} of {text:?}: {fault}"));
        assert!(again.userinfo.is_none(), "{said}");
        (again.userinfo, again.guessed) = (url.userinfo.clone(), url.guessed);
        assert_eq!(again, url, "{said}");
    }
}
