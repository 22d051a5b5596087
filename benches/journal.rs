//! How long an append takes until it is durable: one writer alone, and 100 at once; on
//! the disk, and beside it on a tmpfs, which takes the fsync out.
//!
//! `cargo bench --bench journal [-- DIRECTORY]`: the disk's directory, else `target`.
//! Raw samples, in microseconds, go to `target/samples/journal-*.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clusterd::store::{Entry, EntryKind, Journal};

/// Appends one after the other.
const ALONE: usize = 1000;
/// Writers at once, and appends of each.
const WRITERS: usize = 100;
const EACH: usize = 20;

fn main() {
    let given = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let disk = PathBuf::from(given.unwrap_or_else(|| "target".to_owned()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime can be built");
    println!(
        "{:<22}{:>10}{:>10}{:>10}{:>12}{:>14}",
        "", "p50", "p99", "max", "appends/s", "transactions"
    );
    for (name, place) in [("disk", disk.as_path()), ("tmpfs", Path::new("/dev/shm"))] {
        runtime.block_on(alone(name, place));
        runtime.block_on(together(name, place));
    }
}

fn entry() -> Entry {
    Entry {
        cluster: "pki".to_owned(),
        kind: EntryKind::Intent,
        subject: "ca2".to_owned(),
        body: serde_json::json!({ "v": 1, "intent": "boot", "package": "ca", "device": "disk" }),
        text: "boot ca on ca2".to_owned(),
    }
}

async fn alone(name: &str, place: &Path) {
    let home = tempfile::tempdir_in(place).expect("the directory can be written");
    let journal = Journal::open(home.path()).expect("the journal opens");
    let started = Instant::now();
    let mut samples = Vec::new();
    for _ in 0..ALONE {
        let begun = Instant::now();
        journal
            .append(vec![entry()])
            .await
            .expect("the append succeeds");
        samples.push(begun.elapsed());
    }
    report(name, "alone", samples, started.elapsed(), journal.commits());
}

async fn together(name: &str, place: &Path) {
    let home = tempfile::tempdir_in(place).expect("the directory can be written");
    let journal = Arc::new(Journal::open(home.path()).expect("the journal opens"));
    let started = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let journal = Arc::clone(&journal);
        writers.spawn(async move {
            let mut samples = Vec::new();
            for _ in 0..EACH {
                let begun = Instant::now();
                journal
                    .append(vec![entry()])
                    .await
                    .expect("the append succeeds");
                samples.push(begun.elapsed());
            }
            samples
        });
    }
    let samples = writers.join_all().await.concat();
    report(
        name,
        "100 at once",
        samples,
        started.elapsed(),
        journal.commits(),
    );
}

fn report(name: &str, how: &str, mut samples: Vec<Duration>, took: Duration, commits: u64) {
    let folder = Path::new("target/samples");
    let lines: Vec<String> = samples
        .iter()
        .map(|one| one.as_micros().to_string())
        .collect();
    let file = format!("journal-{name}-{}.txt", how.replace(' ', "-"));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(folder.join(file), lines.join("\n") + "\n"))
        .expect("the samples can be kept");
    samples.sort_unstable();
    let at = |percent: usize| micros(samples[(samples.len() - 1) * percent / 100]);
    let rate = u128::try_from(samples.len()).unwrap_or(0) * 1_000_000 / took.as_micros().max(1);
    println!(
        "{:<22}{:>10}{:>10}{:>10}{:>12}{:>14}",
        format!("{name}, {how}"),
        at(50),
        at(99),
        at(100),
        rate,
        commits
    );
}

fn micros(span: Duration) -> String {
    format!("{} µs", span.as_micros())
}
