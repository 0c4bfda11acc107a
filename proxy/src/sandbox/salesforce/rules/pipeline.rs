//! Leads and opportunities on their way (`salesforce.md` §5.1).

use serde_json::{Value, json};

use crate::sandbox::salesforce::{
    access::text,
    fault::Fault,
    state::{Row, State},
};

/// What a stage says of an opportunity, and what follows from amount and date.
pub(super) fn stage(state: &State, before: Option<&Row>, row: &mut Row, now: &str) {
    let name = text(row, "StageName").to_owned();
    let is_new = before.is_none_or(|before| text(before, "StageName") != name);
    if is_new {
        let known = state
            .table("OpportunityStage")
            .map(|(_, known)| known)
            .find(|known| text(known, "ApiName") == name);
        let of = |field: &str| known.and_then(|known| known.get(field)).cloned();
        // Any text is taken as a stage; that one which is none means an open opportunity is unconfirmed.
        for (field, value) in [
            ("IsClosed", of("IsClosed").unwrap_or(json!(false))),
            ("IsWon", of("IsWon").unwrap_or(json!(false))),
            (
                "ForecastCategory",
                of("ForecastCategory").unwrap_or(json!("Pipeline")),
            ),
        ] {
            row.insert(field.to_owned(), value);
        }
        // What the same write says of these two wins.
        let category = of("ForecastCategoryName").unwrap_or(json!("Pipeline"));
        let probability = of("DefaultProbability").unwrap_or(json!(0.0));
        for (field, value) in [
            ("ForecastCategoryName", category),
            ("Probability", probability),
        ] {
            let earlier = before.and_then(|before| before.get(field));
            if row.get(field).is_none_or(Value::is_null) || row.get(field) == earlier {
                row.insert(field.to_owned(), value);
            }
        }
        if before.is_some() {
            row.insert("LastStageChangeDate".to_owned(), json!(now));
        }
    }
    let expected = match (row.get("Amount"), row.get("Probability")) {
        (Some(Value::Number(amount)), Some(Value::Number(probability))) => {
            let product = amount.as_f64().zip(probability.as_f64());
            product.map_or(Value::Null, |(amount, probability)| {
                json!((amount * probability).round() / 100.0)
            })
        }
        _ => Value::Null,
    };
    row.insert("ExpectedRevenue".to_owned(), expected);
    if let Ok(close) = text(row, "CloseDate").parse::<jiff::civil::Date>() {
        // The fiscal year is the calendar's, as it is until an org is told otherwise.
        let quarter = (close.month() + 2) / 3;
        row.insert("FiscalYear".to_owned(), json!(close.year()));
        row.insert("FiscalQuarter".to_owned(), json!(quarter));
        row.insert(
            "Fiscal".to_owned(),
            json!(format!("{} {quarter}", close.year())),
        );
    }
}

/// A lead that was converted is read-only. The code is unconfirmed.
pub(super) fn lead(before: Option<&Row>) -> Result<(), Fault> {
    let is_converted = before.is_some_and(|before| before.get("IsConverted") == Some(&json!(true)));
    if is_converted {
        let message = "cannot reference converted lead";
        return Err(Fault::new(400, "CANNOT_UPDATE_CONVERTED_LEAD", message).fields(&[]));
    }
    Ok(())
}
