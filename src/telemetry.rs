//! How errors are told, and where log events go.
//!
//! Log events go to standard error, one line each, once an engine was made with `debug: true`.
//!
//! A line reads `[DEBUG] [pool] a used sandbox is not reused container=0123456789ab reason=…`. Standard output
//! belongs to the program that uses us.

use std::error::Error;
use std::fmt;
use std::sync::Once;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

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

static ENABLE: Once = Once::new();

/// Starts logging, for the rest of the life of this process. A subscriber that was there before stays.
pub fn enable_debug() {
    ENABLE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::DEBUG)
            .with_writer(std::io::stderr)
            .event_format(Line)
            .finish();
        // Fails where a Rust program that embeds us has set its own.
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
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
        let Some(area) = metadata.target().strip_prefix("isol8::") else { return Ok(()) };
        let area = area.rsplit("::").next().unwrap_or(area);
        write!(writer, "[{}] [{area}] ", metadata.level())?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
