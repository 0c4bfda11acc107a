//! One native record as a unified one.

use std::collections::BTreeMap;

use crosswalk_codegen::plan::{
    PlanBeside, PlanBesideKind, PlanMember, PlanMemberType, PlanNativeRef, PlanSource,
};
use serde_json::value::RawValue;

use crate::{
    Mapped, Warning, Warnings,
    json::{self, Refused, written},
    source,
};

/// What was read for one of the things beside a record.
#[derive(Debug, Clone)]
pub enum Beside {
    Nothing,
    /// Native records or texts, by key.
    Records(BTreeMap<String, Vec<u8>>),
    /// Labels by value.
    Labels(BTreeMap<String, String>),
}

/// All of it, in the order of the entity's plan. What is not there was not read.
pub type Besides = Vec<Beside>;

/// A unified record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// JSON; with commas between them the record and those that were merged into it.
    pub json: String,
    pub warnings: Vec<Warning>,
    /// The id that a list goes on after.
    pub last_id: String,
}

/// What is told of a record.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// The records that were merged into it are told too.
    pub losers: bool,
    /// The native record is told.
    pub raw: bool,
}

/// A native record, legal JSON or not, as a unified one.
pub fn encode(
    mapped: Mapped<'_>,
    record: &[u8],
    besides: &Besides,
    told: Told,
) -> Result<Encoded, Refused> {
    let mut warnings = Warnings::default();
    let root = json::legal(record)?;
    let written = encode_into(mapped, root, besides, told, &mut warnings)?;
    Ok(Encoded {
        json: written.0,
        warnings: warnings.0,
        last_id: written.1,
    })
}

/// The JSON, and the id that a list goes on after.
pub(crate) fn encode_into(
    mapped: Mapped<'_>,
    root: &RawValue,
    besides: &Besides,
    told: Told,
    warnings: &mut Warnings,
) -> Result<(String, String), Refused> {
    let mut native = Native::of(mapped, root, besides, told, warnings)?;
    let mut fields = Vec::new();
    for member in mapped.members() {
        let value = native.field(member)?;
        fields.push((member, value));
    }
    let mut records = vec![object(&fields)];
    let value_of = |name: &str| {
        let found = fields.iter().find(|(member, _)| member.name == name);
        found.and_then(|(_, value)| value.clone())
    };
    let id = value_of("id").unwrap_or_default();
    if told.losers {
        for loser in native.losers()? {
            let fields = mapped.members().iter().map(|member| {
                let value = loser_field(mapped, member, &loser, &id, value_of(&member.name));
                (member, value)
            });
            records.push(object(&fields.collect::<Vec<_>>()));
        }
    }
    let last_id = json::text(&id).unwrap_or_default();
    Ok((records.join(","), last_id))
}

/// `{"name":value,…}` with null for what is not set.
fn object(fields: &[(&PlanMember, Option<String>)]) -> String {
    let members = fields.iter().map(|(member, value)| {
        let value = value.as_deref().unwrap_or("null");
        format!("{}:{value}", written(&member.name))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// A field of a record that was merged into another one: of the other it has what a record must have.
fn loser_field(
    mapped: Mapped<'_>,
    member: &PlanMember,
    loser: &str,
    winner: &str,
    of_winner: Option<String>,
) -> Option<String> {
    if member.ty == PlanMemberType::Open {
        return Some("{}".to_owned());
    }
    if member.name == "id" {
        return Some(written(loser));
    }
    let told = mapped
        .entity
        .fields
        .iter()
        .find_map(|field| match &field.source {
            PlanSource::Losers { flag, .. } => Some((&field.name, flag)),
            _ => None,
        });
    let (field, flag) = told?;
    if member.name == *field {
        return Some(winner.to_owned());
    }
    if flag.as_ref() == Some(&member.name) {
        return Some("true".to_owned());
    }
    of_winner.filter(|_| member.required && !member.nullable)
}

/// A native record with what stands beside it.
pub(crate) struct Native<'n> {
    pub(crate) mapped: Mapped<'n>,
    root: &'n RawValue,
    told: Told,
    /// By the name in the plan.
    beside: Vec<(&'n PlanBeside, Read<'n>)>,
    pub(crate) warnings: &'n mut Warnings,
}

/// What is beside one record.
enum Read<'n> {
    Nothing,
    Record(&'n RawValue),
    Text(String),
    Labels(&'n BTreeMap<String, String>),
}

/// A native text.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// As it goes into the unified record where nothing converts it.
    pub(crate) json: String,
}

impl<'n> Native<'n> {
    fn of(
        mapped: Mapped<'n>,
        root: &'n RawValue,
        besides: &'n Besides,
        told: Told,
        warnings: &'n mut Warnings,
    ) -> Result<Self, Refused> {
        let mut native = Self {
            mapped,
            root,
            told,
            beside: Vec::new(),
            warnings,
        };
        json::Object::read(root)?;
        for from in mapped.refs().filter(|from| from.beside.is_none()) {
            json::check_way(root, &from.path)?;
        }
        for (index, plan) in mapped.entity.beside.iter().enumerate() {
            let beside = besides.get(index);
            let key = match plan.kind {
                PlanBesideKind::Labels { .. } => None,
                _ => native.text(&plan.key, &plan.name)?,
            };
            let read = match (beside, key) {
                (Some(Beside::Labels(labels)), _) => Read::Labels(labels),
                (Some(Beside::Records(records)), Some(key)) => {
                    match (records.get(&key.text), &plan.kind) {
                        (None, _) => Read::Nothing,
                        (Some(text), PlanBesideKind::Text) => {
                            Read::Text(String::from_utf8_lossy(text).into_owned())
                        }
                        (Some(record), _) => native.beside_record(plan, record)?,
                    }
                }
                _ => Read::Nothing,
            };
            native.beside.push((plan, read));
        }
        Ok(native)
    }

    fn beside_record(&self, plan: &PlanBeside, record: &'n [u8]) -> Result<Read<'n>, Refused> {
        let record = json::legal(record)?;
        json::Object::read(record)?;
        let ours = |from: &&PlanNativeRef| from.beside.as_deref() == Some(&plan.name);
        for from in self.mapped.refs().filter(ours) {
            json::check_way(record, &from.path)?;
        }
        Ok(Read::Record(record))
    }

    /// The unified value of a member as JSON; none is null.
    fn field(&mut self, member: &PlanMember) -> Result<Option<String>, Refused> {
        if member.ty == PlanMemberType::Open {
            let raw = if self.told.raw { self.root.get() } else { "{}" };
            return Ok(Some(raw.to_owned()));
        }
        let fields = &self.mapped.entity.fields;
        let Some(field) = fields.iter().find(|field| field.name == member.name) else {
            return Ok(None);
        };
        let value = source::value(self, field)?;
        if value.is_none() && field.required {
            return Err(Refused(format!("no usable value for `{}`", field.name)));
        }
        Ok(value)
    }

    /// The ids of the records that were merged into this one.
    fn losers(&self) -> Result<Vec<String>, Refused> {
        let list = self
            .mapped
            .entity
            .fields
            .iter()
            .find_map(|field| match &field.source {
                PlanSource::Losers { from, .. } => Some(from),
                _ => None,
            });
        let Some(list) = list else {
            return Ok(Vec::new());
        };
        let Some(token) = json::at(self.root, &list.path)? else {
            return Ok(Vec::new());
        };
        let text = json::text(token.get()).ok_or_else(|| Refused("no list of ids".to_owned()))?;
        let ids = text.split(';').map(str::trim).filter(|id| !id.is_empty());
        Ok(ids.map(str::to_owned).collect())
    }

    /// A table of labels, where it was read.
    pub(crate) fn labels(&self, table: &str) -> Option<&'n BTreeMap<String, String>> {
        match self.read(table) {
            Read::Labels(labels) => Some(labels),
            _ => None,
        }
    }

    /// A native text; what is odd is told and counts as unset. An empty text is there all the same.
    pub(crate) fn text(
        &mut self,
        from: &PlanNativeRef,
        field: &str,
    ) -> Result<Option<Text>, Refused> {
        if let Some(Read::Text(text)) = from.beside.as_deref().map(|name| self.read(name)) {
            return Ok(Some(Text {
                json: written(text),
                text: text.clone(),
            }));
        }
        let Some(token) = self.token(from)? else {
            return Ok(None);
        };
        let text = json::text(token).map(|text| Text {
            json: if token.starts_with('"') {
                token.to_owned()
            } else {
                format!("\"{token}\"")
            },
            text,
        });
        if text.is_none() {
            self.warnings.odd(field, "text", token);
        }
        Ok(text)
    }

    /// A native number, as it is written.
    pub(crate) fn number(
        &mut self,
        from: &PlanNativeRef,
        field: &str,
    ) -> Result<Option<String>, Refused> {
        let Some(token) = self.token(from)? else {
            return Ok(None);
        };
        if token.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Ok(Some(token.to_owned()));
        }
        self.warnings.odd(field, "a number", token);
        Ok(None)
    }

    /// A native truth value, which may be written as a text.
    pub(crate) fn flag(
        &mut self,
        from: &PlanNativeRef,
        field: &str,
    ) -> Result<Option<bool>, Refused> {
        let Some(token) = self.token(from)? else {
            return Ok(None);
        };
        match token {
            "true" | "\"true\"" => Ok(Some(true)),
            "false" | "\"false\"" => Ok(Some(false)),
            _ => {
                self.warnings.odd(field, "true or false", token);
                Ok(None)
            }
        }
    }

    fn token(&self, from: &PlanNativeRef) -> Result<Option<&'n str>, Refused> {
        let root = match from.beside.as_deref().map(|name| self.read(name)) {
            None => self.root,
            Some(Read::Record(record)) => record,
            Some(_) => return Ok(None),
        };
        Ok(json::at(root, &from.path)?.map(RawValue::get))
    }

    fn read(&self, name: &str) -> &Read<'n> {
        let known = self.beside.iter().find(|(plan, _)| plan.name == name);
        known.map_or(&Read::Nothing, |(_, read)| read)
    }
}
