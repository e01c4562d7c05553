//! Trust beyond the roots: pins, revocation lists, the version of TLS, keys under a passphrase, and
//! the file of secrets.

use crate::harness::{Authority, Listening, Pair, Wsio, eventually, tls_front_of};
use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::SerialNumber;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};
use x509_parser::prelude::{FromDer, X509Certificate};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An echo server with this certificate.
fn server(pair: &Pair) -> Listening {
    let (cert, key) = (text(&pair.cert), text(&pair.key));
    Listening::start(["listen", "wss://127.0.0.1:0", "--echo", "--cert", cert, "--key", key])
}

/// One question to a server; code, output and what was said.
fn ask(listening: &Listening, more: &[&str]) -> (i32, String, String) {
    let port = listening.address().rsplit(':').next().unwrap();
    let url = format!("wss://localhost:{port}/");
    let done = Wsio::run(["connect", &url, "--send", "hello", "-1"].iter().chain(more), "");
    (done.code, done.text().to_owned(), done.err)
}

/// The pin of a certificate, computed without the code under test.
fn pin(pair: &Pair) -> String {
    let der = CertificateDer::from_pem_file(&pair.cert).unwrap();
    let (_, certificate) = X509Certificate::from_der(&der).unwrap();
    let hash = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let hash = hash.tls13().unwrap().common.hash_provider.hash(certificate.public_key().raw);
    format!("sha256//{}", BASE64_STANDARD.encode(hash.as_ref()))
}

#[test]
fn only_a_pinned_key_is_taken() {
    let authority = Authority::new();
    let (good, other) = (authority.signs(&["localhost"]), authority.signs(&["localhost"]));
    let listening = server(&good);
    let trust = ["--cacert", text(&authority.file)];
    let (pin, other) = (pin(&good), pin(&other));
    let several = format!("{other};{pin}");
    for pins in [&["--pin", &pin][..], &["--pinnedpubkey", &several], &["--pin", &other, "--pin", &pin]] {
        let (code, out, err) = ask(&listening, &[&trust, pins].concat());
        assert_eq!((code, out.as_str(), err.as_str()), (0, "hello\n", ""));
    }
    for more in [&trust[..], &["-k"]] {
        let (code, out, err) = ask(&listening, &[more, &["--pin", &other]].concat());
        assert_eq!((code, out.as_str()), (60, ""), "{err}");
        assert!(err.contains(&format!("localhost shows the key {pin}, which --pin does not name")), "{err}");
    }
    // A pin is no reason to trust an issuer; with -k it is all that is looked at.
    let (code, _, err) = ask(&listening, &["--pin", &pin]);
    assert_eq!(code, 60, "{err}");
    let (code, _, err) = ask(&listening, &["-k", "--pin", &pin]);
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("only the key is checked") && !err.contains("anyone on the way"), "{err}");
    let (code, _, err) = ask(&listening, &["--pin", "key.pem"]);
    assert_eq!(code, 2, "{err}");
}

#[test]
fn an_authoritys_own_certificate_is_a_servers_where_it_is_the_trusted_one() {
    let authority = Authority::new();
    let (right, wrong) = (authority.self_signed_authority(&["localhost"]), authority.signs(&["localhost"]));
    let listening = server(&right);
    assert_eq!(ask(&listening, &["--cacert", text(&right.cert)]).1, "hello\n");
    for file in [&wrong.cert, &authority.file] {
        let (code, _, err) = ask(&listening, &["--cacert", text(file)]);
        assert_eq!(code, 60, "{err}");
    }
    // Its name still counts.
    let port = listening.address().rsplit(':').next().unwrap();
    let url = format!("wss://127.0.0.1:{port}/");
    let done = Wsio::run(["connect", &url, "--cacert", text(&right.cert), "--send", "x", "-1"], "");
    assert!(done.code == 60 && done.err.contains("is not for 127.0.0.1"), "{} {}", done.code, done.err);
}

#[test]
fn a_revoked_certificate_is_60_and_a_bad_list_82() {
    let (authority, other) = (Authority::new(), Authority::named("Another Authority"));
    let pair =
        authority.signs_with(&["localhost"], |params| params.serial_number = Some(SerialNumber::from(7)));
    let listening = server(&pair);
    let junk = authority.file("junk.crl", "nothing");
    let broken = authority.file("broken.crl", "-----BEGIN X509 CRL-----\nAAEC\n-----END X509 CRL-----\n");
    let lists = [authority.revokes(&[7], 2090), other.revokes(&[], 2090)];
    let both = authority
        .file("both.crl", &lists.iter().map(|file| fs::read_to_string(file).unwrap()).collect::<String>());
    for (list, code, part) in [
        (authority.revokes(&[8], 2090), 0, ""),
        (lists[0].clone(), 60, "was revoked by `CN=The Test Authority`"),
        (both, 60, "was revoked"),
        (lists[1].clone(), 60, "do not speak for every issuer"),
        (authority.revokes(&[], 2025), 82, "has expired"),
        (junk, 82, "no revocation list in it"),
        (broken, 82, "broken.crl"),
        ("/no/such/file".into(), 82, "no such file"),
    ] {
        let (found, _, err) = ask(&listening, &["--cacert", text(&authority.file), "--crl", text(&list)]);
        assert_eq!(found, code, "{}: {err}", list.display());
        assert!(err.contains(part), "{part}: {err}");
    }
    let (code, _, err) = ask(&listening, &["-k", "--crl", "f"]);
    assert_eq!(code, 2, "{err}");
}

#[test]
fn an_older_tls_can_be_ruled_out() {
    let authority = Authority::new();
    let pair = authority.signs(&["localhost"]);
    let plain = Listening::start(["listen", "0", "--echo", "--allow-host", "any"]);
    let front = tls_front_of(&pair, plain.address().to_owned(), &[&rustls::version::TLS12]);
    let old = format!("wss://localhost:{}/", front.port());
    let base = ["connect", &old, "--cacert", text(&authority.file), "--send", "hi", "-1"];
    let run = |more: &[&str]| Wsio::run(base.iter().chain(more), "");
    assert_eq!(run(&["--tls-min", "1.2"]).code, 0);
    let done = run(&["--tls-min", "1.3"]);
    assert_eq!(done.code, 35, "{}", done.err);
    assert!(done.err.contains("--tls-min"), "{}", done.err);
    assert_eq!(ask(&server(&pair), &["--cacert", text(&authority.file), "--tls-min", "1.3"]).0, 0);
    assert_eq!(run(&["--tls-min", "1.1"]).code, 2);
}

#[test]
fn an_encrypted_key_is_opened_by_its_passphrase() {
    let authority = Authority::new();
    let own = authority.signs(&["client.example"]);
    let encrypted = authority.encrypts(&own, "s3cret word");
    let pair = authority.signs(&["localhost"]);
    let listening = Listening::start([
        "listen",
        "wss://127.0.0.1:0",
        "--echo",
        "--cert",
        text(&pair.cert),
        "--key",
        text(&pair.key),
        "--client-ca",
        text(&authority.file),
    ]);
    let file = authority.file("passphrase", "s3cret word\n");
    let from_file = format!("@{}", file.display());
    let own_files = ["--cacert", text(&authority.file), "--cert", text(&own.cert), "--key", text(&encrypted)];
    for pass in [&from_file, "s3cret word"] {
        let (code, out, err) = ask(&listening, &[&own_files[..], &["--pass", pass]].concat());
        assert_eq!((code, out.as_str()), (0, "hello\n"), "{err}");
    }
    for (more, part) in [
        (&["--pass", "wr0ng"][..], "does not fit"),
        // Nobody sits there to be asked.
        (&[], "--pass @FILE or --pass @env:NAME"),
    ] {
        let (code, _, err) = ask(&listening, &[&own_files[..], more].concat());
        assert_eq!(code, 58, "{err}");
        assert!(err.contains(part) && !err.contains("wr0ng"), "{part}: {err}");
    }
    // The server's own key, certificate and key in one file.
    let key = authority.encrypts(&pair, "s3rver");
    let joined = fs::read_to_string(&pair.cert).unwrap() + &fs::read_to_string(key).unwrap();
    let joined = authority.file("joined.pem", &joined);
    let served = Listening::start([
        "listen",
        "wss://127.0.0.1:0",
        "--echo",
        "--cert",
        text(&joined),
        "--pass",
        "s3rver",
    ]);
    let (code, out, err) = ask(&served, &["--cacert", text(&authority.file)]);
    assert_eq!((code, out.as_str()), (0, "hello\n"), "{err}");
}

#[test]
fn the_secrets_of_tls_are_for_their_owner_alone() {
    let authority = Authority::new();
    let listening = server(&authority.signs(&["localhost"]));
    let port = listening.address().rsplit(':').next().unwrap();
    let url = format!("wss://localhost:{port}/");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let args = ["connect", &url, "--cacert", text(&authority.file), "--send", "hi", "-1"];
    for _ in 0..2 {
        let mut command = Command::new("sh");
        // The umask of a careless shell.
        command.args(["-c", "umask 0; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_wsio")]).args(args);
        let mut wsio = Wsio::spawn(command.env("SSLKEYLOGFILE", &file));
        eventually("its end", || !wsio.is_running());
        let done = wsio.wait();
        assert_eq!((done.code, done.text()), (0, "hi\n"), "{}", done.err);
        let warnings = done.err.matches("SSLKEYLOGFILE").count();
        assert!(warnings == 1 && done.err.contains(text(&file)), "{}", done.err);
    }
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let log = fs::read_to_string(&file).unwrap();
    assert_eq!(log.matches("CLIENT_TRAFFIC_SECRET_0 ").count(), 2, "one a connection, appended: {log}");
    let words = log.lines().map(|line| line.split(' ').count());
    assert!(words.into_iter().all(|count| count == 3), "{log}");

    let done = Wsio::run_with(&[("SSLKEYLOGFILE", "/no/such/folder/f")], args);
    assert_eq!(done.code, 23, "{}", done.err);
    let done = Wsio::run_with(&[("SSLKEYLOGFILE", "")], args);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
}

#[test]
fn the_certificate_of_a_chain_that_is_at_fault_is_named_to_the_client_and_in_the_servers_log() {
    let authority = Authority::new();
    let own = authority.signs(&["localhost"]);
    let trusting = Listening::start([
        "listen",
        "wss://127.0.0.1:0",
        "--echo",
        "--cert",
        text(&own.cert),
        "--key",
        text(&own.key),
        "--client-ca",
        text(&authority.file),
    ]);
    let trust = ["--cacert", text(&authority.file)];
    let middle = "the intermediate certificate `CN=The Test Intermediate` above localhost";
    type Change = fn(&mut rcgen::CertificateParams);
    let rows: [(Change, &str, &str); 5] = [
        (
            |params| params.not_after = rcgen::date_time_ymd(2020, 1, 31),
            "expired on 2020-01-31",
            "certificate_expired",
        ),
        (
            |params| params.not_before = rcgen::date_time_ymd(2090, 1, 31),
            "is not valid before 2090-01-31",
            "certificate_expired",
        ),
        (|params| params.is_ca = rcgen::IsCa::NoCa, "its CA flag is missing", "certificate_unknown"),
        (
            |params| params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::CodeSigning],
            "its extended key usage allows codeSigning",
            "certificate",
        ),
        (
            |params| {
                params.name_constraints = Some(rcgen::NameConstraints {
                    permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.com".into())],
                    excluded_subtrees: Vec::new(),
                });
            },
            "may issue for example.com alone (name constraints)",
            "certificate",
        ),
    ];
    for (change, cause, alert) in rows {
        let pair = authority.signs_through(&["localhost"], change);
        let (code, _, err) = ask(&server(&pair), &trust);
        assert_eq!(code, 60, "{err}");
        assert!(err.contains(&format!("{middle} ")) && err.contains(cause), "{cause}: {err}");
        // The same chain as a client's: the log has the words, and the client the alert that fits.
        let more = [&trust[..], &["--cert", text(&pair.cert), "--key", text(&pair.key)]].concat();
        let (code, _, err) = ask(&trusting, &more);
        assert_eq!(code, 35, "{err}");
        assert!(err.contains(alert) && err.contains("give another one with --cert"), "{alert}: {err}");
        trusting.wsio.says(cause);
    }
    let good = authority.signs_through(&["localhost"], |_| {});
    let more = [&trust[..], &["--cert", text(&good.cert), "--key", text(&good.key)]].concat();
    assert_eq!(ask(&trusting, &more).1, "hello\n");
    let (code, _, err) = ask(&trusting, &trust);
    assert_eq!(code, 98, "{err}");
    trusting.wsio.says("the client showed no certificate, and --client-ca wants one");
}
