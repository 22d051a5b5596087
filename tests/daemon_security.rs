//! What docs/security.md promises of the running daemon: it listens to nobody on the network, writes
//! down who ordered what, tells a client of another version so, and leaves no core.

mod daemon_support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use daemon_support::{Daemon, Home, Pair, stderr, until};
use serde_json::{Value, json};

fn proc(daemon: &Daemon<'_>, file: &str) -> String {
    fs::read_to_string(format!("/proc/{}/{file}", daemon.child.id())).unwrap()
}

/// The inodes of its sockets.
fn sockets(daemon: &Daemon<'_>) -> BTreeSet<String> {
    let folder = format!("/proc/{}/fd", daemon.child.id());
    let links = fs::read_dir(folder).unwrap();
    links
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|to| {
            let to = to.to_str()?.strip_prefix("socket:[")?;
            Some(to.strip_suffix(']')?.to_owned())
        })
        .collect()
}

/// Lines of `/proc/net/FILE` about its own sockets: local address, remote address, state.
fn of_the_network(daemon: &Daemon<'_>, file: &str) -> Vec<(String, String, String)> {
    let own = sockets(daemon);
    let table = proc(daemon, &format!("net/{file}"));
    let rows = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let row = [1, 2, 3, 9].map(|at| fields[at].to_owned());
        let [local, remote, state, inode] = row;
        own.contains(&inode).then_some((local, remote, state))
    });
    rows.collect()
}

#[test]
fn nobody_on_the_network_is_listened_to() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let tcp = of_the_network(&daemon, "tcp");
    // Two consoles: the table is read rightly.
    assert!(tcp.len() >= 2, "{tcp:?}");
    let listening = "0A";
    for file in ["tcp", "tcp6"] {
        let rows = of_the_network(&daemon, file);
        let open = rows.iter().filter(|(_, _, state)| state == listening);
        assert_eq!(open.count(), 0, "{file}: {rows:?}");
    }
    // Datagrams would come to a port that is bound and not connected.
    for file in ["udp", "udp6"] {
        let rows = of_the_network(&daemon, file);
        let connected = "01";
        assert!(
            rows.iter().all(|(_, _, state)| state == connected),
            "{file}: {rows:?}"
        );
    }
    // One socket for people: its owner's alone.
    let unix = proc(&daemon, "net/unix");
    let own = sockets(&daemon);
    let paths: Vec<&str> = unix
        .lines()
        .skip(1)
        .filter(|line| {
            own.iter()
                .any(|inode| line.split_whitespace().nth(6) == Some(inode))
        })
        .filter_map(|line| line.split_whitespace().nth(7))
        .collect();
    assert_eq!(paths.len(), 1, "{paths:?}");
    assert!(paths[0].ends_with("/clusterd.new"), "{paths:?}");
    let mode = fs::metadata(home.path("clusterd.sock"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    daemon.stop();
}

#[test]
fn nobody_else_reads_what_it_writes_and_it_leaves_no_core() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    for path in [
        "journal.sqlite",
        "logs/clusterd.log",
        "logs/pair/activity.log",
        "logs/pair/alpha.console",
    ] {
        let mode = fs::metadata(home.path(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path} has mode {mode:o}");
    }
    let limits = proc(&daemon, "limits");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{words:?}");
    daemon.stop();
}

#[test]
fn every_order_is_written_down_with_who_gave_it_and_what_came_of_it() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    home.status();
    home.clusterd(&["release", "pair"]);
    home.clusterd(&["release", "nowhere"]);
    let (_, shown) = home.at_terminal(&["ack", "pair/svc", "no_such\u{1b}[2Jcode"], &[]);
    let audit = until("the audit", || {
        let audit = home.read("logs/audit.log");
        (audit.lines().count() == 6).then_some(audit)
    });
    let lines: Vec<&str> = audit.lines().collect();
    let order = r#"operate {"do":"say","cluster":"pair","word":"release","node":null}"#;
    assert!(lines[0].contains("Z  1 root"), "{audit}");
    assert!(lines[0].contains(" uid=0 login="), "{audit}");
    assert!(lines[0].contains(" terminal=none pid="), "{audit}");
    assert!(lines[0].ends_with(&format!("asks: {order}")), "{audit}");
    assert!(
        lines[1].contains("Z  1 root") && lines[1].ends_with(": told"),
        "{audit}"
    );
    assert!(
        lines[3].contains("refused (unknown): there is no cluster"),
        "{audit}"
    );
    // A command at a terminal: which one. The pty of the test is no controlling terminal of the child.
    assert!(
        lines[4].contains(r#""do":"acknowledge""#),
        "{audit} {shown}"
    );
    assert!(lines[4].contains(r"\u001b[2J"), "{audit}");
    assert!(
        !audit.contains("\"do\":\"status\""),
        "who looks on gives no order"
    );
    daemon.stop();
}

#[test]
fn a_client_of_another_version_is_told_so_and_an_endless_request_has_an_end() {
    let home = Home::empty();
    let daemon = home.run();
    let said = home.say(r#"{"v":2,"ask":{"do":"status","of":"everything"}}"#);
    assert_eq!(said["answer"]["code"], "bad_request", "{said}");
    let text = said["answer"]["text"].as_str().unwrap();
    assert!(
        text.contains("protocol version 2, this clusterd speaks 1"),
        "{text}"
    );
    assert!(
        text.contains("use the clusterd of the same version"),
        "{text}"
    );
    let said = home.say(r#"{"ask":{"do":"ping"}}"#);
    assert!(
        said["answer"]["text"]
            .as_str()
            .unwrap()
            .contains("no version"),
        "{said}"
    );
    let said = home.say(&"x".repeat(80 << 10));
    assert!(
        said["answer"]["text"]
            .as_str()
            .unwrap()
            .contains("at most 65536 bytes"),
        "{said}"
    );
    daemon.stop();
}

#[test]
fn a_daemon_of_another_version_is_told_apart_from_a_broken_one() {
    let home = Home::empty();
    let socket = UnixListener::bind(home.path("clusterd.sock")).unwrap();
    let daemon = std::thread::spawn(move || {
        let (stream, _) = socket.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        let answer: Value = json!({ "v": 7, "answer": { "is": "splendid", "news": [] } });
        writeln!(&stream, "{answer}").unwrap();
        line
    });
    let output = home.clusterd(&["status"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("speaks protocol version 7"), "{said}");
    assert!(daemon.join().unwrap().contains("\"v\":1"));
}
