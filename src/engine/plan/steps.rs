//! A plan in the guest's terms: setup scripts and the program, as the steps of one run.

use bytes::Bytes;
use isol8_protocol::{Exec, SANDBOX_DIR, Step};

use super::packages::Installation;
use super::{FILE_MODE, Plan};
use crate::image::Packages;
use crate::sandbox::channel::Files;

/// Where the setup script of the image is written to, until it has run.
const IMAGE_SETUP: &str = "/sandbox/.isol8-image-setup.sh";

/// Where the setup script of the request is written to, until it has run.
const REQUEST_SETUP: &str = "/sandbox/.isol8-setup.sh";

/// Setup scripts find the programs of administrators, too.
const SETUP_PATH: &str = ":/usr/local/sbin:/usr/sbin:/sbin";

/// What goes into a sandbox for one execution.
pub(in crate::engine) struct Work {
    /// The commands.
    pub exec: Exec,
    /// Whether the first of them installs packages.
    pub installs: bool,
    /// How many setup scripts come then, before the program.
    pub setups: usize,
    /// Files to write first.
    pub files: Files,
}

impl Plan {
    /// What is to be done in a sandbox that has the packages `present`, and whose image brings the setup script
    /// `image_setup`. It leaves behind what is needed afterwards.
    pub(in crate::engine) fn work(&mut self, image_setup: Option<String>, present: &Packages) -> Work {
        let install = self.needed.as_ref().and_then(|needed| needed.installation(present));
        let mut work = Work {
            exec: Exec { env: std::mem::take(&mut self.env).into_iter().collect(), steps: Vec::new(), stdin: false },
            installs: install.is_some(),
            setups: 0,
            files: std::mem::take(&mut self.files),
        };
        let path = work.exec.env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, value)| value);
        let setup_env = vec![("PATH".to_owned(), format!("{path}{SETUP_PATH}"))];
        if let Some(Installation { argv, mut env }) = install {
            env.extend(setup_env.iter().cloned());
            let cwd = SANDBOX_DIR.to_owned();
            work.exec.steps.push(Step { argv, env, cwd, limit_ms: self.timeout_ms, remove: Vec::new() });
        }
        let scripts = [(IMAGE_SETUP, image_setup), (REQUEST_SETUP, self.setup.take())];
        for (path, script) in scripts.into_iter().filter_map(|(path, script)| Some((path, script?))) {
            work.files.push((path.to_owned(), FILE_MODE, Bytes::from(script)));
            work.setups += 1;
            work.exec.steps.push(Step {
                argv: vec!["bash".to_owned(), path.to_owned()],
                env: setup_env.clone(),
                cwd: SANDBOX_DIR.to_owned(),
                limit_ms: self.timeout_ms,
                remove: vec![path.to_owned()],
            });
        }
        work.exec.steps.push(Step {
            argv: std::mem::take(&mut self.argv),
            env: Vec::new(),
            cwd: std::mem::take(&mut self.workdir),
            limit_ms: self.timeout_ms,
            remove: self.temporary_script.take().into_iter().collect(),
        });
        work
    }
}
