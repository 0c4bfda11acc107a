//! What a query says.

#[derive(Debug)]
pub(super) struct Query {
    pub(super) selection: Selection,
    pub(super) object: Name,
    pub(super) condition: Option<Condition>,
    pub(super) order: Vec<Order>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
}

/// A name as it was written, and at which character.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) at: usize,
}

#[derive(Debug)]
pub(super) enum Selection {
    /// `COUNT()`
    Count,
    Items(Vec<Item>),
}

#[derive(Debug)]
pub(super) enum Item {
    Field(Name),
    /// `COUNT(Id)`, and what its column is to be called.
    Count(Name, Option<String>),
    /// `FIELDS(ALL)`
    Fields(Family),
}

/// Which fields `FIELDS(…)` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    All,
    Custom,
    Standard,
}

#[derive(Debug)]
pub(super) struct Order {
    pub(super) field: Name,
    pub(super) descending: bool,
    /// `NULLS FIRST` or `LAST`, where it is said.
    pub(super) nulls_last: Option<bool>,
}

#[derive(Debug)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Comparison),
}

#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) field: Name,
    pub(super) operator: Operator,
    pub(super) values: Values,
}

/// What a field is compared with.
#[derive(Debug)]
pub(super) enum Values {
    Literals(Vec<Literal>),
    /// `IN (SELECT …)`
    Query(Box<Query>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    In,
    NotIn,
    Includes,
    Excludes,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    /// What LIKE looks for.
    Pattern(String),
    Number(f64),
    Boolean(bool),
    Date(String),
    /// In the form that rows have.
    DateTime(String),
    Null,
}
