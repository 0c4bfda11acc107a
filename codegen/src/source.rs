//! Files and places in them: the only code that knows line and column.
//!
//! A file is read once and lives as long as the run; everything read from it carries a [`Span`] of bytes. Files are
//! bounded in size. Nothing here knows what a file means.

pub mod yaml;

/// The most bytes that a file may have: ten times the largest spec that we know.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// One of the files of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(usize);

/// A range of bytes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub file: FileId,
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// A part of the span, counted from its beginning; never outside it.
    #[must_use]
    pub fn part(self, start: usize, length: usize) -> Self {
        let start = (self.start + start).min(self.end);
        Self {
            file: self.file,
            start,
            end: (start + length).min(self.end),
        }
    }
}

/// A value and where it was read.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

/// A text and where it was read.
pub type Text = Spanned<String>;

impl Text {
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// The place of a part of the text: the whole of it where quoting makes the two differ.
    pub fn part(&self, start: usize, length: usize) -> Span {
        if self.span.end - self.span.start == self.value.len() {
            self.span.part(start, length)
        } else {
            self.span
        }
    }
}

/// A file and its text.
#[derive(Debug)]
pub struct SourceFile {
    /// Relative to the project, with `/`.
    pub path: String,
    pub text: String,
    line_starts: Vec<usize>,
}

/// A place as people read it: both counted from one, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// The files of a run.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        self.files.push(SourceFile {
            path: path.into(),
            text,
            line_starts,
        });
        FileId(self.files.len() - 1)
    }

    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0]
    }

    /// The very beginning of a file, for what concerns all of it.
    pub fn start(id: FileId) -> Span {
        Span {
            file: id,
            start: 0,
            end: 0,
        }
    }

    pub fn place(&self, span: Span) -> Place {
        let file = self.file(span.file);
        let line = file
            .line_starts
            .partition_point(|start| *start <= span.start);
        let column = file.text[file.line_starts[line - 1]..span.start]
            .chars()
            .count()
            + 1;
        Place { line, column }
    }

    /// The line in which a span begins, without its end of line, and the part of the span that lies in it, in characters.
    pub fn line(&self, span: Span) -> (&str, std::ops::Range<usize>) {
        let file = self.file(span.file);
        let line = file
            .line_starts
            .partition_point(|start| *start <= span.start);
        let start = file.line_starts[line - 1];
        let text = &file.text[start..];
        let text = text
            .split('\n')
            .next()
            .unwrap_or_default()
            .trim_end_matches('\r');
        let from = file.text[start..span.start].chars().count();
        let end = span
            .end
            .clamp(span.start, start + text.len().max(span.start - start));
        let length = file.text[span.start..end].trim_end().chars().count();
        (text, from..from + length)
    }
}
