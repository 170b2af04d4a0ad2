//! One build on the Docker engine, with its progress.
//!
//! The classic builder is asked for: it needs no second protocol, and every engine has it.

use std::collections::HashMap;

use bollard::body_full;
use bollard::models::BuildInfo;
use bollard::query_parameters::{BuildImageOptions, BuilderVersion};
use bytes::Bytes;
use futures::StreamExt;

use super::ImageError;
use crate::sandbox::docker::Docker;

/// Bytes of the output of a step that are kept for the error message.
const TAIL: usize = 2000;

/// Characters of a step that are shown.
const TITLE: usize = 72;

/// A build to be made.
pub(super) struct Build<'a> {
    /// What it is for, in errors.
    pub(super) name: &'a str,
    pub(super) context: Bytes,
    pub(super) target: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) args: HashMap<String, String>,
    /// Docker network mode of the steps; empty for the daemon's default.
    pub(super) network: &'a str,
    /// For values that cannot be written in a Dockerfile. All of them go into one URL, which is 64 KiB at most.
    pub(super) labels: HashMap<String, String>,
    /// Do every step, even if its outcome is known from before.
    pub(super) no_cache: bool,
    /// Whether `progress` gets what the steps print, too.
    pub(super) output: bool,
}

impl<'a> Build<'a> {
    /// A build of nothing yet, for `name`.
    pub(super) fn new(name: &'a str) -> Self {
        Self {
            name,
            context: Bytes::new(),
            target: "",
            tag: None,
            args: HashMap::new(),
            network: "",
            labels: HashMap::new(),
            no_cache: false,
            output: false,
        }
    }

    /// Builds, and returns the image's id. `progress` gets the title of each step.
    pub(super) async fn run(
        self,
        docker: &Docker,
        progress: &mut (dyn FnMut(&str) + Send),
    ) -> Result<String, ImageError> {
        let options = BuildImageOptions {
            t: self.tag.map(str::to_owned),
            target: self.target.to_owned(),
            networkmode: Some(self.network.to_owned()).filter(|network| !network.is_empty()),
            rm: true,
            forcerm: true,
            buildargs: Some(self.args),
            labels: Some(self.labels),
            nocache: self.no_cache,
            version: BuilderVersion::BuilderV1,
            ..Default::default()
        };
        let failed =
            |message: &str| ImageError::Build { name: self.name.to_owned(), message: message.trim().to_owned() };
        let mut messages = docker.client().build_image(options, None, Some(body_full(self.context)));
        let (mut id, mut tail) = (None, String::new());
        while let Some(message) = messages.next().await {
            let message: BuildInfo = message.map_err(|error| match docker.error("build an image", error) {
                crate::sandbox::backend::BackendError::Failed { source, .. } => failed(&format!("{source}\n{tail}")),
                unavailable => ImageError::Backend(unavailable),
            })?;
            if let Some(error) = message.error_detail {
                return Err(failed(&format!("{}\n{tail}", error.message.unwrap_or_default())));
            }
            if let Some(built) = message.aux.and_then(|aux| aux.id) {
                id = Some(built);
            }
            let text = readable(&message.stream.unwrap_or_default());
            match step_title(&text) {
                Some(title) => {
                    tail.clear();
                    progress(&title);
                }
                None => {
                    keep_tail(&mut tail, &text);
                    for line in text.lines().filter(|line| self.output && !line.trim().is_empty()) {
                        progress(&title_of(line));
                    }
                }
            }
        }
        id.ok_or_else(|| failed("the Docker engine did not say which image it built"))
    }
}

/// `Step 3/9 : RUN apt-get…` as the engine announces it, on one short line.
fn step_title(text: &str) -> Option<String> {
    let line = text.starts_with("Step ").then(|| text.lines().next().unwrap_or_default())?;
    Some(title_of(line))
}

/// As much of a line as is shown.
fn title_of(line: &str) -> String {
    let words = line.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(TITLE) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// What programs print, without what is meant for a terminal: colours, and lines that are overwritten.
fn readable(text: &str) -> String {
    let mut readable = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' if chars.next_if_eq(&'[').is_some() => {
                // The parameters of a sequence, and the letter at its end.
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            '\r' if chars.peek() != Some(&'\n') => readable.truncate(readable.rfind('\n').map_or(0, |end| end + 1)),
            '\n' | '\t' => readable.push(c),
            c if c.is_control() => {}
            c => readable.push(c),
        }
    }
    readable
}

fn keep_tail(tail: &mut String, text: &str) {
    tail.push_str(text);
    if tail.len() > TAIL {
        let mut cut = tail.len() - TAIL;
        while !tail.is_char_boundary(cut) {
            cut += 1;
        }
        tail.drain(..cut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_made_readable() {
        assert_eq!(readable("\x1b[91mnpm error\x1b[0m a\tb\x07\r\nc\x1b[38;5;245md"), "npm error a\tb\ncd");
        assert_eq!(readable("first\nReading 5%\rReading 50%\rRead\n"), "first\nRead\n");
        assert_eq!(readable("\x1b[12"), "");
    }

    #[test]
    fn steps_are_told_from_what_they_print() {
        let long = format!("Step 2/3 : RUN  {}\n", "x".repeat(TITLE));
        assert_eq!(step_title("Step 1/3 : FROM a\n").as_deref(), Some("Step 1/3 : FROM a"));
        assert_eq!(step_title(&long).map(|title| title.chars().count()), Some(TITLE + 1));
        assert_eq!(step_title(" ---> Running in 0123\n"), None);
    }
}
