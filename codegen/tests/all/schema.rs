//! The schemas of mappings against the readers of mappings: what the one refuses the other refuses.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crosswalk_codegen::{
    diagnostic::Sink,
    load::Files,
    schema,
    source::{Sources, yaml},
};
use jsonschema::Validator;
use serde_json::Value;

use crate::support;

/// What readers say of a mapping that has not the right form. All else is about what its names mean.
const FORM: [&str; 5] = [
    "missing-key",
    "several-sources",
    "unknown-choice",
    "unknown-key",
    "wrong-kind",
];

struct Validators {
    mapping: Validator,
    provider: Validator,
}

impl Validators {
    fn new() -> Self {
        let validator = |schema: &Value| {
            jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("{error}"));
            jsonschema::validator_for(schema).unwrap_or_else(|error| panic!("{error}"))
        };
        Self {
            mapping: validator(&schema::mapping()),
            provider: validator(&schema::provider()),
        }
    }

    fn of(&self, path: &str) -> &Validator {
        if path.ends_with("/provider.yaml") {
            &self.provider
        } else {
            &self.mapping
        }
    }
}

/// The mappings among some files.
fn trees(files: &Files) -> BTreeMap<String, Value> {
    let mappings = files.iter().filter(|(path, _)| {
        path.starts_with("mappings/") && Path::new(path).extension().is_some_and(|it| it == "yaml")
    });
    mappings
        .map(|(path, text)| {
            let mut sources = Sources::default();
            let file = sources.add(path.as_str(), text.as_str());
            let node = yaml::parse(&sources, file, &Sink::default());
            (path.clone(), node.expect("it is YAML").to_json())
        })
        .collect()
}

#[test]
fn every_mapping_is_valid() {
    let validators = Validators::new();
    for files in [support::real(), support::invented()] {
        for (path, tree) in trees(&files) {
            let errors: Vec<_> = validators
                .of(&path)
                .iter_errors(&tree)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{path}: {}", errors.join("\n"));
        }
    }
}

/// The pointers of all values in a tree.
fn pointers(tree: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match tree {
        Value::Object(entries) => {
            for (key, value) in entries {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, &format!("{at}/{key}"), all);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

/// The tree with something else at a place, in every way that could be meant for it; with what was done.
fn slips(tree: &Value, pointer: &str) -> Vec<(String, Value)> {
    let mut slips = Vec::new();
    let mut slip = |what: String, change: &dyn Fn(&mut Value)| {
        let mut slipped = tree.clone();
        change(slipped.pointer_mut(pointer).expect("it is there"));
        slips.push((what, slipped));
    };
    let value = tree.pointer(pointer).expect("it is there");
    if let Value::Object(entries) = value {
        slip("with a key more".to_owned(), &|value| {
            value["zz_unknown"] = "x".into();
        });
        for key in entries.keys() {
            slip(format!("without {key}"), &|value| {
                value.as_object_mut().expect("it is one").shift_remove(key);
            });
        }
    }
    if !pointer.is_empty() {
        let other: Value = match value {
            Value::Object(_) | Value::Array(_) | Value::Bool(_) => "x".into(),
            _ => serde_json::json!({}),
        };
        slip(format!("as {other}"), &|value| *value = other.clone());
    }
    slips
}

/// Below these the form of a value follows from the spec, of which the schema knows nothing.
fn is_template(pointer: &str) -> bool {
    let keys = [
        "body", "query", "path", "answer", "only_if", "unless", "constant", "defaults",
    ];
    let members = ["members", "atomic_members"];
    pointer
        .split('/')
        .any(|key| keys.contains(&key) || members.contains(&key))
}

/// What the schema says of a slip, and what the readers say; none where they agree.
fn difference(
    validators: &Validators,
    files: &Files,
    path: &str,
    slipped: &Value,
) -> Option<String> {
    let is_valid = validators.of(path).is_valid(slipped);
    let mut files = files.clone();
    files.insert(path.to_owned(), slipped.to_string());
    let found = support::check(&files).diagnostics;
    let ids: BTreeSet<_> = found.iter().map(|diagnostic| diagnostic.id).collect();
    let agree = if is_valid {
        !ids.iter().any(|id| FORM.contains(id))
    } else {
        !ids.is_empty()
    };
    let word = if is_valid { "takes" } else { "refuses" };
    (!agree).then(|| format!("the schema {word} it, readers say {ids:?}"))
}

/// But for keys that must be there since something else is, which only the checks know: those are listed.
#[test]
fn what_readers_refuse_the_schemas_refuse_and_the_other_way_round() {
    let validators = Validators::new();
    let mut files = support::invented();
    let trees = trees(&files);
    // JSON is YAML.
    for (path, tree) in &trees {
        files.insert(path.clone(), tree.to_string());
    }
    assert!(
        support::check(&files).plan.is_some(),
        "nothing is wrong yet"
    );
    let mut cases = Vec::new();
    for (path, tree) in &trees {
        let mut all = Vec::new();
        pointers(tree, "", &mut all);
        for pointer in all.iter().filter(|pointer| !is_template(pointer)) {
            for (what, slipped) in slips(tree, pointer) {
                cases.push((path, format!("{path}{pointer} {what}"), slipped));
            }
        }
    }
    assert!(cases.len() > 1000, "{}", cases.len());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (validators, files) = (&validators, &files);
    let mut differences: Vec<String> = std::thread::scope(|scope| {
        let parts: Vec<_> = cases
            .chunks(cases.len().div_ceil(threads))
            .map(|part| {
                scope.spawn(move || {
                    let told = part.iter().filter_map(|(path, place, slipped)| {
                        let told = difference(validators, files, path, slipped)?;
                        Some(format!("{place}: {told}"))
                    });
                    told.collect::<Vec<_>>()
                })
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("no check panics"))
            .collect()
    });
    differences.sort();
    insta::assert_snapshot!(differences.join("\n"));
}

/// No key of the one is missing from the other, whether or not any mapping has it.
#[test]
fn the_schemas_have_the_keys_that_the_readers_ask_for() {
    fn properties(schema: &Value, keys: &mut BTreeSet<String>) {
        match schema {
            Value::Object(entries) => {
                for (name, value) in entries {
                    if let ("properties", Value::Object(properties)) = (name.as_str(), value) {
                        keys.extend(properties.keys().cloned());
                    }
                    properties(value, keys);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| properties(item, keys)),
            _ => {}
        }
    }
    let mut described = BTreeSet::new();
    properties(&schema::mapping(), &mut described);
    properties(&schema::provider(), &mut described);

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mapping");
    let mut asked = BTreeSet::new();
    let readers = [
        "text",
        "optional",
        "optional_text",
        "required",
        "texts",
        "flag",
        "integer",
        "choice",
        "optional_choice",
        "texts_by_name",
        "optional_texts_by_name",
    ];
    let mut sources: Vec<_> = support::names(&folder)
        .iter()
        .map(|name| folder.join(name))
        .collect();
    sources.push(folder.with_extension("rs"));
    for source in sources.iter().filter(|path| !path.ends_with("table.rs")) {
        let text = fs::read_to_string(source).expect("a source can be read");
        for reader in readers {
            for (at, found) in text.match_indices(&format!("{reader}(\"")) {
                let rest = &text[at + found.len()..];
                asked.extend(rest.split('"').next().map(str::to_owned));
            }
            for (at, found) in text.match_indices(&format!("{reader}(&mut table, \"")) {
                let rest = &text[at + found.len()..];
                asked.extend(rest.split('"').next().map(str::to_owned));
            }
        }
    }
    // Asked for by lists of names in the source.
    asked.extend(
        [
            "from",
            "join",
            "constant",
            "group",
            "first_true",
            "losers",
            "deleted",
            "merged",
        ]
        .map(str::to_owned),
    );
    asked.extend(["over", "max", "default"].map(str::to_owned));
    assert_eq!(described, asked);
}
