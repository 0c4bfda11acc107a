//! Operations that are not about records: counts, and what an account's objects and fields are.
//!
//! They are rare, and their bodies are of every shape, so they go by templates ([`super::template`]) that are filled
//! while they run. What the steps are, and what is answered, is the mapping's; this is only the machine.

use serde_json::{Map, Value};

use super::{
    Answer, Context, Freshness, NativeRequest, NativeResponse, Recent, Step, Translator,
    call::{Call, Root as CallRoot},
    native,
    pick::{self, Path},
    template::{Filling, Slot, Template},
    xml,
};
use crate::{
    error::{Code, Error, Outcome},
    route::UnifiedRequest,
    upstream::{
        fault,
        provider::{Effect, NativeOperation},
    },
};

/// The most pages that one step reads.
const MOST_PAGES: usize = 200;

/// An operation as steps and an answer.
#[derive(Debug)]
pub struct ScriptPlan {
    pub steps: &'static [ScriptStep],
    pub answer: Template,
}

/// One native call of an operation, and what comes of it.
#[derive(Debug)]
pub struct ScriptStep {
    /// Later steps and the answer know its result by this name.
    pub name: &'static str,
    pub call: ScriptCall,
    /// The step is left out unless this has a value; `false` is none.
    pub only_if: Option<Template>,
    /// The step is left out if this has a value; `false` is none.
    pub unless: Option<Template>,
    /// The object that the step is for, where it is not for all.
    pub object: Option<&'static str>,
    /// The object that the step is not for.
    pub not_object: Option<&'static str>,
    /// What was answered a few minutes ago will do.
    pub remembered: bool,
    /// Its result is all rows of all pages.
    pub pages: Option<Pages>,
    /// With these statuses there is no result, and the operation goes on.
    pub ignore: &'static [u16],
    /// How an answer that looks like a success says that it is none.
    pub failed_if: Option<FailedIf>,
}

#[derive(Debug)]
pub struct ScriptCall {
    pub operation: &'static NativeOperation,
    pub root: usize,
    pub path: &'static [PathPart],
    pub query: &'static [(&'static str, Template)],
    pub body: Option<ScriptBody>,
}

#[derive(Debug)]
pub enum PathPart {
    Literal(&'static str),
    Segment(Slot),
}

#[derive(Debug)]
pub enum ScriptBody {
    Json(Template),
    Xml {
        template: Template,
        /// The path to the element that is to hold the credential.
        credential: &'static [&'static str],
    },
}

/// How a list goes on: its token is the query parameter of this name.
#[derive(Debug)]
pub struct Pages {
    pub rows: Path,
    pub next: Path,
    pub parameter: &'static str,
}

/// An answer whose member has this value is a failure, told by others of its members.
#[derive(Debug)]
pub struct FailedIf {
    pub path: Path,
    pub equals: &'static str,
    pub code: Path,
    pub message: Path,
}

/// The machine of a script.
#[derive(Debug)]
pub struct Script {
    cx: Context,
    plan: &'static ScriptPlan,
    filling: Filling,
    at: usize,
    /// The rows that a step with pages has so far, and the token of the next page.
    rows: Vec<Value>,
    token: Option<String>,
    pages: usize,
    wrote: bool,
}

impl Script {
    /// `input` has been held against the unified spec.
    pub fn open(
        cx: Context,
        plan: &'static ScriptPlan,
        request: &UnifiedRequest,
    ) -> Result<Box<dyn Translator>, Error> {
        let mut parameters = Map::new();
        let path = request
            .path
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value));
        let query = request
            .query
            .iter()
            .map(|(name, value)| (name.clone(), value));
        for (name, value) in path.chain(query) {
            parameters.insert(name, Value::String(value.clone()));
        }
        let input = if request.body.is_empty() {
            Value::Null
        } else {
            native_body(&request.body)?
        };
        Ok(Box::new(Self {
            cx,
            plan,
            filling: Filling {
                input,
                parameters,
                steps: Map::new(),
            },
            at: 0,
            rows: Vec::new(),
            token: None,
            pages: 0,
            wrote: false,
        }))
    }

    fn go(&mut self) -> Result<Step, Error> {
        while let Some(step) = self.plan.steps.get(self.at) {
            if self.is_made(step)? {
                return Ok(Step::call(self.call(step)?));
            }
            self.at += 1;
        }
        self.answer()
    }

    fn is_made(&self, step: &ScriptStep) -> Result<bool, Error> {
        let about = self.cx.object("name");
        let is_about = step.object.is_none_or(|object| about == Some(object))
            && step.not_object.is_none_or(|object| about != Some(object));
        let holds = |condition: &Option<Template>, without: bool| match condition {
            None => Ok(without),
            Some(condition) => {
                let value = condition.fill(&self.cx, &self.filling)?;
                Ok(!matches!(
                    value,
                    None | Some(Value::Null | Value::Bool(false))
                ))
            }
        };
        Ok(is_about && holds(&step.only_if, true)? && !holds(&step.unless, false)?)
    }

    fn call(&self, step: &ScriptStep) -> Result<NativeRequest, Error> {
        let plan = &step.call;
        let mut call = Call::new(plan.operation, &self.cx, CallRoot(plan.root));
        for part in plan.path {
            call = match part {
                PathPart::Literal(literal) => call.path(literal),
                PathPart::Segment(slot) => {
                    let value = slot.value(&self.cx, &self.filling);
                    let text = value.as_ref().and_then(Value::as_str).unwrap_or_default();
                    if text.is_empty() {
                        return Err(Error::bad_gateway(
                            "the provider's answer lacks what the next call needs",
                        ));
                    }
                    call.segment(text)
                }
            };
        }
        for (name, template) in plan.query {
            if let Some(value) = template.fill(&self.cx, &self.filling)? {
                call = match &value {
                    Value::String(text) => call.query(name, text),
                    other => call.query(name, &other.to_string()),
                };
            }
        }
        if let (Some(pages), Some(token)) = (&step.pages, &self.token) {
            call = call.query(pages.parameter, token);
        }
        let mut request = call.build();
        match &plan.body {
            None => {}
            Some(ScriptBody::Json(template)) => {
                let body = template.fill(&self.cx, &self.filling)?.unwrap_or_default();
                request.body = Some(body.to_string().into());
            }
            Some(ScriptBody::Xml {
                template,
                credential,
            }) => {
                let body = template.fill(&self.cx, &self.filling)?.unwrap_or_default();
                let written = xml::write(&body, credential)?;
                request.body = Some(written.xml);
                request.credential_at = written.credential_at;
            }
        }
        Ok(if step.remembered {
            request.with_freshness(Freshness::Remembered)
        } else {
            request
        })
    }

    fn after(&mut self, response: &NativeResponse) -> Result<Step, Error> {
        let step = &self.plan.steps[self.at];
        if step.ignore.contains(&response.status) {
            return self.next(step, Value::Null);
        }
        if let Some(failed) = fault::of(self.cx.provider, response) {
            return Err(failed);
        }
        let body = read(step, response)?;
        if let Some(failed) = &step.failed_if
            && let Some(error) = failed.error(&self.cx, response.status, &body)
        {
            return Err(error);
        }
        // A call that failed inside has written nothing.
        self.wrote |= step.call.operation.effect == Effect::Write;
        let Some(pages) = &step.pages else {
            return self.next(step, body);
        };
        let parts = pick::page(&response.body, pages.rows, Some(pages.next), None)?;
        for row in parts.rows.into_iter().flatten() {
            self.rows.push(native::parse(row.as_bytes())?);
        }
        self.pages += 1;
        self.token = match parts.next {
            Some(token) => Some(pick::text(token)?.0.into_owned()),
            None => None,
        };
        if self.token.is_some() {
            if self.pages >= MOST_PAGES {
                return Err(Error::new(
                    Code::BadGateway,
                    format!(
                        "{} does not come to the end of a list",
                        self.cx.provider.title
                    ),
                ));
            }
            return Ok(Step::call(self.call(step)?));
        }
        let rows = Value::Array(std::mem::take(&mut self.rows));
        self.next(step, rows)
    }

    fn next(&mut self, step: &ScriptStep, result: Value) -> Result<Step, Error> {
        self.filling.steps.insert(step.name.to_owned(), result);
        self.at += 1;
        self.pages = 0;
        self.token = None;
        self.go()
    }

    fn answer(&self) -> Result<Step, Error> {
        let answer = self.plan.answer.fill(&self.cx, &self.filling)?;
        Ok(Step::Answer(Answer {
            body: answer.unwrap_or_default().to_string().into_bytes(),
            written: None,
            hidden: Vec::new(),
            changed_metadata: self.wrote,
        }))
    }

    /// An error after something was written says so.
    fn marked(&self, mut error: Error) -> Error {
        if self.wrote && error.outcome.is_none() {
            error.outcome = Some(Outcome::Written);
        }
        error
    }
}

/// A body of a request that is known to be JSON.
fn native_body(body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body)
        .map_err(|error| Error::issue("body", format!("is not valid JSON: {error}")))
}

fn is_xml(step: &ScriptStep) -> bool {
    matches!(step.call.body, Some(ScriptBody::Xml { .. }))
}

fn read(step: &ScriptStep, response: &NativeResponse) -> Result<Value, Error> {
    if response.body.is_empty() {
        return Ok(Value::Null);
    }
    if is_xml(step) {
        return xml::read(&response.body);
    }
    native::parse(&response.body)
}

impl FailedIf {
    fn error(&self, cx: &Context, status: u16, body: &Value) -> Option<Error> {
        let at = |path: Path| {
            path.iter().try_fold(body, |value, part| match value {
                // Of several results the first counts.
                Value::Array(list) => list.first()?.get(*part),
                other => other.get(*part),
            })
        };
        let text = |path: Path| at(path).and_then(Value::as_str).map(str::to_owned);
        let value = at(self.path)?;
        let is_failure = match value {
            Value::String(text) => text == self.equals,
            Value::Bool(flag) => flag.to_string() == self.equals,
            _ => false,
        };
        is_failure.then(|| {
            fault::told(
                cx.provider,
                status.max(400),
                text(self.code),
                text(self.message),
            )
        })
    }
}

impl Translator for Script {
    fn start(&mut self, _recent: &Recent) -> Result<Step, Error> {
        self.go()
    }

    fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
        let response = native::one(responses)?;
        self.after(&response).map_err(|error| self.marked(error))
    }

    fn failed(&self, error: Error) -> Error {
        self.marked(error)
    }
}
