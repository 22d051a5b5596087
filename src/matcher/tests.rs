//! Scenes: what an ear makes of consoles, whole and cut into pieces.

use std::sync::Arc;
use std::time::Duration;

use super::*;

mod cutting;

const PROMPT: usize = 0;
const PANIC: usize = 1;

/// Real consoles' patterns (sources: the firmware and kernels that print them) and some odd ones.
const PATTERNS: &[(&str, &str, u64)] = &[
    ("obp.prompt", r"^(\{[0-9a-f]{1,3}\} )?ok $", 200),
    ("solaris.panic", r"panic\[cpu\d+\]/thread=", 0),
    (
        "panic.thread",
        r"panic\[cpu(?<cpu>\d+)\]/thread=(?<thread>[0-9a-f]+)",
        0,
    ),
    ("obp.resume", r"^Type  'go' to resume", 0),
    (
        "obp.bootdev",
        r"^Boot device: (?<device>\S+)\s+File and args: ?(?<args>.*)$",
        0,
    ),
    ("obp.hostid", r"Host ID: (?<id>[0-9a-f]{8})", 0),
    ("solaris.login", r"^(?<host>\S+) console login: $", 300),
    ("linux.panic", r"Kernel panic - not syncing: (?<why>.*)", 0),
    ("linux.oops", r"(?:Oops(?: -|:)|kernel BUG at|BUG: )", 0),
    ("openbios.prompt", r"^0 > $", 100),
    ("srm.prompt", r"^(?:P\d+)?>>>$", 150),
    ("lom.prompt", r"^lom> ?$", 150),
    ("word", r"\bpanic\b", 0),
    ("not.word", r"pani\B", 0),
    ("line", r"^Program terminated$", 0),
    ("any.tail", r"panic.*", 0),
    ("gap", r"Boot.*panic", 0),
    ("unknown", r"^\S+ \?$|^\S+ \S+ \?$", 0),
    ("shows", r"^(?<name>\S+) = +(?<value>\S.{0,200})$", 0),
    ("high", r"\x80[^a]\xff", 0),
];

fn defs(patterns: &[(&str, &str, u64)]) -> Vec<PatternDef> {
    patterns
        .iter()
        .map(|&(name, regex, quiet)| PatternDef {
            name: name.into(),
            regex: regex.into(),
            quiet: (quiet > 0).then(|| Duration::from_millis(quiet)),
        })
        .collect()
}

fn ear(patterns: &[(&str, &str, u64)]) -> Ear {
    Ear::new(Arc::new(
        PatternSet::new(&defs(patterns)).expect("good patterns"),
    ))
}

/// All text, and all hits.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    text: String,
    hits: Vec<Hit>,
}

impl Told {
    fn of(heard: Vec<Heard>) -> Told {
        let mut told = Told::default();
        for item in heard {
            match item {
                Heard::Text(text) => {
                    assert!(!text.is_empty());
                    told.text.push_str(&text);
                }
                Heard::Match(hit) => {
                    let given = u64::try_from(told.text.chars().count()).unwrap();
                    assert!(hit.end <= given, "{hit:?} before its text");
                    told.hits.push(hit);
                }
            }
        }
        told
    }

    fn patterns(&self) -> Vec<usize> {
        self.hits.iter().map(|hit| hit.pattern).collect()
    }
}

/// Hears chunks at time zero, then silence.
fn listen(ear: &mut Ear, chunks: &[&[u8]]) -> Told {
    let mut out = Vec::new();
    for chunk in chunks {
        ear.hear(chunk, Moment::ZERO, &mut out);
    }
    fall_silent(ear, &mut out);
    Told::of(out)
}

fn fall_silent(ear: &mut Ear, out: &mut Vec<Heard>) {
    while let Some(due) = ear.poll_timeout() {
        ear.handle_timeout(due, out);
    }
}

fn hits(patterns: &[(&str, &str, u64)], text: &str) -> Vec<Hit> {
    listen(&mut ear(patterns), &[text.as_bytes()]).hits
}

fn caught(hit: &Hit) -> Vec<(&str, &str)> {
    let pairs = hit.captures.iter();
    pairs.map(|(n, v)| (n.as_str(), v.as_str())).collect()
}

#[test]
fn a_panic_is_told_in_the_middle_of_its_line_and_once() {
    let mut ear = ear(&PATTERNS[..2]);
    let mut out = Vec::new();
    ear.hear(b"\r\n\r\npanic[cpu0]/thread", Moment::ZERO, &mut out);
    assert_eq!(out, [Heard::Text("\npanic[cpu0]/thread".into())]);
    out.clear();
    ear.hear(b"=", Moment::ZERO, &mut out);
    let hit = Hit {
        pattern: PANIC,
        captures: vec![],
        line: "panic[cpu0]/thread=".into(),
        end: 20,
        echo: false,
    };
    assert_eq!(out, [Heard::Text("=".into()), Heard::Match(hit)]);
    out.clear();
    ear.hear(
        b"30001a2b3c0: panic[cpu1]/thread=1\r\n",
        Moment::ZERO,
        &mut out,
    );
    assert_eq!(Told::of(out).hits, []);
    assert_eq!(ear.heard, b"\n");
}

#[test]
fn a_greedy_tail_is_one_hit_and_whole() {
    let found = hits(
        &PATTERNS[2..3],
        "x panic[cpu12]/thread=30001a2b3c0: BAD TRAP\r\n",
    );
    assert_eq!(found.len(), 1);
    assert_eq!(
        caught(&found[0]),
        [("cpu", "12"), ("thread", "30001a2b3c0")]
    );
    assert_eq!(found[0].end, 33);
    assert_eq!(found[0].line, "x panic[cpu12]/thread=30001a2b3c0: BAD TRAP");
    let found = hits(&[("digits", "[0-9]+", 0)], "a 12345\n678 9\n");
    assert_eq!(found.iter().map(|hit| hit.end).collect::<Vec<_>>(), [3, 9]);
}

#[test]
fn captures_come_at_the_end_of_the_line_or_after_silence() {
    let text = "Boot device: /pci@1f/disk@0  File and args: -s\r\nnext\n";
    let found = hits(&PATTERNS[4..5], text);
    let expected = [("device", "/pci@1f/disk@0"), ("args", "-s")];
    assert_eq!(caught(&found[0]), expected);
    let mut ear = ear(&PATTERNS[7..8]);
    let mut out = Vec::new();
    let now = Moment::from_millis(10);
    ear.hear(b"Kernel panic - not syncing: VFS", now, &mut out);
    assert!(matches!(out[..], [Heard::Text(_)]));
    assert_eq!(ear.poll_timeout(), Some(now + SILENCE));
    ear.handle_timeout(now + SILENCE, &mut out);
    assert_eq!(caught(&Told::of(out).hits[0]), [("why", "VFS")]);
    assert_eq!(ear.poll_timeout(), None);
}

#[test]
fn a_prompt_is_one_only_after_silence() {
    let mut ear = ear(PATTERNS);
    let mut out = Vec::new();
    let at = Moment::from_millis;
    ear.hear(b"{0} ok ", at(1000), &mut out);
    assert_eq!(ear.poll_timeout(), Some(at(1200)));
    ear.handle_timeout(at(1199), &mut out);
    ear.hear(b"\0\x1b[K\x07", at(1199), &mut out);
    assert_eq!(out, [Heard::Text("{0} ok ".into())]);
    ear.handle_timeout(at(1200), &mut out);
    ear.handle_timeout(at(5000), &mut out);
    let told = Told::of(std::mem::take(&mut out));
    assert_eq!(told.patterns(), [PROMPT]);
    assert_eq!(told.hits[0].line, "{0} ok ");
    assert_eq!(told.hits[0].end, 7);
    assert_eq!(ear.poll_timeout(), None);
    ear.hear(b"\r\nok ", at(6000), &mut out);
    ear.hear(b"then", at(6100), &mut out);
    assert_eq!(ear.poll_timeout(), None);
    ear.handle_timeout(at(9000), &mut out);
    assert_eq!(Told::of(out).hits, []);
}

#[test]
fn a_kernel_message_after_a_login_prompt_takes_it_back() {
    let text = "\r\nnode1 console login: Nov 21 panic[cpu0]/thread=1: x\r\n";
    let told = listen(&mut ear(&PATTERNS[..7]), &[text.as_bytes()]);
    assert_eq!(told.patterns(), [PANIC, 2]);
    let told = listen(&mut ear(PATTERNS), &[b"\r\nnode1 console login: "]);
    assert_eq!(caught(&told.hits[0]), [("host", "node1")]);
}

#[test]
fn a_word_waits_for_its_boundary_and_a_line_for_its_newline() {
    let found = hits(&PATTERNS[12..14], "panicky\npanic here\n");
    assert_eq!(
        found.iter().map(|h| (h.pattern, h.end)).collect::<Vec<_>>(),
        [(1, 4), (1, 12), (0, 13)]
    );
    assert_eq!(hits(&PATTERNS[12..13], "panic").len(), 1);
    let found = hits(&PATTERNS[14..15], "Program terminated");
    assert_eq!(found, []);
    let found = hits(
        &PATTERNS[14..15],
        "Program terminated\nProgram terminated.\n",
    );
    assert_eq!(found.len(), 1);
}

#[test]
fn an_answer_that_is_only_our_own_typing_is_tagged() {
    let mut ear = ear(&[("sum", "[0-9a-f]{8}", 0)]);
    ear.sent(b"deadbeef 1 + u.\r");
    let told = listen(&mut ear, &[b"deadbeef 1 + u.\r\ndeadbef0 \r\nok "]);
    let echoes: Vec<bool> = told.hits.iter().map(|hit| hit.echo).collect();
    assert_eq!(echoes, [true, false]);
}

#[test]
fn a_panic_in_a_burst_is_found() {
    for newlines in [true, false] {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut burst: Vec<u8> = (0..1 << 20).map(|_| rng.u8(b' '..=b'~')).collect();
        if newlines {
            burst.chunks_mut(81).for_each(|line| line[0] = b'\n');
        }
        // Among them the places where a piece of an endless line ends.
        for at in [0, 100, 4080, 6130, 500_000, 1_000_000] {
            let mut noisy = burst.clone();
            noisy[at..at + 19].copy_from_slice(b"panic[cpu1]/thread=");
            let chunks: Vec<&[u8]> = noisy.chunks(512).collect();
            let found = listen(&mut ear(&PATTERNS[1..2]), &chunks).hits;
            let ends: Vec<u64> = found.iter().map(|hit| hit.end).collect();
            let end = u64::try_from(at).unwrap() + 19;
            assert!(ends.contains(&end), "{at} {newlines} {ends:?}");
        }
    }
}

#[test]
fn memory_stays_bounded_in_a_line_without_end() {
    let mut ear = ear(PATTERNS);
    ear.set_text(false);
    let mut out = Vec::new();
    for _ in 0..1000 {
        ear.hear(&[b'p'; 700], Moment::ZERO, &mut out);
    }
    assert!(ear.heard.capacity() < 64 << 10 && out.is_empty());
}

#[test]
fn a_new_link_begins_with_nothing() {
    let mut ear = ear(PATTERNS);
    let mut out = Vec::new();
    ear.sent(b"= \r");
    ear.hear(b"x\x1b[3\r\npanic[cpu0]/thread", Moment::ZERO, &mut out);
    ear.hear(b"\r\nok ", Moment::ZERO, &mut out);
    ear.reset();
    assert_eq!((ear.poll_timeout(), ear.heard.len()), (None, 0));
    let told = listen(&mut ear, &[b"=0\r\nok "]);
    assert_eq!(told.patterns(), [PROMPT]);
    assert_eq!((told.hits[0].end, told.hits[0].echo), (6, false));
}

#[test]
fn examples_are_lines_or_prompts() {
    let all = defs(PATTERNS);
    for (pattern, text, matches) in [
        (0, "{1f} ok ", true),
        (0, "Trying\nok ", true),
        (0, "ok", false),
        (0, "ok \n", false),
        (0, "look ", false),
        (1, "panic[cpu0]/thread=30001a2b3c0: x", true),
        (14, "Program terminated", true),
        (7, "panic in the sky", false),
    ] {
        assert_eq!(example_matches(&all[pattern], text), matches, "{text:?}");
    }
}

#[test]
fn a_set_names_the_pattern_at_fault_and_an_empty_one_is_silent() {
    let fault = PatternSet::new(&defs(&[("good", "a", 0), ("bad", "a*", 0)])).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "pattern bad: it matches the empty string: everything would match"
    );
    let told = listen(&mut ear(&[]), &[b"a\r\n", b"b"]);
    assert_eq!((told.text.as_str(), told.hits), ("a\nb", vec![]));
}

#[test]
fn a_recorded_console_gives_what_a_person_sees() {
    let raw = include_bytes!("../../tests/data/openbios-sparc64.txt");
    let told = listen(&mut ear(PATTERNS), &[raw]);
    assert_eq!(told.patterns().last(), Some(&9));
    assert_eq!(
        told,
        listen(&mut ear(PATTERNS), &raw.chunks(7).collect::<Vec<_>>())
    );
}
