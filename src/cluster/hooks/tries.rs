//! One hook with its tries: run, and where it failed recovered and run again, for as often as its file says.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use super::Job;
use crate::config::{Hook, Point};
use crate::exec::{Finished, Outcome, run_to_tail};
use crate::machine::input::{Ticket, Verdict};
use crate::scribe::one_line;

/// Of each output so many bytes are kept, the last ones.
const OUTPUT: usize = 4096;
/// So many lines of them go to the log, each this long, characters.
const LINES: usize = 5;
const LINE: usize = 200;

/// Of all clusters so many hooks run beside at once: a failure of the site makes all of them run.
const AT_ONCE: usize = 32;
static PLACES: Semaphore = Semaphore::const_new(AT_ONCE);

/// What comes of hooks.
#[derive(Debug)]
pub(in crate::cluster) enum News {
    /// A command has ended.
    Ran(Run),
    /// The last try has.
    Done {
        number: usize,
        /// The machine's, if a boot waits for it.
        ticket: Option<Ticket>,
        verdict: Verdict,
    },
}

/// One command, from its start to its end.
#[derive(Debug)]
pub(in crate::cluster) struct Run {
    pub number: usize,
    pub on: Point,
    /// Its program, and that it was a recovery. Its arguments may hold a password.
    pub command: String,
    pub outcome: String,
    pub good: bool,
    pub took: Duration,
    pub attempt: u32,
    /// The last lines that it wrote.
    pub said: Vec<String>,
}

/// Runs a hook that a boot waits for.
pub(super) async fn awaited(job: Job, news: mpsc::Sender<News>) {
    tries(job, news).await;
}

/// Runs a hook that nothing waits for, when it has a place.
pub(super) async fn beside(job: Job, news: mpsc::Sender<News>) {
    // It is closed never.
    let _place = PLACES.acquire().await;
    tries(job, news).await;
}

async fn tries(job: Job, news: mpsc::Sender<News>) {
    let Job {
        number,
        hook,
        env,
        ticket,
    } = job;
    let hook: Arc<Hook> = hook;
    let mut attempt = 1;
    let verdict = loop {
        let mut env = env.clone();
        env.push(("CLUSTERD_TRY".to_owned(), attempt.to_string()));
        let done = run_to_tail(&hook.run, &env, hook.timeout, OUTPUT).await;
        let verdict = judged(&done, hook.timeout);
        let run = told(&hook, number, (&hook.run, ""), attempt, &done);
        // An error means that the task has ended, and nobody wants to know.
        let _ = news.send(News::Ran(run)).await;
        // 2 says all that there is to say.
        let final_word = matches!(verdict, Verdict::GoOn | Verdict::NotHere);
        if final_word || attempt > hook.retries {
            break verdict;
        }
        if let Some(recover) = &hook.recover {
            let done = run_to_tail(recover, &env, hook.timeout, OUTPUT).await;
            let run = told(&hook, number, (recover, "recovery "), attempt, &done);
            let _ = news.send(News::Ran(run)).await;
        }
        sleep(hook.every).await;
        attempt += 1;
    };
    let done = News::Done {
        number,
        ticket,
        verdict,
    };
    let _ = news.send(done).await;
}

fn judged(done: &Finished, within: Duration) -> Verdict {
    match &done.outcome {
        Outcome::Exited(0) => Verdict::GoOn,
        Outcome::Exited(1) => Verdict::No,
        Outcome::Exited(2) => Verdict::NotHere,
        outcome => Verdict::None(outcome_text(outcome, within)),
    }
}

fn outcome_text(outcome: &Outcome, within: Duration) -> String {
    match outcome {
        Outcome::TimedOut => format!("it hung and was killed at {}", crate::clock::Span(within)),
        other => other.to_string(),
    }
}

fn told(
    hook: &Hook,
    number: usize,
    (argv, what): (&[String], &str),
    attempt: u32,
    done: &Finished,
) -> Run {
    let program = argv.first().map_or("", String::as_str);
    Run {
        number,
        on: hook.on,
        command: one_line(&format!("{what}{program}")),
        outcome: outcome_text(&done.outcome, hook.timeout),
        good: done.succeeded(),
        took: done.took,
        attempt,
        said: last_lines(done),
    }
}

/// The last lines of standard error, or of standard output where that is empty.
fn last_lines(done: &Finished) -> Vec<String> {
    let of = |bytes: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let last = lines.iter().skip(lines.len().saturating_sub(LINES));
        last.map(|line| one_line(line).trim().chars().take(LINE).collect())
            .collect()
    };
    match of(&done.stderr.bytes) {
        said if said.is_empty() => of(&done.stdout.bytes),
        said => said,
    }
}
