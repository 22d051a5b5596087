//! Fence agents, good and bad: scripts that speak as agents do.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use super::{LIMIT, SHORT, is_gone, secret};
use crate::exec::{AgentLeg, PowerLeg, PowerOrder, PowerState, metadata};

/// A fence agent that is this script, in a folder of its own.
struct Agent {
    dir: tempfile::TempDir,
}

impl Agent {
    /// `$action` is what it is asked for; `input` holds all that it read, and `$here` is
    /// its folder.
    fn new(script: &str) -> Agent {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().display();
        let text = format!(
            "#!/bin/sh\nhere={here}\ncat > $here/input.new; mv $here/input.new $here/input\n\
             action=$(sed -n s/^action=//p $here/input)\n{script}\n"
        );
        fs::write(dir.path().join("fence_it"), text).unwrap();
        let mode = Permissions::from_mode(0o755);
        fs::set_permissions(dir.path().join("fence_it"), mode).unwrap();
        Agent { dir }
    }

    fn program(&self) -> String {
        self.path("fence_it").display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn leg(&self) -> PowerLeg {
        self.leg_within(LIMIT)
    }

    fn leg_within(&self, within: Duration) -> PowerLeg {
        let parameters = [("ip", "10.0.0.1"), ("plug", "4")];
        PowerLeg::Agent(AgentLeg {
            program: self.program(),
            parameters: parameters.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            secrets: Vec::new(),
            within,
        })
    }

    /// With the password `sesame`.
    fn with_password(&self, mode: u32) -> PowerLeg {
        let PowerLeg::Agent(leg) = self.leg() else {
            unreachable!()
        };
        let file = secret::file(self.dir.path(), "sesame\n", mode);
        PowerLeg::Agent(AgentLeg {
            secrets: vec![("password".to_owned(), file)],
            ..leg
        })
    }
}

fn unknown(why: &str) -> PowerState {
    PowerState::Unknown(why.to_owned())
}

#[tokio::test]
async fn an_agent_is_told_on_its_input_and_nowhere_else() {
    let agent = Agent::new(
        "tr '\\0' ' ' < /proc/$$/cmdline > $here/argv; tr '\\0' ' ' < /proc/$$/environ > $here/env\n\
         case $action in\n\
         off|on) echo $action > $here/power; echo Success;;\n\
         status) read p < $here/power; case $p in\n\
            on) echo 'Status: ON'; exit 0;; off) echo 'Status: OFF'; exit 2;; esac;;\n\
         esac",
    );
    let leg = agent.with_password(0o600);
    leg.order(PowerOrder::On).await.unwrap();
    assert_eq!(leg.status().await, PowerState::On);
    leg.order(PowerOrder::Off).await.unwrap();
    assert_eq!(
        agent.read("input"),
        "action=off\nip=10.0.0.1\nplug=4\npassword=sesame\n"
    );
    assert_eq!(leg.status().await, PowerState::Off);
    for seen in ["argv", "env"] {
        assert!(!agent.read(seen).contains("sesame"), "{}", agent.read(seen));
    }
    assert_eq!(leg.to_string(), "agent fence_it ip=10.0.0.1 plug=4");
    assert!(!format!("{leg:?}").contains("sesame"));
}

/// Code and words must agree; anything else is unknown, and says why.
#[tokio::test]
async fn only_code_and_words_together_are_a_state() {
    let code_2 = "; that is a fence agent's code for off, but it did not say `Status: OFF`";
    for (script, state) in [
        ("echo 'Status: ON'", PowerState::On),
        ("echo 'Status: OFF'; exit 2", PowerState::Off),
        (
            "echo connecting; echo 'status: off'; exit 2",
            PowerState::Off,
        ),
        ("true", unknown("it said nothing")),
        (
            "echo 'Success: Powered OFF'",
            unknown("it said \"Success: Powered OFF\", not `Status: ON` or `Status: OFF`"),
        ),
        (
            "echo 'Status: OFF'",
            unknown("its words (Status: OFF) and its exit code 0 contradict each other"),
        ),
        (
            "echo 'Status: ON'; exit 2",
            unknown("its words (Status: ON) and its exit code 2 contradict each other"),
        ),
        (
            "echo 'Status: ON'; echo 'Status: OFF'; exit 2",
            unknown("its words (Status: ON, OFF) and its exit code 2 contradict each other"),
        ),
        ("exit 2", unknown(&format!("exit code 2{code_2}"))),
        (
            "echo \"python3: can't open file\" >&2; exit 2",
            unknown(&format!("exit code 2: python3: can't open file{code_2}")),
        ),
        ("echo 'Status: OFF'; exit 1", unknown("exit code 1")),
        (
            "echo 'Status: OFF'; kill -9 $$",
            unknown("killed by signal 9"),
        ),
        (
            "printf '\\033[2J\\377\\0'",
            unknown("it said \"\\u{1b}[2J\u{fffd}\\0\", not `Status: ON` or `Status: OFF`"),
        ),
    ] {
        assert_eq!(Agent::new(script).leg().status().await, state, "{script}");
    }
}

/// fencing.py says a failure between empty lines and before a hint at its usage.
#[tokio::test]
async fn a_failure_is_told_in_the_agents_own_words() {
    let agent = Agent::new(
        "printf '%s\\n\\n' '2026-11-22 02:16:58,253 ERROR: Failed: You have to enter password or password script' \
         \"2026-11-22 02:16:58,254 ERROR: Please use '-h' for usage\" >&2; exit 1",
    );
    let why = "exit code 1: Failed: You have to enter password or password script";
    assert_eq!(agent.leg().status().await, unknown(why));
    let refused = agent.leg().order(PowerOrder::Off).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("failed to order the power off: {why}")
    );
}

#[tokio::test]
async fn a_secret_is_never_repeated() {
    let quotes = "while read line; do echo \"WARNING: Ignoring '$line'\" | tee /dev/stderr; done < $here/input; exit 1";
    let agent = Agent::new(quotes);
    let leg = agent.with_password(0o600);
    let PowerState::Unknown(why) = leg.status().await else {
        panic!("exit code 1 is no state")
    };
    assert_eq!(why, "exit code 1: WARNING: Ignoring 'password=***'");
    let why = leg.order(PowerOrder::Off).await.unwrap_err().to_string();
    assert!(why.ends_with("password=***'"), "{why}");
    // Said with exit code 0, it stands in the words that make no state.
    let agent = Agent::new("sed -n s/password=//p $here/input");
    assert_eq!(
        agent.with_password(0o600).status().await,
        unknown("it said \"***\", not `Status: ON` or `Status: OFF`")
    );
}

#[tokio::test]
async fn a_secret_that_others_may_read_is_not_used() {
    let agent = Agent::new("echo 'Status: OFF'; exit 2");
    let leg = agent.with_password(0o644);
    let file = agent.path("pw").display().to_string();
    let why =
        format!("others may read or change the secret {file} (mode 644); mend: chmod 600 {file}");
    assert_eq!(leg.status().await, unknown(&why));
    assert!(
        leg.order(PowerOrder::Off)
            .await
            .unwrap_err()
            .to_string()
            .contains(&why)
    );
    assert!(!agent.path("input").exists(), "it was started");
}

#[tokio::test]
async fn no_parameter_can_be_two_lines() {
    let agent = Agent::new("echo 'Status: OFF'; exit 2");
    for (name, value) in [
        ("plug", "4\naction=on"),
        ("plug\naction", "on"),
        ("a=b", "c"),
        ("plug", "4\r"),
    ] {
        let leg = PowerLeg::Agent(AgentLeg {
            program: agent.program(),
            parameters: vec![(name.to_owned(), value.to_owned())],
            secrets: Vec::new(),
            within: LIMIT,
        });
        assert!(
            matches!(leg.status().await, PowerState::Unknown(why) if why.ends_with("is no parameter of one line"))
        );
        assert!(!agent.path("input").exists(), "it was started");
    }
}

#[tokio::test]
async fn a_hanging_agent_dies_with_all_that_it_started() {
    let agent = Agent::new(
        "trap '' TERM HUP; sleep 300 & echo $$ $! > $here/pids.new; mv $here/pids.new $here/pids; echo 'Status: OFF'; wait",
    );
    // Long enough for a busy machine to start it, and no more.
    let leg = agent.leg_within(Duration::from_secs(3));
    assert_eq!(leg.status().await, unknown("no end within its time"));
    for pid in agent.read("pids").split_whitespace() {
        is_gone(pid).await;
    }
    let refused = agent
        .leg_within(SHORT)
        .order(PowerOrder::Off)
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "failed to order the power off: no end within its time"
    );
}

#[tokio::test]
async fn noise_without_end_is_bounded_and_makes_no_state() {
    let agent = Agent::new(
        "echo 'Status: OFF'; yes | head -c 5000000; yes >&2 | head -c 100; echo 'Status: OFF'; exit 2",
    );
    let PowerState::Unknown(why) = agent.leg_within(Duration::from_secs(3)).status().await else {
        panic!("noise is no state")
    };
    assert!(why.starts_with("no end within its time"), "{why}");
    let agent = Agent::new("echo 'Status: OFF'; yes | head -c 5000000; exit 2");
    let PowerState::Unknown(why) = agent.leg().status().await else {
        panic!("noise is no state")
    };
    assert!(why.ends_with("bytes more than are read"), "{why}");
    let agent = Agent::new("yes | head -c 5000000 >&2; echo 'Status: OFF'; exit 2");
    assert_eq!(agent.leg().status().await, PowerState::Off);
}

/// As a power strip does that takes one login at a time.
#[tokio::test]
async fn two_legs_on_one_device_ask_it_one_after_the_other() {
    let agent = Agent::new(
        "mkdir $here/login || { echo 'ERROR: Unable to connect/login to fencing device' >&2; exit 1; }\n\
         rmdir $here/login; echo 'Status: OFF'; exit 2",
    );
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let leg = agent.leg();
        asked.spawn(async move { leg.status().await });
    }
    assert_eq!(asked.join_all().await, vec![PowerState::Off; 8]);
}

#[tokio::test]
async fn an_agent_that_cannot_be_started_says_so() {
    let agent = Agent::new("exit 0");
    fs::set_permissions(agent.path("fence_it"), Permissions::from_mode(0o644)).unwrap();
    let why = format!(
        "cannot be started: {}: Permission denied (os error 13)",
        agent.program()
    );
    assert_eq!(agent.leg().status().await, unknown(&why));
    fs::remove_file(agent.path("fence_it")).unwrap();
    let why = format!(
        "cannot be started: {}: No such file or directory (os error 2)",
        agent.program()
    );
    assert_eq!(agent.leg().status().await, unknown(&why));
}

#[tokio::test]
async fn an_agent_describes_itself_or_says_why_not() {
    let says = "echo '<parameter name=\"ip\" required=\"1\"/><action name=\"off\"/>'";
    let described = metadata(&Agent::new(says).program(), LIMIT).await.unwrap();
    assert_eq!(described.missing(&[]), ["ip"]);
    assert_eq!(described.actions, ["off"]);
    for (script, why) in [
        ("true", "it does not describe itself as a fence agent"),
        (
            "echo Traceback >&2; echo 'ModuleNotFoundError: pexpect' >&2; exit 1",
            "exit code 1: ModuleNotFoundError: pexpect",
        ),
        (
            &format!("{says}; yes | head -c 1000000"),
            "it does not describe itself as a fence agent",
        ),
    ] {
        assert_eq!(
            metadata(&Agent::new(script).program(), LIMIT)
                .await
                .unwrap_err(),
            why
        );
    }
    let hangs = Agent::new("sleep 300");
    assert_eq!(
        metadata(&hangs.program(), SHORT).await.unwrap_err(),
        "no end within its time"
    );
}
