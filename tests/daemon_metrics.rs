//! The metrics of a real daemon: over the control socket and over HTTP, before and after a switchover, with
//! clients that say nothing or read nothing, and what Debian's promtool makes of them.

mod daemon_support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use daemon_support::{Home, LIMIT, Pair, stderr, stdout, until};

/// A home whose metrics are fetched at a port that the kernel chooses.
fn home_with_endpoint(pair: &Pair) -> Home {
    let home = Home::of(pair);
    fs::write(
        home.path("clusterd.yaml"),
        "metrics: { listen: \"127.0.0.1:0\" }\n",
    )
    .unwrap();
    home
}

/// Where a daemon's metrics are fetched, as its log says.
fn endpoint(home: &Home) -> SocketAddr {
    until("the endpoint", || {
        let log = home.read("logs/clusterd.log");
        let (_, rest) = log.split_once("metrics at http://")?;
        rest.split_once("/metrics")?.0.parse().ok()
    })
}

fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Says this, and reads to the end of the connection.
fn http(at: SocketAddr, request: &str) -> String {
    let mut stream = connect(at);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(at: SocketAddr) -> String {
    let answer = http(at, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

/// The value of a series.
fn value(page: &str, series: &str) -> u64 {
    let mut lines = page.lines();
    let found = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let found = found.unwrap_or_else(|| panic!("no {series} in\n{page}"));
    found.parse().unwrap()
}

#[test]
fn a_switchover_is_seen_in_the_metrics() {
    let pair = Pair::running();
    let home = home_with_endpoint(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let at = endpoint(&home);
    let on = |node: &str| format!("clusterd_node_primary{{cluster=\"pair\",node=\"{node}\"}}");
    let package = |name: &str| format!("{name}{{cluster=\"pair\",package=\"svc\"}}");
    let page = until("the service to be up", || {
        let page = get(at);
        (value(&page, &package("clusterd_package_up")) > 0).then_some(page)
    });
    assert_eq!(
        [value(&page, &on("alpha")), value(&page, &on("beta"))],
        [1, 0]
    );
    assert_eq!(value(&page, &package("clusterd_switchovers_total")), 0);

    pair.sim.panic(0);
    daemon.line("beta is up");
    daemon.line("state watch");
    let page = until("the service to be up again", || {
        let page = get(at);
        (value(&page, &package("clusterd_package_up")) > 0).then_some(page)
    });
    assert_eq!(
        [value(&page, &on("alpha")), value(&page, &on("beta"))],
        [0, 1]
    );
    assert_eq!(value(&page, &package("clusterd_switchovers_total")), 1);
    let alpha = |name: &str| format!("{name}{{cluster=\"pair\",node=\"alpha\"}}");
    let proved = "clusterd_fences_total{cluster=\"pair\",node=\"alpha\",result=\"proved\"}";
    assert_eq!(value(&page, proved), 1);
    assert!(value(&page, &alpha("clusterd_breaks_total")) >= 1);
    assert!(value(&page, &alpha("clusterd_console_received_bytes_total")) > 100);
    assert!(value(&page, &package("clusterd_address_probes_lost_total")) >= 1);
    assert!(value(&page, "clusterd_journal_write_seconds_count") >= 3);

    let socket = stdout(&home.clusterd(&["metrics"]));
    assert_eq!(value(&socket, &package("clusterd_switchovers_total")), 1);
}

#[test]
fn what_is_no_request_for_the_page_is_told_so() {
    let home = Home::empty();
    fs::write(
        home.path("clusterd.yaml"),
        "metrics: { listen: \"127.0.0.1:0\" }\n",
    )
    .unwrap();
    let _daemon = home.run();
    let at = endpoint(&home);
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
        ("DELETE /clusters/pair HTTP/1.1\r\n\r\n", "405"),
        ("\u{1}\u{2}\u{3}\r\n\r\n", "400"),
    ] {
        let answer = http(at, request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request:?}: {answer}"
        );
    }
    let head = http(at, "HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    let mut endless = connect(at);
    let line = format!("X: {}\r\n", "y".repeat(1000));
    let mut sent = endless.write_all(b"GET /metrics HTTP/1.1\r\n");
    for _ in 0..20 {
        sent = sent.and_then(|()| endless.write_all(line.as_bytes()));
    }
    let mut answer = Vec::new();
    // It was closed while it still wrote: its end may come as a reset.
    let _ = endless.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
}

/// Eight that say nothing have all places: they are put out after some seconds, the next scrape is
/// answered, and meanwhile the daemon watches and the control socket answers.
#[test]
fn clients_that_say_nothing_keep_the_page_only_for_seconds() {
    let pair = Pair::running();
    let home = home_with_endpoint(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let at = endpoint(&home);
    let began = Instant::now();
    let silent: Vec<TcpStream> = (0..8).map(|_| connect(at)).collect();
    pair.sim.panic(0);
    daemon.line("beta is up");
    assert!(home.clusterd(&["metrics"]).status.success());
    until("a scrape to be answered", || {
        let mut stream = connect(at);
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.contains("clusterd_build_info").then_some(())
    });
    println!("the first scrape after {:?}", began.elapsed());
    for mut stream in silent {
        let mut rest = Vec::new();
        // Closed without a word: its end may come as a reset.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
}

#[test]
fn a_port_that_is_taken_is_an_alarm_and_no_end() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let pair = Pair::running();
    let home = Home::of(&pair);
    let settings = format!(
        "metrics: {{ listen: \"{}\" }}\n",
        taken.local_addr().unwrap()
    );
    fs::write(home.path("clusterd.yaml"), settings).unwrap();
    let mut daemon = home.run();
    daemon.line("state watch");
    until("the alarm", || {
        home.alarms().contains(&"metrics".to_owned()).then_some(())
    });
    drop(taken);
    until("its end", || {
        (!home.alarms().contains(&"metrics".to_owned())).then_some(())
    });
    assert!(get(endpoint(&home)).contains("clusterd_cluster_guarded{cluster=\"pair\"} 1"));
}

#[test]
fn beyond_loopback_only_with_an_explicit_word() {
    let home = Home::empty();
    let check = |text: &str| {
        fs::write(home.path("clusterd.yaml"), text).unwrap();
        let output = home.clusterd(&["check"]);
        format!("{}{}", stdout(&output), stderr(&output))
    };
    let said = check("log: { keep: 3 }\nmetrics: { listen: \"0.0.0.0:9464\" }\n");
    assert!(
        said.contains("0.0.0.0:9464 is no loopback address"),
        "{said}"
    );
    assert!(said.contains("clusterd.yaml:2:"), "{said}");
    assert!(said.contains("beyond_loopback: true"), "{said}");
    let said = check("metrics: { listen: \"0.0.0.0:9464\", beyond_loopback: true }\n");
    assert!(!said.contains("loopback"), "{said}");
    let said = check("metrics: { listen: localhost }\n");
    assert!(
        said.contains("`localhost` is no address to listen at"),
        "{said}"
    );
}

fn promtool(args: &[&str], input: &str) -> Output {
    let mut child = Command::new("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

#[test]
#[ignore = "needs promtool"]
fn promtool_finds_nothing_to_mend() {
    let pair = Pair::running();
    let home = home_with_endpoint(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let page = get(endpoint(&home));
    let said = promtool(&["check", "metrics"], &page);
    assert!(said.status.success(), "{}{}", stdout(&said), stderr(&said));
    assert_eq!(
        (stdout(&said), stderr(&said)),
        (String::new(), String::new())
    );
    let root = env!("CARGO_MANIFEST_DIR");
    for (word, file) in [
        ("check", "init.d/prometheus/clusterd.rules.yml"),
        ("test", "tests/data/clusterd.rules.test.yml"),
    ] {
        let said = promtool(&[word, "rules", &format!("{root}/{file}")], "");
        assert!(said.status.success(), "{}{}", stdout(&said), stderr(&said));
    }
}

/// A rule that names a metric which no page has would be silent for ever.
#[test]
fn the_shipped_rules_speak_of_metrics_that_there_are() {
    let pair = Pair::running();
    let home = home_with_endpoint(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    let page = stdout(&home.clusterd(&["metrics"]));
    let root = env!("CARGO_MANIFEST_DIR");
    let rules = fs::read_to_string(format!("{root}/init.d/prometheus/clusterd.rules.yml")).unwrap();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = rules
        .split(|c| !word(c))
        .filter(|word| word.starts_with("clusterd_"));
    let names: Vec<&str> = names.collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let there = |line: &&str| {
            line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "))
        };
        assert!(
            page.lines().any(|line| there(&line)),
            "no {name} in\n{page}"
        );
    }
}
