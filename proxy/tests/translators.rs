//! Each translator without a socket: a request in, native calls out, canned responses in, the answer out, all in one
//! snapshot. The responses have the shapes that the providers' documents and recordings show.

#[path = "translators/conversation.rs"]
mod conversation;
#[path = "translators/flows.rs"]
mod flows;
#[path = "translators/hubspot.rs"]
mod hubspot;
#[path = "translators/leads.rs"]
mod leads;
#[path = "translators/matching.rs"]
mod matching;
#[path = "translators/notes.rs"]
mod notes;
#[path = "translators/opportunities.rs"]
mod opportunities;
#[path = "translators/outcomes.rs"]
mod outcomes;
#[path = "translators/pages.rs"]
mod pages;
#[path = "translators/salesforce.rs"]
mod salesforce;
#[path = "translators/scripts.rs"]
mod scripts;
#[path = "translators/users.rs"]
mod users;
