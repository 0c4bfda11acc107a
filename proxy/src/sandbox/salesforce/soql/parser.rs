//! Tokens → a query.

use super::{
    lexer::{Token, malformed, tokens},
    syntax::{
        Comparison, Condition, Family, Item, Literal, Name, Operator, Order, Query, Selection,
        Values,
    },
};
use crate::sandbox::salesforce::{fault::Fault, stamp};

pub(super) fn parse(text: &str) -> Result<Query, Fault> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        at: 0,
    };
    let query = parser.query()?;
    if parser.at < parser.tokens.len() {
        return Err(parser.unexpected());
    }
    Ok(query)
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(Token, usize)>,
    at: usize,
}

impl Parser<'_> {
    fn query(&mut self) -> Result<Query, Fault> {
        self.keyword("SELECT")?;
        let selection = self.selection()?;
        self.keyword("FROM")?;
        let object = self.name()?;
        let condition = if self.takes("WHERE") {
            Some(self.any()?)
        } else {
            None
        };
        let mut order = Vec::new();
        if self.takes("ORDER") {
            self.keyword("BY")?;
            loop {
                let field = self.name()?;
                let descending = self.takes("DESC");
                if !descending {
                    self.takes("ASC");
                }
                let nulls_last = if self.takes("NULLS") {
                    let first = self.takes("FIRST");
                    if !first {
                        self.keyword("LAST")?;
                    }
                    Some(!first)
                } else {
                    None
                };
                order.push(Order {
                    field,
                    descending,
                    nulls_last,
                });
                if !self.takes_sign(",") {
                    break;
                }
            }
        }
        let limit = if self.takes("LIMIT") {
            Some(self.number()?)
        } else {
            None
        };
        let offset = if self.takes("OFFSET") {
            self.number()?
        } else {
            0
        };
        if offset > 2000 {
            return Err(Fault::new(
                400,
                "NUMBER_OUTSIDE_VALID_RANGE",
                "Maximum SOQL offset allowed is 2000",
            ));
        }
        Ok(Query {
            selection,
            object,
            condition,
            order,
            limit,
            offset,
        })
    }

    fn selection(&mut self) -> Result<Selection, Fault> {
        if self.calls("COUNT") && self.is_sign(self.at + 2, ")") {
            self.at += 3;
            return Ok(Selection::Count);
        }
        let mut items = vec![self.item()?];
        while self.takes_sign(",") {
            items.push(self.item()?);
        }
        Ok(Selection::Items(items))
    }

    fn item(&mut self) -> Result<Item, Fault> {
        if self.calls("COUNT") {
            self.at += 2;
            let field = self.name()?;
            self.sign(")")?;
            let is_named = self
                .peek_word()
                .is_some_and(|word| !word.eq_ignore_ascii_case("FROM"));
            let alias = if is_named {
                Some(self.name()?.text)
            } else {
                None
            };
            return Ok(Item::Count(field, alias));
        }
        if self.calls("FIELDS") {
            self.at += 2;
            let family = [
                ("ALL", Family::All),
                ("CUSTOM", Family::Custom),
                ("STANDARD", Family::Standard),
            ]
            .into_iter()
            .find_map(|(word, family)| self.takes(word).then_some(family))
            .ok_or_else(|| self.unexpected())?;
            self.sign(")")?;
            return Ok(Item::Fields(family));
        }
        Ok(Item::Field(self.name()?))
    }

    /// Whether a function's name and its parenthesis come next.
    fn calls(&self, function: &str) -> bool {
        let is_named = self
            .peek_word()
            .is_some_and(|word| word.eq_ignore_ascii_case(function));
        is_named && self.is_sign(self.at + 1, "(")
    }

    fn is_sign(&self, at: usize, sign: &str) -> bool {
        matches!(self.tokens.get(at), Some((Token::Sign(known), _)) if *known == sign)
    }

    /// `a OR b`; AND and OR are not mixed without parentheses.
    fn any(&mut self) -> Result<Condition, Fault> {
        let mut parts = vec![self.one()?];
        let joined_by_or = self
            .peek_word()
            .is_some_and(|word| word.eq_ignore_ascii_case("OR"));
        let joiner = if joined_by_or { "OR" } else { "AND" };
        while self.takes(joiner) {
            parts.push(self.one()?);
        }
        if self.peek_word().is_some_and(|word| {
            ["AND", "OR"]
                .iter()
                .any(|joiner| word.eq_ignore_ascii_case(joiner))
        }) {
            return Err(self.unexpected());
        }
        Ok(if joined_by_or {
            Condition::Any(parts)
        } else {
            Condition::All(parts)
        })
    }

    fn one(&mut self) -> Result<Condition, Fault> {
        if self.takes("NOT") {
            return Ok(Condition::Not(Box::new(self.one()?)));
        }
        if self.takes_sign("(") {
            let inner = self.any()?;
            self.sign(")")?;
            return Ok(inner);
        }
        let field = self.name()?;
        let operator = self.operator()?;
        let values = match operator {
            Operator::In | Operator::NotIn | Operator::Includes | Operator::Excludes => {
                self.sign("(")?;
                let values = self.list()?;
                self.sign(")")?;
                values
            }
            Operator::Like => Values::Literals(vec![self.pattern()?]),
            _ => Values::Literals(vec![self.literal()?]),
        };
        Ok(Condition::Compare(Comparison {
            field,
            operator,
            values,
        }))
    }

    /// What stands between the parentheses of IN.
    fn list(&mut self) -> Result<Values, Fault> {
        let is_query = self
            .peek_word()
            .is_some_and(|word| word.eq_ignore_ascii_case("SELECT"));
        if is_query {
            return Ok(Values::Query(Box::new(self.query()?)));
        }
        let mut values = vec![self.literal()?];
        while self.takes_sign(",") {
            values.push(self.literal()?);
        }
        Ok(Values::Literals(values))
    }

    fn operator(&mut self) -> Result<Operator, Fault> {
        for (sign, operator) in [
            ("=", Operator::Equal),
            ("!=", Operator::NotEqual),
            ("<>", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ] {
            if self.takes_sign(sign) {
                return Ok(operator);
            }
        }
        if self.takes("LIKE") {
            return Ok(Operator::Like);
        }
        if self.takes("IN") {
            return Ok(Operator::In);
        }
        if self.takes("INCLUDES") {
            return Ok(Operator::Includes);
        }
        if self.takes("EXCLUDES") {
            return Ok(Operator::Excludes);
        }
        if self.takes("NOT") {
            self.keyword("IN")?;
            return Ok(Operator::NotIn);
        }
        Err(self.unexpected())
    }

    fn pattern(&mut self) -> Result<Literal, Fault> {
        let Some((Token::Text(quoted), _)) = self.tokens.get(self.at) else {
            return self.literal();
        };
        let pattern = quoted.pattern.clone();
        self.at += 1;
        Ok(Literal::Pattern(pattern))
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let literal = match self.tokens.get(self.at) {
            Some((Token::Text(quoted), column)) if quoted.is_pattern => {
                let message = "Invalid string literal: Illegal escape sequence";
                return Err(malformed(self.text, *column, message));
            }
            Some((Token::Text(quoted), _)) => Literal::Text(quoted.text.clone()),
            Some((Token::Word(word), _)) => unquoted(word).ok_or_else(|| self.unexpected())?,
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(literal)
    }

    fn number(&mut self) -> Result<usize, Fault> {
        let number = self
            .peek_word()
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| self.unexpected())?;
        self.at += 1;
        Ok(number)
    }

    fn name(&mut self) -> Result<Name, Fault> {
        let legal = |word: &str| {
            word.starts_with(|first: char| first.is_ascii_alphabetic())
                && !word.contains(['+', '-', ':'])
        };
        let keyword = |word: &str| {
            ["FROM", "WHERE", "ORDER", "LIMIT"]
                .iter()
                .any(|keyword| word.eq_ignore_ascii_case(keyword))
        };
        match self.tokens.get(self.at) {
            Some((Token::Word(word), column)) if legal(word) && !keyword(word) => {
                let (text, at) = (word.clone(), column - 1);
                self.at += 1;
                Ok(Name { text, at })
            }
            _ => Err(self.unexpected()),
        }
    }

    fn peek_word(&self) -> Option<&str> {
        match self.tokens.get(self.at) {
            Some((Token::Word(word), _)) => Some(word),
            _ => None,
        }
    }

    fn takes(&mut self, keyword: &str) -> bool {
        let is_there = self
            .peek_word()
            .is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(is_there);
        is_there
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let is_there = self.is_sign(self.at, sign);
        self.at += usize::from(is_there);
        is_there
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), Fault> {
        if self.takes(keyword) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn sign(&mut self, sign: &str) -> Result<(), Fault> {
        if self.takes_sign(sign) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn unexpected(&self) -> Fault {
        let (word, column) = match self.tokens.get(self.at) {
            None => ("<EOF>".to_owned(), self.text.chars().count() + 1),
            Some((Token::Word(word), column)) => (word.clone(), *column),
            Some((Token::Text(quoted), column)) => (quoted.text.clone(), *column),
            Some((Token::Sign(sign), column)) => ((*sign).to_owned(), *column),
        };
        malformed(self.text, column, &format!("unexpected token: '{word}'"))
    }
}

/// A literal without quotes; a datetime needs `Z` or an offset with a colon.
fn unquoted(word: &str) -> Option<Literal> {
    match word.to_ascii_lowercase().as_str() {
        "null" => return Some(Literal::Null),
        "true" => return Some(Literal::Boolean(true)),
        "false" => return Some(Literal::Boolean(false)),
        _ => {}
    }
    if word.len() == 10 && word.parse::<jiff::civil::Date>().is_ok() {
        return Some(Literal::Date(word.to_owned()));
    }
    if word.contains('T')
        && (word.ends_with('Z') || word.as_bytes().get(word.len().wrapping_sub(3)) == Some(&b':'))
    {
        return word
            .parse::<jiff::Timestamp>()
            .ok()
            .map(|instant| Literal::DateTime(stamp::exact(instant)));
    }
    // Rust would read `inf` and `nan` as numbers too.
    let is_numeric = word.bytes().any(|byte| byte.is_ascii_digit())
        && word.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    word.parse()
        .ok()
        .filter(|_| is_numeric)
        .map(Literal::Number)
}
