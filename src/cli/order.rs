//! What all commands share that order something: they say what it does and what speaks against it,
//! ask, give the order, and follow it to its end.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use clap::Args;

use super::{Exit, HomeArgs, ask};
use crate::control::{Answer, Ask, ClientError, OrderWord};
use crate::logfile::harmless;
use crate::machine::snapshot::OrderSnapshot;
use crate::machine::weigh::Plan;

/// Between two looks at how it goes.
const LOOK: Duration = Duration::from_millis(500);

/// A daemon that does not answer is waited for so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// What every order takes.
#[derive(Clone, Debug, Args)]
pub struct OrderArgs {
    #[command(flatten)]
    pub home: HomeArgs,
    /// Why, for the others: it stands in the journal and the activity log.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only says what it would do and what speaks against it; nothing is written.
    #[arg(long)]
    dry_run: bool,
    /// Follows it to its end: exit code 0 when it is done, 1 when it is not.
    #[arg(long)]
    wait: bool,
}

/// What an order takes whose question `--yes` answers.
#[derive(Clone, Debug, Args)]
pub struct PlainArgs {
    #[command(flatten)]
    order: OrderArgs,
    /// Asks no question.
    #[arg(long)]
    yes: bool,
}

/// What an order takes that can be passed by force.
#[derive(Clone, Debug, Args)]
pub struct ForceArgs {
    #[command(flatten)]
    plain: PlainArgs,
    /// What is no rule shall not stop it; `hold`: what is under way is broken off.
    #[arg(long)]
    force: bool,
}

impl PlainArgs {
    /// Orders it: `node` where it names one.
    pub fn give(&self, word: OrderWord, cluster: &str, node: Option<&str>) -> Exit {
        self.order_it(word, cluster, node, false)
    }

    fn order_it(&self, word: OrderWord, cluster: &str, node: Option<&str>, force: bool) -> Exit {
        let wanted = Wanted {
            cluster,
            node,
            word,
            force,
            yes: if self.yes { Yes::Given } else { Yes::Missing },
        };
        give(&self.order, &wanted)
    }
}

impl ForceArgs {
    /// Orders it: `node` where it names one.
    pub fn give(&self, word: OrderWord, cluster: &str, node: Option<&str>) -> Exit {
        self.plain.order_it(word, cluster, node, self.force)
    }
}

/// An order, as the command line has it.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The cluster.
    pub cluster: &'a str,
    /// The node, where it names one.
    pub node: Option<&'a str>,
    /// What.
    pub word: OrderWord,
    /// `--force`.
    pub force: bool,
    /// What `--yes` says, if it says anything.
    pub yes: Yes<'a>,
}

/// Who has consented on the command line, and to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yes<'a> {
    /// Nobody: it is asked for.
    Missing,
    /// `--yes`.
    Given,
    /// `--yes NAME`: the name again.
    Named(&'a str),
}

/// Says what it does, asks, orders, follows.
pub fn give(args: &OrderArgs, wanted: &Wanted<'_>) -> Exit {
    let plan = match ask::ask(&args.home, question(args, wanted, true)) {
        Ok(Answer::Weighed { plan }) => *plan,
        Ok(other) => return ask::unexpected(&other),
        Err(exit) => return exit,
    };
    print!("{}", text(&plan, wanted.force));
    let refusal = plan.refusal(wanted.force);
    if refusal.is_some() || args.dry_run {
        println!("Nothing was done.");
        return if refusal.is_some() {
            Exit::Refused
        } else {
            Exit::Good
        };
    }
    if let Err(why) = consent(&plan, wanted) {
        eprintln!("clusterd: {why}; nothing was ordered");
        return Exit::Refused;
    }
    let (who, number) = match ask::ask(&args.home, question(args, wanted, false)) {
        Ok(Answer::Ordered { who, number, .. }) => (who, number),
        Ok(other) => return ask::unexpected(&other),
        Err(exit) => return exit,
    };
    println!("Ordered by {who}: {}.", plan.what);
    if args.wait {
        return follow(&args.home, wanted.cluster, number);
    }
    match wanted.word {
        OrderWord::Hold => println!("It ends with: clusterd release {}", wanted.cluster),
        _ => println!("How it goes: clusterd status {}", wanted.cluster),
    }
    Exit::Good
}

fn question(args: &OrderArgs, wanted: &Wanted<'_>, dry_run: bool) -> Ask {
    Ask::Order {
        cluster: wanted.cluster.to_owned(),
        order: wanted.word,
        node: wanted.node.map(str::to_owned),
        reason: args.reason.clone(),
        force: wanted.force,
        dry_run,
    }
}

/// The plan for people.
pub(super) fn text(plan: &Plan, force: bool) -> String {
    let mut out = format!("{}:\n", harmless(&plan.what));
    for (number, step) in plan.steps.iter().enumerate() {
        out.push_str(&format!("  {}. {}\n", number + 1, harmless(step)));
    }
    for objection in &plan.against {
        let how = match (objection.force_passes, force) {
            (true, true) => "in spite of this",
            (true, false) => "AGAINST IT (--force passes it)",
            (false, _) => "AGAINST IT",
        };
        let text = harmless(&objection.text);
        out.push_str(&format!("  {how}, {}: {text}\n", objection.guard));
    }
    out
}

/// Whoever orders it wants it.
fn consent(plan: &Plan, wanted: &Wanted<'_>) -> Result<(), String> {
    let about_a_node = matches!(wanted.word, OrderWord::Boot | OrderWord::Fence);
    let name = match wanted.node.filter(|_| about_a_node) {
        Some(node) => format!("{}/{node}", wanted.cluster),
        None => wanted.cluster.to_owned(),
    };
    match wanted.yes {
        Yes::Named(said) if said == name => return Ok(()),
        Yes::Named(said) => return Err(format!("--yes says {said:?}, and it is about {name}")),
        Yes::Given if !plan.stops_service => return Ok(()),
        Yes::Given | Yes::Missing => {}
    }
    if !io::stdin().is_terminal() {
        return Err(match plan.stops_service {
            true => format!("it takes a service away: say --yes {name}"),
            false => "there is no terminal to ask at: say --yes".to_owned(),
        });
    }
    ask_for("Type the name to go on", &name)?;
    if plan.stops_service {
        ask_for(
            "The service stops, without a shutdown. Type the word: stop",
            "stop",
        )?;
    }
    Ok(())
}

fn ask_for(text: &str, wanted: &str) -> Result<(), String> {
    print!("{text} ({wanted}): ");
    io::stdout().flush().map_err(|err| err.to_string())?;
    let mut line = String::new();
    let mut terminal = io::stdin().lock();
    terminal
        .read_line(&mut line)
        .map_err(|err| err.to_string())?;
    match line.trim() == wanted {
        true => Ok(()),
        false => Err(format!("that was not {wanted:?}")),
    }
}

// --- to its end --------------------------------------------------------------------------------

/// What one look at an order shows.
enum Look {
    Order(Box<OrderSnapshot>),
    /// Another clusterd runs, or another order was given since.
    Gone(String),
    NoAnswer(String),
    Refused(String),
}

/// Prints how an order goes, until it is over.
fn follow(home: &HomeArgs, cluster: &str, number: u64) -> Exit {
    let mut pid = None;
    let mut seen = 0;
    let mut silent: Option<Instant> = None;
    loop {
        match look(home, cluster, number, &mut pid) {
            Look::Order(order) => {
                silent = None;
                seen = tell(&order, seen);
                if let (Some(good), Some(result)) = (order.done, &order.result) {
                    let result = harmless(result);
                    println!("{}: {result}", if good { "Done" } else { "NOT DONE" });
                    return if good { Exit::Good } else { Exit::Faults };
                }
            }
            Look::Gone(why) => {
                println!("NOT KNOWN: {why}; see: clusterd status {cluster}");
                return Exit::Faults;
            }
            Look::Refused(why) => {
                eprintln!("clusterd: {why}");
                return Exit::Refused;
            }
            Look::NoAnswer(why) => {
                let since = *silent.get_or_insert_with(Instant::now);
                if since.elapsed() >= PATIENCE {
                    eprintln!("clusterd: {why}");
                    return Exit::NotRunning;
                }
            }
        }
        pause();
    }
}

/// A moment before the next look.
#[expect(
    clippy::disallowed_methods,
    reason = "a command that follows an order has nothing else to do"
)]
fn pause() {
    std::thread::sleep(LOOK);
}

fn look(home: &HomeArgs, cluster: &str, number: u64, pid: &mut Option<u32>) -> Look {
    let question = Ask::Status {
        cluster: Some(cluster.to_owned()),
    };
    let report = match ask::quietly(home, question) {
        Ok(Answer::Status { report }) => report,
        Ok(_) => return Look::NoAnswer("the daemon gave another answer".to_owned()),
        Err(ClientError::Refused { text, .. }) => return Look::Refused(text),
        Err(err) => return Look::NoAnswer(err.to_string()),
    };
    if *pid.get_or_insert(report.host.pid) != report.host.pid {
        return Look::Gone(
            "clusterd was started again meanwhile, and the order is over".to_owned(),
        );
    }
    let snapshots = report.clusters.into_iter().filter_map(|c| c.snapshot);
    let mut orders = snapshots.flat_map(|s| s.packages).filter_map(|p| p.order);
    match orders.find(|order| order.number == number) {
        Some(order) => Look::Order(Box::new(order)),
        None => Look::Gone("another order was given, or the files were read again".to_owned()),
    }
}

/// Prints what is new of an order's course; how many lines of it are printed now.
fn tell(order: &OrderSnapshot, seen: u64) -> u64 {
    let total = order.dropped + order.lines.len() as u64;
    let missed = order.dropped.saturating_sub(seen);
    if missed > 0 {
        println!("  … {missed} lines are not kept");
    }
    let skip = usize::try_from(seen.saturating_sub(order.dropped)).unwrap_or(usize::MAX);
    for line in order.lines.iter().skip(skip) {
        let at = order.age_ms.saturating_sub(line.age_ms);
        println!(
            "  {:>6}.{:01} s  {}",
            at / 1000,
            at % 1000 / 100,
            harmless(&line.text)
        );
    }
    total
}
