//! Where traces go.

use url::Url;

use super::{Check, Value};
use crate::config::Telemetry;

/// What other programs take these settings from as well, by OpenTelemetry's own names.
pub(in crate::config) const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
pub(in crate::config) const SERVICE: &str = "OTEL_SERVICE_NAME";

impl Check<'_> {
    pub(super) fn telemetry(&mut self, value: Option<Value>) -> Telemetry {
        let from_environment = |name: &str| (self.environment)(name).filter(|it| !it.is_empty());
        let (endpoint, service) = (from_environment(ENDPOINT), from_environment(SERVICE));
        let mut telemetry = Telemetry::default();
        if let Some(service) = service {
            telemetry.service_name = service;
        }
        let map = value.and_then(|value| value.map(&mut self.source));
        let source = &mut self.source;
        if let Some(mut map) = map {
            if let Some(value) = map.take("otlp_endpoint") {
                telemetry.otlp_endpoint = value.parse(
                    source,
                    "the address of a collector by HTTP, as in http://127.0.0.1:4318",
                    collector,
                );
            }
            if let Some(name) = map
                .take("service_name")
                .and_then(|value| value.text(source))
            {
                telemetry.service_name = name;
            }
            map.finish(source);
        }
        if let (None, Some(endpoint)) = (&telemetry.otlp_endpoint, endpoint) {
            telemetry.otlp_endpoint = collector(&endpoint);
            if telemetry.otlp_endpoint.is_none() {
                self.warnings.push(format!(
                    "{ENDPOINT} is no address of a collector by HTTP, as in http://127.0.0.1:4318; there are no traces"
                ));
            }
        }
        telemetry
    }
}

fn collector(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain).then_some(url)
}
