//! Accounts, and the people who work there.

use serde_json::json;

use crate::sandbox::salesforce::state::State;

/// Name, website as people write it, industry, city, country, employees.
const ACCOUNTS: [(&str, &str, &str, &str, &str, u32); 25] = [
    (
        "Halden Marine Systems",
        "https://www.haldenmarine.example",
        "Shipping",
        "Bergen",
        "Norway",
        240,
    ),
    (
        "Brask & Sons",
        "braskandsons.example",
        "Construction",
        "Aarhus",
        "Denmark",
        75,
    ),
    (
        "Quillfeather Publishing",
        "HTTP://Quillfeather.example/",
        "Media",
        "Edinburgh",
        "United Kingdom",
        48,
    ),
    (
        "Northgate Dental Group",
        "www.northgatedental.example",
        "Healthcare",
        "Leeds",
        "United Kingdom",
        120,
    ),
    (
        "Tamarind Foods",
        "https://tamarindfoods.example/",
        "Food & Beverage",
        "Chennai",
        "India",
        900,
    ),
    (
        "Lumen Grid",
        "lumengrid.example",
        "Energy",
        "Austin",
        "USA",
        310,
    ),
    (
        "Ostrava Tooling",
        "http://ostravatooling.example",
        "Machinery",
        "Ostrava",
        "Czechia",
        205,
    ),
    (
        "Cedar Row Legal",
        "cedarrow.example/",
        "Consulting",
        "Toronto",
        "Canada",
        36,
    ),
    (
        "Meridian Freight",
        "https://meridianfreight.example",
        "Transportation",
        "Rotterdam",
        "Netherlands",
        1_450,
    ),
    (
        "Pico Robotics",
        "picorobotics.example",
        "Technology",
        "Kyoto",
        "Japan",
        64,
    ),
    (
        "Saltmarsh Brewing",
        "https://www.saltmarsh.example/",
        "Food & Beverage",
        "Galway",
        "Ireland",
        22,
    ),
    (
        "Verdant Schools",
        "verdantschools.example",
        "Education",
        "Nairobi",
        "Kenya",
        410,
    ),
    (
        "Kestrel Avionics",
        "HTTPS://Kestrel-Avionics.example",
        "Engineering",
        "Toulouse",
        "France",
        530,
    ),
    (
        "Bluefin Insurance",
        "www.bluefin.example/",
        "Insurance",
        "Boston",
        "USA",
        1200,
    ),
    (
        "Moss & Fern Nurseries",
        "Mossandfern.example",
        "Agriculture",
        "Utrecht",
        "Netherlands",
        18,
    ),
    (
        "Atlas Recreation",
        "http://www.atlasrecreation.example/",
        "Recreation",
        "Denver",
        "USA",
        95,
    ),
    (
        "Copperline Telecom",
        "https://copperline.example/home",
        "Telecommunications",
        "Lyon",
        "France",
        2100,
    ),
    (
        "Sundial Hotels",
        "sundialhotels.example",
        "Hospitality",
        "Lisbon",
        "Portugal",
        760,
    ),
    (
        "Granite State Bank",
        "https://www.granitestatebank.example",
        "Banking",
        "Concord",
        "USA",
        340,
    ),
    (
        "Willow Textiles",
        "WWW.WILLOWTEXTILES.EXAMPLE",
        "Apparel",
        "Porto",
        "Portugal",
        155,
    ),
    (
        "Helix Bioworks",
        "helix-bioworks.example/",
        "Biotechnology",
        "Basel",
        "Switzerland",
        88,
    ),
    (
        "Old Harbour Trust",
        "",
        "Not For Profit",
        "Cork",
        "Ireland",
        9,
    ),
    (
        "Juniper Retail",
        "http://juniper.example",
        "Retail",
        "Malmö",
        "Sweden",
        620,
    ),
    (
        "Redwood Utilities",
        "https://redwood.example/?ref=card",
        "Utilities",
        "Portland",
        "USA",
        1750,
    ),
    (
        "Nimbus Chemicals",
        "nimbus.example",
        "Chemicals",
        "Antwerp",
        "Belgium",
        410,
    ),
];

const FIRST_NAMES: [&str; 6] = ["Ada", "Bo", "Chidi", "Dana", "Emre", "Fiona"];
const LAST_NAMES: [&str; 8] = [
    "Lindqvist",
    "Okafor",
    "Marsh",
    "Tanaka",
    "Novak",
    "Reyes",
    "O'Dell",
    "Haugen",
];

/// Answers the ids of the accounts.
pub(super) fn load(state: &mut State) -> Vec<String> {
    let mut ids = Vec::new();
    for (index, (name, website, industry, city, country, employees)) in
        ACCOUNTS.into_iter().enumerate()
    {
        // Three accounts share a second, as imports make them.
        let now = format!("2025-02-{:02}T09:00:00.000+0000", index / 3 + 10);
        let account = json!({
            "Name": name, "Website": website, "Industry": industry, "NumberOfEmployees": employees, "BillingCity": city,
            "BillingCountry": country, "Phone": format!("+1 555 01{index:02}"), "Description": format!("{name} works from {city}."),
        });
        let account = super::create(state, "Account", &account, &now);
        // A few large accounts with several people, many with one.
        for person in 0..(if index < 12 { 4 } else { 1 }) {
            let (first, last) = (
                FIRST_NAMES[(index + person) % 6],
                LAST_NAMES[(index * 3 + person) % 8],
            );
            let host = format!("account{index}.example");
            let email = format!(
                "{}.{}{person}@{host}",
                first.to_lowercase(),
                last.to_lowercase().replace('\'', "")
            );
            let contact = json!({ "FirstName": first, "LastName": last, "Email": email, "AccountId": account });
            super::create(state, "Contact", &contact, &now);
        }
        ids.push(account);
    }
    ids
}
