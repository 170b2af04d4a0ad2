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
}

impl Build<'_> {
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
            let text = message.stream.unwrap_or_default();
            match step_title(&text) {
                Some(title) => {
                    tail.clear();
                    progress(&title);
                }
                None => keep_tail(&mut tail, &text),
            }
        }
        id.ok_or_else(|| failed("the Docker engine did not say which image it built"))
    }
}

/// `Step 3/9 : RUN apt-get…` as the engine announces it, on one short line.
fn step_title(text: &str) -> Option<String> {
    let line = text.starts_with("Step ").then(|| text.lines().next().unwrap_or_default())?;
    let words = line.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    Some(match words.char_indices().nth(TITLE) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    })
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
