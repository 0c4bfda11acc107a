//! Grants: what a user allowed an app in one consent, and the tokens that came of it. Knows no provider.
//!
//! Each grant has its own refresh token, its own access tokens and its own scopes, and ends by itself. Grant 0 is the
//! one whose tokens are fixed, so that a demo works without a consent. No token leaves by `Debug` or by [`Grants::shown`].

use std::collections::BTreeMap;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::clock::iso_ms;

/// Tokens, codes and grants that are remembered, of each kind; the oldest are forgotten, and then unknown.
const MOST: usize = 10_000;

/// The grant whose tokens are fixed.
pub(super) const FIXED: u64 = 0;

/// Every grant so far, with its tokens, and the codes that can still be changed into one.
#[derive(Default)]
pub(super) struct Grants {
    all: BTreeMap<u64, Grant>,
    /// Every refresh token ever given, so that one that was rotated out is known again.
    refresh: BTreeMap<String, Refresh>,
    access: BTreeMap<String, Access>,
    codes: BTreeMap<String, Code>,
    last: u64,
    /// Calls of the token endpoint that were granted, by `grant_type`.
    granted: BTreeMap<String, u64>,
    refused: u64,
}

#[derive(Debug)]
struct Grant {
    kind: Kind,
    /// All that the app may have, where none are named.
    scopes: Option<Vec<String>>,
    granted_ms: i64,
    refreshes: u64,
    /// Whether it ever had a refresh token.
    renews: bool,
    ended: Option<End>,
}

/// How a grant came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Fixed,
    Consent,
    ClientCredentials,
}

/// Why a grant renews no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By the app, the user or a test.
    Revoked,
    /// A refresh token was used that had been rotated out.
    OldTokenUsed,
    /// The user approved the app too often since.
    TooManyApprovals,
}

struct Refresh {
    grant: u64,
    is_current: bool,
}

/// An access token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    pub(super) grant: u64,
    pub(super) issued_ms: i64,
    pub(super) used_ms: i64,
    /// When it ends, where that does not hang on its use.
    pub(super) expires_ms: Option<i64>,
}

/// A consent that waits for its exchange.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub(super) scopes: Vec<String>,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<String>,
    pub(super) issued_ms: i64,
}

impl std::fmt::Debug for Grants {
    /// The tokens themselves are left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grants")
            .field("grants", &self.all.len())
            .field("access", &self.access.len())
            .finish_non_exhaustive()
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Consent => "consent",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::OldTokenUsed => "old_token_used",
            Self::TooManyApprovals => "too_many_approvals",
        }
    }
}

impl Code {
    /// Whether a verifier fits the challenge (S256); without a challenge there is nothing to prove.
    pub(super) fn is_proven_by(&self, verifier: Option<&str>) -> bool {
        let Some(challenge) = &self.challenge else {
            return true;
        };
        let verifier = verifier.unwrap_or_default();
        (43..=128).contains(&verifier.len())
            && BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) == *challenge
    }
}

impl Grants {
    /// The fixed grant as at the beginning, alive with this refresh token; the others stay.
    pub(super) fn restore_fixed(&mut self, refresh_token: &str, now_ms: i64) {
        self.refresh.retain(|_, refresh| refresh.grant != FIXED);
        self.all
            .insert(FIXED, Grant::new(Kind::Fixed, None, now_ms, true));
        self.add_refresh(FIXED, refresh_token.to_owned());
    }

    /// Keeps a consent until its code is exchanged.
    pub(super) fn keep_code(&mut self, code: String, consent: Code) {
        forget_oldest(&mut self.codes, |code| code.issued_ms);
        self.codes.insert(code, consent);
    }

    /// A code works once.
    pub(super) fn redeem(&mut self, code: &str) -> Option<Code> {
        self.codes.remove(code)
    }

    /// A new grant; without a refresh token it does not renew.
    pub(super) fn open(
        &mut self,
        kind: Kind,
        scopes: Option<Vec<String>>,
        refresh_token: Option<String>,
        now_ms: i64,
    ) -> u64 {
        self.last += 1;
        let id = self.last;
        // Never the fixed one, whose tokens are printed in guides.
        while self.all.len() > MOST {
            let oldest = self.all.keys().copied().find(|id| *id != FIXED);
            let Some(oldest) = oldest else { break };
            self.forget(oldest);
        }
        let grant = Grant::new(kind, scopes, now_ms, refresh_token.is_some());
        self.all.insert(id, grant);
        if let Some(token) = refresh_token {
            self.add_refresh(id, token);
        }
        id
    }

    /// The grant of a refresh token that is good now. One that was rotated out ends its grant (`salesforce.md` §1.2).
    pub(super) fn renew(&mut self, refresh_token: &str) -> Option<u64> {
        let refresh = self.refresh.get(refresh_token)?;
        let (id, is_current) = (refresh.grant, refresh.is_current);
        if !is_current {
            self.end(id, End::OldTokenUsed);
            return None;
        }
        let grant = self.all.get_mut(&id).filter(|it| it.ended.is_none())?;
        grant.refreshes += 1;
        Some(id)
    }

    /// Gives a grant a new refresh token; the one before is known from now on as rotated out.
    pub(super) fn rotate(&mut self, grant: u64, next: String) {
        for refresh in self.refresh.values_mut().filter(|it| it.grant == grant) {
            refresh.is_current = false;
        }
        self.add_refresh(grant, next);
    }

    /// Which grant a refresh token is of, as long as that is alive.
    pub(super) fn of_refresh(&self, refresh_token: &str) -> Option<u64> {
        let refresh = self.refresh.get(refresh_token)?;
        (refresh.is_current && self.is_alive(refresh.grant)).then_some(refresh.grant)
    }

    /// Whether a refresh token was ever given, good or not.
    pub(super) fn knows_refresh(&self, refresh_token: &str) -> bool {
        self.refresh.contains_key(refresh_token)
    }

    pub(super) fn issue(
        &mut self,
        grant: u64,
        token: String,
        now_ms: i64,
        expires_ms: Option<i64>,
    ) {
        forget_oldest(&mut self.access, |access| access.issued_ms);
        let access = Access {
            grant,
            issued_ms: now_ms,
            used_ms: now_ms,
            expires_ms,
        };
        self.access.insert(token, access);
    }

    pub(super) fn access(&self, token: &str) -> Option<Access> {
        self.access.get(token).copied()
    }

    /// Notes that a token is used.
    pub(super) fn touch(&mut self, token: &str, now_ms: i64) {
        if let Some(access) = self.access.get_mut(token) {
            access.used_ms = now_ms;
        }
    }

    pub(super) fn scopes(&self, grant: u64) -> Option<&Vec<String>> {
        self.all.get(&grant)?.scopes.as_ref()
    }

    /// Takes one access token away.
    pub(super) fn drop_access(&mut self, token: &str) -> bool {
        self.access.remove(token).is_some()
    }

    /// Takes every access token away, so that none of them is known any more.
    pub(super) fn drop_all_access(&mut self) {
        self.access.clear();
    }

    /// Lets every access token expire now.
    pub(super) fn expire_all(&mut self, now_ms: i64) {
        for access in self.access.values_mut() {
            access.expires_ms = Some(access.expires_ms.unwrap_or(now_ms).min(now_ms));
        }
    }

    /// Ends a grant with all its tokens.
    pub(super) fn end(&mut self, grant: u64, why: End) {
        self.stop_renewing(grant, why);
        self.access.retain(|_, access| access.grant != grant);
    }

    /// Ends a grant's refresh token; its access tokens live out.
    pub(super) fn stop_renewing(&mut self, grant: u64, why: End) {
        if let Some(grant) = self.all.get_mut(&grant) {
            grant.ended.get_or_insert(why);
        }
    }

    /// Ends the oldest consents until only so many renew.
    pub(super) fn keep_newest(&mut self, most: usize) {
        let renews =
            |grant: &Grant| grant.kind == Kind::Consent && grant.renews && grant.ended.is_none();
        let alive = self.all.iter().filter(|(_, grant)| renews(grant));
        let alive: Vec<u64> = alive.map(|(id, _)| *id).collect();
        let excess = alive.len().saturating_sub(most);
        for id in &alive[..excess] {
            self.end(*id, End::TooManyApprovals);
        }
    }

    /// The command `revoke`: ends one grant, or all of them.
    pub(super) fn revoke(&mut self, body: &Value) -> Result<Value, String> {
        let ids = match &body["grant"] {
            Value::Null => self.all.keys().copied().collect(),
            id => match id.as_u64().filter(|id| self.all.contains_key(id)) {
                Some(id) => vec![id],
                None => return Err(format!("grant: there is no grant {id}")),
            },
        };
        for id in &ids {
            self.end(*id, End::Revoked);
        }
        Ok(json!({ "revoked": ids }))
    }

    /// Counts a call of the token endpoint by its `grant_type`, or as refused.
    pub(super) fn count(&mut self, grant_type: Option<&str>) {
        match grant_type {
            Some(grant_type) => *self.granted.entry(grant_type.to_owned()).or_default() += 1,
            None => self.refused += 1,
        }
    }

    /// What a test may ask about the grants; `is_live` judges access tokens.
    pub(super) fn shown(&self, is_live: impl Fn(&Access) -> bool) -> Value {
        let grants: Vec<Value> = self
            .all
            .iter()
            .map(|(id, grant)| {
                let live = self.access.values().filter(|it| it.grant == *id);
                json!({
                    "id": id,
                    "kind": grant.kind.name(),
                    "scopes": grant.scopes,
                    "granted_at": iso_ms(grant.granted_ms),
                    "refreshes": grant.refreshes,
                    "access_tokens": live.filter(|it| is_live(it)).count(),
                    "renews": grant.renews && grant.ended.is_none(),
                    "ended": grant.ended.map(End::name),
                })
            })
            .collect();
        json!({ "grants": grants, "token_calls": { "granted": self.granted, "refused": self.refused } })
    }

    fn is_alive(&self, grant: u64) -> bool {
        self.all
            .get(&grant)
            .is_some_and(|grant| grant.ended.is_none())
    }

    fn add_refresh(&mut self, grant: u64, token: String) {
        // Of many rotations the old ones stop being known; they are refused all the same.
        if self.refresh.len() >= 2 * MOST {
            self.refresh.retain(|_, refresh| refresh.is_current);
        }
        let refresh = Refresh {
            grant,
            is_current: true,
        };
        self.refresh.insert(token, refresh);
    }

    fn forget(&mut self, grant: u64) {
        self.all.remove(&grant);
        self.refresh.retain(|_, refresh| refresh.grant != grant);
        self.access.retain(|_, access| access.grant != grant);
    }
}

impl Grant {
    fn new(kind: Kind, scopes: Option<Vec<String>>, granted_ms: i64, renews: bool) -> Self {
        Self {
            kind,
            scopes,
            granted_ms,
            refreshes: 0,
            renews,
            ended: None,
        }
    }
}

fn forget_oldest<T>(tokens: &mut BTreeMap<String, T>, issued: impl Fn(&T) -> i64) {
    if tokens.len() < MOST {
        return;
    }
    let oldest = tokens.iter().min_by_key(|(_, token)| issued(token));
    if let Some(oldest) = oldest.map(|(token, _)| token.clone()) {
        tokens.remove(&oldest);
    }
}
