//! Customers.

use serde_json::json;

use super::{answered, config, connect, good, ids, on_both};

#[test]
fn metadata_is_merged_member_by_member_and_no_deeper() {
    on_both(|sidecar| {
        let put = |body| {
            good(
                sidecar,
                "core.customer.upsert",
                "PUT",
                "/core/customer/acme",
                Some(&body),
            )
        };
        let made = put(json!({ "metadata": { "plan": "small", "deep": { "a": 1 } } }));
        assert_eq!(made["id"], "acme");
        assert_eq!(made["orgId"], "org_crosswalk");
        for (given, then) in [
            (json!({}), json!({ "plan": "small", "deep": { "a": 1 } })),
            (
                json!({ "metadata": { "deep": { "b": 2 } } }),
                json!({ "plan": "small", "deep": { "b": 2 } }),
            ),
            (json!({ "metadata": [1] }), json!([1])),
            (json!({ "metadata": null }), json!(null)),
            (
                json!({ "metadata": { "x": 1 }, "unknown": 1 }),
                json!({ "x": 1 }),
            ),
        ] {
            assert_eq!(put(given)["metadata"], then);
        }
        let got = good(
            sidecar,
            "core.customer.get",
            "GET",
            "/core/customer/acme",
            None,
        );
        assert_eq!(got["metadata"], json!({ "x": 1 }));
        assert_eq!(got["createdAt"], made["createdAt"]);
    });
}

#[test]
fn they_are_listed_by_their_ids_also_those_that_a_connection_names() {
    on_both(|sidecar| {
        for id in ["b", "d%2Fe%20%C3%A9", "a"] {
            let target = format!("/core/customer/{id}");
            good(
                sidecar,
                "core.customer.upsert",
                "PUT",
                &target,
                Some(&json!({})),
            );
        }
        let files = config(sidecar, "sqlite");
        connect(sidecar, &files, "c", &json!({ "path": "c.db" }));
        let list = |query: &str| {
            let target = format!("/core/customer{query}");
            good(sidecar, "core.customer.list", "GET", &target, None)
        };
        assert_eq!(ids(&list("")), ["a", "b", "c", "d/e é"]);
        assert_eq!(ids(&list("?limit=2&offset=1")), ["b", "c"]);
        answered(
            sidecar,
            ("core.customer.get", 404),
            "GET",
            "/core/customer/nobody",
            None,
        );
    });
}
