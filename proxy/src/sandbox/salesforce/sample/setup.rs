//! Users, their profiles with the permission set that each has, and a queue.

use serde_json::json;

use super::row;
use crate::sandbox::salesforce::{
    id,
    state::{State, USER_NUMBER},
};

/// The profile of the sandbox's user, and that of everybody else.
const ADMINISTRATOR: u64 = 1;
const STANDARD: u64 = 2;
/// The queue that leads wait in.
const QUEUE: u64 = 1;

/// First and last name, whether active, profile, job.
const USERS: [(&str, &str, bool, u64, &str); 4] = [
    ("Integration", "User", true, ADMINISTRATOR, "Integration"),
    ("Grace", "Moreau", true, STANDARD, "Account Executive"),
    ("Henrik", "Vale", false, STANDARD, "Account Executive"),
    ("Yara", "Sandoval", true, STANDARD, "Sales Manager"),
];

pub(super) fn load(state: &mut State) {
    for (number, name) in [
        (ADMINISTRATOR, "System Administrator"),
        (STANDARD, "Standard User"),
    ] {
        let profile = json!({ "Name": name, "UserType": "Standard" });
        let profile = state.insert_raw("Profile", number, row(&profile));
        // Each profile has a permission set in its shadow (§7.4).
        let set = json!({
            "Name": format!("X{profile}"), "Label": profile, "ProfileId": profile, "IsOwnedByProfile": true,
            "IsCustom": false, "Type": "Profile",
        });
        state.insert_raw("PermissionSet", number, row(&set));
    }
    for (number, (first, last, is_active, profile, title)) in (USER_NUMBER..).zip(USERS) {
        let username = format!(
            "{}.{}@sandbox.example",
            first.to_lowercase(),
            last.to_lowercase()
        );
        let alias: String = last.to_lowercase().chars().take(8).collect();
        let user = json!({
            "FirstName": first, "LastName": last, "Name": format!("{first} {last}"), "Username": username,
            "Email": username, "IsActive": is_active, "UserType": "Standard", "ProfileId": id::make("00e", profile),
            "Alias": alias, "CommunityNickname": format!("{first}{last}"), "Title": title, "Country": "Norway",
            "TimeZoneSidKey": "Europe/Paris", "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US",
            "EmailEncodingKey": "UTF-8", "CompanyName": "Sandbox",
        });
        state.insert_raw("User", number, row(&user));
    }
    let queue = json!({
        "Name": "Lead Queue", "DeveloperName": "Lead_Queue", "Type": "Queue", "Email": "leads@sandbox.example",
        "DoesSendEmailToMembers": false, "OwnerId": id::make("00D", 1),
    });
    state.insert_raw("Group", QUEUE, row(&queue));
}

/// The queue's id.
pub(super) fn queue() -> String {
    id::make("00G", QUEUE)
}

/// The id of a user by the place in the list.
pub(super) fn user(index: u64) -> String {
    id::make("005", USER_NUMBER + index)
}
