//! The contract of the unified API as a document: what its specification says, as YAML and as JSON.
//!
//! It tells nothing of this installation or its customers, so it needs no key. Built into the program: no file is needed
//! beside it.

use std::sync::OnceLock;

use bytes::Bytes;
use http::{
    HeaderValue, Method, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use serde_json::Value;

use crate::{
    error::{Code, Error},
    route::Api,
};

/// One of the two documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    Json,
    Yaml,
}

/// The contract in both forms.
#[derive(Debug)]
pub(crate) struct Contract {
    /// As it was written, with its comments.
    yaml: &'static str,
    /// Made when somebody first asks for it.
    json: OnceLock<Bytes>,
}

impl Document {
    /// The document that has this path.
    pub(crate) fn find(path: &str) -> Option<Self> {
        match path {
            "/openapi.json" => Some(Self::Json),
            "/openapi.yaml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

impl Contract {
    pub(crate) fn of(api: &Api) -> Self {
        Self {
            yaml: api.document,
            json: OnceLock::new(),
        }
    }

    pub(crate) fn answer(
        &self,
        document: Document,
        method: &Method,
    ) -> Result<Response<Full<Bytes>>, Error> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut error = Error::new(Code::MethodNotSupported, "expected GET");
            error.allow = Some("GET, HEAD".into());
            return Err(error);
        }
        let (kind, text) = match document {
            Document::Json => ("application/json", self.json()),
            // RFC 9512.
            Document::Yaml => ("application/yaml", Bytes::from_static(self.yaml.as_bytes())),
        };
        let mut response = Response::new(Full::from(text));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(response)
    }

    fn json(&self) -> Bytes {
        let made = self.json.get_or_init(|| {
            let document: Value = serde_saphyr::from_str(self.yaml)
                .expect("the contract is YAML, codegen has read it");
            document.to_string().into()
        });
        made.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::API;

    fn document() -> Value {
        serde_json::from_slice(&Contract::of(&API).json()).unwrap()
    }

    #[test]
    fn both_documents_say_the_same() {
        let json = document();
        let yaml: Value = serde_saphyr::from_str(API.document).unwrap();
        assert_eq!(json, yaml);
        assert_eq!(json["openapi"], "3.0.3");
    }

    #[test]
    fn every_operation_has_an_example_of_what_is_sent_and_answered() {
        let document = document();
        let mut operations = 0;
        for methods in document["paths"].as_object().unwrap().values() {
            for operation in methods.as_object().unwrap().values() {
                let Some(id) = operation["operationId"].as_str() else {
                    continue;
                };
                operations += 1;
                let answer = &operation["responses"]["200"];
                assert!(!answer["headers"]["x-request-id"].is_null(), "{id}");
                let mut contents = vec![&answer["content"]["application/json"]];
                if !operation["requestBody"].is_null() {
                    contents.push(&operation["requestBody"]["content"]["application/json"]);
                }
                for content in contents {
                    let has_one = !content["examples"]["one"].is_null();
                    assert!(has_one || !content["example"].is_null(), "{id}");
                }
            }
        }
        assert!(operations > 50);
    }
}
