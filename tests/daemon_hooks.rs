//! Hooks of a real daemon: told what happened, run beside, awaited, refused, hung, cut off.

mod daemon_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use daemon_support::{Daemon, Home, Pair, found, stderr, stdout, until};

/// A home whose package has these hooks, each in a line of its own.
fn home_with(pair: &Pair, hooks: &[&str]) -> Home {
    let list: String = hooks
        .iter()
        .map(|hook| format!("\n      - {hook}"))
        .collect();
    Home::with(
        pair,
        &format!("data_policy: adaptability\n    hooks:{list}"),
    )
}

/// A program of the home, for a hook.
fn program(home: &Home, name: &str, body: &str) -> PathBuf {
    let path = home.path(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A running pair that is guarded with these hooks and programs.
fn guarded(hooks: &[&str], programs: &[(&str, &str)]) -> (Pair, Home) {
    let pair = Pair::running();
    let home = home_with(&pair, hooks);
    for (name, body) in programs {
        program(&home, name, body);
    }
    (pair, home)
}

/// Runs until the script watches.
fn watches(home: &Home) -> Daemon<'_> {
    let mut daemon = home.run();
    daemon.line("state watch");
    daemon
}

fn alarm(home: &Home, code: &str) -> Option<String> {
    let status = home.status();
    let alarms = status["alarms"].as_array().unwrap().iter();
    let mut texts = alarms.filter(|alarm| alarm["code"] == code);
    texts.next()?["text"].as_str().map(str::to_owned)
}

/// What happens is told to hooks in its order; none of them holds anything up.
#[test]
fn hooks_are_told_what_happens_around_a_takeover() {
    let on = [
        "before_fence",
        "after_fence",
        "before_switchover",
        "before_boot",
        "after_boot",
        "after_switchover",
    ];
    let hooks: Vec<String> = on
        .iter()
        .map(|on| format!("{{ on: {on}, run: [./note, \"a secret word\"] }}"))
        .collect();
    let hooks: Vec<&str> = hooks.iter().map(String::as_str).collect();
    let note = (
        "note",
        "echo \"$CLUSTERD_CLUSTER/$CLUSTERD_PACKAGE $CLUSTERD_EVENT $CLUSTERD_NODE $CLUSTERD_RESULT $CLUSTERD_TRY\" >> \
         \"${0%/*}/seen\"\necho well; env | grep -c '^CLUSTERD_'",
    );
    let (pair, home) = guarded(&hooks, &[note]);
    let mut daemon = watches(&home);
    pair.sim.panic(0);
    daemon.line("beta is up");
    let seen = until("all hooks", || {
        let seen = home.read("seen");
        (seen.lines().count() == on.len()).then_some(seen)
    });
    let lines: Vec<&str> = seen.lines().map(str::trim_end).collect();
    assert_eq!(
        lines,
        [
            "pair/svc before_fence alpha  1",
            "pair/svc after_fence alpha done 1",
            "pair/svc before_switchover beta  1",
            "pair/svc before_boot beta  1",
            "pair/svc after_boot beta done 1",
            "pair/svc after_switchover beta done 1",
        ]
    );
    let line = daemon.line("hook after_switchover: ");
    assert!(line.contains("note: exit code 0 after "), "{line}");
    assert!(line.ends_with("it said: well | 7"), "{line}");
    assert!(
        !home.activity().contains("secret word"),
        "{}",
        home.activity()
    );
    assert!(!home.read("logs/clusterd.log").contains("secret word"));
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    pair.never_two_writers();
}

/// A hook that hangs, and a child of it that would hang on, are killed at the time; meanwhile the takeover is done.
#[test]
fn a_hook_that_hangs_is_killed_with_all_it_started_and_the_watch_goes_on() {
    let hook = "{ on: before_fence, run: [./hangs], timeout: 2s }";
    let (pair, home) = guarded(
        &[hook],
        &[(
            "hangs",
            "echo $$ > \"${0%/*}/pids\"\nsleep 1000 & echo $! >> \"${0%/*}/pids\"\necho 'waiting for the mirror' >&2\nwait",
        )],
    );
    let mut daemon = watches(&home);
    pair.sim.panic(0);
    daemon.line("proved stopped");
    daemon.line("beta is up");
    let log = until("the hook's end", || {
        let log = home.activity();
        log.contains("hook before_fence").then_some(log)
    });
    let line = log
        .lines()
        .find(|line| line.contains("hook before_fence"))
        .unwrap();
    assert!(line.contains("it hung and was killed at 2 s"), "{line}");
    assert!(line.contains("it said: waiting for the mirror"), "{line}");
    let told = until("the alarm", || alarm(&home, "hook"));
    assert!(told.contains("it hung and was killed at 2 s"), "{told}");
    for pid in home.read("pids").lines() {
        let gone = || (!PathBuf::from(format!("/proc/{pid}")).exists()).then_some(());
        until("the end of the hook's processes", gone);
    }
    daemon.line("state watch");
    pair.never_two_writers();
}

#[test]
fn a_hook_may_hold_up_a_boot_and_says_so() {
    let hook = "{ on: before_switchover, run: [./gate], may: delay, timeout: 40s }";
    let (pair, home) = guarded(
        &[hook],
        &[(
            "gate",
            "until test -e \"${0%/*}/open\"; do sleep 0.05; done",
        )],
    );
    let mut daemon = watches(&home);
    pair.sim.panic(0);
    daemon.line("alpha: proved stopped");
    daemon.line("the switchover to beta waits for the hook before_switchover, 40 s at most");
    let status = stdout(&home.clusterd(&["status", "pair"]));
    assert!(
        status.contains("the hook before_switchover before the boot of beta"),
        "{status}"
    );
    assert_eq!(pair.boots(), ["alpha"]);
    fs::write(home.path("open"), "").unwrap();
    daemon.line("given to beta");
    daemon.line("beta is up");
    pair.never_two_writers();
}

/// 1 is HOLD; `release` asks again, and 0 lets the boot go on.
#[test]
fn a_veto_is_hold_until_somebody_releases_it() {
    let hook = "{ on: before_boot, run: [./mirror], may: veto, retries: 1, every: 100ms, recover: [./mend] }";
    let (pair, home) = guarded(
        &[hook],
        &[(
            "mirror",
            "test -e \"${0%/*}/whole\" || { echo 'the mirror is not whole' >&2; exit 1; }",
        )],
    );
    program(&home, "mend", "echo $CLUSTERD_TRY >> \"${0%/*}/mended\"");
    let mut daemon = watches(&home);
    pair.sim.panic(0);
    daemon.line("exit code 1 after");
    let recovery = daemon.line("hook before_boot: recovery ");
    assert!(recovery.contains("mend: exit code 0"), "{recovery}");
    let second = daemon.line("exit code 1 after");
    assert!(
        second.contains("try 2; it said: the mirror is not whole"),
        "{second}"
    );
    let veto = daemon.line("refused by guard \"hook\"");
    assert!(veto.contains("it must not start anywhere"), "{veto}");
    assert!(until("the alarm", || alarm(&home, "hold")).contains("the hook before_boot of beta"));
    assert_eq!(home.read("mended"), "1\n");
    assert_eq!(pair.boots(), ["alpha"]);
    fs::write(home.path("whole"), "").unwrap();
    home.clusterd(&["release", "pair"]);
    daemon.line("is up after");
    until("the end of the hook's alarm", || {
        alarm(&home, "hook").is_none().then_some(())
    });
    pair.never_two_writers();
}

/// clusterd is killed while a boot waits for its hook: the new one proves anew and asks the hook anew.
#[test]
fn a_daemon_that_is_killed_in_the_middle_of_a_hook_begins_it_anew() {
    let hook = "{ on: before_boot, run: [./gate], may: veto, timeout: 50s }";
    let (pair, home) = guarded(
        &[hook],
        &[(
            "gate",
            "echo asked >> \"${0%/*}/asked\"\nuntil test -e \"${0%/*}/open\"; do sleep 0.05; done",
        )],
    );
    let mut daemon = watches(&home);
    pair.sim.panic(0);
    daemon.line("the boot of beta waits for the hook before_boot");
    until("the hook to run", || {
        (home.read("asked").lines().count() == 1).then_some(())
    });
    daemon.kill();
    let mut daemon = home.run();
    daemon.line("the boot of beta waits for the hook before_boot");
    daemon.line("the boot of beta waits for the hook before_boot");
    until("the hook to run again", || {
        (home.read("asked").lines().count() == 2).then_some(())
    });
    assert_eq!(pair.boots(), ["alpha"]);
    fs::write(home.path("open"), "").unwrap();
    until("beta to run", || {
        (pair.boots() == ["alpha", "beta"]).then_some(())
    });
    pair.never_two_writers();
}

/// An orderly end takes the hook with it.
#[test]
fn a_daemon_that_ends_takes_its_hooks_with_it() {
    let hook = "{ on: before_fence, run: [./hangs], timeout: 1h }";
    let (pair, home) = guarded(
        &[hook],
        &[(
            "hangs",
            "echo $$ > \"${0%/*}/pid\"\nwhile :; do sleep 0.05; done",
        )],
    );
    let mut daemon = watches(&home);
    pair.sim.panic(0);
    let pid = until("the hook to run", || {
        home.read("pid").trim().parse::<u32>().ok()
    });
    daemon.line("beta is up");
    assert!(daemon.stop().success());
    let gone = || (!PathBuf::from(format!("/proc/{pid}")).exists()).then_some(());
    until("the hook's end", gone);
}

/// A new configuration comes in when the hook has ended, and says what it waits for.
#[test]
fn a_reload_waits_for_a_hook() {
    let hook = "{ on: after_boot, run: [./gate], timeout: 50s }";
    let (pair, home) = guarded(
        &[hook],
        &[(
            "gate",
            "until test -e \"${0%/*}/open\"; do sleep 0.05; done",
        )],
    );
    let mut daemon = watches(&home);
    pair.sim.panic(0);
    daemon.line("beta is up");
    daemon.line("state watch");
    let file = home.read("clist/pair.yaml");
    let longer = file.replace("timeout: 50s", "timeout: 55s");
    fs::write(home.path("clist/pair.yaml"), longer).unwrap();
    let said = stdout(&home.clusterd(&["reload"]));
    assert!(said.contains("hooks"), "{said}");
    assert!(
        said.contains("until the hook after_boot has ended"),
        "{said}"
    );
    fs::write(home.path("open"), "").unwrap();
    daemon.line("hook after_boot");
    daemon.line("the new configuration (hooks) is taken");
}

/// Many words at once: the last lines stay, and nothing hangs on a full pipe.
#[test]
fn of_much_output_the_last_lines_are_kept() {
    let hook = "{ on: after_boot, run: [./talks] }";
    let (pair, home) = guarded(
        &[hook],
        &[(
            "talks",
            "i=0; while [ $i -lt 20000 ]; do echo \"line $i of many words that fill a pipe\"; i=$((i+1)); done; printf 'a \\033[31m red end\\n'; exit 3",
        )],
    );
    let mut daemon = watches(&home);
    pair.sim.panic(0);
    let line = daemon.line("hook after_boot");
    assert!(line.contains("exit code 3"), "{line}");
    assert!(line.contains("line 19999 of many words"), "{line}");
    assert!(
        !line.contains('\u{1b}') && line.contains("red end"),
        "{line}"
    );
    assert!(line.len() < 1500, "{}", line.len());
}

/// Maintenance of the standby, its beginning and its end; that no standby is there, once that has lasted a
/// minute; and that one is there again.
#[test]
fn hooks_are_told_of_maintenance_and_of_a_standby_that_is_gone_for_a_minute() {
    let on = ["maintenance", "maintenance_ended", "degraded", "repaired"];
    let hooks = on.map(|on| format!("{{ on: {on}, run: [./note] }}"));
    let hooks = hooks.each_ref().map(String::as_str);
    let note = "echo \"$CLUSTERD_EVENT $CLUSTERD_NODE: $CLUSTERD_CAUSE\" >> \"${0%/*}/seen\"";
    let (_pair, home) = guarded(&hooks, &[("note", note)]);
    let _daemon = watches(&home);
    let says = |args: &[&str]| {
        let output = home.clusterd(args);
        assert!(output.status.success(), "{}", stderr(&output));
    };
    let seen = |lines: usize| {
        let seen = home.read("seen");
        (seen.lines().count() == lines).then_some(seen)
    };
    let reason = ["--for", "1h", "--reason", "a new board", "--yes"];
    says(&[&["maintenance", "pair/beta"][..], &reason].concat());
    until("the maintenance", || seen(1));
    // A minute, and then some.
    let told = found(|| seen(2)).unwrap_or_else(|| until("a minute without a standby", || seen(2)));
    says(&["maintenance", "pair/beta", "--end", "--yes"]);
    until("a standby", || seen(4));
    let mut lines: Vec<String> = home
        .read("seen")
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    assert_eq!(lines[0], "maintenance beta: a new board", "{told}");
    assert!(
        lines[1].starts_with("degraded : the standby beta is in maintenance by "),
        "{told}"
    );
    lines[2..].sort();
    assert!(
        lines[2].starts_with("maintenance_ended beta: "),
        "{lines:?}"
    );
    assert_eq!(lines[3], "repaired :");
}

#[test]
fn check_says_what_a_hook_can_not_do() {
    let pair = Pair::at_prompt();
    let check = |hook: &str| {
        let home = home_with(&pair, &[hook]);
        program(&home, "there", "true");
        let output = home.clusterd(&["check"]);
        format!("{}{}", stdout(&output), stderr(&output))
    };
    for (hook, parts) in [
        (
            "{ on: before_fence, run: [./there], may: veto }",
            &[
                "a hook can never veto a fence",
                "--> clist/pair.yaml:14:50",
                "`on: before_boot`",
            ][..],
        ),
        (
            "{ on: before_fence, run: [./there], may: delay }",
            &["a hook can never delay a fence"],
        ),
        (
            "{ on: after_boot, run: [./there], may: veto }",
            &["a hook on after_boot has nothing to veto: it has happened"],
        ),
        (
            "{ on: before_bot, run: [./there] }",
            &[
                "`before_bot` is nothing that happens",
                "did you mean `before_boot`?",
            ],
        ),
        ("{ on: before_boot, run: [./missing] }", &["./missing"]),
        (
            "{ on: before_boot, run: \"./there now\" }",
            &["`run` wants a list"],
        ),
        (
            "{ on: before_boot, run: [./there], may: delay, timeout: 2h }",
            &["the service may stay down for 2 h longer"],
        ),
        (
            "{ on: before_boot, run: [./there], may: delay, timeout: 50s, retries: 1 }",
            &["longer than a proof lives"],
        ),
        (
            "{ on: hold, run: [./there], recover: [./there], retries: 0 }",
            &["`recover` runs before the next try, and there is none"],
        ),
    ] {
        let said = check(hook);
        for part in parts {
            assert!(said.contains(part), "{hook}: no {part:?} in\n{said}");
        }
    }
    let good = check("{ on: before_boot, run: [./there], may: veto, timeout: 30s }");
    assert!(!good.contains("hook"), "{good}");
}
