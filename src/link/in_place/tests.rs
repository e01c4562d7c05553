//! Files of every kind give the same bytes in the same order, in place or not, and none is changed for
//! whoever shares it.

use super::*;
use crate::link::Patient;
use rustix::fs::{Advice, OFlags, fadvise, fcntl_getfl};
use std::{
    future::poll_fn,
    io::{PipeReader, PipeWriter, Seek, SeekFrom},
    os::fd::OwnedFd,
    path::PathBuf,
    thread,
};

/// Bytes that are different wherever a part is lost, doubled or misplaced.
fn content(length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| (n ^ n >> 8 ^ n >> 16) as u8).collect()
}

fn pipe() -> (PipeReader, PipeWriter) {
    io::pipe().unwrap()
}

fn file(end: impl Into<OwnedFd>) -> File {
    File::from(end.into())
}

fn input(file: File) -> FileInput {
    let (reader, file) = InputFile::open(file).unwrap();
    FileInput::new(None, reader, file)
}

fn output(file: File) -> FileOutput {
    let in_place = OutputFile::of(&file).unwrap();
    FileOutput::new(None, Box::new(Patient::new(file)), None, in_place)
}

async fn next(input: &mut FileInput) -> io::Result<Option<Bytes>> {
    poll_fn(|cx| input.poll_next(cx)).await
}

async fn all(input: &mut FileInput) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(chunk) = next(input).await.unwrap() {
        all.extend_from_slice(&chunk);
    }
    all
}

fn waits<T>(polled: Poll<T>) -> bool {
    polled.is_pending()
}

/// What is sent, in chunks of which some have their own memory.
fn chunked(content: &[u8]) -> framing::Output {
    let mut out = framing::Output::default();
    for chunk in content.chunks(50_000) {
        out.push(&Bytes::copy_from_slice(&chunk[..chunk.len() / 2]));
        out.push_slice(&chunk[chunk.len() / 2..]);
    }
    out
}

fn fifo() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    (folder, path)
}

#[tokio::test]
async fn a_pipe_is_read_as_it_comes_and_to_its_end() {
    let (theirs, mut ours) = pipe();
    let mut input = input(file(theirs));
    assert!(waits(poll_fn(|cx| Poll::Ready(input.poll_next(cx))).await));
    ours.write_all(b"one").unwrap();
    assert_eq!(next(&mut input).await.unwrap().unwrap(), "one");
    let sent = content(3_000_000);
    let writer = thread::spawn({
        let sent = sent.clone();
        move || ours.write_all(&sent)
    });
    assert!(all(&mut input).await == sent);
    writer.join().unwrap().unwrap();
    assert!(input.thread.is_none());
}

#[tokio::test]
async fn a_pipe_that_somebody_else_empties_is_waited_for() {
    let (theirs, mut ours) = pipe();
    let mut other = theirs.try_clone().unwrap();
    let mut input = input(file(theirs));
    for round in 0..3 {
        ours.write_all(b"theirs").unwrap();
        other.read_exact(&mut [0; 6]).unwrap();
        // Readiness is told, and nothing is there.
        for _ in 0..3 {
            assert!(waits(poll_fn(|cx| Poll::Ready(input.poll_next(cx))).await), "round {round}");
            tokio::task::yield_now().await;
        }
        ours.write_all(b"ours").unwrap();
        assert_eq!(next(&mut input).await.unwrap().unwrap(), "ours");
    }
}

#[tokio::test]
async fn messages_that_wait_share_their_memory() {
    let (theirs, mut ours) = pipe();
    let (mut input, mut waiting) = (input(file(theirs)), Vec::new());
    for number in 0..1000_usize {
        ours.write_all(&[number as u8; 1000]).unwrap();
        waiting.push(next(&mut input).await.unwrap().unwrap());
    }
    assert!(waiting.iter().enumerate().all(|(number, bytes)| bytes[..] == [number as u8; 1000]));
    let moved =
        waiting.windows(2).filter(|pair| pair[0].as_ptr().wrapping_add(1000) != pair[1].as_ptr()).count();
    assert!(moved < 10, "{moved} chunks are held by a million bytes");
}

#[tokio::test]
async fn a_regular_file_is_read_whether_it_lies_in_memory_or_not() {
    let sent = content(3_000_000);
    for cold in [false, true] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&sent).unwrap();
        file.seek(SeekFrom::Start(1)).unwrap();
        if cold {
            file.sync_all().unwrap();
            fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        }
        let mut input = input(file.try_clone().unwrap());
        assert!(all(&mut input).await == sent[1..]);
        assert_eq!(file.stream_position().unwrap(), 1, "nobody else notices");
        assert!(input.thread.is_none());
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_in_place_is_read_on_a_thread() {
    let mut input = input(File::open("/proc/self/limits").unwrap());
    assert!(String::from_utf8(all(&mut input).await).unwrap().contains("Max open files"));
    assert!(input.thread.is_some());
}

#[tokio::test]
async fn a_pipe_with_a_name_is_read_to_the_end_of_its_last_writer() {
    let (_folder, path) = fifo();
    let both = File::options().read(true).write(true).open(&path).unwrap();
    let mut writers = [0, 1].map(|_| File::options().write(true).open(&path).unwrap());
    let given = File::open(&path).unwrap();
    drop(both);
    let mut input = input(given.try_clone().unwrap());
    for writer in &mut writers {
        writer.write_all(b"line\n").unwrap();
        assert_eq!(next(&mut input).await.unwrap().unwrap(), "line\n");
    }
    let [first, second] = writers;
    drop(first);
    assert!(waits(poll_fn(|cx| Poll::Ready(input.poll_next(cx))).await), "one writer is left");
    assert!(input.thread.is_none());
    assert!(!fcntl_getfl(&given).unwrap().contains(OFlags::NONBLOCK));
    drop(second);
    assert!(next(&mut input).await.unwrap().is_none());
}

#[tokio::test]
async fn an_end_that_nobody_has_opened_yet_is_waited_for() {
    let (_folder, path) = fifo();
    let given =
        rustix::fs::open(&path, OFlags::RDONLY | OFlags::NONBLOCK, rustix::fs::Mode::empty()).unwrap();
    let mut input = input(file(given));
    for _ in 0..3 {
        assert!(waits(poll_fn(|cx| Poll::Ready(input.poll_next(cx))).await));
        tokio::task::yield_now().await;
    }
    File::options().write(true).open(&path).unwrap().write_all(b"late").unwrap();
    assert_eq!(all(&mut input).await, b"late");
}

#[tokio::test]
async fn an_output_is_written_as_far_as_it_takes_something_and_in_order() {
    let (mut theirs, ours) = pipe();
    let (ours, sent) = (file(ours), content(3_000_000));
    let (mut output, mut out) = (output(ours.try_clone().unwrap()), chunked(&sent));
    assert!(waits(poll_fn(|cx| Poll::Ready(output.poll_send(cx, &mut out))).await));
    assert!(out.is_empty() && (1..sent.len() as u64).contains(&output.written()));
    assert_eq!(output.written() as usize + output.queued(), sent.len());
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        theirs.read_to_end(&mut all).map(|_| all)
    });
    poll_fn(|cx| output.poll_send(cx, &mut out)).await.unwrap();
    out.push_slice(b"end");
    poll_fn(|cx| output.poll_send(cx, &mut out)).await.unwrap();
    poll_fn(|cx| output.poll_finish(cx)).await.unwrap();
    assert_eq!((output.written() as usize, output.queued()), (sent.len() + 3, 0));
    assert!(output.thread.is_none());
    assert!(!fcntl_getfl(&ours).unwrap().contains(OFlags::NONBLOCK));
    drop(ours);
    assert!(reader.join().unwrap().unwrap() == [&sent[..], b"end"].concat());
}

#[tokio::test]
async fn a_reader_that_leaves_is_missed_at_once() {
    let (theirs, ours) = pipe();
    let (mut output, mut out) = (output(file(ours)).watched(), framing::Output::default());
    // That it was writable, and is, does not hide it.
    out.push_slice(b"taken");
    poll_fn(|cx| output.poll_send(cx, &mut out)).await.unwrap();
    assert!(waits(poll_fn(|cx| Poll::Ready(output.poll_broken(cx))).await));
    out.push_slice(b"this too");
    poll_fn(|cx| output.poll_send(cx, &mut out)).await.unwrap();
    drop(theirs);
    assert_eq!(poll_fn(|cx| output.poll_broken(cx)).await.kind(), io::ErrorKind::BrokenPipe);
    assert!(waits(poll_fn(|cx| Poll::Ready(output.poll_broken(cx))).await), "it is told once");
    out.push_slice(b"never taken");
    let error = poll_fn(|cx| output.poll_send(cx, &mut out)).await.unwrap_err();
    assert_eq!((error.kind(), output.written()), (io::ErrorKind::BrokenPipe, 13));
    poll_fn(|cx| output.poll_finish(cx)).await.unwrap();
}

#[tokio::test]
async fn a_full_pipe_whose_reader_leaves_fails() {
    let (theirs, ours) = pipe();
    let (mut output, mut out) = (output(file(ours)), chunked(&content(1_000_000)));
    assert!(waits(poll_fn(|cx| Poll::Ready(output.poll_send(cx, &mut out))).await));
    drop(theirs);
    let error = poll_fn(|cx| output.poll_send(cx, &mut out)).await.unwrap_err();
    assert_eq!((error.kind(), output.queued()), (io::ErrorKind::BrokenPipe, 0));
}

#[tokio::test]
async fn a_pipe_with_a_name_gets_another_reader() {
    let (_folder, path) = fifo();
    let first =
        rustix::fs::open(&path, OFlags::RDONLY | OFlags::NONBLOCK, rustix::fs::Mode::empty()).unwrap();
    let mut output = output(File::options().write(true).open(&path).unwrap());
    let mut out = framing::Output::default();
    out.push_slice(b"first");
    poll_fn(|cx| output.poll_send(cx, &mut out)).await.unwrap();
    assert!(output.thread.is_none());
    let mut second = File::open(&path).unwrap();
    drop(first);
    let sent = content(1_000_000);
    let mut out = chunked(&sent);
    assert!(waits(poll_fn(|cx| Poll::Ready(output.poll_send(cx, &mut out))).await));
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        second.read_to_end(&mut all).map(|_| all)
    });
    poll_fn(|cx| output.poll_send(cx, &mut out)).await.unwrap();
    poll_fn(|cx| output.poll_finish(cx)).await.unwrap();
    // Its end is there as soon as it is finished, without anything else going.
    assert!(reader.join().unwrap().unwrap() == [b"first", &sent[..]].concat());
    drop(output);
}

#[tokio::test]
async fn an_output_that_cannot_be_written_in_place_is_written_on_a_thread() {
    let (mut theirs, sent) = (tempfile::tempfile().unwrap(), content(1_000_000));
    let ours = theirs.try_clone().unwrap();
    let in_place = Some(OutputFile::over(ours.try_clone().unwrap()));
    let mut output = FileOutput::new(None, Box::new(Patient::new(ours)), None, in_place);
    let mut out = chunked(&sent);
    poll_fn(|cx| output.poll_send(cx, &mut out)).await.unwrap();
    out.push_slice(b"end");
    poll_fn(|cx| output.poll_send(cx, &mut out)).await.unwrap();
    poll_fn(|cx| output.poll_finish(cx)).await.unwrap();
    assert_eq!((output.written() as usize, output.queued()), (sent.len() + 3, 0));
    assert!(output.thread.is_some());
    let mut all = Vec::new();
    theirs.seek(SeekFrom::Start(0)).unwrap();
    theirs.read_to_end(&mut all).unwrap();
    assert!(all == [&sent[..], b"end"].concat());
}

#[tokio::test]
async fn nothing_keeps_everything() {
    let null = File::options().write(true).open("/dev/null").unwrap();
    let (mut output, mut out) = (output(null).watched(), chunked(&content(1_000_000)));
    poll_fn(|cx| output.poll_send(cx, &mut out)).await.unwrap();
    assert!(
        waits(poll_fn(|cx| Poll::Ready(output.poll_broken(cx))).await),
        "nobody reads it, who could leave"
    );
    poll_fn(|cx| output.poll_finish(cx)).await.unwrap();
    assert_eq!((output.written(), output.thread.is_none()), (1_000_000, true));
}

#[tokio::test]
async fn only_the_close_tells_it_in_place_too() {
    let (_theirs, ours) = pipe();
    let ours = file(ours);
    let in_place = OutputFile::of(&ours).unwrap();
    let close = || Err(io::ErrorKind::QuotaExceeded.into());
    let mut output = FileOutput::new(None, Box::new(Patient::new(ours)), Some(Box::new(close)), in_place);
    let error = poll_fn(|cx| output.poll_finish(cx)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    poll_fn(|cx| output.poll_finish(cx)).await.unwrap();
}

#[tokio::test]
async fn a_thread_that_is_started_late_is_asked_how_it_goes() {
    /// Takes nothing.
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (mut output, mut out) =
        (FileOutput::new(None, Box::new(Full), None, None), framing::Output::default());
    out.push_slice(b"never written");
    // In each poll, whether it is broken comes before what is sent.
    let error = poll_fn(|cx| {
        if let Poll::Ready(error) = output.poll_broken(cx) {
            return Poll::Ready(error);
        }
        let _ = output.poll_send(cx, &mut out);
        Poll::Pending
    });
    assert_eq!(error.await.kind(), io::ErrorKind::StorageFull);
}
