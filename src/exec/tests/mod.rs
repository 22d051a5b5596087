//! Real processes: `sh` and friends of any Unix.

mod agent;
mod command;
mod secret;
mod switches;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Finished, Outcome, run, run_with_input};

const LIMIT: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn sh(script: &str) -> Vec<String> {
    words(&["sh", "-c", script])
}

async fn run_sh(script: &str, within: Duration) -> Finished {
    run(&sh(script), &[], within, 1000).await
}

/// Waits for the process to be gone (or a zombie that its new parent has yet to bury).
async fn is_gone(pid: &str) {
    let stat = Path::new("/proc").join(pid.trim()).join("stat");
    let started = Instant::now();
    while let Ok(text) = fs::read_to_string(&stat)
        && !text.contains(") Z")
    {
        assert!(started.elapsed() < LIMIT, "process {pid} lives on: {text}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn ends_are_told_apart() {
    let finished = run_sh("echo out; echo err >&2; exit 3", LIMIT).await;
    assert_eq!(finished.outcome, Outcome::Exited(3));
    assert_eq!(finished.stdout.bytes, b"out\n");
    assert_eq!(finished.stderr.bytes, b"err\n");
    assert_eq!(
        run_sh("kill -TERM $$", LIMIT).await.outcome,
        Outcome::Signalled(15)
    );
    assert!(run(&words(&["true"]), &[], LIMIT, 0).await.succeeded());
    let absent = run(&words(&["no-such-program-here"]), &[], LIMIT, 0).await;
    assert_eq!(
        absent.outcome.to_string(),
        "cannot be started: no-such-program-here: No such file or directory (os error 2)"
    );
    let empty = run(&[], &[], LIMIT, 0).await;
    assert!(matches!(empty.outcome, Outcome::CouldNotStart(_)));
}

#[tokio::test]
async fn no_shell_sees_the_arguments() {
    let finished = run(&words(&["echo", "$HOME; `id` *"]), &[], LIMIT, 1000).await;
    assert_eq!(finished.stdout.bytes, b"$HOME; `id` *\n");
}

#[tokio::test]
async fn environment_and_input_are_bare() {
    let env = [("NODE".to_owned(), "ca 1".to_owned())];
    let finished = run(&words(&["env"]), &env, LIMIT, 10_000).await;
    let text = String::from_utf8(finished.stdout.bytes).unwrap();
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["LANG", "NODE", "PATH"]);
    assert!(text.contains("NODE=ca 1\n"));
    assert_eq!(
        run(&words(&["cat"]), &[], LIMIT, 10).await.outcome,
        Outcome::Exited(0)
    );
}

#[tokio::test]
async fn input_is_given_and_ends() {
    let many = "line\n".repeat(100_000);
    let finished = run_with_input(&words(&["wc", "-l"]), &[], many.as_bytes(), LIMIT, 1000).await;
    assert_eq!(finished.stdout.bytes.trim_ascii(), b"100000");
    // Who reads nothing is not waited for.
    let deaf = run_with_input(&words(&["true"]), &[], many.as_bytes(), LIMIT, 1000).await;
    assert!(deaf.succeeded() && deaf.took < LIMIT, "{deaf:?}");
    let hangs = run_with_input(&sh("sleep 300"), &[], many.as_bytes(), SHORT, 1000).await;
    assert_eq!(hangs.outcome, Outcome::TimedOut);
}

#[tokio::test]
async fn output_is_bounded_and_never_blocks() {
    let flood = "yes | head -c 3000000; yes e | head -c 2000 >&2";
    let finished = run_sh(flood, LIMIT).await;
    assert_eq!(finished.outcome, Outcome::Exited(0));
    assert_eq!(
        (finished.stdout.bytes.len(), finished.stdout.lost),
        (1000, 2_999_000)
    );
    assert_eq!(
        (finished.stderr.bytes.len(), finished.stderr.lost),
        (1000, 1000)
    );
}

#[tokio::test]
async fn the_deadline_kills_the_whole_group() {
    let finished = run_sh("trap '' TERM; sleep 300 & echo $!; sleep 300", SHORT).await;
    assert_eq!(finished.outcome, Outcome::TimedOut);
    assert!(
        finished.took >= SHORT && finished.took < LIMIT,
        "{:?}",
        finished.took
    );
    is_gone(std::str::from_utf8(&finished.stdout.bytes).unwrap()).await;
}

#[tokio::test]
async fn nothing_of_a_command_outlives_it() {
    let finished = run_sh("sleep 300 & echo $!", LIMIT).await;
    assert_eq!(finished.outcome, Outcome::Exited(0));
    assert!(finished.took < LIMIT);
    is_gone(std::str::from_utf8(&finished.stdout.bytes).unwrap()).await;
}

#[tokio::test]
async fn who_leaves_the_group_cannot_hold_us_up() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let script = format!(
        "setsid sh -c 'echo $$ > {0}.new; mv {0}.new {0}; exec sleep 300' & \
         until test -e {0}; do :; done; echo told",
        pid.display()
    );
    let finished = run_sh(&script, LIMIT).await;
    assert_eq!(finished.outcome, Outcome::Exited(0));
    assert_eq!(finished.stdout.bytes, b"told\n");
    assert!(finished.took < LIMIT, "{:?}", finished.took);
    let pid = Pid::from_raw(fs::read_to_string(pid).unwrap().trim().parse().unwrap());
    kill(pid, Signal::SIGKILL).expect("what left the group lives on");
}

#[tokio::test]
async fn a_command_nobody_waits_for_any_more_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    let script = format!(
        "sleep 300 & echo $! $$ > {0}.new; mv {0}.new {0}; wait",
        pids.display()
    );
    let running = tokio::spawn(async move { run_sh(&script, LIMIT).await });
    let started = Instant::now();
    let text = loop {
        if let Ok(text) = fs::read_to_string(&pids) {
            break text;
        }
        assert!(started.elapsed() < LIMIT);
        tokio::task::yield_now().await;
    };
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    for pid in text.split_whitespace() {
        is_gone(pid).await;
    }
}
