//! What the compiler makes of chat scripts: the ops and jumps that the machine runs.

mod script;

use std::collections::BTreeMap;
use std::time::Duration;

use clusterd::script::diagnostic::render;
use clusterd::script::program::{
    Op, Pc, Piece, Presence, Program, Question, Role, Text, Value, When, Who,
};
use proptest::prelude::*;
use script::{SHIPPED, compile, try_compile};

const PRIMARY: Who = Who::Role(Role::Primary);

/// One state `here` with these steps and triggers.
fn state(body: &str) -> Program {
    let text = format!(
        "script one\nuse openboot\nstart hold state here\n{body}\nhold state there\n on operator release -> here"
    );
    compile("one.chat", &text).program
}

fn entry(program: &Program) -> Pc {
    program.states[program.start].entry
}

/// The op behind all jumps.
fn at(program: &Program, mut pc: Pc) -> &Op {
    while let Op::Jump(to) = &program.ops[pc] {
        pc = *to;
    }
    &program.ops[pc]
}

#[test]
fn an_ask_types_return_and_leads_on_by_what_comes() {
    let program = state(
        "ask primary within 5s { login, prompt { log \"a\" }  panic -> there  silence -> there } log \"b\"",
    );
    let pc = entry(&program);
    let cr = Text(vec![Piece::Literal("\r".to_owned())]);
    assert_eq!(
        program.ops[pc],
        Op::Send {
            who: PRIMARY,
            text: cr
        }
    );
    let Op::Expect {
        who: PRIMARY,
        within,
        arms,
        silence: Some(silence),
    } = &program.ops[pc + 1]
    else {
        panic!("{:?}", program.ops[pc + 1]);
    };
    assert_eq!(*within, Duration::from_secs(5));
    let names: Vec<Vec<&str>> = arms
        .iter()
        .map(|arm| {
            arm.patterns
                .iter()
                .map(|id| program.patterns[*id].name.as_str())
                .collect()
        })
        .collect();
    assert_eq!(names, [vec!["login", "prompt"], vec!["panic"]]);
    let log = |text: &str| Op::Log(Text(vec![Piece::Literal(text.to_owned())]));
    assert_eq!(*at(&program, arms[0].then), log("a"));
    assert_eq!(
        *at(&program, arms[0].then + 1),
        log("b"),
        "an arm without -> goes on behind the step"
    );
    assert_eq!(*at(&program, arms[1].then), Op::Goto(1));
    assert_eq!(*at(&program, *silence), Op::Goto(1));
}

#[test]
fn the_time_of_a_wait_may_stand_with_the_silence() {
    let program = state("ask primary { login -> there  silence 10s -> { } }");
    let op = &program.ops[entry(&program) + 1];
    assert!(
        matches!(op, Op::Expect { within, .. } if *within == Duration::from_secs(10)),
        "{op:?}"
    );
}

#[test]
fn a_door_goes_on_behind_itself_and_has_its_ways_out() {
    let program = state(
        "alarm notice x \"x\"\nfence primary with cut_power, darkness refused -> there else { log \"no\" }\nlog \"yes\"",
    );
    let pc = entry(&program) + 1;
    let Op::Fence {
        who: PRIMARY,
        procedures,
        refused: Some(refused),
        otherwise,
    } = &program.ops[pc]
    else {
        panic!("{:?}", program.ops[pc]);
    };
    let names: Vec<&str> = procedures
        .iter()
        .map(|id| program.procedures[*id].name.as_str())
        .collect();
    assert_eq!(names, ["cut_power", "darkness"]);
    let log = |text: &str| Op::Log(Text(vec![Piece::Literal(text.to_owned())]));
    assert_eq!(*at(&program, pc + 1), log("yes"));
    assert_eq!(*at(&program, *refused), Op::Goto(1));
    assert_eq!(*at(&program, *otherwise), log("no"));
    assert_eq!(*at(&program, otherwise + 1), log("yes"));
}

#[test]
fn a_nudge_goes_on_if_its_pattern_comes() {
    let program =
        state("nudge primary \"x\\r\" expecting login within 2s else -> there\nlog \"on\"");
    let Op::Expect {
        arms,
        silence: Some(silence),
        ..
    } = &program.ops[entry(&program) + 1]
    else {
        panic!();
    };
    assert!(matches!(at(&program, arms[0].then), Op::Log(_)));
    assert_eq!(*at(&program, *silence), Op::Goto(1));
}

#[test]
fn a_run_and_a_survey_lead_where_their_arms_say() {
    let program = state(
        "run \"a\" \"{package}\" within 1s { 0 { } 1, 2 -> there else -> there }\n\
         survey within 3s { one_runs { } all_wait -> there two_live { } silent -> there unclear { } }",
    );
    let pc = entry(&program);
    let Op::Run {
        argv,
        codes,
        otherwise,
        ..
    } = &program.ops[pc]
    else {
        panic!()
    };
    assert_eq!(argv[1], Text(vec![Piece::Value(Value::Package)]));
    assert_eq!(
        codes.iter().map(|(code, _)| *code).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert!(matches!(at(&program, codes[0].1), Op::Survey { .. }));
    assert_eq!(*at(&program, codes[2].1), Op::Goto(1));
    assert_eq!(*at(&program, *otherwise), Op::Goto(1));
    let Op::Survey {
        one_runs,
        all_wait,
        two_live,
        silent,
        unclear,
        ..
    } = at(&program, codes[0].1)
    else {
        panic!();
    };
    assert_eq!(
        [one_runs, two_live, unclear].map(|pc| at(&program, *pc)),
        [&Op::End; 3]
    );
    assert_eq!(
        [all_wait, silent].map(|pc| at(&program, *pc)),
        [&Op::Goto(1); 2]
    );
}

#[test]
fn a_retry_is_a_loop_with_an_end() {
    let compiled = compile(
        "retry.chat",
        "script retry\nuse openboot\nstart hold state here\n on operator release { call p(primary) else -> here }\n\
         procedure p(node)\n retry 3 every 2s { send node \"\\r\" expect node within 1s { prompt -> done } } log \"after\"",
    );
    let program = compiled.program;
    let procedure = program
        .procedures
        .iter()
        .find(|procedure| procedure.name == "p")
        .expect("it is there");
    let pc = procedure.entry;
    let Op::Retry {
        count: 3,
        every,
        end,
    } = program.ops[pc]
    else {
        panic!()
    };
    assert_eq!(every, Duration::from_secs(2));
    assert_eq!(program.ops[end - 1], Op::Again);
    assert!(matches!(program.ops[end], Op::Log(_)));
    assert_eq!(
        program.ops[end + 1],
        Op::Done,
        "a procedure ends in an implicit done"
    );
    assert!(matches!(
        &program.ops[pc + 2],
        Op::Expect { silence: None, .. }
    ));
}

#[test]
fn captures_and_lets_have_slots_and_texts_have_values() {
    let program = state(
        "ask primary within 1s { host_id keep id as serial { } silence { } }\n\
         let both = \"{serial} {load_limit} of {primary}\" log \"{both}\"",
    );
    let Op::Expect { arms, .. } = &program.ops[entry(&program) + 1] else {
        panic!()
    };
    let slot = |name: &str| {
        program
            .slots
            .iter()
            .position(|slot| slot == name)
            .expect("a slot")
    };
    assert_eq!(arms[0].keep, [("id".to_owned(), slot("serial"))]);
    let value = program.ops.iter().find_map(|op| match op {
        Op::Let { slot: to, value } => Some((*to, value.clone())),
        _ => None,
    });
    let expected = Text(vec![
        Piece::Value(Value::Slot(slot("serial"))),
        Piece::Literal(" 15 min of ".to_owned()),
        Piece::Value(Value::Node(PRIMARY)),
    ]);
    assert_eq!(value, Some((slot("both"), expected)));
}

#[test]
fn the_ping_goes_at_the_shortest_pace_of_all_triggers() {
    assert_eq!(state("log \"\"").ping_every, Duration::from_secs(5));
    let program = state("on ping misses 3 every 9s { } on ping misses 9 every 2s -> there");
    assert_eq!(program.ping_every, Duration::from_secs(2));
    let when = &program.states[program.start].triggers[0].when;
    assert_eq!(
        *when,
        When::PingMisses {
            count: 3,
            every: Duration::from_secs(9)
        }
    );
}

#[test]
fn the_cluster_file_sets_parameters_anew() {
    let text = "script p\nuse openboot\nparam text = \"a\"\nparam load_limit = 3m\n\
                start hold state here\n on ping misses tries every load_limit { log \"{text}\" }\nparam tries = 2";
    let with = |params: &[(&str, &str)]| {
        let params: BTreeMap<String, String> = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        try_compile("p.chat", text, SHIPPED, &params)
            .map_err(|faults| render(&faults.diagnostics, &faults.sources, false))
    };
    let program = with(&[("tries", "7"), ("load_limit", "10s"), ("text", "b c")])
        .expect("it compiles")
        .program;
    let trigger = &program.states[0].triggers[0];
    assert_eq!(
        trigger.when,
        When::PingMisses {
            count: 7,
            every: Duration::from_secs(10)
        }
    );
    assert_eq!(
        program.ops[trigger.body],
        Op::Log(Text(vec![Piece::Literal("b c".to_owned())]))
    );
    let files = ["p.chat", "lib/openboot.chat"];
    assert_eq!(
        program.files, files,
        "the parameters of the cluster file are no file of the script"
    );
    let faults = with(&[("tries", "often"), ("load_limt", "5s")]).expect_err("both are wrong");
    assert_eq!(
        faults,
        "\
error: the script has no parameter `load_limt`
 --> params of the cluster file:1:1
  |
1 | load_limt: 5s
  | ^^^^^^^^^
  |
  = help: did you mean `load_limit`?

error: `tries` is a number
 --> params of the cluster file:2:8
  |
2 | tries: often
  |        ^^^^^
  |
 ::: p.chat:7:7
  |
7 | param tries = 2
  |       ----- defined here
  |
  = help: write a value of the same kind: `10s`, `3`, `text`

"
    );
}

#[test]
fn a_library_is_checked_by_itself() {
    let libraries = script::libraries(SHIPPED);
    assert!(libraries.len() > 1);
    for (name, (path, text)) in &libraries {
        match script::check_file(path, text) {
            Ok(checked) => {
                assert!(checked.program.states.is_empty(), "{name}");
                assert_eq!(
                    render(&checked.warnings, &checked.sources, false),
                    "",
                    "{name}"
                );
            }
            Err(faults) => panic!("{}", render(&faults.diagnostics, &faults.sources, false)),
        }
    }
}

#[test]
fn a_place_names_the_file_and_the_line() {
    let program = state("log \"here\"");
    assert_eq!(program.place_text(entry(&program)), "one.chat:4");
    let procedure = program
        .procedures
        .iter()
        .find(|procedure| procedure.name == "cut_power")
        .expect("it is there");
    assert!(
        program
            .place_text(procedure.entry)
            .starts_with("lib/openboot.chat:")
    );
}

#[test]
fn a_firmware_takes_over_what_it_does_not_say() {
    let program = compile(
        "fw.chat",
        "script fw\nuse openboot\nuse openbios\nfirmware mine like openbios { guard \"a\" = \"b\" where it exists }\nstart hold state here\n log \"\"",
    )
    .program;
    let (mine, bios) = (
        program.firmware("mine").expect("mine"),
        program.firmware("openbios").expect("openbios"),
    );
    assert_eq!(
        (&mine.kill, &mine.live, &mine.starts),
        (&bios.kill, &bios.live, &bios.starts)
    );
    assert_eq!(mine.guard.len(), 1);
    assert_eq!(mine.guard[0].presence, Presence::WhereItExists);
    assert_eq!(mine.live, "hex {a} {b} + u.\r");
}

#[test]
fn questions_keep_their_words() {
    let program = compile("sun.chat", &shipped("sun-openboot.chat")).program;
    let sets: Vec<_> = program
        .ops
        .iter()
        .filter_map(|op| match op {
            Op::Question {
                question: Question::Set { name, presence, .. },
                ..
            } => Some((name.as_str(), *presence)),
            _ => None,
        })
        .collect();
    assert!(sets.contains(&("auto-boot?", Presence::Always)));
    assert!(sets.contains(&("error-reset-recovery", Presence::WhereItExists)));
}

fn shipped(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("chat-scripts")
        .join(name);
    std::fs::read_to_string(path).expect("a script is text")
}

#[test]
fn the_shipped_scripts_have_no_faults_and_no_warnings() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/chat-scripts");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the scripts are there") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let compiled = compile(&name, &shipped(&name));
            assert_eq!(
                render(&compiled.warnings, &compiled.sources, false),
                "",
                "{name}"
            );
            count += 1;
        }
    }
    assert!(count > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is cut out of a script and put in elsewhere: faults, but no panic, and every
    /// fault can be printed.
    #[test]
    fn a_broken_script_is_told_of(from in 0usize..15_000, length in 0usize..400, to in 0usize..15_000, junk in "[ a-z{}()\"/#\\\\>,=0-9\\-\n]{0,12}") {
        let text = shipped("sun-openboot.chat");
        let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (start, end) = (boundary(from), boundary(from + length));
        let mut broken = format!("{}{}", &text[..start], &text[end..]);
        let at = (0..=to.min(broken.len())).rev().find(|at| broken.is_char_boundary(*at)).unwrap_or(0);
        broken.insert_str(at, &junk);
        if let Err(faults) = try_compile("broken.chat", &broken, SHIPPED, &BTreeMap::new()) {
            prop_assert!(!render(&faults.diagnostics, &faults.sources, false).is_empty());
        }
    }
}
