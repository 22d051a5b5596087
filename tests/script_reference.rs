//! The examples of docs/chat-script.md: each compiles, and those marked `fails` print just
//! what the text block behind them shows (`BLESS=1` writes those blocks anew).
//!
//! A block without a `script` line is a piece of one: `chat,state` the body of a state,
//! `chat,procedure` the body of a procedure, plain `chat` what stands at the top. States that it
//! only names are put in.

mod script;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clusterd::script::diagnostic::{Severity, render};

struct Block {
    kind: String,
    text: String,
    line: usize,
}

#[test]
fn the_examples_of_the_reference_are_true() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/chat-script.md");
    let text = std::fs::read_to_string(&path).expect("the reference is there");
    let blocks = blocks(&text);
    let count = blocks
        .iter()
        .filter(|block| block.kind.starts_with("chat"))
        .count();
    assert!(count > 15, "only {count} examples were found");
    let mut blessed = text.clone();
    let mut wrong = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let told = match block.kind.as_str() {
            "chat,fails" => told("example.chat", &block.text),
            kind if kind.starts_with("chat") => {
                if let Some(told) = errors(&whole(block)) {
                    wrong.push(format!("line {}:\n{told}", block.line));
                }
                continue;
            }
            _ => continue,
        };
        let shown = blocks.get(number + 1).filter(|next| next.kind == "text");
        let shown =
            shown.unwrap_or_else(|| panic!("line {}: a text block must follow", block.line));
        if shown.text != told {
            wrong.push(format!("line {}: it says\n{told}", shown.line));
            let old = format!("{}```\n\n```text\n{}```", block.text, shown.text);
            let new = format!("{}```\n\n```text\n{told}```", block.text);
            blessed = blessed.replace(&old, &new);
        }
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, blessed).expect("the reference can be written");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn blocks(text: &str) -> Vec<Block> {
    let mut out = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        if let Some(kind) = line.strip_prefix("```") {
            match open.take() {
                Some(block) => out.push(block),
                None => {
                    open = Some(Block {
                        kind: kind.to_owned(),
                        text: String::new(),
                        line: number + 1,
                    });
                }
            }
        } else if let Some(block) = &mut open {
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    out
}

/// The block as a script that stands by itself.
fn whole(block: &Block) -> String {
    if block.text.lines().any(|line| line.starts_with("script ")) {
        return block.text.clone();
    }
    let mut text = "script reference\nuse openboot\n".to_owned();
    match block.kind.as_str() {
        "chat,state" => text.push_str("start hold state here\n"),
        "chat,procedure" => text.push_str(
            "start hold state here\n    log \"\"\nprocedure example(node) \"an example\"\n",
        ),
        _ => {}
    }
    text.push_str(&block.text);
    let defined = |name: &str| {
        text.contains(&format!("state {name} ")) || text.contains(&format!("state {name}\n"))
    };
    let named: Vec<&str> = block
        .text
        .split("-> ")
        .skip(1)
        .filter_map(|rest| {
            rest.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .next()
        })
        .filter(|name| !["", "done", "fail"].contains(name) && !defined(name))
        .collect();
    let mut states: Vec<String> = named
        .into_iter()
        .map(|name| format!("hold state {name}\n    log \"\"\n"))
        .collect();
    states.sort();
    states.dedup();
    text + &states.concat()
}

/// What is wrong with an example, but for warnings.
fn errors(text: &str) -> Option<String> {
    match script::try_compile("example.chat", text, script::SHIPPED, &BTreeMap::new()) {
        Ok(_) => None,
        Err(faults) => {
            let errors: Vec<_> = faults
                .diagnostics
                .into_iter()
                .filter(|fault| fault.severity == Severity::Error)
                .collect();
            Some(render(&errors, &faults.sources, false))
        }
    }
}

/// What the checker says of an example that fails. The library of the cases is used: a change
/// of the shipped one moves no line in the reference.
fn told(name: &str, text: &str) -> String {
    match script::try_compile(name, text, script::CASES, &BTreeMap::new()) {
        Ok(_) => panic!("this should fail:\n{text}"),
        Err(faults) => {
            render(&faults.diagnostics, &faults.sources, false)
                .trim_end()
                .to_owned()
                + "\n"
        }
    }
}
