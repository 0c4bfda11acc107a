//! Has the linker put the functions that a start and calls run side by side, as `layout.ld` lists them.
//!
//! Spread over all of the program, they would keep most of it in memory. The list is written by `cargo xtask layout`;
//! what it does not know stays where it is. Only for release: nobody waits for it while he works.

use std::env;

/// Set to anything, it has the linker do as it likes, for those that take no script.
const OFF: &str = "CROSSWALK_WITHOUT_LAYOUT";
/// Those of `.cargo/config.toml`, without which hardly a function has the name that the list knows.
const FLAGS: &str = "-C\x1fsymbol-mangling-version=v0";

fn main() {
    println!("cargo::rerun-if-changed=layout.ld");
    println!("cargo::rerun-if-env-changed={OFF}");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
    // With flags of his own, whoever builds may have chosen another linker.
    let has_flags = env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags != FLAGS);
    // Where it was tried.
    let is_known = is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && is("CARGO_CFG_TARGET_ARCH", "x86_64");
    if is("PROFILE", "release") && is_known && !has_flags && env::var_os(OFF).is_none() {
        let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bin=crosswalk=-T");
        println!("cargo::rustc-link-arg-bin=crosswalk={folder}/layout.ld");
    }
}
