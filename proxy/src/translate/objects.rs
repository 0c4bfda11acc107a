//! Objects by the names that callers know them by: unified ones, the provider's own, and the customer's.
//!
//! The native name that a call is made with comes from the mapping or from the provider's list, never from the caller.

use super::{
    Answer, Context, Freshness, NativeRequest, NativeResponse, Recent, Step, Translator, native,
    pick::{self, Path},
    scalar::shorten,
};
use crate::{
    error::{Code, Error},
    route::UnifiedRequest,
    upstream::fault,
};

/// The longest name of an object at any provider.
const LONGEST_NAME: usize = 255;

/// How names of objects lead to native ones.
#[derive(Debug)]
pub struct ObjectPlan {
    /// Names that the mapping knows: `(name, native name)`.
    pub names: &'static [(&'static str, &'static str)],
    /// The provider's own list of the rest.
    pub listed: Option<ListedObjects>,
    /// The fields of an object, where all of them are read.
    pub fields: Option<ObjectFields>,
}

/// The provider's list of objects.
#[derive(Debug)]
pub struct ListedObjects {
    pub call: fn(&Context) -> NativeRequest,
    pub rows: Path,
    /// The native name.
    pub name: Path,
    /// Other names of the same object.
    pub aliases: &'static [Path],
    /// What a native name may end with and a caller leave out.
    pub suffix: Option<&'static str>,
}

/// The provider's list of an object's fields.
#[derive(Debug)]
pub struct ObjectFields {
    pub call: fn(&Context) -> NativeRequest,
    pub rows: Path,
    pub name: Path,
}

/// An object that a call is about: what the mapping calls it, and what the caller does.
#[derive(Debug, Clone)]
pub struct Asked {
    /// As in `name`; `source` and `target` of a link.
    pub role: &'static str,
    /// Where in the request the name is, as in `path.object_name`.
    pub path: String,
    pub name: String,
}

/// Makes the translator once the objects are known.
pub type Make = Box<dyn FnOnce(Context) -> Result<Box<dyn Translator>, Error> + Send>;

/// The machine that finds out which objects a call is about, and then hands over.
pub struct WithObjects {
    cx: Context,
    plan: &'static ObjectPlan,
    asked: Vec<Asked>,
    make: Option<Make>,
    inner: Option<Box<dyn Translator>>,
    waits_for: WaitsFor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WaitsFor {
    Objects(Freshness),
    Fields,
}

impl std::fmt::Debug for WithObjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WithObjects")
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

impl WithObjects {
    pub fn open(
        cx: Context,
        plan: &'static ObjectPlan,
        asked: Vec<Asked>,
        make: Make,
    ) -> Result<Box<dyn Translator>, Error> {
        for asked in &asked {
            check_name(asked)?;
        }
        Ok(Box::new(Self {
            cx,
            plan,
            asked,
            make: Some(make),
            inner: None,
            waits_for: WaitsFor::Objects(Freshness::Remembered),
        }))
    }

    /// The objects, where all are known without asking, or are among those that were listed.
    fn find(&self, listed: &[Listed]) -> Option<Vec<(&'static str, String)>> {
        self.asked
            .iter()
            .map(|asked| {
                let known = |name: &str| name.eq_ignore_ascii_case(&asked.name);
                let mapped = self.plan.names.iter().find(|(name, _)| known(name));
                let native = mapped.map(|(_, native)| (*native).to_owned()).or_else(|| {
                    let suffix = self.plan.listed.as_ref().and_then(|listed| listed.suffix);
                    let found = listed
                        .iter()
                        .find(|listed| listed.is_called(&asked.name, None));
                    let found = found.or_else(|| {
                        listed
                            .iter()
                            .find(|listed| listed.is_called(&asked.name, suffix))
                    });
                    found.map(|listed| listed.name.clone())
                });
                native.map(|native| (asked.role, native))
            })
            .collect()
    }

    /// Goes on when the objects are known.
    fn found(&mut self, objects: Vec<(&'static str, String)>) -> Result<Step, Error> {
        self.cx.objects = objects.into();
        if let Some(fields) = &self.plan.fields {
            self.waits_for = WaitsFor::Fields;
            let call = (fields.call)(&self.cx);
            return Ok(Step::call(call.with_freshness(Freshness::Remembered)));
        }
        self.hand_over()
    }

    fn hand_over(&mut self) -> Result<Step, Error> {
        let make = self.make.take().ok_or_else(ended)?;
        let inner = self.inner.insert(make(self.cx.clone())?);
        inner.start(&Recent::default())
    }

    fn objects(&mut self, freshness: Freshness, response: &NativeResponse) -> Result<Step, Error> {
        if let Some(fault) = fault::of(self.cx.provider, response) {
            return Err(fault);
        }
        let Some(listed) = &self.plan.listed else {
            return Err(self.unknown());
        };
        let parts = pick::page(&response.body, listed.rows, None, None)?;
        let mut known = Vec::new();
        for row in parts.rows.into_iter().flatten() {
            known.extend(Listed::read(listed, row.as_bytes())?);
        }
        match self.find(&known) {
            Some(objects) => self.found(objects),
            // It may have been made a moment ago.
            None if freshness == Freshness::Remembered => {
                self.waits_for = WaitsFor::Objects(Freshness::Renewed);
                Ok(Step::call(
                    (listed.call)(&self.cx).with_freshness(Freshness::Renewed),
                ))
            }
            None => Err(self.unknown()),
        }
    }

    fn unknown(&self) -> Error {
        let title = self.cx.provider.title;
        let names: Vec<String> = self
            .asked
            .iter()
            .map(|asked| format!("`{}`", shorten(&asked.name)))
            .collect();
        Error::not_found(format!(
            "{title} has no object called {} that the connected user can see",
            names.join(" or ")
        ))
    }

    fn fields(&mut self, response: &NativeResponse) -> Result<Step, Error> {
        if let Some(fault) = fault::of(self.cx.provider, response) {
            return Err(fault);
        }
        if let Some(fields) = &self.plan.fields {
            let parts = pick::page(&response.body, fields.rows, None, None)?;
            let mut names = Vec::new();
            for row in parts.rows.into_iter().flatten() {
                let name = pick::text_at(row.as_bytes(), fields.name)?;
                names.extend(name.map(std::borrow::Cow::into_owned));
            }
            self.cx.fields = Some(names.into());
        }
        self.hand_over()
    }
}

/// A name that could be none is refused before any call.
fn check_name(asked: &Asked) -> Result<(), Error> {
    let name = &asked.name;
    let is_legal = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if is_legal {
        return Ok(());
    }
    Err(Error::issue(
        asked.path.clone(),
        format!(
            "expected the name of an object, of letters, digits, `_` and `-`, found {:?}",
            shorten(name)
        ),
    ))
}

/// An object of the provider's list.
struct Listed {
    name: String,
    aliases: Vec<String>,
}

impl Listed {
    fn read(plan: &ListedObjects, row: &[u8]) -> Result<Option<Self>, Error> {
        let Some(name) = pick::text_at(row, plan.name)? else {
            return Ok(None);
        };
        let aliases = pick::texts(row, plan.aliases)?;
        Ok(Some(Self {
            name: name.into_owned(),
            aliases: aliases
                .into_iter()
                .flatten()
                .map(|text| text.0.into_owned())
                .collect(),
        }))
    }

    fn is_called(&self, name: &str, suffix: Option<&str>) -> bool {
        let same = |known: &str| match suffix {
            None => known.eq_ignore_ascii_case(name),
            Some(suffix) => {
                known.len() == name.len() + suffix.len()
                    && known.is_char_boundary(name.len())
                    && known[..name.len()].eq_ignore_ascii_case(name)
                    && known[name.len()..].eq_ignore_ascii_case(suffix)
            }
        };
        same(&self.name) || self.aliases.iter().any(|alias| same(alias))
    }
}

fn ended() -> Error {
    Error::new(
        Code::InternalServerError,
        "the translator did not come to an end; please report it with the request id",
    )
}

/// The names of the objects in a request.
pub fn asked(
    request: &UnifiedRequest,
    roles: &[(&'static str, Place)],
) -> Result<Vec<Asked>, Error> {
    roles
        .iter()
        .map(|(role, place)| {
            let (path, name) = match place {
                Place::Parameter(parameter) => {
                    let found = request.path.iter().find(|(name, _)| name == parameter);
                    (
                        format!("path.{parameter}"),
                        found.map(|(_, value)| value.clone()),
                    )
                }
                Place::Body(member) => {
                    let body: serde_json::Value =
                        serde_json::from_slice(&request.body).unwrap_or_default();
                    let name = body.get(member).and_then(serde_json::Value::as_str);
                    (format!("body.{member}"), name.map(str::to_owned))
                }
            };
            Ok(Asked {
                role,
                name: name
                    .ok_or_else(|| Error::issue(path.clone(), "expected the name of an object"))?,
                path,
            })
        })
        .collect()
}

/// Where in a request the name of an object is.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    Parameter(&'static str),
    /// A member of the body.
    Body(&'static str),
}

impl Translator for WithObjects {
    fn start(&mut self, _recent: &Recent) -> Result<Step, Error> {
        if let Some(objects) = self.find(&[]) {
            return self.found(objects);
        }
        let Some(listed) = &self.plan.listed else {
            return Err(self.unknown());
        };
        Ok(Step::call(
            (listed.call)(&self.cx).with_freshness(Freshness::Remembered),
        ))
    }

    fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
        if let Some(inner) = &mut self.inner {
            return inner.resume(responses);
        }
        let response = native::one(responses)?;
        match self.waits_for {
            WaitsFor::Objects(freshness) => self.objects(freshness, &response),
            WaitsFor::Fields => self.fields(&response),
        }
    }

    fn flows(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.flows())
    }

    fn begins(&mut self, response: &NativeResponse) -> Result<(), Error> {
        self.inner.as_mut().ok_or_else(ended)?.begins(response)
    }

    fn feed(&mut self, body: &[u8]) -> Result<usize, Error> {
        self.inner.as_mut().ok_or_else(ended)?.feed(body)
    }

    fn hand_on(&mut self) -> Vec<u8> {
        let inner = self.inner.as_mut();
        inner.map(|inner| inner.hand_on()).unwrap_or_default()
    }

    fn flowed(&mut self, response: &NativeResponse) -> Result<Answer, Error> {
        self.inner.as_mut().ok_or_else(ended)?.flowed(response)
    }

    fn failed(&self, error: Error) -> Error {
        match &self.inner {
            Some(inner) => inner.failed(error),
            None => error,
        }
    }
}
