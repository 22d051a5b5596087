//! The simulated nodes behind real telnet ports, in real time: for people to try scripts on, for
//! the demonstration, and for tests with real sockets. The one file of `sim` that is not pure.
//!
//! ```text
//!   telnet client ─ TCP ─ port task ─┐                       ┌─ service address: accepts
//!   telnet client ─ TCP ─ port task ─┼─ Bench (Rig, clock) ──┤  only while a node serves
//!   SimHandle: power, faults ────────┘    driven by a timer  └─ (for TCP probes)
//! ```

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::clock::Moment;

use super::disk::SharedDisk;
use super::node::Condition;
use super::rig::{ConsoleLink, Rig};
use super::spec::NodeSpec;
use super::transcript::Transcript;

pub mod chatter;
mod lines;
mod port;

/// Pieces of output that wait for a client; a client that does not read loses what comes then.
const WAITING: usize = 4096;

/// Between two tries to have a port back that somebody else holds.
const BIND_AGAIN: Duration = Duration::from_millis(100);

/// What is to be served where.
#[derive(Clone, Debug)]
pub struct ServeSpec {
    /// The nodes; they share one disk. All are off at first.
    pub nodes: Vec<NodeSpec>,
    /// The address that all ports listen on.
    pub listen: IpAddr,
    /// The first node's console port, the others follow; 0 takes free ones.
    pub base_port: u16,
    /// Where a TCP probe finds the service while a node serves; port 0 takes a free one.
    pub service: Option<SocketAddr>,
}

impl ServeSpec {
    /// These nodes on free ports of the loopback address, the service too.
    pub fn on_loopback(nodes: Vec<NodeSpec>) -> ServeSpec {
        let listen = IpAddr::V4(Ipv4Addr::LOCALHOST);
        ServeSpec {
            nodes,
            listen,
            base_port: 0,
            service: Some(SocketAddr::new(listen, 0)),
        }
    }
}

/// What the port tasks have to know of the rig.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outside {
    links: Vec<ConsoleLink>,
    serving: bool,
}

/// The rig, its clock, and who listens to it.
struct Bench {
    rig: Mutex<Rig>,
    clients: Mutex<Vec<Option<mpsc::Sender<Vec<u8>>>>>,
    start: Instant,
    ordered: Notify,
    outside: watch::Sender<Outside>,
    /// Connections that were made to each port.
    accepted: Vec<AtomicU64>,
}

/// The running simulation. It ends when this is dropped.
pub struct SimHandle {
    bench: Arc<Bench>,
    consoles: Vec<SocketAddr>,
    service: Option<SocketAddr>,
    _tasks: JoinSet<()>,
}

/// How all stands at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When, on the simulation's own clock.
    pub at: Moment,
    /// Each node's name and condition.
    pub nodes: Vec<(String, Condition)>,
    /// The shared disk with its record.
    pub disk: SharedDisk,
    /// Whether the service address answers ping.
    pub answers_ping: bool,
    /// Whether the service answers a TCP probe.
    pub serving: bool,
}

/// Opens the ports and lets the nodes live. Needs a tokio runtime with time and network.
///
/// # Errors
///
/// If a port cannot be had.
pub async fn serve(spec: ServeSpec) -> io::Result<SimHandle> {
    let ports = u16::try_from(spec.nodes.len()).unwrap_or(u16::MAX);
    let mut listeners = Vec::new();
    for offset in 0..ports {
        let port = match spec.base_port {
            0 => 0,
            base => base
                .checked_add(offset)
                .ok_or(io::ErrorKind::InvalidInput)?,
        };
        listeners.push(TcpListener::bind(SocketAddr::new(spec.listen, port)).await?);
    }
    let service = match spec.service {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    let rig = Rig::new(spec.nodes);
    let outside = Outside {
        links: vec![ConsoleLink::Up; rig.len()],
        serving: false,
    };
    let bench = Arc::new(Bench {
        clients: Mutex::new(vec![None; rig.len()]),
        accepted: (0..rig.len()).map(|_| AtomicU64::new(0)).collect(),
        rig: Mutex::new(rig),
        start: Instant::now(),
        ordered: Notify::new(),
        outside: watch::Sender::new(outside),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(drive(Arc::clone(&bench)));
    let mut consoles = Vec::new();
    for (number, listener) in listeners.into_iter().enumerate() {
        consoles.push(listener.local_addr()?);
        tasks.spawn(port::keep(Arc::clone(&bench), number, listener));
    }
    let service = match service {
        Some(listener) => {
            let address = listener.local_addr()?;
            drop(listener);
            tasks.spawn(answer_probes(Arc::clone(&bench), address));
            Some(address)
        }
        None => None,
    };
    Ok(SimHandle {
        bench,
        consoles,
        service,
        _tasks: tasks,
    })
}

impl SimHandle {
    /// The console ports, in the order of the nodes.
    pub fn consoles(&self) -> &[SocketAddr] {
        &self.consoles
    }

    /// How many connections were made to a console port so far, those included that were closed
    /// at once because somebody was there.
    pub fn accepted(&self, port: usize) -> u64 {
        self.bench.accepted[port].load(Ordering::Relaxed)
    }

    /// Where a TCP probe finds the service.
    pub fn service(&self) -> Option<SocketAddr> {
        self.service
    }

    /// Does anything to the rig, at the moment that it is then.
    pub fn order<T>(&self, order: impl FnOnce(&mut Rig, Moment) -> T) -> T {
        self.bench.order(order)
    }

    /// Switches a node's power.
    pub fn power(&self, node: usize, on: bool) {
        self.order(|rig, now| rig.power(node, on, now));
    }

    /// Lets a node's kernel panic.
    pub fn panic(&self, node: usize) {
        self.order(|rig, now| rig.node_at(node, now).panic(now));
    }

    /// Stops a node dead, or lets it go on.
    pub fn freeze(&self, node: usize, frozen: bool) {
        self.order(|rig, now| {
            let node = rig.node_at(node, now);
            if frozen {
                node.freeze(now);
            } else {
                node.thaw(now);
            }
        });
    }

    /// Guards a node as a cluster's nodes are: `auto-boot? false`, and a boot-device that leads
    /// nowhere.
    pub fn guard(&self, node: usize) {
        self.order(|rig, now| {
            let node = rig.node_at(node, now);
            node.set_variable("auto-boot?", "false");
            node.set_variable("boot-device", "clusterd-none");
        });
    }

    /// Cuts a console port, or mends it.
    pub fn set_link(&self, port: usize, link: ConsoleLink) {
        self.order(|rig, now| rig.set_link(port, link, now));
    }

    /// How all stands.
    pub fn snapshot(&self) -> Snapshot {
        self.order(|rig, now| Snapshot {
            at: now,
            nodes: (0..rig.len())
                .map(|node| {
                    (
                        rig.node(node).spec().name.clone(),
                        rig.node(node).condition(),
                    )
                })
                .collect(),
            disk: rig.disk().clone(),
            answers_ping: rig.address_answers(now),
            serving: rig.service_answers(now),
        })
    }

    /// Whether the service address answers ping; as a person at the bench would see it, without a
    /// packet.
    pub fn answers_ping(&self) -> bool {
        self.order(Rig::address_answers)
    }

    /// What went over a console port so far.
    pub fn transcript(&self, port: usize) -> Transcript {
        self.order(|rig, _| rig.transcript(port).clone())
    }

    /// Which node has which port, and what can be typed there.
    pub fn table(&self) -> String {
        let line = |rig: &Rig, node: usize, console: &SocketAddr| {
            let NodeSpec { name, host_id, .. } = rig.node(node).spec();
            let (ip, port) = (console.ip(), console.port());
            format!("{name:<12} {host_id:08x}   telnet {ip} {port}\n")
        };
        let consoles = self.consoles.iter().enumerate();
        let lines: Vec<String> =
            self.order(|rig, _| consoles.map(|(node, at)| line(rig, node, at)).collect());
        let service = self.service.map_or_else(String::new, |address| {
            format!("service                 tcp {address}, while a node serves\n")
        });
        [
            "node         Host ID    console\n",
            &lines.concat(),
            &service,
            TYPED,
        ]
        .concat()
    }

    /// Guards every node and switches it on, as a cluster stands before its first boot.
    pub fn start(&self) {
        for node in 0..self.consoles.len() {
            self.guard(node);
            self.power(node, true);
        }
    }
}

const TYPED: &str = "
at the ok prompt   boot disk, boot, go, reset-all, banner, power-off, printenv NAME,
                   setenv NAME VALUE, any sum such as: hex 1 2 + u.
at the login       panic, hang, halt, reboot, poweroff, flood N, uptime,
                   stopa0 and stopa1 (BREAK disabled, enabled), panic0, panic3
BREAK              in telnet: Ctrl-] and then: send brk
";

impl Bench {
    fn now(&self) -> Moment {
        let micros = self.start.elapsed().as_micros();
        Moment::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    fn rig(&self) -> MutexGuard<'_, Rig> {
        // A panicking order of a test leaves the rig whole enough for the others.
        self.rig.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> MutexGuard<'_, Vec<Option<mpsc::Sender<Vec<u8>>>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order<T>(&self, order: impl FnOnce(&mut Rig, Moment) -> T) -> T {
        let mut rig = self.rig();
        let now = self.now();
        rig.advance(now);
        let result = order(&mut rig, now);
        self.settle(&mut rig, now);
        self.ordered.notify_one();
        result
    }

    /// Lets due things happen; says when the next ones are.
    fn turn(&self) -> Option<Moment> {
        let mut rig = self.rig();
        let now = self.now();
        rig.advance(now);
        self.settle(&mut rig, now);
        rig.poll_timeout()
    }

    /// Hands on what the nodes wrote, and tells the ports what has changed.
    fn settle(&self, rig: &mut Rig, now: Moment) {
        let mut clients = self.clients();
        for (port, client) in clients.iter_mut().enumerate() {
            let output = rig.read(port);
            if let Some(sender) = client
                && !output.is_empty()
            {
                // A full queue loses output, as a terminal server does.
                let _lost = sender.try_send(output);
            }
        }
        let fresh = Outside {
            links: (0..rig.len()).map(|port| state(rig, port)).collect(),
            serving: rig.service_answers(now),
        };
        self.outside.send_if_modified(|outside| {
            let changed = *outside != fresh;
            *outside = fresh;
            changed
        });
    }
}

/// The console cable of the monitoring host cuts all ports alike.
fn state(rig: &Rig, port: usize) -> ConsoleLink {
    if rig.link_up(port) {
        rig.link(port)
    } else {
        ConsoleLink::Refused
    }
}

async fn drive(bench: Arc<Bench>) {
    loop {
        let next = bench.turn();
        let ordered = bench.ordered.notified();
        match next {
            Some(at) => {
                let due = bench.start + Duration::from_micros(at.micros());
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = ordered => {}
                }
            }
            None => ordered.await,
        }
    }
}

/// Accepts at the service address while a node serves, says so, and closes.
async fn answer_probes(bench: Arc<Bench>, address: SocketAddr) {
    let mut outside = bench.outside.subscribe();
    while outside.wait_for(|o| o.serving).await.is_ok() {
        let Ok(listener) = TcpListener::bind(address).await else {
            tokio::time::sleep(BIND_AGAIN).await;
            continue;
        };
        loop {
            let stream = tokio::select! {
                Ok((stream, _)) = listener.accept() => stream,
                stopped = outside.wait_for(|o| !o.serving) => {
                    if stopped.is_err() { return; }
                    break;
                }
            };
            greet(stream).await;
        }
    }
}

async fn greet(mut stream: TcpStream) {
    // A probe that has gone already is none of our business.
    let _gone = stream.write_all(b"service\r\n").await;
}

#[cfg(test)]
mod tests;
