//! Values that nobody writes: what follows from a row's own values, and what a row shows of the rows linked to it.
//!
//! The first kind is part of the write that it follows from. The second is brought up to date in place, without a new
//! modification time: a calculated value can change without moving it (hubspot.md §9).

use super::html;
use super::pipelines::{self, Stage};
use super::state::{Row, State, Table, Values};
use crate::sandbox::clock::iso_ms;

/// The currency of the account, as `/account-info` tells it.
const HOME_CURRENCY: &str = "USD";
/// "A few hundred characters" (hubspot.md §5.6).
const PREVIEW: usize = 300;

/// The values that follow from `changed`, on top of what the row has.
pub(super) fn own(table: &Table, row: Option<&Row>, changed: &mut Values, now: i64) {
    if table.properties.contains_key("hs_email_domain")
        && let Some(email) = changed.get("email")
    {
        let host = email
            .split_once('@')
            .map_or("", |(_, host)| host)
            .to_owned();
        changed.insert("hs_email_domain".to_owned(), host);
    }
    if row.is_none() {
        changed.insert("hs_object_source".to_owned(), "INTEGRATION".to_owned());
        if table.properties.contains_key("hs_is_contact") {
            changed.insert("hs_is_contact".to_owned(), "true".to_owned());
        }
    }
    match table.ty.plural.as_str() {
        "deals" => deal(table, row, changed, now),
        "leads" => lead(table, row, changed, now),
        "notes" => note(changed),
        _ => {}
    }
}

fn set(values: &mut Values, name: &str, value: impl Into<String>) {
    values.insert(name.to_owned(), value.into());
}

fn flag(values: &mut Values, name: &str, value: bool) {
    set(values, name, if value { "true" } else { "false" });
}

/// What the row will have after `changed`.
fn after<'v>(row: Option<&'v Row>, changed: &'v Values, name: &str) -> Option<&'v str> {
    match changed.get(name) {
        Some(value) => Some(value.as_str()).filter(|value| !value.is_empty()),
        None => row?.get(name),
    }
}

fn deal(table: &Table, row: Option<&Row>, changed: &mut Values, now: i64) {
    let stage = pipelines::stage_of(table, row, changed);
    let closed = stage.is_some_and(Stage::is_closed);
    let won = stage.is_some_and(Stage::is_won);
    let probability = stage.and_then(|stage| stage.metadata("probability"));
    let home =
        after(row, changed, "deal_currency_code").is_none_or(|currency| currency == HOME_CURRENCY);
    // Without a rate of exchange for the deal's currency there is no amount in the account's.
    let amount = after(row, changed, "amount")
        .filter(|_| home)
        .unwrap_or_default()
        .to_owned();
    // Moving to a closed stage sets the date; that it leaves a date alone that is there is unconfirmed.
    let moved = changed.contains_key("dealstage");
    if closed && moved && after(row, changed, "closedate").is_none() {
        set(changed, "closedate", iso_ms(now));
    }
    flag(changed, "hs_is_closed", closed);
    flag(changed, "hs_is_closed_won", won);
    flag(changed, "hs_is_closed_lost", closed && !won);
    set(
        changed,
        "hs_deal_stage_probability",
        probability.unwrap_or_default(),
    );
    set(changed, "amount_in_home_currency", amount);
}

fn lead(table: &Table, row: Option<&Row>, changed: &mut Values, now: i64) {
    let category = pipelines::stage_of(table, row, changed)
        .and_then(|stage| stage.metadata("leadState"))
        .unwrap_or_default();
    let ended = matches!(category, "QUALIFIED" | "UNQUALIFIED");
    let moved = changed
        .get("hs_pipeline_stage")
        .is_some_and(|new| row.and_then(|row| row.get("hs_pipeline_stage")) != Some(new));
    if moved {
        set(changed, "hs_pipeline_stage_last_updated", iso_ms(now));
    }
    set(changed, "hs_pipeline_stage_category", category);
    flag(changed, "hs_lead_is_new", category == "NEW");
    flag(changed, "hs_lead_is_open", !ended);
    flag(changed, "hs_lead_is_in_progress", category == "IN_PROGRESS");
    flag(changed, "hs_lead_is_qualified", category == "QUALIFIED");
    flag(
        changed,
        "hs_lead_is_disqualified",
        category == "UNQUALIFIED",
    );
    if let Some(name) = changed.get("hs_lead_name").cloned() {
        set(changed, "hs_lead_name_calculated", name);
    }
}

fn note(changed: &mut Values) {
    let Some(body) = changed.get("hs_note_body") else {
        return;
    };
    let text = html::to_text(body);
    let cut: String = text.chars().take(PREVIEW).collect();
    flag(
        changed,
        "hs_body_preview_is_truncated",
        cut.len() < text.len(),
    );
    set(changed, "hs_body_preview", cut);
}

/// Brings up to date what the row `id` shows of the rows linked to it.
pub(super) fn refresh(state: &mut State, id: u64) {
    let Some(table) = state.table_of(id) else {
        return;
    };
    let shown = match state.tables[table].ty.id.as_str() {
        "0-1" => vec![(
            "associatedcompanyid",
            state.links.primary(id, "0-2").map(|id| id.to_string()),
        )],
        "0-3" => vec![
            (
                "hs_primary_associated_company",
                state.links.primary(id, "0-2").map(|id| id.to_string()),
            ),
            (
                "num_associated_contacts",
                Some(state.links.targets(id, "0-1").len().to_string()),
            ),
        ],
        "0-136" => lead_shows(state, id),
        _ => return,
    };
    for (name, value) in shown {
        state.tables[table].set_quietly(id, name, &value.unwrap_or_default());
    }
}

/// Brings up to date the rows that show values of the row `id`.
pub(super) fn spread(state: &mut State, id: u64) {
    for lead in state.links.targets(id, "0-136") {
        refresh(state, lead);
    }
}

fn lead_shows(state: &State, id: u64) -> Vec<(&'static str, Option<String>)> {
    let row = |id: Option<u64>| {
        let id = id?;
        state.tables[state.table_of(id)?].live(id)
    };
    let contact = row(state.links.primary(id, "0-1"));
    let company = row(state.links.primary(id, "0-2"));
    let value = |row: Option<&Row>, name: &str| Some(row?.get(name)?.to_owned());
    let parts = [value(contact, "firstname"), value(contact, "lastname")];
    let full_name = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let full_name = Some(full_name).filter(|name| !name.is_empty());
    let company_name = value(company, "name");
    let own_name = value(row(Some(id)), "hs_lead_name");
    let deals = state.links.targets(id, "0-3").len();
    vec![
        (
            "hs_primary_contact_id",
            contact.map(|row| row.id.to_string()),
        ),
        (
            "hs_associated_contact_firstname",
            value(contact, "firstname"),
        ),
        ("hs_associated_contact_lastname", value(contact, "lastname")),
        ("hs_associated_contact_email", value(contact, "email")),
        ("hs_contact_job_title", value(contact, "jobtitle")),
        (
            "hs_primary_company_id",
            company.map(|row| row.id.to_string()),
        ),
        ("hs_associated_company_domain", value(company, "domain")),
        (
            "hs_primary_associated_object_name",
            full_name.clone().or_else(|| company_name.clone()),
        ),
        (
            "hs_lead_name_calculated",
            own_name.or(full_name).or_else(|| company_name.clone()),
        ),
        ("hs_associated_company_name", company_name),
        ("hs_lead_associated_deals_count", Some(deals.to_string())),
    ]
}

/// A note or another activity on a row moves that row's last activity (hubspot.md §5.9); tasks do not.
pub(super) fn activity_linked(state: &mut State, activity: u64, to: u64) {
    let (Some(activities), Some(table)) = (state.table_of(activity), state.table_of(to)) else {
        return;
    };
    if !state.tables[activities].ty.activity {
        return;
    }
    let at = |table: usize, id: u64, name: &str| {
        let row = state.tables[table].rows.get(&id)?;
        row.get(name).map(str::to_owned)
    };
    let Some(new) = at(activities, activity, "hs_timestamp") else {
        return;
    };
    for name in ["notes_last_updated", "hs_last_activity_date"] {
        let known = state.tables[table].properties.contains_key(name);
        // Both are of one form, so that texts compare as times.
        if known && at(table, to, name).is_none_or(|old| old < new) {
            state.tables[table].set_quietly(to, name, &new);
            return;
        }
    }
}
