//! `clusterd sim serve`: simulated nodes behind real telnet ports, to try scripts on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::Exit;
use super::sim_home::{self, SimCluster};
use crate::sim::serve::chatter::{ChatterSpec, Speech, chatter};
use crate::sim::serve::{ServeSpec, SimHandle, serve};
use crate::sim::{Host, NodeSpec, ProcessorKind, ServiceProcessor};

/// The simulated Host IDs begin here.
const FIRST_HOST_ID: u32 = 0x80b1_0001;

/// Simulated nodes.
#[derive(Debug, Args)]
pub struct SimArgs {
    #[command(subcommand)]
    command: SimCommand,
}

#[derive(Debug, Subcommand)]
enum SimCommand {
    Serve(ServeArgs),
}

/// Serves simulated OpenBoot nodes, which share a disk, each on a telnet port, until it is
/// interrupted. Commands on standard input: `power NODE on|off`, `panic NODE`,
/// `freeze NODE`, `thaw NODE`. With `--chatter` there are no machines behind the ports, only
/// lines and prompts: a load for whoever holds many consoles.
#[derive(Debug, Args)]
struct ServeArgs {
    /// How many nodes; 16 at most, with `--chatter` 10000.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    nodes: u16,
    /// The first node's port; the others follow. 0 takes free ones.
    #[arg(long, default_value_t = 4201, value_name = "P")]
    base_port: u16,
    /// The address to listen on.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// Where the service of the node that serves answers; by default the port after the
    /// last console.
    #[arg(long, value_name = "P")]
    service_port: Option<u16>,
    /// Puts a simulated service processor between every node and its port.
    #[arg(long, value_name = "KIND")]
    sp: Option<Sp>,
    /// Writes a home directory that guards these nodes.
    #[arg(long, value_name = "DIR")]
    write_home: Option<PathBuf>,
    /// Every port says so many kernel and syslog lines a second; 0 for none. The first, third, …
    /// show a login prompt, the others the firmware's, and answer RETURN, sums and `banner`.
    #[arg(long, value_name = "LINES_PER_S", value_parser = rate, conflicts_with_all = ["service_port", "write_home", "sp"])]
    chatter: Option<f64>,
    /// Raw TCP ports in place of telnet.
    #[arg(long, requires = "chatter")]
    raw: bool,
    /// Another seed says other lines at other times.
    #[arg(long, requires = "chatter", default_value_t = 1)]
    seed: u64,
    /// The first node panics so long after the start, and says nothing more.
    #[arg(long, requires = "chatter", value_name = "SECONDS")]
    panic_after: Option<u64>,
}

/// Machines are heavier than ports that talk.
const MACHINES: u16 = 16;

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse::<f64>()
        .ok()
        .filter(|rate| (0.0..=1000.0).contains(rate));
    rate.ok_or_else(|| "lines a second, a number from 0 to 1000".to_owned())
}

/// The kinds of service processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sp {
    /// Sun's ALOM before sun4u machines: BREAK leads to the ok prompt.
    Alom,
    /// ILOM before sun4v machines: BREAK leads to a question of the kernel.
    Ilom,
}

impl Sp {
    fn processor(self) -> ServiceProcessor {
        match self {
            Sp::Alom => ServiceProcessor::new(ProcessorKind::Alom, Host::Sun4u),
            Sp::Ilom => ServiceProcessor::new(ProcessorKind::Ilom, Host::Sun4v),
        }
    }

    fn script(self) -> &'static str {
        match self {
            Sp::Alom => "sun-alom",
            Sp::Ilom => "sun-ilom",
        }
    }

    /// As `docs/firmware.md` gives it.
    fn break_by(self) -> &'static str {
        match self {
            Sp::Alom => {
                r##"type "#." await "sc> " 5s type "break -y\r" await "sc> " 5s type "console -f\r" await "to return to ALOM" 5s"##
            }
            Sp::Ilom => {
                r##"type "#." await "-> " 5s type "set /HOST send_break_action=break\r" await "-> " 5s type "start -force -script /SP/console\r" await "console started" 5s"##
            }
        }
    }
}

/// Serves.
pub fn run(args: &SimArgs) -> Exit {
    let SimCommand::Serve(args) = &args.command;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let served = runtime.and_then(|runtime| {
        runtime.block_on(async {
            match args.chatter {
                Some(lines_per_s) => talk(args, lines_per_s).await,
                None => serve_nodes(args).await,
            }
        })
    });
    match served {
        Ok(()) => Exit::Good,
        Err(err) => {
            eprintln!("clusterd: cannot serve the nodes: {err}");
            Exit::Faults
        }
    }
}

fn nodes(args: &ServeArgs) -> Vec<NodeSpec> {
    (0..u32::from(args.nodes))
        .map(|n| NodeSpec::sun(&format!("sun{}", n + 1), FIRST_HOST_ID + n))
        .collect()
}

/// Serves ports that talk, until the end by a signal.
async fn talk(args: &ServeArgs, lines_per_s: f64) -> io::Result<()> {
    let ports = chatter(ChatterSpec {
        nodes: nodes(args),
        listen: args.listen,
        base_port: args.base_port,
        lines_per_s,
        speech: if args.raw {
            Speech::Raw
        } else {
            Speech::Telnet
        },
        seed: args.seed,
        panic_after: args.panic_after.map(Duration::from_secs),
    })?;
    println!("{}", ports.table());
    tokio::signal::ctrl_c().await
}

async fn serve_nodes(args: &ServeArgs) -> io::Result<()> {
    if args.nodes > MACHINES {
        return Err(io::Error::other(format!(
            "{} simulated machines are too many, {MACHINES} are the most; with --chatter it may be 10000 ports",
            args.nodes
        )));
    }
    let after = match args.base_port {
        0 => Some(0),
        base => base.checked_add(args.nodes),
    };
    let port = args
        .service_port
        .or(after)
        .ok_or(io::ErrorKind::InvalidInput)?;
    let sim = serve(ServeSpec {
        nodes: nodes(args),
        listen: args.listen,
        base_port: args.base_port,
        service: Some(SocketAddr::new(args.listen, port)),
    })
    .await?;
    if let Some(sp) = args.sp {
        let nodes = 0..usize::from(args.nodes);
        sim.order(|rig, _| nodes.for_each(|node| rig.attach_processor(node, sp.processor())));
    }
    sim.start();
    println!("{}", sim.table());
    if let Some(dir) = &args.write_home {
        write_home(&sim, dir, args.sp)?;
        println!(
            "A home that guards them: clusterd run --home {}",
            dir.display()
        );
    }
    obey(&sim).await
}

fn write_home(sim: &SimHandle, dir: &Path, sp: Option<Sp>) -> io::Result<()> {
    let specs = sim.order(|rig, _| {
        let specs = (0..rig.len()).map(|node| rig.node(node).spec().clone());
        specs.collect::<Vec<NodeSpec>>()
    });
    let consoles = specs.into_iter().zip(sim.consoles());
    let service = sim.service().ok_or(io::ErrorKind::NotFound)?;
    let nodes = consoles.map(|(spec, console)| (spec.name, spec.host_id, *console));
    let cluster = SimCluster {
        name: "sim",
        nodes: nodes.collect(),
        platform: "openboot",
        script: sp.map_or("sun-openboot", Sp::script),
        break_by: sp.map(Sp::break_by),
        service,
        params: &[],
    };
    std::fs::create_dir_all(dir)?;
    sim_home::write(dir, &cluster)
}

/// Orders from standard input, until the end by a signal; the end of the input is none.
async fn obey(sim: &SimHandle) -> io::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut reading = true;
    loop {
        tokio::select! {
            stop = tokio::signal::ctrl_c() => return stop,
            line = lines.next_line(), if reading => match line? {
                Some(line) => order(sim, &line),
                None => reading = false,
            }
        }
    }
}

fn order(sim: &SimHandle, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [what, node, rest @ ..] = words.as_slice() else {
        return;
    };
    let Some(number) = sim.order(|rig, _| rig.find(node)) else {
        println!("there is no node {node}");
        return;
    };
    match (*what, rest) {
        ("power", ["on"]) => sim.power(number, true),
        ("power", ["off"]) => sim.power(number, false),
        ("panic", []) => sim.panic(number),
        ("freeze", []) => sim.freeze(number, true),
        ("thaw", []) => sim.freeze(number, false),
        _ => println!("power NODE on|off, panic NODE, freeze NODE, thaw NODE"),
    }
}
