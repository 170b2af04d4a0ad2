//! Requests whose source text is fetched first.

use super::plan::{Plan, sources};
use super::{Error, Shared};
use crate::api::Request;
use crate::runtime;
use crate::source::Wanted;

/// Stands for source text that is not here yet, where everything else of a request is checked.
const STAND_IN: &str = "?";

impl Shared {
    /// What `request` means, once its source text is here. Whatever else is wrong with it is said before anything is
    /// fetched.
    pub(super) async fn plan(&self, mut request: Request) -> Result<Plan, Error> {
        if let Some(wanted) = take_wanted(&mut request) {
            if request.file_extension.is_none() {
                request.file_extension = extension(&request.runtime, &wanted.url);
            }
            request.code = Some(STAND_IN.to_owned());
            Plan::new(&self.settings, request.clone())?;
            request.code = Some(self.settings.code.fetch(&wanted).await?);
        }
        Ok(Plan::new(&self.settings, request)?)
    }
}

/// What is to be fetched for `request`, if its one source is at a URL; it has none any more then.
fn take_wanted(request: &mut Request) -> Option<Wanted> {
    let [false, true, false] = sources(request) else { return None };
    request.cmd = None;
    let (url, hash) = (request.code_url.take()?, request.code_hash.take());
    Some(Wanted { url, hash, allow_insecure: request.allow_insecure_code_url })
}

/// The extension of the file that a URL names, if it is one of this runtime's.
fn extension(runtime: &str, url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let file = url.path_segments()?.next_back()?;
    let extension = &file[file.rfind('.')?..];
    let is_known = runtime::get(runtime).is_ok_and(|runtime| runtime.extensions.contains(&extension));
    is_known.then(|| extension.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_called_as_the_file_at_the_url_if_the_runtime_knows_such_files() {
        for (runtime, url, expected) in [
            ("node", "https://example.com/a/b.cjs", Some(".cjs")),
            ("node", "https://example.com/b.js?x=.py#.sh", Some(".js")),
            ("python", "https://example.com/b.js", None),
            ("python", "https://example.com/v1.2/plain", None),
            ("python", "https://example.py", None),
            ("python", "https://example.com/a.py/", None),
            ("python", "https://example.com/a.PY", None),
            ("ruby", "https://example.com/a.py", None),
            ("python", "a.py", None),
            ("python", "data:a.py", None),
        ] {
            assert_eq!(extension(runtime, url).as_deref(), expected, "{runtime} {url}");
        }
    }
}
