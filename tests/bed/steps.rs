//! SIGKILL at each journalled step of a takeover. A takeover without a kill shows the steps; then
//! one takeover for each of them, killed at the moment in which its entry has become durable
//! (`kill_at.rs`), and clusterd is started again. What must come of it: service, or an alarm; and
//! never two writers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use clusterd::store::{EntryKind, Reader, Recorded, utc_text};
use serde_json::Value;

use crate::lost::power_legs;
use crate::pair::{Alpha, Node};
use crate::scene::{Scene, scene_with};

/// A takeover with a restart in it, on busy cores.
const LONG: Duration = Duration::from_secs(400);

/// A step that OpenBIOS kept from coming is waited for in this many takeovers.
const TRIES: u32 = 4;

/// How long the journal's writer may take to begin a write.
const MOMENT: Duration = Duration::from_millis(100);

/// How a takeover comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// A panic; the fence is made on the console.
    Panic,
    /// A panic, and clusterd was killed once before at the intent of the fence.
    PanicAndKill,
    /// A panic, and a disk that no node can boot from until somebody mends it.
    PanicAndBadDisk,
    /// The power fails; a siege stands for the proof, and ends when the power is back.
    Dark,
    /// The node freezes; a power leg switches it off.
    Frozen,
    /// The power fails, under `integrity`: a person gives their word.
    Word,
}

impl Loss {
    /// The proof was not made on its console, and no siege makes one when it is back: rule 10
    /// refuses a switch back to it.
    fn leaves_it_unfenced(self) -> bool {
        matches!(self, Loss::Frozen | Loss::Word)
    }
}

#[test]
#[ignore = "needs the test bed"]
fn l_killed_at_each_step_of_a_panic() {
    killed_at_each_step("l_killed_at_each_step_of_a_panic", Loss::Panic, &[]);
}

#[test]
#[ignore = "needs the test bed"]
fn t_killed_again_at_each_step_after_the_restart() {
    let name = "t_killed_again_at_each_step_after_the_restart";
    killed_at_each_step(name, Loss::PanicAndKill, &[]);
}

#[test]
#[ignore = "needs the test bed"]
fn t_killed_at_each_step_of_a_boot_that_fails() {
    let name = "t_killed_at_each_step_of_a_boot_that_fails";
    killed_at_each_step(name, Loss::PanicAndBadDisk, &[]);
}

#[test]
#[ignore = "needs the test bed"]
fn t_killed_at_each_step_in_the_dark() {
    killed_at_each_step("t_killed_at_each_step_in_the_dark", Loss::Dark, &[]);
}

#[test]
#[ignore = "needs the test bed"]
fn t_killed_at_each_step_with_a_power_leg() {
    let legs = power_legs();
    let mut edits: Vec<(&str, &str)> = legs.iter().map(|(old, new)| (*old, &**new)).collect();
    edits.push(INTEGRITY);
    let name = "t_killed_at_each_step_with_a_power_leg";
    killed_at_each_step(name, Loss::Frozen, &edits);
}

#[test]
#[ignore = "needs the test bed"]
fn t_killed_at_each_step_with_a_persons_word() {
    let name = "t_killed_at_each_step_with_a_persons_word";
    killed_at_each_step(name, Loss::Word, &[INTEGRITY]);
}

const INTEGRITY: (&str, &str) = ("data_policy: adaptability", "data_policy: integrity");

fn killed_at_each_step(name: &str, loss: Loss, edits: &[(&str, &str)]) {
    let Some(mut scene) = scene_with(name, edits) else {
        return;
    };
    let order = Order::new(&mut scene);
    scene.forgive_hung_firmware();
    match loss {
        // What counts on a BREAK that has worked, and on guards that were read.
        Loss::Dark => scene.proved_there_and_back(),
        _ => scene.adopted(),
    }
    if matches!(loss, Loss::Dark | Loss::Frozen | Loss::Word) {
        scene.proofs_stand_elsewhere();
    }
    let (mut primary, mut steps) = without_a_kill(&mut scene, &order, loss);
    // A guard is written once for each node: the next takeover is the last that has it.
    steps.sort_by_key(|step| step.kind != EntryKind::Guard);
    let mut hit: Vec<Step> = Vec::new();
    for step in &steps {
        // Some steps stand in one write: whoever is killed at one of them is killed at all.
        if hit.contains(step) {
            continue;
        }
        let mut killed = None;
        // Where both nodes were fenced in the first takeover, both guards were written in it.
        let gone = step.kind == EntryKind::Guard && loss == Loss::PanicAndBadDisk;
        let tries = if gone { 0 } else { TRIES };
        for _ in 0..tries {
            if loss.leaves_it_unfenced() {
                scene.anew();
                primary = Alpha;
            }
            killed = one_kill(&mut scene, &order, loss, &mut primary, step);
            scene.judged_clean();
            if killed.is_some() || step.kind == EntryKind::Guard {
                break;
            }
        }
        let Some(killed) = killed else {
            assert_eq!(step.kind, EntryKind::Guard, "{step} did not come again");
            let why = "a guard is written once for each node: it did not come again";
            scene.line(&[&step.to_string(), "", why, ""]);
            continue;
        };
        let with: Vec<String> = killed.with.iter().map(Step::to_string).collect();
        let so_far = format!("{} BREAKs, {} boots", killed.breaks, killed.boots);
        let line = [&step.to_string(), &with.join(", "), &so_far, &killed.end];
        scene.line(&line.map(String::as_str));
        hit.push(step.clone());
        hit.extend(killed.with);
    }
    let missed = steps.iter().filter(|step| !hit.contains(step)).count();
    scene.note(&format!(
        "{} of {} steps",
        steps.len() - missed,
        steps.len()
    ));
    scene.released(Some(primary));
}

/// The takeover as it is, and the steps that it had.
fn without_a_kill(scene: &mut Scene, order: &Order, loss: Loss) -> (Node, Vec<Step>) {
    order.take_back();
    let last = |scene: &Scene| history(scene).last().map_or(0, |entry| entry.id);
    let (mut old, mut primary, mut mark) = (Alpha, Alpha, 0);
    // Where the other one's firmware does not boot, the service stays: then once more.
    for _ in 0..TRIES {
        scene.mark();
        mark = last(scene);
        old = primary;
        let fate = story(scene, order, loss, old, &mut |scene| mark = last(scene));
        assert_eq!(fate, Fate::Served, "nobody was to be killed");
        primary = has_it(scene);
        scene.serves(primary);
        if primary != old {
            break;
        }
    }
    assert_ne!(primary, old, "the service did not move");
    let mut steps: Vec<Step> = Vec::new();
    for entry in history(scene).iter().filter(|entry| entry.id > mark) {
        let step = Step::of(entry, old);
        let expected = loss == Loss::PanicAndBadDisk || !step.of_a_boot_that_failed();
        if waited_for(entry) && expected && !steps.contains(&step) {
            steps.push(step);
        }
    }
    assert!(steps.len() >= 3, "{steps:?}");
    (primary, steps)
}

/// A kill, and what became of it.
struct Killed {
    /// What else stood in the last write.
    with: Vec<Step>,
    /// What clusterd had sent since the failure.
    breaks: usize,
    boots: usize,
    end: String,
}

/// One takeover, killed at this step; none if the step did not come.
fn one_kill(
    scene: &mut Scene,
    order: &Order,
    loss: Loss,
    primary: &mut Node,
    step: &Step,
) -> Option<Killed> {
    let old = *primary;
    scene.mark();
    let fate = story(scene, order, loss, old, &mut |_| order.give(step, old));
    if fate == Fate::Served {
        order.take_back();
        *primary = has_it(scene);
        return None;
    }
    let since = order.take_back();
    let killed = Instant::now();
    let with = last_write(scene, step, old, &since);
    let breaks = scene.breaks_since_mark(old);
    let boots = scene.boots_since_mark();
    scene.dog.start(&scene.pair);
    let fate = ends(scene, loss, old);
    *primary = has_it(scene);
    scene.serves(*primary);
    let who = match *primary == old {
        true => "the old primary",
        false => "the secondary",
    };
    let took = killed.elapsed().as_secs();
    Some(Killed {
        with,
        breaks,
        boots,
        end: format!("{who} serves after {took} s{fate}"),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Killed,
    Served,
}

/// Loses the primary, and does what belongs to it, until clusterd is killed or all is well again.
/// `from_here` is called before the steps that count.
fn story(
    scene: &mut Scene,
    order: &Order,
    loss: Loss,
    old: Node,
    from_here: &mut dyn FnMut(&Scene),
) -> Fate {
    match loss {
        Loss::Panic => {
            from_here(scene);
            scene.pair.type_line(old, "panic");
        }
        Loss::PanicAndKill => {
            order.give(&Step::fence_intent(), old);
            scene.pair.type_line(old, "panic");
            scene.until_killed_or("the first kill", |_| false);
            order.take_back();
            from_here(scene);
            scene.dog.start(&scene.pair);
        }
        Loss::PanicAndBadDisk => {
            from_here(scene);
            scene.pair.run(&["disk", "corrupt-label"]);
            scene.pair.type_line(old, "panic");
            if scene.until_killed_or("HOLD", held) || killed_at_release(scene) {
                return Fate::Killed;
            }
        }
        Loss::Dark => {
            from_here(scene);
            scene.pair.power(old, "off");
            if scene.until_killed_or("the takeover", |scene| watches(scene, old.other())) {
                return Fate::Killed;
            }
            scene.switched(old, "on");
            let back = |scene: &Scene| at_its_prompt(scene, old);
            if scene.until_killed_or("the end of the siege", back) {
                return Fate::Killed;
            }
        }
        Loss::Frozen => {
            from_here(scene);
            scene.pair.act("freeze", old);
            if scene.until_killed_or("the takeover", |scene| watches(scene, old.other())) {
                return Fate::Killed;
            }
            scene.switched(old, "on");
            scene.pair.wait(old, "ok");
        }
        Loss::Word => {
            from_here(scene);
            scene.pair.power(old, "off");
            if scene.until_killed_or("HOLD", held) {
                return Fate::Killed;
            }
            // It may be killed before it answers: then that is seen below.
            gives_word(scene, old);
        }
    }
    // After HOLD a start of the other one that fails leads back to the old one.
    let may_stay = loss == Loss::PanicAndBadDisk;
    let served = |scene: &Scene| watches(scene, old.other()) || may_stay && watches(scene, old);
    if scene.until_killed_or("the takeover", served) {
        return Fate::Killed;
    }
    if loss == Loss::Word {
        scene.switched(old, "on");
        scene.pair.wait(old, "ok");
    }
    Fate::Served
}

/// After the restart: until one node has the package again, with the help that the loss asks for.
fn ends(scene: &mut Scene, loss: Loss, old: Node) -> String {
    let served = |scene: &Scene| Node::BOTH.into_iter().any(|node| watches(scene, node));
    let mut remark = String::new();
    let alarms = ["hold", "unclear", "blind"];
    scene.until("service, or HOLD and its alarm", LONG, |scene| {
        served(scene) || held(scene) && alarms.iter().any(|code| scene.dog.says_alarm(code))
    });
    if !served(scene) {
        ", after HOLD, its alarm, and a person's help".clone_into(&mut remark);
        match loss {
            Loss::PanicAndBadDisk => {
                scene.pair.run(&["disk", "restore"]);
                released(scene);
            }
            Loss::Word => assert!(gives_word(scene, old), "the word is taken"),
            Loss::Dark => {
                // A port that has carried nothing since clusterd runs proves no darkness. The node has the
                // package still, and in HOLD nobody fences it: power for it, and `release`.
                scene.switched(old, "on");
                scene.until("it is at its prompt", LONG, |scene| {
                    prompts(scene, old).is_some()
                });
                released(scene);
            }
            _ => released(scene),
        }
        scene.until("one node has the package again", LONG, served);
    }
    scene.pair.run(&["disk", "restore"]);
    if matches!(loss, Loss::Dark | Loss::Frozen | Loss::Word) {
        scene.switched(old, "on");
        scene.until("it is back at its prompt", LONG, |scene| {
            at_its_prompt(scene, old) || watches(scene, old)
        });
        scene.until("one node has the package still", LONG, served);
    }
    remark
}

fn watches(scene: &Scene, node: Node) -> bool {
    scene.dog.package().is_some_and(|package| {
        package["state"] == "watch"
            && package["primary"] == node.name()
            && package["confirmed"] == true
    })
}

fn has_it(scene: &Scene) -> Node {
    let package = scene.dog.package().expect("clusterd answers");
    let primary = Node::BOTH
        .into_iter()
        .find(|node| package["primary"] == node.name());
    primary.expect("one of the two")
}

/// Its siege is over, and it waits as a standby must.
fn at_its_prompt(scene: &Scene, node: Node) -> bool {
    prompts(scene, node).is_some_and(|asked| asked["siege"] != true) && watches(scene, node.other())
}

/// What is said of it, where it stands at its prompt.
fn prompts(scene: &Scene, node: Node) -> Option<Value> {
    let asked = scene.dog.node(node.name());
    asked.filter(|asked| asked["condition"] == "at its prompt")
}

fn released(scene: &mut Scene) {
    let (good, said) = scene.dog.command(&["release", "bed"]);
    assert!(good, "{said}");
}

/// Mends the disk and says `release`. HOLD shows a moment before its entry is durable: if clusterd is
/// killed at that, it does not answer.
fn killed_at_release(scene: &mut Scene) -> bool {
    scene.pair.run(&["disk", "restore"]);
    let (good, said) = scene.dog.command(&["release", "bed"]);
    !good && scene.until_killed_or(&said, |_| false)
}

fn gives_word(scene: &Scene, node: Node) -> bool {
    let name = format!("bed/{node}");
    let words = ["confirm", &name, "stopped", "--yes-i-have-checked", &name];
    scene.dog.command(&words).0
}

/// In HOLD, and not about to look again.
fn held(scene: &Scene) -> bool {
    scene
        .dog
        .package()
        .is_some_and(|package| package["hold"].is_string() && package["state"] != "assess")
}

/// Whether the machine waited for it, or at least gave it its memory: not a mere event.
fn waited_for(entry: &Recorded) -> bool {
    entry.entry.body == Value::Null
}

fn history(scene: &Scene) -> Vec<Recorded> {
    let reader = Reader::open(&scene.dog.home).expect("the journal can be read");
    reader.history("bed", 100_000).expect("it is whole")
}

/// Holds the journal to it that the step stands in its last write, and says what else does. Before an
/// intent is durable clusterd does nothing more. For what merely came about it does not wait: some
/// event may have gone into the same write, a moment later, but no other step.
fn last_write(scene: &Scene, step: &Step, old: Node, since: &str) -> Vec<Step> {
    let entries = history(scene);
    let hit = entries.iter().rposition(|entry| {
        waited_for(entry) && *utc_text(entry.at) >= *since && Step::of(entry, old) == *step
    });
    let hit = hit.unwrap_or_else(|| panic!("{step} is not in the journal"));
    let at = entries[hit].at;
    let in_it = || entries.iter().filter(|entry| entry.at == at);
    let waits = in_it().any(|entry| entry.entry.kind == EntryKind::Intent);
    let a_moment = |entry: &Recorded| entry.at < at + MOMENT && !waited_for(entry) && !waits;
    let later: Vec<&Recorded> = entries[hit..]
        .iter()
        .filter(|entry| entry.at != at && entry.entry.kind != EntryKind::Alarm)
        .filter(|entry| !a_moment(entry))
        .collect();
    assert!(later.is_empty(), "written after the kill: {later:?}");
    in_it()
        .filter(|entry| waited_for(entry))
        .map(|entry| Step::of(entry, old))
        .filter(|other| other != step)
        .collect()
}

/// An entry of the journal, with the nodes named by their parts in this takeover, and without
/// what differs from one to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    kind: EntryKind,
    subject: String,
    text: String,
}

impl Step {
    fn of(entry: &Recorded, old: Node) -> Step {
        let parts = |text: &str| {
            text.replace(old.name(), "OLD")
                .replace(old.other().name(), "NEW")
        };
        let text = &entry.entry.text;
        let end = [" (evidence", ": "].iter().filter_map(|cut| text.find(cut));
        let end = end.min().unwrap_or(text.len());
        Step {
            kind: entry.entry.kind,
            subject: parts(&entry.entry.subject),
            text: parts(&text[..end]),
        }
    }

    /// OpenBIOS fails to boot now and then, and is reset and asked again: the next takeover need not
    /// have these steps.
    fn of_a_boot_that_failed(&self) -> bool {
        let texts = ["NEW did not start", "stop NEW", "NEW is proved stopped"];
        self.kind == EntryKind::Guard && self.subject == "NEW"
            || texts.iter().any(|text| self.text.starts_with(text))
    }

    fn fence_intent() -> Step {
        Step {
            kind: EntryKind::Intent,
            subject: "OLD".to_owned(),
            text: "stop OLD for good".to_owned(),
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

/// The order that `kill_at.rs` reads.
struct Order {
    path: PathBuf,
}

impl Order {
    /// Has the daemon of the scene started with the preloaded library.
    fn new(scene: &mut Scene) -> Order {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kill_at.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bed/kill_at.rs");
        let built = Command::new("rustc")
            .args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-o"])
            .arg(&library)
            .arg(source)
            .status();
        assert!(built.is_ok_and(|status| status.success()), "rustc {source}");
        let path = scene.dog.home.join("kill-at");
        scene.dog.before = vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", library.display()),
            format!("CLUSTERD_KILL_AT={}", path.display()),
        ];
        Order { path }
    }

    /// From now on: at the next entry of this kind.
    fn give(&self, step: &Step, old: Node) {
        let since = utc_text(SystemTime::now());
        // HOLD is no OLD.
        let names = |text: &str| {
            let parts = text.split("HOLD").map(|part| {
                part.replace("OLD", old.name())
                    .replace("NEW", old.other().name())
            });
            parts.collect::<Vec<_>>().join("HOLD")
        };
        let (subject, text) = (names(&step.subject), names(&step.text));
        let row = format!("{since}\nbed{}{subject}{text}", step.kind);
        let new = self.path.with_extension("new");
        fs::write(&new, row).expect("the order is written");
        fs::rename(&new, &self.path).expect("the order is given");
    }

    /// Since when it was in force.
    fn take_back(&self) -> String {
        let order = fs::read_to_string(&self.path).unwrap_or_default();
        let _was_there = fs::remove_file(&self.path);
        order.lines().next().unwrap_or_default().to_owned()
    }
}
