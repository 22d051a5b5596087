//! What people have ordered of a package, in `status`.

use std::time::{Duration, UNIX_EPOCH};

use crate::clock::Span;
use crate::machine::snapshot::PackageSnapshot;
use crate::scribe::stamp;

/// The last order and the last drill, each with its label.
pub(super) fn lines(package: &PackageSnapshot) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(order) = &package.order {
        let how = match (order.done, &order.result) {
            (None, _) => "under way".to_owned(),
            (Some(true), Some(text)) => format!("done: {text}"),
            (Some(_), text) => format!("NOT DONE: {}", text.as_deref().unwrap_or("")),
        };
        let ago = Span(Duration::from_secs(order.age_ms / 1000));
        let text = format!("{} by {}, {ago} ago: {how}", order.what, order.who);
        lines.push(("order", text));
    }
    if let Some(drill) = &package.drill {
        let at = stamp(UNIX_EPOCH + Duration::from_secs(drill.at));
        let how = if drill.good { "good" } else { "FAILED" };
        let text = format!("of {} at {at}: {how}: {}", drill.node, drill.text);
        lines.push(("drill", text));
    }
    lines
}
