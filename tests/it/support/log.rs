//! What the server logs while a test runs.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use tracing::{Level, subscriber::DefaultGuard};

/// What is logged on this thread, as the server writes it. The tests have one thread, so that it is
/// everything.
pub struct Log {
    text: Text,
    _listening: DefaultGuard,
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// What is in the log by default.
    pub fn listen() -> Self {
        Log::at(Level::INFO)
    }

    /// Also what is in it at lower levels.
    pub fn at(level: Level) -> Self {
        let text = Text::default();
        let written = text.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(level)
            .with_writer(move || written.clone())
            .finish();
        Log { text, _listening: tracing::subscriber::set_default(log) }
    }

    /// The lines that have all of these words.
    pub fn lines_with(&self, words: &[&str]) -> Vec<String> {
        let text = String::from_utf8(self.text.0.lock().unwrap().clone()).unwrap();
        let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
        text.lines().filter(has_all).map(str::to_owned).collect()
    }
}
