//! `status --watch`: the screen again and again. It ends as any command does, by Control-C.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use terminal_size::{Height, Width, terminal_size};

use super::StatusArgs;
use super::render::{Ink, render};
use crate::cli::{Exit, ask};
use crate::control::{Answer, Ask, Report};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// From the top left, each line cleared to its end, and what stands below the last.
const TOP: &str = "\x1b[H";
const TO_LINE_END: &str = "\x1b[K";
const BELOW: &str = "\x1b[J";

/// Shows the status until it is interrupted, or nobody reads any more. Without a terminal one status
/// follows the other, with an empty line between. A daemon that does not answer is shown as that: it
/// may come back.
pub(super) fn watch(args: &StatusArgs) -> Exit {
    let terminal = io::stdout().is_terminal();
    if terminal && !args.json {
        print!("\x1b[2J");
    }
    loop {
        let begun = Instant::now();
        let question = Ask::Status {
            cluster: args.cluster.clone(),
        };
        let shown = match ask::attempt(&args.home, question) {
            Ok((Answer::Status { report }, _)) => screen(&report, args.json, terminal),
            Ok((other, _)) => return ask::unexpected(&other),
            Err(failure) if failure.exit == Exit::NotRunning => {
                let text = format!("clusterd: {}\n", failure.text);
                fitted(&text, terminal && !args.json)
            }
            Err(failure) => return failure.print(),
        };
        let mut out = io::stdout().lock();
        if out
            .write_all(shown.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            return Exit::Good;
        }
        drop(out);
        // It may come back early.
        while let Some(left) = EVERY.checked_sub(begun.elapsed()) {
            std::thread::park_timeout(left);
        }
    }
}

fn screen(report: &Report, json: bool, terminal: bool) -> String {
    if json {
        let json = serde_json::to_string(report).expect("plain values are JSON");
        return format!("{json}\n");
    }
    let (ink, width) = match terminal_size() {
        Some((Width(width), _)) if terminal => (Ink::Colour, usize::from(width).clamp(60, 400)),
        _ => (Ink::Plain, super::width()),
    };
    fitted(&render(report, ink, width), terminal)
}

/// As it is put on the screen: not more lines than it has, for the worst stands first.
fn fitted(text: &str, terminal: bool) -> String {
    if !terminal {
        return format!("{text}\n");
    }
    let height = terminal_size().map_or(24, |(_, Height(height))| usize::from(height));
    cut(text, height.max(5))
}

fn cut(text: &str, height: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    // The cursor stands on the last line of the screen, which stays empty.
    let room = height - 1;
    let mut out = TOP.to_owned();
    let mut put = |line: &str| {
        out.push_str(line);
        out.push_str(TO_LINE_END);
        out.push_str("\r\n");
    };
    if lines.len() <= room {
        for line in &lines {
            put(line);
        }
    } else {
        lines[..room - 1].iter().for_each(|line| put(line));
        put(&format!("… {} more lines", lines.len() - (room - 1)));
    }
    out.push_str(BELOW);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_is_never_scrolled() {
        let text = "a\nb\nc\nd\ne\nf\n";
        assert_eq!(
            cut(text, 5),
            "\x1b[Ha\x1b[K\r\nb\x1b[K\r\nc\x1b[K\r\n… 3 more lines\x1b[K\r\n\x1b[J"
        );
        assert_eq!(cut("a\n", 5), "\x1b[Ha\x1b[K\r\n\x1b[J");
    }
}
