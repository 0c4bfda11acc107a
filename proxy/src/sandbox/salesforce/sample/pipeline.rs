//! The stages of a sale; leads and opportunities.

use serde_json::{Value, json};

use super::{create, row, setup};
use crate::sandbox::salesforce::state::{Row, State};

/// Name, probability, closed, won, forecast category and what people call it.
const STAGES: [(&str, u32, bool, bool, &str, &str); 10] = [
    ("Prospecting", 10, false, false, "Pipeline", "Pipeline"),
    ("Qualification", 10, false, false, "Pipeline", "Pipeline"),
    ("Needs Analysis", 20, false, false, "Pipeline", "Pipeline"),
    (
        "Value Proposition",
        50,
        false,
        false,
        "Pipeline",
        "Pipeline",
    ),
    (
        "Id. Decision Makers",
        60,
        false,
        false,
        "Pipeline",
        "Pipeline",
    ),
    (
        "Perception Analysis",
        70,
        false,
        false,
        "Pipeline",
        "Pipeline",
    ),
    (
        "Proposal/Price Quote",
        75,
        false,
        false,
        "BestCase",
        "Best Case",
    ),
    ("Negotiation/Review", 90, false, false, "Forecast", "Commit"),
    ("Closed Won", 100, true, true, "Closed", "Closed"),
    ("Closed Lost", 0, true, false, "Omitted", "Omitted"),
];

/// First and last name, company, email, city, country, source, status.
const LEADS: [[&str; 8]; 8] = [
    [
        "Ines",
        "Carvalho",
        "Atlas Cork",
        "ines@atlascork.example",
        "Porto",
        "Portugal",
        "Web",
        "Open - Not Contacted",
    ],
    [
        "Tobias",
        "Renn",
        "Renn Optik",
        "tobias.renn@rennoptik.example",
        "Jena",
        "Germany",
        "Partner Referral",
        "Working - Contacted",
    ],
    [
        "Maeve",
        "O'Connor",
        "Tidewater Foods",
        "maeve@tidewater.example",
        "Galway",
        "Ireland",
        "Phone Inquiry",
        "Working - Contacted",
    ],
    [
        "Ravi",
        "Menon",
        "Monsoon Analytics",
        "ravi.menon@monsoon.example",
        "Kochi",
        "India",
        "Web",
        "Open - Not Contacted",
    ],
    [
        "Salma",
        "Haddad",
        "Cedar Freight",
        "salma@cedarfreight.example",
        "Beirut",
        "Lebanon",
        "Purchased List",
        "Closed - Not Converted",
    ],
    [
        "Jonas",
        "Ekblad",
        "Ekblad & Co",
        "jonas@ekblad.example",
        "Uppsala",
        "Sweden",
        "Other",
        "Open - Not Contacted",
    ],
    [
        "Lucia",
        "Ferri",
        "Ferri Ceramiche",
        "lucia@ferri.example",
        "Faenza",
        "Italy",
        "Web",
        "Open - Not Contacted",
    ],
    [
        "Noah",
        "Whitfield",
        "Halden Marine Systems",
        "noah.whitfield@haldenmarine.example",
        "Bergen",
        "Norway",
        "Partner Referral",
        "Working - Contacted",
    ],
];

/// What is sold, at which account, at which stage, when, for how much.
const OPPORTUNITIES: [(&str, usize, &str, &str, f64); 12] = [
    (
        "Fleet telemetry",
        0,
        "Negotiation/Review",
        "2025-09-30",
        184_250.75,
    ),
    ("Harbour sensors", 0, "Closed Won", "2025-01-31", 62_000.0),
    (
        "Scaffold planning",
        1,
        "Prospecting",
        "2025-10-15",
        18_400.0,
    ),
    (
        "Print on demand",
        2,
        "Qualification",
        "2025-11-01",
        27_999.99,
    ),
    ("Backlist archive", 2, "Closed Lost", "2025-02-14", 9_500.0),
    (
        "Cold chain rollout",
        3,
        "Needs Analysis",
        "2025-12-12",
        240_000.0,
    ),
    (
        "Yard scheduling",
        4,
        "Value Proposition",
        "2025-08-20",
        51_300.5,
    ),
    (
        "Loyalty programme",
        5,
        "Proposal/Price Quote",
        "2025-09-05",
        73_000.0,
    ),
    ("Branch network", 6, "Closed Won", "2025-03-03", 410_000.1),
    (
        "Loom monitoring",
        7,
        "Perception Analysis",
        "2025-10-28",
        33_333.33,
    ),
    (
        "Assay pipeline",
        8,
        "Id. Decision Makers",
        "2026-01-15",
        96_000.0,
    ),
    ("Store openings", 9, "Closed Lost", "2025-04-22", 15_750.0),
];

pub(super) fn load_stages(state: &mut State) {
    for (number, (name, probability, is_closed, is_won, category, label)) in (1..).zip(STAGES) {
        let values = json!({
            "MasterLabel": name, "ApiName": name, "IsActive": true, "SortOrder": number, "IsClosed": is_closed,
            "IsWon": is_won, "ForecastCategory": category, "ForecastCategoryName": label,
            "DefaultProbability": f64::from(probability),
        });
        state.insert_raw("OpportunityStage", number, row(&values));
    }
}

pub(super) fn load(state: &mut State, accounts: &[String]) {
    let mut leads = Vec::new();
    for (index, lead) in LEADS.into_iter().enumerate() {
        let [first, last, company, email, city, country, source, status] = lead;
        let now = format!("2025-03-{:02}T10:15:00.000+0000", index / 2 + 3);
        // The second waits in a queue, the fourth is somebody else's.
        let owner = match index {
            1 => setup::queue(),
            3 => setup::user(1),
            _ => State::user_id(),
        };
        let values = json!({
            "FirstName": first, "LastName": last, "Company": company, "Email": email, "City": city, "Country": country,
            "LeadSource": source, "Status": status, "OwnerId": owner, "Title": "Head of Operations",
            "Street": format!("{} Station Road\nFloor {}", index + 4, index + 1), "PostalCode": format!("{}", 4400 + index),
            "Phone": format!("+1 555 02{index:02}"),
        });
        leads.push(create(state, "Lead", &values, &now));
    }
    let mut first = None;
    for (index, (name, account, stage, close, amount)) in OPPORTUNITIES.into_iter().enumerate() {
        let now = format!("2025-03-{:02}T14:00:00.000+0000", index / 3 + 10);
        let owner = setup::user(u64::from(index % 3 == 2));
        let values = json!({
            "Name": name, "AccountId": accounts[account], "StageName": stage, "CloseDate": close, "Amount": amount,
            "OwnerId": owner, "LeadSource": "Web", "Description": format!("{name}, as discussed."),
        });
        let id = create(state, "Opportunity", &values, &now);
        first.get_or_insert(id);
    }
    if let (Some(lead), Some(opportunity)) = (leads.last(), first) {
        convert(state, lead, &accounts[0], &opportunity);
    }
}

/// What a conversion leaves of a lead, for which there is no call (§5.1).
fn convert(state: &mut State, lead: &str, account: &str, opportunity: &str) {
    let contact = state
        .table("Contact")
        .find(|(_, contact)| contact.get("AccountId") == Some(&json!(account)))
        .map_or(Value::Null, |(id, _)| json!(id));
    let now = "2025-03-20T11:30:00.000+0000";
    let changes = json!({
        "IsConverted": true, "ConvertedDate": "2025-03-20", "ConvertedAccountId": account, "ConvertedContactId": contact,
        "ConvertedOpportunityId": opportunity, "Status": "Closed - Converted", "LastModifiedDate": now,
        "SystemModstamp": now,
    });
    let changes: Row = changes.as_object().cloned().into_iter().flatten().collect();
    state.amend("Lead", lead, changes, now);
}
