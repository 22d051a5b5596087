//! The daemon's transcripts: a full disk stops no watch and is an alarm for as long as it is full,
//! and what a console said comes out again byte by byte.

mod daemon_support;

use std::fs;
use std::os::unix::fs::symlink;

use clusterd::clock::Moment;
use daemon_support::{Home, Pair, stderr, stdout, until};

#[test]
fn a_transcript_that_cannot_be_written_is_an_alarm_while_it_lasts() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let file = home.path("logs/pair/alpha.console");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    symlink("/dev/full", &file).unwrap();
    let mut daemon = home.run();
    let has_alarm = || home.alarms().contains(&"logs".to_owned());
    until("the alarm", || has_alarm().then_some(()));
    daemon.line("state watch");
    // The watch goes on: a panic is found and taken over.
    pair.sim.panic(0);
    daemon.line("beta is up");
    assert!(has_alarm());
    fs::remove_file(&file).unwrap();
    until("the alarm's end", || (!has_alarm()).then_some(()));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(" -- lost: "), "{text}");
    assert!(daemon.stop().success());
}

#[test]
fn what_a_console_said_is_kept_byte_by_byte() {
    let pair = Pair::running();
    let home = Home::of(&pair);
    let mut daemon = home.run();
    daemon.line("state watch");
    pair.sim.panic(0);
    daemon.line("beta is up");
    assert!(daemon.stop().success());
    let file = home.path("logs/pair/alpha.console");
    let shown = home.clusterd(&["transcript", "--bytes", file.to_str().unwrap()]);
    assert!(shown.status.success(), "{}", stderr(&shown));
    let said = pair.sim.transcript(0).output(Moment::ZERO);
    let heard = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        heard.len() > 100 && said.contains(&heard),
        "{said:?}\n{heard:?}"
    );
    let plain = stdout(&home.clusterd(&["transcript", file.to_str().unwrap()]));
    assert!(plain.contains("panic"), "{plain}");
    assert!(
        !plain.contains('\r') && !plain.contains("ordered"),
        "{plain}"
    );
}
