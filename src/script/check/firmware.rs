//! Firmware blocks: the groups that the engine reads, and words that start a system.

use super::patterns::groups_of;
use super::sends::{all_starts, danger_of_line};
use crate::script::compile::Draft;
use crate::script::compile::load::Loaded;
use crate::script::diagnostic::{Diagnostic, Span};
use crate::script::program::{Firmware, PatternId};

/// Looks at every block.
pub fn check(files: &[Loaded], draft: &Draft, faults: &mut Vec<Diagnostic>) {
    let patterns = files.iter().flat_map(|loaded| &loaded.file.patterns);
    let places: Vec<Span> = patterns.map(|pattern| pattern.name.span).collect();
    for firmware in &draft.program.firmwares {
        groups(firmware, draft, &places, faults);
    }
    texts(files, draft, faults);
}

/// Only `reset` may start something: the fence proves what comes of it.
fn texts(files: &[Loaded], draft: &Draft, faults: &mut Vec<Diagnostic>) {
    let starts = all_starts(&draft.program);
    for firmware in files.iter().flat_map(|loaded| &loaded.file.firmwares) {
        let keys = [
            "kill", "live", "identity", "set", "get", "mark", "ask_mark", "opens",
        ];
        for setting in firmware
            .settings
            .iter()
            .filter(|setting| keys.contains(&setting.key.text.as_str()))
        {
            for text in &setting.texts {
                let danger = danger_of_line(&starts, &text.as_template());
                let help = "a firmware block only asks; what starts a system is typed by a procedure that `boot` runs";
                faults.extend(danger.map(|danger| danger.at(text.span).help(help)));
            }
        }
    }
}

/// The groups that the engine reads must be there.
fn groups(firmware: &Firmware, draft: &Draft, places: &[Span], faults: &mut Vec<Diagnostic>) {
    let wanted: [(PatternId, &[&str], &str); 2] = [
        (firmware.host_id, &["id"], "identity"),
        (firmware.shows, &["name", "value"], "get"),
    ];
    for (pattern, groups, key) in wanted {
        let groups_there = groups_of(&draft.program.patterns[pattern].regex);
        for group in groups
            .iter()
            .filter(|group| !groups_there.iter().any(|there| there == *group))
        {
            faults.push(
                Diagnostic::error(
                    places[pattern],
                    format!("this pattern has no group `{group}`"),
                )
                .label(format!(
                    "`{key}` of the firmware block `{}` reads it",
                    firmware.platform
                ))
                .help(format!(
                    "write `(?<{group}>…)` around that part of the regex"
                )),
            );
        }
    }
}
