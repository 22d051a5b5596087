//! What the tests of consoles share: waits with an end, a console that is up, what it says.
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::process::Stdio;
use std::time::Duration;

use clusterd::config::ConsoleSpec;
use clusterd::config::console::BreakKind;
use clusterd::console::{Broke, Console, LinkSettings, Order, Said};
use clusterd::sim::serve::{ServeSpec, SimHandle, serve};
use clusterd::sim::{NodeSpec, Times};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Far more than anything here takes: it ends a test that would hang.
pub const LIMIT: Duration = Duration::from_secs(30);

pub fn quick() -> LinkSettings {
    LinkSettings {
        settle: Duration::from_millis(50),
        backoff_first: Duration::from_millis(20),
        backoff_max: Duration::from_millis(200),
        ..LinkSettings::default()
    }
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future)
        .await
        .expect("nothing happened in 30 s")
}

/// A server beside the test; it ends with its owner, and all that it started with it.
pub struct Server(Child);

impl Server {
    pub fn start(command: &mut Command) -> Server {
        command.stdin(Stdio::null()).process_group(0);
        let child = command.kill_on_drop(true).spawn();
        Server(child.unwrap_or_else(|error| panic!("{command:?} is installed: {error}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(group) = self.0.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
    }
}

pub async fn free_port() -> u16 {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    free.local_addr().unwrap().port()
}

/// One simulated node, switched on.
pub async fn node() -> SimHandle {
    let node = NodeSpec::openbios("ca1", 0x80ff_1234).with_times(Times::QUICK);
    let sim = serve(ServeSpec::on_loopback(vec![node])).await.unwrap();
    sim.start();
    sim
}

/// A console with its link, and all that it has said.
pub struct Talk {
    pub console: Console,
    pub epoch: u64,
    pub heard: Vec<u8>,
    /// Why links were lost, or could not be made.
    pub lost: Vec<String>,
    /// What is awaited next must come behind here.
    mark: usize,
}

impl Talk {
    pub fn open(address: &str) -> Talk {
        Talk::with(address, None, quick())
    }

    /// With BREAK of this kind, as a cluster file has it.
    pub fn breaking(address: &str, kind: &str) -> Talk {
        Talk::with(address, Some(kind), quick())
    }

    pub fn with(address: &str, kind: Option<&str>, settings: LinkSettings) -> Talk {
        let mut spec = ConsoleSpec::usual(address.parse().unwrap());
        if let Some(kind) = kind {
            spec.breaks = vec![BreakKind::parse(kind).unwrap()];
        }
        Talk {
            console: Console::of(spec, settings),
            epoch: 0,
            heard: Vec::new(),
            lost: Vec::new(),
            mark: 0,
        }
    }

    /// Waits until there is a link, over whatever went wrong before.
    pub async fn up(&mut self) -> u64 {
        let old = self.epoch;
        while self.epoch == old {
            self.next().await;
        }
        self.epoch
    }

    /// Waits until a link is lost, or cannot be made, and says why.
    pub async fn down(&mut self) -> String {
        let known = self.lost.len();
        while self.lost.len() == known {
            self.next().await;
        }
        self.lost[known].clone()
    }

    pub fn type_in(&self, bytes: impl AsRef<[u8]>) {
        let (epoch, bytes) = (self.epoch, bytes.as_ref().to_vec());
        self.console.order(Order::Type { epoch, bytes });
    }

    /// Sends a BREAK and waits until it is over.
    pub async fn send_break(&mut self) -> Broke {
        let epoch = self.epoch;
        self.console.order(Order::Break { epoch });
        loop {
            if let Some(broke) = self.next().await {
                return broke;
            }
        }
    }

    /// Waits until `text` came, behind what was awaited before.
    pub async fn hear(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        loop {
            let fresh = &self.heard[self.mark..];
            if let Some(at) = fresh.windows(text.len()).position(|part| part == text) {
                self.mark += at + text.len();
                return;
            }
            let heard = timeout(LIMIT, self.said()).await;
            assert!(
                heard.is_ok(),
                "{} did not come: {}, lost: {:?}",
                text.escape_ascii(),
                self.heard.escape_ascii(),
                self.lost
            );
        }
    }

    /// Waits for so many bytes.
    pub async fn bytes(&mut self, count: usize) -> &[u8] {
        while self.heard.len() < self.mark + count {
            self.next().await;
        }
        self.mark += count;
        &self.heard[self.mark - count..self.mark]
    }

    async fn next(&mut self) -> Option<Broke> {
        within(self.said()).await
    }

    /// Takes the next thing said; a BREAK that is over is returned.
    async fn said(&mut self) -> Option<Broke> {
        match self.console.next().await {
            Said::Up { epoch } => self.epoch = epoch,
            Said::Down { why, .. } => self.lost.push(why),
            Said::Bytes { bytes, .. } | Said::Aside { bytes, .. } => self.heard.extend(bytes),
            Said::Broke { broke, .. } => return Some(broke),
            Said::Carrier { .. } => {}
            said @ Said::Gap { .. } => panic!("{said:?}"),
        }
        None
    }
}
