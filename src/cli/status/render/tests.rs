//! The screen, word for word.

use super::*;
use crate::control::{HostReport, Standing};
use crate::machine::Stage;
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
        lost_after_ms: 15_000,
        visitors: Vec::new(),
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
    ca1.evidence = Some(Aged {
        text: "panic[cpu0]/thread=30001a2b3c0: \x1b[2Jtest".to_owned(),
        age_ms: 4500,
    });
    let mut ca2 = node("ca2", "prompt");
    ca2.proof = Some(Aged {
        text: "firmware reset".to_owned(),
        age_ms: 900,
    });
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
        reload: None,
        standing: Standing::default(),
    }
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
    let text = render(&report(vec![cluster()]), Ink::Plain, 100);
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

Open alarms
  CRITICAL  primary_panic  pki-ca/ca
            ca1: panic[cpu0]
            since 2026-11-03 14:05:04.000Z, 5 s ago, said 2 times
";
    assert_eq!(text, wanted, "\n{text}");
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
