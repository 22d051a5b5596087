//! What firmware prints, word for word, and in `kernel` what operating systems do. The test bed's
//! texts were recorded there; Sun's are from its released sources (openboot `bootparm.fth`,
//! `reenter.fth`) and published console logs of V100, V240 and 420R machines.

use super::disk::DiskFault;
use super::spec::{Flavour, NodeSpec};

mod kernel;

pub(super) use kernel::{
    CHATTER, LINK_UP, after_dump, flood, kernel, mounted, panic, ready, stamp,
};

/// The shared disk in a Sun's device tree.
pub(super) const SUN_DISK: &str = "/pci@1f,0/pci@1/scsi@8/disk@0,0:a";

/// `reenter.fth`, `.go-message` (two blanks behind `Type`).
pub(super) const RESUME: &str = "Type  'go' to resume";

/// What `kmdb` says when a BREAK brings it up, with its prompt (illumos `kmdb`, two CPUs).
pub(super) const DEBUGGER: &str =
    "\r\nWelcome to kmdb\r\nLoaded modules: [ unix krtld genunix ]\r\n[0]> ";

/// The prompt of `kmdb`.
pub(super) const DEBUGGER_PROMPT: &str = "[0]> ";

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

/// A self test that never ends: recorded on the test bed; a Sun says nothing.
pub(super) fn post_fails(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::OpenBios => {
            "Unhandled Exception 0x0000000000000005\r\n\
             PC = 0x00000000ffd0c9c8 NPC = 0x00000000ffd0c9cc\r\nStopping execution\r\n"
        }
        Flavour::Sun => "",
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
