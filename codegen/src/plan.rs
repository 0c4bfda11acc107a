//! The plan: what to generate, as plain data. Every decision has been made; no token and no text of Rust is in it.
//!
//! Names are those on the wire; `names.rs` makes identifiers of them when they are emitted. All lists are in the order
//! in which they are to be written.

pub(crate) mod build;
mod connect;
mod joins;
mod limits;
mod native_door;

pub use connect::{
    PlanAccount, PlanAuthorize, PlanCheck, PlanFixedCall, PlanGranted, PlanLogin,
    PlanOperationScopes, PlanTokenCall,
};
pub use joins::{PlanJoin, PlanJoinPart};
pub use limits::{PlanLimit, PlanLimitKind, PlanLimitTold};
pub use native_door::PlanNativeDoor;

/// Everything that one run generates.
#[derive(Debug, Clone)]
pub struct Plan {
    /// One for each vertical of the unified spec that has operations, as in `crm`.
    pub verticals: Vec<PlanVertical>,
    pub providers: Vec<PlanProvider>,
    /// In the order of the unified spec.
    pub routes: Vec<PlanRoute>,
    /// Those whose records can be listed without more being said, in the order of the unified spec.
    pub entities: Vec<PlanUnifiedEntity>,
}

/// An entity of the unified API, as a table of its records would have it.
#[derive(Debug, Clone)]
pub struct PlanUnifiedEntity {
    /// As in `crm.account`.
    pub name: String,
    /// The operation that lists its records.
    pub list: String,
    /// All but the native record, in the order of the unified spec.
    pub fields: Vec<PlanUnifiedField>,
}

#[derive(Debug, Clone)]
pub struct PlanUnifiedField {
    pub name: String,
    pub kind: PlanUnifiedKind,
    /// Whether every record has it.
    pub always: bool,
}

/// What a column for the field would hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanUnifiedKind {
    Text,
    Integer,
    Number,
    Boolean,
    /// Text that is an instant, RFC 3339.
    Timestamp,
    /// An object or a list.
    Json,
}

/// The unified side of one vertical.
#[derive(Debug, Clone)]
pub struct PlanVertical {
    pub name: String,
    pub types: Vec<PlanType>,
    pub operations: Vec<PlanUnifiedOperation>,
    /// The files that this comes from, for the header.
    pub sources: Vec<String>,
}

/// A type of the unified API.
#[derive(Debug, Clone)]
pub struct PlanType {
    /// The component's name without its vertical, as in `account_input`.
    pub name: String,
    pub doc: Option<String>,
    pub kind: PlanTypeKind,
    /// Reached from an answer.
    pub in_answers: bool,
    /// Reached from a request body.
    pub in_requests: bool,
}

#[derive(Debug, Clone)]
pub enum PlanTypeKind {
    Struct(Vec<PlanMember>),
    /// The values on the wire.
    Enum(Vec<String>),
}

#[derive(Debug, Clone)]
pub struct PlanMember {
    pub name: String,
    pub doc: Option<String>,
    pub ty: PlanMemberType,
    pub required: bool,
    pub nullable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanMemberType {
    Text,
    /// Text that is an instant, RFC 3339.
    Timestamp,
    Number,
    Boolean,
    /// Another type of the vertical.
    Named(String),
    List(Box<PlanMemberType>),
    /// An object with any members: `raw_data` in answers, `passthrough_fields` in requests.
    Open,
    /// Anything; only in requests.
    Any,
}

/// One operation of the unified API.
#[derive(Debug, Clone)]
pub struct PlanUnifiedOperation {
    /// As in `crm.account.list`.
    pub name: String,
    pub doc: Option<String>,
    pub shape: PlanShape,
    /// The parameter of the path that names an object.
    pub object_parameter: Option<String>,
}

/// What an operation takes and answers. The envelopes are hand-written generics; these are what fills them.
#[derive(Debug, Clone)]
pub enum PlanShape {
    /// `sync_mode`, `cursor`, `page_size`, `fields`, `raw_data` → a page of records.
    List { record: String },
    /// `id`, `fields`, `raw_data` → one record.
    Get { record: String },
    /// `{record}` → one record.
    Create { record: String, input: String },
    /// `id`, `{record}` → one record.
    Update { record: String, input: String },
    /// `{ids, properties}` → records.
    BatchRead { record: String },
    /// Anything → anything: not about records.
    Free,
    /// `{upsert_on: {key, values}, record}` → one record. `keys` are the values of the key's enumeration.
    Upsert {
        record: String,
        input: String,
        keys: Vec<String>,
    },
}

#[derive(Debug, Clone)]
pub struct PlanRoute {
    /// `GET`, `POST`, …
    pub method: String,
    pub path: String,
    pub operation: String,
    /// Whether the operation changes anything.
    pub writes: bool,
    /// Whether the proxy answers it by itself, and no provider has a part in it.
    pub is_own: bool,
}

/// One provider.
#[derive(Debug, Clone)]
pub struct PlanProvider {
    /// As in `examplecrm`: a legal module name.
    pub name: String,
    pub title: String,
    pub base_url: PlanBaseUrl,
    pub versions: PlanVersions,
    pub auth: PlanAuth,
    pub check: Option<PlanCheck>,
    /// What the operations need that it has, in the order of the unified spec; empty where it is not said.
    pub scopes: Vec<PlanOperationScopes>,
    pub limits: Vec<PlanLimit>,
    pub errors: PlanErrors,
    pub bundle: Option<PlanBundle>,
    /// Single reads that one call carries out together.
    pub joins: Vec<PlanJoin>,
    pub native_door: PlanNativeDoor,
    /// How an empty value is written.
    pub clear: PlanClear,
    pub record_id: PlanRecordId,
    /// The member of a native record that holds its fields, where it is not the record itself.
    pub fields_in: Option<String>,
    /// The native operations that the entities call, each once, by id.
    pub operations: Vec<PlanNativeOperation>,
    pub entities: Vec<PlanEntity>,
    /// Operations that are not about records, file by file.
    pub scripts: Vec<PlanScripts>,
    pub sources: Vec<String>,
}

/// One file of operations that are not about records: one generated module.
#[derive(Debug, Clone)]
pub struct PlanScripts {
    pub vertical: String,
    pub name: String,
    pub sources: Vec<String>,
    pub objects: Option<PlanObjects>,
    pub operations: Vec<PlanScriptOperation>,
}

#[derive(Debug, Clone)]
pub struct PlanObjects {
    /// Names that callers use, and the native ones.
    pub names: Vec<(String, String)>,
    pub listed: Option<PlanListed>,
    pub fields: Option<PlanObjectFields>,
}

#[derive(Debug, Clone)]
pub struct PlanListed {
    pub call: PlanCall,
    pub rows: PlanPath,
    pub name: PlanPath,
    pub aliases: Vec<PlanPath>,
    pub suffix: Option<String>,
}

#[derive(Debug, Clone)]
pub struct PlanObjectFields {
    pub call: PlanCall,
    pub rows: PlanPath,
    pub name: PlanPath,
}

#[derive(Debug, Clone)]
pub struct PlanScriptOperation {
    /// As in `crm.object.count`.
    pub name: String,
    /// The objects that a call is about, by role, and where their names are.
    pub objects: Vec<(String, PlanObjectPlace)>,
    /// The component of the request's body.
    pub input: Option<String>,
    pub script: PlanScript,
}

#[derive(Debug, Clone)]
pub enum PlanObjectPlace {
    Parameter(String),
    Body(String),
}

#[derive(Debug, Clone)]
pub struct PlanScript {
    pub steps: Vec<PlanScriptStep>,
    pub answer: PlanTemplate,
}

#[derive(Debug, Clone)]
pub struct PlanScriptStep {
    pub name: String,
    /// Index into [`PlanProvider::operations`].
    pub operation: usize,
    pub root: usize,
    pub path: Vec<PlanScriptPart>,
    pub query: Vec<(String, PlanTemplate)>,
    pub body: Option<PlanTemplate>,
    /// The path to the element of an XML body that is to hold the credential.
    pub credential: Option<PlanPath>,
    pub only_if: Option<PlanTemplate>,
    pub unless: Option<PlanTemplate>,
    pub object: Option<String>,
    pub not_object: Option<String>,
    pub remembered: bool,
    /// Rows, next token, and the parameter that takes it.
    pub pages: Option<(PlanPath, PlanPath, String)>,
    pub ignore: Vec<u16>,
    pub failed_if: Option<PlanFailedIf>,
}

#[derive(Debug, Clone)]
pub struct PlanFailedIf {
    pub path: PlanPath,
    pub equals: String,
    pub code: PlanPath,
    pub message: PlanPath,
}

#[derive(Debug, Clone)]
pub enum PlanScriptPart {
    Literal(String),
    Segment(PlanValue),
}

/// JSON with places to fill while the operation runs.
#[derive(Debug, Clone)]
pub enum PlanTemplate {
    Json(String),
    Slot(PlanValue),
    Text(Vec<PlanPiece>),
    Object(Vec<PlanMemberTemplate>),
    List(Vec<PlanTemplate>),
    For {
        over: PlanValue,
        only: Vec<PlanCondition>,
        except: Vec<PlanCondition>,
        item: Box<PlanTemplate>,
    },
    First {
        list: Box<PlanTemplate>,
        otherwise: Option<Box<PlanTemplate>>,
    },
    Without {
        slot: PlanValue,
        names: Vec<String>,
    },
    By {
        slot: PlanValue,
        cases: Vec<(String, PlanTemplate)>,
        otherwise: Option<Box<PlanTemplate>>,
    },
    Refuse(String),
    Join(Vec<PlanTemplate>),
    Count(PlanValue),
}

#[derive(Debug, Clone)]
pub enum PlanMemberTemplate {
    Named(String, PlanTemplate),
    All(PlanTemplate),
}

#[derive(Debug, Clone)]
pub enum PlanPiece {
    Literal(String),
    Plain(PlanValue),
    Quoted(PlanValue),
    Name(PlanValue),
    Suffixed(PlanValue, String),
    Stripped(PlanValue, String),
    Json(PlanValue),
}

/// A value that a template takes.
#[derive(Debug, Clone)]
pub struct PlanValue {
    pub root: PlanRoot,
    pub path: PlanPath,
    pub optional: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanRoot {
    Input,
    Parameter,
    Object,
    Step,
    Each,
    Outer,
    Index,
    Now,
}

#[derive(Debug, Clone)]
pub struct PlanCondition {
    pub path: PlanPath,
    /// None: any value but null.
    pub equals: Option<PlanTemplate>,
}

#[derive(Debug, Clone)]
pub enum PlanBaseUrl {
    Fixed(String),
    PerConnection {
        setting: String,
        allowed_hosts: Vec<String>,
    },
}

#[derive(Debug, Clone)]
pub struct PlanVersions {
    pub default: String,
    pub families: Vec<PlanVersionFamily>,
    /// By version, the first day without it.
    pub retires: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct PlanVersionFamily {
    pub matches: PlanVersionMatch,
    /// One for each root, in the same order in every family, with `{version}` in it where the family has it.
    pub roots: Vec<String>,
}

#[derive(Debug, Clone)]
pub enum PlanVersionMatch {
    OneOf(Vec<String>),
    AtLeast(String),
}

#[derive(Debug, Clone, Default)]
pub struct PlanAuth {
    pub token_url: String,
    pub login_url: Option<String>,
    pub lifetime_seconds: Option<u64>,
    pub base_url_member: Option<String>,
    pub revoked: Vec<(String, Vec<String>)>,
    pub incurable: Vec<String>,
    pub authorize: Option<PlanAuthorize>,
    pub logins: Vec<PlanLogin>,
    pub revoke: Option<PlanTokenCall>,
    pub granted: Option<PlanGranted>,
}

#[derive(Debug, Clone, Default)]
pub struct PlanErrors {
    pub list: bool,
    pub code: Vec<String>,
    pub message: String,
    pub correlation_id: Option<String>,
    pub correlation_header: Option<String>,
    pub details_list: Option<String>,
    pub details_message: Option<String>,
    pub details_code: Option<String>,
    pub details_fields: Option<String>,
    pub named: Vec<PlanNamed>,
    pub details_context: Option<String>,
    pub existing_id_after: Option<String>,
    pub partial: Option<PlanPartial>,
    pub classify: Vec<PlanErrorRule>,
}

/// How a success tells that a part of the call failed.
#[derive(Debug, Clone)]
pub struct PlanPartial {
    pub status: u16,
    /// The member with the list of errors.
    pub list: String,
    /// The codes of those that only say that something is not there.
    pub ignore: Vec<String>,
}

/// Texts that a refusal names beside its message.
#[derive(Debug, Clone)]
pub struct PlanNamed {
    pub what: String,
    pub at: Vec<PlanPath>,
    pub help: Option<String>,
}

#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // Each is a key of the mapping, and any of them may stand with any other.
pub struct PlanErrorRule {
    pub status: Option<u16>,
    pub codes: Vec<String>,
    /// Members that have one of some values.
    pub with: Vec<(String, Vec<String>)>,
    /// Words in the message.
    pub message: Option<String>,
    /// As in `BAD_REQUEST`; checked against the vocabulary.
    pub code: String,
    pub refresh: bool,
    pub hidden_field: bool,
    pub not_carried_out: bool,
    pub never_again: bool,
    pub retry_after_seconds: Option<u32>,
    /// The name of the limit that is spent.
    pub limit: Option<String>,
}

/// Several calls in one round trip.
#[derive(Debug, Clone)]
pub struct PlanBundle {
    /// Index into [`PlanProvider::operations`].
    pub operation: usize,
    /// Index into the roots.
    pub root: usize,
    /// The rest of the path.
    pub path: String,
    pub max: usize,
    /// A read with an address of more characters goes in a bundle.
    pub for_targets_over: Option<usize>,
    /// Other members of the request, each with its JSON.
    pub members: Vec<(String, String)>,
    /// The same for a bundle of which nothing is carried out when one part fails.
    pub atomic_members: Vec<(String, String)>,
    /// The codes of parts that failed only since another one did.
    pub halted: Vec<String>,
    pub requests: String,
    pub request_method: String,
    pub request_target: String,
    pub request_name: String,
    pub request_body: String,
    pub responses: String,
    pub response_status: String,
    pub response_body: String,
    /// As in `@{step.path}`: `step` and `path` are replaced.
    pub reference: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanClear {
    Null,
    EmptyText,
}

/// The form of a record's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanRecordId {
    /// Any text.
    Text,
    /// Decimal digits.
    Decimal,
    /// 15 characters of base 62, or 18 with three check characters.
    Base62Checked,
}

#[derive(Debug, Clone)]
pub struct PlanNativeOperation {
    pub id: String,
    pub method: String,
    pub writes: bool,
    /// Whether its bodies are XML.
    pub is_xml: bool,
}

/// One entity of one provider: one generated module.
#[derive(Debug, Clone)]
pub struct PlanEntity {
    /// As in `crm`.
    pub vertical: String,
    /// As in `account`; with the vertical: `crm.account`.
    pub name: String,
    pub sources: Vec<String>,
    /// The native schema's name, as in `Company`.
    pub native: String,
    /// What a native record has around its fields, in the order of the provider's spec; empty where the fields stand in
    /// the record itself, in the order in which they are asked for.
    pub around_fields: Vec<String>,
    /// The unified record's type, as in `account`.
    pub record: String,
    /// The unified input's type, where any operation writes.
    pub input: Option<String>,
    /// In the order of the unified spec.
    pub fields: Vec<PlanField>,
    /// Unified fields with no counterpart here, and the reason that a customer is told.
    pub not_mapped: Vec<PlanNotMapped>,
    /// The names of native fields that every read asks for, relative to [`PlanProvider::fields_in`], in mapping order, each once.
    pub selection: Vec<String>,
    /// Where a native record has its id.
    pub id: PlanPath,
    /// What every id of this entity begins with.
    pub record_id_prefix: Option<String>,
    pub beside: Vec<PlanBeside>,
    /// The call that tells which fields the connected user has.
    pub description: Option<PlanDescription>,
    /// Native fields that a created record gets unless it has them.
    pub defaults: Vec<(String, PlanDefault)>,
    /// Fields of the unified input that the record does not have; calls use them.
    pub inputs: Vec<String>,
    /// How the object is found that a call names, where the entity is not of one object.
    pub objects: Option<PlanObjects>,
    /// What lists of changes tell of records that are gone, where there is a list.
    pub gone: Option<PlanGone>,
    pub operations: Vec<PlanOperation>,
}

/// What lists of changes tell of records that are gone.
#[derive(Debug, Clone)]
pub struct PlanGone {
    pub deleted: PlanTold,
    pub merged: PlanTold,
}

#[derive(Debug, Clone)]
pub enum PlanTold {
    /// The unified field that tells, and which records are not told all the same.
    By {
        field: String,
        except: Option<String>,
    },
    /// Why not.
    Not(String),
}

/// Something that is read beside the records of an entity.
#[derive(Debug, Clone)]
pub struct PlanBeside {
    pub name: String,
    /// Where a record has the key of what is beside it.
    pub key: PlanNativeRef,
    /// The unified fields that come from it.
    pub fields: Vec<String>,
    pub call: PlanCall,
    pub kind: PlanBesideKind,
}

#[derive(Debug, Clone)]
pub enum PlanBesideKind {
    /// Records of another native object.
    Records {
        native: String,
        max: usize,
        rows: PlanPath,
        id: PlanPath,
    },
    /// The body of an answer, as text.
    Text,
    /// A table of values and labels.
    Labels {
        rows: PlanPath,
        inner: Option<PlanPath>,
        value: PlanPath,
        label: PlanPath,
    },
}

#[derive(Debug, Clone)]
pub struct PlanDescription {
    pub call: PlanCall,
    pub rows: PlanPath,
    pub name: PlanPath,
}

/// What a native field of a created record is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanDefault {
    /// JSON.
    Constant(String),
    /// The time of the call.
    Now,
    /// The first line of a unified field's text.
    TitleOf(String),
}

#[derive(Debug, Clone)]
pub struct PlanNotMapped {
    pub field: String,
    pub reason: String,
    /// Whether the unified input has it, so that a write of it must be answered with a warning.
    pub in_input: bool,
}

/// A place in a native record, as in `["properties", "name"]`.
pub type PlanPath = Vec<String>;

/// The type of a native value on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanNativeType {
    Text,
    Number,
    Boolean,
}

/// One unified field and where it comes from and goes.
#[derive(Debug, Clone)]
pub struct PlanField {
    pub name: String,
    /// As in the unified record: a field that is required there and missing in the native record is a fault.
    pub required: bool,
    pub source: PlanSource,
}

#[derive(Debug, Clone)]
pub enum PlanSource {
    /// One native value, or the first present of several.
    Value {
        from: Vec<PlanNativeRef>,
        convert: PlanConvert,
        /// What beside the records has a label for the value.
        label: Option<String>,
        /// Where a write of the field goes; none where it is not written.
        write: Option<PlanWrite>,
    },
    /// The value of an enumeration by the first truth that holds. Read only.
    FirstTrue {
        ty: String,
        cases: Vec<(String, PlanNativeRef)>,
        otherwise: String,
    },
    /// Null; but each of the records that the native list names is told with this record's id in the field.
    Losers {
        from: PlanNativeRef,
        /// The truth that is set in such a record.
        flag: Option<String>,
    },
    /// Several texts joined by a space, the empty ones left out. Read only.
    Join(Vec<PlanNativeRef>),
    /// The same for every record: JSON.
    Constant(String),
    /// Flat native fields that make a list of typed entries.
    Group {
        /// The type of an entry, as in `address`.
        entry: String,
        /// The member that tells entries apart, as in `address_type`, and its type, as in `address_type`.
        tag: String,
        tag_type: String,
        /// Whether the unified input has the field.
        writes: bool,
        rows: Vec<PlanGroupRow>,
    },
}

#[derive(Debug, Clone)]
pub struct PlanGroupRow {
    /// The value of the tag, as in `billing`.
    pub tag: String,
    /// The other members of the entry that are mapped, in the entry's order.
    pub members: Vec<PlanGroupMember>,
}

#[derive(Debug, Clone)]
pub struct PlanGroupMember {
    pub name: String,
    pub from: PlanNativeRef,
    /// Part of a native field of several lines.
    pub line: Option<PlanLine>,
    pub write: Option<PlanWrite>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanLine {
    First,
    Rest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanNativeRef {
    /// Empty where what is beside the record is one text.
    pub path: PlanPath,
    pub ty: PlanNativeType,
    /// The name of what is beside the record, where it is not the record itself.
    pub beside: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanWrite {
    /// The native field's name, relative to [`PlanProvider::fields_in`].
    pub name: String,
    pub ty: PlanNativeType,
    /// In characters.
    pub max_length: Option<usize>,
    /// Whether null may be written.
    pub nullable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanConvert {
    /// As it is: the same type on both sides.
    Same,
    /// A whole number, which the native side may hold as text.
    Integer,
    /// A number, which the native side holds as text; exact.
    Number,
    /// A truth value, which the native side holds as the text `true` or `false`.
    Boolean,
    /// An instant in any of the usual forms → RFC 3339 UTC with milliseconds.
    Timestamp,
    /// A date → midnight UTC of that day, RFC 3339.
    DateAsTimestamp,
    /// A date or an instant → the date, in UTC. Read only.
    Date,
    /// The opposite of a truth value. Read only.
    Not,
    /// A text, which the native side holds as HTML; written in Base64.
    HtmlBase64,
    /// A text that a write may give as an option's label: `(value)` of each known option.
    Option(Vec<String>),
    /// An enumeration with a counterpart for each value: `(unified, native)`, of the unified type named.
    Values {
        ty: String,
        pairs: Vec<(String, String)>,
    },
}

/// One unified operation as native calls.
#[derive(Debug, Clone)]
pub struct PlanOperation {
    /// As in `crm.account.list`.
    pub name: String,
    pub form: PlanForm,
}

#[derive(Debug, Clone)]
pub enum PlanForm {
    List(PlanList),
    Batch(PlanBatch),
    /// One step after the other.
    Steps(Vec<PlanStep>),
    Upsert(PlanUpsert),
}

#[derive(Debug, Clone)]
pub struct PlanList {
    pub default_size: u32,
    pub max_size: u32,
    /// The native lists that make up all records.
    pub full: Vec<PlanPager>,
    /// The native lists that make up what has changed; none where the provider cannot tell.
    pub changes: Vec<PlanPager>,
    /// How far a window of changes reaches back into the one before it.
    pub overlap_seconds: u32,
    pub complete: Option<PlanComplete>,
}

/// The call that reads the fields of records whose ids a list has told, where the fields do not fit in the list's call.
#[derive(Debug, Clone)]
pub struct PlanComplete {
    /// When the names of the fields have more characters than this.
    pub over: usize,
    /// The fields that the list itself is asked for then.
    pub lean: Vec<String>,
    pub call: PlanCall,
    /// The most ids of one call.
    pub max: usize,
    pub rows: PlanPath,
}

/// One way to get the next page.
#[derive(Debug, Clone)]
pub struct PlanPager {
    pub call: PlanCall,
    /// The most rows that one call may ask for, where fewer than the page may have.
    pub max: Option<u32>,
    /// Where the rows are; empty: the body itself is the list.
    pub rows: PlanPath,
    /// The provider's own token of the next page.
    pub next: Option<PlanPath>,
    /// Something that is there when there are more rows.
    pub more: Option<PlanPath>,
    /// The instant in a row that decides whether it belongs to a window of changes.
    pub keep: Option<PlanPath>,
}

#[derive(Debug, Clone)]
pub struct PlanBatch {
    pub call: PlanCall,
    pub max: usize,
    pub rows: PlanPath,
}

#[derive(Debug, Clone)]
pub struct PlanStep {
    pub name: String,
    pub kind: PlanStepKind,
    /// Where to go without calling, when there is nothing to write.
    pub if_empty: Option<String>,
    /// Where to go without calling, when the names of the fields have more characters than the call can take.
    pub if_wide: Option<(usize, String)>,
    /// Where to go on a status of the provider.
    pub on: Vec<(u16, PlanRouteTo)>,
    /// Where to go when the writing part of a bundle succeeded and the reading part did not.
    pub otherwise: Option<String>,
    /// Where to go next; none at the end, where the record has been read.
    pub then: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanRouteTo {
    Step(String),
    /// More than one record fits.
    Conflict,
}

#[derive(Debug, Clone)]
pub enum PlanStepKind {
    Call(Box<PlanStepCall>),
    /// Several calls in one round trip, by name.
    Bundle {
        /// Whether all parts are undone when one fails.
        atomic: bool,
        parts: Vec<(String, PlanStepCall)>,
    },
}

#[derive(Debug, Clone)]
pub struct PlanStepCall {
    pub call: PlanCall,
    /// Where the answer has the record's id.
    pub id: Option<PlanPath>,
    /// The body of the answer is the native record.
    pub record: bool,
    /// The list in the body whose only row is the record, where it is not the body itself.
    pub rows: Option<PlanPath>,
    /// `on` of a part of a bundle.
    pub on: Vec<(u16, PlanRouteTo)>,
    /// The part is left out of its bundle when the request does not have this input.
    pub only_if: Option<String>,
}

#[derive(Debug, Clone)]
pub struct PlanUpsert {
    pub keys: Vec<PlanKey>,
    /// Keys of the unified API that this provider can't match by, and why.
    pub refused: Vec<(String, String)>,
    /// Reads one record that was written a moment ago; its answer is a native record.
    pub recent: Option<PlanCall>,
    /// The steps for no record found and for one.
    pub none: String,
    pub one: String,
    pub steps: Vec<PlanStep>,
}

#[derive(Debug, Clone)]
pub struct PlanKey {
    pub name: String,
    pub normalize: PlanNormalize,
    /// The native field that a created record gets the key's value in, unless it has one.
    pub set: PlanWrite,
    pub omit_from_changes: bool,
    /// A row fits when the first present of these, in normal form, is one of the values asked for, or, where no row
    /// does, a further one; empty: every row fits.
    pub matches: Vec<PlanNativeRef>,
    pub find: PlanFind,
    pub direct: Option<PlanDirect>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanNormalize {
    Host,
    Website,
    Email,
    /// Compared as it is.
    Exact,
}

#[derive(Debug, Clone)]
pub struct PlanFind {
    pub call: PlanCall,
    pub rows: PlanPath,
    /// The provider's own token of the next page.
    pub next: Option<PlanPath>,
    /// The rows may be what the records were a while ago.
    pub stale: bool,
    /// Where a row has the record's id.
    pub id: PlanPath,
    /// The most characters of spelled values in one call.
    pub split: usize,
    /// The most values in one call.
    pub max: Option<usize>,
}

/// The step to begin with when one value is given.
#[derive(Debug, Clone)]
pub struct PlanDirect {
    pub step: String,
    /// Only if the value can stand in a path without being misread.
    pub plain_value: bool,
    /// Only if the record itself does not give the key another value.
    pub record_keeps_key: bool,
}

/// One call to a native operation, with every parameter bound.
#[derive(Debug, Clone)]
pub struct PlanCall {
    /// Index into [`PlanProvider::operations`].
    pub operation: usize,
    /// Index into the roots of [`PlanVersions`].
    pub root: usize,
    /// What follows the root.
    pub path: Vec<PlanPathPart>,
    pub query: Vec<PlanQuery>,
    pub body: Option<PlanJson>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanPathPart {
    /// As it is, as in `/companies/batch/read`.
    Literal(String),
    /// One segment, percent-encoded.
    Slot(PlanSlot),
}

#[derive(Debug, Clone)]
pub struct PlanQuery {
    pub name: String,
    pub value: PlanQueryValue,
}

#[derive(Debug, Clone)]
pub enum PlanQueryValue {
    Literal(String),
    /// Left out when the slot has no value and is optional.
    Slot {
        slot: PlanSlot,
        optional: bool,
    },
    Template(Vec<PlanTemplatePart>),
}

/// A part of a text in a query language.
#[derive(Debug, Clone, PartialEq)]
pub enum PlanTemplatePart {
    Literal(String),
    /// Written as a literal of the query language, escaped by the slot's type.
    Slot(PlanSlot),
    /// Left out unless every slot in it has a value.
    Optional(Vec<PlanTemplatePart>),
}

/// A JSON body with slots in it.
#[derive(Debug, Clone)]
pub enum PlanJson {
    /// JSON without slots, compact.
    Literal(String),
    Object(Vec<(String, PlanJson)>),
    List(Vec<PlanJson>),
    /// An optional slot without a value takes the element of the innermost list around it away, or else its member.
    Slot {
        slot: PlanSlot,
        optional: bool,
    },
    /// A list with one element for each value of `slot`; the element's body has the slot's `…each` in it.
    Each {
        slot: PlanSlot,
        element: Box<PlanJson>,
    },
}

/// What a call can be given. Each has one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanSlot {
    /// `page.size`: integer.
    PageSize,
    /// `page.size_plus_one`: integer.
    PageSizePlusOne,
    /// `page.token`: text; none on the first page.
    PageToken,
    /// `page.after`: the last id of the page before, text; none on the first page.
    PageAfter,
    /// `window.from`, `window.to`: instants.
    WindowFrom,
    WindowTo,
    /// `fields`: names of native fields.
    Fields,
    /// `ids`: texts.
    Ids,
    /// `ids.each`: text, inside [`PlanJson::Each`].
    IdsEach,
    /// `record.id`: text.
    RecordId,
    /// `object.name`: the native name of the object that the call names.
    ObjectName,
    /// `record`: the native record to write, JSON.
    Record,
    /// `changes`: the same without the key that it is found by, JSON.
    Changes,
    /// `key.value`: text.
    KeyValue,
    /// `key.spellings`: texts, the ways in which the values may be written.
    KeySpellings,
    KeySpellingsEach,
    /// `key.hosts`: texts, the hosts of those values that are nothing but a host; may be none.
    KeyHosts,
    /// `recent.id`: text.
    RecentId,
    /// `input.<field>`: text of a field that the unified input has and the record has not; may be none.
    Input(String),
    /// `<part>.id` in a bundle: a reference to the id that an earlier part answers; the id's path.
    Part {
        name: String,
        path: PlanPath,
    },
    /// A literal text of the mapping.
    Literal(String),
    /// A literal list of texts.
    LiteralList(Vec<String>),
}

impl PlanOperation {
    /// All native calls that make up the operation.
    pub fn calls(&self) -> Vec<&PlanCall> {
        match &self.form {
            PlanForm::List(list) => {
                let pagers = list.full.iter().chain(&list.changes);
                let complete = list.complete.as_ref().map(|complete| &complete.call);
                pagers.map(|pager| &pager.call).chain(complete).collect()
            }
            PlanForm::Batch(batch) => vec![&batch.call],
            PlanForm::Steps(steps) => step_calls(steps).collect(),
            PlanForm::Upsert(upsert) => {
                let finds = upsert.keys.iter().map(|key| &key.find.call);
                finds
                    .chain(&upsert.recent)
                    .chain(step_calls(&upsert.steps))
                    .collect()
            }
        }
    }
}

fn step_calls(steps: &[PlanStep]) -> impl Iterator<Item = &PlanCall> {
    steps.iter().flat_map(|step| match &step.kind {
        PlanStepKind::Call(call) => vec![&call.call],
        PlanStepKind::Bundle { parts, .. } => parts.iter().map(|(_, part)| &part.call).collect(),
    })
}

impl PlanCall {
    /// All slots of the call.
    pub fn slots(&self) -> Vec<&PlanSlot> {
        let mut slots = Vec::new();
        for part in &self.path {
            if let PlanPathPart::Slot(slot) = part {
                slots.push(slot);
            }
        }
        for query in &self.query {
            match &query.value {
                PlanQueryValue::Literal(_) => {}
                PlanQueryValue::Slot { slot, .. } => slots.push(slot),
                PlanQueryValue::Template(parts) => template_slots(parts, &mut slots),
            }
        }
        if let Some(body) = &self.body {
            json_slots(body, &mut slots);
        }
        slots
    }
}

pub(crate) fn template_slots<'p>(parts: &'p [PlanTemplatePart], slots: &mut Vec<&'p PlanSlot>) {
    for part in parts {
        match part {
            PlanTemplatePart::Literal(_) => {}
            PlanTemplatePart::Slot(slot) => slots.push(slot),
            PlanTemplatePart::Optional(parts) => template_slots(parts, slots),
        }
    }
}

fn json_slots<'p>(json: &'p PlanJson, slots: &mut Vec<&'p PlanSlot>) {
    match json {
        PlanJson::Literal(_) => {}
        PlanJson::Object(members) => members.iter().for_each(|(_, json)| json_slots(json, slots)),
        PlanJson::List(elements) => elements.iter().for_each(|json| json_slots(json, slots)),
        PlanJson::Slot { slot, .. } => slots.push(slot),
        PlanJson::Each { slot, element } => {
            slots.push(slot);
            json_slots(element, slots);
        }
    }
}
