//! The entities of the scenario, and what each is at a provider.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

/// As many records of a page as every list allows.
pub(super) const PAGE_SIZE: usize = 200;

/// One entity at one provider.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) entity: &'static str,
    pub(super) is_hubspot: bool,
}

pub(super) const ENTITIES: [&str; 7] = [
    "account",
    "contact",
    "lead",
    "opportunity",
    "note",
    "user",
    "thing",
];

impl Kind {
    /// The path of its list.
    pub(super) fn list(&self) -> String {
        match (self.entity, self.is_hubspot) {
            ("thing", true) => "/unified/crm/custom_objects/mixed_thing".to_owned(),
            ("thing", false) => "/unified/crm/custom_objects/Mixed_Thing__c".to_owned(),
            (entity, _) => format!("/unified/crm/{entity}"),
        }
    }

    pub(super) fn operation(&self) -> String {
        let entity = if self.entity == "thing" {
            "custom_object"
        } else {
            self.entity
        };
        format!("crm.{entity}.list")
    }

    /// The provider's name of it: a type's in paths, or an object's.
    pub(super) fn native(&self) -> &'static str {
        let (hubspot, salesforce) = match self.entity {
            "account" => ("companies", "Account"),
            "contact" => ("contacts", "Contact"),
            "lead" => ("leads", "Lead"),
            "opportunity" => ("deals", "Opportunity"),
            "note" => ("notes", "ContentNote"),
            "user" => ("owners", "User"),
            _ => ("p26110042_mixed_thing", "Mixed_Thing__c"),
        };
        if self.is_hubspot { hubspot } else { salesforce }
    }

    /// The fields of a new record that says `text`.
    pub(super) fn row(&self, text: &str, number: usize) -> Value {
        match (self.entity, self.is_hubspot) {
            ("account", true) => json!({"name": text}),
            ("contact", true) => json!({"lastname": text}),
            ("lead", true) => json!({"hs_lead_name": text}),
            ("opportunity", true) => {
                json!({"dealname": text, "pipeline": "default", "dealstage": "appointmentscheduled"})
            }
            ("note", true) => {
                json!({"hs_note_body": text, "hs_timestamp": "2026-01-02T03:04:05Z"})
            }
            ("contact", false) => json!({"LastName": text}),
            ("lead", false) => json!({"LastName": text, "Company": "C"}),
            ("opportunity", false) => {
                json!({"Name": text, "StageName": "Prospecting", "CloseDate": "2026-12-31"})
            }
            ("note", false) => json!({"Title": "T", "Content": BASE64.encode(text)}),
            ("user", false) => json!({
                "LastName": text, "Username": format!("mixed.{number}@mixed.example"), "Email": "m@mixed.example",
                "Alias": "mixed", "CommunityNickname": format!("mixed{number}"), "TimeZoneSidKey": "Europe/Paris",
                "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8",
                // That of the standard user.
                "ProfileId": "00e5g0000000002",
            }),
            (_, true) => json!({"title": text}),
            (_, false) => json!({"Name": text}),
        }
    }

    /// The fields that make a record say `text`.
    pub(super) fn change(&self, text: &str) -> Value {
        match (self.entity, self.is_hubspot) {
            ("opportunity", true) => json!({"dealname": text}),
            ("note", true) => json!({"hs_note_body": text}),
            ("lead" | "user", false) => json!({"LastName": text}),
            ("opportunity", false) => json!({"Name": text}),
            ("note", false) => json!({"Content": BASE64.encode(text)}),
            _ => self.row(text, 0),
        }
    }

    /// What a listed record says.
    pub(super) fn text(&self, item: &Value) -> String {
        let value = match (self.entity, self.is_hubspot) {
            ("contact", _) => &item["last_name"],
            ("note", _) => &item["content"],
            ("user", true) => &Value::Null,
            ("thing", true) => &item["raw_data"]["properties"]["title"],
            ("thing", false) => &item["raw_data"]["Name"],
            _ => &item["name"],
        };
        value.as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn can_update(&self) -> bool {
        !(self.is_hubspot && self.entity == "user")
    }

    pub(super) fn can_delete(&self) -> bool {
        self.is_hubspot || self.entity != "user"
    }

    /// `HubSpot` merges leads and notes no more than Salesforce opportunities and custom objects.
    pub(super) fn can_merge(&self) -> bool {
        match self.entity {
            "account" | "contact" => true,
            "lead" => !self.is_hubspot,
            "opportunity" => self.is_hubspot,
            _ => false,
        }
    }

    /// `HubSpot` lists no archived notes.
    pub(super) fn tells_deleted(&self) -> bool {
        !(self.is_hubspot && self.entity == "note")
    }
}
