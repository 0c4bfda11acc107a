//! A field as a describe shows it: every key of the recorded answers.

use serde_json::{Value, json};

use crate::sandbox::salesforce::schema::Field;

pub(super) fn described(field: &Field, writable: bool) -> Value {
    let ty = field.ty.as_str();
    let is_compound = ty == "address";
    let is_number = matches!(ty, "double" | "currency" | "percent");
    let is_short = !is_compound && !field.is_long() && ty != "base64";
    let mut described = json!({
        "aggregatable": is_short && ty != "boolean", "aiPredictionField": false, "autoNumber": false,
        "byteLength": byte_length(field), "calculated": false, "calculatedFormula": null, "cascadeDelete": false,
        "caseSensitive": false, "compoundFieldName": field.compound, "controllerName": null,
        "createable": field.createable && writable, "custom": field.is_custom(), "defaultValue": default_value(field),
        "defaultValueFormula": null, "defaultedOnCreate": field.defaulted, "dependentPicklist": false,
        "deprecatedAndHidden": false, "digits": field.digits, "displayLocationInDecimal": false, "encrypted": false,
        "externalId": field.external_id, "extraTypeInfo": field.extra_type_info, "filterable": field.filterable,
        "filteredLookupInfo": null, "formulaTreatNullNumberAsZero": false,
        "groupable": is_short && !is_number && ty != "datetime", "highScaleNumber": false,
        "htmlFormatted": field.extra_type_info.as_deref() == Some("richtextarea"), "idLookup": field.id_lookup,
        "inlineHelpText": field.help, "label": field.label, "length": field.length, "mask": null, "maskType": null,
    });
    let more = json!({
        "name": field.name, "nameField": field.is_name, "namePointing": field.reference_to.len() > 1,
        "nillable": field.nillable, "permissionable": field.permissionable, "picklistValues": values(field),
        "polymorphicForeignKey": field.reference_to.len() > 1, "precision": field.precision,
        "queryByDistance": is_compound, "referenceTargetField": null, "referenceTo": field.reference_to,
        "relationshipName": field.relationship_name, "relationshipOrder": null, "restrictedDelete": false,
        "restrictedPicklist": field.restricted, "scale": field.scale,
        "searchPrefilterable": field.search_prefilterable, "soapType": soap_type(ty), "sortable": field.sortable,
        "type": ty, "unique": field.unique, "updateable": field.updateable && writable,
        "writeRequiresMasterRead": false,
    });
    // In two parts, because the macro does not reach further.
    if let (Some(described), Value::Object(more)) = (described.as_object_mut(), more) {
        described.extend(more);
    }
    described
}

fn values(field: &Field) -> Vec<Value> {
    let values = field.values.iter().map(|value| {
        let label = field.value_labels.get(value).unwrap_or(value);
        let is_default = field.default_value == json!(value);
        json!({ "active": true, "defaultValue": is_default, "label": label, "validFor": null, "value": value })
    });
    values.collect()
}

fn default_value(field: &Field) -> Value {
    match field.ty.as_str() {
        "boolean" if field.default_value.is_null() => json!(false),
        _ => field.default_value.clone(),
    }
}

/// Text has room for characters of three bytes; ids have none but ASCII.
fn byte_length(field: &Field) -> usize {
    match field.ty.as_str() {
        "id" | "reference" => field.length,
        _ => field.length * 3,
    }
}

fn soap_type(ty: &str) -> &'static str {
    match ty {
        "id" | "reference" => "tns:ID",
        "boolean" => "xsd:boolean",
        "int" => "xsd:int",
        "double" | "currency" | "percent" => "xsd:double",
        "date" => "xsd:date",
        "datetime" => "xsd:dateTime",
        "time" => "xsd:time",
        "base64" => "xsd:base64Binary",
        "address" => "urn:address",
        _ => "xsd:string",
    }
}
