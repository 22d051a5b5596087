//! Lines at the prompt and what Forth makes of them.

use super::*;

fn run(forth: &mut Forth, line: &str) -> String {
    let (mut source, mut out) = (Source::new(line), String::new());
    forth.begin_line();
    loop {
        match forth.step(&mut source, &|word| word == "banner", &mut out) {
            Ok(Step::Done) => {}
            Ok(Step::End) => return out,
            Ok(Step::Machine(word)) => return out + "<" + &word + ">",
            Err(abort) => {
                forth.recover();
                return out + &abort.text(forth.flavour);
            }
        }
    }
}

#[test]
fn sums_are_kept_in_64_bits_and_printed_in_the_base() {
    let mut forth = Forth::new(Flavour::OpenBios);
    for (line, answer) in [
        ("hex 12345678 9abcdef0 + u.", "acf13568 "),
        ("ffffffff fffffff0 + u.", "1ffffffef "),
        ("5 6 - u.", "ffffffffffffffff "),
        ("123456789abcdef01 u.", "23456789abcdef01 "),
        ("ffffffffffffffff .", "-1 "),
        ("decimal 100 hex u.", "64 "),
        (
            "8 9 * u. 7 3 / . 7 3 mod . f0 0f or . f0 ff and . f 1 xor .",
            "48 2 1 ff f0 e ",
        ),
        ("1 2 swap . . 5 dup . .", "1 2 5 5 "),
        (".\" a b\" 1 . ( no ) \\ rest", "a b1 "),
    ] {
        assert_eq!(run(&mut forth, line), answer, "{line}");
    }
}

#[test]
fn a_new_word_is_known_until_the_next_reset() {
    let mut forth = Forth::new(Flavour::Sun);
    assert_eq!(run(&mut forth, "mk12ab"), "mk12ab ?");
    assert_eq!(run(&mut forth, ": mk12ab hex 1 2 + u. ;"), "");
    assert_eq!(run(&mut forth, "mk12ab mk12ab"), "3 3 ");
    assert_eq!(run(&mut forth, ": x banner 1 . ; x"), "<banner>");
}

#[test]
fn an_error_inside_a_definition_leaves_openbios_compiling() {
    let mut forth = Forth::new(Flavour::OpenBios);
    let bad = ": bar nosuchword ;";
    assert_eq!(run(&mut forth, bad), "nosuchword: undefined word.");
    assert_eq!(run(&mut forth, "1 ."), "");
    assert_eq!(run(&mut forth, "; 2 ."), "2 ");
    assert_eq!(run(&mut forth, "bar"), "1 ");
}

#[test]
fn a_bomb_of_definitions_runs_out_of_fuel() {
    let mut forth = Forth::new(Flavour::Sun);
    run(&mut forth, ": w0 noop ;");
    for level in 1..60 {
        let below = level - 1;
        run(&mut forth, &format!(": w{level} w{below} w{below} ;"));
    }
    assert_eq!(run(&mut forth, "w59"), "Stack Overflow");
    assert_eq!(run(&mut forth, "1 2 3 + ."), "5 ");
}
