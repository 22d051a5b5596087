//! The page, line by line.

use super::*;
use crate::alarm::Alarm;
use crate::control::{ClusterReport, ConsoleReport, HostReport, REPORT_VERSION, Standing};
use crate::machine::snapshot::Snapshot;
use crate::script::program::Severity;

/// A cluster as its task tells of it.
fn pki() -> ClusterReport {
    let snapshot: Snapshot = serde_json::from_value(serde_json::json!({
        "cluster": "pki",
        "impaired": null,
        "packages": [{
            "package": "ca", "primary": "ca1", "secondary": "ca2", "confirmed": true,
            "script": "sun_openboot", "state": "watch", "about": "all is well", "state_age_ms": 1500,
            "hold": null, "waits_for": null, "address": "192.0.2.10", "address_misses": 0,
            "data_policy": "integrity"
        }],
        "nodes": [
            { "node": "ca1", "condition": "running", "link": "connected", "heard_age_ms": 1,
              "evidence": null, "proof": null, "guard": "", "guard_read": true, "break_worked": true,
              "siege": false, "host_id": null },
            { "node": "ca2", "condition": "prompt", "link": "connected", "heard_age_ms": 1,
              "evidence": null, "proof": null, "guard": "", "guard_read": false, "break_worked": true,
              "siege": false, "host_id": null }
        ]
    }))
    .unwrap();
    let console: ConsoleReport = serde_json::from_value(serde_json::json!({
        "node": "ca1", "address": "telnet://ts1:2001", "up": true, "since_ms": 1, "why": null,
        "connections": 3, "lost": 7, "received": 4096
    }))
    .unwrap();
    ClusterReport {
        cluster: "pki".to_owned(),
        file: "clist/pki.yaml".to_owned(),
        not_guarded: None,
        snapshot: Some(snapshot),
        consoles: vec![console],
        boots: Vec::new(),
        reload: None,
        standing: Standing::default(),
    }
}

fn refused() -> ClusterReport {
    ClusterReport {
        cluster: "bad \"name\"\n".to_owned(),
        not_guarded: Some("its file is wrong".to_owned()),
        snapshot: None,
        consoles: Vec::new(),
        ..pki()
    }
}

fn seen(clusters: Vec<ClusterReport>) -> Seen {
    let alarm = |cluster: &str, severity| Alarm {
        cluster: cluster.to_owned(),
        severity,
        ..Alarm::default()
    };
    let mut counts = Counts::default();
    counts.nodes.entry("ca1".to_owned()).or_default().breaks = 4;
    let package = counts.packages.entry("ca".to_owned()).or_default();
    package.switchovers = 2;
    Seen {
        report: Report {
            v: REPORT_VERSION,
            host: HostReport {
                version: "1.2.3".to_owned(),
                pid: 1,
                home: String::new(),
                up_ms: 1_500,
                now_ms: 1_700_000_001_000,
            },
            clusters,
            alarms: vec![
                alarm("pki", Severity::Critical),
                alarm("", Severity::Warning),
            ],
        },
        counts: BTreeMap::from([("pki".to_owned(), counts)]),
        writes: WriteTimes::default(),
        queued: 3,
        logs_written: true,
    }
}

#[test]
fn a_page_says_how_clusters_are() {
    let page = page(&seen(vec![pki(), refused()]));
    for line in [
        "clusterd_build_info{version=\"1.2.3\"} 1",
        "process_start_time_seconds 1699999999.5",
        "clusterd_journal_write_seconds_bucket{le=\"0.0005\"} 0",
        "clusterd_journal_write_seconds_bucket{le=\"+Inf\"} 0",
        "clusterd_journal_queued_writes 3",
        "clusterd_cluster_guarded{cluster=\"pki\"} 1",
        "clusterd_cluster_guarded{cluster=\"bad \\\"name\\\"\\n\"} 0",
        "clusterd_cluster_impaired{cluster=\"pki\"} 0",
        "clusterd_alarms_open{cluster=\"pki\",severity=\"critical\",acknowledged=\"no\"} 1",
        "clusterd_alarms_open{cluster=\"pki\",severity=\"critical\",acknowledged=\"yes\"} 0",
        "clusterd_alarms_open{cluster=\"@host\",severity=\"warning\",acknowledged=\"no\"} 1",
        "clusterd_package_up{cluster=\"pki\",package=\"ca\"} 1",
        "clusterd_package_state_info{cluster=\"pki\",package=\"ca\",state=\"watch\"} 1",
        "clusterd_package_state_age_seconds{cluster=\"pki\",package=\"ca\"} 1.5",
        "clusterd_switchovers_total{cluster=\"pki\",package=\"ca\"} 2",
        "clusterd_node_primary{cluster=\"pki\",node=\"ca1\"} 1",
        "clusterd_node_standby_ready{cluster=\"pki\",node=\"ca1\"} 0",
        "clusterd_node_standby_ready{cluster=\"pki\",node=\"ca2\"} 1",
        "clusterd_node_guard_known{cluster=\"pki\",node=\"ca2\"} 0",
        "clusterd_fences_total{cluster=\"pki\",node=\"ca1\",result=\"proved\"} 0",
        "clusterd_breaks_total{cluster=\"pki\",node=\"ca1\"} 4",
        "clusterd_console_reconnects_total{cluster=\"pki\",node=\"ca1\"} 2",
        "clusterd_console_received_bytes_total{cluster=\"pki\",node=\"ca1\"} 4096",
        "clusterd_console_dropped_bytes_total{cluster=\"pki\",node=\"ca1\"} 7",
    ] {
        assert!(page.lines().any(|l| l == line), "{line}\n{page}");
    }
}

#[test]
fn each_metric_is_said_once_with_its_help_and_kind() {
    let page = page(&seen(vec![pki(), refused()]));
    let mut known = std::collections::BTreeSet::new();
    let mut last = "";
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            last = help.split(' ').next().unwrap();
            assert!(known.insert(last), "{last} stands there twice");
            assert!(help.ends_with('.'), "{help}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let counts = kind.ends_with(" counter");
            assert_eq!(counts, last.ends_with("_total"), "{kind}");
        } else {
            assert!(line.starts_with(last), "{line} below {last}");
        }
    }
    assert!(known.len() > 25, "{known:?}");
}

/// The control socket takes replies of 16 MiB.
#[test]
fn the_page_of_a_thousand_clusters_fits_into_a_reply() {
    let named = |n: u32| ClusterReport {
        cluster: format!("cluster-of-a-long-name-number-{n}"),
        ..pki()
    };
    let seen = seen((0..1000).map(named).collect());
    let began = std::time::Instant::now();
    let page = page(&seen);
    println!("{} bytes after {:?}", page.len(), began.elapsed());
    assert!(page.len() < 8 << 20, "{}", page.len());
}

#[test]
fn a_host_that_guards_nothing_has_a_page_too() {
    let page = page(&seen(Vec::new()));
    assert!(page.contains("clusterd_build_info"));
    assert!(!page.contains("clusterd_package_up"));
}
