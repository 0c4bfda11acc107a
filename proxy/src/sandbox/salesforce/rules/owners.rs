//! Who may own a row.

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
