//! `listen --console`: where the page is, and what its head forbids. What it does is in tests/interop.

use crate::harness::{Browser, Listening, Peer, Wsio};

/// The value that the page opens the socket with, as it stands in the page.
fn socket(page: &str) -> &str {
    let at = page.find("<meta name=\"socket\" content=\"").expect(page);
    page[at..].split('"').nth(3).unwrap()
}

fn nonce(policy: &str) -> &str {
    policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect(policy)
}

#[test]
fn the_console_is_wherever_a_socket_can_be_opened() {
    let listening = Listening::start(["listen", "0", "--echo", "--console"]);
    assert_eq!(listening.wsio.says("console on "), format!("http://{}/", listening.address()));
    for (path, opens) in [("/", "/"), ("/room/7?x=1", "/room/7?x=1"), ("/?a=&'x", "/?a=&amp;&#39;x")] {
        let page = Browser::once(listening.address(), &format!("GET {path}"), &[]);
        assert_eq!((page.status(), socket(page.text())), (200, opens), "{path}");
    }
    let markup = Browser::once(listening.address(), "GET /?\"><script>alert(1)</script>", &[]);
    assert!(markup.status() == 400 && !markup.text().contains("<script"), "{markup:?}");
    let mut peer = Peer::dial_with(listening.address(), "/room/7?x=1", &[]);
    peer.text("a socket all the same");
    assert_eq!(peer.message().unwrap(), b"a socket all the same");

    let paths =
        Listening::start(["listen", "0", "--echo", "--console", "--path", "/chat", "--path", "/feed"]);
    assert_eq!(paths.wsio.says("console on "), format!("http://{}/chat", paths.address()));
    let mut browser = Browser::new(paths.address());
    let root = browser.ask("GET /", &[]);
    assert_eq!((root.status(), root.field("location").as_deref()), (307, Some("./chat")));
    assert_eq!(socket(browser.ask("GET /feed", &[]).text()), "/feed");
    assert_eq!(browser.ask("GET /other", &[]).status(), 404);
}

#[test]
fn beside_a_folder_it_has_a_path_that_no_file_can_have() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "mine").unwrap();
    std::fs::write(folder.path().join(".console"), "hidden").unwrap();
    let serve = ["listen", "0", "--echo", "--serve", folder.path().to_str().unwrap()];
    let both = Listening::start(serve.iter().chain(&["--console", "--path", "/chat"]));
    assert_eq!(both.wsio.says("console on "), format!("http://{}/.console", both.address()));
    let mut browser = Browser::new(both.address());
    assert_eq!(browser.ask("GET /", &[]).text(), "mine");
    assert_eq!(socket(browser.ask("GET /.console?x", &[]).text()), "/chat");
    let alone = Listening::start(serve);
    assert_eq!(Browser::once(alone.address(), "GET /.console", &[]).status(), 404);
}

#[test]
fn its_policy_lets_nothing_foreign_in() {
    let listening = Listening::start([
        "listen",
        "0",
        "--echo",
        "--console",
        "-H",
        "Content-Security-Policy: default-src *",
    ]);
    let mut browser = Browser::new(listening.address());
    let pages = [browser.ask("GET /", &[]), browser.ask("GET /", &[])];
    let policies = pages.each_ref().map(|page| page.field("content-security-policy").unwrap());
    for (page, policy) in pages.iter().zip(&policies) {
        for part in ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains('*') && !policy.contains("unsafe"), "{policy}");
        let given = format!("nonce=\"{}\"", nonce(policy));
        assert_eq!(page.text().matches(&given).count(), 2, "style and script");
        assert_eq!(page.field("cache-control").as_deref(), Some("no-store"));
        assert_eq!(page.field("x-content-type-options").as_deref(), Some("nosniff"));
    }
    assert_ne!(nonce(&policies[0]), nonce(&policies[1]));
    assert_eq!(Browser::once(listening.address(), "GET /", &["Origin: http://evil.example"]).status(), 403);
    assert_eq!(Browser::once(listening.address(), "GET /", &["Host: rebound.example"]).status(), 421);
}

#[test]
fn a_token_is_nothing_a_browser_can_show() {
    let done = Wsio::run(["listen", "0", "--console", "--bearer", "t"], "");
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.err.contains("--user"), "{}", done.err);
    let login = Listening::start(["listen", "0", "--echo", "--console", "--user", "me:secret"]);
    assert_eq!(Browser::once(login.address(), "GET /", &[]).status(), 401);
}
