//! The ways out of the host, changed while clusterd runs: what differs is touched, and nothing else is.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::daemon_support::{Home, Pair, stderr, stdout, until};
use crate::servers::{Web, free_port, web};
use crate::{open, route};

/// Quick enough for a test.
const QUICK: &str = "pause: 100ms, pause_max: 300ms, alarm_after: 10m, timeout: 2s";

/// Two machines at their prompts, of which nobody has said who has the package: a critical alarm.
fn unclear() -> (Pair, Home) {
    let pair = Pair::at_prompt();
    let home = Home::of(&pair);
    (pair, home)
}

fn settings(home: &Home, text: &str) {
    fs::write(home.path("clusterd.yaml"), text).unwrap();
}

fn good(home: &Home, args: &[&str]) -> String {
    let output = home.clusterd(args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}

#[test]
fn routes_come_change_and_go_and_the_others_keep_what_they_have() {
    let (_pair, home) = unclear();
    let [stays, comes, urgent] = [(); 3].map(|()| web(|_| Web::Status(204)));
    let dead = free_port();
    let before = format!(
        "routes:\n  stays: {{ webhook: {{ url: \"http://{}/\" }}, {QUICK} }}\n",
        stays.at
    );
    let fails = |name: &str| {
        format!("  {name}: {{ webhook: {{ url: \"http://127.0.0.1:{dead}/\" }}, {QUICK} }}\n")
    };
    settings(&home, &(before.clone() + &fails("turns") + &fails("goes")));
    let daemon = home.run();
    stays.message("raised", "unclear");
    until("messages that wait", || {
        let waits = |name| route(&home, name)["waiting"].as_u64().unwrap_or(0) > 0;
        (waits("turns") && waits("goes")).then_some(())
    });
    let taken = until("a message that was taken", || {
        route(&home, "stays")["delivered"]
            .as_u64()
            .filter(|taken| *taken > 0)
    });

    // What was changed takes along what waits; what is gone leaves it; what is new is told what is open.
    let hook = |name: &str, server: &crate::servers::Server, more: &str| {
        format!(
            "  {name}: {{ webhook: {{ url: \"http://{}/\" }}, {more}{QUICK} }}\n",
            server.at
        )
    };
    let after =
        before + &hook("turns", &comes, "") + &hook("urgent", &urgent, "severity: critical, ");
    settings(&home, &after);
    let dry = good(&home, &["reload", "--dry-run"]);
    for line in [
        "clusterd.yaml  route turns is changed, what waits for it goes by the new one\n",
        "clusterd.yaml  route goes is gone, and with it ",
        "clusterd.yaml  route urgent is new, it is told what is open\n",
        "Nothing was changed; a reload would touch: 0 added, 0 changed, 0 removed. 1 cluster as before.\n",
    ] {
        assert!(dry.contains(line), "{dry}");
    }
    assert!(route(&home, "urgent").is_null() && !route(&home, "goes").is_null());
    let text = good(&home, &["reload"]);
    assert!(
        text.contains("clusterd.yaml  route goes is gone, and with it "),
        "{text}"
    );
    comes.message("raised", "unclear");
    urgent.message("raised", "unclear");
    until("the routes as they are now", || {
        let waits = |name| route(&home, name)["waiting"].as_u64();
        (route(&home, "goes").is_null() && waits("turns") == Some(0)).then_some(())
    });
    assert!(
        urgent
            .heard()
            .iter()
            .all(|heard| heard.json()["severity"] == "critical")
    );
    // Nobody tells it again what it was told, and its counts go on.
    let again = stays.heard().into_iter().map(|heard| heard.json());
    let again = again.filter(|one| one["code"] == "unclear").count();
    assert_eq!(again, 1);
    assert!(route(&home, "stays")["delivered"].as_u64() >= Some(taken));
    let told = &open(&home, "unclear").unwrap()["told"];
    assert!(
        told["goes"].is_null() && told["stays"]["delivered_ms"].is_u64(),
        "{told}"
    );
    assert_eq!(
        good(&home, &["reload"]),
        "No difference: 1 cluster as before.\n"
    );

    // What the route that is gone left is not found again by the next clusterd.
    assert!(daemon.stop().success());
    let _daemon = home.run();
    until("the second start", || open(&home, "unclear"));
    let log = home.read("logs/clusterd.log");
    assert!(
        !log.contains("there is no route goes any more; not sent:"),
        "{log}"
    );
}

#[test]
fn the_heartbeat_goes_where_the_settings_say_now() {
    let (_pair, home) = unclear();
    let [first, second] = [(); 2].map(|()| web(|_| Web::Status(200)));
    let beat = |at| format!("heartbeat: {{ url: \"http://{at}/\", every: 200ms }}\n");
    settings(&home, &beat(first.at));
    let _daemon = home.run();
    first.hears("a beat", |_| true);
    settings(&home, &beat(second.at));
    let text = good(&home, &["reload"]);
    assert!(
        text.contains("clusterd.yaml  heartbeat is changed\n"),
        "{text}"
    );
    second.hears("a beat", |_| true);
    let heard = first.heard().len();
    let from = second.heard().len();
    until("more beats", || {
        (second.heard().len() > from + 3).then_some(())
    });
    assert_eq!(first.heard().len(), heard, "it goes nowhere else");
    settings(&home, "");
    let text = good(&home, &["reload"]);
    assert!(
        text.contains("clusterd.yaml  heartbeat is gone\n"),
        "{text}"
    );
}

/// What an HTTP server says of the metrics; nothing where nobody listens.
fn metrics(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}

#[test]
fn metrics_move_and_go_and_a_port_that_is_taken_changes_nothing() {
    let (_pair, home) = unclear();
    let listen = |port| format!("metrics: {{ listen: \"127.0.0.1:{port}\" }}\n");
    let _daemon = home.run();
    let first = free_port();
    settings(&home, &listen(first));
    let text = good(&home, &["reload"]);
    assert!(
        text.contains(&format!(
            "clusterd.yaml  metrics is new, at 127.0.0.1:{first}\n"
        )),
        "{text}"
    );
    until("the page", || metrics(first));

    // Somebody else has that port: what else was to change is not changed either.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let more = "access: { watch: [nobody] }\n";
    settings(&home, &(listen(port) + more));
    for args in [&["reload", "--dry-run"][..], &["reload"]] {
        let output = home.clusterd(args);
        assert_eq!(output.status.code(), Some(4), "{}", stdout(&output));
        let said = stderr(&output);
        assert!(
            said.contains(&format!("failed to listen at 127.0.0.1:{port}")),
            "{said}"
        );
        assert!(said.contains("nothing was changed"), "{said}");
    }
    assert!(metrics(first).is_some());
    let second = free_port();
    settings(&home, &(listen(second) + more));
    let text = good(&home, &["reload"]);
    assert!(
        text.contains("clusterd.yaml  access\n"),
        "it had not been changed: {text}"
    );
    until("the page", || metrics(second));
    assert_eq!(metrics(first), None);
    settings(&home, "");
    good(&home, &["reload"]);
    assert_eq!(metrics(second), None);
    let log = home.read("logs/pair/activity.log");
    assert!(!log.contains("reload"), "no cluster notices: {log}");
}
