//! Which folder may know which: the arrows of the tree, and what a file's text says.

use std::collections::BTreeSet;

/// Folders (or files) under `src/` and what each may name of the others, in the order in
/// which data flows. `clock` and `name` are known to all.
#[rustfmt::skip]
pub const ARROWS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("name", &[]),
    ("secret", &[]),
    ("mutant", &[]),
    ("script", &[]),
    ("config", &["script"]),
    ("proto", &[]),
    ("transcript", &[]),
    ("matcher", &[]),
    ("machine", &["script", "matcher", "mutant"]),
    ("sim", &["script", "proto", "matcher", "machine"]),
    ("logfile", &[]),
    ("caught", &[]),
    ("console", &["caught", "secret", "config", "proto", "transcript", "matcher", "machine", "logfile"]),
    ("probe", &["caught", "machine"]),
    ("exec", &["secret", "machine"]),
    ("store", &["machine"]),
    ("scribe", &["config", "transcript", "logfile", "console"]),
    ("alarm", &["caught", "secret", "script", "config", "machine", "logfile", "exec", "store", "scribe"]),
    ("home", &["secret", "script", "config", "matcher", "console", "exec"]),
    ("control", &["script", "config", "machine", "store", "alarm"]),
    ("cluster", &["secret", "script", "config", "home", "matcher", "machine", "logfile", "console", "probe", "exec",
        "store", "scribe", "alarm", "control"]),
    ("metrics", &["script", "machine", "store", "alarm", "control", "cluster"]),
    ("daemon", &["caught", "script", "config", "matcher", "machine", "sim", "logfile", "console", "probe", "exec", "store",
        "scribe", "alarm", "home", "control", "cluster", "metrics"]),
    ("cli", &["caught", "script", "config", "transcript", "machine", "sim", "logfile", "exec", "store", "scribe", "alarm", "home",
        "control", "cluster", "daemon"]),
];

/// The folders that `code` names, by `crate::…` or by `super::…` up to the root. `depth` is
/// how many modules the file's own module is below the crate: `src/config/yaml.rs` is 2.
pub fn named(code: &str, depth: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let up = "super::".repeat(depth);
    for root in ["crate::", up.as_str()] {
        if root.is_empty() {
            continue;
        }
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if !before.is_alphanumeric() && !"_:".contains(before) {
                names.extend(firsts(&code[at + root.len()..]));
            }
        }
    }
    names
}

/// The first names of a path, or of each path of a group `{a::b, c}`.
fn firsts(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let mut depth = 0;
    let mut firsts = Vec::new();
    let mut start = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                firsts.push(name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                firsts.push(name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    firsts.retain(|name| !name.is_empty());
    firsts
}
