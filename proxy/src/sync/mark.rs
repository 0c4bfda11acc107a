//! Where a stream is: the text that the destination keeps as its cursor.
//!
//! Whatever a runner must know to go on after a crash is in here, since nothing else is written in one transaction with
//! the rows.

use serde::{Deserialize, Serialize};

use crate::destination::Table;

/// How a walk over all records is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Walk {
    /// Its pages are read.
    Reading,
    /// All have been read; what it has not seen is yet to be marked.
    Ending,
    /// It is over; changes are read.
    Over,
}

/// Where a stream is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) walk: Walk,
    /// Where the unified list goes on; none at its beginning.
    pub(super) cursor: Option<String>,
    /// When the walk began, by the clock of who began it, in milliseconds.
    pub(super) walked_at: i64,
    /// The request that the walk was begun for, so that it is begun once.
    pub(super) walked_for: Option<String>,
    /// The columns that the walk fills. With others every record has to be read again.
    pub(super) columns: String,
}

/// Why a walk over all records begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    First,
    /// The mark is none that this version knows.
    Unknown,
    Columns,
    Asked,
    NoChanges,
    Deletions,
    /// The cursor was refused.
    Cursor,
}

impl Reason {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::First => "the first sync",
            Self::Unknown => "where the stream was is not understood",
            Self::Columns => "the table has new columns",
            Self::Asked => "a full resync was asked for",
            Self::NoChanges => "the provider does not tell what has changed",
            Self::Deletions => "the provider does not tell what was deleted",
            Self::Cursor => "the cursor was refused",
        }
    }
}

/// What decides whether a stream is walked anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Situation<'a> {
    pub(super) now: i64,
    pub(super) columns: &'a str,
    /// The table, or a column of it, was made just now.
    pub(super) has_new_columns: bool,
    /// The id of the request, where it asks for everything.
    pub(super) full_resync: Option<&'a str>,
    pub(super) tells_changes: bool,
    pub(super) tells_deletions: bool,
    /// Milliseconds between two walks where deletions are not told.
    pub(super) walk_interval: i64,
}

impl Mark {
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("a struct of texts and numbers serializes")
    }

    /// The beginning of a walk.
    pub(super) fn start(situation: &Situation<'_>) -> Self {
        Self {
            walk: Walk::Reading,
            cursor: None,
            walked_at: situation.now,
            walked_for: situation.full_resync.map(str::to_owned),
            columns: situation.columns.to_owned(),
        }
    }

    /// Why a stream that is here begins a new walk, where it does. A walk that is under way for the same reason goes on.
    pub(super) fn must_walk(&self, situation: &Situation<'_>) -> Option<Reason> {
        let is_over = self.walk == Walk::Over;
        if self.columns != situation.columns || situation.has_new_columns {
            Some(Reason::Columns)
        } else if situation
            .full_resync
            .is_some_and(|id| self.walked_for.as_deref() != Some(id))
        {
            Some(Reason::Asked)
        } else if is_over && !situation.tells_changes {
            Some(Reason::NoChanges)
        } else if is_over
            && !situation.tells_deletions
            && situation.now - self.walked_at >= situation.walk_interval
        {
            Some(Reason::Deletions)
        } else {
            None
        }
    }
}

/// The columns of a table, to be compared with those of another time.
pub(super) fn columns(table: &Table) -> String {
    use sha2::{Digest as _, Sha256};
    let mut names: Vec<String> = table
        .columns()
        .iter()
        .map(|column| format!("{} {:?}", column.name, column.kind))
        .collect();
    names.sort();
    let hash = Sha256::digest(names.join("\n").as_bytes());
    let short = hash.iter().take(8);
    short
        .fold(0, |number: u64, byte| number << 8 | u64::from(*byte))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn situation() -> Situation<'static> {
        Situation {
            now: 100 * HOUR,
            columns: "c",
            has_new_columns: false,
            full_resync: None,
            tells_changes: true,
            tells_deletions: true,
            walk_interval: 24 * HOUR,
        }
    }

    fn mark(walk: Walk) -> Mark {
        Mark {
            walk,
            ..Mark::start(&situation())
        }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let mark = Mark {
            cursor: Some("\"x\"".to_owned()),
            walked_for: Some("evt_1".to_owned()),
            ..mark(Walk::Ending)
        };
        assert_eq!(Mark::read(&mark.text()), Some(mark));
        assert_eq!(Mark::read("an older version's"), None);
    }

    #[test]
    fn changes_go_on_without_a_walk() {
        assert_eq!(mark(Walk::Over).must_walk(&situation()), None);
    }

    #[test]
    fn new_columns_are_filled_by_a_walk_also_in_the_middle_of_one() {
        let columns = Situation {
            columns: "d",
            ..situation()
        };
        let made = Situation {
            has_new_columns: true,
            ..situation()
        };
        for walk in [Walk::Reading, Walk::Ending, Walk::Over] {
            assert_eq!(mark(walk).must_walk(&columns), Some(Reason::Columns));
            assert_eq!(mark(walk).must_walk(&made), Some(Reason::Columns));
        }
    }

    #[test]
    fn a_full_resync_walks_once_for_each_request() {
        let asked = Situation {
            full_resync: Some("evt_1"),
            ..situation()
        };
        assert_eq!(mark(Walk::Over).must_walk(&asked), Some(Reason::Asked));
        let begun = Mark::start(&asked);
        assert_eq!(begun.must_walk(&asked), None);
        let again = Situation {
            full_resync: Some("evt_2"),
            ..situation()
        };
        assert_eq!(begun.must_walk(&again), Some(Reason::Asked));
    }

    #[test]
    fn what_is_not_told_is_found_by_walking() {
        let no_changes = Situation {
            tells_changes: false,
            ..situation()
        };
        assert_eq!(
            mark(Walk::Over).must_walk(&no_changes),
            Some(Reason::NoChanges)
        );
        assert_eq!(mark(Walk::Reading).must_walk(&no_changes), None);
        let no_deletions = |hours| Situation {
            tells_deletions: false,
            now: situation().now + hours * HOUR,
            ..situation()
        };
        assert_eq!(mark(Walk::Over).must_walk(&no_deletions(23)), None);
        assert_eq!(
            mark(Walk::Over).must_walk(&no_deletions(24)),
            Some(Reason::Deletions)
        );
        assert_eq!(mark(Walk::Reading).must_walk(&no_deletions(48)), None);
    }
}
