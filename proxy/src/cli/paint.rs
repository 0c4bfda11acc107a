//! Colours: on a terminal alone, and never where `NO_COLOR` is set (<https://no-color.org>) or the terminal has none.

use std::{env, io::IsTerminal};

use clap::builder::styling::{AnsiColor, Style};

/// Whether, and so how, text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint {
    on: bool,
    /// What a terminal would take for more than text is escaped.
    is_terminal: bool,
}

/// What a text is, for those who look for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Name,
    Text,
    Number,
    Word,
    Good,
    Careful,
    Bad,
    Faint,
    Title,
}

impl Paint {
    #[cfg(test)]
    pub(super) const PLAIN: Self = Self {
        on: false,
        is_terminal: false,
    };

    /// As a stream has it.
    pub(super) fn of(stream: &impl IsTerminal) -> Self {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_terminal = stream.is_terminal();
        Self {
            on: is_terminal && !is_dumb && !is_set("NO_COLOR"),
            is_terminal,
        }
    }

    pub(super) fn is_terminal(self) -> bool {
        self.is_terminal
    }

    #[cfg(test)]
    pub(super) const COLOURED: Self = Self {
        on: true,
        is_terminal: true,
    };

    /// The text in its colour.
    pub(super) fn ink(self, ink: Ink, text: &str) -> String {
        if !self.on {
            return text.to_owned();
        }
        let style = match ink {
            Ink::Name => AnsiColor::Blue.on_default(),
            Ink::Text | Ink::Good => AnsiColor::Green.on_default(),
            Ink::Number => AnsiColor::Cyan.on_default(),
            Ink::Word => AnsiColor::Magenta.on_default(),
            Ink::Careful => AnsiColor::Yellow.on_default(),
            Ink::Bad => AnsiColor::Red.on_default().bold(),
            Ink::Faint => Style::new().dimmed(),
            Ink::Title => Style::new().bold(),
        };
        format!("{style}{text}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_terminal_gets_no_colours() {
        // A file of its own, which is none for certain.
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Paint::of(&file), Paint::PLAIN);
        assert_eq!(Paint::PLAIN.ink(Ink::Bad, "fail"), "fail");
        assert_eq!(
            Paint::COLOURED.ink(Ink::Good, "ok"),
            "\u{1b}[32mok\u{1b}[0m"
        );
    }
}
