//! stderr for the log: a line is written at once, but lines that follow each other closely go out together.
//!
//! Under load each call leaves a line, and a system call for each of them would cost more than all that makes it up. What
//! waits is written after [`GATHERS`], or at once when there is much of it, or when something is wrong.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Lines wait for others so long: too short for anybody who reads along.
const GATHERS: Duration = Duration::from_millis(10);
/// So much is written without waiting for more.
const ENOUGH: usize = 16 * 1024;

/// Where the lines go.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    gathered: Arc<Gathered>,
}

/// Those of one line's writer.
#[derive(Debug)]
pub(super) struct Line<'a> {
    gathered: &'a Arc<Gathered>,
    is_urgent: bool,
}

#[derive(Debug, Default)]
struct Gathered {
    state: Mutex<State>,
    waits: Condvar,
    /// Writes what waits; there is none until something has to.
    thread: OnceLock<()>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    written: Option<Instant>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            gathered: Arc::default(),
        }
    }

    /// Writes what waits.
    pub(super) fn flush(&self) {
        self.gathered.state().write_out(&mut io::stderr());
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            gathered: &self.gathered,
            is_urgent: true,
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line<'a> {
        Line {
            gathered: &self.gathered,
            is_urgent: *meta.level() <= Level::WARN,
        }
    }
}

impl io::Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_left =
            self.gathered
                .state()
                .takes(line, self.is_urgent, Instant::now(), &mut io::stderr());
        if is_left {
            self.gathered.be_written();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Gathered {
    fn state(&self) -> MutexGuard<'_, State> {
        // What waits is whole lines at any time.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has what waits written in a moment.
    fn be_written(self: &Arc<Self>) {
        self.thread.get_or_init(|| {
            let gathered = Arc::clone(self);
            let writer = thread::Builder::new().name("log".to_owned());
            if writer.spawn(move || gathered.write_for_ever()).is_err() {
                // No thread to be had: the next line that is not close to another takes along what waits.
                tracing::debug!("the log has no thread of its own");
            }
        });
        self.waits.notify_one();
    }

    fn write_for_ever(&self) {
        loop {
            let nothing_waits = |state: &mut State| state.waiting.is_empty();
            let waits = self.waits.wait_while(self.state(), nothing_waits);
            drop(waits.unwrap_or_else(PoisonError::into_inner));
            thread::sleep(GATHERS);
            self.state().write_out(&mut io::stderr());
        }
    }
}

impl State {
    /// Takes a line: writes it with all that waits, or has it wait. Whether it is the first that waits.
    fn takes(
        &mut self,
        line: &[u8],
        is_urgent: bool,
        now: Instant,
        out: &mut impl io::Write,
    ) -> bool {
        let was_empty = self.waiting.is_empty();
        self.waiting.extend_from_slice(line);
        let is_close = self
            .written
            .is_some_and(|written| now.duration_since(written) < GATHERS);
        if is_urgent || !is_close || self.waiting.len() >= ENOUGH {
            self.written = Some(now);
            self.write_out(out);
            return false;
        }
        was_empty
    }

    fn write_out(&mut self, out: &mut impl io::Write) {
        // There is nobody to tell where the log itself cannot be written.
        let _ = out.write_all(&self.waiting);
        self.waiting.clear();
        self.waiting.shrink_to(ENOUGH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_close_to_the_one_before_waits_for_more() {
        let (mut state, mut out) = (State::default(), Vec::new());
        let now = Instant::now();
        assert!(!state.takes(b"one\n", false, now, &mut out));
        assert_eq!(out, b"one\n", "the first is written at once");
        assert!(state.takes(b"two\n", false, now + GATHERS / 2, &mut out));
        assert!(!state.takes(b"three\n", false, now + GATHERS / 2, &mut out));
        assert_eq!(out, b"one\n");
        assert!(!state.takes(b"four\n", false, now + GATHERS, &mut out));
        assert_eq!(out, b"one\ntwo\nthree\nfour\n", "in their order");
    }

    #[test]
    fn what_is_wrong_and_what_is_much_is_written_at_once() {
        let (mut state, mut out) = (State::default(), Vec::new());
        let now = Instant::now();
        state.takes(b"one\n", false, now, &mut out);
        state.takes(b"two\n", false, now, &mut out);
        state.takes(b"wrong\n", true, now, &mut out);
        assert_eq!(out, b"one\ntwo\nwrong\n");
        out.clear();
        let long = vec![b'x'; ENOUGH];
        assert!(!state.takes(&long, false, now, &mut out));
        assert_eq!(out.len(), ENOUGH);
    }
}
