//! `lib/bmc.chat` and the real parts: what its procedures order is given to ipmitool, and to a power leg,
//! and they give it to a BMC that OpenIPMI's `ipmi_sim` plays, with a console behind it.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use clusterd::exec::{self, IpmiLeg, PowerLeg};
use clusterd::machine::action::PowerOrder;
use clusterd::machine::input::{Input, PowerState};
use clusterd::sim::serve::SimHandle;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::console_support::{LIMIT, Server, Talk, node};
use crate::library::behind_bmc;

/// A BMC: its chassis is a file with 1 or 0 in it.
struct Bmc {
    runtime: Runtime,
    dir: TempDir,
    port: String,
    _node: SimHandle,
    _sim: Server,
}

impl Bmc {
    fn start() -> Bmc {
        let runtime = Runtime::new().unwrap();
        let _inside = runtime.enter();
        let node = runtime.block_on(node());
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().display();
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let auths = "none md2 md5 straight";
        let lan = format!(
            "name \"bmc\"\nset_working_mc 0x20\nstartlan 1\n addr 127.0.0.1 {port}\n priv_limit admin\n \
             allowed_auths_admin {auths}\n guid a123456789abcdefa123456789abcdef\nendlan\n\
             sol \"telnet:{}\" 115200\nchassis_control \"{here}/chassis\"\n\
             user 2 true \"clusterd\" \"sesame\" admin 10 {auths}\n",
            node.consoles()[0]
        );
        let chassis = format!(
            "#!/bin/sh\nif [ \"$1 $2\" = 'get power' ]; then read value < {here}/power; echo \"power:$value\"; fi\n\
             if [ \"$1 $2\" = 'set power' ]; then echo $3 > {here}/power.new; mv {here}/power.new {here}/power; fi\n"
        );
        let controller = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nmc_enable 0x20\n";
        for (name, text, mode) in [
            ("lan.conf", lan.as_str(), 0o600),
            ("commands", controller, 0o600),
            ("chassis", &chassis, 0o755),
            ("power", "1\n", 0o600),
            ("pw", "sesame\n", 0o600),
        ] {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(dir.path().join("state")).unwrap();
        let arguments = ["-n", "-c", "lan.conf", "-f", "commands", "-s", "state"];
        let mut command = tokio::process::Command::new("ipmi_sim");
        command.args(arguments).current_dir(dir.path());
        let sim = Server::start(command.stdout(std::process::Stdio::null()));
        Bmc {
            runtime,
            dir,
            port,
            _node: node,
            _sim: sim,
        }
    }

    fn password(&self) -> String {
        self.dir.path().join("pw").display().to_string()
    }

    fn power(&self) -> String {
        fs::read_to_string(self.dir.path().join("power")).unwrap()
    }

    /// A client that wants the console.
    fn client(&self) -> Talk {
        let _inside = self.runtime.enter();
        Talk::open(&format!(
            "exec:ipmitool -I lanplus -H 127.0.0.1 -p {} -U clusterd -f {} -C 3 sol activate",
            self.port,
            self.password()
        ))
    }

    /// Waits for the client's session.
    fn is_served(&self, client: &mut Talk) {
        let open = client.hear("[SOL Session operational.  Use ~? for help]");
        self.runtime.block_on(open);
    }

    /// A procedure orders something of ipmitool, which does it; it is done, or fails.
    #[track_caller]
    fn runs(&self, procedure: &str, state: &str) {
        let act = format!("\n    call {procedure}(secondary) else -> bad\n    -> good");
        let mut d = behind_bmc(&act);
        d.reach("the order", |d| !d.runs.is_empty());
        let (ticket, argv) = d.runs.pop().unwrap();
        let own = |word: &String| match word.as_str() {
            "beta-bmc" => "127.0.0.1".to_owned(),
            "/etc/clusterd/bmc.password" => self.password(),
            word => word.to_owned(),
        };
        let mut words: Vec<String> = argv.iter().map(own).collect();
        // Another port than IPMI's own; and a simulator that knows no SHA-256 and does not say so.
        let more = ["-p", &self.port, "-C", "3"].map(str::to_owned);
        words.splice(3..3, more);
        let code = Command::new(&words[0]).args(&words[1..]).status();
        let code = Ok(code.unwrap().code().unwrap());
        d.tell(Input::RunDone { ticket, code });
        d.comes_to(state);
    }

    /// A procedure orders something of the power leg, which does it.
    #[track_caller]
    fn switches(&self, act: &str, state: &str) {
        let leg = PowerLeg::Ipmi(IpmiLeg {
            host: "127.0.0.1".to_owned(),
            port: Some(self.port.parse().unwrap()),
            username: Some("clusterd".to_owned()),
            password_file: self.password().into(),
            interface: "lanplus",
            cipher: Some(3),
            privilege: "ADMINISTRATOR",
            within: LIMIT,
        });
        let mut d = behind_bmc(&format!("{act}\n    -> good"));
        while !["good", "bad"].contains(&d.machine.state(0)) {
            d.reach("an order", |d| {
                !d.power.is_empty() || ["good", "bad"].contains(&d.machine.state(0))
            });
            let Some((_, _, order)) = d.power.last() else {
                break;
            };
            let said = self.runtime.block_on(async {
                if *order == PowerOrder::Off {
                    leg.order(exec::PowerOrder::Off).await.unwrap();
                }
                leg.status().await
            });
            d.legs_say(&[match said {
                exec::PowerState::On => PowerState::On,
                exec::PowerState::Off => PowerState::Off,
                exec::PowerState::Unknown(why) => PowerState::Unknown(why),
            }]);
        }
        d.comes_to(state);
    }
}

#[test]
#[ignore = "needs ipmitool and openipmi"]
fn bmc_a_session_left_open_is_released_and_the_power_is_switched() {
    let bmc = Bmc::start();
    let mut first = bmc.client();
    bmc.is_served(&mut first);
    let mut second = bmc.client();
    let why = bmc.runtime.block_on(second.down());
    let in_use = "Info: SOL payload already active on another session";
    assert_eq!(
        why,
        format!("ipmitool ended with exit code 1; last it said \"{in_use}\"")
    );
    // Killed, it takes no leave: the BMC keeps its session.
    drop(first);
    bmc.runtime.block_on(second.down());
    bmc.runs("bmc_release", "good");
    bmc.is_served(&mut second);
    drop(second);
    bmc.runs("bmc_release", "good");
    // There is none left, and ipmitool calls that a failure.
    bmc.runs("bmc_release", "bad");

    let status = "call bmc_status(secondary) else -> bad";
    bmc.switches(status, "bad");
    bmc.switches(
        "fence secondary with bmc_off refused -> bad else -> bad",
        "good",
    );
    assert_eq!(bmc.power(), "0\n");
    bmc.switches(status, "good");
    bmc.runs("bmc_on", "good");
    assert_eq!(bmc.power(), "1\n");
    bmc.switches(status, "bad");
    // It has no NMI, and says so.
    bmc.runs("bmc_dump", "bad");
}
