//! A scene: the pair, the watchdog, what is expected of both, and a line of the table.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::pair::{Alpha, BOOT, Node, Pair, find_bed};
use crate::watchdog::Watchdog;

/// A switchover on busy cores: dark after 40 s, several tries to BREAK, a slow boot.
const SWITCHOVER: Duration = Duration::from_secs(300);

/// An alarm of a scene in which nothing else happens.
const ALARM: Duration = Duration::from_secs(120);

/// How the loss of a node was proved, so that the wire can be asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Every piece stands on the node's console.
    Console,
    /// Darkness, a power leg, or a person's word: the console says nothing.
    Elsewhere,
}

pub struct Scene {
    name: String,
    pub pair: Pair,
    pub dog: Watchdog,
    place: PathBuf,
    began: Instant,
    result: Option<String>,
    note: String,
    /// Where each wire stood at the last [`Scene::mark`].
    marks: [usize; 2],
    /// Boots that the console of the other node does not vouch for.
    elsewhere: usize,
    /// How often a firmware that hung was helped, where the scene allows it.
    helped: Option<u32>,
    looked: Instant,
}

/// Opens a scene with the home as it stands in the source tree; `None` where there is no bed.
pub fn scene(name: &str) -> Option<Scene> {
    scene_with(name, &[])
}

/// Opens a scene whose cluster file has other texts in some places.
pub fn scene_with(name: &str, edits: &[(&str, &str)]) -> Option<Scene> {
    let bed = match find_bed() {
        Ok(bed) => bed,
        Err(why) => {
            let required = std::env::var("CLUSTERD_BED").is_ok_and(|value| value == "required");
            assert!(!required, "the test bed is required and absent: {why}");
            eprintln!("skipped: the test bed is absent ({why})");
            tell(&[name, "skipped", "0", "", "", &why]);
            return None;
        }
    };
    let pair = Pair::up(bed);
    let place = PathBuf::from(format!("{}.d", pair.dir.display())).join(name);
    if place.exists() {
        let before = place.with_extension("before");
        let _gone = fs::remove_dir_all(&before);
        fs::rename(&place, &before).expect("the folder of the last run is put aside");
    }
    let dog = Watchdog::new(place.join("home"), edits);
    Some(Scene {
        name: name.to_owned(),
        pair,
        dog,
        place,
        began: Instant::now(),
        result: None,
        note: String::new(),
        marks: [0, 0],
        elsewhere: 0,
        helped: None,
        looked: Instant::now(),
    })
}

impl Scene {
    /// Alpha serves, beta waits, and clusterd has adopted them.
    pub fn adopted(&mut self) {
        self.pair.boot(Alpha);
        self.dog.start(&self.pair);
        self.watched(Alpha);
    }

    /// As [`Scene::adopted`], and then there and back: every guard is read, and a BREAK has worked
    /// on every console.
    pub fn proved_there_and_back(&mut self) {
        self.adopted();
        for node in [Alpha, Alpha.other()] {
            self.pair.type_line(node, "panic");
            self.taken_over(node.other(), Proof::Console);
        }
    }

    /// As at the beginning: both switched off and on, alpha booted by hand, and a journal that
    /// knows nothing.
    pub fn anew(&mut self) {
        self.dog.stop();
        self.dog.forget();
        for node in Node::BOTH {
            self.switched(node, "cycle");
            self.pair.wait(node, "ok");
        }
        self.adopted();
    }

    /// Switches a node `on`, or off and on (`cycle`), and waits for its banner. One whose firmware says
    /// nothing, as now and then under QEMU, is switched off and on again.
    pub fn switched(&mut self, node: Node, how: &str) {
        let mut how = how;
        for _ in 0..3 {
            let before = self.pair.wire(node).len();
            self.pair.power(node, how);
            let was_off = self.pair.wire(node).since(before).was_switched_on();
            if !was_off || self.pair.shows_its_banner(node) {
                return;
            }
            eprintln!("the firmware of {node} hung at power-on: off and on");
            self.helped = self.helped.map(|helped| helped + 1);
            how = "cycle";
        }
        panic!("{node} does not come up");
    }

    /// From here on, what was on the wires before does not count.
    pub fn mark(&mut self) {
        self.marks = Node::BOTH.map(|node| self.pair.wire(node).len());
    }

    /// Waits until clusterd watches this node as the confirmed primary.
    pub fn watched(&mut self, node: Node) {
        self.until(&format!("clusterd watches {node}"), SWITCHOVER, |scene| {
            scene.dog.package().is_some_and(|package| {
                package["state"] == "watch"
                    && package["primary"] == node.name()
                    && package["confirmed"] == true
            })
        });
    }

    /// Waits until the package was moved to this node, and holds it to all that counts: it serves,
    /// it writes to the disk alone, and it was booted after a whole proof.
    pub fn taken_over(&mut self, node: Node, proof: Proof) {
        if proof == Proof::Elsewhere {
            self.elsewhere += 1;
        }
        self.watched(node);
        self.serves(node);
    }

    /// The node writes its heartbeat and the service address answers, and the boots were fenced.
    pub fn serves(&mut self, node: Node) {
        let before = self.pair.judge().beat(node);
        self.until(
            &format!("the heartbeat of {node} advances"),
            Duration::from_secs(30),
            |scene| {
                let now = scene.pair.judge().beat(node);
                now.is_some() && now != before
            },
        );
        self.until(
            "the service address answers",
            Duration::from_secs(60),
            |scene| scene.pair.ping(),
        );
        self.judged_clean();
        self.boots_are_fenced();
    }

    /// Waits until the judge has seen the last of these boots and the service answers; the time
    /// since the failure.
    pub fn serves_since(&mut self, failure: Instant, boots: &[Node]) -> Duration {
        self.until("the next boot", SWITCHOVER, |scene| {
            scene.pair.judge().boots().len() >= boots.len()
        });
        self.until("the service answers", BOOT, |scene| scene.pair.ping());
        failure.elapsed()
    }

    /// From now on some boots are vouched for by something else than the other console.
    pub fn proofs_stand_elsewhere(&mut self) {
        self.elsewhere = usize::MAX / 2;
    }

    /// How many BREAKs clusterd has sent this node since the mark.
    pub fn breaks_since_mark(&self, node: Node) -> usize {
        let mark = self.marks[usize::from(node != Alpha)];
        self.pair.wire(node).since(mark).breaks().len()
    }

    /// How many boot commands clusterd has typed since the mark, on both.
    pub fn boots_since_mark(&self) -> usize {
        let boots = |node: Node| {
            let mark = self.marks[usize::from(node != Alpha)];
            self.pair.wire(node).since(mark).boots_by_client().len()
        };
        Node::BOTH.into_iter().map(boots).sum()
    }

    /// Polls until the daemon was killed (true) or something is so.
    pub fn until_killed_or(&mut self, what: &str, mut is_so: impl FnMut(&Scene) -> bool) -> bool {
        let mut end = Instant::now() + 2 * SWITCHOVER;
        loop {
            if self.dog.was_killed() {
                return true;
            }
            if is_so(self) {
                return false;
            }
            if self.helps_a_hung_firmware() {
                end = Instant::now() + 2 * SWITCHOVER;
            }
            assert!(Instant::now() < end, "neither killed nor {what}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// From now on, where clusterd is in HOLD because OpenBIOS hangs, somebody switches that node off
    /// and on and says `release`, as an operator would: a long scene need not begin anew.
    pub fn forgive_hung_firmware(&mut self) {
        self.helped = Some(0);
    }

    fn helps_a_hung_firmware(&mut self) -> bool {
        let Some(helped) = self.helped else {
            return false;
        };
        if self.looked.elapsed() < Duration::from_secs(5) {
            return false;
        }
        self.looked = Instant::now();
        let held = self
            .dog
            .package()
            .is_some_and(|package| package["hold"].is_string() && package["state"] != "assess");
        let hung = Node::BOTH.into_iter().find(|node| {
            let mark = self.marks[usize::from(*node != Alpha)];
            held && self.pair.wire(*node).since(mark).firmware_hung()
        });
        let Some(node) = hung else {
            return false;
        };
        self.helped = Some(helped + 1);
        self.switched(node, "cycle");
        self.pair.wait(node, "ok");
        self.mark();
        let (good, said) = self.dog.command(&["release", "bed"]);
        eprintln!("the firmware of {node} hung: switched off and on, release: {good} {said}");
        true
    }

    /// A line of the scene's own table.
    pub fn line(&self, fields: &[&str]) {
        let line = [&[self.name.as_str()], fields].concat();
        eprintln!("{}", line.join("  "));
        append("CLUSTERD_BED_LINES", &line);
    }

    /// The judge saw these boots in this order, and never two writers.
    pub fn boots(&self, expected: &[Node]) {
        let expected: Vec<&str> = expected.iter().map(|node| node.name()).collect();
        assert_eq!(
            self.pair.judge().boots(),
            expected,
            "the boots in their order"
        );
        self.judged_clean();
    }

    /// Never two writers.
    pub fn judged_clean(&self) {
        assert_eq!(
            self.pair.judge().violations(),
            0,
            "two nodes wrote to the disk"
        );
    }

    /// Every boot command of clusterd stands behind a whole proof on the other console, but for
    /// those that were proved elsewhere.
    pub fn boots_are_fenced(&self) {
        let unproved = self.unproved_boots();
        assert!(
            unproved.len() <= self.elsewhere,
            "boots without a proof: {}",
            unproved.join("; ")
        );
    }

    fn unproved_boots(&self) -> Vec<String> {
        let mut unproved = Vec::new();
        for node in Node::BOTH {
            let fenced = self.pair.wire(node.other());
            for boot in self.pair.wire(node).boots_by_client() {
                // OpenBIOS now and then loads nothing and is asked again: one takeover, two commands.
                if self.elsewhere > 0 && boot.text.contains("No valid state has been set") {
                    continue;
                }
                if let Err(why) = fenced.proved_at(boot.at, node.other().host_id()) {
                    unproved.push(format!("{node}: {:?} at {}: {why}", boot.text, boot.at));
                }
            }
        }
        unproved
    }

    /// Waits until an alarm with this code is open.
    pub fn alarm(&mut self, code: &str) {
        self.until(&format!("the alarm {code}"), ALARM, |scene| {
            scene.dog.alarm_is_open(code)
        });
    }

    /// Waits until no alarm with this code is open any more.
    pub fn cleared(&mut self, code: &str) {
        self.until(&format!("the end of the alarm {code}"), ALARM, |scene| {
            !scene.dog.alarm_is_open(code)
        });
    }

    /// Waits until an alarm was raised, open still or not.
    pub fn alarmed(&mut self, code: &str) {
        self.until(&format!("the alarm {code}"), ALARM, |scene| {
            scene.dog.alarm_codes().iter().any(|known| known == code)
        });
    }

    /// Waits for a line of the activity log.
    pub fn active(&mut self, text: &str) {
        self.until(
            &format!("{text:?} in the activity log"),
            SWITCHOVER,
            |scene| scene.dog.activity().contains(text),
        );
    }

    /// Waits for a line of the activity log, as closely as can be.
    pub fn active_now(&mut self, text: &str) {
        let end = Instant::now() + SWITCHOVER;
        while !self.dog.activity().contains(text) {
            assert!(Instant::now() < end, "no {text:?} in the activity log");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Since the mark clusterd has sent no BREAK and no boot command to either node.
    pub fn nothing_was_done(&self) {
        for node in Node::BOTH {
            self.nothing_was_done_to(node);
        }
    }

    /// Since the mark clusterd has sent no BREAK and no boot command to this node.
    pub fn nothing_was_done_to(&self, node: Node) {
        let mark = self.marks[usize::from(node != Alpha)];
        let wire = self.pair.wire(node).since(mark);
        assert_eq!(wire.breaks().len(), 0, "BREAKs to {node}");
        self.no_boot_of(node);
    }

    /// Since the mark clusterd has sent no boot command to this node.
    pub fn no_boot_of(&self, node: Node) {
        let mark = self.marks[usize::from(node != Alpha)];
        let wire = self.pair.wire(node).since(mark);
        assert!(
            wire.boots_by_client().is_empty(),
            "boots of {node}: {:?}",
            wire.boots_by_client()
        );
    }

    /// Lets clusterd go on for a while, and sees that it does.
    pub fn pass(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.dog.assert_alive();
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Polls until something is so, while the daemon lives.
    pub fn until(&mut self, what: &str, limit: Duration, mut is_so: impl FnMut(&Scene) -> bool) {
        let mut end = Instant::now() + limit;
        while !is_so(self) {
            self.dog.assert_alive();
            if self.helps_a_hung_firmware() {
                end = Instant::now() + limit;
            }
            assert!(Instant::now() < end, "not within {limit:?}: {what}");
            thread::sleep(Duration::from_millis(300));
        }
    }

    /// A remark for the table.
    pub fn note(&mut self, text: &str) {
        if !self.note.is_empty() {
            self.note += ", ";
        }
        self.note += text;
    }

    /// The end of a scene: everything that was pulled, cut or stopped is let go, time passes, and
    /// the judge is asked again. `primary` runs the service then, if anybody does.
    pub fn released(mut self, primary: Option<Node>) {
        self.pair.run(&["monitor-cable", "service", "in"]);
        self.pair.run(&["monitor-cable", "console", "in"]);
        self.pair.run(&["disk", "restore"]);
        for node in Node::BOTH {
            self.pair.act("console-restore", node);
            self.pair.run(&["service-cable", node.name(), "in"]);
            self.pair.power(node, "on");
            self.pair.act("thaw", node);
            if primary != Some(node) {
                self.pair.type_line(node, "go");
            }
        }
        self.pass(Duration::from_secs(8));
        self.judged_clean();
        if let Some(node) = primary {
            self.until("the service address answers", BOOT, |scene| {
                scene.pair.ping()
            });
            let before = self.pair.judge().beat(node);
            self.until("the heartbeat goes on", BOOT, |scene| {
                scene.pair.judge().beat(node) != before
            });
        }
        self.dog.stop();
        self.pass(Duration::from_secs(2));
        self.judged_clean();
        self.boots_are_fenced();
        self.result = Some("passed".to_owned());
    }
}

impl Drop for Scene {
    /// Keeps what is needed to understand the scene, and writes its line of the table.
    fn drop(&mut self) {
        self.dog.kill();
        self.dog.keep();
        let judged = self.pair.judge_or_nothing();
        let boots = judged.as_ref().map(|judged| judged.boots().join(" "));
        let boots = boots.unwrap_or_default();
        for node in Node::BOTH {
            let name = format!("{node}.transcript");
            let _kept = fs::copy(self.pair.dir.join(&name), self.place.join(&name));
        }
        if let Some(helped @ 1..) = self.helped {
            self.note(&format!(
                "OpenBIOS or the kernel hung {helped} times: power cycled, and `release`"
            ));
        }
        let mut note = self.note.clone();
        if self.result.is_none()
            && Node::BOTH
                .iter()
                .any(|node| self.pair.wire(*node).firmware_hung())
        {
            note = format!("firmware hung; {note}");
        }
        if self.result.is_none() {
            // However it failed: `tests/bed/run` plays no such scene a second time.
            let wrote = judged.map_or(0, |judged| judged.violations());
            let unproved = self.unproved_boots();
            if wrote > 0 || unproved.len() > self.elsewhere {
                let unproved = unproved.join("; ");
                note =
                    format!("NEVER TWO: {wrote} writes beside another writer; {unproved}; {note}");
            }
        }
        let result = self.result.clone().unwrap_or_else(|| "FAILED".to_owned());
        let seconds = self.began.elapsed().as_secs().to_string();
        let alarms = self.dog.alarm_codes().join(" ");
        tell(&[&self.name, &result, &seconds, &boots, &alarms, &note]);
        eprintln!("kept in {}", self.place.display());
    }
}

/// A line for `tests/bed/run`: scene, result, seconds, boots, alarms, note.
fn tell(fields: &[&str]) {
    append("CLUSTERD_BED_TABLE", fields);
}

/// Appends a line to the file that this variable names, if it does.
fn append(variable: &str, fields: &[&str]) {
    let Some(path) = std::env::var_os(variable) else {
        return;
    };
    let file = fs::File::options().create(true).append(true).open(path);
    let line = fields.join("\t") + "\n";
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    written.expect("the table can be written");
}
