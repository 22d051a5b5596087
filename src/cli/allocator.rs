//! How clusterd takes its memory from the C library, and gives it back: what a thousand consoles
//! leave between each other is more than they use, if nobody looks to it.

use std::pin::pin;
use std::time::Duration;

use crate::caught::caught;

/// The first time that free memory is given back, after the start, and how often in the end; the time
/// between doubles until then.
const GIVEN_BACK: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));

/// To be called first of all, while there is no other thread and nothing is open.
pub(super) fn be_frugal() {
    frugal::without_thread_caches();
    frugal::one_arena();
}

/// Gives free pages back to the system. The start needs memory for what it reads and dials with, and
/// leaves it in holes between what stays; the allocator gives back only what lies at its end.
pub(super) async fn give_back() {
    let (mut pause, longest) = GIVEN_BACK;
    loop {
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(longest);
        // Whether it found some does not matter, nor whether a thread could be had: it is tried again.
        let _ = caught(pin!(async {
            tokio::task::spawn_blocking(frugal::trim).await
        }))
        .await;
    }
}

#[cfg(target_env = "gnu")]
mod frugal {
    use std::env;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    /// What is as large as this, bytes, has room of its own, which goes back to the system when it is
    /// freed. The allocator would else raise this limit with the first that is, and queues that a start
    /// filled would leave holes: 0.4 MiB where a thousand consoles start.
    const ROOM_OF_ITS_OWN: libc::c_int = 64 << 10;

    /// Where the allocator is told what it takes no call for, and what it is told.
    const TUNABLES: &str = "GLIBC_TUNABLES";
    const THREAD_CACHES: &str = "glibc.malloc.tcache_count";

    /// The PID of a clusterd that has begun anew. A number of its own tells it from an environment
    /// that was handed down.
    const BEGUN_ANEW: &str = "CLUSTERD_BEGUN_ANEW";

    /// Each thread would keep small pieces that it freed for itself. They lie everywhere, so that
    /// nothing around them grows together again: 1.5 KiB for each of a thousand consoles. The allocator
    /// hears of it only from the environment that a program starts with, so clusterd starts itself once
    /// more, as the same process. Where that fails it goes on as it is, which is dearer and not wrong.
    pub(super) fn without_thread_caches() {
        let told = env::var(TUNABLES).unwrap_or_default();
        let pid = std::process::id().to_string();
        let again = env::var_os(BEGUN_ANEW).is_some_and(|begun| *begun == *pid);
        if again || told.contains(THREAD_CACHES) {
            return;
        }
        let mut words = env::args_os();
        if let (Ok(program), Some(name)) = (env::current_exe(), words.next()) {
            let tunables = format!("{told}:{THREAD_CACHES}=0");
            let _error = Command::new(program)
                .arg0(name)
                .args(words)
                .env(TUNABLES, tunables.trim_start_matches(':'))
                .env(BEGUN_ANEW, pid)
                .exec();
        }
    }

    /// All threads take their memory from one place. The allocator would else give each thread its own,
    /// with holes of its own, because threads may wait for each other there; ours allocate little. A
    /// thousand consoles take 6 MiB less so. And small pieces grow together as soon as they are freed.
    pub(super) fn one_arena() {
        let set = |what, value| {
            // SAFETY: it only sets a number, before the threads are there that it is about.
            #[expect(unsafe_code, reason = "there is no other way to tell the C library")]
            let _set = unsafe { libc::mallopt(what, value) };
        };
        set(libc::M_ARENA_MAX, 1);
        set(libc::M_MXFAST, 0);
        set(libc::M_MMAP_THRESHOLD, ROOM_OF_ITS_OWN);
    }

    pub(super) fn trim() {
        // SAFETY: it takes the allocator's own lock, and only gives back pages that nobody uses.
        #[expect(unsafe_code, reason = "there is no other way to tell the C library")]
        let _given = unsafe { libc::malloc_trim(0) };
    }
}

#[cfg(not(target_env = "gnu"))]
mod frugal {
    pub(super) fn without_thread_caches() {}

    pub(super) fn one_arena() {}

    pub(super) fn trim() {}
}
