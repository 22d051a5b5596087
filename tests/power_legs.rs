//! Power legs as an operator meets them: `clusterd power`, what `check` says of agents and
//! secrets, a takeover that a fence agent proves; and, where the packages are there, the real
//! agents of fence-agents, and ipmitool against a simulated service processor.

mod daemon_support;

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clusterd::exec::{AgentLeg, IpmiLeg, PowerLeg, PowerOrder, PowerState, Switches, metadata};
use clusterd::sim::NvramFault;
use daemon_support::secrets::Lookout;
use daemon_support::{Home, LIMIT, Pair, stdout, until};
use tokio::signal::unix::{SignalKind, signal};

/// Describes itself as `fence_apc` does, in short; `off` is believed only after the outlet,
/// the file `state`, says so.
const AGENT: &str = r#"#!/bin/sh
here=$(dirname "$0")
cat > $here/input.$$
action=$(sed -n s/^action=//p $here/input.$$)
plug=$(sed -n s/^plug=//p $here/input.$$)
mv $here/input.$$ $here/input.$action
case $action in
metadata) cat <<END
<resource-agent name="fence_it"><parameters>
<parameter name="action" required="1"><content type="string" default="reboot"/></parameter>
<parameter name="ip" required="1" obsoletes="ipaddr"/><parameter name="ipaddr" required="1" deprecated="1"/>
<parameter name="plug" required="1" obsoletes="port"/><parameter name="port" required="1" deprecated="1"/>
<parameter name="password"/>
</parameters><actions><action name="on"/><action name="off"/><action name="status"/></actions></resource-agent>
END
;;
off) : > $here/ordered.$plug; echo "Success: Powered OFF" ;;
status) if test -e $here/hang; then rm $here/hang; echo $$ > $here/hung; exec sleep 600; fi
    case $(cat $here/state.$plug 2>/dev/null) in
    on) echo "Status: ON" ;;
    off) echo "Status: OFF"; exit 2 ;;
    *) echo "2026-11-22 02:16:58,253 ERROR: Failed: Unable to obtain correct plug status or plug is not available" >&2; exit 1 ;;
    esac ;;
*) exit 1 ;;
esac
"#;

fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A home with one cluster, `c`, whose node `a` has this power, and an agent `bin/fence_it`.
fn home(power: &str) -> Home {
    let home = Home::empty();
    let text = format!(
        "cluster: c\nnodes:\n  a:\n    platform: openboot\n    console: \"telnet://ts1:2001\"\n    \
         dark_after: 6m\n    power: {power}\n  b: {{ platform: openboot, console: \"telnet://ts1:2002\", dark_after: 6m }}\n\
         witnesses: {{ service: [192.0.2.1] }}\npackages:\n  svc:\n    script: sun-openboot\n    nodes: [a, b]\n    \
         boot_device: disk\n    address: 192.0.2.10\n    data_policy: integrity\n"
    );
    fs::write(home.path("clist/c.yaml"), text).unwrap();
    write(&home.path("bin/fence_it"), AGENT, 0o755);
    home
}

const TWO_LEGS: &str = "[ { agent: bin/fence_it, ip: 10.0.0.1, plug: 1, password_file: pw }, \
                        { agent: bin/fence_it, ip: 10.0.0.2, plug: 2 } ]";

#[test]
fn power_status_asks_every_leg_and_ends_as_a_fence_agent_does() {
    let home = home(TWO_LEGS);
    write(&home.path("pw"), "sesame\n", 0o600);
    for (first, second, code, state) in [
        ("on", "on", 0, "Status: ON"),
        ("on", "off", 0, "Status: ON"),
        ("off", "off", 2, "Status: OFF"),
        ("off", "none", 1, "Status: UNKNOWN"),
        ("on", "none", 1, "Status: UNKNOWN"),
    ] {
        fs::write(home.path("bin/state.1"), first).unwrap();
        fs::write(home.path("bin/state.2"), second).unwrap();
        let output = home.clusterd(&["power", "c/a", "status"]);
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(
            text.contains(&format!(
                "leg 1  agent fence_it ip=10.0.0.1 plug=1  {first}\n"
            )),
            "{text}"
        );
        assert!(text.ends_with(&format!("{state}\n")), "{text}");
        assert!(!text.contains("sesame"));
    }
    let input = home.read("bin/input.status");
    assert!(input.starts_with("action=status\n"), "{input}");
    assert!(!home.path("bin/ordered.1").exists() && !home.path("bin/input.off").exists());
    let output = home.clusterd(&["power", "c/a", "status", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["node"], &report["state"]),
        (&"c/a".into(), &"unknown".into())
    );
    assert_eq!(report["legs"][0]["state"], "on");
    // No daemon runs there.
    assert_eq!(report["asked_by"], "self");
    let why = "exit code 1: Failed: Unable to obtain correct plug status or plug is not available";
    assert_eq!(report["legs"][1]["why"], why);
    // Nothing but a status can be asked for.
    for (args, code, word) in [
        (
            ["power", "c/a", "off"],
            1,
            "`clusterd fence c/a` stops the node",
        ),
        (
            ["power", "c/a", "on"],
            1,
            "(`clusterd status c`), then use the leg's own tool",
        ),
        // 2 would be *off*.
        (["power", "c/a", "cycle"], 1, "[possible values: status]"),
        (["power", "c/b", "status"], 1, "c/b has no power leg"),
        (
            ["power", "c/x", "status"],
            1,
            "c has no node x; it has: a, b",
        ),
        (
            ["power", "x/a", "status"],
            1,
            "there is no cluster x; there are: c",
        ),
        (["power", "a", "status"], 1, "name the node as CLUSTER/NODE"),
    ] {
        let output = home.clusterd(&args);
        let said = daemon_support::stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(word) && output.stdout.is_empty(), "{said}");
    }
}

#[test]
fn check_holds_parameters_against_what_the_agent_says_of_itself() {
    let home = home("{ agent: bin/fence_it, plgu: 4, colour: blue, secrets: { passwrd: pw } }");
    write(&home.path("pw"), "sesame\n", 0o600);
    let output = home.clusterd(&["check"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "bin/fence_it knows no parameter `plgu`\n --> clist/c.yaml:7:35",
        "did you mean `plug`?",
        "bin/fence_it knows no parameter `colour`",
        "`bin/fence_it -o metadata` lists those that it knows",
        "bin/fence_it knows no parameter `passwrd`",
        "did you mean `password`?",
        "bin/fence_it wants `ip`\n --> clist/c.yaml:7:21",
        // Its console is watched all the same.
        "c: package svc at 192.0.2.10",
        "1 cluster guarded, 0 refused; 4 errors",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let edit = |to: &str| {
        let file = home.path("clist/c.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let (before, rest) = text.split_once("power: ").unwrap();
        let (_, after) = rest.split_once('\n').unwrap();
        fs::write(&file, format!("{before}power: {to}\n{after}")).unwrap();
    };
    edit("{ agent: bin/fence_it, ip: 10.0.0.1, plug: 4, within: 5m }");
    let text = stdout(&home.clusterd(&["check"]));
    let slow = "a leg may take 5 min for each order, and the chat script sun-openboot gives all of `power off` 2 min";
    assert!(text.contains(slow), "{text}");
    // Older names are names.
    edit("[ { agent: bin/fence_it, ipaddr: 10.0.0.1, port: 4, password_file: pw } ]");
    let output = home.clusterd(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    write(
        &home.path("bin/fence_it"),
        "#!/bin/sh\necho 'ModuleNotFoundError: pexpect' >&2; exit 1\n",
        0o755,
    );
    let output = home.clusterd(&["check"]);
    let text = stdout(&output);
    assert!(text.contains("bin/fence_it cannot be asked what it understands: exit code 1: ModuleNotFoundError: pexpect"), "{text}");
}

#[test]
fn a_secret_that_others_may_read_refuses_its_cluster() {
    let home = home(TWO_LEGS);
    write(&home.path("pw"), "sesame\n", 0o644);
    let output = home.clusterd(&["check"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    let file = fs::canonicalize(home.path("pw")).unwrap();
    for part in [
        &format!(
            "others may read or change the secret {} (mode 644)\n --> clist/c.yaml:7:",
            file.display()
        ),
        &format!("= help: chmod 600 {}", file.display()),
        "c: NOT guarded",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    write(&home.path("bin/fence_it"), AGENT, 0o644);
    write(&home.path("pw"), "sesame\n", 0o600);
    let text = stdout(&home.clusterd(&["check"]));
    assert!(
        text.contains("this user may not execute bin/fence_it"),
        "{text}"
    );
}

/// The console makes no proof, so the leg has to: its agent reports success at once, but
/// nothing is booted before the outlet says off.
#[test]
fn a_takeover_waits_for_the_outlet_not_for_the_agents_word() {
    let (pair, home) = pair_with_a_leg();
    let lookout = Lookout::keeps(&["sesame"]);
    let mut daemon = home.run();
    daemon.line("state watch");
    pair.sim.panic(0);
    daemon.line("alpha: openboot_reset made no proof");
    until("the order to switch off", || {
        home.path("bin/ordered.1").exists().then_some(())
    });
    // It is asked, and says on.
    fs::remove_file(home.path("bin/input.status")).unwrap_or(());
    until("the status", || {
        home.path("bin/input.status").exists().then_some(())
    });
    assert_eq!(pair.boots(), ["alpha"]);
    pair.sim.power(0, false);
    fs::write(home.path("bin/state.1"), "off").unwrap();
    daemon.line("every power leg reports off, asked twice");
    daemon.line("alpha: proved stopped (power off)");
    daemon.line("beta is up");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    pair.never_two_writers();
    lookout.saw_none();
    let asked = home.read("bin/input.status");
    assert!(
        asked.contains("password=sesame"),
        "the agent got it: {asked}"
    );
    home.tells_nobody(&["sesame"], &["pw", "bin"]);
    assert!(daemon.stop().success());
    let log = home.read("logs/clusterd.log");
    assert!(
        log.contains("power leg agent fence_it ip=10.0.0.1 plug=1"),
        "{log}"
    );
}

/// A pair that runs, whose alpha has an agent for its power and whose console makes no proof.
fn pair_with_a_leg() -> (Pair, Home) {
    let pair = Pair::running();
    let home = Home::of(&pair);
    write(&home.path("bin/fence_it"), AGENT, 0o755);
    write(&home.path("pw"), "sesame\n", 0o600);
    let file = home.path("clist/pair.yaml");
    let leg = "host_id: \"80b10001\", power: { agent: bin/fence_it, ip: 10.0.0.1, plug: 1, password_file: pw }";
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("host_id: \"80b10001\"", leg)).unwrap();
    fs::write(home.path("bin/state.1"), "on").unwrap();
    pair.sim.order(|rig, now| {
        let alpha = rig.node_at(0, now);
        alpha.set_variable("boot-device", "disk");
        alpha.set_nvram_fault(NvramFault::LostAtReset);
    });
    (pair, home)
}

#[test]
fn a_daemon_that_runs_asks_the_legs_and_writes_down_for_whom() {
    let (_pair, home) = pair_with_a_leg();
    let mut daemon = home.run();
    daemon.line("state watch");
    for (state, code) in [("on", 0), ("off", 2), ("none", 1)] {
        fs::write(home.path("bin/state.1"), state).unwrap();
        let output = home.clusterd(&["power", "pair/alpha", "status", "--json"]);
        assert_eq!(output.status.code(), Some(code), "{}", stdout(&output));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["asked_by"], "daemon", "{report}");
        assert_eq!(report["legs"].as_array().unwrap().len(), 1, "{report}");
    }
    let output = home.clusterd(&["power", "pair/alpha", "status", "--direct", "--json"]);
    assert!(stdout(&output).contains("\"asked_by\": \"self\""));
    for (name, says) in [
        ("pair/gamma", "pair has no such node; it has alpha, beta"),
        ("pair/beta", "pair/beta has no power leg"),
        ("pear/beta", "there is no cluster \"pear\""),
    ] {
        let output = home.clusterd(&["power", name, "status"]);
        let said = daemon_support::stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says) && output.stdout.is_empty(), "{said}");
    }
    let audit = until("the audit", || {
        let audit = home.read("logs/audit.log");
        (audit.lines().count() == 12).then_some(audit)
    });
    let order = r#"asks: power {"do":"power_status","cluster":"pair","node":"alpha"}"#;
    let lines: Vec<&str> = audit.lines().collect();
    assert!(lines[0].ends_with(order), "{audit}");
    for (line, came) in [(1, "power on"), (3, "power off"), (5, "power unknown")] {
        assert!(lines[line].ends_with(&format!(" root: {came}")), "{audit}");
    }
    assert!(!home.path("bin/ordered.1").exists(), "nothing was switched");
    home.tells_nobody(&["sesame"], &["pw", "bin"]);
    assert!(daemon.stop().success());
}

/// Its agent takes one question at a time, and a person's hangs: the fence breaks it off.
#[test]
fn a_fence_waits_for_nobody_who_asks_for_power() {
    let (pair, home) = pair_with_a_leg();
    let mut daemon = home.run();
    daemon.line("state watch");
    write(&home.path("bin/hang"), "", 0o644);
    let asks = Command::new(env!("CARGO_BIN_EXE_clusterd"))
        .args(["power", "pair/alpha", "status"])
        .env("CLUSTER_HOME", home.dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = until("the question that hangs", || {
        let text = fs::read_to_string(home.path("bin/hung")).ok()?;
        text.strip_suffix('\n').map(str::to_owned)
    });
    pair.sim.panic(0);
    let said = asks.wait_with_output().unwrap();
    let text = stdout(&said);
    assert_eq!(said.status.code(), Some(1), "{text}");
    assert!(
        text.contains("unknown: clusterd itself switches or asks its device just now"),
        "{text}"
    );
    until("the end of the agent", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z")).then_some(())
    });
    until("the order to switch off", || {
        home.path("bin/ordered.1").exists().then_some(())
    });
    pair.sim.power(0, false);
    fs::write(home.path("bin/state.1"), "off").unwrap();
    daemon.line("alpha: proved stopped (power off)");
    daemon.line("beta is up");
    assert_eq!(pair.boots(), ["alpha", "beta"]);
    pair.never_two_writers();
}

/// What a leg is asked here.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

fn agent(program: &str, parameters: &[(&str, &str)], within: Duration) -> PowerLeg {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    PowerLeg::Agent(AgentLeg {
        program: program.to_owned(),
        parameters: parameters.iter().map(own).collect(),
        secrets: Vec::new(),
        within,
    })
}

fn why(state: PowerState) -> String {
    match state {
        PowerState::Unknown(why) => why,
        known => panic!("{known} is known"),
    }
}

#[test]
#[ignore = "needs fence-agents"]
fn every_agent_of_debian_describes_itself() {
    let mut read = 0;
    for entry in fs::read_dir("/usr/sbin").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with("fence_") {
            continue;
        }
        match block_on(metadata(&name, LIMIT)) {
            Ok(known) => {
                assert!(
                    known.knows("action")
                        && known
                            .actions
                            .iter()
                            .any(|a| a == "on" || a == "off" || a == "reboot"),
                    "{name}: {known:?}"
                );
                read += 1;
            }
            // An operator's hand, not an agent: it has no description.
            Err(why) => assert_eq!(name, "fence_ack_manual", "{why}"),
        }
    }
    assert!(read >= 80, "only {read} agents");
    let apc = block_on(metadata("fence_apc", LIMIT)).unwrap();
    assert_eq!(apc.missing(&[]), ["ip", "plug", "username"]);
}

#[test]
#[ignore = "needs fence-agents"]
fn fence_dummy_is_switched_and_asked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("outlet");
    fs::write(&file, "on").unwrap();
    let leg = agent(
        "fence_dummy",
        &[("status_file", file.to_str().unwrap())],
        LIMIT,
    );
    assert_eq!(block_on(leg.status()), PowerState::On);
    block_on(leg.order(PowerOrder::Off)).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "off");
    assert_eq!(block_on(leg.status()), PowerState::Off);
    block_on(leg.order(PowerOrder::Off)).expect("off already");
    block_on(leg.order(PowerOrder::On)).unwrap();
    assert_eq!(block_on(leg.status()), PowerState::On);
    // An outlet that says nonsense.
    fs::write(&file, "melted").unwrap();
    assert_eq!(
        why(block_on(leg.status())),
        "exit code 1: Failed: Unable to obtain correct plug status or plug is not available"
    );
    // An agent whose outlet never goes off.
    let stuck = agent(
        "fence_dummy",
        &[("type", "fail"), ("power_timeout", "1")],
        LIMIT,
    );
    let refused = block_on(stuck.order(PowerOrder::Off)).unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("failed to order the power off: exit code 1"),
        "{refused}"
    );
    // An agent that takes longer than it may.
    let slow = [("status_file", file.to_str().unwrap()), ("delay", "300")];
    let slow = agent("fence_dummy", &slow, Duration::from_secs(2));
    let refused = block_on(slow.order(PowerOrder::Off)).unwrap_err();
    assert!(
        refused.to_string().contains("no end within its time"),
        "{refused}"
    );
}

/// Processes that have this among their arguments.
fn running_with(argument: &str) -> usize {
    let lines = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.unwrap().path().join("cmdline")).ok());
    lines
        .filter(|line| line.split('\0').any(|word| word == argument))
        .count()
}

/// fence_virsh logs in through ssh, on a terminal and in a session of its own.
#[test]
#[ignore = "needs fence-agents"]
fn fence_virsh_that_reaches_nobody_says_so_and_leaves_nothing_behind() {
    // The agent's ssh has a session of its own and ends by the hangup of its terminal, unless that
    // is ignored here (nohup) and so there too. A signal that is listened for, as the daemon does, is
    // not ignored by what is started.
    let _hangup = block_on(async { signal(SignalKind::hangup()) }).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("pw");
    write(&secret, "sesame\n", 0o600);
    // Takes connections, and never says a word.
    let deaf = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = deaf.local_addr().unwrap().port().to_string();
    let leg = |port: &str, within| {
        let parameters = [
            ("ip", "127.0.0.1"),
            ("ipport", port),
            ("username", "root"),
            ("plug", "ca1"),
            ("login_timeout", "300"),
        ];
        match agent("fence_virsh", &parameters, within) {
            PowerLeg::Agent(leg) => PowerLeg::Agent(AgentLeg {
                secrets: vec![("password".to_owned(), secret.clone())],
                ..leg
            }),
            other => other,
        }
    };
    let started = Instant::now();
    assert_eq!(
        why(block_on(leg(&port, Duration::from_secs(5)).status())),
        "no end within its time"
    );
    assert!(started.elapsed() < LIMIT);
    until("the end of its ssh", || {
        (running_with(&port) == 0).then_some(())
    });
    drop(deaf);
    let refused = "exit code 1: Unable to connect/login to fencing device";
    assert_eq!(why(block_on(leg(&port, LIMIT).status())), refused);
    let order = block_on(leg(&port, LIMIT).order(PowerOrder::Off)).unwrap_err();
    assert_eq!(
        order.to_string(),
        format!("failed to order the power off: {refused}")
    );
    let nobody = agent(
        "fence_virsh",
        &[("ip", "127.0.0.1"), ("plug", "ca1"), ("username", "root")],
        LIMIT,
    );
    assert_eq!(
        why(block_on(nobody.status())),
        "exit code 1: Failed: You have to enter password, password script or identity file"
    );
}

#[test]
#[ignore = "needs fence-agents"]
fn the_daemon_asks_a_real_agent_for_whoever_asks_for_power() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let outlet = home.path("outlet");
    let file = home.path("clist/pair.yaml");
    let leg = format!(
        "host_id: \"80b10002\", power: {{ agent: fence_dummy, status_file: {} }}",
        outlet.display()
    );
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("host_id: \"80b10002\"", &leg)).unwrap();
    let mut daemon = home.run();
    daemon.line("state watch");
    for (state, code) in [("on", 0), ("off", 2), ("neither", 1)] {
        fs::write(&outlet, state).unwrap();
        let output = home.clusterd(&["power", "pair/beta", "status", "--json"]);
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains("\"asked_by\": \"daemon\""), "{said}");
        assert_eq!(fs::read_to_string(&outlet).unwrap(), state);
    }
}

/// A service processor: OpenIPMI's `ipmi_sim`, its chassis a file with 1 or 0 in it.
struct Bmc {
    dir: tempfile::TempDir,
    port: u16,
    sim: Child,
}

impl Bmc {
    fn start() -> Bmc {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let here = dir.path().display();
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let auths = "none md2 md5 straight";
        let lan = format!(
            "name \"bmc\"\nstartlan 1\n addr 127.0.0.1 {port}\n priv_limit admin\n allowed_auths_callback {auths}\n \
             allowed_auths_user {auths}\n allowed_auths_operator {auths}\n allowed_auths_admin {auths}\n \
             guid a123456789abcdefa123456789abcdef\nendlan\nchassis_control \"{here}/chassis\"\n\
             user 2 true \"admin\" \"sesame\" admin 10 {auths}\n\
             user 3 true \"helper\" \"sesame\" operator 10 {auths}\n"
        );
        write(&at("lan.conf"), &lan, 0o600);
        let mc = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nmc_enable 0x20\n";
        write(&at("bmc.emu"), mc, 0o600);
        let chassis = format!(
            "#!/bin/sh\nif [ \"$1 $2\" = 'get power' ]; then read value < {here}/power; echo \"power:$value\"; fi\n\
             if [ \"$1 $2\" = 'set power' ]; then echo $3 > {here}/power.new; mv {here}/power.new {here}/power; fi\n"
        );
        write(&at("chassis"), &chassis, 0o755);
        write(&at("power"), "1\n", 0o600);
        write(&at("pw"), "sesame\n", 0o600);
        fs::create_dir(at("state")).unwrap();
        let sim = Command::new("ipmi_sim")
            .args(["-n", "-c", "lan.conf", "-f", "bmc.emu", "-s", "state"])
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bmc = Bmc { dir, port, sim };
        until("the service processor", || {
            (block_on(bmc.leg().status()) == PowerState::On).then_some(())
        });
        bmc
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn ipmi(&self) -> IpmiLeg {
        IpmiLeg {
            host: "127.0.0.1".to_owned(),
            port: Some(self.port),
            username: Some("admin".to_owned()),
            password_file: self.path("pw"),
            interface: "lanplus",
            // The simulator knows no SHA-256, which suite 17 wants.
            cipher: Some(3),
            privilege: "ADMINISTRATOR",
            within: LIMIT,
        }
    }

    fn leg(&self) -> PowerLeg {
        PowerLeg::Ipmi(self.ipmi())
    }
}

impl Drop for Bmc {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.sim.kill();
        let _ = self.sim.wait();
    }
}

#[test]
#[ignore = "needs ipmitool and openipmi"]
fn a_service_processor_is_switched_and_asked() {
    let bmc = Bmc::start();
    let operator = PowerLeg::Ipmi(IpmiLeg {
        username: Some("helper".to_owned()),
        privilege: "OPERATOR",
        ..bmc.ipmi()
    });
    for leg in [
        bmc.leg(),
        operator,
        PowerLeg::Ipmi(IpmiLeg {
            interface: "lan",
            cipher: None,
            ..bmc.ipmi()
        }),
    ] {
        assert_eq!(block_on(leg.status()), PowerState::On);
        block_on(leg.order(PowerOrder::Off)).unwrap();
        assert_eq!(fs::read_to_string(bmc.path("power")).unwrap(), "0\n");
        assert_eq!(block_on(leg.status()), PowerState::Off);
        block_on(leg.order(PowerOrder::On)).unwrap();
        assert_eq!(block_on(leg.status()), PowerState::On);
    }
    // The chassis takes the order and stays on: its word is believed, not the order's.
    write(
        &bmc.path("chassis"),
        "#!/bin/sh\n[ $1 = set ] || echo power:1\n",
        0o755,
    );
    block_on(bmc.leg().order(PowerOrder::Off)).unwrap();
    assert_eq!(block_on(bmc.leg().status()), PowerState::On);
}

/// A question that is broken off in its session leaves nothing at the processor that an order meets.
#[test]
#[ignore = "needs ipmitool and openipmi"]
fn an_order_that_breaks_a_question_off_is_taken_at_once() {
    let bmc = Bmc::start();
    let chassis = fs::read_to_string(bmc.path("chassis")).unwrap();
    let tells = format!(": > {}\n", bmc.path("asked").display());
    let chassis = chassis.replacen("#!/bin/sh\n", &format!("#!/bin/sh\n{tells}"), 1);
    write(&bmc.path("chassis"), &chassis, 0o755);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let switches = Arc::new(Switches::default());
    for _ in 0..10 {
        fs::remove_file(bmc.path("asked")).unwrap_or(());
        let (legs, asks) = (vec![bmc.leg()], Arc::clone(&switches));
        let question = runtime.spawn(async move { asks.ask(&legs, LIMIT).await });
        until("the question", || bmc.path("asked").exists().then_some(()));
        let _held = switches.hold(&[bmc.leg()]);
        runtime.block_on(bmc.leg().order(PowerOrder::Off)).unwrap();
        assert_eq!(runtime.block_on(bmc.leg().status()), PowerState::Off);
        let said = runtime.block_on(question).unwrap();
        // It had its answer, or none.
        assert_ne!(said[0].state, PowerState::Off);
        runtime.block_on(bmc.leg().order(PowerOrder::On)).unwrap();
    }
}

#[test]
#[ignore = "needs ipmitool and openipmi"]
fn a_service_processor_that_refuses_or_is_silent_is_unknown() {
    let bmc = Bmc::start();
    let asked = |leg: IpmiLeg| why(block_on(PowerLeg::Ipmi(leg).status()));
    let no_session = "Error: Unable to establish IPMI v2 / RMCP+ session";
    let suite = asked(IpmiLeg {
        cipher: Some(17),
        ..bmc.ipmi()
    });
    assert!(
        suite.contains("invalid authentication algorithm") && suite.ends_with(no_session),
        "{suite}"
    );
    let user = asked(IpmiLeg {
        username: Some("nobody".to_owned()),
        ..bmc.ipmi()
    });
    assert!(user.ends_with(no_session), "{user}");
    // A user who may look, but not switch.
    let guest = PowerLeg::Ipmi(IpmiLeg {
        privilege: "USER",
        ..bmc.ipmi()
    });
    let refused = block_on(guest.order(PowerOrder::Off))
        .unwrap_err()
        .to_string();
    assert!(
        refused.ends_with("Insufficient privilege level"),
        "{refused}"
    );
    write(&bmc.path("pw"), "open barley\n", 0o600);
    let wrong = asked(bmc.ipmi());
    assert!(
        wrong.ends_with(no_session) && !wrong.contains("barley"),
        "{wrong}"
    );
    write(&bmc.path("pw"), "longer than twenty bytes\n", 0o600);
    assert_eq!(asked(bmc.ipmi()), "a password of IPMI has at most 20 bytes");
    write(&bmc.path("pw"), "sesame\n", 0o640);
    assert!(asked(bmc.ipmi()).contains("(mode 640); mend: chmod 600 "));
    write(&bmc.path("pw"), "sesame\n", 0o600);
    // Nobody there: told before the leg's time is over.
    let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let started = Instant::now();
    let silent = asked(IpmiLeg {
        port: Some(free.local_addr().unwrap().port()),
        ..bmc.ipmi()
    });
    assert_eq!(silent, format!("exit code 1: {no_session}"));
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
}

/// The way of those who use fence agents everywhere: fence_ipmilan on the same processor.
#[test]
#[ignore = "needs fence-agents, ipmitool and openipmi"]
fn fence_ipmilan_and_ipmitool_say_the_same() {
    let bmc = Bmc::start();
    let port = bmc.port.to_string();
    let parameters = [
        ("ip", "127.0.0.1"),
        ("ipport", port.as_str()),
        ("username", "admin"),
        ("lanplus", "1"),
        ("cipher", "3"),
    ];
    let PowerLeg::Agent(leg) = agent("fence_ipmilan", &parameters, LIMIT) else {
        unreachable!()
    };
    let leg = PowerLeg::Agent(AgentLeg {
        secrets: vec![("password".to_owned(), bmc.path("pw"))],
        ..leg
    });
    assert_eq!(block_on(leg.status()), PowerState::On);
    block_on(leg.order(PowerOrder::Off)).unwrap();
    assert_eq!(block_on(leg.status()), PowerState::Off);
    assert_eq!(block_on(bmc.leg().status()), PowerState::Off);
}
