//! How links end: commands, servers and sessions that die, floods.

use std::fs;
use std::time::{Duration, Instant};

use clusterd::console::{Console, LinkSettings, Said};
use nix::sys::signal::{Signal, kill};

use crate::sshd::{Sshd, down, hear, open, quick, type_line, up, within};

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
        keepalive_idle: Duration::from_millis(500),
        user_timeout: Duration::from_millis(1500),
        ..quick()
    };
    let mut console = Console::of(server.console("echo in; exec cat"), settings);
    up(&mut console).await;
    hear(&mut console, "in").await;
    // A session that lives is silent for longer than that, and no link is lost.
    let silent = tokio::time::timeout(Duration::from_secs(4), console.next());
    assert!(silent.await.is_err());
    server.freeze();
    let frozen = Instant::now();
    let why = down(&mut console).await;
    let found = frozen.elapsed();
    println!("a session that hangs was found after {found:?}");
    assert!(why.contains("no longer answers, for "), "{why}");
    assert!(found >= Duration::from_millis(1400), "{found:?}");
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

/// Keys are exchanged anew again and again meanwhile.
#[tokio::test]
#[ignore = "needs openssh-server"]
async fn a_flood_that_nobody_reads_costs_no_memory_and_its_end_is_heard() {
    const FLOOD: u64 = 64 << 20;
    let server = Sshd::start(&["RekeyLimit 8M"]).await;
    let mut spec = server.console(&format!("yes | head -c {FLOOD}; echo the end; exit 7"));
    spec.ssh.pty = false;
    let before = resident();
    let begun = Instant::now();
    let mut console = open(spec);
    up(&mut console).await;
    let (mut heard, mut lost, mut last) = (0, 0, Vec::new());
    let why = loop {
        match within(console.next()).await {
            Said::Bytes { bytes, .. } => {
                heard += bytes.len() as u64;
                last.extend(bytes);
                last.drain(..last.len().saturating_sub(20));
            }
            Said::Gap { lost: count, .. } => lost += count,
            Said::Down { why, .. } => break why,
            said => panic!("{said:?}"),
        }
        // Whoever reads is slow.
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let grown = resident().saturating_sub(before);
    println!(
        "{heard} bytes heard, {lost} lost, in {:?}; {grown} KiB more",
        begun.elapsed()
    );
    assert_eq!(heard + lost, FLOOD + 8);
    assert!(last.ends_with(b"the end\n"), "{last:?}");
    assert!(why.ends_with("ended with exit status 7"), "{why}");
    assert!(grown < 32 << 10, "{grown} KiB more");
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
