//! Firmware blocks, and what one takes over from another.

use std::collections::BTreeMap;

use super::load::Loaded;
use super::scope::{Kind, Scope};
use crate::script::ast::{self, Setting, Word};
use crate::script::diagnostic::Diagnostic;
use crate::script::program::{Firmware, GuardSetting, PatternId};

/// What blocks say, by key: `get`, `get.shows`.
#[derive(Clone, Default)]
struct Said {
    texts: BTreeMap<String, String>,
    patterns: BTreeMap<String, Vec<PatternId>>,
    starts: Vec<String>,
    guard: Vec<GuardSetting>,
    opens: Vec<String>,
}

/// What a block must say in the end, with a line that would.
const TEXTS: [(&str, &str); 8] = [
    ("kill", r#"kill "\x15""#),
    ("live", r#"live "hex {a} {b} + u.\r""#),
    ("identity", r#"identity "banner\r" shows host_id"#),
    ("set", r#"set "setenv {name} {value}\r""#),
    (
        "get",
        r#"get "printenv {name}\r" shows shows absent absent"#,
    ),
    ("mark", r#"mark ": {mark} {a} {b} + u. ;\r""#),
    ("ask_mark", r#"ask_mark "{mark}\r" unknown unknown"#),
    ("reset", r#"reset "reset-all\r""#),
];
const PATTERNS: [(&str, &str); 10] = [
    ("prompt", "prompt prompt"),
    ("banner", "banner banner"),
    ("booting", "booting booting"),
    ("resumable", "resumable resumable"),
    ("login", "login login"),
    ("panic", "panic panic, trap"),
    ("identity.shows", r#"identity "banner\r" shows host_id"#),
    ("get.shows", r#"get "printenv {name}\r" shows shows"#),
    (
        "get.absent",
        r#"get "printenv {name}\r" shows shows absent absent"#,
    ),
    ("ask_mark.unknown", r#"ask_mark "{mark}\r" unknown unknown"#),
];
/// What a block may say, line by line: only a drill wants it.
const OPENS: (&str, &str) = (
    "opens",
    r#"opens "hex \" {device}\" open-dev\r" "0= 1+ {a} + u.\r""#,
);
/// The placeholders that a text may and must have.
const HOLES: [(&str, &[&str]); 6] = [
    (OPENS.0, &["device", "a"]),
    ("live", &["a", "b"]),
    ("set", &["name", "value"]),
    ("get", &["name"]),
    ("mark", &["mark", "a", "b"]),
    ("ask_mark", &["mark"]),
];

/// All firmware blocks of all files, in table order.
pub fn firmwares(files: &[Loaded], scope: &Scope, faults: &mut Vec<Diagnostic>) -> Vec<Firmware> {
    let blocks: Vec<&ast::Firmware> = files
        .iter()
        .flat_map(|loaded| &loaded.file.firmwares)
        .collect();
    let mut out = Vec::new();
    for block in &blocks {
        let mut seen = Vec::new();
        let said = gather(block, &blocks, scope, faults, &mut seen, true);
        let ring = seen
            .iter()
            .enumerate()
            .any(|(number, block)| is_among(block, &seen[..number]));
        match &block.like {
            Some(like) if ring => faults.push(
                Diagnostic::error(
                    like.span,
                    "these firmware blocks are like each other in a ring",
                )
                .help("one of them must say everything itself"),
            ),
            _ => out.extend(whole(block, &said, faults)),
        }
    }
    out
}

fn is_among(block: &ast::Firmware, seen: &[&ast::Firmware]) -> bool {
    seen.iter().any(|one| std::ptr::eq(*one, block))
}

/// What a block says, what it is `like` first. Faults are told once, with the block itself.
fn gather<'a>(
    block: &'a ast::Firmware,
    blocks: &[&'a ast::Firmware],
    scope: &Scope,
    faults: &mut Vec<Diagnostic>,
    seen: &mut Vec<&'a ast::Firmware>,
    tell: bool,
) -> Said {
    let mut said = Said::default();
    seen.push(block);
    let mut quiet = Vec::new();
    let faults = if tell { faults } else { &mut quiet };
    if let Some(like) = &block.like
        && let Some(number) = scope.find(Kind::Firmware, like, faults)
        && let Some(base) = blocks.get(number).copied()
    {
        // By the block, not by its name: of two of one name the number may be the other one's.
        if is_among(base, seen) {
            seen.push(base);
        } else {
            said = gather(base, blocks, scope, faults, seen, false);
        }
    }
    let (mut starts, mut guard) = (Vec::new(), Vec::new());
    for setting in &block.settings {
        match setting.key.text.as_str() {
            "starts" => starts.extend(setting.texts.iter().map(ast::Quoted::as_template)),
            "guard" => guard.extend(guard_setting(setting, faults)),
            "opens" => {
                holes(&setting.key, &setting.texts, faults);
                said.opens = setting.texts.iter().map(ast::Quoted::as_template).collect();
            }
            _ => take(setting, &mut said, scope, faults),
        }
    }
    if !starts.is_empty() {
        said.starts = starts;
    }
    if !guard.is_empty() {
        said.guard = guard;
    }
    said
}

fn guard_setting(setting: &Setting, faults: &mut Vec<Diagnostic>) -> Option<GuardSetting> {
    let [name, value] = setting.texts.as_slice() else {
        faults.push(
            Diagnostic::error(
                setting.key.span,
                "`guard` needs a boot parameter and its value",
            )
            .help("write `guard \"auto-boot?\" = \"false\"`"),
        );
        return None;
    };
    Some(GuardSetting {
        name: name.as_template(),
        value: value.as_template(),
        presence: setting.presence,
    })
}

fn take(setting: &Setting, said: &mut Said, scope: &Scope, faults: &mut Vec<Diagnostic>) {
    let key = &setting.key;
    let patterns = |names: &[Word], faults: &mut Vec<Diagnostic>| -> Vec<PatternId> {
        names
            .iter()
            .filter_map(|name| scope.find(Kind::Pattern, name, faults))
            .collect()
    };
    if TEXTS.iter().any(|(text, _)| *text == key.text) {
        let [text] = setting.texts.as_slice() else {
            faults.push(
                Diagnostic::error(key.span, format!("`{}` needs a text", key.text))
                    .help(example(&key.text)),
            );
            return;
        };
        holes(key, std::slice::from_ref(text), faults);
        said.texts.insert(key.text.clone(), text.as_template());
        for (word, name) in &setting.clauses {
            let found = patterns(std::slice::from_ref(name), faults);
            said.patterns
                .insert(format!("{}.{}", key.text, word.text), found);
        }
        return;
    }
    match setting.names.as_slice() {
        [] => faults.push(
            Diagnostic::error(
                key.span,
                format!("`{}` needs the name of a pattern", key.text),
            )
            .help(example(&key.text)),
        ),
        [_, second, ..] if !["booting", "login", "panic"].contains(&key.text.as_str()) => faults
            .push(
                Diagnostic::error(second.span, format!("`{}` is one pattern", key.text))
                    .help("join them into one regex with `|`"),
            ),
        _ => {}
    }
    let found = patterns(&setting.names, faults);
    said.patterns.insert(key.text.clone(), found);
}

/// The texts have just the placeholders that will be put in.
fn holes(key: &Word, texts: &[ast::Quoted], faults: &mut Vec<Diagnostic>) {
    let wanted = HOLES
        .iter()
        .find(|(name, _)| *name == key.text)
        .map_or(&[][..], |(_, holes)| holes);
    let mut missing: Vec<&str> = wanted.to_vec();
    for piece in texts.iter().flat_map(|text| &text.pieces) {
        if let ast::QuotedPiece::Value(name) = piece {
            missing.retain(|hole| *hole != name.text);
            if !wanted.contains(&name.text.as_str()) {
                faults.push(
                    Diagnostic::error(
                        name.span,
                        format!("`{}` puts no `{{{}}}` in", key.text, name.text),
                    )
                    .help(example(&key.text)),
                );
            }
        }
    }
    let span = texts.last().map_or(key.span, |text| text.span);
    if let Some(hole) = missing.first() {
        faults.push(
            Diagnostic::error(span, format!("`{}` needs `{{{hole}}}`", key.text))
                .help(example(&key.text)),
        );
    }
}

fn example(key: &str) -> String {
    let line = TEXTS
        .iter()
        .chain(&PATTERNS)
        .chain([&OPENS])
        .find(|(name, _)| *name == key)
        .map_or("", |(_, line)| line);
    format!("write `{line}`")
}

/// The block as the program has it, if nothing is missing.
fn whole(block: &ast::Firmware, said: &Said, faults: &mut Vec<Diagnostic>) -> Option<Firmware> {
    let mut missing: Vec<&str> = TEXTS
        .iter()
        .filter(|(key, _)| !said.texts.contains_key(*key))
        .chain(
            PATTERNS
                .iter()
                .filter(|(key, _)| !said.patterns.contains_key(*key)),
        )
        .map(|(_, line)| *line)
        .collect();
    if said.starts.is_empty() {
        missing.push(r#"starts "boot", "go""#);
    }
    if said.guard.is_empty() {
        missing.push(r#"guard "auto-boot?" = "false""#);
    }
    let all = missing.clone();
    let mut kept: Vec<&str> = Vec::new();
    missing.retain(|line| {
        let longer = all
            .iter()
            .any(|other| other.len() > line.len() && other.starts_with(line));
        let fresh = !longer && !kept.contains(line);
        kept.push(line);
        fresh
    });
    if !missing.is_empty() {
        faults.push(
            Diagnostic::error(
                block.name.span,
                format!("the firmware block `{}` is not whole", block.name.text),
            )
            .note(format!(
                "it lacks lines like these:\n{}",
                missing.join("\n")
            ))
            .help("say them, or take them over: `firmware openbios like openboot { … }`"),
        );
        return None;
    }
    let text = |key: &str| said.texts.get(key).cloned();
    let pattern = |key: &str| {
        said.patterns
            .get(key)
            .and_then(|found| found.first())
            .copied()
    };
    Some(Firmware {
        platform: block.name.text.clone(),
        prompt: pattern("prompt")?,
        kill: text("kill")?,
        live: text("live")?,
        identity: text("identity")?,
        host_id: pattern("identity.shows")?,
        set: text("set")?,
        get: text("get")?,
        shows: pattern("get.shows")?,
        absent: pattern("get.absent")?,
        mark: text("mark")?,
        ask_mark: text("ask_mark")?,
        unknown: pattern("ask_mark.unknown")?,
        reset: text("reset")?,
        opens: said.opens.clone(),
        banner: pattern("banner")?,
        booting: said.patterns.get("booting")?.clone(),
        resumable: pattern("resumable")?,
        login: said.patterns.get("login")?.clone(),
        panic: said.patterns.get("panic")?.clone(),
        starts: said.starts.clone(),
        guard: said.guard.clone(),
    })
}
