//! `events`, `history` and `status --check` of the built daemon: a follower is told of all, and clients
//! that stop reading keep neither the daemon nor each other waiting.

mod daemon_support;

use std::io::{BufRead, BufReader, PipeReader, Write, pipe};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};

use daemon_support::{Home, LIMIT, Pair, stderr, stdout, until};
use nix::fcntl::{FcntlArg, fcntl};
use serde_json::{Value, json};

/// `clusterd events --follow --json`, and its output: the smallest pipe, full after some lines.
fn follow(home: &Home) -> (Child, PipeReader) {
    let (out, into) = pipe().unwrap();
    fcntl(&into, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .args(["events", "pair", "--follow", "--json", "--last", "1000"])
        .env("CLUSTER_HOME", home.dir.path())
        .stdin(Stdio::null())
        .stdout(into)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (child, out)
}

/// Lines as they come, for as long as somebody wants them.
fn lines(out: PipeReader) -> Receiver<Value> {
    let (tell, told) = sync_channel(1000);
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines() {
            let Ok(line) = line else { return };
            if tell.send(serde_json::from_str(&line).unwrap()).is_err() {
                return;
            }
        }
    });
    told
}

/// Reads on until a line's text holds this; gives the numbers of all lines.
fn read_until(told: &Receiver<Value>, text: &str) -> Vec<i64> {
    let mut numbers = Vec::new();
    loop {
        let line = told
            .recv_timeout(LIMIT)
            .unwrap_or_else(|err| panic!("no line with {text:?} came: {err}"));
        assert_eq!(line["v"], 1);
        assert_eq!(line["cluster"], "pair");
        numbers.push(line["seq"].as_i64().unwrap());
        if line["text"].as_str().unwrap().contains(text) {
            return numbers;
        }
    }
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_follower_is_told_of_all_and_outlives_the_daemon() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let (child, out) = follow(&home);
    let told = lines(out);
    let mut numbers = read_until(&told, "state watch");
    assert!(daemon.stop().success());
    // Meanwhile it reads the file; the next daemon's entries come by themselves.
    let mut daemon = home.run();
    numbers.extend(read_until(&told, "because clusterd starts"));
    numbers.extend(read_until(&told, "state watch"));
    pair.sim.panic(0);
    daemon.line("beta is up");
    numbers.extend(read_until(&told, "beta is up"));
    assert!(
        numbers.is_sorted_by(|one, next| one < next),
        "each once, in order: {numbers:?}"
    );
    end(child);
    pair.never_two_writers();
}

/// A request, again and again, and no answer is ever read.
fn deaf(home: &Home) -> UnixStream {
    let mut stream = UnixStream::connect(home.path("clusterd.sock")).unwrap();
    stream.set_nonblocking(true).unwrap();
    let ask = json!({ "v": 1, "ask": { "do": "events", "after": 0 } });
    let line = format!("{ask}\n");
    for _ in 0..200 {
        // It takes no more when the daemon reads no more.
        if stream.write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    stream
}

/// The first pings have to be answered.
fn stands_well(home: &Home) {
    until("the word `ok`", || {
        let word = &home.status()["clusters"][0]["standing"]["word"];
        (word == "ok").then_some(())
    });
}

#[test]
fn ten_clients_that_stop_reading_hold_up_nobody() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let (stuck, out) = follow(&home);
    let deaf: Vec<UnixStream> = (0..10).map(|_| deaf(&home)).collect();
    pair.sim.panic(0);
    daemon.line("beta is up");
    daemon.line("state watch");
    assert_eq!(home.status()["v"], 1);
    stands_well(&home);
    let told = stdout(&home.clusterd(&["events", "pair", "--last", "1000"]));
    assert!(
        told.contains("  pair  event     svc: beta is up after "),
        "{told}"
    );
    // Who reads on at last has missed nothing.
    let read = read_until(&lines(out), "beta is up");
    assert!(read.is_sorted_by(|one, next| one < next), "{read:?}");
    end(stuck);
    drop(deaf);
    pair.never_two_writers();
}

#[test]
fn history_has_the_switchover_with_its_phases_also_without_a_daemon() {
    let pair = Pair::running();
    let home = Home::with(
        &pair,
        "data_policy: adaptability\n    targets: { takeover: 10m, fence: 1ms }",
    );
    let mut daemon = home.run();
    daemon.line("state watch");
    stands_well(&home);
    let check = home.clusterd(&["status", "--check"]);
    let said = stdout(&check);
    assert!(said.starts_with("CLUSTERD "), "{said}");
    assert!(said.contains("| clusters=1 ok=1 "), "{said}");
    pair.sim.panic(0);
    daemon.line("beta is up");
    daemon.line("state watch");
    until("the entry", || {
        let told = stdout(&home.clusterd(&["events", "--last", "5"]));
        told.contains("because started says so").then_some(())
    });
    let live = stdout(&home.clusterd(&["history", "pair", "--switchovers"]));
    assert!(daemon.stop().success());
    let check = home.clusterd(&["status", "--check"]);
    assert_eq!(check.status.code(), Some(2));
    assert!(stdout(&check).starts_with("CLUSTERD CRITICAL - no daemon answers"));
    let output = home.clusterd(&["history", "pair", "--switchovers"]);
    assert!(stderr(&output).contains("the journal's file is read"));
    let text = stdout(&output);
    assert_eq!(text, live);
    for words in [
        "  svc  moved from alpha to beta\n",
        "first evidence",
        "proved stopped (firmware reset)",
        "its login prompt",
        "LATE: the target is 1 ms",
        "in time: the target is 10 min",
        "1 switchover in that time",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let lines = stdout(&home.clusterd(&["history", "pair"]));
    for words in [
        "  role     alpha: primary is alpha, secondary is beta (adopted)\n",
        "  intent   alpha: stop alpha for good",
        "  result   beta: svc runs on beta\n",
    ] {
        assert!(lines.contains(words), "{words}: {lines}");
    }
    let json = home.clusterd(&["history", "pair", "--switchovers", "--json"]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["v"], 1);
    assert_eq!(json["switchovers"][0]["outcome"]["is"], "moved");
    assert_eq!(json["switchovers"][0]["measured"][0]["part"], "fence");
    assert_eq!(json["switchovers"][0]["measured"][0]["late"], true);
}
