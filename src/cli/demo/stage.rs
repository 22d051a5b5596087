//! The machines, their home directory, and what is done to them.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::DemoFault;
use crate::cli::sim_home::{self, SimCluster};
use crate::clock::Moment;
use crate::daemon::{Prepared, prepare};
use crate::home::Home;
use crate::sim::serve::{ServeSpec, SimHandle, serve};
use crate::sim::{AfterPanic, NodeSpec, NvramFault, Times};

/// The script's parameters, quicker than on real machines.
const PARAMS: [(&str, &str); 7] = [
    ("ping_every", "500ms"),
    ("ask_limit", "1s"),
    ("panic_limit", "1s"),
    ("ask_every", "5s"),
    ("boot_limit", "20s"),
    ("load_limit", "20s"),
    ("dark_limit", "3s"),
];

/// How often something is looked at that cannot be waited for.
const LOOK: Duration = Duration::from_millis(20);

/// How the primary is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crash {
    Panic,
    PanicAndReboot,
    Hang,
    RedState,
}

/// The stage.
pub(super) struct Stage {
    pub sim: SimHandle,
    pub names: Vec<String>,
    /// Which of the machines runs the service at first.
    pub first: usize,
    crash: Crash,
    fault: Option<DemoFault>,
    dir: PathBuf,
    keep: bool,
    service: SocketAddr,
}

impl Stage {
    pub(super) async fn set(
        seed: u64,
        fault: Option<DemoFault>,
        keep: bool,
    ) -> Result<Stage, String> {
        let mut dice = fastrand::Rng::with_seed(seed);
        let first = dice.usize(..2);
        let crash = match fault {
            Some(DemoFault::NvramLost) => Crash::Panic,
            None => *dice
                .choice(&[
                    Crash::Panic,
                    Crash::PanicAndReboot,
                    Crash::Hang,
                    Crash::RedState,
                ])
                .unwrap_or(&Crash::Panic),
        };
        let nodes: Vec<NodeSpec> = ["sun1", "sun2"]
            .iter()
            .zip(0x80b1_c2d3_u32..)
            .map(|(name, host_id)| node(name, host_id, crash, &mut dice))
            .collect();
        let names = nodes.iter().map(|node| node.name.clone()).collect();
        let said = |err: io::Error| format!("cannot open the machines' consoles: {err}");
        let sim = serve(ServeSpec::on_loopback(nodes)).await.map_err(said)?;
        let service = sim
            .service()
            .ok_or("the machines have no service address")?;
        let dir = std::env::temp_dir().join(format!("clusterd-demo-{}", std::process::id()));
        Ok(Stage {
            sim,
            names,
            first,
            crash,
            fault,
            dir,
            keep,
            service,
        })
    }

    /// Writes the home directory, and reads it as `run` does.
    pub(super) fn prepare(&self) -> Result<Prepared, String> {
        let said = |err: io::Error| format!("cannot write {}: {err}", self.dir.display());
        std::fs::create_dir(&self.dir).map_err(said)?;
        let consoles = self.sim.consoles().iter();
        let ids = 0x80b1_c2d3_u32..;
        let nodes = self.names.iter().cloned().zip(ids).zip(consoles);
        let cluster = SimCluster {
            name: "demo",
            nodes: nodes
                .map(|((name, id), console)| (name, id, *console))
                .collect(),
            platform: "openboot",
            script: "sun-openboot",
            break_by: None,
            service: self.service,
            params: &PARAMS,
        };
        sim_home::write(&self.dir, &cluster).map_err(said)?;
        let home = Home::open(&self.dir)?;
        prepare(home).map_err(|err| err.to_string())
    }

    pub(super) fn introduce(&self, seed: u64) {
        println!("clusterd demo, seed {seed}");
        println!(
            "Two simulated OpenBoot machines share one disk; what is on it serves at {}.",
            self.service
        );
        println!("Their consoles are real telnet ports, clusterd is the real daemon:");
        for (name, console) in self.names.iter().zip(self.sim.consoles()) {
            println!("  {name}  telnet {} {}", console.ip(), console.port());
        }
    }

    /// Both machines come to their prompts; somebody boots the first.
    pub(super) async fn first_boot(&mut self, within: Duration) -> Result<(), String> {
        self.sim.start();
        let first = self.first;
        let end = Instant::now() + within;
        self.reach(end, "the prompts", |stage| {
            (0..stage.names.len()).all(|node| stage.output(node).ends_with("ok "))
        })
        .await?;
        self.sim
            .order(|rig, now| rig.operator_types(first, b"boot disk\r", now));
        self.reach(end, "the first boot", |stage| stage.sim.snapshot().serving)
            .await?;
        println!(
            "{} was booted by hand and serves; {} waits at its prompt.",
            self.names[first],
            self.names[1 - first]
        );
        Ok(())
    }

    async fn reach(
        &self,
        end: Instant,
        what: &str,
        there: impl Fn(&Stage) -> bool,
    ) -> Result<(), String> {
        while !there(self) {
            if Instant::now() > end {
                return Err(format!("the simulation did not come to {what}"));
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    fn output(&self, node: usize) -> String {
        self.sim.transcript(node).output(Moment::ZERO)
    }

    /// Now it happens: what, in words.
    pub(super) fn crash(&self) -> String {
        let first = self.first;
        let crash = self.crash;
        let fault = self.fault;
        self.sim.order(|rig, now| {
            let node = rig.node_at(first, now);
            if fault == Some(DemoFault::NvramLost) {
                node.set_variable("boot-device", "disk");
                node.set_nvram_fault(NvramFault::LostAtReset);
            }
            match crash {
                Crash::Panic | Crash::PanicAndReboot => node.panic(now),
                Crash::Hang => node.hang(),
                Crash::RedState => node.error_reset(now),
            }
        });
        let name = &self.names[first];
        let what = match crash {
            Crash::Panic => format!("the kernel of {name} panics, and stays so"),
            Crash::PanicAndReboot => {
                format!("the kernel of {name} panics, and {name} starts again by itself")
            }
            Crash::Hang => {
                format!("the kernel of {name} stands still: no ping, no answer, no word")
            }
            Crash::RedState => format!(
                "a processor of {name} traps into RED state, and its firmware resets the machine"
            ),
        };
        match fault {
            None => what,
            Some(DemoFault::NvramLost) => {
                format!("{what}; besides, its NVRAM will forget at the reset what was set")
            }
        }
    }

    /// Asks the service as a client would: which address answered.
    pub(super) async fn probe(&self, within: Duration) -> Result<String, String> {
        let asked = async {
            loop {
                if let Ok(mut stream) = TcpStream::connect(self.service).await {
                    let mut greeting = String::new();
                    if stream.read_to_string(&mut greeting).await.is_ok() {
                        return greeting;
                    }
                }
                sleep(LOOK).await;
            }
        };
        match timeout(within, asked).await {
            Ok(greeting) => Ok(format!(
                "tcp {} answers: {:?}",
                self.service,
                greeting.trim()
            )),
            Err(_) => Err(format!("{} does not answer", self.service)),
        }
    }

    pub(super) fn two_writers(&self) -> u64 {
        self.sim.snapshot().disk.violations()
    }

    /// `sun1, sun2`.
    pub(super) fn boots(&self) -> String {
        self.sim.snapshot().disk.boot_order().join(", then ")
    }

    pub(super) fn why_hold_is_right(&self) -> String {
        let name = &self.names[self.first];
        format!(
            "This is the right end. {name} was stopped and reset, but then its boot parameters were not\n\
             what had been set: nothing keeps it from booting the shared disk again by itself, now or\n\
             at the next power cut. It has no power switch that clusterd could use, and it is not dark:\n\
             it answers. So it cannot be proved that {name} stays stopped, and as long as that is not\n\
             proved no other machine is booted: two machines writing to one disk would destroy it.\n\
             A person can help: `clusterd confirm demo/{name} stopped`, once its plug is pulled."
        )
    }

    /// Leaves nothing behind, if nobody wants it.
    pub(super) fn strike(&self) {
        if self.keep {
            println!("\nJournal and logs: {}", self.dir.display());
        } else if let Err(err) = std::fs::remove_dir_all(&self.dir) {
            eprintln!("clusterd: cannot remove {}: {err}", self.dir.display());
        }
    }
}

fn node(name: &str, host_id: u32, crash: Crash, dice: &mut fastrand::Rng) -> NodeSpec {
    let mut vary = |least: u64, most: u64| Duration::from_millis(dice.u64(least..most));
    let times = Times {
        post: vary(700, 1500),
        load: vary(300, 700),
        boot: vary(1000, 2500),
        shutdown: vary(100, 300),
    };
    let after_panic = match crash {
        Crash::PanicAndReboot => AfterPanic::Reboot(vary(200, 800)),
        Crash::Panic | Crash::Hang | Crash::RedState => AfterPanic::Stay,
    };
    let mut node = NodeSpec::sun(name, host_id).with_times(times);
    node.after_panic = after_panic;
    node.seed = dice.u64(..);
    node
}
