//! The guides in `proxy/docs`, each block in its order, by the shell that a reader has.

mod links;
mod own_build;
mod pipelines;

use std::path::Path;

use crosswalk_tests::{Demo, Process, Reader};

use crate::explorer::admin;

const START: &str = include_str!("../../proxy/docs/start.md");
const MOVE: &str = include_str!("../../proxy/docs/move-from-direct-calls.md");

/// Where a demo is in the guides.
const DEMO: &str = "http://127.0.0.1:4040";

/// A reader who has the demo running that the guide starts.
fn reader(folder: &Path, demo: &Demo) -> Reader {
    let url = format!("http://{}", demo.address);
    Reader::new(folder)
        .says(DEMO, &url)
        .with("CROSSWALK_URL", &url)
        .with("CROSSWALK_ADMIN_URL", &format!("http://{}", admin(demo)))
}

#[test]
fn five_minutes_lead_to_calls_and_to_a_configuration_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start();
    reader(folder.path(), &demo)
        .has_done("cargo build\nexport PATH=\"$PWD/target/debug:$PATH\"")
        .has_done("crosswalk demo")
        .has_done("crosswalk serve")
        .follow(START);
    // "Then: crosswalk serve", with the file that the guide has written; only the ports are the test's.
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
    ];
    let secrets = [("CROSSWALK_KEY", "some-key"), ("HUBSPOT_TOKEN", "pat-eu1")];
    let mut served = Process::start(&arguments, folder.path(), &secrets);
    served.err.wait_for("listening");
    served.terminate();
    assert_eq!(served.exit_code(), 0);
}

#[test]
fn direct_calls_move_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start();
    reader(folder.path(), &demo).follow(MOVE);
}
