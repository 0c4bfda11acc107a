//! The pages in a real browser: `tests/browser/connect.mjs` drives Chromium.

use crosswalk_tests::{API_KEY, Sandbox, Sidecar};

use crate::browser::drive;

#[test]
fn a_customer_connects_accounts_in_a_real_browser() {
    drive(
        "connect.mjs",
        || {
            let sandbox = Sandbox::start();
            let sidecar = Sidecar::start("connections: {}\n");
            let port = sidecar.address.rsplit(':').next().unwrap();
            let settings = vec![
                ("CROSSWALK_URL", format!("http://localhost:{port}")),
                ("CROSSWALK_KEY", API_KEY.to_owned()),
                (
                    "HUBSPOT_URL",
                    format!("http://{}", sandbox.address("hubspot")),
                ),
                (
                    "SALESFORCE_URL",
                    format!("http://{}", sandbox.address("salesforce")),
                ),
            ];
            ((sandbox, sidecar), settings)
        },
        |(_, sidecar)| sidecar.process.err.text(),
    );
}
