use super::*;
use crate::cli::mcp::arguments::Meant;

fn catalogue(allow_writes: bool, only: &[&str]) -> Result<Catalogue, Failure> {
    let only: Vec<String> = only.iter().map(|&name| name.to_owned()).collect();
    Catalogue::new(&crosswalk::generated::API, allow_writes, &only)
}

fn all() -> Vec<Tool> {
    catalogue(true, &[]).unwrap().tools(false)
}

fn names(catalogue: &Catalogue) -> Vec<String> {
    let tools = catalogue.tools(false);
    tools.iter().map(|tool| tool.name.to_string()).collect()
}

/// What a client is told of each tool, one a line, and two tools whole.
#[test]
fn the_tools_say_what_they_do_and_take() {
    let mut text = String::new();
    for tool in all() {
        use std::fmt::Write as _;
        let hints = tool.annotations.as_ref().unwrap();
        let mut words = Vec::new();
        for (is, word) in [
            (hints.read_only_hint == Some(true), "reads"),
            (
                hints.read_only_hint == Some(false) && !hints.is_destructive(),
                "adds",
            ),
            (
                hints.read_only_hint == Some(false) && hints.is_destructive(),
                "changes",
            ),
            (hints.is_idempotent(), "may be repeated"),
            (hints.open_world_hint == Some(true), "at the provider"),
        ] {
            words.extend(is.then_some(word));
        }
        let required = tool
            .input_schema
            .get("required")
            .cloned()
            .unwrap_or_default();
        let required: Vec<String> = serde_json::from_value(required).unwrap_or_default();
        let properties = tool.input_schema["properties"].as_object().unwrap();
        let takes = properties.keys().map(|name| {
            let is_needed = required.contains(name);
            format!("{name}{}", if is_needed { "!" } else { "" })
        });
        let takes: Vec<String> = takes.collect();
        let answers = if tool.output_schema.is_some() {
            "an object"
        } else {
            "a list"
        };
        let _ = writeln!(
            text,
            "{} ({}): {}; takes {}; answers {answers}",
            tool.name,
            tool.title.as_deref().unwrap_or_default(),
            words.join(", "),
            takes.join(" ")
        );
    }
    insta::assert_snapshot!("tools", text);
    let whole: Vec<Tool> = all()
        .into_iter()
        .filter(|tool| ["crm_contact_list", "crm_contact_upsert"].contains(&&*tool.name))
        .collect();
    insta::assert_json_snapshot!("two_tools", whole);
}

#[test]
fn every_tool_has_a_name_that_clients_allow_and_schemas_that_are_ones() {
    let tools = all();
    let names: BTreeSet<&str> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names.len(), tools.len(), "no two have the same name");
    for tool in &tools {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        assert!(
            tool.name.len() <= 64 && tool.name.bytes().all(is_allowed),
            "{}",
            tool.name
        );
        let schemas = [Some(&tool.input_schema), tool.output_schema.as_ref()];
        for schema in schemas.into_iter().flatten() {
            let schema = Value::Object(schema.as_ref().clone());
            assert_eq!(schema["type"], "object", "{}", tool.name);
            assert!(!schema.to_string().contains("$ref"), "{}", tool.name);
            if let Err(fault) = jsonschema::draft202012::meta::validate(&schema) {
                panic!("{}: {fault}", tool.name);
            }
        }
    }
}

#[test]
fn the_examples_of_the_contract_are_what_the_tools_take_and_answer() {
    let document = document();
    let mut held = 0;
    for offer in &catalogue(true, &[]).unwrap().offered {
        let Does::Call(called) = &offer.does else {
            continue;
        };
        let method = called.operation.method.as_str().to_lowercase();
        let operation = &document["paths"][called.operation.path][&method];
        let example = |content: &Value| {
            let example = &content["application/json"]["examples"]["one"];
            resolved(document, example)
                .map(|it| it["value"].clone())
                .filter(|it| !it.is_null())
        };
        let tool = &offer.tool;
        if let Some(Value::Object(mut body)) = example(&operation["requestBody"]["content"]) {
            body.insert(CONNECTION.to_owned(), "hubspot-demo".into());
            for parameter in called.parameters().filter(|each| each.is_required) {
                body.insert(parameter.name.to_owned(), "1".into());
            }
            let validator = jsonschema::validator_for(&Value::Object((*tool.input_schema).clone()));
            let given = Value::Object(body.clone());
            if let Err(fault) = validator.unwrap().validate(&given) {
                panic!("{}: {fault}", tool.name);
            }
            Meant::read(called, &body, None).unwrap();
            held += 1;
        }
        if let (Some(schema), Some(answer)) = (
            &tool.output_schema,
            example(&operation["responses"]["200"]["content"]),
        ) {
            let validator = jsonschema::validator_for(&Value::Object((**schema).clone()));
            if let Err(fault) = validator.unwrap().validate(&answer) {
                panic!("{}: {fault}", tool.name);
            }
            held += 1;
        }
    }
    assert!(held > 30, "{held}");
}

#[test]
fn no_two_arguments_of_a_tool_have_the_same_name() {
    for operation in operations() {
        let called = Called {
            operation,
            writes: true,
        };
        let is_crm = operation.name.starts_with(CRM);
        assert!(
            !is_crm || operation.body.is_none() || called.members().count() > 0,
            "{}",
            operation.name
        );
        let own = [CONNECTION, IDEMPOTENCY_KEY];
        let names = called.parameters().map(|each| each.name);
        let names = names
            .chain(called.members().map(|(name, _)| name))
            .chain(own);
        let names: Vec<&str> = names.collect();
        let different: BTreeSet<&&str> = names.iter().collect();
        assert!(
            !is_crm || different.len() == names.len(),
            "{}: {names:?}",
            operation.name
        );
    }
}

#[test]
fn writes_are_offered_only_where_they_are_allowed() {
    let reading = catalogue(false, &[]).unwrap();
    let writing = catalogue(true, &[]).unwrap();
    assert!(reading.count() < writing.count());
    for tool in reading.tools(false) {
        assert_eq!(
            tool.annotations.unwrap().read_only_hint,
            Some(true),
            "{}",
            tool.name
        );
    }
    assert!(reading.find("crm_account_create").is_none());
    assert!(
        reading
            .unknown("crm_account_create")
            .contains("--allow-writes")
    );
    assert!(reading.unknown("crm_acount_list").contains("tools/list"));
    assert!(
        reading.find("crm_account_batch_read").is_some(),
        "it reads by POST"
    );
    for name in names(&writing) {
        let is_for_people = name.starts_with("core_") || name.starts_with("connect_");
        assert!(!is_for_people, "{name}");
    }
}

#[test]
fn those_alone_are_offered_that_are_named() {
    let some = catalogue(false, &["crm.account", "crm.user.get"]).unwrap();
    assert_eq!(
        names(&some),
        [
            "connection_list",
            "crm_account_list",
            "crm_account_get",
            "crm_account_batch_read",
            "crm_user_get"
        ]
    );
    for (name, told) in [
        ("crm.acount.list", "did you mean crm.account.list?"),
        ("crm.acc", "no tool has this name"),
        ("core.pipeline.create", "no tool has this name"),
        ("crm.account.create", "--allow-writes"),
    ] {
        let failure = catalogue(false, &[name]).unwrap_err();
        assert!(failure.to_string().contains(told), "{name}: {failure}");
    }
}

#[test]
fn a_connection_must_be_named_unless_one_is_known() {
    let catalogue = catalogue(true, &[]).unwrap();
    let needs = |tool: &Tool| {
        let required = tool
            .input_schema
            .get("required")
            .cloned()
            .unwrap_or_default();
        required
            .as_array()
            .is_some_and(|names| names.contains(&CONNECTION.into()))
    };
    for tool in catalogue.tools(false) {
        assert_eq!(
            needs(&tool),
            tool.name != connections::NAME,
            "{}",
            tool.name
        );
    }
    for tool in catalogue.tools(true) {
        assert!(!needs(&tool), "{}", tool.name);
    }
}
