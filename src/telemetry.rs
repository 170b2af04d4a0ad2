//! How errors are told, and where log events go.
//!
//! Warnings and errors go to standard error, one line each, and everything else that isol8 does as well once an engine
//! was made with `debug: true`. Standard output belongs to the program that uses us. A line reads
//! `[DEBUG] [Pool] a used sandbox is not reused container=0123456789ab reason=…`.

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::{fmt as log, reload};

/// An error's message with those of its causes, one after the other.
pub fn chain(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some causes repeat what their effect already says.
        if !message.ends_with(&text) {
            // A message that is a sentence ends; others go on.
            message.push_str(if message.ends_with('.') { " " } else { ": " });
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

/// How the level is changed. Empty where a Rust program that embeds us has set a subscriber of its own.
static LEVEL: OnceLock<Option<reload::Handle<LevelFilter, Registry>>> = OnceLock::new();

/// Starts logging, for the rest of the life of this process; with `debug`, everything.
pub fn start(debug: bool) {
    let level = LEVEL.get_or_init(|| {
        let (filter, level) = reload::Layer::new(LevelFilter::WARN);
        let lines = log::layer().with_writer(std::io::stderr).event_format(Line);
        let subscriber = tracing_subscriber::registry().with(filter).with(lines);
        tracing::subscriber::set_global_default(subscriber).is_ok().then_some(level)
    });
    if let Some(level) = level.as_ref().filter(|_| debug) {
        // Fails only when the subscriber is gone, which a global one never is.
        let _ = level.reload(LevelFilter::DEBUG);
    }
}

/// The shape of a line. Events of other crates are left out.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let Some(path) = metadata.target().strip_prefix("isol8::") else { return Ok(()) };
        write!(writer, "[{}] [{}] ", metadata.level(), area(path))?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// What people call the part of isol8 that a module belongs to.
fn area(path: &str) -> &'static str {
    const AREAS: [(&str, &str); 8] = [
        ("sandbox::docker", "Docker"),
        ("sandbox::pool", "Pool"),
        ("sandbox", "Sandbox"),
        ("image", "ImageBuilder"),
        ("engine", "Engine"),
        ("audit", "Audit"),
        ("config", "Config"),
        ("", "Isol8"),
    ];
    AREAS.iter().find(|(module, _)| path.starts_with(module)).map_or("Isol8", |(_, area)| area)
}
