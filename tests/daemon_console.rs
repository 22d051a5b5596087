//! `clusterd console` with the built daemon: people at the consoles of simulated machines, on
//! terminals of their own.

mod daemon_support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use clusterd::clock::Moment;
use daemon_support::visitor::Visitor;
use daemon_support::{Home, Pair, stderr, stdout, until};
use nix::sys::signal::Signal;
use serde_json::json;

fn typed(pair: &Pair, node: usize) -> String {
    pair.sim.transcript(node).typed(Moment::ZERO)
}

/// A pair that is watched.
fn watched() -> (Pair, Home) {
    let pair = Pair::running();
    let home = Home::of(&pair);
    (pair, home)
}

fn leave(mut visitor: Visitor) {
    visitor.press("\x05c.");
    let (status, shown) = visitor.ends();
    assert!(status.success(), "{shown}");
}

#[test]
fn a_person_types_breaks_marks_and_leaves_and_all_of_it_is_on_record() {
    let (pair, home) = watched();
    let mut daemon = home.run();
    daemon.line("state watch");
    let mut bob = home.visit(&["pair/beta"]);
    bob.sees("pair/beta: ^Ec ? for help, ^Ec . to leave");
    bob.sees("{0} ok ");
    bob.sees("[you have the pen]");
    assert!(bob.is_raw());
    bob.press("\x05c?");
    for part in [
        ".     leave",
        "l0    send BREAK",
        "n     a mark",
        "r     the last screenful",
    ] {
        bob.sees(part);
    }
    bob.press("printenv auto-boot?\r");
    bob.sees("auto-boot? =            false");
    daemon.line("beta: root is at its console: has the pen");
    daemon.line("beta: root types; the script leaves this console to them");
    let status = home.status();
    let node = &status["clusters"][0]["snapshot"]["nodes"][1];
    assert_eq!(node["keyboard"]["text"], "root", "{node}");
    let visitor = &status["clusters"][0]["consoles"][1]["visitors"][0];
    assert_eq!(
        (&visitor["who"], &visitor["writes"]),
        (&json!("root"), &json!(true))
    );
    let text = stdout(&home.clusterd(&["status"]));
    assert!(text.contains("root types on its console"), "{text}");
    bob.press("\x05cl0");
    bob.sees("[BREAK sent]");
    daemon.line("beta: BREAK sent by root");
    assert_eq!(pair.sim.transcript(1).breaks(Moment::ZERO), 1);
    bob.press("\x05cnticket 4711\r");
    bob.sees("marked in the transcript");
    bob.press("\x05cw");
    bob.sees("root (you)  has the pen");
    leave(bob);
    daemon.line("beta: root types no more (root has left); the script asks again");
    daemon.line("beta: root has left its console");
    until("the mark", || {
        let text = home.read("logs/pair/beta.console");
        text.contains("mark of root: ticket 4711").then_some(())
    });
    let transcript = home.read("logs/pair/beta.console");
    assert!(transcript.contains("-- note: root types"), "{transcript}");
    assert!(
        !transcript.contains("\"p"),
        "their keys are not written down"
    );
}

/// BREAKs that wait behind a slow one are not all sent: whose is not, is told.
#[test]
fn a_break_behind_several_that_wait_is_told_to_be_one_with_them() {
    let (_pair, home) = watched();
    let file = home.path("clist/pair.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let slow = |line: &str| match line.trim_start().strip_prefix("beta: ") {
        Some(_) => line
            .replace("console: ", "console: { at: ")
            .replace(", host_id", ", break: 'type \"x\" pause 30s' }, host_id"),
        None => line.to_owned(),
    };
    let text: Vec<String> = text.lines().map(slow).collect();
    fs::write(&file, text.join("\n")).unwrap();
    let mut daemon = home.run();
    daemon.line("state watch");
    let mut bob = home.visit(&["pair/beta"]);
    bob.sees("[you have the pen]");
    // One is under way, and four wait.
    for _ in 0..5 {
        bob.press("\x05cl0");
        bob.sees("[BREAK sent]");
    }
    bob.press("\x05cl0");
    bob.sees("[a BREAK is already waiting; this one is one with it]");
    let told = "beta: BREAK ordered by root: a BREAK is already waiting, this one is one with it";
    daemon.line(told);
    leave(bob);
    assert!(daemon.stop().success());
    assert_eq!(home.activity().matches("BREAK sent by root").count(), 5);
    let transcript = home.read("logs/pair/beta.console");
    let merged = "-- note: BREAK of root: one with a BREAK that is already waiting";
    assert!(transcript.contains(merged), "{transcript}");
}

#[test]
fn a_plain_console_shows_what_would_move_the_terminal() {
    let (pair, home) = watched();
    let mut daemon = home.run();
    daemon.line("state watch");
    let mut bob = home.visit(&["--plain", "--spy", "pair/alpha"]);
    let mut eve = home.visit(&["--spy", "pair/alpha"]);
    for visitor in [&mut bob, &mut eve] {
        visitor.sees("you look on");
    }
    let say = |rig: &mut clusterd::sim::Rig, now| {
        rig.node_at(0, now).print("\x1b]0;PWNED\x07 over", true);
    };
    pair.sim.order(say);
    bob.sees("\\x1b]0;PWNED\\x07 over");
    eve.sees("\x1b]0;PWNED\x07 over");
    leave(bob);
    leave(eve);
    daemon.stop();
}

#[test]
fn who_looks_on_writes_nothing_until_they_ask_and_force_is_told_to_both() {
    let (pair, home) = watched();
    let mut daemon = home.run();
    daemon.line("state watch");
    let mut bob = home.visit(&["pair/beta"]);
    bob.sees("[you have the pen]");
    let mut eve = home.visit(&["pair/beta"]);
    eve.sees("[you look on: root has the pen; ^Ecf takes it");
    bob.sees("[root looks on]");
    eve.press("evil\r");
    eve.sees("not typed: you look on, and root has the pen");
    bob.press("decimal\r");
    eve.sees("decimal");
    assert!(!typed(&pair, 1).contains("evil"));
    eve.press("\x05cf");
    eve.sees("you have the pen; root looks on now");
    bob.sees("root took the pen by force: you look on now");
    eve.press("octal\r");
    bob.sees("octal");
    bob.press("hex\r");
    bob.sees("not typed: you look on");
    bob.press("\x05cj");
    bob.sees("you write, and so does root");
    bob.press("binary\r");
    eve.sees("binary");
    bob.press("\x05cs");
    bob.sees("you look on");
    // The pen falls free; whoever looks on stays one who looks on.
    leave(eve);
    bob.sees("nobody has the pen: ^Eca takes it");
    bob.press("words\r");
    bob.sees("not typed: you look on; ^Eca takes the pen");
    bob.press("\x05ca");
    bob.sees("you have the pen");
    leave(bob);
    let all = typed(&pair, 1);
    assert!(all.contains("octal") && all.contains("binary"), "{all}");
    assert!(!all.contains("words") && !all.contains("evil"), "{all}");
    let mut spy = home.visit(&["--spy", "--escape", "~~", "pair/beta"]);
    spy.sees("~~ ? for help");
    spy.sees("[you look on]");
    spy.press("x");
    spy.sees("not typed");
    spy.press("~~.");
    assert!(spy.ends().0.success());
}

#[test]
fn the_terminal_is_restored_whatever_ends_the_visit() {
    let (_pair, home) = watched();
    let mut daemon = home.run();
    daemon.line("state watch");
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        let mut bob = home.visit(&["pair/alpha"]);
        bob.sees("[you have the pen]");
        let pid = i32::try_from(bob.child.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
        let (status, shown) = bob.ends();
        assert_eq!(status.code(), Some(1), "{shown}");
    }
    let mut bob = home.visit(&["pair/alpha"]);
    bob.sees("[you have the pen]");
    assert!(daemon.stop().success());
    let (_, shown) = bob.ends();
    assert!(
        shown.contains("clusterd does not hold this console any more"),
        "{shown}"
    );
}

#[test]
fn what_is_piped_is_typed_and_its_answer_printed() {
    let (pair, home) = watched();
    let mut daemon = home.run();
    daemon.line("state watch");
    let pipe = |args: &[&str], text: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_clusterd"))
            .arg("console")
            .args(args)
            .env("CLUSTER_HOME", home.dir.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    };
    let output = pipe(&["pair/beta"], "printenv auto-boot?\n");
    assert!(output.status.success(), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("auto-boot? =            false"), "{said}");
    assert!(!said.contains('['), "only the console's own words: {said}");
    let output = pipe(&["--spy", "pair/beta"], "boot\n");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(!typed(&pair, 1).contains("boot\r"));
    let output = pipe(&["pair/gamma"], "");
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("no such node; it has alpha, beta"));
}

#[test]
fn a_takeover_waits_for_the_person_and_goes_on_when_they_leave() {
    let (pair, home) = watched();
    fs::write(home.path("clusterd.yaml"), "keyboard_idle: 40s\n").unwrap();
    let mut daemon = home.run();
    daemon.line("state watch");
    let mut bob = home.visit(&["pair/alpha"]);
    bob.sees("[you have the pen]");
    bob.press("\r");
    daemon.line("alpha: root types");
    pair.sim.panic(0);
    bob.sees("panic");
    daemon.line("state panicked");
    until("the alarm", || {
        home.alarms().contains(&"person".to_owned()).then_some(())
    });
    assert_eq!(pair.boots(), ["alpha"]);
    assert_eq!(pair.sim.transcript(0).breaks(Moment::ZERO), 0);
    leave(bob);
    daemon.line("beta is up");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    assert!(!home.alarms().contains(&"person".to_owned()));
    pair.never_two_writers();
}

#[test]
fn a_slow_client_and_one_that_dies_keep_nobody() {
    let (pair, home) = watched();
    let mut daemon = home.run();
    daemon.line("state watch");
    let mut slow = home.visit(&["pair/beta"]);
    slow.sees("[you have the pen]");
    let pid = i32::try_from(slow.child.id()).unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    slow.press("\r");
    daemon.line("beta: root types");
    nix::sys::signal::kill(pid, Signal::SIGSTOP).unwrap();
    let mut bob = home.visit(&["--force", "pair/beta"]);
    bob.sees("you have the pen; root looks on now");
    bob.press("decimal\r");
    bob.sees("decimal");
    nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
    bob.sees("[root has left]");
    leave(bob);
    let status = home.status();
    let visitors = &status["clusters"][0]["consoles"][1]["visitors"];
    assert_eq!(visitors, &json!([]));
    drop(pair);
}

/// Runs the client as another user.
fn as_nobody(home: &Home, args: &[&str]) -> std::process::Output {
    Command::new("setpriv")
        .args(["--reuid", "nobody", "--regid", "nogroup", "--init-groups"])
        .arg(env!("CARGO_BIN_EXE_clusterd"))
        .args(args)
        .env("CLUSTER_HOME", home.dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
#[ignore = "needs root"]
fn a_user_has_the_rights_that_the_table_gives_and_no_others() {
    let (_pair, home) = watched();
    fs::set_permissions(home.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    {
        // Not of the socket's group: the file's mode is enough.
        let mut daemon = home.run();
        daemon.line("state watch");
        let said = as_nobody(&home, &["status"]);
        assert_eq!(said.status.code(), Some(4));
        assert!(
            stderr(&said).contains("it belongs to another user"),
            "{}",
            stderr(&said)
        );
        daemon.stop();
    }
    for (access, may) in [
        ("", [false, false, false]),
        ("access: { watch: [nobody] }\n", [true, false, false]),
        ("access: { write: [\"@nogroup\"] }\n", [true, true, false]),
        ("access: { operate: nobody }\n", [true, false, true]),
    ] {
        let settings = format!("control_group: nogroup\n{access}");
        fs::write(home.path("clusterd.yaml"), settings).unwrap();
        let daemon = home.run();
        let mode = fs::metadata(home.path("clusterd.sock"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o660);
        let tries: [&[&str]; 3] = [&["status"], &["console", "pair/beta"], &["release", "pair"]];
        for (args, may) in tries.into_iter().zip(may) {
            let said = as_nobody(&home, args);
            let wanted = if may { Some(0) } else { Some(4) };
            assert_eq!(
                said.status.code(),
                wanted,
                "{access} {args:?} {}",
                stderr(&said)
            );
            if !may {
                assert!(stderr(&said).contains("right"), "{}", stderr(&said));
            }
        }
        // Whoever may not act may not silence an alarm either.
        let acked = as_nobody(&home, &["ack", "pair", "guard_unknown"]);
        let refused = acked.status.code() == Some(4) && stderr(&acked).contains("right");
        assert_eq!(refused, !may[2], "{access} {}", stderr(&acked));
        daemon.stop();
    }
}

/// Beta's leg is a command that only the daemon's user may run, as a secret would be.
#[test]
#[ignore = "needs root"]
fn who_has_power_asks_for_it_and_does_nothing_else() {
    let (pair, home) = watched();
    fs::set_permissions(home.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = home.path("says-on");
    fs::write(&program, "#!/bin/sh\necho Status: ON\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let file = home.path("clist/pair.yaml");
    let leg = "host_id: \"80b10002\", power: { off: [./says-on], status: [./says-on] }";
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("host_id: \"80b10002\"", leg)).unwrap();
    let power = ["power", "pair/beta", "status"];
    let fence = ["fence", "pair/beta", "--yes", "pair/beta", "--wait"];
    let stopped = "--yes-i-have-checked";
    let others: [&[&str]; 6] = [
        &fence,
        &["confirm", "pair/beta", "stopped", stopped, "pair/beta"],
        &["release", "pair"],
        &["hold", "pair", "--yes"],
        &[
            "maintenance",
            "pair",
            "--for",
            "1h",
            "--reason",
            "disks",
            "--yes",
        ],
        &["console", "pair/beta"],
    ];
    let with_right = |rights: &str| {
        let settings = format!("control_group: nogroup\naccess: {{ {rights}: [nobody] }}\n");
        fs::write(home.path("clusterd.yaml"), settings).unwrap();
        let mut daemon = home.run();
        daemon.line("state watch");
        until("the consoles to say who has the package", || {
            let plan = home.clusterd(&["fence", "pair/beta", "--dry-run"]);
            plan.status.success().then_some(())
        });
        daemon
    };
    let refused = |args: &[&str], right: &str| {
        let said = as_nobody(&home, args);
        let (code, text) = (said.status.code(), stderr(&said));
        assert_eq!(code, Some(4), "{args:?} {}{text}", stdout(&said));
        let wanted = format!("nobody has no right to {right}, which");
        assert!(text.contains(&wanted), "{args:?} {text}");
    };

    let daemon = with_right("watch");
    refused(&power, "power or operate");
    refused(&fence, "operate");
    assert_eq!(pair.sim.transcript(1).breaks(Moment::ZERO), 0);
    daemon.stop();

    let daemon = with_right("operate");
    assert_eq!(as_nobody(&home, &power).status.code(), Some(0));
    daemon.stop();

    let daemon = with_right("power");
    let said = as_nobody(&home, &power);
    assert_eq!(said.status.code(), Some(0), "{}", stderr(&said));
    assert!(stdout(&said).ends_with("Status: ON\n"), "{}", stdout(&said));
    let direct = as_nobody(&home, &["power", "pair/beta", "status", "--direct"]);
    assert_eq!(direct.status.code(), Some(1), "{}", stdout(&direct));
    for args in others {
        let right = if args[0] == "console" {
            "write"
        } else {
            "operate"
        };
        refused(args, right);
    }
    assert_eq!(pair.sim.transcript(1).breaks(Moment::ZERO), 0);
    assert_eq!(pair.boots(), ["alpha"]);
    daemon.stop();
    let audit = home.read("logs/audit.log");
    for part in [
        r#"asks: operate {"do":"order","cluster":"pair","order":"fence","node":"beta""#,
        r#"asks: power or operate {"do":"power_status","cluster":"pair","node":"beta"}"#,
        r#"asks: operate {"do":"power_status","cluster":"pair","node":"beta"}"#,
        r#"asks: power {"do":"power_status","cluster":"pair","node":"beta"}"#,
        "nobody: power on",
    ] {
        assert!(audit.contains(part), "{part} is not in\n{audit}");
    }
    pair.never_two_writers();
}

/// Opens connections that say nothing, and holds them until its standard input ends.
const STUCK: &str = "
import socket, sys
held = []
for _ in range(int(sys.argv[2])):
    one = socket.socket(socket.AF_UNIX)
    one.connect(sys.argv[1])
    held.append(one)
print('stuck', flush=True)
sys.stdin.read()
";

#[test]
#[ignore = "needs root, python3"]
fn stuck_clients_of_one_user_keep_nobody_else_out() {
    let (_pair, home) = watched();
    fs::set_permissions(home.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let settings = "control_group: nogroup\naccess: { watch: [nobody] }\n";
    fs::write(home.path("clusterd.yaml"), settings).unwrap();
    let mut daemon = home.run();
    daemon.line("state watch");
    let mut stuck = Command::new("setpriv")
        .args(["--reuid", "nobody", "--regid", "nogroup", "--init-groups"])
        .args(["python3", "-c", STUCK])
        .arg(home.path("clusterd.sock"))
        .arg("40")
        // A python3 of root's own is none of theirs.
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(stuck.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "stuck\n");
    let theirs = as_nobody(&home, &["status"]);
    assert_eq!(theirs.status.code(), Some(4), "{}", stderr(&theirs));
    assert!(
        stderr(&theirs).contains("you have 16 connections"),
        "{}",
        stderr(&theirs)
    );
    for _ in 0..3 {
        let ours = home.clusterd(&["status"]);
        assert_eq!(ours.status.code(), Some(0), "{}", stderr(&ours));
    }
    drop(stuck.stdin.take());
    assert!(stuck.wait().unwrap().success());
    until("their own place", || {
        (as_nobody(&home, &["status"]).status.code() == Some(0)).then_some(())
    });
    daemon.stop();
}
