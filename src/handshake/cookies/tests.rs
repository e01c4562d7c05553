//! Which cookies of which file go where.

use super::*;

fn sent(content: &str, url: &str) -> String {
    let url = WsUrl::parse(url).unwrap();
    let cookies = Cookies::of_file(content).unwrap_or_else(|cause| panic!("{content}: {cause}"));
    let values = cookies.iter().map(|cookies| cookies.value_for(&url)).filter(|value| !value.is_empty());
    values.collect::<Vec<_>>().join("; ")
}

#[test]
fn a_plain_file_is_taken_as_it_is() {
    assert_eq!(sent("a=b; c=d\ne=f\n", "ws://h/"), "a=b; c=d; e=f");
    assert_eq!(sent("# mine\r\n\r\nCookie: a=b=c; d=\r\n", "ws://h/"), "a=b=c; d=");
    assert_eq!(Cookies::of_file("a=b\n"), Ok(vec![Cookies::Plain("a=b".to_owned())]));
}

#[test]
fn an_empty_jar_is_nothing() {
    let head = "# Netscape HTTP Cookie File\n# https://curl.se/docs/http-cookies.html\n\n";
    for content in ["", "\n", head, "[]", "{\"cookies\":[]}", "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"] {
        assert_eq!(Cookies::of_file(content), Ok(vec![]), "{content}");
    }
}

#[test]
fn every_kind_of_file_is_read() {
    for content in [
        "127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\ts3cret\n",
        "# Netscape HTTP Cookie File\n127.0.0.1 FALSE / FALSE 0 sid s3cret\n",
        "127.0.0.1   FALSE   /   FALSE   1.9e10   sid   s3cret\r\n",
        "#HttpOnly_127.0.0.1\tfalse\t/\tfalse\t0\tsid\ts3cret",
        "HTTP/1.1 200 OK\r\nDate: x\r\nSet-Cookie: sid=s3cret; Path=/; HttpOnly\r\n\r\n",
        "set-cookie: sid=s3cret; Domain=.127.0.0.1; Expires=Wed, 21 Oct 2099 07:28:00 GMT\n",
        "Set-Cookie: sid=s3cret; Max-Age=60; Expires=Thu, 01-Jan-1970 00:00:00 GMT\n",
        "[{\"domain\":\"127.0.0.1\",\"name\":\"sid\",\"value\":\"s3cret\"}]\n",
        "{\"cookies\":[{\"domain\":\"127.0.0.1\",\"path\":\"/\",\"expires\":-1,\"name\":\"sid\",\"value\":\"s3cret\"}]}",
        "[{\"host\":\"127.0.0.1\",\"expirationDate\":4102444800.5,\"secure\":true,\"name\":\"sid\",\"value\":\"s3cret\"}]",
        "{\"sid\":\"s3cret\"}",
        "Cookie: sid=s3cret",
    ] {
        assert_eq!(sent(content, "ws://127.0.0.1:8080/x"), "sid=s3cret", "{content}");
    }
}

#[test]
fn what_is_no_cookie_is_refused_and_not_sent() {
    for (content, cause) in [
        ("a=b\nnonsense\n", "line 2 is no cookie"),
        ("127.0.0.1 FALSE / MAYBE 0 a b\n", "line 1 is no cookie"),
        ("<html>\n<a b=\"c\">\n", "line 1 is no cookie"),
        ("X-Header: a=b\n", "line 1 is no cookie"),
        ("[1]", "the entry 1 of its JSON"),
        ("[{\"name\":\"a\"}]", "the entry 1 of its JSON"),
        ("{\"log\":{}}", "`log` of its JSON"),
        ("[{", "it is no JSON"),
    ] {
        let fault = Cookies::of_file(content).unwrap_err();
        assert!(fault.starts_with(cause), "{content}: {fault}");
    }
}

#[test]
fn a_jar_gives_the_cookies_that_fit() {
    let jar = "# Netscape HTTP Cookie File\n\
        example.com\tFALSE\t/\tFALSE\t0\thost\t1\n\
        .example.com\tTRUE\t/\tFALSE\t0\tsite\t2\n\
        #HttpOnly_example.com\tFALSE\t/chat\tTRUE\t0\tdeep\t3\n\
        other.com\tTRUE\t/\tFALSE\t0\tother\t4\n\
        localhost\tFALSE\t/\tTRUE\t0\tnear\t5\n\
        .0.0.1\tTRUE\t/\tFALSE\t0\tnumber\t6\n";
    for (url, cookies) in [
        ("wss://example.com/chat/room?x", "deep=3; host=1; site=2"),
        ("ws://user:pw@example.com:80/chat", "host=1; site=2"),
        ("wss://example.com/chatter", "host=1; site=2"),
        ("Example.com/a", "host=1; site=2"),
        ("wss://a.example.com", "site=2"),
        ("wss://badexample.com", ""),
        ("https://other.com:8443/", "other=4"),
        ("WSS://localhost:1/a?b", "near=5"),
        ("localhost:80", "near=5"),
        ("8080/x", ""),
    ] {
        assert_eq!(sent(jar, url), cookies, "{url}");
    }
}

#[test]
fn secure_cookies_go_to_this_machine_expired_ones_nowhere_and_longer_paths_first() {
    let jar = |host: &str| {
        format!(
            "{host}\tFALSE\t/\tTRUE\t0\tsecure\t1\n{host}\tFALSE\t/\tFALSE\t1000000000\told\t2\n\
             {host}\tFALSE\t/\tFALSE\t0\ta\tshort\n{host}\tFALSE\t/api\tFALSE\t0\ta\tlong\n\
             {host}\tFALSE\t/\tFALSE\t0\tb\tfirst\n{host}\tFALSE\t/\tFALSE\t0\tb\tlast\n"
        )
    };
    for host in ["127.0.0.1", "127.1.2.3", "localhost", "app.localhost"] {
        let url = format!("ws://{host}:8080/api/x");
        assert_eq!(sent(&jar(host), &url), "a=long; secure=1; a=short; b=last", "{host}");
    }
    assert_eq!(sent(&jar("10.0.0.1"), "ws://10.0.0.1/api"), "a=long; a=short; b=last");
    assert_eq!(sent("Set-Cookie: a=1; Max-Age=0\nSet-Cookie: b=2\n", "ws://h/"), "b=2");
}

#[test]
fn cookies_without_a_domain_stay_with_the_origin_they_were_given_for() {
    let cookies = Cookies::of_file("Set-Cookie: a=1\nSet-Cookie: b=2; Domain=h\n").unwrap();
    assert!(
        matches!(&cookies[..], [Cookies::Own(own), Cookies::Jar(jar)] if own.len() == 1 && jar.len() == 1)
    );
}
