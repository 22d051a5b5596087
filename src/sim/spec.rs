//! What a simulated node is like: its firmware, its identity, and how long everything takes.

use std::time::Duration;

/// Whose firmware and operating system a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Sun's `OpenBoot` PROM 4 on a sun4u machine, with Solaris on the disk. Texts after Sun's
    /// released sources (openboot `bootparm.fth`, `reenter.fth`, `ui-cvars.fth`) and published
    /// console logs.
    Sun,
    /// QEMU's `OpenBIOS` 1.1 with the NVRAM script of the test bed (`../shared/testbed/prom.fth`),
    /// with Linux 6.1 on the disk. Texts as recorded there.
    OpenBios,
}

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// From power-on or reset to the banner.
    pub post: Duration,
    /// From `boot` to the kernel's first text; a BREAK is lost meanwhile.
    pub load: Duration,
    /// From the kernel's first text to the login prompt.
    pub boot: Duration,
    /// From the order to shut down to the end of the operating system.
    pub shutdown: Duration,
}

impl Times {
    /// As measured on the test bed: POST 3 s, load 2 s, boot 2.5 s.
    pub const BED: Times = Times {
        post: Duration::from_secs(3),
        load: Duration::from_secs(2),
        boot: Duration::from_millis(2500),
        shutdown: Duration::from_millis(500),
    };

    /// Short times for tests with real sockets and for the demonstration.
    pub const QUICK: Times = Times {
        post: Duration::from_millis(120),
        load: Duration::from_millis(80),
        boot: Duration::from_millis(200),
        shutdown: Duration::from_millis(40),
    };

    /// Of the size of a real machine of those days: POST 90 s, load 20 s, boot 150 s.
    pub const REAL: Times = Times {
        post: Duration::from_secs(90),
        load: Duration::from_secs(20),
        boot: Duration::from_secs(150),
        shutdown: Duration::from_secs(30),
    };
}

/// What the operating system does when it has panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterPanic {
    /// It stays, and still answers ping (Linux with `kernel.panic=0`, as on the test bed).
    Stay,
    /// It resets the machine after a time (Solaris after its dump; Linux with `kernel.panic=N`).
    Reboot(Duration),
}

/// What a machine boots from when its operating system reboots. Only `Flavour::Sun` asks: there
/// `auto-boot?` is not read at an OS reboot (`do-reboot` in openboot `bootparm.fth`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebootsFrom {
    /// `Rebooting with command: boot`: from `boot-device`, so that a guarded node fails to boot.
    BootDevice,
    /// `Rebooting with command: boot disk`: from where it was booted, past the whole guard.
    LastDevice,
}

/// One simulated node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// The physical node's name, as its boot text gives it.
    pub name: String,
    /// The host name that the shared system takes, whichever node runs it.
    pub host: String,
    /// Host ID in the banner; its lower 24 bits are the serial number.
    pub host_id: u32,
    /// Ethernet address in the banner.
    pub ethernet: [u8; 6],
    /// Firmware and operating system.
    pub flavour: Flavour,
    /// Number of CPUs; from two on the prompt is `{0} ok `.
    pub cpus: u8,
    /// Durations.
    pub times: Times,
    /// Between two heartbeats on the shared disk.
    pub heartbeat: Duration,
    /// What follows a panic.
    pub after_panic: AfterPanic,
    /// What an OS reboot boots from.
    pub reboots_from: RebootsFrom,
    /// The device alias that leads to the shared disk.
    pub disk_alias: String,
    /// Mean time between kernel messages at the login prompt; `None` for a quiet kernel.
    pub chatter: Option<Duration>,
    /// Seed of all that varies.
    pub seed: u64,
}

impl NodeSpec {
    /// A node of the test bed, `host_id` 80770001 being its alpha.
    pub fn openbios(name: &str, host_id: u32) -> NodeSpec {
        let [_, _, _, last] = host_id.to_be_bytes();
        NodeSpec {
            name: name.to_owned(),
            host: "service".to_owned(),
            host_id,
            ethernet: [0x52, 0x54, 0, 0x77, 0, last.wrapping_add(9)],
            flavour: Flavour::OpenBios,
            cpus: 1,
            times: Times::BED,
            heartbeat: Duration::from_millis(100),
            after_panic: AfterPanic::Stay,
            reboots_from: RebootsFrom::BootDevice,
            disk_alias: "disk".to_owned(),
            chatter: None,
            seed: u64::from(host_id),
        }
    }

    /// A Sun machine with two CPUs, which reboots 2 s after a panic.
    pub fn sun(name: &str, host_id: u32) -> NodeSpec {
        let [_, a, b, c] = host_id.to_be_bytes();
        NodeSpec {
            ethernet: [0, 3, 0xba, a, b, c],
            flavour: Flavour::Sun,
            cpus: 2,
            after_panic: AfterPanic::Reboot(Duration::from_secs(2)),
            ..NodeSpec::openbios(name, host_id)
        }
    }

    /// The same node with other durations.
    #[must_use]
    pub fn with_times(self, times: Times) -> NodeSpec {
        NodeSpec { times, ..self }
    }
}
