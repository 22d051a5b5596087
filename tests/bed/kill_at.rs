//! Preloaded into the daemon (`LD_PRELOAD`): SIGKILL at the moment in which a named entry of the
//! journal has become durable. The daemon itself knows nothing of it, and is the one that is
//! shipped.
//!
//! SQLite calls `fsync` on its write-ahead log; the real call is made, and when it has succeeded
//! the entry stands on the disk. Nothing can have been done about it yet: whoever appended it is
//! still waiting for the answer. The order is a file, so that it can be given and taken back while
//! the daemon runs: `CLUSTERD_KILL_AT` names it; its first line is a time (entries of before do
//! not count), the rest is cluster, kind, subject and the beginning of the text as they stand in
//! the row, one behind the other.
//!
//! Built by the scenes with `rustc --crate-type cdylib`.

use std::ffi::{c_char, c_int, c_void};

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn getpid() -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
}

/// `RTLD_NEXT` of glibc and musl: the C library's own function behind this one.
const NEXT: *mut c_void = -1isize as *mut c_void;

const SIGKILL: c_int = 9;

type Sync = unsafe extern "C" fn(c_int) -> c_int;

#[unsafe(no_mangle)]
pub extern "C" fn fsync(descriptor: c_int) -> c_int {
    synced(c"fsync".as_ptr(), descriptor)
}

#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    synced(c"fdatasync".as_ptr(), descriptor)
}

fn synced(name: *const c_char, descriptor: c_int) -> c_int {
    // SAFETY: the C library has both functions, with this type.
    let real: Sync = unsafe { std::mem::transmute(dlsym(NEXT, name)) };
    // SAFETY: as the caller would have called it.
    let outcome = unsafe { real(descriptor) };
    if outcome == 0 && ordered(descriptor) == Some(true) {
        // SAFETY: ends this process.
        unsafe { kill(getpid(), SIGKILL) };
    }
    outcome
}

/// Whether the entry of the order stands in this file.
fn ordered(descriptor: c_int) -> Option<bool> {
    let order = std::env::var_os("CLUSTERD_KILL_AT")?;
    let path = std::fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?;
    if !path.to_str()?.ends_with(".sqlite-wal") {
        return None;
    }
    let order = std::fs::read_to_string(order).ok()?;
    let (since, entry) = order.split_once('\n')?;
    let log = std::fs::read(path).ok()?;
    Some(holds(&log, since.as_bytes(), entry.as_bytes()))
}

/// In a row the entry stands behind its time as text and the same time as a number of six bytes.
fn holds(log: &[u8], since: &[u8], entry: &[u8]) -> bool {
    let before = since.len() + 6;
    log.windows(entry.len())
        .enumerate()
        .filter(|(place, row)| *row == entry && *place >= before)
        .any(|(place, _)| &log[place - before..place - 6] >= since)
}
