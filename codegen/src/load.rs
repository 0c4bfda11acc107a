//! Files → specs and mappings.
//!
//! Which files belong to a run, and which has which role, is decided here: `specs/unified.yaml` is the unified API, each
//! folder of `mappings/` is a provider, its `provider.yaml` names its spec, and each other file is an entity.

use std::{collections::BTreeMap, fs, io, path::Path};

use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{
        self, MappingEntity,
        provider::{self, MappingProvider},
        script::{self, MappingScripts},
    },
    source::{FileId, Sources, Text, yaml},
    spec::{self, Spec},
};

/// The contract of the unified API.
pub const UNIFIED_SPEC: &str = "specs/unified.yaml";

/// The texts of a project's `specs/` and `mappings/`, by their paths in it.
pub type Files = BTreeMap<String, String>;

/// All that was read.
#[derive(Debug)]
pub struct Input {
    pub unified: Spec,
    /// By name.
    pub providers: Vec<InputProvider>,
}

#[derive(Debug)]
pub struct InputProvider {
    pub mapping: MappingProvider,
    pub spec: Spec,
    pub entities: Vec<MappingEntity>,
    /// Files of operations that are not about records.
    pub scripts: Vec<MappingScripts>,
}

/// A file or folder that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be read")]
pub struct ReadError {
    pub path: String,
    #[source]
    pub source: io::Error,
}

/// Reads the files of a project.
pub fn read_files(root: &Path) -> Result<Files, ReadError> {
    let mut files = Files::new();
    for folder in ["specs", "mappings"] {
        read_folder(root, folder, &mut files)?;
    }
    Ok(files)
}

fn read_folder(root: &Path, folder: &str, files: &mut Files) -> Result<(), ReadError> {
    let error = |path: &str| {
        let path = path.to_owned();
        move |source| ReadError { path, source }
    };
    for entry in fs::read_dir(root.join(folder)).map_err(error(folder))? {
        let entry = entry.map_err(error(folder))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{folder}/{name}");
        if entry.file_type().map_err(error(&path))?.is_dir() {
            read_folder(root, &path, files)?;
        } else {
            let text = fs::read_to_string(entry.path()).map_err(error(&path))?;
            files.insert(path, text);
        }
    }
    Ok(())
}

/// Reads specs and mappings. What could not be read is left out, and a diagnostic says why; without the unified spec
/// there is nothing.
pub fn load(files: &Files, sources: &mut Sources, sink: &Sink) -> Option<Input> {
    let ids: BTreeMap<&str, FileId> = files
        .iter()
        .map(|(path, text)| (path.as_str(), sources.add(path.as_str(), text.as_str())))
        .collect();
    let unified = if let Some(file) = ids.get(UNIFIED_SPEC) {
        read_spec(sources, *file, sink)
    } else {
        let file = sources.add(UNIFIED_SPEC, "");
        let message = "the unified API's spec is missing";
        sink.push(Diagnostic::new(
            "unknown-spec-file",
            message,
            Sources::start(file),
        ));
        None
    };
    let mut folders: BTreeMap<&str, Vec<(&str, FileId)>> = BTreeMap::new();
    for (path, file) in &ids {
        let Some(rest) = path.strip_prefix("mappings/") else {
            continue;
        };
        match rest.split_once('/') {
            Some((provider, rest)) => folders.entry(provider).or_default().push((rest, *file)),
            // What people read, and editors.
            None if Path::new(rest).extension().is_some_and(|kind| kind == "md") => {}
            None if rest.ends_with(".schema.json") => {}
            None => sink.push(unknown_file(*file)),
        }
    }
    let loader = Loader {
        ids: &ids,
        sources,
        sink,
    };
    let providers = folders
        .iter()
        .filter_map(|(name, files)| loader.provider(name, files))
        .collect();
    Some(Input {
        unified: unified?,
        providers,
    })
}

/// A spec without any fault: what is held against another would be full of faults that are none.
fn read_spec(sources: &Sources, file: FileId, sink: &Sink) -> Option<Spec> {
    let before = sink.len();
    spec::read(sources, file, sink).filter(|_| sink.len() == before)
}

fn unknown_file(file: FileId) -> Diagnostic {
    let message = "the generator does not know what this file is for";
    Diagnostic::new("unknown-provider-file", message, Sources::start(file))
        .help("mappings are `<provider>/provider.yaml` and `<provider>/<vertical>/<entity>.yaml`")
}

/// What a file of mappings turned out to be.
enum Loaded {
    Entity(Box<MappingEntity>),
    Scripts(Box<MappingScripts>),
}

struct Loader<'a> {
    ids: &'a BTreeMap<&'a str, FileId>,
    sources: &'a Sources,
    sink: &'a Sink,
}

impl Loader<'_> {
    fn provider(&self, folder: &str, files: &[(&str, FileId)]) -> Option<InputProvider> {
        let mut mapping = None;
        let mut found = false;
        let mut entities = Vec::new();
        let mut scripts = Vec::new();
        for (path, file) in files {
            if *path == "provider.yaml" {
                found = true;
                mapping = yaml::parse(self.sources, *file, self.sink)
                    .and_then(|node| provider::provider(*file, &node, self.sink));
            } else {
                match self.entity(path, *file) {
                    Some(Loaded::Entity(entity)) => entities.push(*entity),
                    Some(Loaded::Scripts(file)) => scripts.push(*file),
                    None => {}
                }
            }
        }
        if !found {
            let (_, first) = files.first()?;
            let message = format!("`mappings/{folder}/provider.yaml` is missing");
            self.sink.push(Diagnostic::new(
                "missing-provider-file",
                message,
                Sources::start(*first),
            ));
        }
        let mapping = mapping?;
        self.check_name(&mapping.name, folder, "the folder");
        let spec = self.spec(&mapping.spec)?;
        Some(InputProvider {
            mapping,
            spec,
            entities,
            scripts,
        })
    }

    fn entity(&self, path: &str, file: FileId) -> Option<Loaded> {
        let name = path
            .strip_suffix(".yaml")
            .filter(|name| name.matches('/').count() == 1);
        let Some(name) = name else {
            self.sink.push(unknown_file(file));
            return None;
        };
        let node = yaml::parse(self.sources, file, self.sink)?;
        let by_place = name.replace('/', ".");
        if script::is_scripts(&node) {
            let scripts = script::scripts(file, &node, self.sink)?;
            return self
                .check_name(&scripts.entity, &by_place, "the path")
                .then(|| Loaded::Scripts(Box::new(scripts)));
        }
        let entity = mapping::entity(file, &node, self.sink)?;
        self.check_name(&entity.entity, &by_place, "the path")
            .then(|| Loaded::Entity(Box::new(entity)))
    }

    /// A name that is said in a file and by the file's place must be the same.
    fn check_name(&self, said: &Text, by_place: &str, place: &str) -> bool {
        let right = said.value == by_place;
        if !right {
            let message = format!(
                "this is `{}`, and {place} of the file says `{by_place}`",
                said.value
            );
            self.sink
                .push(Diagnostic::new("wrong-place", message, said.span));
        }
        right
    }

    fn spec(&self, name: &Text) -> Option<Spec> {
        if let Some(file) = self.ids.get(format!("specs/{}", name.value).as_str()) {
            return read_spec(self.sources, *file, self.sink);
        }
        let message = format!("there is no file `specs/{}`", name.value);
        let known = self
            .ids
            .keys()
            .filter_map(|path| path.strip_prefix("specs/"));
        self.sink.push(
            Diagnostic::new("unknown-spec-file", message, name.span).nearest(&name.value, known),
        );
        None
    }
}
