//! What firmware and operating systems print, word for word. The test bed's texts were recorded
//! there; Sun's are from its released sources (openboot `bootparm.fth`, `reenter.fth`), illumos
//! (`panic.c`) and published console logs of V100, V240 and 420R machines.

use std::time::Duration;

use super::disk::{Boot, DiskFault};
use super::spec::{Flavour, NodeSpec};

/// The shared disk in a Sun's device tree.
pub(super) const SUN_DISK: &str = "/pci@1f,0/pci@1/scsi@8/disk@0,0:a";

/// `reenter.fth`, `.go-message` (two blanks behind `Type`).
pub(super) const RESUME: &str = "Type  'go' to resume";

/// The prompt: `{CPU} ok ` where there are several (openboot `mp-ok`).
pub(super) fn prompt(spec: &NodeSpec) -> &'static str {
    if spec.flavour == Flavour::Sun && spec.cpus > 1 {
        "{0} ok "
    } else {
        "ok "
    }
}

/// A BREAK in the operating system, with the prompt behind it.
pub(super) fn stopped(flavour: Flavour) -> String {
    match flavour {
        Flavour::OpenBios => format!("\r\r\n\r\n{RESUME}\r\n\r\n"),
        Flavour::Sun => format!("\r\n{RESUME}\r\n"),
    }
}

/// The operating system has left for the prompt.
pub(super) fn terminated(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::OpenBios => "\r\nProgram terminated\r\n\r\n",
        Flavour::Sun => "Program terminated\r\n",
    }
}

/// `go` with nothing to resume. Sun's `?go` then prints nothing (`bootparm.fth`).
pub(super) fn nothing_to_resume(flavour: Flavour, halted: bool) -> &'static str {
    match (flavour, halted) {
        (Flavour::OpenBios, true) => "\r\nProgram terminated\r\n",
        (Flavour::OpenBios, false) => "No valid state has been set by load or init-program\r\n",
        (Flavour::Sun, true) => "Program terminated\r\n",
        (Flavour::Sun, false) => "",
    }
}

/// The banner, three lines with a new line before each on the test bed, four on a Sun.
pub(super) fn banner(spec: &NodeSpec) -> String {
    let serial = spec.host_id & 0x00ff_ffff;
    let octets: Vec<String> = spec.ethernet.iter().map(|o| format!("{o:x}")).collect();
    let address = octets.join(":");
    let last = format!("Ethernet address {address}, Host ID: {:08x}.", spec.host_id);
    match spec.flavour {
        Flavour::OpenBios => format!(
            "\r\nSun4u test bed (QEMU), No Keyboard\r\n\
             OpenBIOS 1.1 (test bed), 128 MB memory installed, Serial #{serial}.\r\n{last}"
        ),
        Flavour::Sun => format!(
            "\r\nSun Fire V240, No Keyboard\r\n\
             Copyright 1998-2004 Sun Microsystems, Inc.  All rights reserved.\r\n\
             OpenBoot 4.16.2, 1024 MB memory installed, Serial #{serial}.\r\n{last}\r\n"
        ),
    }
}

/// What `.version` prints.
pub(super) fn version(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::OpenBios => "\r\nRelease OpenBIOS 1.1 (test bed)",
        Flavour::Sun => {
            "Release 4.16.2 created 2004/10/04 18:22\r\nOBP 4.16.2 2004/10/04 18:22\r\n"
        }
    }
}

/// The first text after power-on or reset.
pub(super) fn post_begins(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::OpenBios => {
            "OpenBIOS for Sparc64\r\n\
             Configuration device id QEMU version 1 machine id 0\r\n\
             kernel cmdline \r\n\
             CPUs: 1 x SUNW,UltraSPARC-IIi\r\n\
             UUID: 00000000-0000-0000-0000-000000000000\r\n"
        }
        Flavour::Sun => "\r\n@(#)OBP 4.16.2 2004/10/04 18:22\r\nClearing TLBs\r\n",
    }
}

/// The text between that and the prompt, the banner in it. The complaints come from words that the
/// test bed's NVRAM script defines anew.
pub(super) fn post_ends(spec: &NodeSpec) -> String {
    match spec.flavour {
        Flavour::OpenBios => {
            let anew = [
                "setenv",
                "printenv",
                "set-default",
                "set-defaults",
                "boot",
                "print-prompt",
                "print-status",
                "enter",
                "exit",
                "boot",
            ];
            let complaints = anew
                .map(|word| format!("{word} isn't unique.\r\n"))
                .concat();
            let banner = banner(spec);
            format!("{complaints}{banner}\r\n  Type 'help' for detailed information\r\n")
        }
        Flavour::Sun => format!("Probing system devices\r\n{}\r\n\r\n\r\n", banner(spec)),
    }
}

/// Printed before a reset that the firmware does itself.
pub(super) fn resetting(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::OpenBios => "\r\nResetting ...\r\n",
        Flavour::Sun => "Resetting ... \r\n",
    }
}

/// A boot that finds no such device.
pub(super) fn no_such_device(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::OpenBios => "No valid state has been set by load or init-program\r\n",
        Flavour::Sun => "\r\nCan't locate boot device\r\n",
    }
}

/// A boot that finds a disk it cannot boot from.
pub(super) fn disk_fault(flavour: Flavour, fault: DiskFault) -> String {
    let texts = match (flavour, fault) {
        (Flavour::OpenBios, DiskFault::CorruptLabel) => {
            "Not a Linux kernel image\r\nNot a bootable ELF image\r\n\
             Not a bootable a.out image\r\nNot a bootable FCode image\r\n"
        }
        (Flavour::OpenBios, DiskFault::DeadPath) => {
            "Can't read Linux header\r\nCan't read ELF header\r\nCan't read a.out header\r\n\
             Can't read FCode header from ihandle 00000000fef85dc8\r\n"
        }
        (Flavour::Sun, DiskFault::CorruptLabel) => {
            "Bad magic number in disk label\r\nCan't open disk label package\r\n\
             \r\nCan't open boot device\r\n"
        }
        (Flavour::Sun, DiskFault::DeadPath) => "\r\nCan't open boot device\r\n",
    };
    match flavour {
        Flavour::OpenBios => format!("{texts}{}", no_such_device(flavour)),
        Flavour::Sun => texts.to_owned(),
    }
}

/// A boot that fails although nothing is wrong: seen once in some sixty boots on the test bed.
pub(super) fn boot_failed(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::OpenBios => no_such_device(flavour),
        Flavour::Sun => "\r\nBoot load failed\r\n",
    }
}

/// The firmware has found the boot image.
pub(super) fn load_begins(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::OpenBios => {
            "Not a Linux kernel image\r\nNot a bootable ELF image\r\nLoading a.out image...\r\n"
        }
        Flavour::Sun => "",
    }
}

/// The firmware hands over to the kernel.
pub(super) fn load_ends(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::OpenBios => {
            "Loaded 4793592 bytes\r\nentry point is 0x4000\r\n\r\r\n\
             lab loader: kernel 0x000000000048c4b8 bytes at physical 0x0000000007000000 \
             mapped at 0x0000000040000000\r\r\n\r\r\n"
        }
        Flavour::Sun => "",
    }
}

/// What a kernel says while it boots, with the share of the boot time (in thousandths) at which it
/// does. Linux stamps its lines, and ends them with two CRs until its own console driver has
/// taken over from the firmware's.
pub(super) fn kernel(spec: &NodeSpec) -> Vec<(u32, String)> {
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
pub(super) fn stamp(uptime: Duration) -> String {
    format!("[{:>5}.{:06}] ", uptime.as_secs(), uptime.subsec_micros())
}

/// The disk is mounted and the network up, or the disk could not be mounted (`init.c`).
pub(super) fn mounted(spec: &NodeSpec, boot: Option<&Boot>) -> String {
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
pub(super) fn ready(spec: &NodeSpec) -> String {
    match spec.flavour {
        Flavour::OpenBios => format!(
            "\r\nLinux 6.1.192-bed sparc64 on console, host name {}, physical node {}\r\n",
            spec.host, spec.name
        ),
        Flavour::Sun => "The system is ready.\r\n".to_owned(),
    }
}

/// Comes behind the login prompt, on the same line.
pub(super) const LINK_UP: &str =
    "hme 0000:01:01.1 eth0: Link is up using internal transceiver at 100Mb/s, Full Duplex.\r\n";

/// What a kernel says now and then.
pub(super) const CHATTER: [&str; 4] = [
    "hme 0000:01:01.1 eth0: Link down\r\n",
    "NOTICE: alloc: /var: file system full\r\n",
    "WARNING: /pci@1f,0/pci@1/scsi@8 (glm0): got SCSI bus reset\r\n",
    "TCP: request_sock_TCP: Possible SYN flooding on port 80\r\n",
];

/// A panic's text. Linux as recorded on the test bed; Solaris after illumos `panic.c`, with the
/// sync of its file systems that looks like an orderly end.
pub(super) fn panic(
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
    stamped
        .map(|(n, line)| format!("{}{line}\r\n", stamp(uptime + step * n)))
        .collect()
}

/// The last words of a panicked kernel that reboots.
pub(super) fn after_dump(flavour: Flavour) -> &'static str {
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
pub(super) fn flood(size: u64, uptime: Duration) -> String {
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
            out.push_str(&format!(
                "{stamp}flood {line:06}: WARNING: /pci@1fe,0/scsi@1 (glm0): got SCSI bus reset \
                 0x{status:08x}"
            ));
        }
        out.push_str("\r\n");
        done += (out.len() - start) as u64;
        line += 1;
    }
    format!("{out}flood done: {size} KiB\r\n")
}
