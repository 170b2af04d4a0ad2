//! How each language's packages are installed into a sandbox, as the sandbox user: always below `/sandbox`.
//!
//! Names are arguments, never part of a script. What a run installs, it installs for itself alone.

use super::agent;

/// Where bash finds what [`BASH`] has unpacked.
pub const BASH_ENV: [(&str, &str); 2] = [
    ("PATH", "/sandbox/.local/usr/bin:/sandbox/.local/usr/sbin:/sandbox/.local/bin"),
    (
        "LD_LIBRARY_PATH",
        "/sandbox/.local/usr/lib/x86_64-linux-gnu:/sandbox/.local/lib/x86_64-linux-gnu:\
         /sandbox/.local/usr/lib/aarch64-linux-gnu:/sandbox/.local/lib/aarch64-linux-gnu:/sandbox/.local/usr/lib",
    ),
];

/// How packages are installed: a command, to which the names are added, and its environment.
#[derive(Debug, PartialEq, Eq)]
pub struct Installer {
    command: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
}

impl Installer {
    /// The command that installs these packages.
    pub fn command<'a>(&self, packages: impl Iterator<Item = &'a str>) -> Vec<String> {
        self.command.iter().copied().chain(packages).map(str::to_owned).collect()
    }

    /// What it needs in its environment.
    pub fn env(&self) -> impl Iterator<Item = (String, String)> {
        self.env.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()))
    }
}

/// The installer of a runtime, if it has one.
pub fn installer(runtime: &str) -> Option<&'static Installer> {
    match runtime {
        "python" => Some(&PYTHON),
        "node" => Some(&NODE),
        // The agent's own programs run in Bun.
        "bun" | agent::NAME => Some(&BUN),
        "deno" => Some(&DENO),
        "bash" => Some(&BASH),
        _ => None,
    }
}

const PYTHON: Installer = Installer {
    command: &[
        "python3",
        "-m",
        "pip",
        "install",
        "--user",
        "--no-cache-dir",
        "--break-system-packages",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar=off",
        "--retries=0",
        "--timeout=15",
        "--",
    ],
    env: &[("PYTHONUSERBASE", "/sandbox/.local")],
};

const NODE: Installer = Installer {
    command: &["npm", "install", "--prefix", "/sandbox", "--no-audit", "--no-fund", "--loglevel=error", "--"],
    env: &[
        ("NPM_CONFIG_CACHE", "/sandbox/.npm-cache"),
        ("NPM_CONFIG_FETCH_RETRIES", "0"),
        ("NPM_CONFIG_FETCH_RETRY_MINTIMEOUT", "1000"),
        ("NPM_CONFIG_FETCH_RETRY_MAXTIMEOUT", "2000"),
        ("NPM_CONFIG_UPDATE_NOTIFIER", "false"),
    ],
};

/// Not globally: programs in `/sandbox` find what is installed there, and nothing else reliably.
const BUN: Installer = Installer {
    command: &["bun", "add", "--cwd", "/sandbox", "--no-progress"],
    env: &[("BUN_INSTALL_CACHE_DIR", "/sandbox/.bun-cache")],
};

const DENO: Installer = Installer { command: &["deno", "cache", "--quiet"], env: &[("DENO_DIR", "/sandbox/.deno")] };

/// Without root: apt finds out what is missing and downloads it, and it is unpacked where programs may write.
const BASH: Installer = Installer {
    command: &[
        "bash",
        "-euc",
        "apt=/sandbox/.apt; mkdir -p $apt/lists/partial $apt/cache/archives/partial /sandbox/.local
options=(-qq -o Dir::State::Lists=$apt/lists -o Dir::Cache=$apt/cache -o Dir::Log=$apt -o Debug::NoLocking=1
    -o APT::Sandbox::User= -o Acquire::Retries=0 -o Dir::Etc::Parts=- -o Acquire::Languages=none)
apt-get \"${options[@]}\" update
apt-get \"${options[@]}\" --yes --no-install-recommends --download-only install -- \"$@\"
for package in $apt/cache/archives/*.deb; do dpkg-deb --extract \"$package\" /sandbox/.local; done
rm -rf $apt",
        "install",
    ],
    env: &[("DEBIAN_FRONTEND", "noninteractive")],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime;

    #[test]
    fn every_runtime_has_one_and_names_come_last() {
        for runtime in runtime::ALL {
            let installer = installer(runtime.name).expect("has one");
            let command = installer.command(["one", "two"].into_iter());
            assert_eq!(command[command.len() - 2..], ["one", "two"]);
        }
        assert_eq!(installer("ruby"), None);
    }
}
