//! Labels of our images.

/// What all of them begin with.
pub const LABEL_PREFIX: &str = "org.isol8.";

/// Hash of everything that a base image was built from.
pub const BUILD_HASH: &str = "org.isol8.build.hash";

/// Hash of the guest in the image.
pub const GUEST_HASH: &str = "org.isol8.guest";

/// Hosts that the image's own package managers are configured for, separated by commas.
pub const REGISTRIES: &str = "org.isol8.registries";

/// Set on images whose programs know `localhost` without a file that says so.
pub const KNOWS_LOCALHOST: &str = "org.isol8.localhost";

/// Hash of everything that a custom image was built from, on top of its base image.
pub const DEPS_HASH: &str = "org.isol8.deps.hash";

/// The runtime that a custom image extends.
pub const RUNTIME: &str = "org.isol8.runtime";

/// The packages in a custom image, sorted and separated by commas.
pub const DEPENDENCIES: &str = "org.isol8.dependencies";

/// A custom image's setup script, whole.
pub const SETUP: &str = "org.isol8.setup";
