//! Power legs that are commands.

use std::fs;

use super::{LIMIT, SHORT, sh};
use crate::exec::{CommandLeg, PowerLeg, PowerOrder, PowerState};

fn leg(off: &str, status: &str) -> PowerLeg {
    with_on(off, status, None)
}

fn with_on(off: &str, status: &str, on: Option<&str>) -> PowerLeg {
    PowerLeg::Command(CommandLeg {
        off: sh(off),
        on: on.map(sh),
        status: sh(status),
        within: LIMIT,
    })
}

#[tokio::test]
async fn a_leg_is_off_when_its_status_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("power");
    fs::write(&file, "on\n").unwrap();
    let off = format!("echo 'OFF since now' > {}", file.display());
    let status = format!("cat {}", file.display());
    let leg = leg(&off, &status);
    assert_eq!(leg.status().await, PowerState::On);
    leg.order(PowerOrder::Off).await.unwrap();
    assert_eq!(leg.status().await, PowerState::Off);
    let refused = leg.order(PowerOrder::On).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "failed to order the power on: no command for it is set"
    );
    let on = format!("echo on > {}", file.display());
    let leg = with_on(&off, &status, Some(&on));
    leg.order(PowerOrder::On).await.unwrap();
    assert_eq!(leg.status().await, PowerState::On);
}

#[tokio::test]
async fn codes_of_a_fence_agent_are_understood() {
    let off = leg("true", "echo 'Status: OFF'; exit 2").status().await;
    assert_eq!(off, PowerState::Off);
    let on = leg("true", "echo 'Status: ON'").status().await;
    assert_eq!(on, PowerState::On);
}

#[tokio::test]
async fn whatever_else_a_leg_says_is_unknown() {
    for (status, why) in [
        (
            "echo usage: fence_x >&2; exit 2",
            "exit code 2: usage: fence_x",
        ),
        ("echo 'Status: ON'; exit 2", "exit code 2"),
        (
            "echo offline",
            "its status command said \"offline\", not on or off",
        ),
        ("true", "its status command said nothing"),
        (
            "echo off; echo no such outlet >&2; exit 2",
            "exit code 2: no such outlet",
        ),
        ("echo off; kill -9 $$", "killed by signal 9"),
    ] {
        assert_eq!(
            leg("false", status).status().await,
            PowerState::Unknown(why.to_owned())
        );
    }
    let slow = PowerLeg::Command(CommandLeg {
        off: sh("false"),
        on: None,
        status: sh("echo off; sleep 300"),
        within: SHORT,
    });
    assert_eq!(
        slow.status().await,
        PowerState::Unknown("no end within its time".to_owned())
    );
    let refused = slow.order(PowerOrder::Off).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "failed to order the power off: exit code 1"
    );
}
