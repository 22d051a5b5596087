//! What a script for Sun and Linux machines listens for, and a log that a kernel might write.
#![allow(dead_code, reason = "not every bench needs all of it")]

use std::time::Duration;

use clusterd::matcher::PatternDef;

/// The patterns; the first [`PROMPTS`] are prompts.
pub const PATTERNS: [&str; 20] = [
    r"^(\{[0-9a-f]{1,3}\} )?ok $",
    r"^0 > $",
    r"^(?<host>\S+) console login: $",
    r"^(?<host>\S+) login: $",
    r"^sc> $",
    r"^-> $",
    r"^Type  'go' to resume",
    r"^Program terminated",
    r"^Boot device: (?<device>\S+)\s+File and args: ?(?<args>.*)$",
    r"^Can't (locate|open) boot device",
    r"^Boot load failed",
    r"^(ERROR: (\S+: )?Last Trap: )?(Fast (Data|Instruction) Access (MMU Miss|Protection)|Watchdog Reset)",
    r"Host ID: (?<id>[0-9a-f]{8})",
    r"panic\[cpu\d+\]/thread=[0-9a-f]+: ",
    r"syncing file systems\.\.\.|^rebooting\.\.\.",
    r"^SunOS Release 5\.(?<release>\d+) Version (?<version>\S+)",
    r"Kernel panic - not syncing: (?<why>.*)",
    r"(?:Oops(?: -|:)|kernel BUG at|BUG: |Unable to handle kernel)",
    r"Rebooting in \d+ seconds",
    r"No valid state has been set by load or init-program",
];

/// How many of them are prompts.
pub const PROMPTS: usize = 6;

/// The patterns, ready for an ear.
pub fn defs() -> Vec<PatternDef> {
    let quiet = |i: usize| (i < PROMPTS).then_some(Duration::from_millis(200));
    PATTERNS
        .iter()
        .enumerate()
        .map(|(i, regex)| PatternDef {
            name: format!("p{i}"),
            regex: (*regex).into(),
            quiet: quiet(i),
        })
        .collect()
}

/// So many bytes of lines as Linux and Solaris kernels print them, one in some `panics` a panic;
/// none where that is 0.
pub fn kernel_log(seed: u64, size: usize, panics: u32) -> Vec<u8> {
    const DEVICES: [&str; 8] = [
        "pci 0000:00:1f.2",
        "scsi host2",
        "sd 0:0:0:0",
        "e1000e 0000:00:19.0",
        "usb 1-1.4",
        "ata3.00",
        "EXT4-fs (sda2)",
        "systemd[1]",
    ];
    const TEXTS: [&str; 8] = [
        "BAR 6: assigned [mem 0xfebc0000-0xfebfffff pref]",
        "Attached scsi generic sg0 type 0",
        "[sda] 976773168 512-byte logical blocks: (500 GB/466 GiB)",
        "Started Journal Service, okay and ready to go on with the boot device check.",
        "mounted filesystem with ordered data mode. Opts: (null). Quota mode: none.",
        "New USB device found, idVendor=0bda, idProduct=8153, bcdDevice=31.00",
        "link is up 1000 Mbps full duplex, flow control: Rx/Tx",
        "Console: switching to colour dummy device 80x25",
    ];
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut log = Vec::with_capacity(size + 256);
    let mut micros: u64 = 0;
    while log.len() < size {
        micros += rng.u64(1..200_000);
        let (secs, rest) = (micros / 1_000_000, micros % 1_000_000);
        let line = if panics > 0 && rng.u32(0..panics) == 0 {
            format!(
                "panic[cpu{}]/thread={:x}: BAD TRAP: type=31",
                rng.u8(0..4),
                rng.u64(..)
            )
        } else {
            let device = DEVICES[rng.usize(..DEVICES.len())];
            let text = TEXTS[rng.usize(..TEXTS.len())];
            format!("[{secs:>5}.{rest:06}] {device}: {text} {:#x}", rng.u32(..))
        };
        log.extend_from_slice(line.as_bytes());
        log.extend_from_slice(b"\r\n");
    }
    log.truncate(size);
    log
}
