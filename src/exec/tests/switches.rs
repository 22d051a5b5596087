//! A person's question at a power switch stands back from clusterd's own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{LIMIT, is_gone, sh};
use crate::exec::{CommandLeg, LegSaid, PowerLeg, PowerState, Switches};

/// What it talks to is told by its status command's first word.
fn leg(status: Vec<String>) -> PowerLeg {
    PowerLeg::Command(CommandLeg {
        off: sh("false"),
        on: None,
        status,
        within: LIMIT,
    })
}

/// A leg that writes its process number and says nothing.
fn hangs(at: &std::path::Path) -> PowerLeg {
    leg(sh(&format!("echo $$ > {}; exec sleep 600", at.display())))
}

async fn written(at: &std::path::Path) -> String {
    let start = Instant::now();
    loop {
        match std::fs::read_to_string(at) {
            Ok(text) if text.ends_with('\n') => return text,
            _ => assert!(start.elapsed() < LIMIT, "it was never asked"),
        }
        tokio::task::yield_now().await;
    }
}

fn stood_back(said: &LegSaid) -> bool {
    matches!(&said.state, PowerState::Unknown(why) if why.contains("clusterd itself"))
}

#[tokio::test]
async fn a_fence_breaks_a_persons_question_off_and_waits_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let switches = Arc::new(Switches::default());
    let legs = [
        hangs(&pid),
        leg(vec!["echo".to_owned(), "Status: ON".to_owned()]),
    ];
    let asking = {
        let (switches, legs) = (Arc::clone(&switches), legs.to_vec());
        tokio::spawn(async move { switches.ask(&legs, LIMIT).await })
    };
    let process = written(&pid).await;
    let held = switches.hold(&legs[..1]);
    let said = asking.await.unwrap();
    assert!(stood_back(&said[0]), "{said:?}");
    assert_eq!(said[1].state, PowerState::On, "of another device");
    is_gone(&process).await;

    // While it lasts nothing is started, of two orders until the last is over.
    std::fs::remove_file(&pid).unwrap();
    let again = switches.hold(&legs[..1]);
    drop(held);
    let said = switches.ask(&legs[..1], LIMIT).await;
    assert!(stood_back(&said[0]) && !pid.exists(), "{said:?}");
    drop(again);
    let said = switches
        .ask(&[leg(sh("echo Status: OFF; exit 2"))], LIMIT)
        .await;
    assert_eq!(said[0].state, PowerState::Off);
}

#[tokio::test]
async fn a_question_has_an_end_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let switches = Arc::new(Switches::default());
    let said = switches.ask(&[hangs(&pid)], Duration::from_secs(1)).await;
    let why = "no answer within 1 s".to_owned();
    assert_eq!(said[0].state, PowerState::Unknown(why));
    is_gone(&written(&pid).await).await;
}

/// Ten legs that end together: eight are started at first, and the others when those have ended.
#[tokio::test]
async fn so_many_legs_are_asked_at_once_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().display();
    let script = |n| format!("touch {at}/{n}; until test -e {at}/go; do sleep 0.01; done; echo on");
    let legs: Vec<PowerLeg> = (0..10).map(|n| leg(sh(&script(n)))).collect();
    let begun = || std::fs::read_dir(dir.path()).unwrap().count();
    let switches = Arc::new(Switches::default());
    let asking = tokio::spawn(async move { switches.ask(&legs, LIMIT).await });
    let start = Instant::now();
    while begun() < 8 {
        assert!(start.elapsed() < LIMIT, "{} were asked", begun());
        tokio::task::yield_now().await;
    }
    assert_eq!(begun(), 8);
    std::fs::write(dir.path().join("go"), "").unwrap();
    let said = asking.await.unwrap();
    assert!(
        said.iter().all(|said| said.state == PowerState::On),
        "{said:?}"
    );
    assert_eq!(begun(), 11);
}
