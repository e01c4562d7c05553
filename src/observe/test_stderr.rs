//! A standard error that keeps what was written, for tests.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

/// What was written; every clone sees the same.
#[derive(Clone, Default)]
pub(crate) struct TestStderr(Arc<Mutex<Vec<u8>>>);

impl Write for TestStderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TestStderr {
    /// All of it so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}
