//! The labels, none of which grows with use.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// The class of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Success,
    Redirect,
    Client,
    Server,
    /// There was none.
    None,
}

/// Why a call to a provider was made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    Throttled,
    Refused,
    NotConnected,
    Lost,
}

/// How a refresh of a token ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refreshed {
    Renewed,
    /// There was no answer, or one that passes.
    Failed,
    /// A person must act.
    Refused,
}

/// What became of a configuration that was read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reloaded {
    Applied,
    /// It has mistakes; the old one stays.
    Refused,
}

/// How a read came to its answer without a call of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Joined {
    /// Another one asked for the same.
    Same,
    /// It was a part of a batch.
    Batch,
}

impl Status {
    /// How many there are.
    pub(super) const COUNT: usize = 5;

    pub(super) fn of(status: u16) -> Self {
        match status {
            100..300 => Self::Success,
            300..400 => Self::Redirect,
            400..500 => Self::Client,
            500.. => Self::Server,
            _ => Self::None,
        }
    }
}

impl Reason {
    pub(super) const ALL: [Self; 4] = [
        Self::Throttled,
        Self::Refused,
        Self::NotConnected,
        Self::Lost,
    ];
}

impl Refreshed {
    pub(super) const ALL: [Self; 3] = [Self::Renewed, Self::Failed, Self::Refused];
}

impl Joined {
    pub(super) const ALL: [Self; 2] = [Self::Same, Self::Batch];
}

/// Implements what writes a label, from the word that it is.
macro_rules! words {
    ($($name:ident { $($variant:ident => $word:literal),+ $(,)? })+) => { $(
        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                let word = match self { $(Self::$variant => $word),+ };
                EncodeLabelValue::encode(&word, encoder)
            }
        }
    )+ };
}

words! {
    Status { Success => "2xx", Redirect => "3xx", Client => "4xx", Server => "5xx", None => "none" }
    Reason { Throttled => "throttled", Refused => "refused", NotConnected => "not_connected", Lost => "lost" }
    Refreshed { Renewed => "renewed", Failed => "failed", Refused => "refused" }
    Joined { Same => "same", Batch => "batch" }
    Reloaded { Applied => "applied", Refused => "refused" }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallLabels {
    pub(super) operation: &'static str,
    pub(super) provider: &'static str,
    pub(super) status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OperationLabels {
    pub(super) operation: &'static str,
    pub(super) provider: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct NativeLabels {
    pub(super) provider: &'static str,
    pub(super) status: Status,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByProvider {
    pub(super) provider: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RetryLabels {
    pub(super) provider: &'static str,
    pub(super) reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByState {
    pub(super) provider: &'static str,
    pub(super) state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RefreshLabels {
    pub(super) provider: &'static str,
    pub(super) result: Refreshed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByLimit {
    pub(super) provider: &'static str,
    pub(super) limit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReloadLabels {
    pub(super) outcome: Reloaded,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct JoinLabels {
    pub(super) provider: &'static str,
    pub(super) how: Joined,
}
