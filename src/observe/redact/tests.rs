//! Secrets of every shape are hidden, and what a handshake shows is not altered.

use super::*;
use proptest::prelude::*;

#[test]
fn what_a_handshake_shows_is_no_name_with_its_padding_for_a_value() {
    let redactor = Redactor::default();
    for word in [
        // A key, an accept, a pin: with a name at the end, and with one between slashes.
        "IHIHLglXbUxRlUAWHOFyPw==",
        "IHIHLglXbUxRlUAWHOFSig==",
        "s3pPLMBiTxaQ9kYGzzhZRbK+aPw=",
        "Y/Token/0123456789abcdefaPw=",
        "sha256//LficIvPw/KZ5Zo2Ev9xQ7sN1mT4bYc0dU8hRgK5+2Ro=",
        "sha256//abApiKey/12345678/x7yZq0LmNoPqRsTuVwXyZ0apw=",
        "sha256//aB3/TokenSid/98765432QwErTyUiOpAsDfGhJkZ1Pw=",
    ] {
        let pasted = format!("wsio connect -k --pin '{word}' wss://127.0.0.1:1/, which is {word}.");
        for line in [format!("> Sec-WebSocket-Key: {word}"), format!("{word};{word}"), pasted] {
            assert_eq!((redactor.text(&line), redactor.shown(&line)), (line.clone(), line.clone()));
        }
        assert_eq!(redactor.url(word), word);
    }
    for (text, shown) in [
        ("?userPw=x==", "?userPw=[hidden]"),
        ("?token==;SECRET", "?token=[hidden];"),
        ("?token==", "?token=[hidden]"),
        ("/token/s3cret99abcdeAw==", "/token/[hidden]"),
        ("/accessToken/s3cret99/x", "/accessToken/[hidden]/x"),
        ("ws://h/apiKey/s3cret99", "ws://h/apiKey/[hidden]"),
        ("ws://h/Token/s3cret99?a", "ws://h/Token/[hidden]?a"),
    ] {
        assert_eq!((redactor.text(text), redactor.url(text)), (shown.to_owned(), shown.to_owned()));
    }
    let mut redactor = Redactor::default();
    redactor.learn_url("ws://h/accessToken/s3cret99");
    assert_eq!(redactor.shown("no s3cret99 here"), "no [hidden] here");
}

/// Bytes whose Base64 holds a name of a secret at some place, and those of chance.
fn digest(size: usize) -> impl Strategy<Value = String> {
    let names = vec!["", "Pw=", "apw=", "Sig=", "/Token/", "/apiKey/0", "Key/", "sid/", "Pw/1"];
    (proptest::collection::vec(any::<u8>(), size), proptest::sample::select(names), any::<usize>())
        .prop_map(move |(bytes, name, at)| {
            let mut text = BASE64_STANDARD.encode(bytes);
            let end = text.trim_end_matches('=').len();
            let name = name.trim_end_matches('=');
            match name.contains('/') {
                true => {
                    let at = at % (end - 1 - name.len());
                    text.replace_range(at..at + name.len(), name);
                }
                false => text.replace_range(end - name.len()..end, name),
            }
            text
        })
        .prop_filter("Base64 as it is encoded, and no path", |text| {
            !text.starts_with('/') && BASE64_STANDARD.decode(text).is_ok()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keys_accepts_and_pins_are_never_altered(key in digest(16), accept in digest(20), pin in digest(32)) {
        let text = format!("> Sec-WebSocket-Key: {key}\n`{accept}` (--pin 'sha256//{pin};sha256//{pin}'), {pin}");
        let redactor = Redactor::default();
        prop_assert_eq!(redactor.shown(&text), text.as_str());
        prop_assert_eq!(redactor.text(&text), text);
    }

    #[test]
    fn a_secret_is_hidden_whatever_it_looks_like(
        secret in prop_oneof![digest(16), digest(20), digest(32), "[0-9][a-zA-Z0-9]{7,40}={0,2}"],
        name in proptest::sample::select(vec!["token", "accessToken", "API_KEY", "Pw", "sid"]),
    ) {
        let redactor = Redactor::default();
        let digit = format!("0{secret}").replace('/', "_");
        for url in [format!("ws://h/?{name}={secret}"), format!("/x?a=1&{name}={secret}#x"), format!("/{name}/{digit}"), format!("/a/{name}/{digit}/b")] {
            let secret = secret.trim_end_matches('=').replace('/', "_");
            for shown in [redactor.url(&url), redactor.shown(&format!("GET {url} HTTP/1.1")), redactor.text(&url)] {
                prop_assert!(!shown.replace('/', "_").contains(&secret), "{}", shown);
            }
        }
    }
}

#[test]
fn header_fields_lose_their_secrets_and_keep_what_helps() {
    let redactor = Redactor::naming(vec!["X-Gotify".into()]);
    for (name, value, shown) in [
        ("Authorization", "Bearer s3cret", "Bearer [hidden]"),
        ("authorization", "Basic dXNlcjpwdw==", "Basic [hidden]"),
        ("Proxy-Authorization", "s3cret", "[hidden]"),
        ("Cookie", "a=1; session=s3cret", "a=[hidden]; session=[hidden]"),
        ("Set-Cookie", "sid=s3cret; Path=/; HttpOnly", "sid=[hidden]; Path=/; HttpOnly"),
        ("X-Api-Key", "s3cret", "[hidden]"),
        ("X-CSRF-Token", "s3cret", "[hidden]"),
        ("X-Gotify", "s3cret", "[hidden]"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "chat, v1.json", "chat, v1.json"),
        ("Location", "https://u:s3cret@h/x?token=s3cret", "https://[hidden]@h/x?token=[hidden]"),
        ("Host", "example.com", "example.com"),
        ("User-Agent", "wsio/0.1.0", "wsio/0.1.0"),
    ] {
        assert_eq!(redactor.field(name, value), shown, "{name}");
    }
}

#[test]
fn subprotocols_that_carry_tokens_are_hidden() {
    let redactor = Redactor::default();
    for kept in ["chat", "graphql-transport-ws", "v10.stomp", "bus.sp.nanomsg.org", "mqtt", "ocpp1.6"] {
        assert_eq!(redactor.subprotocol(kept), kept);
    }
    assert_eq!(
        redactor.subprotocol("base64url.bearer.authorization.k8s.io.c2VjcmV0"),
        "base64url.bearer.[hidden]"
    );
    // What stands before it may be a token itself where it is long.
    for (before, shown) in
        [("x.".repeat(19), format!("{}bearer.[hidden]", "x.".repeat(19))), ("x.".repeat(20), HIDDEN.into())]
    {
        assert_eq!(redactor.subprotocol(&format!("{before}bearer.short")), shown);
    }
    for token in ["eyJhbGciOiJIUzI1NiJ9.e30.x", "0123456789abcdef0123456789abcdef", "sk-ab12cd34ef56gh78ij90"]
    {
        assert_eq!(redactor.subprotocol(token), HIDDEN);
    }
}

#[test]
fn urls_lose_passwords_and_tokens() {
    let redactor = Redactor::naming(vec!["room".into()]);
    for (url, shown) in [
        ("wss://u:pw@h:1/p", "wss://[hidden]@h:1/p"),
        ("/feed?x=1&access_token=abc&y=2", "/feed?x=1&access_token=[hidden]&y=2"),
        ("/feed?KEY=abc&room=1", "/feed?KEY=[hidden]&room=[hidden]"),
        ("wss://h/a@b?monkey=1", "wss://h/a@b?monkey=1"),
        ("/", "/"),
        ("", ""),
    ] {
        assert_eq!(redactor.url(url), shown);
    }
}

#[test]
fn a_secret_is_hidden_wherever_a_url_has_room_for_it() {
    let redactor = Redactor::naming(vec!["room".into()]);
    for url in [
        // Names under percent-encoding, once and twice, and with a plus.
        "ws://h/?%74oken=SEKRET",
        "/?acc%65ss%5Ftoken=SEKRET&x=1",
        "/?%2574oken=SEKRET",
        "/?%6b%65%79=SEKRET",
        "/?+key+=SEKRET",
        "/?r%6Fom=SEKRET",
        "/?token[]=SEKRET",
        "/?token%5B%5D=SEKRET",
        "/?key[]=SEKRET",
        // The fragment.
        "/#token=SEKRET",
        "https://h/cb#access_token=SEKRET&state=1",
        "https://h/#/route?token=SEKRET",
        "/?x=1#%74oken=SEKRET",
        "/?x=1#a=1&sig=SEKRET",
        // Other separators.
        "/?a=1;token=SEKRET",
        "/?token=a;SEKRET",
        "/?token=a;bSEKRET;c=1",
        "/?a=1&amp;sig=SEKRET",
        // Parameters of a path.
        "/a;jsessionid=1;token=SEKRET/b",
        "/a;%74oken=SEKRET?x=1",
        "/token=SEKRET/b",
        // A URL in a value, as it is and encoded.
        "/?next=https://u:SEKRET@h/",
        "/?next=https%3A%2F%2Fu%3ASEKRET%40h%2F",
        "/?next=/cb?token=SEKRET",
        "/?next=%2Fcb%3Ftoken%3DSEKRET",
        "/?next=%252Fcb%253Ftoken%253DSEKRET",
        "/?next=%2Fcb%23token%3DSEKRET",
        "/?q=a%3D1%26token%3DSEKRET",
        "/?a%3D1%26token%3DSEKRET",
        "/cb%3Ftoken%3DSEKRET",
        "/?x=eyJhbGciOiJIUzI1NiJ9.e30.SEKRET",
        // Logins.
        "ws://u:SEKRET@h/",
        "ws://SEKRET@h",
        "ws://u:p@SEKRET@h/",
        "ws://u%3ASEKRET@h/",
        "ws://u:SEKRET@h?x",
        "ws://u:SEKRET@h#x",
        "//u:SEKRET@h/x",
        "ws://u:SEKRET@h\\x",
    ] {
        let shown = redactor.url(url);
        assert!(!shown.contains("SEKRET") && shown.contains(HIDDEN), "{url}: {shown}");
        assert_eq!(redactor.url(&shown), shown, "twice is once");
    }
    for kept in [
        "ws://h/a;v=1/b?x=1;y=2&z#top",
        "/?next=https%3A%2F%2Fh%2F%3Fa%3D1",
        "/?q=100%25&r=%C3%BC",
        "/a@b/c:d?mail=me@h",
        "/#/route?x=1",
        "/?x=%zz%",
        "/?a==b&&c",
        "https://h//a//b?u=//h/x",
    ] {
        assert_eq!(redactor.url(kept), kept);
    }
}

/// Hides nothing of its own accord: every row stands on one rule alone.
#[test]
fn each_rule_hides_by_itself() {
    let redactor = Redactor::default();
    for (name, shown) in [
        // By the end of the name, where no part of it says so.
        ("X-Functions-Key", true),
        ("Ocp-Apim-Subscription-Key", true),
        ("x-master-key", true),
        ("Key", false),
        ("X-Keyword", false),
        ("X-Monkey", false),
        ("Key-Id", false),
        // Whole names.
        ("X-Auth", true),
        ("X-Session", true),
        ("X-Csrf", true),
        ("X-Key", true),
        ("X-Author", false),
        ("X-Session-Count", false),
        ("Authorization-Info", false),
        // By a part of the name.
        ("X-Tokens", true),
        ("My-Bearer", true),
        ("Client-Secret", true),
        ("X-Password", true),
        ("X-Passwd", true),
        ("X-Apikey", true),
        ("Api-Key-Id", true),
        ("X_Api_Key_Id", true),
        ("AWS-Credential", true),
        ("X-Hub-Signature", true),
        ("X-Jwt-Assertion", true),
        ("X-Request-Id", false),
        // By a word of it.
        ("CB-ACCESS-SIGN", true),
        ("CB-ACCESS-PASSPHRASE", true),
        ("OK-ACCESS-KEY", true),
        ("X-BAPI-SIGN", true),
        ("KC-API-PASSPHRASE", true),
        ("X-MBX-APIKEY", true),
        ("Authentication", true),
        ("X-Api-Login", true),
        ("X-Otp", true),
        ("X-Signal", false),
        ("X-Design", false),
        ("X-Passenger", false),
        ("WWW-Authenticate", false),
        ("Access-Control-Allow-Origin", false),
        ("CB-ACCESS-TIMESTAMP", false),
        ("Content-Type", false),
        // The handshake's own keys are no secrets, though they end like some.
        ("Sec-WebSocket-Key", false),
        ("Sec-WebSocket-Accept", false),
        ("Sec-WebSocket-Version", false),
    ] {
        let expected = if shown { HIDDEN } else { "s3cret" };
        for name in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
            assert_eq!(redactor.field(&name, "s3cret"), expected, "{name}");
        }
    }
    for (key, hidden) in [
        // By the end of the name.
        ("subscription_key", true),
        ("client_KEY", true),
        ("key_client", false),
        ("monkey", false),
        // Whole names.
        ("key", true),
        ("sig", true),
        ("auth", true),
        ("pw", true),
        ("pass", true),
        ("session", true),
        ("sid", true),
        ("code", true),
        ("access", true),
        ("ticket", true),
        ("design", false),
        ("author", false),
        ("passage", false),
        ("zipcode", false),
        // By a part of the name.
        ("access_token", true),
        ("id.jwt", true),
        ("X-Amz-Signature", true),
        ("X-Amz-Credential", true),
        ("userpassword", true),
        ("passwd2", true),
        ("my-api-key-2", true),
        ("apikey2", true),
        ("secretly", true),
        ("bearer", true),
        ("room", false),
        // By a word of it.
        ("listenKey", true),
        ("session_id", true),
        ("sessionid", true),
        ("pwd", true),
        ("user.pwd", true),
        ("passphrase", true),
        ("sign", true),
        ("hmac", true),
        ("authkey", true),
        ("PHPSESSID", true),
        ("JSESSIONID", true),
        ("connect.sid", true),
        ("pass2", true),
        ("signal", false),
        ("session_timeout", false),
        ("auth_type", false),
        ("side", false),
        ("resident", false),
        ("compass", false),
    ] {
        for key in [key.to_owned(), key.to_uppercase()] {
            let expected = if hidden { HIDDEN } else { "s3cret" };
            assert_eq!(redactor.url(&format!("/?a=1&{key}=s3cret")), format!("/?a=1&{key}={expected}"));
        }
    }
}

#[test]
fn what_carries_more_than_one_value_loses_the_secret_ones() {
    let redactor = Redactor::naming(vec!["Room".into(), "set-cookie".into()]);
    for (name, value, shown) in [
        ("Cookie", "s3cret", "[hidden]"),
        ("Cookie", "a=s3cret=more;b=s3cret", "a=[hidden]; b=[hidden]"),
        ("ROOM", "s3cret", "[hidden]"),
        ("Set-Cookie", "sid=s3cret; Path=/", "[hidden]"),
        ("X-Auth", "Custom s3cret more", "Custom [hidden]"),
        ("Referer", "https://u@h/?sig=s3cret", "https://[hidden]@h/?sig=[hidden]"),
        ("Origin", "https://u:s3cret@h", "https://[hidden]@h"),
        ("Sec-WebSocket-Protocol", "chat,bearer.s3cret", "chat, bearer.[hidden]"),
    ] {
        assert_eq!(redactor.field(name, value), shown, "{name}: {value}");
    }
    let redactor = Redactor::default();
    assert_eq!(redactor.field("Set-Cookie", "s3cret"), "[hidden]");
    assert_eq!(redactor.field("Set-Cookie", "a=s3cret"), "a=[hidden]");
    for (name, shown) in [
        ("Bearer.s3cret", "Bearer.[hidden]"),
        // Of 24 letters and more no word is one.
        ("abcdefghijklmnopqrstuvw", "abcdefghijklmnopqrstuvw"),
        ("abcdefghijklmnopqrstuvwx", "[hidden]"),
        // Of 16 with digits and letters.
        ("v1.abcdefgh1234567", "v1.abcdefgh1234567"),
        ("v1.abcdefgh12345678", "[hidden]"),
        ("abcdefghijklmnop", "abcdefghijklmnop"),
        ("1234567890123456", "1234567890123456"),
        ("eyJ", "[hidden]"),
    ] {
        assert_eq!(redactor.subprotocol(name), shown, "{name}");
    }
}
