//! Who else has a device open, for the words of a busy port.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

/// The most holders that are named.
const NAMED: usize = 3;

/// Other programs that have the device open: `minicom (pid 812)`. Those of other users can be
/// seen by root only.
pub(super) fn others(device: &Path) -> Vec<String> {
    let Ok(device) = fs::canonicalize(device) else {
        return Vec::new();
    };
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != process::id() && holds(*pid, &device))
        .take(NAMED)
        .map(
            |pid| match fs::read_to_string(format!("/proc/{pid}/comm")) {
                Ok(name) => format!("{} (pid {pid})", name.trim_end().escape_debug()),
                Err(_) => format!("pid {pid}"),
            },
        )
        .collect()
}

fn holds(pid: u32, device: &Path) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    let open: Vec<PathBuf> = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok())
        .collect();
    // Who made a PTY keeps our side of it open too, as socat does, so that it never hangs up.
    let made_it = device.starts_with("/dev/pts") && open.iter().any(|path| path.ends_with("ptmx"));
    open.iter().any(|path| path == device) && !made_it
}
