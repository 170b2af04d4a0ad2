//! Builds the guest as a static binary for the platform of the containers, and tells rustc where it is.
//!
//! Containers run Linux on the processor that the addon is for, whatever system the addon is for. `ISOL8_GUEST_TARGET`
//! names another target to build the guest for; `ISOL8_GUEST_BINARY` names a guest that is already built, which is how
//! an addon for macOS gets one. Either way the guest has to be a Linux program for the addon's processor. The guest has
//! a target directory of its own, since cargo holds a lock on ours while this runs; all profiles of ours share it, since
//! the guest has only one.

use std::env;
use std::fs::File;
use std::io::Read;
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
        Some(path) => {
            println!("cargo::rerun-if-changed={}", Path::new(&path).display());
            PathBuf::from(path)
        }
        None => build_guest(),
    };
    let arch = cargo_cfg("ARCH");
    assert!(is_linux_program(&binary, &arch), "the guest {} is no Linux program for {arch}", binary.display());
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
    assert!(
        status.success(),
        "the guest did not build for {target}: build it where that works and name it in ISOL8_GUEST_BINARY"
    );
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

/// Containers run Linux, whatever this machine runs. On Linux, the C library that is at hand is linked.
fn default_target() -> String {
    let is_musl = cargo_cfg("OS") == "linux" && cargo_cfg("ENV") == "musl";
    format!("{}-unknown-linux-{}", cargo_cfg("ARCH"), if is_musl { "musl" } else { "gnu" })
}

/// Something about the target of the addon.
fn cargo_cfg(name: &str) -> String {
    env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default()
}

/// Whether a file is an ELF program for this processor, by its header: 64 bits, little-endian, then the machine.
fn is_linux_program(path: &Path, arch: &str) -> bool {
    let machine: u16 = match arch {
        "x86_64" => 0x3e,
        "aarch64" => 0xb7,
        other => panic!("isol8 has no guest for {other}"),
    };
    let mut header = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header.starts_with(b"\x7fELF\x02\x01") && header[18..] == machine.to_le_bytes()
}
