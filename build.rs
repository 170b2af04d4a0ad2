//! Builds the guest as a static binary for the platform of the containers, and tells rustc where it is.
//!
//! `ISOL8_GUEST_TARGET` names another target (release builds for other architectures); `ISOL8_GUEST_BINARY`
//! names a binary that is already built. The guest has a target directory of its own, since cargo holds a lock
//! on ours while this runs; all profiles of ours share it, since the guest has only one.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    napi_build::setup();
    println!("cargo::rerun-if-env-changed=ISOL8_GUEST_TARGET");
    println!("cargo::rerun-if-env-changed=ISOL8_GUEST_BINARY");
    for input in ["Cargo.lock", "Cargo.toml", "guest"] {
        println!("cargo::rerun-if-changed={input}");
    }
    let binary = match env::var_os("ISOL8_GUEST_BINARY") {
        Some(path) => PathBuf::from(path),
        None => build_guest(),
    };
    println!("cargo::rustc-env=ISOL8_GUEST_BINARY={}", binary.display());
}

fn build_guest() -> PathBuf {
    let target = env::var("ISOL8_GUEST_TARGET").unwrap_or_else(|_| default_target());
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let target_dir = shared_directory(&out_dir);
    let status = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"))
        .args(["build", "--locked", "--profile", "guest", "--package", "isol8-init", "--target", &target])
        .arg("--target-dir")
        .arg(&target_dir)
        // Flags meant for this build (a sanitizer, say) are not the guest's.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", "-C target-feature=+crt-static -D warnings")
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "the guest did not build for {target}");
    // A copy of our own, which no later build changes under the compiler's eyes.
    let binary = out_dir.join("isol8-init");
    std::fs::copy(target_dir.join(&target).join("guest").join("isol8-init"), &binary).expect("the guest can be copied");
    binary
}

/// `guest` in cargo's target directory, given `<target directory>/[<target>/]<profile>/build/<package>/out`.
fn shared_directory(out_dir: &Path) -> PathBuf {
    let profile = out_dir.ancestors().nth(3).expect("cargo's layout");
    profile.parent().expect("cargo's layout").join("guest")
}

/// Containers run Linux, whatever this machine runs.
fn default_target() -> String {
    format!("{}-unknown-linux-gnu", env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets the target"))
}
