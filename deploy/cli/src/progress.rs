//! How far a long command is: one line on standard error, drawn over again and again, where a person looks at it.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use crate::{output::Output, text};

/// As often as an eye follows.
const INTERVAL: Duration = Duration::from_millis(200);

/// The line. It is wiped away when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    is_shown: bool,
    drawn_at: Option<Instant>,
    columns: usize,
}

impl Progress {
    /// Shown where results are for people and standard error is a terminal.
    pub(crate) fn new(output: Output) -> Self {
        let is_for_people = match output {
            Output::Human => true,
            Output::Json => false,
            #[cfg(test)]
            Output::Nowhere => false,
        };
        Self { is_shown: is_for_people && io::stderr().is_terminal(), drawn_at: None, columns: 0 }
    }

    /// Says how far it is, unless it said so a moment ago.
    pub(crate) fn tell(&mut self, how_far: impl FnOnce() -> String) {
        if !self.is_shown || self.drawn_at.is_some_and(|drawn_at| drawn_at.elapsed() < INTERVAL) {
            return;
        }
        self.drawn_at = Some(Instant::now());
        let line = text::line(&how_far());
        let columns = text::columns(&line);
        let wiped = " ".repeat(self.columns.saturating_sub(columns));
        // When not even standard error can be written, nobody is left to be told.
        let _ = write!(io::stderr().lock(), "\r{line}{wiped}");
        self.columns = columns;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.columns > 0 {
            let _ = write!(io::stderr().lock(), "\r{}\r", " ".repeat(self.columns));
        }
    }
}
