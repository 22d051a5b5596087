//! Console ports that talk all day: a load for whoever holds many consoles. Thousands of them fit
//! in one process, for behind a port is no machine, only what one would see of it: lines at a
//! rate, a login prompt or an `ok` prompt that answers what is typed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::super::firmware::Firmware;
use super::super::nvram::Nvram;
use super::super::spec::NodeSpec;
use super::{BIND_AGAIN, lines};
use crate::proto::telnet::{Event, Telnet, TelnetRole, encode};

/// A port that was typed to says nothing of its own for so long.
const POLITE: Duration = Duration::from_secs(1);

/// Clients that may wait to be accepted at one port.
const BACKLOG: i32 = 16;

/// What a panic says; nothing follows it.
const PANIC: &[u8] = b"\r\npanic[cpu0]/thread=30001a2b3c0: BAD TRAP: type=31 rp=2a100447790\r\n";

/// How a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// As a terminal server's telnet port.
    Telnet,
    /// Bytes as they are; BREAK is not known.
    Raw,
}

/// What is to be served where.
#[derive(Clone, Debug)]
pub struct ChatterSpec {
    /// The nodes, one port each. The first, third, … show a login prompt, the others wait at
    /// their firmware's.
    pub nodes: Vec<NodeSpec>,
    /// The address that all ports listen on.
    pub listen: IpAddr,
    /// The first port, the others follow; 0 takes free ones.
    pub base_port: u16,
    /// Lines a second of each port, on average; 0 for ports that say nothing unasked.
    pub lines_per_s: f64,
    /// How the ports speak.
    pub speech: Speech,
    /// Varies texts and times; the same seed says the same lines.
    pub seed: u64,
    /// The first node panics so long after the start.
    pub panic_after: Option<Duration>,
}

/// The running ports. They close when this is dropped.
pub struct Chatter {
    consoles: Vec<SocketAddr>,
    nodes: Vec<NodeSpec>,
    speech: Speech,
    _tasks: JoinSet<()>,
}

/// Opens the ports. Needs a tokio runtime with time and network.
///
/// # Errors
/// If a port cannot be had.
pub fn chatter(spec: ChatterSpec) -> io::Result<Chatter> {
    let mut tasks = JoinSet::new();
    let mut consoles = Vec::new();
    let start = Instant::now();
    let mut seeds = Rng::with_seed(spec.seed);
    for (number, node) in spec.nodes.iter().enumerate() {
        let listener = listen(spec.listen, spec.base_port, number)?;
        consoles.push(listener.local_addr()?);
        let port = Port {
            spec: Arc::new(node.clone()),
            runs: number % 2 == 0,
            start,
            period: period(spec.lines_per_s),
            panics: spec
                .panic_after
                .filter(|_| number == 0)
                .map(|after| start + after),
            dead: false,
            speech: spec.speech,
            rng: seeds.fork(),
            prompt: None,
        };
        tasks.spawn(port.keep(listener));
    }
    Ok(Chatter {
        consoles,
        nodes: spec.nodes,
        speech: spec.speech,
        _tasks: tasks,
    })
}

impl Chatter {
    /// The ports, in the order of the nodes.
    pub fn consoles(&self) -> &[SocketAddr] {
        &self.consoles
    }

    /// Which node has which port, as `SimHandle::table` has it.
    pub fn table(&self) -> String {
        let how = match self.speech {
            Speech::Telnet => "telnet",
            Speech::Raw => "tcp",
        };
        let nodes = self.nodes.iter().zip(&self.consoles);
        let lines = nodes.map(|(NodeSpec { name, host_id, .. }, at)| {
            format!(
                "{name:<12} {host_id:08x}   {how} {} {}\n",
                at.ip(),
                at.port()
            )
        });
        let lines: String = lines.collect();
        format!("node         Host ID    console\n{lines}")
    }
}

fn listen(address: IpAddr, base_port: u16, number: usize) -> io::Result<TcpListener> {
    let port = match base_port {
        0 => Some(0),
        base => u16::try_from(number).ok().and_then(|n| base.checked_add(n)),
    };
    let address = SocketAddr::new(address, port.ok_or(io::ErrorKind::InvalidInput)?);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Between two lines, on average.
fn period(lines_per_s: f64) -> Option<Duration> {
    let period = Duration::try_from_secs_f64(lines_per_s.recip());
    period.ok().filter(|period| !period.is_zero())
}

/// One port, and what can be seen of the machine behind it.
struct Port {
    spec: Arc<NodeSpec>,
    /// An operating system runs; else the firmware's prompt waits.
    runs: bool,
    start: Instant,
    period: Option<Duration>,
    panics: Option<Instant>,
    /// It has panicked.
    dead: bool,
    speech: Speech,
    rng: Rng,
    /// The prompt while somebody types at it; what it was told is forgotten afterwards.
    prompt: Option<Box<(Firmware, Nvram)>>,
}

impl Port {
    /// One client at a time; a second one is closed at once.
    async fn keep(mut self, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors, for the moment.
                sleep(BIND_AGAIN).await;
                continue;
            };
            let mut talk = std::pin::pin!(self.talk(stream));
            loop {
                tokio::select! {
                    _ended = &mut talk => break,
                    Ok(second) = listener.accept() => drop(second),
                }
            }
        }
    }

    async fn talk(&mut self, mut stream: TcpStream) -> io::Result<()> {
        let socket = SockRef::from(&stream);
        socket.set_linger(Some(Duration::ZERO))?;
        socket.set_tcp_nodelay(true)?;
        let mut telnet = match self.speech {
            Speech::Telnet => Some(Telnet::new(TelnetRole::Server)),
            Speech::Raw => None,
        };
        if let Some(telnet) = &telnet {
            stream.write_all(telnet.greeting()).await?;
        }
        let mut next = self.first_line();
        loop {
            let mut out = Vec::new();
            tokio::select! {
                biased;
                ready = stream.readable() => {
                    ready?;
                    if self.read(&stream, telnet.as_mut(), &mut out)? == Heard::End {
                        return Ok(());
                    }
                    next = next.map(|next| next.max(Instant::now() + POLITE));
                }
                () = until(next) => {
                    self.say(&mut out);
                    next = self.next_line();
                }
                () = until(self.panics) => {
                    // Others wait for this line: it is written before anything can end the link.
                    stream.write_all(PANIC).await?;
                    (self.panics, self.dead, next) = (None, true, None);
                }
            }
            stream.write_all(&out).await?;
        }
    }

    /// The first line comes anywhere within the period: ports that are connected together do not
    /// speak together.
    fn first_line(&mut self) -> Option<Instant> {
        let period = self.period.filter(|_| !self.dead)?;
        Some(Instant::now() + period.mul_f64(self.rng.f64()))
    }

    fn next_line(&mut self) -> Option<Instant> {
        let period = self.period?;
        Some(Instant::now() + period.mul_f64(0.5 + self.rng.f64()))
    }

    fn say(&mut self, out: &mut Vec<u8>) {
        self.prompt = None;
        let line = if self.runs {
            lines::running(&self.spec.name, self.start.elapsed(), &mut self.rng)
        } else {
            lines::waiting(&mut self.rng)
        };
        out.extend_from_slice(line.as_bytes());
    }

    fn read(
        &mut self,
        stream: &TcpStream,
        telnet: Option<&mut Telnet>,
        out: &mut Vec<u8>,
    ) -> io::Result<Heard> {
        let mut buffer = [0; 512];
        let count = match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(Heard::End),
            Ok(count) => count,
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => 0,
            Err(err) => return Err(err),
        };
        let Some(telnet) = telnet else {
            self.answer(&buffer[..count], out);
            return Ok(Heard::Bytes);
        };
        let mut events = Vec::new();
        telnet.receive(&buffer[..count], &mut events);
        for event in events {
            match event {
                Event::Data(typed) => {
                    let mut answer = Vec::new();
                    self.answer(&typed, &mut answer);
                    encode(&answer, out);
                }
                Event::Reply(reply) => out.extend_from_slice(&reply),
                // Who BREAKs wants a machine, and there is none; the rest is a client's business.
                Event::Break | Event::TimingMark | Event::ComPort(_) | Event::ComPortSays(_) => {}
            }
        }
        Ok(Heard::Bytes)
    }

    /// What the prompt, or the login prompt, answers to typed bytes.
    fn answer(&mut self, typed: &[u8], out: &mut Vec<u8>) {
        if self.dead {
            return;
        }
        if self.runs {
            for &byte in typed {
                match byte {
                    b'\r' => out.extend(format!("\r\n{} console login: ", self.spec.name).bytes()),
                    b' '..=b'~' => out.push(byte),
                    _ => {}
                }
            }
            return;
        }
        let spec = Arc::clone(&self.spec);
        let (firmware, nvram) = &mut **self.prompt.get_or_insert_with(|| {
            let nvram = Nvram::new(spec.flavour, &spec.disk_alias);
            Box::new((Firmware::new(&spec), nvram))
        });
        let mut text = String::new();
        for &byte in typed {
            if firmware.key(byte, &spec, nvram, &mut text).is_some() {
                text += &firmware.after_order("");
            }
        }
        out.extend_from_slice(text.as_bytes());
    }
}

/// What a read came to.
#[derive(PartialEq, Eq)]
enum Heard {
    Bytes,
    End,
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
