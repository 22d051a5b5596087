//! How links end: commands, servers and sessions that die, floods.

use std::fs;
use std::time::{Duration, Instant};

use clusterd::console::{Console, LinkSettings, Said};
use nix::sys::signal::{Signal, kill};

use crate::sshd::{Sshd, down, hear, login, open, quick, type_line, up, within};

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn the_end_of_a_command_is_told_and_the_link_made_anew() {
    let server = Sshd::start(&[]).await;
    for (command, status) in [
        ("echo in; read x; exit 3", "ended with exit status 3"),
        ("echo in; read x; kill -TERM $$", "was ended by signal TERM"),
    ] {
        let mut console = open(server.console(command));
        for round in 1..=2 {
            let epoch = up(&mut console).await;
            assert_eq!(epoch, round);
            hear(&mut console, "in").await;
            type_line(&console, epoch, "");
            let why = down(&mut console).await;
            let wanted = format!(
                "closed by 127.0.0.1:{}: the command there {status}",
                server.port
            );
            assert_eq!(why, wanted);
        }
    }
}

/// Also where it says nothing before: that is no port in use.
#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_command_that_ends_at_once_is_no_busy_port() {
    let server = Sshd::start(&[]).await;
    let mut console = open(server.console("exit 3"));
    let why = down(&mut console).await;
    let wanted = format!(
        "closed by 127.0.0.1:{}: the command there ended with exit status 3",
        server.port
    );
    assert_eq!(why, wanted);
}

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_killed_server_is_told_and_its_return_is_found() {
    let mut server = Sshd::start(&[]).await;
    let mut console = open(server.console("echo in; exec cat"));
    up(&mut console).await;
    hear(&mut console, "in").await;
    server.kill();
    let why = down(&mut console).await;
    let peer = format!("127.0.0.1:{}", server.port);
    assert!(
        [
            format!("closed by {peer}"),
            format!("connection reset by {peer}")
        ]
        .contains(&why),
        "{why}"
    );
    server.start_again(&[]).await;
    loop {
        match within(console.next()).await {
            Said::Up { epoch } => break assert_eq!(epoch, 2),
            Said::Down { why, .. } => assert!(why.contains("refused"), "{why}"),
            said => panic!("{said:?}"),
        }
    }
    hear(&mut console, "in").await;
}

/// The server's kernel goes on answering; its session does not.
#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_session_that_hangs_is_found_within_the_configured_time() {
    let server = Sshd::start(&[]).await;
    let settings = LinkSettings {
        keepalive_idle: Duration::from_secs(1),
        user_timeout: Duration::from_secs(2),
        ..quick()
    };
    let mut console = Console::of(server.console("echo in; exec cat"), settings);
    up(&mut console).await;
    hear(&mut console, "in").await;
    // A session that lives is silent for longer than that, and no link is lost.
    let silent = tokio::time::timeout(Duration::from_secs(5), console.next());
    assert!(silent.await.is_err());
    server.freeze();
    let frozen = Instant::now();
    let why = down(&mut console).await;
    let found = frozen.elapsed();
    println!("a session that hangs was found after {found:?}");
    assert!(why.contains("no longer answers, for "), "{why}");
    assert!(found >= Duration::from_millis(1900), "{found:?}");
    assert!(found < Duration::from_secs(10), "{found:?}");
}

/// A server that hangs before anybody is logged in takes no longer than any other attempt may.
#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_server_that_hangs_at_the_login_is_given_up() {
    let server = Sshd::start(&[]).await;
    server.freeze();
    let settings = LinkSettings {
        connect_timeout: Duration::from_secs(2),
        ..quick()
    };
    let mut console = Console::of(server.console("true"), settings);
    let why = down(&mut console).await;
    let wanted = format!(
        "127.0.0.1:{} accepted the connection, but the exchange of keys did not end within 2s",
        server.port
    );
    assert_eq!(why.replace("2 s", "2s"), wanted);
}

/// Resident memory of this process, KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

/// Lines with numbers that follow each other, cut anywhere, with gaps that are told.
#[derive(Default)]
struct Numbers {
    line: Vec<u8>,
    last: Option<u64>,
    heard: u64,
    lost: u64,
    /// What a line without a number said.
    words: String,
}

impl Numbers {
    fn hear(&mut self, bytes: &[u8]) {
        self.heard += bytes.len() as u64;
        for &byte in bytes {
            if byte != b'\n' {
                self.line.push(byte);
                continue;
            }
            let line = String::from_utf8(std::mem::take(&mut self.line)).unwrap();
            match (line.parse::<u64>(), self.last) {
                // Behind a gap a line may lack its beginning.
                (Ok(number), Some(0)) => self.last = (line.len() == 8).then_some(number),
                (Ok(number), Some(last)) => {
                    assert_eq!(number, last + 1);
                    self.last = Some(number);
                }
                (Ok(number), None) => self.last = Some(number),
                (Err(_), _) => self.words += &line,
            }
        }
    }

    fn miss(&mut self, lost: u64) {
        self.lost += lost;
        self.line.clear();
        self.last = Some(0);
    }
}

/// Keys are exchanged anew again and again meanwhile, and no byte is lost or out of place but
/// where that is told.
#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_flood_costs_no_memory_and_its_end_is_heard() {
    const LINES: u64 = 6_000_000;
    let server = Sshd::start(&["RekeyLimit 8M"]).await;
    let from = 10_000_001;
    let mut spec = server.console(&format!(
        "seq {from} {}; echo the end; read x; exit 7",
        from + LINES - 1
    ));
    login(&mut spec).pty = false;
    for pause in [Duration::ZERO, Duration::from_millis(5)] {
        let before = resident();
        let begun = Instant::now();
        let mut console = open(spec.clone());
        let epoch = up(&mut console).await;
        let mut numbers = Numbers::default();
        let why = loop {
            match within(console.next()).await {
                Said::Bytes { bytes, .. } => {
                    numbers.hear(&bytes);
                    if numbers.words == "the end" {
                        // Only now: the next link would flood us too.
                        type_line(&console, epoch, "\n");
                    }
                }
                Said::Gap { lost, .. } => numbers.miss(lost),
                Said::Down { why, .. } => break why,
                said => panic!("{said:?}"),
            }
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        };
        let grown = resident().saturating_sub(before);
        println!(
            "{} bytes heard, {} lost, in {:?}; {grown} KiB more",
            numbers.heard,
            numbers.lost,
            begun.elapsed()
        );
        assert_eq!(numbers.heard + numbers.lost, LINES * 9 + 8);
        assert_eq!(numbers.words, "the end");
        assert!(why.ends_with("ended with exit status 7"), "{why}");
        assert!(grown < 32 << 10, "{grown} KiB more");
    }
}

/// What was typed and not sent dies with its link, and so does the session there.
#[tokio::test]
#[ignore = "needs openssh-server"]
async fn dropping_a_console_ends_the_session_there() {
    let server = Sshd::start(&[]).await;
    let mut console = open(server.console("echo in; exec cat"));
    up(&mut console).await;
    hear(&mut console, "in").await;
    assert!(server.family().len() > 1);
    drop(console);
    let gone = async {
        while server.family().len() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(gone).await;
}

#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_session_that_is_killed_is_told() {
    let server = Sshd::start(&[]).await;
    let mut console = open(server.console("echo in; exec cat"));
    up(&mut console).await;
    hear(&mut console, "in").await;
    let session = server.family()[1];
    kill(session, Signal::SIGKILL).unwrap();
    let why = down(&mut console).await;
    assert!(why.contains(&format!("127.0.0.1:{}", server.port)), "{why}");
}
