//! What tests say that they cover.
//!
//! Sources are read as tokens and not as items, since tests stand in macros as well. A line counts only in the
//! documentation of a function that is a test: anywhere else it would be believed and mean nothing.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::{Attribute, Expr, ExprLit, Lit, Meta, parse::Parser as _};

use super::Fault;

/// What such a line begins with.
pub const COVERS: &str = "Covers:";

/// What one test says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) test: String,
    pub(super) rows: Vec<String>,
}

/// All that the tests of a file say; what says so in vain is a fault.
pub(super) fn claims(path: &str, text: &str, faults: &mut Vec<Fault>) -> Vec<Claim> {
    if !text.contains(COVERS) {
        return Vec::new();
    }
    let fault = |id, line, message: String, help: Option<String>| Fault {
        id,
        path: path.to_owned(),
        line,
        message,
        help,
    };
    for (number, line) in text.lines().enumerate() {
        let comment = line.trim_start().strip_prefix("//");
        if comment.is_some_and(|rest| {
            rest.trim_start().starts_with(COVERS) && !rest.starts_with(['/', '!'])
        }) {
            faults.push(fault(
                "covers-nothing",
                number + 1,
                format!("`{}` is a comment that nobody reads", line.trim()),
                Some("write it as documentation, with `///`".to_owned()),
            ));
        }
    }
    let tokens: TokenStream = match text.parse() {
        Ok(tokens) => tokens,
        Err(error) => {
            let message = format!("it cannot be read as Rust: {error}");
            faults.push(fault("unreadable-source", 1, message, None));
            return Vec::new();
        }
    };
    let mut scan = Scan::default();
    scan.tokens(tokens);
    for line in scan.lost {
        let shown = format!("/// {COVERS}{line}");
        faults.push(fault(
            "covers-no-test",
            line_of(text, line.trim()),
            format!("`{shown}` stands on something that is no test"),
            Some("put it above a `#[test]` or a `#[tokio::test]`".to_owned()),
        ));
    }
    for claim in &scan.claims {
        if claim.rows.is_empty() {
            faults.push(fault(
                "covers-nothing",
                line_of(text, ""),
                format!(
                    "`{}` says that it covers something, and not what",
                    claim.test
                ),
                None,
            ));
        }
    }
    scan.claims
}

/// The line on which something is said to be covered.
pub(super) fn line_of(text: &str, what: &str) -> usize {
    let mut lines = text.lines();
    let at = lines.position(|line| {
        let line = line.trim_start();
        line.starts_with("//") && line.contains(COVERS) && line.contains(what)
    });
    at.map_or(1, |at| at + 1)
}

#[derive(Default)]
struct Scan {
    claims: Vec<Claim>,
    /// What was said of something that is no test: the words behind `Covers:`.
    lost: Vec<String>,
}

/// What stands above an item.
#[derive(Default)]
struct Above {
    covers: Vec<String>,
    is_test: bool,
}

impl Scan {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut above = Above::default();
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    // `#!` is about what it stands in, which is no test's function.
                    let is_inner = tokens
                        .next_if(|next| matches!(next, TokenTree::Punct(it) if it.as_char() == '!'))
                        .is_some();
                    let Some(TokenTree::Group(group)) = tokens.next_if(
                        |next| matches!(next, TokenTree::Group(it) if it.delimiter() == Delimiter::Bracket),
                    ) else {
                        continue;
                    };
                    let mut found = Above::default();
                    found.read(&group);
                    if is_inner {
                        self.lost.append(&mut found.covers);
                    } else {
                        above.covers.append(&mut found.covers);
                        above.is_test |= found.is_test;
                    }
                }
                TokenTree::Ident(word) if word == "fn" => {
                    let Some(TokenTree::Ident(name)) = tokens.next() else {
                        continue;
                    };
                    self.item(std::mem::take(&mut above), Some(name.to_string()));
                }
                // What may stand between the attributes and `fn`.
                TokenTree::Ident(word)
                    if ["pub", "async", "const", "unsafe", "extern"]
                        .iter()
                        .any(|known| word == known) => {}
                TokenTree::Group(group)
                    if group.delimiter() == Delimiter::Parenthesis && !above.covers.is_empty() =>
                {
                    // `pub(crate)`.
                    self.tokens(group.stream());
                }
                TokenTree::Group(group) => {
                    self.item(std::mem::take(&mut above), None);
                    self.tokens(group.stream());
                }
                _ => self.item(std::mem::take(&mut above), None),
            }
        }
        self.item(above, None);
    }

    /// An item begins, or what turns out to be none.
    fn item(&mut self, mut above: Above, name: Option<String>) {
        match name {
            Some(test) if above.is_test && !above.covers.is_empty() => {
                let words = above.covers.iter().flat_map(|line| line.split(','));
                let rows = words.map(str::trim).filter(|word| !word.is_empty());
                let rows = rows.map(str::to_owned).collect();
                self.claims.push(Claim { test, rows });
            }
            _ => self.lost.append(&mut above.covers),
        }
    }
}

impl Above {
    /// Reads what is between the brackets of an attribute.
    fn read(&mut self, group: &Group) {
        let hash = proc_macro2::Punct::new('#', proc_macro2::Spacing::Alone);
        let whole = [TokenTree::Punct(hash), TokenTree::Group(group.clone())];
        let Ok(attributes) = Attribute::parse_outer.parse2(whole.into_iter().collect()) else {
            return;
        };
        for attribute in attributes {
            let name = attribute.path().segments.last();
            self.is_test |= name.is_some_and(|segment| segment.ident == "test");
            if let Some(line) = documentation(&attribute)
                && let Some(rows) = line.trim_start().strip_prefix(COVERS)
            {
                self.covers.push(rows.to_owned());
            }
        }
    }
}

/// The text of `///`, which is an attribute to the compiler.
fn documentation(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match (&pair.value, pair.path.is_ident("doc")) {
        (
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }),
            true,
        ) => Some(text.value()),
        _ => None,
    }
}
