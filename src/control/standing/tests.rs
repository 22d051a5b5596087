//! Each word, and what makes a cluster stand so.

use super::*;
use crate::config::console::Asked;
use crate::machine::snapshot::{MaintenanceSnapshot, OutSnapshot};

fn node(name: &str, condition: &str) -> NodeSnapshot {
    NodeSnapshot {
        node: name.to_owned(),
        condition: condition.to_owned(),
        link: "connected".to_owned(),
        heard_age_ms: Some(0),
        evidence: None,
        proof: None,
        guard: "read back, it holds".to_owned(),
        guard_read: true,
        guard_last: None,
        break_worked: true,
        siege: false,
        keyboard: None,
        host_id: None,
        maintenance: None,
        out_of_service: None,
    }
}

fn console(node: &str) -> ConsoleReport {
    ConsoleReport {
        node: node.to_owned(),
        address: "telnet://ts1:2001".to_owned(),
        up: true,
        since_ms: 0,
        why: None,
        connections: 1,
        lost: 0,
        received: 0,
        lost_after_ms: Some(15_000),
        asked: Asked::Session,
        visitors: Vec::new(),
        last_lines: Vec::new(),
    }
}

/// ca1 serves, ca2 stands by.
fn well() -> ClusterReport {
    let package = PackageSnapshot {
        package: "ca".to_owned(),
        primary: Some("ca1".to_owned()),
        secondary: Some("ca2".to_owned()),
        confirmed: true,
        stage: Stage::Settled,
        script: "s".to_owned(),
        state: "watch".to_owned(),
        about: String::new(),
        state_age_ms: 0,
        hold: None,
        waits_for: None,
        address: "192.0.2.10".to_owned(),
        address_misses: 0,
        data_policy: "integrity".to_owned(),
        order: None,
        held: None,
        drill: None,
    };
    ClusterReport {
        cluster: "pki".to_owned(),
        file: "clist/pki.yaml".to_owned(),
        not_guarded: None,
        snapshot: Some(Snapshot {
            cluster: "pki".to_owned(),
            impaired: None,
            doubts: Vec::new(),
            overruled: None,
            maintenance: None,
            packages: vec![package],
            nodes: vec![node("ca1", "running"), node("ca2", "at its prompt")],
        }),
        consoles: vec![console("ca1"), console("ca2")],
        boots: Vec::new(),
        reload: None,
        standing: Standing::default(),
    }
}

fn after(change: impl FnOnce(&mut ClusterReport)) -> (Word, String) {
    let mut cluster = well();
    change(&mut cluster);
    let standing = Standing::of(&cluster);
    (standing.word, standing.why)
}

fn package(cluster: &mut ClusterReport) -> &mut PackageSnapshot {
    &mut cluster.snapshot.as_mut().unwrap().packages[0]
}

fn nodes(cluster: &mut ClusterReport) -> &mut Vec<NodeSnapshot> {
    &mut cluster.snapshot.as_mut().unwrap().nodes
}

#[test]
fn words_come_from_what_is_worst() {
    assert_eq!(after(|_| {}), (Word::Ok, String::new()));
    let word = |change: fn(&mut ClusterReport)| after(change).0;
    assert_eq!(word(|c| package(c).hold = Some("x".to_owned())), Word::Hold);
    assert_eq!(word(|c| c.snapshot = None), Word::NotGuarded);
    assert_eq!(
        word(|c| package(c).stage = Stage::Stopping),
        Word::Switching
    );
    assert_eq!(
        word(|c| package(c).stage = Stage::Starting),
        Word::Switching
    );
    assert_eq!(word(|c| package(c).primary = None), Word::Unknown);
    let doubt = |c: &mut ClusterReport| {
        c.snapshot.as_mut().unwrap().impaired = Some("its clock jumped".to_owned());
    };
    assert_eq!(
        after(doubt),
        (Word::Impaired, "its clock jumped".to_owned())
    );
    let both = |c: &mut ClusterReport| {
        doubt(c);
        package(c).hold = Some("no proof".to_owned());
    };
    assert_eq!(after(both), (Word::Hold, "no proof".to_owned()));
}

#[test]
fn one_leg_is_jeopardy_and_none_is_a_suspicion() {
    let (word, why) = after(|c| c.consoles[0].up = false);
    assert_eq!(word, Word::Jeopardy);
    assert_eq!(
        why,
        "the console of ca1 is lost: only 192.0.2.10 tells of it"
    );
    let (word, why) = after(|c| package(c).address_misses = SILENT);
    assert_eq!(word, Word::Jeopardy);
    assert_eq!(
        why,
        "192.0.2.10 does not answer: only the console tells of ca1"
    );
    assert_eq!(after(|c| package(c).address_misses = 1).0, Word::Ok);
    let deaf = |c: &mut ClusterReport| nodes(c)[0].condition = "silent".to_owned();
    assert_eq!(after(deaf).0, Word::Jeopardy);
    let (word, why) = after(|c| {
        deaf(c);
        package(c).address_misses = SILENT;
    });
    assert_eq!((word, why.as_str()), (Word::Suspect, "ca1 is silent"));
    let (word, _) = after(|c| {
        c.consoles[0].up = false;
        package(c).address_misses = SILENT;
    });
    assert_eq!(word, Word::Suspect);
    let (word, why) = after(|c| nodes(c)[0].condition = "panicked".to_owned());
    assert_eq!((word, why.as_str()), (Word::Suspect, "ca1 is panicked"));
}

#[test]
fn without_a_standby_it_is_degraded() {
    let (word, why) = after(|c| nodes(c)[1].condition = "silent".to_owned());
    assert_eq!(word, Word::Degraded);
    assert_eq!(why, "the standby ca2 is silent, not at its prompt");
    assert_eq!(after(|c| c.consoles[1].up = false).0, Word::Degraded);
    assert_eq!(after(|c| nodes(c)[1].siege = true).0, Word::Degraded);
    let (word, why) = after(|c| {
        nodes(c).truncate(1);
        package(c).secondary = None;
    });
    assert_eq!(
        (word, why.as_str()),
        (Word::Degraded, "there is no standby")
    );
    // Of three nodes one that waits at its prompt is enough.
    let (word, _) = after(|c| {
        nodes(c)[1].condition = "silent".to_owned();
        nodes(c).push(node("ca3", "at its prompt"));
        c.consoles.push(console("ca3"));
    });
    assert_eq!(word, Word::Ok);
}

#[test]
fn in_maintenance_nothing_else_counts_but_the_monitors_own_doubt() {
    let kept = || MaintenanceSnapshot {
        who: "alice".to_owned(),
        reason: "disks".to_owned(),
        age_ms: 0,
        left_ms: 60_000,
    };
    let whole = |c: &mut ClusterReport| {
        package(c).hold = Some("x".to_owned());
        c.snapshot.as_mut().unwrap().maintenance = Some(kept());
    };
    let why = "alice works on it: disks".to_owned();
    assert_eq!(after(whole), (Word::Maintenance, why.clone()));
    let primary = after(|c| nodes(c)[0].maintenance = Some(kept()));
    assert_eq!(primary, (Word::Maintenance, why));
    let standby = after(|c| nodes(c)[1].maintenance = Some(kept()));
    let why = "the standby ca2 is in maintenance by alice".to_owned();
    assert_eq!(standby, (Word::Degraded, why));
}

#[test]
fn a_standby_out_of_service_is_no_standby() {
    let out = |over| OutSnapshot {
        who: "alice".to_owned(),
        reason: "mainboard".to_owned(),
        age_ms: 0,
        left_ms: 60_000,
        over,
        siege_suspended: false,
    };
    let why = "the standby ca2 is out of service by alice: no node can take over".to_owned();
    let stands = after(|c| nodes(c)[1].out_of_service = Some(out(false)));
    assert_eq!(stands, (Word::Degraded, why));
    let why = "the standby ca2 was out of service, and its time is over: is it back?".to_owned();
    let stands = after(|c| nodes(c)[1].out_of_service = Some(out(true)));
    assert_eq!(stands, (Word::Degraded, why));
}

#[test]
fn words_are_sorted_by_how_bad_they_are() {
    assert!(Word::ALL.is_sorted());
    let levels: Vec<Level> = Word::ALL.iter().map(|word| word.level()).collect();
    assert!(levels.is_sorted());
    assert_eq!(Word::Ok.level(), Level::Ok);
    assert_eq!(Word::Hold.level(), Level::Critical);
    assert_eq!(format!("{:9}|", Word::Ok), "ok       |");
}
