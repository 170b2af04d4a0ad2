//! The runtime of one execution, whoever describes it.

use std::sync::Arc;

use super::{ALL, Runtime, agent};

/// One of our runtimes, or one of the caller's. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub enum Language {
    /// Ours.
    BuiltIn(&'static Runtime),
    /// What the caller's adapter says about itself; the commands come with each request.
    Custom(Arc<Custom>),
}

/// A runtime of the caller's.
#[derive(Debug, PartialEq, Eq)]
pub struct Custom {
    name: String,
    image: String,
}

impl Language {
    /// The caller's runtime called `name`, which runs in `image`.
    pub fn custom(name: String, image: String) -> Self {
        Self::Custom(Arc::new(Custom { name, image }))
    }

    /// Its name in requests and results.
    pub fn name(&self) -> &str {
        match self {
            Self::BuiltIn(runtime) => runtime.name,
            Self::Custom(custom) => &custom.name,
        }
    }

    /// Whether its programs are prompts for our agent.
    pub fn is_agent(&self) -> bool {
        matches!(self, Self::BuiltIn(runtime) if runtime.name == agent::NAME)
    }

    /// The image that it runs in.
    pub fn image(&self) -> String {
        match self {
            Self::BuiltIn(runtime) => runtime.image(),
            Self::Custom(custom) => custom.image.clone(),
        }
    }

    /// The runtime of ours whose base image it runs in, which can be built if it is missing.
    pub fn base(&self) -> Option<&'static Runtime> {
        match self {
            Self::BuiltIn(runtime) => Some(runtime),
            Self::Custom(custom) => ALL.into_iter().find(|runtime| runtime.image() == custom.image),
        }
    }
}

impl From<&'static Runtime> for Language {
    fn from(runtime: &'static Runtime) -> Self {
        Self::BuiltIn(runtime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_in_one_of_our_images_can_have_it_built() {
        let custom = |image: &str| Language::custom("mine".into(), image.into());
        assert_eq!(custom("isol8:bash").base().map(|runtime| runtime.name), Some("bash"));
        assert_eq!(custom("ruby:slim").base(), None);
    }
}
