//! What a running machine says on its console while nothing is wrong: kernel and syslog lines of
//! Linux and Solaris, and a service processor's. None of them is a prompt, a panic, or a step of
//! a boot.

use std::time::Duration;

use fastrand::Rng;

/// Linux, behind its `[seconds]`; `#` becomes a digit.
const LINUX: [&str; 12] = [
    "EXT4-fs (sda#): mounted filesystem with ordered data mode. Opts: (null)",
    "e1000e 0000:00:1#.0 eth0: NIC Link is Up 1000 Mbps Full Duplex, Flow Control: Rx/Tx",
    "TCP: request_sock_TCP: Possible SYN flooding on port 80##. Sending cookies.",
    "usb 1-1.#: new high-speed USB device number # using xhci_hcd",
    "audit: type=1400 audit(17637#####.###:##): apparmor=\"STATUS\" operation=\"profile_load\"",
    "nf_conntrack: default automatic helper assignment has been turned off",
    "INFO: task jbd2/sda#-8:### blocked for more than 120 seconds.",
    "perf: interrupt took too long (25## > 2500), lowering kernel.perf_event_max_sample_rate to 79750",
    "device eth0 entered promiscuous mode",
    "sd 0:0:#:0: [sdb] 976773168 512-byte logical blocks: (500 GB/466 GiB)",
    "md/raid1:md#: Disk failure on sdc#, disabling device. Operation continuing on 1 devices.",
    "Out of memory: Killed process ##### (java) total-vm:8######kB, anon-rss:4######kB",
];

/// Solaris, behind its time and host name.
const SOLARIS: [&str; 12] = [
    "genunix: [ID 773945 kern.info] UltraSPARC-IIIi upaid # impl 0x16 clock 1### MHz",
    "scsi: [ID 107833 kern.warning] WARNING: /pci@1f,0/pci@1/scsi@8/sd@#,0 (sd#):",
    "scsi: [ID 107833 kern.notice]   Requested Block: 1####### Error Block: 1#######",
    "ufs: [ID 845546 kern.notice] NOTICE: alloc: /var: file system full",
    "hme: [ID 517527 kern.info] SUNW,hme0 : Internal Transceiver Selected.",
    "sshd[####]: [ID 800047 auth.info] Accepted publickey for oper from 192.0.2.1# port 4####",
    "su: [ID 366847 auth.notice] 'su root' succeeded for oper on /dev/pts/#",
    "sendmail[####]: [ID 801593 mail.info] kA#####: to=root, delay=00:00:0#, stat=Sent",
    "named[###]: [ID 295310 daemon.notice] sysquery: no addrs found for root NS",
    "pseudo: [ID 129642 kern.info] pseudo-device: devinfo0",
    "glm: [ID 280919 kern.warning] WARNING: ID[SUNWpd.glm.io_fail.6###] got SCSI bus reset",
    "inetd[###]: [ID 317013 daemon.notice] ftp[####] from 192.0.2.1# 3####",
];

/// A service processor, over the firmware's prompt.
const PROCESSOR: [&str; 6] = [
    "SC Alert: SC Login: User admin Logged on.",
    "SC Alert: Sensor at MB.T_ENC is ## degrees, within its limits.",
    "SC Alert: Fan at FT0.F# runs at 39## rpm.",
    "SC Alert: SC Login: User admin Logged out.",
    "SC Alert: PS# input voltage is 2## V.",
    "SC Alert: Indicator SYS_FRONT.SERVICE is now OFF.",
];

/// A line of an operating system that has been up for so long, CR and LF at its end.
pub(super) fn running(host: &str, uptime: Duration, rng: &mut Rng) -> String {
    let (seconds, micros) = (uptime.as_secs(), uptime.subsec_micros());
    if rng.bool() {
        let text = varied(LINUX[rng.usize(..LINUX.len())], rng);
        return format!("[{seconds:>5}.{micros:06}] {text}\r\n");
    }
    let text = varied(SOLARIS[rng.usize(..SOLARIS.len())], rng);
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!(
        "Nov 21 {hours:02}:{minutes:02}:{:02} {host} {text}\r\n",
        seconds % 60
    )
}

/// A line over a firmware's prompt, CR and LF at its end.
pub(super) fn waiting(rng: &mut Rng) -> String {
    let text = varied(PROCESSOR[rng.usize(..PROCESSOR.len())], rng);
    format!("{text}\r\n")
}

fn varied(text: &str, rng: &mut Rng) -> String {
    let digit = |c| if c == '#' { rng.digit(10) } else { c };
    text.chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of what means something to a chat script.
    const EVENTS: [&str; 9] = [
        "panic",
        "Oops",
        "login: ",
        " ok ",
        "Host ID",
        "Boot device",
        "rebooting",
        "syncing",
        " = ",
    ];

    #[test]
    fn nothing_that_is_said_means_anything() {
        let mut rng = Rng::with_seed(3);
        for second in 0..2000 {
            let uptime = Duration::from_secs(second);
            for line in [running("sun1", uptime, &mut rng), waiting(&mut rng)] {
                assert!(line.ends_with("\r\n") && line.len() < 140, "{line:?}");
                assert!(EVENTS.iter().all(|event| !line.contains(event)), "{line:?}");
            }
        }
    }
}
