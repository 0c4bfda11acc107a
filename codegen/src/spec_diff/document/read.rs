//! Text → JSON that says of itself that it is a document.

use serde_json::Value;

/// The most bytes of a document: several times the largest that providers are known to publish.
pub const MAX_DOCUMENT_BYTES: usize = 128 * 1024 * 1024;

/// Why a file is not a document that can be compared.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("{path} has {bytes} bytes; at most {MAX_DOCUMENT_BYTES} are read")]
    TooLarge { path: String, bytes: usize },
    #[error("{path} is not JSON")]
    Json {
        path: String,
        source: serde_json::Error,
    },
    #[error("{path} is not YAML")]
    Yaml {
        path: String,
        source: Box<serde_saphyr::Error>,
    },
    #[error("{path} is {found}; expected OpenAPI 3.0 or 3.1")]
    Version { path: String, found: String },
    #[error("{path} has no paths: there is nothing to hold our spec against")]
    NoPaths { path: String },
}

/// Reads JSON or YAML, whichever it is.
pub(super) fn read(path: &str, text: &str) -> Result<Value, DocumentError> {
    let named = || path.to_owned();
    if text.len() > MAX_DOCUMENT_BYTES {
        let bytes = text.len();
        return Err(DocumentError::TooLarge {
            path: named(),
            bytes,
        });
    }
    let root = if text
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('{')
    {
        let text = text.trim_start_matches('\u{feff}');
        serde_json::from_str(text).map_err(|source| DocumentError::Json {
            path: named(),
            source,
        })?
    } else {
        yaml(text).map_err(|source| DocumentError::Yaml {
            path: named(),
            source: Box::new(source),
        })?
    };
    check_version(path, &root)?;
    Ok(root)
}

fn yaml(text: &str) -> Result<Value, serde_saphyr::Error> {
    // Documents of providers have millions of nodes. Aliases keep the parser's own limits, which end the kind that
    // unfolds without end.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 40_000_000,
            max_nodes: 20_000_000,
            max_total_scalar_bytes: MAX_DOCUMENT_BYTES,
        },
        // What is said twice is their fault, and no reason to read nothing.
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
    };
    serde_saphyr::from_str_with_options(text, options)
}

fn check_version(path: &str, root: &Value) -> Result<(), DocumentError> {
    let said = root.get("openapi").map(|version| match version {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let known = |version: &str| {
        ["3.0", "3.1"].iter().any(|known| {
            version
                .strip_prefix(known)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let found = match (said, root.get("swagger")) {
        (Some(version), _) if known(&version) => return Ok(()),
        (Some(version), _) => format!("OpenAPI {version}"),
        (None, Some(version)) => {
            let version = version.to_string();
            format!("Swagger {}", version.trim_matches('"'))
        }
        (None, None) => "no OpenAPI document: it has no `openapi`".to_owned(),
    };
    Err(DocumentError::Version {
        path: path.to_owned(),
        found,
    })
}
