//! Building a native call: path segments and query values are percent-encoded, JSON is written, never pasted.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    Context, Freshness, NativeRequest, entity::Entity, hidden::HiddenField, json::Json,
    warning::Warnings,
};
use crate::upstream::provider::NativeOperation;

/// All but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// For each byte, whether it is one of RFC 3986's unreserved characters.
const UNRESERVED: [bool; 256] = {
    let mut unreserved = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        unreserved[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    unreserved
};

/// Most targets have fewer bytes after their root.
const ROOM: usize = 192;

/// The beginning of a provider's paths: a number into [`super::ConnectionSettings::roots`].
#[derive(Debug, Clone, Copy)]
pub struct Root(pub usize);

/// A native call in the making.
#[derive(Debug)]
pub struct Call {
    operation: &'static NativeOperation,
    target: String,
    has_query: bool,
    body: Option<Bytes>,
}

impl Call {
    pub fn new(operation: &'static NativeOperation, cx: &Context, root: Root) -> Self {
        let root = cx
            .connection
            .settings()
            .roots
            .get(root.0)
            .map_or("", String::as_str);
        let mut target = String::with_capacity(root.len() + ROOM);
        target.push_str(root);
        Self {
            operation,
            target,
            has_query: false,
            body: None,
        }
    }

    /// A part of the path as the spec has it.
    #[must_use]
    pub fn path(mut self, literal: &str) -> Self {
        self.target.push_str(literal);
        self
    }

    /// One segment of the path.
    #[must_use]
    pub fn segment(mut self, value: &str) -> Self {
        // "." and ".." are read as steps through the path even where they are percent-encoded.
        let dots = value.bytes().all(|byte| byte == b'.');
        self.encode(if dots { "%2E" } else { value });
        self
    }

    /// A reference to the answer of an earlier part of a bundle, which the provider resolves.
    #[must_use]
    pub fn reference(self, reference: &str) -> Self {
        self.path(reference)
    }

    /// A query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.begin_query(name);
        self.encode(value);
        self
    }

    /// A query parameter that is left out when it has no value.
    #[must_use]
    pub fn query_optional(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    #[must_use]
    pub fn query_integer(self, name: &str, value: u32) -> Self {
        self.query(name, itoa::Buffer::new().format(value))
    }

    #[must_use]
    pub fn query_instant(self, name: &str, value: Timestamp) -> Self {
        self.query(name, &super::read::format_timestamp(value))
    }

    /// A query parameter with a list, the commas between its values as they are.
    #[must_use]
    pub fn query_list<'v>(mut self, name: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        self.begin_query(name);
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.target.push(',');
            }
            self.encode(value);
        }
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn body(mut self, write: impl FnOnce(&mut Json)) -> Self {
        let mut json = Json::default();
        write(&mut json);
        self.body = Some(json.into_bytes());
        self
    }

    pub fn build(self) -> NativeRequest {
        NativeRequest {
            operation: self.operation,
            target: self.target,
            body: self.body,
            freshness: Freshness::Asked,
            credential_at: None,
            parts: None,
        }
    }

    fn begin_query(&mut self, name: &str) {
        self.target.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.encode(name);
        self.target.push('=');
    }

    fn encode(&mut self, value: &str) {
        // Names and ids are nearly always as they should be.
        if value.bytes().all(|byte| UNRESERVED[usize::from(byte)]) {
            self.target.push_str(value);
        } else {
            self.target.extend(utf8_percent_encode(value, ENCODED));
        }
    }
}

/// The native fields that a read asks for: those of the mapping, then those that the caller names.
#[derive(Debug, Clone)]
pub struct Fields {
    names: Vec<Cow<'static, str>>,
    /// How many of them are the mapping's.
    mapped: usize,
    /// Hidden fields that this call has learned of.
    learned: Vec<HiddenField>,
    /// The provider has been asked which fields there are.
    is_checked: bool,
}

impl Fields {
    /// Names that differ only in case are one field at some providers, and asking twice is an error there. Fields that
    /// are known to be hidden from the connected user are left out, with a warning each.
    pub fn of(
        cx: &Context,
        entity: &'static Entity,
        extra: Vec<String>,
        warnings: &mut Warnings,
    ) -> Self {
        let mut fields = match &cx.fields {
            None => Self::new(entity.selection, extra),
            Some(all) => Self::of_object(all, extra),
        };
        let hidden = |name: &str| {
            let known = cx
                .hidden
                .iter()
                .filter(|hidden| hidden.entity == entity.name);
            known.into_iter().any(|hidden| hidden.field == name)
        };
        if !cx.hidden.is_empty() {
            fields.drop_mapped(|name| !hidden(name), warnings);
        }
        fields
    }

    pub fn new(mapped: &'static [&'static str], extra: Vec<String>) -> Self {
        let mut names: Vec<Cow<'static, str>> =
            mapped.iter().map(|name| Cow::Borrowed(*name)).collect();
        for name in extra {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                names.push(Cow::Owned(name));
            }
        }
        Self {
            names,
            mapped: mapped.len(),
            learned: Vec::new(),
            is_checked: false,
        }
    }

    /// All fields of an object that the provider has described.
    fn of_object(all: &[String], extra: Vec<String>) -> Self {
        let mut fields = Self::new(&[], extra);
        let extra = std::mem::take(&mut fields.names);
        fields.names = all.iter().cloned().map(Cow::Owned).collect();
        let known = |name: &str| all.iter().any(|known| known.eq_ignore_ascii_case(name));
        fields
            .names
            .extend(extra.into_iter().filter(|name| !known(name)));
        fields.mapped = all.len();
        fields
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// How long their names are, with what stands between two of them.
    pub fn characters(&self) -> usize {
        self.iter().map(|name| name.len() + 3).sum()
    }

    /// Leaves out the mapping's fields that are not visible. What the caller named stays: that it is refused is his to know.
    pub(super) fn leave_out(
        &mut self,
        entity: &'static Entity,
        visible: impl Fn(&str) -> bool,
        warnings: &mut Warnings,
    ) {
        self.is_checked = true;
        let dropped = self.drop_mapped(visible, warnings);
        self.learned
            .extend(dropped.into_iter().map(|field| HiddenField {
                entity: entity.name,
                field,
            }));
    }

    fn drop_mapped(
        &mut self,
        visible: impl Fn(&str) -> bool,
        warnings: &mut Warnings,
    ) -> Vec<String> {
        let extra = self.names.split_off(self.mapped);
        let (kept, dropped): (Vec<_>, Vec<_>) =
            self.names.drain(..).partition(|name| visible(name));
        self.mapped = kept.len();
        self.names = kept;
        self.names.extend(extra);
        let dropped: Vec<String> = dropped.into_iter().map(Cow::into_owned).collect();
        for field in &dropped {
            warnings.hidden(field);
        }
        dropped
    }

    /// Whether the provider has been asked which of them the connected user has.
    pub(super) fn is_checked(&self) -> bool {
        self.is_checked
    }

    /// The hidden fields that this call has learned of.
    pub(super) fn learned(&self) -> Vec<HiddenField> {
        self.learned.clone()
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        translate::tests::context,
        upstream::provider::{Content, Effect},
    };

    static READ: NativeOperation = NativeOperation {
        id: "read",
        method: Method::GET,
        effect: Effect::Read,
        content: Content::Json,
    };

    #[test]
    fn values_are_encoded_where_they_stand() {
        let call = Call::new(&READ, &context(), Root(0))
            .path("/things/")
            .segment("a/b?c")
            .query("q", "a b&c=d")
            .query_list("fields", ["x", "y z"]);
        assert_eq!(
            call.build().target,
            "/api/things/a%2Fb%3Fc?q=a%20b%26c%3Dd&fields=x,y%20z"
        );
    }

    #[test]
    fn fields_that_differ_only_in_case_are_asked_for_once() {
        let fields = Fields::new(
            &["Id", "Name"],
            vec!["name".to_owned(), "Tier__c".to_owned()],
        );
        assert_eq!(fields.iter().collect::<Vec<_>>(), ["Id", "Name", "Tier__c"]);
    }

    proptest! {
        /// Covers: path-tricks, id-odd
        #[test]
        fn no_segment_can_leave_its_place(value: String) {
            let target = Call::new(&READ, &context(), Root(0)).path("/things/").segment(&value).build().target;
            let segment = target.strip_prefix("/api/things/").unwrap();
            prop_assert!(!segment.contains(['/', '?', '#', '\\', ' ', '\r', '\n']));
            prop_assert!(segment != "." && segment != "..");
        }
    }
}
