//! How far something is that takes long: a bar on a terminal, a line from time to time elsewhere.

use std::{
    io::{IsTerminal as _, Write as _, stderr, stdout},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line tells it, where there is no terminal.
const TOLD_EVERY: Duration = Duration::from_secs(10);
const STEPS: &str = "{spinner} {pos}/{len} {wide_bar} {msg}";
const TURNS_EVERY: Duration = Duration::from_millis(100);

/// Whether a bar does not stand between the lines of results that go to the same terminal.
fn has_own_place() -> bool {
    stderr().is_terminal() && !stdout().is_terminal()
}

/// Shows on stderr how far something is; gone from a terminal when it is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Progress {
    /// Of so many steps, after which there is a result.
    pub(super) fn of(steps: u64) -> Self {
        Self::new(stderr().is_terminal(), ProgressBar::new(steps), STEPS)
    }

    /// Of so many steps, each of which has a result.
    pub(super) fn beside_results(steps: u64) -> Self {
        Self::new(has_own_place(), ProgressBar::new(steps), STEPS)
    }

    /// The same where nobody knows how many there will be.
    pub(super) fn without_end() -> Self {
        Self::new(has_own_place(), ProgressBar::no_length(), "{spinner} {msg}")
    }

    fn new(is_bar: bool, bar: ProgressBar, template: &str) -> Self {
        let bar = is_bar.then(|| {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(TURNS_EVERY);
            bar
        });
        Self {
            bar,
            told: Instant::now(),
        }
    }

    /// How far it is, without a step.
    pub(super) fn tell(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None if self.told.elapsed() >= TOLD_EVERY => {
                self.told = Instant::now();
                // Nothing can be done where even stderr is gone.
                let _ = writeln!(stderr(), "{text}");
            }
            None => {}
        }
    }

    /// One step is done.
    pub(super) fn step(&mut self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        self.tell(text);
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
