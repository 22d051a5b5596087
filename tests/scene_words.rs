//! A scene's lines: what was read is written so that it is read again, and what is wrong, or would
//! change nothing, is said with its place and mend.

use std::fs;

use clusterd::script::diagnostic::{Sources, render};
use clusterd::sim::scene::{parse, write};

const BENCH: &str = "scene 1 \"t\"\nnode alpha openbios 80770001\nnode beta openbios 80770002\n";

/// What is wrong with a text, or the text of the scene.
fn read(text: &str) -> Result<String, String> {
    let mut sources = Sources::default();
    match parse("x", text, &mut sources) {
        Ok(scene) => Ok(write(&scene)),
        Err(faults) => Err(render(&faults, &sources, false)),
    }
}

#[test]
fn what_was_read_is_written_as_it_was() {
    for line in [
        "param who \"a b\"",
        "param who \"\"",
        "param who \"a#b\"",
        "param who a\"b",
        "type alpha a\"b",
        "setenv alpha \"a b\" \"c d\"",
        "says alpha a\"b unended",
        "expect not state \"a b\"",
        "expect alarm \"#\"",
        "expect said a\"b",
    ] {
        let first = read(&format!("{BENCH}{line}\n")).expect(line);
        assert!(first.contains(line), "{line}:\n{first}");
        assert_eq!(read(&first).as_ref(), Ok(&first), "{line}");
    }
}

#[test]
fn what_would_change_nothing_is_refused_with_its_line() {
    for (lines, place, part) in [
        (
            "sp alpha hangs",
            ":4:1",
            "before the first step: processor alom",
        ),
        (
            "legs alpha hang",
            ":4:1",
            "before the first step: power-legs 1",
        ),
        (
            "hook-says no after 1s",
            ":4:1",
            "before the first step: hook",
        ),
        ("interrupt 0 before for 5s", ":4:11", "from 1 to"),
        ("noise alpha 5000", ":4:13", "from 0 to 1000"),
        ("loss alpha 1001", ":4:12", "from 0 to 1000"),
        ("pings lost 65535", ":4:12", "from 0 to 1000"),
        ("clock ahead 500ms", ":4:13", "write whole seconds"),
        (
            "policy integrity\npolicy integrity",
            ":5:1",
            "take one of the two lines out",
        ),
        ("start proven\nstart adopted", ":5:1", "said before"),
        ("seed 1\nseed 2", ":5:1", "said before"),
        ("times bed\ntimes real", ":5:1", "said before"),
        ("param a 1\nparam a 2", ":5:7", "said before"),
        (
            "node gamma openbios ffffffff",
            ":4:21",
            "tells no machine from another",
        ),
        (
            "node gamma openbios 00000000",
            ":4:21",
            "tells no machine from another",
        ),
        ("node gamma openbios +8077000", ":4:21", "eight hex digits"),
        (
            "node gamma openbios 80770001",
            ":4:21",
            "has the Host ID 80770001 already",
        ),
        ("node Gamma! openbios 80770003", ":4:6", "use 1 to 40 of"),
        ("flood alpha 4294967295", ":4:13", "from 0 to 16384"),
        ("fsck alpha 18446744073709551615s", ":4:12", "two years"),
        ("pass 3y", ":4:6", "two years"),
        ("until alpha serves within 3y", ":4:27", "two years"),
        ("power-legs 18446744073709551615", ":4:12", "from 0 to 16"),
        ("expect not not alpha serves", ":4:12", "write one `not`"),
        ("mark now", ":4:6", "take it out"),
        ("panic", ":4:6", "docs/scenes.md shows the whole line"),
        ("expect alfa serves", ":4:8", "served-or-told"),
    ] {
        let said = read(&format!("{BENCH}{lines}\n")).expect_err(lines);
        assert!(said.contains(&format!("x{place}\n")), "{lines}: {said}");
        assert!(
            said.contains(part) && said.contains("= help"),
            "{lines}: {said}"
        );
    }
    let deep = format!("{BENCH}expect {}alpha serves\n", "not ".repeat(20_000));
    read(&deep).expect_err("it is refused");
    read(&format!("{BENCH}power-legs 0\nlegs alpha hang\n")).expect("that is meant so");
}

#[test]
fn a_wrong_beginning_is_one_fault() {
    for wrong in ["scene 2 \"t\"\nseed 1\nseed 2\n", "mark\nmark\nmark\n"] {
        let said = read(wrong).expect_err(wrong);
        assert_eq!(said.matches("error").count(), 1, "{said}");
    }
    read(&format!("\u{feff}{BENCH}")).expect("some editors put that before a text");
    let said = read("scene 1 \"t\"\nnode alpha openbios 80770001\n").expect_err("it has one node");
    assert!(
        said.contains("x:2:1") && said.contains("node beta"),
        "{said}"
    );
}

/// The first words of the tables in docs/scenes.md, misspelt.
#[test]
fn every_first_word_is_the_neighbour_of_its_misspelling() {
    let doc = fs::read_to_string("docs/scenes.md").expect("it is part of the project");
    let tables = doc.split("## What must hold").next().unwrap_or_default();
    let cells = tables.lines().filter(|line| line.starts_with("| `"));
    let cells = cells.filter_map(|line| line.split(" | ").next());
    let mut words: Vec<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .collect();
    words.sort_unstable();
    words.dedup();
    assert!(words.len() > 70, "{words:?}");
    for word in words {
        let said = read(&format!("{BENCH}{word}~\n")).expect_err("there is no such word");
        assert!(said.contains(&format!("did you mean `{word}`?")), "{said}");
    }
}
