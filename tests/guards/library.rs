//! What the procedures of the service processors' libraries type, to the letter, and how they end: a
//! console answers what stands in a table, and nothing else. The mutation check takes their lines out.

use std::time::Duration;

use clusterd::machine::input::{Input, PowerState};

use crate::desk::*;

/// What is typed, and what is shown then.
type Talk<'a> = Vec<(&'a str, &'a str)>;

/// How a procedure ends.
#[derive(Clone, Copy)]
enum Ends {
    /// It is done.
    Done,
    /// It fails, with this in its reason.
    Fails(&'static str),
}
use Ends::{Done, Fails};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Calls a procedure of a library; gives the desk when it has ended as it should.
#[track_caller]
fn play(library: &str, procedure: &str, talk: &[(&str, &str)], ends: Ends) -> (Desk, Duration) {
    let plan = Plan {
        echo: false,
        ..Plan::default()
    };
    let mut d = plan.ready(&format!(
        "
    call {procedure}(secondary) else {{
        log \"why: {{reason}}\"
        -> bad
    }}
    -> good
use {library}"
    ));
    let lines = talk.iter();
    let lines = lines.map(|(typed, shown)| ((*typed).to_owned(), (*shown).to_owned()));
    d.consoles[BETA].played = Some(lines.collect());
    let began = d.now;
    d.act();
    let over = d.until(secs(1500), |d| d.is_in("good") || d.is_in("bad"));
    assert!(over, "{procedure} does not end\n{}", d.story());
    let typed: String = talk.iter().map(|(typed, _)| *typed).collect();
    assert_eq!(d.consoles[BETA].typed, typed, "{procedure}\n{}", d.story());
    match ends {
        Done => assert!(d.is_in("good"), "{procedure}\n{}", d.story()),
        Fails(why) => {
            assert!(d.is_in("bad"), "{procedure}\n{}", d.story());
            let said = d.events.iter().any(|(_, event)| {
                let event = event.to_string();
                event.contains("why: ") && event.contains(why)
            });
            assert!(said, "{procedure}: {why}\n{}", d.story());
        }
    }
    let took = d.now.since(began);
    (d, took)
}

/// The same, three times over: what a `retry` does that has no luck.
fn thrice<'a>(talk: &[(&'a str, &'a str)]) -> Talk<'a> {
    [talk, talk, talk].concat()
}

const LOGIN: &str = "\r\nnode console login: ";
const OK: &str = "\r\nok ";
const BOOTS: &str = "\r\nBoot device: disk  File and args: \r\n";
const MENU: &str = "\r\nc)ontinue, s)ync, r)eset? ";
const HALTED: &str = "\r\nr)eboot, o)k prompt, h)alt? ";

/// What one kind of service processor says, and is told.
struct Words {
    library: &'static str,
    prefix: &'static str,
    at: &'static str,
    prompt: &'static str,
    console: &'static str,
    force: &'static str,
    given: &'static str,
    confirm: &'static str,
    order_break: &'static str,
    answers: &'static str,
    no_escape: &'static str,
    /// Asks whether it is off: what is typed before the answer comes.
    asks: &'static [&'static str],
    asks_on: &'static str,
    off: &'static str,
    on: &'static str,
    not_off: &'static str,
    poweroff: &'static str,
    guard: &'static str,
    poweron: &'static str,
}

const ALOM: Words = Words {
    library: "alom",
    prefix: "alom",
    at: "alom_at_sc",
    prompt: "\r\nsc> ",
    console: "console\r",
    force: "console -f\r",
    given: "\r\nEnter #. to return to ALOM.\r\n",
    confirm: "\r\nWould you like to continue [y/n]? ",
    order_break: "break -y\r",
    answers: "its SC does not answer",
    no_escape: "no ALOM, or another escape",
    asks: &["\r", "showplatform\r"],
    asks_on: "showplatform\r",
    off: "\r\nS0     OS Standby\r\n",
    on: "\r\nS0     Running\r\n",
    not_off: "does not show it in standby",
    poweroff: "poweroff -fy\r",
    guard: "bootmode bootscript=\"setenv auto-boot? false\"\r",
    poweron: "poweron\r",
};

const ILOM: Words = Words {
    library: "ilom",
    prefix: "ilom",
    at: "ilom_at_sp",
    prompt: "\r\n-> ",
    console: "start -script /SP/console\r",
    force: "start -force -script /SP/console\r",
    given: "\r\nSerial console started.  To stop, type #.\r\n",
    confirm: "\r\nAre you sure you want to start /SP/console (y/n)? ",
    order_break: "set /HOST send_break_action=break\r",
    answers: "its SP does not answer",
    no_escape: "no ILOM, or another escape",
    asks: &["show -d properties /SYS\r"],
    asks_on: "show -d properties /SYS\r",
    off: "\r\n        power_state = Off\r\n",
    on: "\r\n        power_state = On\r\n",
    not_off: "does not show it off",
    poweroff: "stop -script -force /SYS\r",
    guard: "set /HOST/bootmode script=\"setenv auto-boot? false\"\r",
    poweron: "start -script /SYS\r",
};

const BOTH: [Words; 2] = [ALOM, ILOM];

impl Words {
    #[track_caller]
    fn play(&self, procedure: &str, talk: &[(&str, &str)], ends: Ends) -> (Desk, Duration) {
        let name = format!("{}_{procedure}", self.prefix);
        play(self.library, &name, talk, ends)
    }

    /// A procedure of those that begin at the processor's prompt.
    #[track_caller]
    fn at(&self, procedure: &str, talk: &[(&str, &str)], ends: Ends) -> (Desk, Duration) {
        let name = format!("{}_{procedure}", self.at);
        play(self.library, &name, talk, ends)
    }

    /// To its prompt.
    fn escape(&self) -> Talk<'_> {
        vec![("#.", self.prompt)]
    }

    /// Back, by force.
    fn back(&self) -> Talk<'_> {
        vec![(self.force, self.given)]
    }

    fn shows(&self, state: &str) -> &'static str {
        // Leaked: a test's texts.
        Box::leak(format!("{state}{}", self.prompt).into_boxed_str())
    }

    /// The question whether it is off.
    fn asks(&self, state: &str) -> Talk<'_> {
        let answer = self.shows(state);
        let last = self.asks.len() - 1;
        let each = self.asks.iter().enumerate();
        each.map(|(n, typed)| (*typed, if n == last { answer } else { self.prompt }))
            .collect()
    }

    fn is_on(&self, state: &str) -> Talk<'_> {
        vec![(self.asks_on, self.shows(state))]
    }

    fn goes_off(&self) -> Talk<'_> {
        [vec![(self.poweroff, self.prompt)], self.asks(self.off)].concat()
    }

    fn goes_on(&self) -> Talk<'_> {
        vec![(self.guard, self.prompt), (self.poweron, self.prompt)]
    }

    /// Off, on, and back on the console, which shows that.
    fn cycles(&self, shows: &str) -> Talk<'_> {
        let shown: &'static str = Box::leak(format!("{}{shows}", self.given).into_boxed_str());
        let forced = vec![(self.force, shown)];
        let (off, on) = (self.goes_off(), self.goes_on());
        [self.is_on(self.on), off, on, forced].concat()
    }

    fn breaks(&self) -> Talk<'_> {
        let order = vec![(self.order_break, self.prompt)];
        [self.escape(), order, self.back()].concat()
    }
}

#[test]
fn library_from_the_console_to_the_prompt() {
    for w in BOTH {
        let sc = if w.library == "alom" { "sc" } else { "sp" };
        w.play(sc, &[("#.", w.prompt)], Done);
        w.play(sc, &[("#.", ""), ("\r", w.prompt)], Done);
        w.play(
            sc,
            &thrice(&[("#.", ""), ("\r", LOGIN)]),
            Fails(w.no_escape),
        );
        let (_, took) = w.play(sc, &thrice(&[("#.", ""), ("\r", "")]), Fails(w.answers));
        assert!(took >= secs(36), "2 s and 10 s, three times: {took:?}");
    }
}

#[test]
fn library_back_to_the_console() {
    let no = "does not give us the console";
    for w in BOTH {
        w.play("console", &[(w.console, w.given)], Done);
        w.play("console", &thrice(&[(w.console, w.prompt)]), Fails(no));
        w.play("console", &thrice(&[(w.console, "")]), Fails(w.answers));
        w.play("force", &[(w.force, w.given)], Done);
        let asked = [(w.force, w.confirm), ("y\r", w.given)];
        w.play("force", &asked, Done);
        w.play("force", &thrice(&[(w.force, w.prompt)]), Fails(no));
        w.play("force", &thrice(&[(w.force, "")]), Fails(w.answers));
        let asked = [(w.force, w.confirm), ("y\r", "")];
        w.play("force", &thrice(&asked), Fails(no));
        let take = [w.escape(), w.back()].concat();
        w.play("take", &take, Done);
    }
    let escape = "\r\nSerial console started.  To stop, type ESC (\r\n";
    let used = "\r\nSerial console is in use\r\n";
    let w = ILOM;
    let other = Fails("set escapechars");
    w.play("console", &thrice(&[(w.console, escape)]), other);
    let other = Fails("set escapechars");
    w.play("force", &thrice(&[(w.force, escape)]), other);
    let other = Fails("somebody else has its console");
    w.play("console", &thrice(&[(w.console, used)]), other);
}

#[test]
fn library_a_break_through_the_processor() {
    for w in BOTH {
        w.at("break", &[(w.order_break, w.prompt)], Done);
        let (_, took) = w.at("break", &[(w.order_break, "")], Done);
        assert!(took >= secs(10), "an alert may stand in the way: {took:?}");
        w.play("break", &w.breaks(), Done);
    }
    let refused = "\r\nset: Invalid property value\r\n-> ";
    ILOM.at(
        "break",
        &[(ILOM.order_break, refused)],
        Fails("refuses BREAK"),
    );
}

#[test]
fn library_whether_it_is_off() {
    for w in BOTH {
        let is_off = if w.library == "alom" {
            "standby"
        } else {
            "is_off"
        };
        let is_on = if w.library == "alom" { "on" } else { "is_on" };
        w.at(is_off, &w.asks(w.off), Done);
        w.at(is_off, &w.asks(w.on), Fails(w.not_off));
        w.at(is_off, &w.asks(""), Fails(w.not_off));
        // The answer, and no prompt behind it.
        let mut half = w.asks(w.off);
        half.last_mut().expect("it asks").1 = w.off;
        w.at(is_off, &half, Fails(""));
        w.at(is_on, &w.is_on(w.on), Done);
        w.at(is_on, &w.is_on(w.off), Fails("not switched on from here"));
        let there = [w.escape(), w.asks(w.off), vec![(w.console, w.given)]].concat();
        w.play("status", &there, Done);
        let there = [w.escape(), w.asks(w.on), vec![(w.console, w.given)]].concat();
        w.play("status", &there, Fails(w.not_off));
    }
    ALOM.at("standby", &[("\r", "")], Fails(""));
    ILOM.at("is_on", &[(ILOM.asks_on, ILOM.prompt)], Done);
    // On, and no prompt behind it.
    ILOM.at("is_on", &[(ILOM.asks_on, ILOM.on)], Fails(""));
}

#[test]
fn library_off_and_on() {
    for w in BOTH {
        let (_, took) = w.at("poweroff", &w.goes_off(), Done);
        assert!(took >= secs(2), "it takes its time: {took:?}");
        let order = vec![(w.poweroff, w.prompt)];
        let slow = [order, w.asks(w.on), w.asks(w.off)].concat();
        w.at("poweroff", &slow, Done);
        w.at("poweron", &w.goes_on(), Done);
        w.at("poweron", &[(w.guard, "")], Fails(""));
        w.at(
            "poweron",
            &[(w.guard, w.prompt), (w.poweron, "")],
            Fails(""),
        );
        w.at("cycle", &w.cycles(OK), Done);
        w.at("cycle", &w.cycles(BOOTS), Fails("it starts by itself"));
        w.at("cycle", &w.cycles(LOGIN), Fails("it starts by itself"));
        w.at("cycle", &w.cycles(""), Fails("no ok prompt within"));
        let off = [w.escape(), w.goes_off(), w.back()].concat();
        w.play("off", &off, Done);
        let on = [w.escape(), w.goes_on(), w.back()].concat();
        w.play("on", &on, Done);
        w.play("cycle", &[w.escape(), w.cycles(OK)].concat(), Done);
        let is_off = [w.escape(), w.is_on(w.off), w.escape(), w.back()].concat();
        w.play("cycle", &is_off, Fails("not switched on from here"));
    }
    let alert = "\r\nSC Alert: Host System has Reset\r\n";
    let w = ALOM;
    w.at("poweron", &[(w.guard, w.prompt), (w.poweron, alert)], Done);
    let w = ILOM;
    let refused = "\r\nstart: Target already started\r\n-> ";
    let on = [(w.guard, w.prompt), (w.poweron, refused)];
    w.at("poweron", &on, Fails("does not switch it on"));
}

#[test]
fn library_to_the_ok_prompt() {
    for w in BOTH {
        let asked = |shows| [w.breaks(), vec![("\r", shows)]].concat();
        w.play("stop", &asked(OK), Done);
        let mut times = Vec::new();
        for (shows, said) in [
            (MENU, "its firmware is gone"),
            (HALTED, "a sun4v machine, halted"),
            (LOGIN, "does not heed BREAK"),
            ("", "does not heed BREAK"),
        ] {
            let cycled = [asked(shows), w.escape(), w.cycles(OK)].concat();
            let (d, took) = w.play("stop", &cycled, Done);
            assert!(d.said(said), "{said}\n{}", d.story());
            times.push(took);
        }
        // A login prompt is an answer; nobody waits for another one.
        assert!(times[2] + secs(4) <= times[3], "{times:?}");
        let order = vec![(w.order_break, w.prompt)];
        let at_once = [w.escape(), order.clone(), w.cycles(OK)].concat();
        w.play("stop_at_once", &at_once, Done);
        let (off, again) = (w.is_on(w.off), [w.escape(), w.back()].concat());
        let is_off = [w.escape(), order, off, again].concat();
        w.play("stop_at_once", &is_off, Fails("not switched on from here"));
        w.play("ok", &[("\r", OK)], Done);
        let (d, _) = w.play("ok", &[("\r", HALTED), ("o", OK)], Done);
        assert!(d.said("o leads to its ok prompt"), "{}", d.story());
        w.play("ok", &[("\r", "")], Fails("neither its ok prompt"));
        w.play("ok", &[("\r", HALTED), ("o", "")], Fails(""));
    }
}

/// A node with a power leg behind a BMC, and a state that does this.
pub fn behind_bmc(act: &str) -> Desk {
    let plan = Plan {
        legs: 1,
        ..Plan::default()
    };
    let mut d = plan.ready(&format!("{act}\nuse bmc"));
    d.act();
    d
}

#[test]
fn library_a_bmc_breaks_and_switches_off_in_a_fence() {
    let mut d = behind_bmc(
        "
    fence secondary with bmc_break refused -> vetoed else -> bad
    -> good",
    );
    d.comes_to("bad");
    assert_eq!(d.consoles[BETA].breaks, 1, "{}", d.story());
    let mut d = behind_bmc(
        "
    fence secondary with bmc_off refused -> vetoed else -> bad
    -> good",
    );
    d.reach("the order", |d| !d.power.is_empty());
    d.legs_say(&[PowerState::Off]);
    d.legs_say(&[PowerState::Off]);
    d.comes_to("good");
}

#[test]
fn library_a_bmcs_power_leg_is_asked() {
    let unknown = PowerState::Unknown("no answer".to_owned());
    for (leg, state, why) in [
        (PowerState::Off, "good", ""),
        (PowerState::On, "bad", "it has power"),
        (unknown, "bad", "its power leg does not say"),
    ] {
        let mut d = behind_bmc(
            "
    call bmc_status(secondary) else {
        log \"why: {reason}\"
        -> bad
    }
    -> good",
        );
        d.reach("the question", |d| !d.power.is_empty());
        d.legs_say(&[leg]);
        d.comes_to(state);
        assert!(d.said(why), "{}", d.story());
    }
}

#[test]
fn library_a_bmc_is_given_orders_by_ipmitool() {
    for (procedure, order) in [
        ("bmc_on", ["chassis", "power", "on"].as_slice()),
        ("bmc_release", &["sol", "deactivate"]),
        ("bmc_dump", &["chassis", "power", "diag"]),
    ] {
        for (code, state) in [(0, "good"), (1, "bad")] {
            let act = format!("\n    call {procedure}(secondary) else -> bad\n    -> good");
            let mut d = behind_bmc(&act);
            d.reach("the order", |d| !d.runs.is_empty());
            let (ticket, argv) = d.runs.pop().expect("it is ordered");
            assert_eq!(argv[0], "ipmitool");
            assert!(argv.contains(&"beta-bmc".to_owned()), "{argv:?}");
            assert_eq!(&argv[argv.len() - order.len()..], order);
            let code = Ok(code);
            d.tell(Input::RunDone { ticket, code });
            d.comes_to(state);
        }
    }
}
