//! What a token says of itself and of its user, and how it ends.

use http::StatusCode;
use serde_json::{Value, json};

use super::{CLIENT_ID, REFRESH_TOKEN, Sessions, check_client, identity, refused, value};
use crate::sandbox::{
    grants::End,
    http::{Call, Reply},
    salesforce::{access::text, id, state::State},
};

impl Sessions {
    /// `POST /services/oauth2/introspect`: the only way to know when a session ends.
    pub(in crate::sandbox::salesforce) fn introspect(
        &self,
        call: &Call,
        state: &State,
        now_ms: i64,
    ) -> Reply {
        let form = call.form_pairs();
        if let Err(refusal) = check_client(call, &form) {
            return refused(refusal);
        }
        let token = value(&form, "token");
        let user = state.row("User", &State::user_id());
        let username = user.map_or("", |user| text(user, "Username"));
        let about = |grant: u64, kind: &str| {
            json!({
                "active": true, "scope": self.scope(grant), "client_id": CLIENT_ID, "username": username,
                "sub": identity(&call.base_url()), "token_type": kind,
            })
        };
        let answer = if let Some(access) = self.live(token, now_ms) {
            let mut answer = about(access.grant, "access_token");
            answer["exp"] = json!(self.end_ms(&access) / 1000);
            answer["iat"] = json!(access.issued_ms / 1000);
            answer["nbf"] = json!(access.issued_ms / 1000);
            answer
        } else if let Some(grant) = self.grants.of_refresh(token) {
            about(grant, "refresh_token")
        } else {
            json!({ "active": false })
        };
        Reply::json(StatusCode::OK, &answer)
    }

    /// `/services/oauth2/revoke`: a refresh token takes its sessions with it. The codes are unconfirmed.
    pub(in crate::sandbox::salesforce) fn revoke(&mut self, call: &Call) -> Reply {
        let mut pairs = call.form_pairs();
        pairs.extend(call.query_pairs());
        let token = value(&pairs, "token");
        if self.grants.drop_access(token) {
            return Reply::empty(StatusCode::OK);
        }
        if let Some(grant) = self.grants.of_refresh(token) {
            self.grants.end(grant, End::Revoked);
            return Reply::empty(StatusCode::OK);
        }
        let is_ours = token.starts_with("00D")
            || token.starts_with(REFRESH_TOKEN)
            || self.grants.knows_refresh(token);
        refused(if is_ours {
            ("invalid_token", "invalid token")
        } else {
            ("unsupported_token_type", "this token type is not supported")
        })
    }

    /// `/services/oauth2/userinfo` and the identity that a token names. The plain refusals are unconfirmed.
    pub(in crate::sandbox::salesforce) fn user_info(
        &mut self,
        call: &Call,
        state: &State,
        now_ms: i64,
    ) -> Reply {
        let forbidden = |text| Reply::text(StatusCode::FORBIDDEN, "text/plain", text);
        let Some(token) = call.bearer() else {
            return forbidden("Missing_OAuth_Token");
        };
        let access = self.use_session(token, now_ms);
        if !access.is_some_and(|access| self.may(access.grant, &["openid", "id", "full"])) {
            return forbidden("Bad_OAuth_Token");
        }
        let user = state.row("User", &State::user_id());
        let of = |name: &str| user.map_or("", |user| text(user, name));
        let base = call.base_url();
        let org = id::make("00D", 1);
        let url = |path: &str| json!(format!("{base}{path}"));
        let urls = json!({
            "enterprise": url(&format!("/services/Soap/c/{{version}}/{org}")),
            "metadata": url(&format!("/services/Soap/m/{{version}}/{org}")),
            "rest": url("/services/data/v{version}/"), "sobjects": url("/services/data/v{version}/sobjects/"),
            "query": url("/services/data/v{version}/query/"),
        });
        let about: Value = json!({
            "sub": identity(&call.base_url()), "user_id": State::user_id(), "organization_id": org,
            "preferred_username": of("Username"), "nickname": of("CommunityNickname"), "name": of("Name"),
            "email": of("Email"), "email_verified": true, "given_name": of("FirstName"), "family_name": of("LastName"),
            "zoneinfo": "America/Los_Angeles", "photos": {}, "profile": url(&format!("/{}", State::user_id())),
            "picture": "", "address": {}, "urls": urls, "active": true, "user_type": "STANDARD",
            "language": "en_US", "locale": "en_US", "utcOffset": -28_800_000,
            "updated_at": of("SystemModstamp").replace(".000+0000", "Z"),
        });
        Reply::json(StatusCode::OK, &about)
    }
}
