//! `crosswalk connections`

use super::*;

#[test]
fn connections_of_file_and_store_are_listed_shown_checked_and_deleted() {
    let stage = Stage::new();
    let _served = stage.serve();
    let id = stage.connect("acme");
    let home = &stage.home;

    let listed = home.run(&["connections", "list"]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    let row = |name: &str| {
        let mut lines = listed.out.lines();
        let line = lines
            .find(|line| line.starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {}", listed.out));
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(row("salesforce").last().unwrap(), "configuration");
    assert_eq!(row(&id)[1..3], ["hubspot", "acme"]);
    let of_acme = home.run(&["connections", "list", "--customer", "acme", "--json"]);
    assert_eq!(json_of(&of_acme).as_array().unwrap().len(), 1);

    let shown = home.run(&["connections", "show", &id]);
    assert_eq!(json_of(&shown)["customerId"], "acme");
    assert!(!shown.out.contains("sandbox-refresh"), "{}", shown.out);

    let checked = home.run(&["connections", "check", "--all"]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    assert_eq!(
        checked
            .out
            .lines()
            .filter(|line| line.starts_with("ok "))
            .count(),
        3,
        "{}",
        checked.out
    );

    // The same by the operation itself, whose body may be left out.
    let asked = home.run(&["call", "core.connection.check", "--id", &id]);
    assert_eq!(json_of(&asked)["status"], "healthy");

    std::fs::write(home.path().join("hubspot.token"), "canary-wrong-token").unwrap();
    let broken = home.run(&["connections", "check", "hubspot", &id]);
    assert_eq!(broken.code, 1, "{}{}", broken.out, broken.err);
    assert!(
        broken.out.contains("fail  hubspot: ") && broken.out.contains(&format!("ok    {id}: ")),
        "{}",
        broken.out
    );
    assert!(!broken.out.contains("canary"), "{}", broken.out);

    // Nobody is there to be asked.
    let unsure = home.run(&["connections", "delete", &id]);
    assert_eq!(unsure.code, 2);
    assert!(unsure.err.contains("nothing was deleted"), "{}", unsure.err);
    let deleted = home.run(&["connections", "delete", &id, "--yes"]);
    assert_eq!(deleted.code, 0, "{}", deleted.err);
    assert!(
        deleted.out.contains(&format!("deleted {id}")),
        "{}",
        deleted.out
    );
    let gone = home.run(&["connections", "delete", &id, "--yes"]);
    assert_eq!(gone.code, 4);
    assert!(gone.err.contains("there is no connection"), "{}", gone.err);
}

#[test]
fn a_name_that_is_in_no_configuration_is_told_before_anything_is_sent() {
    let demo = Demo::start();
    let ran = against(&demo, &["connections", "check", "acme"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--config names"), "{}", ran.err);
    let empty = against(&demo, &["connections", "list"]);
    assert_eq!(empty.code, 0);
    assert!(empty.out.contains("no connection yet"), "{}", empty.out);
}
