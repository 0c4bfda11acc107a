//! Reads OpenAPI specs and declarative mappings, checks them against each other, and writes translator modules.
