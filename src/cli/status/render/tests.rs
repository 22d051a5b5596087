//! The screen, word for word.

use super::*;
use crate::control::{BootReport, HostReport, Standing, StepReport};
use crate::machine::Stage;
use crate::machine::boot_course::{BootStep, FsckVerdict};
use crate::machine::memory::GuardReading;
use crate::machine::snapshot::{Aged, Snapshot, Wait};

fn node(name: &str, condition: &str) -> NodeSnapshot {
    NodeSnapshot {
        node: name.to_owned(),
        condition: condition.to_owned(),
        link: "connected".to_owned(),
        heard_age_ms: Some(2000),
        evidence: None,
        proof: None,
        guard: "read back, it holds".to_owned(),
        guard_read: true,
        guard_last: None,
        break_worked: true,
        siege: false,
        keyboard: None,
        host_id: Some("80b1c2d3".to_owned()),
        maintenance: None,
        out_of_service: None,
    }
}

fn console(node: &str, up: bool) -> ConsoleReport {
    ConsoleReport {
        node: node.to_owned(),
        address: format!("telnet://ts1/{node}"),
        up,
        since_ms: 7_200_000,
        why: (!up).then(|| "port busy".to_owned()),
        connections: 1,
        lost: 0,
        received: 0,
        lost_after_ms: Some(15_000),
        asked: Asked::Session,
        visitors: Vec::new(),
        last_lines: Vec::new(),
    }
}

fn cluster() -> ClusterReport {
    let package = PackageSnapshot {
        package: "ca".to_owned(),
        primary: Some("ca1".to_owned()),
        secondary: Some("ca2".to_owned()),
        confirmed: true,
        stage: Stage::Stopping,
        script: "sun_openboot".to_owned(),
        state: "stopped".to_owned(),
        about: "stop the primary for good, then boot the secondary".to_owned(),
        state_age_ms: 4200,
        hold: None,
        waits_for: Some(Wait {
            what: "/prompt/ on the console of ca1".to_owned(),
            left_ms: Some(1500),
            place: "chat-scripts/lib/openboot.chat:75".to_owned(),
        }),
        address: "192.0.2.10".to_owned(),
        address_misses: 4,
        data_policy: "adaptability".to_owned(),
        order: None,
        held: None,
        drill: None,
    };
    let mut ca1 = node("ca1", "panicked");
    ca1.guard_last = Some(GuardReading {
        at: 1_793_714_709 - 2 * 86_400,
        by: "a fence".to_owned(),
    });
    ca1.evidence = Some(Aged {
        text: "panic[cpu0]/thread=30001a2b3c0: \x1b[2Jtest".to_owned(),
        age_ms: 4500,
    });
    let mut ca2 = node("ca2", "prompt");
    ca2.proof = Some(Aged {
        text: "firmware reset".to_owned(),
        age_ms: 900,
    });
    ca2.guard_read = false;
    ca2.guard = "unknown: power-loss takeover not possible until it is read".to_owned();
    ClusterReport {
        cluster: "pki-ca".to_owned(),
        file: "clist/pki-ca.yaml".to_owned(),
        not_guarded: None,
        snapshot: Some(Snapshot {
            cluster: "pki-ca".to_owned(),
            impaired: None,
            doubts: Vec::new(),
            overruled: None,
            maintenance: None,
            packages: vec![package],
            nodes: vec![ca1, ca2],
        }),
        consoles: vec![console("ca1", true), console("ca2", false)],
        boots: Vec::new(),
        reload: None,
        standing: Standing::default(),
    }
}

/// ca1 was booted lately, and ca2 boots.
fn boots() -> Vec<BootReport> {
    let step = |step, after_ms, usual_ms| StepReport {
        step,
        after_ms,
        usual_ms,
    };
    let over = BootReport {
        node: "ca1".to_owned(),
        under_way: false,
        age_ms: 71 * 3_600_000 + 90_000,
        took_ms: Some(90_000),
        failed: None,
        steps: vec![
            step(BootStep::Load, Some(0), None),
            step(BootStep::Kernel, Some(5_100), None),
            step(BootStep::Fsck, Some(30_000), None),
            step(BootStep::Login, Some(90_000), None),
        ],
        fsck: Some(FsckVerdict::Clean),
        measured: 0,
        target_ms: None,
    };
    let goes_on = BootReport {
        node: "ca2".to_owned(),
        under_way: true,
        age_ms: 72_300,
        took_ms: None,
        steps: vec![
            step(BootStep::Load, Some(0), Some(0)),
            step(BootStep::Kernel, Some(4_000), Some(4_900)),
            step(BootStep::Fsck, Some(30_000), Some(30_000)),
            step(BootStep::Login, None, Some(40_000)),
            step(BootStep::Service, None, Some(41_000)),
        ],
        fsck: Some(FsckVerdict::Checking),
        measured: 1,
        target_ms: Some(480_000),
        ..over.clone()
    };
    vec![over, goes_on]
}

fn report(clusters: Vec<ClusterReport>) -> Report {
    let mut report = Report {
        v: 1,
        host: HostReport {
            version: "0.1.0".to_owned(),
            pid: 4711,
            home: "/var/lib/clusterd".to_owned(),
            up_ms: 11_000_000,
            now_ms: 1_793_714_709_000,
        },
        clusters,
        alarms: vec![Alarm {
            cluster: "pki-ca".to_owned(),
            package: "ca".to_owned(),
            code: "primary_panic".to_owned(),
            severity: Severity::Critical,
            text: "ca1: panic[cpu0]".to_owned(),
            first_ms: 1_793_714_704_000,
            last_ms: 1_793_714_705_000,
            count: 2,
            ..Alarm::default()
        }],
    };
    report.judge();
    report
}

#[test]
fn one_cluster_on_one_screen() {
    let mut one = cluster();
    one.boots = boots();
    one.consoles[0].last_lines = vec![
        "panic[cpu0]/thread=30001a2b3c0: \\x1b[2Jtest".to_owned(),
        "ok".to_owned(),
    ];
    let text = render(&report(vec![one]), Ink::Plain, 100);
    let wanted = "\
1 cluster, 1 SWITCHING, 1 open alarm, critical
clusterd 0.1.0, pid 4711, up 3 h 3 min, /var/lib/clusterd at 2026-11-03 14:05:09.000Z

pki-ca  SWITCHING  ca is on ca1
  SWITCHING ca1 is being stopped
  state     stopped, for 4.2 s: stop the primary for good, then boot the secondary
  waits for /prompt/ on the console of ca1, 1.5 s yet [chat-scripts/lib/openboot.chat:75]
  address   192.0.2.10 SILENT, 4 times in a row
  policy    adaptability, script sun_openboot

  NODE  ROLE       IS        CONSOLE   HEARD    PROVED STOPPED              GUARD    BREAK
  ca1   primary    panicked  up 2 h    2 s ago  -                           holds    has worked
  ca2   secondary  prompt    DOWN 2 h  2 s ago  firmware reset, 900 ms ago  UNKNOWN  has worked
  ca1       panic[cpu0]/thread=30001a2b3c0: \\x1b[2Jtest (4.5 s ago)
  ca2       console telnet://ts1/ca2 is not connected: port busy
  ca2       standing guard unknown: power-loss takeover not possible until it is read
  links     a dead console is lost after 15 s
  boot      ca2 boots for 1 min 12 s; usual is what the one before took; its target is 8 min
            LATER THAN USUAL
             POST  load  kernel  fsck                  login  service
    after    -     0 ms  4 s     30 s, no verdict yet  -      -
    usually  -     0 ms  4 s     30 s                  40 s   41 s

Open alarms
  CRITICAL  primary_panic  pki-ca/ca
            ca1: panic[cpu0]
            since 2026-11-03 14:05:04.000Z, 5 s ago, said 2 times

  guard     ca1 holds; last read back 2026-11-01 14:05:09Z, 48 h ago, by a fence
  guard     ca2 UNKNOWN: never read back
  last boot ca1 71 h ago, in 1 min 30 s: load 0 ms, kernel 5 s, fsck 30 s (clean), login 1 min 30 s
  console of ca1
    | panic[cpu0]/thread=30001a2b3c0: \\x1b[2Jtest
    | ok
  console of ca2
    nothing was heard since clusterd started
";
    assert_eq!(text, wanted, "\n{text}");
}

#[test]
fn which_dead_consoles_are_found_is_told_road_by_road() {
    let mut cluster = cluster();
    let links = |cluster: &ClusterReport| {
        let text = render(&report(vec![cluster.clone()]), Ink::Plain, 300);
        let line = text.lines().find(|line| line.starts_with("  links"));
        line.unwrap()
            .trim_start_matches("  links")
            .trim()
            .to_owned()
    };
    let tcp =
        "a dead host is lost after 15 s, a hung console there never: only the node itself can tell";
    let never = "a hung console is never found: only the node itself can tell";
    for (asked, after, text) in [
        (
            Asked::Session,
            Some(15_000),
            "a dead console is lost after 15 s",
        ),
        (Asked::Host, Some(15_000), tcp),
        (Asked::Nobody, None, never),
    ] {
        for console in &mut cluster.consoles {
            (console.asked, console.lost_after_ms) = (asked, after);
        }
        assert_eq!(links(&cluster), text);
    }
    let first = &mut cluster.consoles[0];
    (first.asked, first.lost_after_ms) = (Asked::Session, Some(6000));
    assert_eq!(
        links(&cluster),
        format!("ca1: a dead console is lost after 6 s; ca2: {never}")
    );
}

#[test]
fn hold_and_refused_files_stand_out() {
    let mut held = cluster();
    if let Some(snapshot) = &mut held.snapshot {
        snapshot.packages[0].hold = Some("path unproved".to_owned());
    }
    let refused = ClusterReport {
        cluster: "web".to_owned(),
        file: "clist/web.yaml".to_owned(),
        not_guarded: Some("clist/web.yaml:3:7: unknown key".to_owned()),
        snapshot: None,
        consoles: Vec::new(),
        boots: Vec::new(),
        reload: None,
        standing: Standing::default(),
    };
    held.reload = Some("a new configuration (script); it waits until the HOLD ends".to_owned());
    let text = render(&report(vec![held, refused]), Ink::Plain, 100);
    assert!(
        text.starts_with("2 clusters, 1 in HOLD, 1 NOT GUARDED, 1 with a reload that waits, "),
        "{text}"
    );
    assert!(
        text.contains("  reload    a new configuration (script); it waits until the HOLD ends\n"),
        "{text}"
    );
    assert!(
        text.contains("pki-ca  HOLD  ca is on ca1\n  HOLD      path unproved\n"),
        "{text}"
    );
    assert!(
        text.contains("web  NOT GUARDED\n  file      clist/web.yaml\n"),
        "{text}"
    );
    let coloured = render(&report(vec![cluster()]), Ink::Colour, 100);
    assert!(coloured.contains("\x1b[1;31m"), "{coloured}");
}

#[test]
fn many_clusters_are_a_line_each_trouble_first() {
    let mut clusters: Vec<ClusterReport> = (0..6)
        .map(|n| ClusterReport {
            cluster: format!("c{n}"),
            ..cluster()
        })
        .collect();
    clusters[4].not_guarded = Some("its task does not answer".to_owned());
    clusters[4].snapshot = None;
    let text = render(&report(clusters), Ink::Plain, 100);
    let lines: Vec<&str> = text.lines().skip(3).take(3).collect();
    assert!(
        lines[0].starts_with("CLUSTER  PACKAGE  STANDS       STATE    FOR "),
        "{text}"
    );
    assert!(
        lines[1].starts_with("c4                NOT GUARDED"),
        "{text}"
    );
    assert!(
        lines[2].starts_with("c0       ca       SWITCHING    stopped  4.2 s "),
        "{text}"
    );
}

#[test]
fn a_check_is_one_line_and_a_level() {
    let mut held = cluster();
    if let Some(snapshot) = &mut held.snapshot {
        snapshot.packages[0].hold = Some("path | unproved".to_owned());
    }
    let (line, level) = super::super::check::line(&report(vec![cluster(), held]));
    assert_eq!(level, Level::Critical);
    assert_eq!(
        line,
        "CLUSTERD CRITICAL - pki-ca HOLD: path / unproved; pki-ca SWITCHING: ca1 is being stopped; \
         1 open alarm, critical | clusters=2 ok=0 jeopardy=0 degraded=0 maintenance=0 unknown=0 suspect=0 switching=1 \
         impaired=0 not_guarded=0 hold=1 alarms=1"
    );
    let mut none = report(Vec::new());
    none.alarms.clear();
    let (line, level) = super::super::check::line(&none);
    assert_eq!(level, Level::Ok);
    assert!(
        line.starts_with("CLUSTERD OK - no cluster is here; no open alarm | clusters=0 "),
        "{line}"
    );
}
