//! What needs a process of its own: kill -9, a full file system, a read-only one. The
//! test binary runs itself again, with one ignored test that plays the daemon.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Entry, EntryKind, Journal, StoreError, entry, texts};

/// Where the child finds its home directory.
const HOME: &str = "CLUSTERD_TEST_JOURNAL_HOME";

fn child(wrapper: &[&str], test: &str, home: &Path) -> Command {
    let me = std::env::current_exe().unwrap();
    let mut words: Vec<&std::ffi::OsStr> = wrapper.iter().map(AsRef::as_ref).collect();
    words.push(me.as_os_str());
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .args(["--exact", &format!("store::tests::hard::{test}")])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .env(HOME, home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// `None` if the child was not started by its parent: it has nothing to do then.
fn home_given() -> Option<PathBuf> {
    std::env::var_os(HOME).map(PathBuf::from)
}

#[test]
fn kill_minus_nine_loses_nothing_acknowledged() {
    let home = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<String> = Vec::new();
    for _ in 0..4 {
        let mut daemon = child(&[], "child_that_appends", home.path())
            .spawn()
            .unwrap();
        let out = BufReader::new(daemon.stdout.take().unwrap());
        let mut seen = 0;
        for line in out.lines() {
            let line = line.unwrap();
            if let Some(text) = line.strip_prefix("acknowledged ") {
                acknowledged.push(text.to_owned());
                seen += 1;
                // More of its lines may wait in the pipe: they count as well, so read on.
                if seen == 60 {
                    daemon.kill().unwrap();
                }
            }
        }
        daemon.wait().unwrap();
        assert!(seen >= 60, "the child ended by itself after {seen} appends");
        let journal = Journal::open(home.path()).unwrap();
        let kept: std::collections::BTreeSet<String> = texts(&journal).into_iter().collect();
        for text in &acknowledged {
            assert!(kept.contains(text), "{text} was acknowledged and is lost");
        }
    }
}

#[test]
#[ignore = "the child of kill_minus_nine_loses_nothing_acknowledged"]
fn child_that_appends() {
    let Some(home) = home_given() else { return };
    let journal = std::sync::Arc::new(Journal::open(&home).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..4 {
            let journal = std::sync::Arc::clone(&journal);
            tasks.spawn(async move {
                for count in 0.. {
                    let text = format!("{}-{task}-{count}", std::process::id());
                    journal
                        .append(vec![entry(EntryKind::Intent, &text)])
                        .await
                        .unwrap();
                    let mut out = std::io::stdout();
                    writeln!(out, "acknowledged {text}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
        tasks.join_all().await;
    });
}

/// Runs `test` of this file in a mount namespace of its own; false where that may not be.
fn in_own_mounts(test: &str, home: &Path) -> bool {
    let unshare = ["unshare", "--user", "--map-root-user", "--mount"];
    let may = Command::new(unshare[0])
        .args(&unshare[1..])
        .args(["mount", "-t", "tmpfs", "none", "/mnt"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !may {
        eprintln!("skipped: no mount namespaces here (unshare, user namespaces)");
        return false;
    }
    let mut daemon = child(&unshare, test, home).spawn().unwrap();
    let mut out = String::new();
    daemon
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    assert!(daemon.wait().unwrap().success(), "{out}");
    true
}

fn mount(args: &[&str], home: &Path) {
    let status = Command::new("mount").args(args).arg(home).status().unwrap();
    assert!(status.success(), "mount {args:?}");
}

#[test]
fn a_full_file_system_is_told_and_outlived() {
    let home = tempfile::tempdir().unwrap();
    in_own_mounts("child_on_a_full_disk", home.path());
}

#[tokio::test]
#[ignore = "the child of a_full_file_system_is_told_and_outlived"]
async fn child_on_a_full_disk() {
    let Some(home) = home_given() else { return };
    mount(&["-t", "tmpfs", "-o", "size=2m", "none"], &home);
    let journal = Journal::open(&home).unwrap();
    journal
        .append(vec![entry(EntryKind::Intent, "before")])
        .await
        .unwrap();
    let ballast = home.join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    let large = Entry {
        body: serde_json::json!("x".repeat(100_000)),
        ..entry(EntryKind::Intent, "no room")
    };
    for _ in 0..3 {
        let refused = journal.append(vec![large.clone()]).await;
        assert!(
            matches!(refused, Err(StoreError::Full { .. })),
            "{refused:?}"
        );
    }
    std::fs::remove_file(&ballast).unwrap();
    drop(file);
    journal
        .append(vec![entry(EntryKind::Intent, "after")])
        .await
        .unwrap();
    assert_eq!(texts(&journal), ["before", "after"]);
    drop(journal);
    assert_eq!(texts(&Journal::open(&home).unwrap()), ["before", "after"]);
}

#[test]
fn a_read_only_file_system_is_told() {
    let home = tempfile::tempdir().unwrap();
    in_own_mounts("child_on_a_read_only_disk", home.path());
}

#[tokio::test]
#[ignore = "the child of a_read_only_file_system_is_told"]
async fn child_on_a_read_only_disk() {
    let Some(home) = home_given() else { return };
    mount(&["-t", "tmpfs", "none"], &home);
    drop(Journal::open(&home).unwrap());
    mount(&["-o", "remount,ro"], &home);
    let refused = Journal::open(&home).unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly { .. }), "{refused}");
}
