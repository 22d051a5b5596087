//! What the operating systems print: Linux as recorded on the test bed, Solaris after illumos and
//! published console logs.

use std::time::Duration;

use crate::sim::disk::Boot;
use crate::sim::spec::{Flavour, NodeSpec};

/// What a kernel says while it boots, with the share of the boot time (in thousandths) at which it
/// does. Linux stamps its lines, and ends them with two CRs until its own console driver has
/// taken over from the firmware's.
pub(in crate::sim) fn kernel(spec: &NodeSpec) -> Vec<(u32, String)> {
    let lines: &[(u32, &str)] = match spec.flavour {
        Flavour::OpenBios => &LINUX,
        Flavour::Sun => &SOLARIS,
    };
    let mac = spec.ethernet.map(|octet| format!("{octet:02x}")).join(":");
    lines
        .iter()
        .map(|(share, line)| {
            let line = line.replace("@MAC@", &mac).replace("@HOST@", &spec.host);
            (*share, line.replace("@NODE@", &spec.name))
        })
        .collect()
}

const LINUX: [(u32, &str); 18] = [
    (
        0,
        "PROMLIB: Sun IEEE Boot Prom 'OBP 3.10.24 1999/01/01 01:01'\r\r\n",
    ),
    (1, "PROMLIB: Root node compatible: sun4u\r\r\n"),
    (
        2,
        "Linux version 6.1.192-bed (bed@bed) (sparc64-linux-gnu-gcc (Debian 12.2.0-13) 12.2.0, \
         GNU ld (GNU Binutils for Debian) 2.40) #1 Thu Jan  1 00:00:00 UTC 2026\r\r\n",
    ),
    (3, "printk: bootconsole [earlyprom0] enabled\r\r\n"),
    (4, "ARCH: SUN4U\r\r\n"),
    (6, "Ethernet address: @MAC@\r\r\n"),
    (20, "Remapping the kernel... \r\r\n"),
    (22, "done.\r\r\n"),
    (
        400,
        "OF stdout device is: /pci@1fe,0/pci@1,1/ebus@1/su\r\r\n",
    ),
    (430, "Booting Linux...\r\r\n"),
    (440, "Kernel command line: node=@NODE@\r\r\n"),
    (600, "SCSI subsystem initialized\r\r\n"),
    (700, "printk: console [ttyS0] enabled\r\n"),
    (701, "printk: bootconsole [earlyprom0] disabled\r\n"),
    (
        850,
        "sd 0:0:0:0: [sda] 32256 512-byte logical blocks: (16.5 MB/15.8 MiB)\r\n",
    ),
    (880, "sd 0:0:0:0: [sda] Attached SCSI disk\r\n"),
    (
        950,
        "This architecture does not have kernel memory protection.\r\n",
    ),
    (960, "Run /init as init process\r\n"),
];

const SOLARIS: [(u32, &str); 7] = [
    (0, "SunOS Release 5.8 Version Generic_108528-29 64-bit\r\n"),
    (
        1,
        "Copyright 1983-2003 Sun Microsystems, Inc.  All rights reserved.\r\n",
    ),
    (300, "configuring IPv4 interfaces: hme0.\r\n"),
    (320, "Hostname: @HOST@\r\n"),
    (600, "The system is coming up.  Please wait.\r\n"),
    (700, "starting rpc services: rpcbind done.\r\n"),
    (900, "syslog service starting.\r\n"),
];

/// A kernel's time stamp, as `printk` writes it.
pub(in crate::sim) fn stamp(uptime: Duration) -> String {
    format!("[{:>5}.{:06}] ", uptime.as_secs(), uptime.subsec_micros())
}

/// The disk is mounted and the network up, or the disk could not be mounted (`init.c`).
pub(in crate::sim) fn mounted(spec: &NodeSpec, boot: Option<&Boot>) -> String {
    if spec.flavour == Flavour::Sun {
        return "The / file system (/dev/rdsk/c1t0d0s0) is being checked.\r\n".to_owned();
    }
    let (node, mac) = (
        &spec.name,
        spec.ethernet.map(|o| format!("{o:02x}")).join(":"),
    );
    let network = format!("node {node}: eth0 {mac} 10.77.0.10/24 up\r\n");
    let disk = match boot {
        None => "/dev/sda: write: Input/output error\r\n".to_owned(),
        Some(Boot {
            number, of_node, ..
        }) => format!(
            "node {node}: shared disk /dev/sda, 16515072 bytes, boot number {number} of the \
             cluster, {of_node} of this node\r\n"
        ),
    };
    format!("{network}{disk}")
}

/// Before the first login prompt.
pub(in crate::sim) fn ready(spec: &NodeSpec) -> String {
    match spec.flavour {
        Flavour::OpenBios => format!(
            "\r\nLinux 6.1.192-bed sparc64 on console, host name {}, physical node {}\r\n",
            spec.host, spec.name
        ),
        Flavour::Sun => "The system is ready.\r\n".to_owned(),
    }
}

/// Comes behind the login prompt, on the same line.
pub(in crate::sim) const LINK_UP: &str =
    "hme 0000:01:01.1 eth0: Link is up using internal transceiver at 100Mb/s, Full Duplex.\r\n";

/// What a kernel says now and then.
pub(in crate::sim) const CHATTER: [&str; 4] = [
    "hme 0000:01:01.1 eth0: Link down\r\n",
    "NOTICE: alloc: /var: file system full\r\n",
    "WARNING: /pci@1f,0/pci@1/scsi@8 (glm0): got SCSI bus reset\r\n",
    "TCP: request_sock_TCP: Possible SYN flooding on port 80\r\n",
];

/// A panic's text. Linux as recorded on the test bed; Solaris after illumos `panic.c`, with the
/// sync of its file systems that looks like an orderly end.
pub(in crate::sim) fn panic(
    flavour: Flavour,
    reason: &str,
    uptime: Duration,
    reboots: Option<Duration>,
) -> String {
    if flavour == Flavour::Sun {
        return format!(
            "\r\n\rpanic[cpu0]/thread=30001a2b3c0: {reason}\r\n\r\n\
             000002a10001f9a0 genunix:kadmin+4a8 (b4, 0, 0, 125ec00, 5, 1)\r\n\r\n\
             syncing file systems... done\r\n\
             dumping to /dev/dsk/c1t0d0s1, offset 107413504\r\n"
        );
    }
    let end = match reboots {
        Some(after) => format!("Rebooting in {} seconds..", after.as_secs()),
        None => format!("---[ end Kernel panic - not syncing: {reason} ]---"),
    };
    let lines = [
        "panic[cpu0]/thread=30001a2b3c0: test panic",
        "sysrq: Trigger a crash",
        &format!("Kernel panic - not syncing: {reason}"),
        "CPU: 0 PID: 1 Comm: init Not tainted 6.1.192-bed #1 ",
        "Call Trace:",
        "[<00000000006f6084>] 0x00000000006f6084",
        "[<000000000059a57c>] 0x000000000059a57c",
        "Press Stop-A (L1-A) from sun keyboard or send break",
        "twice on console to return to the boot prom",
        &end,
    ];
    let step = Duration::from_micros(280);
    let shown =
        |line: &&str| reboots.is_none() || !line.contains("Stop-A") && !line.starts_with("twice");
    let stamped = (0u32..).zip(lines.into_iter().filter(shown));
    let text = stamped.map(|(n, line)| [&stamp(uptime + step * n), line, "\r\n"].concat());
    text.collect()
}

/// The last words of a panicked kernel that reboots.
pub(in crate::sim) fn after_dump(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::OpenBios => "",
        Flavour::Sun => {
            "100% done: 9823 pages dumped, compression ratio 3.21, dump succeeded\r\n\
             rebooting...\r\n"
        }
    }
}

/// `size` KiB of noise, with lines in it that look like what a watchdog waits for (`flood` in the
/// test bed's `init.c`).
pub(in crate::sim) fn flood(size: u64, uptime: Duration) -> String {
    const ODD: [&str; 8] = [
        "ok",
        "ok ",
        "panic in the sky",
        "login:",
        "last message repeated 3 times: ok",
        "service: login: accepted",
        "{0} ok is not a prompt here",
        "syncing file systems... done, no panic[cpu0]",
    ];
    let (mut out, mut done, mut line) = (String::new(), 0, 0u32);
    while done < size * 1024 {
        let start = out.len();
        if line % 7 == 3 {
            out.push_str(ODD[line as usize / 7 % ODD.len()]);
        } else {
            let stamp = stamp(uptime + Duration::from_micros(30) * line);
            let status = line.wrapping_mul(2_654_435_761);
            let text = format!(
                "{stamp}flood {line:06}: WARNING: /pci@1fe,0/scsi@1 (glm0): got SCSI bus reset \
                 0x{status:08x}"
            );
            out.push_str(&text);
        }
        out.push_str("\r\n");
        done += (out.len() - start) as u64;
        line += 1;
    }
    format!("{out}flood done: {size} KiB\r\n")
}
