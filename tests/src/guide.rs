//! Guides, followed as a reader follows them: each indented block of a page is carried out, in its order.
//!
//! What a block is, its beginning tells:
//!
//! - `# path/to.yaml` alone on the first line: a file with the rest in it
//! - `# path/to.yaml, at the end of NAME and OTHER`: lines for a file that is there already, below these keys
//! - a bracket, a digit, `error`, `warning`, `──`, `|` or a first word with a colon: what the block before it prints. `…`
//!   stands for anything, white space does not count. One that begins with `error` or with 4xx or 5xx is of a command that
//!   fails, whichever way it prints
//! - all else is for the shell
//!
//! A demo or a server goes on running, so the test starts it, and says by which line the guide does.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::process::binary;

/// A block of a guide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Shell(String),
    Answer(String),
    File {
        path: String,
        text: String,
    },
    Insert {
        path: String,
        under: Vec<String>,
        text: String,
    },
}

/// Who follows a guide: a folder, a shell with the binary in its path, and what the text says differently there.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    said: Vec<(String, String)>,
    environment: BTreeMap<String, String>,
    /// Lines that a test has carried out in its own way.
    done: Vec<String>,
    prelude: String,
    /// The folder with the binary.
    programs: PathBuf,
}

/// The blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    // Files have empty lines in them: they end where a text or another file begins.
    let mut texts: Vec<Vec<&str>> = Vec::new();
    let (mut is_open, mut empty) = (false, 0);
    for line in page.lines() {
        let Some(rest) = line.strip_prefix("    ") else {
            empty += 1;
            is_open &= line.is_empty();
            continue;
        };
        match texts.last_mut() {
            Some(text) if is_open && empty == 0 => text.push(rest),
            Some(text) if is_open && title(text[0]).is_some() && title(rest).is_none() => {
                text.extend(std::iter::repeat_n("", empty));
                text.push(rest);
            }
            _ => texts.push(vec![rest]),
        }
        (is_open, empty) = (true, 0);
    }
    texts.iter().map(|text| read(&text.join("\n"))).collect()
}

/// What a block says that is a file, or lines for one.
fn title(line: &str) -> Option<&str> {
    let title = line.strip_prefix("# ")?;
    let path = title.split(", at the end of ").next()?;
    (!path.contains(' ') && path.contains('.')).then_some(title)
}

fn read(text: &str) -> Block {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if let Some(title) = title(first) {
        let (path, under) = title.split_once(", at the end of ").unwrap_or((title, ""));
        let (path, text) = (path.to_owned(), format!("{rest}\n"));
        return if under.is_empty() {
            Block::File { path, text }
        } else {
            let under = under.split(" and ").map(str::to_owned).collect();
            Block::Insert { path, under, text }
        };
    }
    let begins = |it: &str| first.starts_with(it);
    let is_answer = ["{", "[", "error", "warning", "──", "|"]
        .into_iter()
        .any(begins)
        || first.starts_with(|it: char| it.is_ascii_digit())
        || first.split(' ').next().is_some_and(|it| it.ends_with(':'));
    if is_answer {
        Block::Answer(text.to_owned())
    } else {
        Block::Shell(text.to_owned())
    }
}

/// Whether a text is what a guide shows of it: `…` stands for anything, white space does not count.
pub fn fits(shown: &str, text: &str) -> bool {
    let plain = |it: &str| it.split_whitespace().collect::<String>();
    let (shown, text) = (plain(shown), plain(text));
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in between {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// An error of the program, or a status line that tells of one.
fn is_failure(shown: &str) -> bool {
    let is_status = |it: &str| {
        it.len() == 3 && it.starts_with(['4', '5']) && it.bytes().all(|it| it.is_ascii_digit())
    };
    shown.starts_with("error") || shown.split(' ').next().is_some_and(is_status)
}

fn folder_of(program: &Path) -> PathBuf {
    let folder = program.parent().expect("a program is in a folder");
    folder.to_owned()
}

impl Reader {
    /// In a folder, which outlasts the reader.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            said: Vec::new(),
            environment: BTreeMap::new(),
            done: Vec::new(),
            prelude: String::new(),
            programs: folder_of(&binary()),
        }
    }

    /// Another build of the program is the one that the shell finds.
    #[must_use]
    pub fn with_program(mut self, program: &Path) -> Self {
        self.programs = folder_of(program);
        self
    }

    /// What the guide says is something else here: an address, an id.
    #[must_use]
    pub fn says(mut self, said: &str, meant: &str) -> Self {
        self.said.push((said.to_owned(), meant.to_owned()));
        self
    }

    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.environment
            .insert(variable.to_owned(), value.to_owned());
        self
    }

    /// A shell block that the test has carried out, as one that starts a server.
    #[must_use]
    pub fn has_done(mut self, block: &str) -> Self {
        self.done.push(block.to_owned());
        self
    }

    /// What the shell knows beforehand, as a function in the place of a program.
    #[must_use]
    pub fn knows(mut self, script: &str) -> Self {
        self.prelude.push_str(script);
        self.prelude.push('\n');
        self
    }

    /// Carries out a page from its beginning to its end.
    ///
    /// # Panics
    ///
    /// When a command fails that should not, or prints what the guide does not say.
    pub fn follow(&mut self, page: &str) {
        let blocks = blocks(page);
        let mut met = Vec::new();
        for (index, block) in blocks.iter().enumerate() {
            let answer = match blocks.get(index + 1) {
                Some(Block::Answer(answer)) => Some(answer.as_str()),
                _ => None,
            };
            match block {
                Block::Shell(text) if self.done.contains(text) => met.push(text.clone()),
                Block::Shell(text) => {
                    self.run(text, answer);
                }
                // It was compared with what the block before it printed.
                Block::Answer(text) => assert!(
                    index > 0 && matches!(blocks[index - 1], Block::Shell(_)),
                    "an answer is of the block before it: {text}"
                ),
                Block::File { path, text } => self.write(path, &self.meant(text)),
                Block::Insert { path, under, text } => {
                    for key in under {
                        self.insert(path, key, text);
                    }
                }
            }
        }
        assert_eq!(met, self.done, "what the test does in the guide's place");
    }

    /// Runs a block; what it prints. With `shown`, it must print that.
    ///
    /// # Panics
    ///
    /// As [`Self::follow`].
    pub fn run(&mut self, block: &str, shown: Option<&str>) -> String {
        let must_fail = shown.is_some_and(is_failure);
        // Each block has a shell of its own, which begins with the functions and the exported variables of the last one.
        let state = self.folder.join(".shell");
        let script = format!(
            "{}\n[ ! -f \"$GUIDE_STATE\" ] || . \"$GUIDE_STATE\"\nset -e\n{}\nset +e\n{{ declare -f; export -p; }} >\"$GUIDE_STATE\"",
            self.prelude,
            self.meant(block)
        );
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(&self.folder)
            .env("PATH", format!("{}:{path}", self.programs.display()))
            .env("GUIDE_STATE", &state)
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .env_remove("CROSSWALK_CONFIG")
            .envs(&self.environment)
            .stdin(Stdio::null())
            .output()
            .expect("there is a shell");
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        assert_eq!(
            output.status.success(),
            !must_fail,
            "{block}\nended with {}:\n{out}{err}",
            output.status
        );
        let printed = if must_fail { out + &err } else { out };
        if let Some(shown) = shown {
            let meant = self.meant(shown);
            assert!(
                fits(&meant, &printed),
                "{block}\nhas in the guide the answer\n{meant}\nand here\n{printed}"
            );
        }
        printed
    }

    fn meant(&self, text: &str) -> String {
        self.said
            .iter()
            .fold(text.to_owned(), |text, (said, meant)| {
                text.replace(said, meant)
            })
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        let folder = path.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }

    /// Puts lines at the end of what is below a key of a YAML file, or below the `properties` that it has.
    fn insert(&self, path: &str, key: &str, lines: &str) {
        let whole = fs::read_to_string(self.folder.join(path)).expect("the guide names a file");
        let mut kept: Vec<&str> = whole.lines().collect();
        let named = |kept: &[&str], title: &str, from: usize, to: usize| -> Vec<usize> {
            let all = from..to;
            all.filter(|at| kept[*at].trim() == title).collect()
        };
        let title = format!("{key}:");
        let mut places = named(&kept, &title, 0, kept.len());
        // The same name may stand elsewhere, for what is no schema.
        let inner = |at: usize| named(&kept, "properties:", at, end(&kept, at));
        if places.iter().any(|at| !inner(*at).is_empty()) {
            places = places
                .into_iter()
                .filter_map(|at| inner(at).first().copied())
                .collect();
        }
        let [place] = places.as_slice() else {
            panic!("{path} has one `{key}`: {places:?}");
        };
        let space = " ".repeat(indent(kept[place + 1]));
        let new: Vec<String> = lines
            .trim_end()
            .lines()
            .map(|line| format!("{space}{line}"))
            .collect();
        let at = end(&kept, *place);
        kept.splice(at..at, new.iter().map(String::as_str));
        self.write(path, &(kept.join("\n") + "\n"));
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Where the lines end that are indented more than this one.
fn end(lines: &[&str], at: usize) -> usize {
    let inside = |line: &&&str| !line.is_empty() && indent(line) > indent(lines[at]);
    at + 1 + lines[at + 1..].iter().take_while(inside).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_block_tells_what_it_is() {
        let page = "# Title\n\ntext\n\n    # a/b.yaml\n    x: 1\n\n    z: 3\n\n    # b.yaml, at the end of m.n and o\n    y: 2\n\ntext\n\n    curl \\\n      x\n\n    {\"a\":1}\n";
        assert_eq!(
            blocks(page),
            [
                Block::File {
                    path: "a/b.yaml".into(),
                    text: "x: 1\n\nz: 3\n".into()
                },
                Block::Insert {
                    path: "b.yaml".into(),
                    under: vec!["m.n".into(), "o".into()],
                    text: "y: 2\n".into()
                },
                Block::Shell("curl \\\n  x".into()),
                Block::Answer("{\"a\":1}".into()),
            ]
        );
    }

    #[test]
    fn an_answer_fits_where_only_what_is_left_out_differs() {
        let text = "{\"id\": \"17\", \"name\": \"A\"}\n";
        for shown in [
            "{\"id\":\"…\",\"name\":\"A\"}",
            "{…\"A\"}",
            "{\"id\":…",
            "…",
        ] {
            assert!(fits(shown, text), "{shown}");
        }
        for shown in [
            "{\"id\":\"…\",\"name\":\"B\"}",
            "{\"id\":\"17\"",
            "{…\"A\"",
            "{\"name\"…\"id\"…}",
        ] {
            assert!(!fits(shown, text), "{shown}");
        }
    }

    #[test]
    fn lines_are_put_below_a_key_or_its_properties() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let reader = Reader::new(folder.path());
        reader.write(
            "a.yaml",
            "fields:\n  x: 1\n\nSome:\n  type: object\n  properties:\n    y: 2\nOther:\n  Some:\n    z: 3\n",
        );
        reader.insert("a.yaml", "fields", "new: 1\n");
        reader.insert("a.yaml", "Some", "new: 2\n");
        let text = fs::read_to_string(folder.path().join("a.yaml")).expect("it is there");
        assert_eq!(
            text,
            "fields:\n  x: 1\n  new: 1\n\nSome:\n  type: object\n  properties:\n    y: 2\n    new: 2\nOther:\n  Some:\n    z: 3\n"
        );
    }
}
