//! Users, and what they may own.

use serde_json::json;

use crate::sandbox::salesforce::{
    access::text,
    fault::Fault,
    schema::Object,
    state::{Row, State},
};

/// A row is not given to a user who is switched off (`salesforce.md` §2; the words are unconfirmed).
pub(super) fn check(
    state: &State,
    object: &Object,
    before: Option<&Row>,
    after: &Row,
) -> Result<(), Fault> {
    let owner = text(after, "OwnerId");
    let stays = before.is_some_and(|before| text(before, "OwnerId") == owner);
    let is_off = state
        .row("User", owner)
        .is_some_and(|user| user.get("IsActive") != Some(&json!(true)));
    if stays || !is_off {
        return Ok(());
    }
    let message = format!(
        "operation performed with inactive user [{}] as owner of {}",
        &owner[..15],
        object.name.to_lowercase()
    );
    Err(Fault::new(400, "INACTIVE_OWNER_OR_USER", message).fields(&["OwnerId"]))
}

/// A user's name is nobody else's, in no org; API clients make standard users only. Code and words are those that people
/// report, the reference has none.
pub(super) fn user(state: &State, before: Option<&Row>, row: &mut Row) -> Result<(), Fault> {
    if before.is_none() {
        row.insert("UserType".to_owned(), json!("Standard"));
    }
    let own = before.map_or("", |before| text(before, "Id"));
    let name = text(row, "Username");
    let is_taken = state
        .table("User")
        .any(|(id, other)| id != own && text(other, "Username").eq_ignore_ascii_case(name));
    if !is_taken {
        return Ok(());
    }
    let message = "Duplicate Username. The username already exists in this or another Salesforce organization. Usernames must be unique across all Salesforce organizations.";
    Err(Fault::new(400, "DUPLICATE_USERNAME", message).fields(&["Username"]))
}
