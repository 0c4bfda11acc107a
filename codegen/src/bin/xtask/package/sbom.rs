//! `cargo xtask package sbom`: what is in the binary, as CycloneDX 1.6.
//!
//! The crates that the binary's own normally depends on, by what cargo has resolved for the target; neither build
//! scripts' tools nor what tests need. Cargo resolves the features of the whole workspace, so that a crate may be listed
//! that only a feature of a test asked for; none is missing. Same lock file, target and time, same bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{Failure, Outcome, ci, project::Project};

/// The package whose binary it is.
const BINARY: &str = "crosswalk";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The target that the binary is for, instead of this machine.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Write it here instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(project: &Project, arguments: &Arguments) -> Result<Outcome, Failure> {
    let text = text(project, arguments.target.as_deref())?;
    match &arguments.out {
        Some(path) => {
            fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        None => print!("{text}"),
    }
    Ok(Outcome::Well)
}

/// The document; without a target for this machine.
pub(super) fn text(project: &Project, target: Option<&str>) -> Result<String, Failure> {
    let target = match target {
        Some(target) => target.to_owned(),
        None => host()?,
    };
    let metadata = super::output(
        ci::cargo()
            .args(["metadata", "--format-version=1", "--locked"])
            .arg(format!("--filter-platform={target}"))
            .current_dir(project.root()),
    )?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let checksums = checksums(&fs::read_to_string(project.root().join("Cargo.lock"))?);
    let time = super::time(project.root())?;
    let document = document(&metadata, &checksums, &time.to_string(), &target)?;
    Ok(format!("{document:#}\n"))
}

fn host() -> Result<String, Failure> {
    let told = super::output(Command::new("rustc").arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not tell its host")?.to_owned())
}

/// By name and version, those that the lock file has; crates of the workspace have none.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let lines = &mut package.lines();
            lines.find_map(|line| {
                let value = line.strip_prefix(key)?.strip_prefix(" = \"")?;
                Some(value.strip_suffix('"')?.to_owned())
            })
        };
        if let (Some(name), Some(version), Some(sum)) =
            (value("name"), value("version"), value("checksum"))
        {
            found.insert((name, version), sum);
        }
    }
    found
}

fn document(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
    time: &str,
    target: &str,
) -> Result<Value, Failure> {
    let packages: BTreeMap<&str, &Value> = (list(metadata, "packages"))
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let needs: BTreeMap<&str, Vec<&str>> = list(&metadata["resolve"], "nodes")
        .filter_map(|node| Some((node["id"].as_str()?, normal(node))))
        .collect();
    let root = *(packages.iter())
        .find(|(_, package)| package["name"] == BINARY && package["source"].is_null())
        .ok_or_else(|| format!("the workspace has no package {BINARY}"))?
        .0;

    let mut reached = BTreeSet::from([root]);
    let mut ahead = vec![root];
    while let Some(id) = ahead.pop() {
        for &next in needs.get(id).into_iter().flatten() {
            if reached.insert(next) {
                ahead.push(next);
            }
        }
    }

    // Ids of cargo have paths of this machine in them.
    let name = |id: &str| packages.get(id).map_or_else(String::new, |one| purl(one));
    let mut components = BTreeMap::new();
    let mut dependencies = BTreeMap::new();
    for &id in &reached {
        let package = packages
            .get(id)
            .ok_or_else(|| format!("cargo metadata does not tell of {id}"))?;
        if id != root {
            components.insert(name(id), component(package, "library", checksums));
        }
        let needed: BTreeSet<_> = needs[id].iter().map(|id| name(id)).collect();
        dependencies.insert(name(id), json!({ "ref": name(id), "dependsOn": needed }));
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "lifecycles": [{ "phase": "build" }],
            "tools": { "components": [{ "type": "application", "name": "cargo xtask package sbom", "version": super::VERSION }] },
            "component": component(packages[root], "application", checksums),
            "properties": [{ "name": "cdx:rustc:sbom:target:triple", "value": target }],
        },
        "components": components.into_values().collect::<Vec<_>>(),
        "dependencies": dependencies.into_values().collect::<Vec<_>>(),
    }))
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

/// What a package is linked with: `kind` is null for those, `dev` and `build` for others.
fn normal(node: &Value) -> Vec<&str> {
    list(node, "deps")
        .filter(|need| list(need, "dep_kinds").any(|kind| kind["kind"].is_null()))
        .filter_map(|need| need["pkg"].as_str())
        .collect()
}

fn purl(package: &Value) -> String {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    // The only character of versions that means something in a URL.
    format!(
        "pkg:cargo/{}@{}",
        text("name"),
        text("version").replace('+', "%2B")
    )
}

fn component(package: &Value, ty: &str, checksums: &BTreeMap<(String, String), String>) -> Value {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let mut component = json!({
        "type": ty,
        "bom-ref": purl(package),
        "name": text("name"),
        "version": text("version"),
    });
    // Those of this project are not on crates.io, where another crate may have the name.
    if !package["source"].is_null() {
        component["purl"] = purl(package).into();
    }
    if let Some(license) = package["license"].as_str() {
        // Older crates write a slash where SPDX has OR.
        let expression: Vec<_> = license.split('/').map(str::trim).collect();
        component["licenses"] = json!([{ "expression": expression.join(" OR ") }]);
    } else if let Some(file) = package["license_file"].as_str() {
        let file = Path::new(file).file_name().unwrap_or_default();
        component["licenses"] = json!([{ "license": { "name": file.to_string_lossy() } }]);
    }
    if let Some(sum) = checksums.get(&(text("name"), text("version"))) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    if let Some(url) = package["repository"].as_str() {
        component["externalReferences"] = json!([{ "type": "vcs", "url": url }]);
    }
    component
}
