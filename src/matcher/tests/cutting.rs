//! Random consoles: the same is heard however the stream was cut, and it is what each regex alone
//! would find.

use proptest::prelude::*;

use super::*;

/// Pieces of consoles, good and broken.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b"ok ",
        b"{0} ok ",
        b"\r\n",
        b"\n\r",
        b"\r",
        b"\n",
        b"\0",
        b"\x07",
        b"\x1b[0m",
        b"\x1b[1",
        b"\x1b",
        b"\x1b]0;x",
        b"\x1b\\",
        b"\x1b(B",
        b"panic",
        b"panic[cpu",
        b"panic[cpu0]/thread=",
        b"0",
        b"30001a2b3c0: ",
        b"Boot",
        b"Boot device: /pci  File and args: -s",
        b"0 > ",
        b">>>",
        b"lom>",
        b" ",
        b"Host ID: 80b1",
        b"c2d3",
        b"node1 console login: ",
        b"Program terminated",
        b"\x80\xc3\xff",
        b"\xc3\xa9",
        b"Kernel panic - not syncing: ",
        b"foo ?",
        b"a = b",
        b"BUG: ",
        b"Type  'go' to resume",
        b"=",
        b"\x18",
    ];
    prop_oneof![
        20 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec),
        2 => prop::collection::vec(any::<u8>(), 0..8),
        1 => (any::<u8>(), 1..3000usize).prop_map(|(byte, n)| vec![byte; n]),
    ]
}

fn regex_matches(regex: &str, line: &[u8]) -> bool {
    use regex_automata::{meta, util::syntax};
    meta::Regex::builder()
        .syntax(
            syntax::Config::new()
                .unicode(false)
                .utf8(false)
                .multi_line(true),
        )
        .configure(meta::Config::new().utf8_empty(false))
        .build(regex)
        .unwrap()
        .is_match(line)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    /// Line by line, an ear hears what each regex alone would find in the line.
    #[test]
    fn an_ear_hears_what_each_regex_finds(pieces in prop::collection::vec(fragment(), 0..60)) {
        let raw: Vec<u8> = [pieces.concat(), b"\n".to_vec()].concat();
        let told = listen(&mut ear(PATTERNS), &[&raw]);
        let mut expected = Vec::new();
        let mut start = 0;
        for line in told.text.split_inclusive('\n') {
            let end = start + line.len();
            prop_assume!(end - start < LINE_LIMIT);
            let bytes: Vec<u8> = line.chars().map(|c| u8::try_from(c).unwrap()).collect();
            for (pattern, &(_, regex, quiet)) in PATTERNS.iter().enumerate() {
                if quiet == 0 && regex_matches(regex, &bytes[..bytes.len() - 1]) {
                    expected.push((start, pattern));
                }
            }
            start = end;
        }
        let line_of = |end: usize| {
            let before = told.text.chars().take(end - 1);
            before.collect::<String>().rfind('\n').map_or(0, |at| at + 1)
        };
        let mut found: Vec<(usize, usize)> = told
            .hits
            .iter()
            .map(|hit| (line_of(usize::try_from(hit.end).unwrap()), hit.pattern))
            .collect();
        found.sort_unstable();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn any_cutting_gives_the_same(
        pieces in prop::collection::vec(fragment(), 0..60),
        cuts in prop::collection::vec(1..40usize, 1..20),
        typed in prop::sample::select(vec![&b""[..], b"panic\r", b"ok \rBoot"]),
    ) {
        let raw: Vec<u8> = pieces.concat();
        let mut whole = ear(PATTERNS);
        whole.sent(typed);
        let expected = listen(&mut whole, &[&raw]);
        let mut chunks = Vec::new();
        let mut rest = &raw[..];
        for &cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, left) = rest.split_at(cut.min(rest.len()));
            chunks.push(chunk);
            rest = left;
        }
        let mut pieces = ear(PATTERNS);
        pieces.sent(typed);
        prop_assert_eq!(&listen(&mut pieces, &chunks), &expected);
        // The same with a cache so small that it is emptied all the time, and shared with
        // another console.
        let set = Arc::new(PatternSet::with_cache(&defs(PATTERNS), 0).unwrap());
        let (mut one, mut other) = (Ear::new(Arc::clone(&set)), Ear::new(set));
        one.sent(typed);
        let mut out = Vec::new();
        for chunk in &chunks {
            one.hear(chunk, Moment::ZERO, &mut out);
            other.hear(b"panic[cpu Boot device: \n", Moment::ZERO, &mut Vec::new());
        }
        fall_silent(&mut one, &mut out);
        prop_assert_eq!(&Told::of(out), &expected);
    }
}
