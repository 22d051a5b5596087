//! Telling the story while it happens: consoles on the left margin, clusterd's own words between.

use std::time::Instant;

use super::End;
use super::stage::Stage;
use super::timeline::Timeline;
use crate::logfile::harmless;
use crate::machine::Event;
use crate::sim::Traffic;

/// What has been told so far.
pub(super) struct Teller {
    names: Vec<String>,
    /// Entries of each console's record that were looked at, and a line that has no end yet.
    seen: Vec<(usize, String)>,
    start: Instant,
    crashed: bool,
    timeline: Timeline,
}

impl Teller {
    /// Begins now; what the consoles said before is not told.
    pub(super) fn new(stage: &Stage) -> Teller {
        let seen = (0..stage.names.len()).map(|node| (fresh(stage, node, 0).0, String::new()));
        Teller {
            names: stage.names.clone(),
            seen: seen.collect(),
            start: Instant::now(),
            crashed: false,
            timeline: Timeline::default(),
        }
    }

    /// The crash: times count from here.
    pub(super) fn crashed(&mut self, what: &str) {
        println!("\nNow {what}.\n");
        self.start = Instant::now();
        self.crashed = true;
        self.timeline.begin();
    }

    /// New lines of the consoles.
    pub(super) fn consoles(&mut self, stage: &Stage) {
        for node in 0..self.names.len() {
            let (seen, open) = &mut self.seen[node];
            let (count, text) = fresh(stage, node, *seen);
            *seen = count;
            if text.is_empty() {
                continue;
            }
            open.push_str(&text.replace('\r', ""));
            let mut lines: Vec<String> = open.split('\n').map(str::to_owned).collect();
            *open = lines.pop().unwrap_or_default();
            for line in lines.iter().filter(|line| !line.trim().is_empty()) {
                let line: String = line.chars().take(100).collect();
                self.line(&format!(
                    "{} | {}",
                    self.names[node],
                    harmless(line.trim_end())
                ));
            }
        }
    }

    /// Something that clusterd saw or did.
    pub(super) fn event(&mut self, event: &Event) {
        if self.crashed {
            self.timeline.note(event, self.start.elapsed());
        }
        let text = match event {
            // The console shows it.
            Event::Typed { .. } => return,
            Event::State { state, about, .. } => format!("-> {state}: {about}"),
            other => other.to_string(),
        };
        self.line(&format!("clusterd: {}", harmless(&text)));
    }

    /// A client got an answer.
    pub(super) fn probed(&mut self, answer: String) {
        self.timeline.answered(self.start.elapsed());
        self.line(&format!("client: {answer}"));
    }

    /// The closing timeline.
    pub(super) fn timeline(&self, end: &End) {
        println!("\n{}", self.timeline.table(end));
    }

    fn line(&self, text: &str) {
        println!("{:7.3}  {text}", self.start.elapsed().as_secs_f64());
    }
}

/// How many entries the console's record has, and the output in those after `seen`.
fn fresh(stage: &Stage, node: usize, seen: usize) -> (usize, String) {
    stage.sim.order(|rig, _| {
        let mut count = 0;
        let mut bytes = Vec::new();
        for (_, traffic) in rig.transcript(node).entries() {
            count += 1;
            if count > seen
                && let Traffic::Output(output) = traffic
            {
                bytes.extend_from_slice(output);
            }
        }
        (count, String::from_utf8_lossy(&bytes).into_owned())
    })
}
