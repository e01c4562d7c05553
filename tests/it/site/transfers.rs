//! Downloads: heads and parts of files, large and slow ones, clients that leave, files that change, and signals.

use super::Web;
use crate::harness::{Browser, eventually};
use rustix::process::Signal;
use std::{
    fs,
    io::{Read, Write},
};

#[test]
fn head_is_a_get_without_its_body() {
    let web = Web::new();
    let listening = web.serve(&["--console"]);
    let mut browser = Browser::new(listening.address());
    for path in ["/", "/app.js", "/nothing", "/sub", "/.console"] {
        let get = browser.ask(&format!("GET {path}"), &[]);
        let head = browser.ask(&format!("HEAD {path}"), &[]);
        assert_eq!(head.status(), get.status(), "{path}");
        for name in ["content-length", "content-type", "etag", "location"] {
            assert_eq!(head.field(name), get.field(name), "{path}: {name}");
        }
    }
    listening.wsio.says(" HEAD / 200");
}

#[test]
fn one_range_of_a_file() {
    let web = Web::new();
    let length = web.large("film.mp4", 5_000_000);
    let listening = web.serve(&[]);
    let mut browser = Browser::new(listening.address());
    let end = browser.ask("GET /film.mp4", &["Range: bytes=-3"]);
    assert_eq!((end.status(), end.text()), (206, "\0\0!"));
    assert_eq!(end.field("content-range"), Some(format!("bytes {}-{}/{length}", length - 3, length - 1)));
    let start = browser.ask("GET /film.mp4", &["Range: bytes=0-999999"]);
    assert_eq!((start.status(), start.body.len()), (206, 1_000_000));
    let beyond = browser.ask("GET /film.mp4", &["Range: bytes=5000000-"]);
    assert_eq!(beyond.status(), 416);
    assert_eq!(beyond.field("content-range"), Some(format!("bytes */{length}")));
    for lines in [&["Range: bytes=0-1,3-4"][..], &["Range: bytes=0-1", "If-Range: \"another\""]] {
        assert_eq!(browser.ask("GET /film.mp4", lines).status(), 200, "{lines:?}");
    }
    assert_eq!(browser.ask("HEAD /film.mp4", &["Range: bytes=0-1"]).status(), 200);
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_file_is_never_whole_in_memory() {
    let web = Web::new();
    let length = web.large("large.bin", 300_000_000);
    let listening = web.serve(&[]);
    let download = || {
        let mut browser = Browser::new(listening.address());
        browser.send("GET /large.bin", &[]);
        let head = crate::harness::read_head(&mut browser.stream);
        assert!(head.contains(&format!("Content-Length: {length}\r\n")), "{head}");
        let (mut have, mut last, mut chunk) = (0, 0, vec![0; 1 << 20]);
        while have < length {
            let count = browser.stream.read(&mut chunk).unwrap();
            assert!(count > 0, "after {have}");
            have += count as u64;
            last = chunk[count - 1];
        }
        assert_eq!((have, last), (length, b'!'));
    };
    // One that is not read meanwhile would be given up on a slow machine.
    std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(download))));
    listening.wsio.says(&format!("GET /large.bin 200 {length} bytes"));
    assert!(listening.wsio.peak_kib() < 64 * 1024, "{} KiB", listening.wsio.peak_kib());
}

#[test]
fn a_slow_download_outlives_the_handshakes_deadline() {
    let web = Web::new();
    let length = web.large("large.bin", 30_000_000) as usize;
    let listening = web.serve(&["--handshake-timeout", "200ms"]);
    let mut browser = Browser::new(listening.address());
    browser.send("GET /large.bin", &[]);
    std::thread::sleep(std::time::Duration::from_millis(1000));
    assert_eq!(browser.answer(false).body.len(), length);
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answer() {
    let web = Web::new();
    let length = web.large("large.bin", 30_000_000) as usize;
    let listening = web.serve(&[]);
    let say_all = |path: &str| {
        let mut browser = Browser::new(listening.address());
        browser.send(path, &[]);
        browser.stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = browser.answer(false);
        assert!(browser.is_closed(), "nothing more can be asked");
        (answer.status(), answer.body.len())
    };
    for _ in 0..50 {
        assert_eq!(say_all("GET /app.js"), (200, 7));
        assert_eq!(say_all("POST /app.js").0, 405);
    }
    assert_eq!(say_all("GET /large.bin"), (200, length));
    let mut late = Browser::new(listening.address());
    late.send("GET /large.bin", &[]);
    late.stream.read_exact(&mut [0; 12]).unwrap();
    late.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(late.answer(false).body.len(), length);
}

#[test]
fn a_client_that_leaves_is_told_of_and_frees_its_place() {
    let web = Web::new();
    web.large("large.bin", 300_000_000);
    let listening = web.serve(&["--max-connections", "1"]);
    let mut browser = Browser::new(listening.address());
    browser.send("GET /large.bin", &[]);
    crate::harness::read_head(&mut browser.stream);
    drop(browser);
    listening.wsio.says("GET /large.bin 200 incomplete: the client left");
    eventually("there is room", || Browser::once(listening.address(), "GET /", &[]).status() == 200);
    // Nobody keeps the only place for what may come.
    eventually("and again", || {
        let answer = Browser::once(listening.address(), "GET /", &[]);
        answer.status() == 200 && answer.field("connection").as_deref() == Some("close")
    });
}

#[test]
fn a_file_that_gets_shorter_is_not_passed_off_as_whole() {
    let web = Web::new();
    let length = web.large("large.bin", 100_000_000);
    let listening = web.serve(&[]);
    let mut browser = Browser::new(listening.address());
    browser.send("GET /large.bin", &[]);
    crate::harness::read_head(&mut browser.stream);
    fs::File::options().write(true).open(web.path.join("large.bin")).unwrap().set_len(1).unwrap();
    let mut got = Vec::new();
    let _ = browser.stream.read_to_end(&mut got);
    assert!((got.len() as u64) < length, "{}", got.len());
    listening.wsio.says("GET /large.bin 200 incomplete: the file got shorter");
}

#[test]
fn a_signal_lets_a_download_end() {
    let web = Web::new();
    let length = web.large("large.bin", 30_000_000) as usize;
    let listening = web.serve(&[]);
    let mut idle = Browser::new(listening.address());
    idle.ask("GET /", &[]);
    let mut browser = Browser::new(listening.address());
    browser.send("GET /large.bin", &[]);
    let mut head = [0; 12];
    browser.stream.read_exact(&mut head).unwrap();
    listening.wsio.signal(Signal::TERM);
    // The listening socket is gone, the download is not; who asks for nothing is let go.
    assert!(idle.is_closed());
    let body = browser.answer(false).body;
    assert_eq!((body.len(), body.last()), (length, Some(&b'!')));
    assert_eq!(listening.wsio.wait().code, 0);
}

#[test]
fn who_asks_for_nothing_is_let_go_without_a_word() {
    let web = Web::new();
    let listening = web.serve(&["--handshake-timeout", "300ms"]);
    let (mut early, mut kept, mut half) = (
        Browser::new(listening.address()),
        Browser::new(listening.address()),
        Browser::new(listening.address()),
    );
    assert_eq!(kept.ask("GET /", &[]).status(), 200);
    half.stream.write_all(b"GET / HT").unwrap();
    assert!(early.is_closed() && kept.is_closed());
    assert_eq!(half.answer(false).status(), 408);
    listening.wsio.says("refused 408: no request within ");
    let said = listening.wsio.err_so_far();
    assert_eq!(said.matches("refused").count(), 1, "{said}");
}
