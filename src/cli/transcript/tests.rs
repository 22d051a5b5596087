//! What `clusterd transcript` prints.

use std::fs;

use clap::Parser;

use super::*;
use crate::transcript::{By, Outcome, Pen};

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: TranscriptArgs,
}

const START: u64 = 1_795_298_462_000;

fn at(ms: u64) -> UtcMillis {
    UtcMillis::new(START + ms)
}

/// The transcript of a short morning.
fn file(dir: &Path, name: &str, from: u64) {
    let mut pen = Pen::default();
    pen.link_up(at(from));
    pen.console(b"\x1b[2JJ\xc3\xbcrgen \x9b10%\r 20%\r\r\nok ", at(from + 1));
    pen.typed(&By::Script, b"boot\r", at(from + 500));
    pen.console(b"boot\r\n", at(from + 501));
    pen.break_ordered(&By::Person("ada".to_owned()), at(from + 600));
    pen.broke("telnet", Outcome::Sent, at(from + 600));
    pen.gap(7, at(from + 700));
    pen.console(b"ok ", at(from + 701));
    pen.finish();
    let text = [Pen::header("pki/ca1", at(from)), pen.take()].concat();
    fs::write(dir.join(name), text).unwrap();
}

fn shown(dir: &Path, args: &[&str]) -> (Exit, String) {
    let args = args.iter().map(|arg| match arg.strip_prefix("ca1") {
        Some(_) => dir.join(arg).display().to_string(),
        None => (*arg).to_owned(),
    });
    let cli = Cli::try_parse_from(["transcript".to_owned()].into_iter().chain(args)).unwrap();
    let mut out = Vec::new();
    let exit = show(&cli.args, &mut out);
    let text = out.iter().copied().map(char::from).collect();
    (exit, text)
}

#[test]
fn plain_lines_move_no_terminal() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "ca1.console", 0);
    let (exit, text) = shown(dir.path(), &["ca1.console"]);
    let umlaut: String = "\u{fc}".bytes().map(char::from).collect();
    assert_eq!(exit, Exit::Good);
    assert_eq!(
        text,
        format!("\\x1b[2JJ{umlaut}rgen \\x9b10%\\r 20%\nok boot\nok \n")
    );
    let (_, timed) = shown(dir.path(), &["ca1.console", "--times"]);
    assert!(
        timed.contains("\n2026-11-21T22:01:02.001Z  ok boot\n"),
        "{timed}"
    );
}

#[test]
fn bytes_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "ca1.console", 0);
    let (_, text) = shown(dir.path(), &["--bytes", "ca1.console"]);
    assert_eq!(
        text,
        "\x1b[2JJ\u{c3}\u{bc}rgen \u{9b}10%\r 20%\r\r\nok boot\r\nok "
    );
}

#[test]
fn times_are_kept_to() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "ca1.console", 0);
    let from = "--from=2026-11-21T22:01:02.501Z";
    let (_, text) = shown(dir.path(), &["--bytes", "ca1.console", from]);
    assert_eq!(text, "boot\r\nok ");
    let (_, text) = shown(
        dir.path(),
        &["ca1.console", from, "--to", "2026-11-21 22:01:02.600"],
    );
    assert_eq!(text, "boot\n");
    let (_, text) = shown(dir.path(), &["ca1.console", "--from", "2026-11-22"]);
    assert_eq!(text, "");
    for bad in ["yesterday", "2026-13-01", "22:01"] {
        assert!(time(bad).is_err(), "{bad}");
    }
    assert_eq!(time("2026-11-21 22:01"), Ok(UtcMillis::new(START - 2000)));
}

#[test]
fn older_files_come_first() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "ca1.console", 20_000);
    file(dir.path(), "ca1.console.1", 10_000);
    file(dir.path(), "ca1.console.10", 0);
    let files = ["ca1.console", "ca1.console.1", "ca1.console.10"];
    let (_, text) = shown(dir.path(), &[&files[..], &["--json"]].concat());
    let times: Vec<&str> = text.lines().map(|line| &line[..32]).collect();
    assert!(times.is_sorted() && times.len() == 27, "{times:?}");
}

#[test]
fn json_has_all() {
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "ca1.console", 0);
    let (_, text) = shown(dir.path(), &["--json", "ca1.console"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"at":"2026-11-21T22:01:02.000Z","kind":"link_up"}"#
    );
    assert_eq!(
        lines[3],
        r#"{"at":"2026-11-21T22:01:02.500Z","kind":"typed","by":"","bytes":"boot\r"}"#
    );
    assert!(lines[5].ends_with(r#""kind":"break","by":"ada"}"#));
}

#[test]
fn what_cannot_be_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("ca1.txt"), "hello\n").unwrap();
    for name in ["ca1.txt", "ca1.not-there"] {
        assert_eq!(shown(dir.path(), &[name]), (Exit::Faults, String::new()));
    }
}
