//! JSON that is made of other JSON: bodies, queries and answers of operations that are not about records.
//!
//! A template is data that the generator has checked. It is filled from what the caller sent, what earlier calls were
//! answered, and the object that the call is about. There are no expressions in it: it takes values, repeats for each
//! element of a list, and chooses by a value.

use serde_json::{Map, Value};

use super::{Context, query::is_name, read::format_timestamp, scalar::shorten};
use crate::error::Error;

/// JSON with places to fill.
#[derive(Debug)]
pub enum Template {
    /// JSON that the mapping has word for word.
    Json(&'static str),
    Slot(Slot),
    /// A text made of several parts.
    Text(&'static [Piece]),
    Object(&'static [Member]),
    List(&'static [Template]),
    /// One element for each of a list that meets all conditions of `only` and none of `except`.
    For {
        over: Slot,
        only: &'static [Condition],
        except: &'static [Condition],
        item: &'static Template,
    },
    /// The first element of a list; where it is empty, what is said otherwise, or none.
    First {
        list: &'static Template,
        otherwise: Option<&'static Template>,
    },
    /// An object without some of its members.
    Without {
        slot: Slot,
        names: &'static [&'static str],
    },
    /// What belongs to a value.
    By {
        slot: Slot,
        cases: &'static [(&'static str, Template)],
        otherwise: Option<&'static Template>,
    },
    /// The caller asks for something that the provider cannot do; a sentence that says so.
    Refuse(&'static str),
    /// Lists, one after the other.
    Join(&'static [Template]),
    /// How many elements a list has.
    Count(Slot),
}

/// A member of an object.
#[derive(Debug)]
pub enum Member {
    Named(&'static str, Template),
    /// The members of another object, or of several one after the other. The later ones win.
    All(Template),
}

/// A part of a text.
#[derive(Debug)]
pub enum Piece {
    Literal(&'static str),
    /// The value as it is: in JSON, where the writer escapes it.
    Plain(Slot),
    /// A string literal of a query language.
    Quoted(Slot),
    /// A name in a query: only what is a legal name.
    Name(Slot),
    /// A legal name, with an ending that it may have already.
    Suffixed(Slot, &'static str),
    /// A legal name without an ending that it may have.
    Stripped(Slot, &'static str),
    /// The value as a JSON text, in its quotes.
    Json(Slot),
}

/// A value to take.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    pub root: Root,
    pub path: &'static [&'static str],
    /// Nothing there takes the member or the element away; otherwise it is null.
    pub optional: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// The body of the request.
    Input,
    /// A parameter of the request, by name: in the path or the query.
    Parameter,
    /// The native name of an object that the call is about, by its role.
    Object,
    /// What an earlier step was answered, by the step's name.
    Step,
    /// The element of the innermost `For`.
    Each,
    /// That of the one around it.
    Outer,
    /// Its number, from 0 on.
    Index,
    /// The time of the call.
    Now,
}

/// What an element must have to be taken.
#[derive(Debug)]
pub struct Condition {
    pub path: &'static [&'static str],
    pub equals: Equals,
}

#[derive(Debug)]
pub enum Equals {
    /// This value.
    To(Template),
    /// Any value but null.
    Anything,
}

/// What templates are filled from.
#[derive(Debug, Default)]
pub struct Filling {
    pub input: Value,
    pub parameters: Map<String, Value>,
    pub steps: Map<String, Value>,
}

/// Where in nested lists a template is.
#[derive(Debug, Clone, Copy, Default)]
struct Place<'v> {
    each: Option<&'v Value>,
    outer: Option<&'v Value>,
    index: usize,
}

impl Template {
    /// The JSON that it makes; none where an optional slot has nothing.
    pub fn fill(&self, cx: &Context, filling: &Filling) -> Result<Option<Value>, Error> {
        self.fill_at(cx, filling, Place::default())
    }

    fn fill_at(
        &self,
        cx: &Context,
        filling: &Filling,
        place: Place<'_>,
    ) -> Result<Option<Value>, Error> {
        let get = |slot: &Slot| slot.get(cx, filling, place);
        Ok(match self {
            Self::Json(json) => {
                Some(serde_json::from_str(json).expect("the generator has written JSON"))
            }
            Self::Slot(slot) => match get(slot) {
                Some(value) => Some(value),
                None if slot.optional => None,
                None => Some(Value::Null),
            },
            Self::Text(pieces) => text(pieces, &get)?.map(Value::String),
            Self::Object(members) => {
                let mut object = Map::new();
                for member in *members {
                    match member {
                        Member::Named(name, template) => {
                            if let Some(value) = template.fill_at(cx, filling, place)? {
                                object.insert((*name).to_owned(), value);
                            }
                        }
                        Member::All(template) => match template.fill_at(cx, filling, place)? {
                            Some(Value::Object(more)) => object.extend(more),
                            Some(Value::Array(several)) => {
                                for more in several {
                                    if let Value::Object(more) = more {
                                        object.extend(more);
                                    }
                                }
                            }
                            _ => {}
                        },
                    }
                }
                Some(Value::Object(object))
            }
            Self::List(elements) => {
                let mut list = Vec::new();
                for element in *elements {
                    list.extend(element.fill_at(cx, filling, place)?);
                }
                Some(Value::Array(list))
            }
            Self::For {
                over,
                only,
                except,
                item,
            } => {
                let Some(value) = get(over) else {
                    return Ok((!over.optional).then(|| Value::Array(Vec::new())));
                };
                let elements = match value {
                    Value::Array(elements) => elements,
                    Value::Null => Vec::new(),
                    one => vec![one],
                };
                let mut list = Vec::new();
                let mut index = 0;
                for element in &elements {
                    let inside = Place {
                        each: Some(element),
                        outer: place.each,
                        index,
                    };
                    let mut is_kept = true;
                    for condition in *only {
                        is_kept &= condition.holds(element, cx, filling, inside)?;
                    }
                    for condition in *except {
                        is_kept &= !condition.holds(element, cx, filling, inside)?;
                    }
                    if !is_kept {
                        continue;
                    }
                    index += 1;
                    list.extend(item.fill_at(cx, filling, inside)?);
                }
                Some(Value::Array(list))
            }
            Self::By {
                slot,
                cases,
                otherwise,
            } => {
                let value = get(slot).unwrap_or(Value::Null);
                let name = match &value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let case = cases.iter().find(|(case, _)| *case == name);
                match (case, otherwise) {
                    (Some((_, Self::Refuse(why))), _) | (None, Some(Self::Refuse(why))) => {
                        return Err(slot.refused(&name, why, place));
                    }
                    (Some((_, template)), _) => template.fill_at(cx, filling, place)?,
                    (None, Some(template)) => template.fill_at(cx, filling, place)?,
                    (None, None) => None,
                }
            }
            Self::Refuse(why) => return Err(Error::bad_request(*why)),
            Self::First { list, otherwise } => {
                let first = match list.fill_at(cx, filling, place)? {
                    Some(Value::Array(list)) => list.into_iter().next(),
                    other => other,
                };
                match (first, otherwise) {
                    (None, Some(otherwise)) => otherwise.fill_at(cx, filling, place)?,
                    (first, _) => first,
                }
            }
            Self::Without { slot, names } => match get(slot) {
                Some(Value::Object(mut members)) => {
                    members.retain(|name, _| !names.contains(&name.as_str()));
                    Some(Value::Object(members))
                }
                Some(other) => Some(other),
                None => (!slot.optional).then_some(Value::Null),
            },
            Self::Join(lists) => {
                let mut joined = Vec::new();
                for list in *lists {
                    if let Some(Value::Array(list)) = list.fill_at(cx, filling, place)? {
                        joined.extend(list);
                    }
                }
                Some(Value::Array(joined))
            }
            Self::Count(slot) => {
                let count = match get(slot) {
                    Some(Value::Array(list)) => list.len(),
                    Some(Value::Null) | None => 0,
                    Some(_) => 1,
                };
                Some(Value::from(count))
            }
        })
    }
}

/// The text that pieces make; none where an optional one has nothing.
fn text(pieces: &[Piece], get: &impl Fn(&Slot) -> Option<Value>) -> Result<Option<String>, Error> {
    let mut text = String::new();
    for piece in pieces {
        let slot = match piece {
            Piece::Literal(literal) => {
                text.push_str(literal);
                continue;
            }
            Piece::Plain(slot)
            | Piece::Quoted(slot)
            | Piece::Name(slot)
            | Piece::Suffixed(slot, _)
            | Piece::Stripped(slot, _)
            | Piece::Json(slot) => slot,
        };
        let value = match get(slot) {
            Some(Value::String(value)) => value,
            Some(Value::Null) | None if slot.optional => return Ok(None),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        match piece {
            Piece::Quoted(_) => {
                text.push_str(&super::query::Query::default().text(&value).build());
            }
            Piece::Name(_) | Piece::Suffixed(..) | Piece::Stripped(..) if !is_name(&value) => {
                let message = format!(
                    "expected a name of letters, digits and `_`, found {:?}",
                    shorten(&value)
                );
                return Err(Error::issue(slot.told(), message));
            }
            Piece::Suffixed(_, suffix) => {
                text.push_str(&value);
                if !value.ends_with(suffix) {
                    text.push_str(suffix);
                }
            }
            Piece::Stripped(_, suffix) => {
                text.push_str(value.strip_suffix(suffix).unwrap_or(&value));
            }
            Piece::Json(_) => text.push_str(&super::write::quote(&value)),
            _ => text.push_str(&value),
        }
    }
    Ok(Some(text))
}

impl Slot {
    pub const fn of(root: Root, path: &'static [&'static str]) -> Self {
        Self {
            root,
            path,
            optional: false,
        }
    }

    /// One whose absence takes the member or the element away.
    pub const fn optional(root: Root, path: &'static [&'static str]) -> Self {
        Self {
            root,
            path,
            optional: true,
        }
    }

    /// The value outside of any list.
    pub fn value(&self, cx: &Context, filling: &Filling) -> Option<Value> {
        self.get(cx, filling, Place::default())
    }

    /// The value, null counting as none.
    fn get(&self, cx: &Context, filling: &Filling, place: Place<'_>) -> Option<Value> {
        let found = match self.root {
            Root::Input => at(&filling.input, self.path),
            Root::Each => at(place.each?, self.path),
            Root::Outer => at(place.outer?, self.path),
            Root::Parameter => {
                let (name, rest) = self.path.split_first()?;
                at(filling.parameters.get(*name)?, rest)
            }
            Root::Step => {
                let (name, rest) = self.path.split_first()?;
                at(filling.steps.get(*name)?, rest)
            }
            Root::Object => {
                let object = cx.object(self.path.first()?)?;
                return Some(Value::String(object.to_owned()));
            }
            Root::Index => return Some(Value::from(place.index)),
            Root::Now => return Some(Value::String(format_timestamp(cx.now))),
        };
        found.filter(|value| !value.is_null()).cloned()
    }

    /// The place as a caller knows it.
    fn told(&self) -> String {
        let path = self.path.join(".");
        match self.root {
            Root::Input => format!("body.{path}"),
            Root::Each | Root::Outer => format!("body…[].{path}"),
            _ => path,
        }
    }

    /// The caller gave a value that the provider has nothing for.
    fn refused(&self, value: &str, why: &str, place: Place<'_>) -> Error {
        let path = self.path.join(".");
        let path = match self.root {
            Root::Input => format!("body.{path}"),
            Root::Each => format!("body…[{}].{path}", place.index),
            _ => path,
        };
        Error::issue(path, format!("{why}; found {:?}", shorten(value)))
    }
}

/// The value at a path, with a number for the element of a list.
fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, part| match value {
        Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        other => other.get(*part),
    })
}

impl Condition {
    fn holds(
        &self,
        element: &Value,
        cx: &Context,
        filling: &Filling,
        place: Place<'_>,
    ) -> Result<bool, Error> {
        let found = at(element, self.path).unwrap_or(&Value::Null);
        Ok(match &self.equals {
            Equals::Anything => !found.is_null(),
            Equals::To(template) => {
                let wanted = template.fill_at(cx, filling, place)?.unwrap_or_default();
                *found == wanted
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::translate::tests::context;

    const fn input(path: &'static [&'static str]) -> Slot {
        Slot {
            root: Root::Input,
            path,
            optional: false,
        }
    }

    const fn each(path: &'static [&'static str]) -> Slot {
        Slot {
            root: Root::Each,
            path,
            optional: true,
        }
    }

    fn fill(template: &Template, input: Value) -> Result<Option<Value>, Error> {
        let filling = Filling {
            input,
            ..Filling::default()
        };
        template.fill(&context(), &filling)
    }

    #[test]
    fn lists_repeat_choose_and_leave_out() {
        static TEMPLATE: Template = Template::Object(&[
            Member::Named("name", Template::Slot(input(&["label"]))),
            Member::Named(
                "fields",
                Template::For {
                    over: input(&["fields"]),
                    only: &[Condition {
                        path: &["hidden"],
                        equals: Equals::To(Template::Json("false")),
                    }],
                    except: &[],
                    item: &Template::Object(&[
                        Member::Named("id", Template::Slot(each(&["id"]))),
                        Member::Named("about", Template::Slot(each(&["description"]))),
                        Member::All(Template::By {
                            slot: each(&["type"]),
                            cases: &[
                                ("text", Template::Json(r#"{"kind":"string"}"#)),
                                ("other", Template::Refuse("there is no such type")),
                            ],
                            otherwise: None,
                        }),
                    ]),
                },
            ),
        ]);
        let body = json!({"label": "x", "fields": [
            {"id": "a", "type": "text", "hidden": false},
            {"id": "b", "type": "text", "hidden": true},
            {"id": "c", "type": "number", "hidden": false, "description": "d"},
        ]});
        assert_eq!(
            fill(&TEMPLATE, body).unwrap().unwrap(),
            json!({"name": "x", "fields": [{"id": "a", "kind": "string"}, {"id": "c", "about": "d"}]})
        );
        let error = fill(
            &TEMPLATE,
            json!({"fields": [{"type": "other", "hidden": false}]}),
        )
        .unwrap_err();
        assert!(
            error.message.contains("there is no such type"),
            "{}",
            error.message
        );
    }

    #[test]
    fn no_value_leaves_its_place_in_a_query() {
        static QUERY: Template = Template::Text(&[
            Piece::Literal("SELECT Id FROM "),
            Piece::Name(input(&["object"])),
            Piece::Literal(" WHERE Name = "),
            Piece::Quoted(input(&["name"])),
        ]);
        let filled = fill(&QUERY, json!({"object": "Car__c", "name": "O'Dell\\"})).unwrap();
        assert_eq!(
            filled,
            Some(json!(r"SELECT Id FROM Car__c WHERE Name = 'O\'Dell\\'"))
        );
        for object in ["Car WHERE 1=1", "", "a b", "x'"] {
            assert!(
                fill(&QUERY, json!({"object": object, "name": "x"})).is_err(),
                "{object}"
            );
        }
    }

    #[test]
    fn what_is_not_there_is_null_or_left_out() {
        static TEMPLATE: Template = Template::Object(&[
            Member::Named("a", Template::Slot(input(&["x", "0", "y"]))),
            Member::Named("b", Template::Slot(each(&["x"]))),
            Member::Named("c", Template::Count(input(&["x"]))),
        ]);
        assert_eq!(
            fill(&TEMPLATE, json!({"x": [{"y": 1}]})).unwrap(),
            Some(json!({"a": 1, "c": 1}))
        );
        assert_eq!(
            fill(&TEMPLATE, json!({})).unwrap(),
            Some(json!({"a": null, "c": 0}))
        );
    }
}
