//! Faults on purpose, so that tests can see what becomes of a cluster whose task panics or stands
//! still. Only where debug assertions are on: a release build has none of it.
//!
//! `CLUSTERD_TEST_FAULT` is `CLUSTER:KIND:FILE`. With the first event of that cluster whose text
//! holds that of the file: `panic` takes the file away and panics, `panics` leaves it there,
//! `stalls` stands still until somebody takes it away. `kills` looks at entries of the journal that
//! are on the disk, before anything comes of them, and is SIGKILL.

/// An entry of the journal is durable: dies where the environment asks for that.
#[cfg(debug_assertions)]
pub(super) fn kill(cluster: &str, entry: &str) {
    let Some((_, kind, file)) = order().filter(|(name, ..)| name == cluster) else {
        return;
    };
    if kind == "kills" && fits(&file, entry) {
        // It does not come back from this.
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(super) fn kill(_cluster: &str, _entry: &str) {}

#[cfg(debug_assertions)]
fn order() -> Option<(String, String, String)> {
    let order = std::env::var("CLUSTERD_TEST_FAULT").ok()?;
    let mut parts = order.splitn(3, ':').map(str::to_owned);
    Some((parts.next()?, parts.next()?, parts.next()?))
}

#[cfg(debug_assertions)]
fn fits(file: &str, text: &str) -> bool {
    let wanted = std::fs::read_to_string(file).unwrap_or_default();
    !wanted.trim().is_empty() && text.contains(wanted.trim())
}

/// Makes the fault that the environment asks for.
#[cfg(debug_assertions)]
pub(super) fn fault(cluster: &str, event: &str) {
    let Some((_, kind, file)) = order().filter(|(name, ..)| name == cluster) else {
        return;
    };
    if !fits(&file, event) {
        return;
    }
    match kind.as_str() {
        "kills" => {}
        "panic" => {
            // Whoever else took it away has had its panic.
            let _ = std::fs::remove_file(&file);
            panic!("told to panic");
        }
        "panics" => panic!("told to panic"),
        _ => {
            while fits(&file, event) {
                std::thread::park_timeout(std::time::Duration::from_millis(10));
            }
        }
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(super) fn fault(_cluster: &str, _event: &str) {}
