//! The simulated nodes against the QEMU test bed: the answers recorded there, byte for byte, and,
//! where the bed is present, the same conversation with both, answer by answer.
//!
//! `cargo test --test fidelity` needs nothing; `-- --ignored` needs the bed (root, QEMU), in
//! `../shared/testbed` or where the variable `BED` points. It brings up a bed of its own.

mod recorded;

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clusterd::clock::Moment;
use clusterd::proto::telnet::{BREAK, Event, Telnet, TelnetRole, encode};
use clusterd::sim::{NodeSpec, Rig};

use recorded::{Say, Turn};

#[test]
fn the_simulator_answers_at_its_prompt_as_recorded_on_the_bed() {
    let mut sim = Simulated::new();
    for turn in recorded::AT_PROMPT {
        assert_eq!(sim.raw(&turn.said), turn.answer, "after {:?}", turn.said);
    }
}

#[test]
fn the_simulator_boots_and_stops_as_recorded_on_the_bed() {
    let mut sim = Simulated::new();
    for turn in recorded::BOOTED {
        let answer = without_kernel_messages(&sim.raw(&turn.said));
        assert_eq!(answer, turn.answer, "after {:?}", turn.said);
    }
}

#[test]
#[ignore = "needs the test bed"]
fn the_bed_and_the_simulator_answer_alike() {
    let mut bed = Bed::up();
    let mut sim = Simulated::new();
    let mut unlike = Vec::new();
    for turn in recorded::AT_PROMPT.iter().chain(recorded::BOOTED) {
        let real = bed.answer(turn);
        let simulated = without_kernel_messages(&sim.raw(&turn.said));
        if real != simulated {
            unlike.push(format!(
                "{:?}\n  bed {real:?}\n  sim {simulated:?}",
                turn.said
            ));
        }
    }
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}

#[test]
fn kernel_messages_are_taken_out_wherever_they_stand() {
    let text = "a\r\n[    1.448145] printk: [ttyS0]\r\nlogin: [   12.000001] x\r\n\r\n[x] y\r\n";
    assert_eq!(without_kernel_messages(text), "a\r\nlogin: \r\n[x] y\r\n");
}

/// Takes kernel messages out: from their time stamp to the end of the line. Their number and time
/// differ from boot to boot, and the simulator has only some of them.
fn without_kernel_messages(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        let mut brackets = line.match_indices('[');
        let stamp = brackets.find(|(at, _)| is_stamp(&line[*at..]));
        stamp.map_or(line, |(at, _)| &line[..at])
    });
    lines.collect()
}

/// `[   12.345678] `
fn is_stamp(text: &str) -> bool {
    let Some((seconds, rest)) = text[1..].split_once('.') else {
        return false;
    };
    let micros = rest.split_once("] ").map_or("", |(micros, _)| micros);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    seconds.len() == 5 && digits(seconds.trim_start()) && micros.len() == 6 && digits(micros)
}

/// Longer than any answer takes.
const IN_VIRTUAL_TIME: Duration = Duration::from_secs(12);

struct Simulated {
    rig: Rig,
    now: Moment,
}

impl Simulated {
    /// A powered node beta at its prompt.
    fn new() -> Simulated {
        let mut rig = Rig::new([NodeSpec::openbios("beta", 0x8077_0002)]);
        let beta = rig.node_at(0, Moment::ZERO);
        beta.set_variable("auto-boot?", "false");
        rig.power(0, true, Moment::ZERO);
        let now = Moment::ZERO + IN_VIRTUAL_TIME;
        rig.advance(now);
        rig.read(0);
        Simulated { rig, now }
    }

    fn raw(&mut self, said: &Say) -> String {
        match said {
            Say::Type(text) => self.rig.type_to(0, text.as_bytes(), self.now),
            Say::Break => self.rig.send_break(0, self.now),
        }
        self.now = self.now + IN_VIRTUAL_TIME;
        self.rig.advance(self.now);
        String::from_utf8(self.rig.read(0)).expect("the nodes write ASCII")
    }
}

/// The bed's node beta, alone on a bed of its own, which is taken down at the end.
struct Bed {
    socat: Child,
    stdin: ChildStdin,
    bytes: Receiver<Vec<u8>>,
    telnet: Telnet,
    _lock: nix::fcntl::Flock<File>,
}

/// An answer ends where nothing comes for so long.
const QUIET: Duration = Duration::from_millis(700);

/// Even a boot on busy cores takes less.
const LIMIT: Duration = Duration::from_secs(120);

impl Bed {
    fn up() -> Bed {
        let lock = File::create("/tmp/bed.lock").expect("a lock file in /tmp");
        let lock = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive)
            .map_err(|(_, errno)| errno)
            .expect("one bed at a time");
        let up = bed(&["up", "--power", "beta"]).status();
        assert!(up.expect("the bed is there").success(), "bed up");
        let mut socat = bed(&["exec", "socat", "-", "TCP:10.78.0.1:4202"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("socat runs");
        let stdin = socat.stdin.take().expect("stdin is a pipe");
        let mut stdout = socat.stdout.take().expect("stdout is a pipe");
        let (sender, bytes) = sync_channel(1024);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Bed {
            socat,
            stdin,
            bytes,
            telnet: Telnet::new(TelnetRole::Client),
            _lock: lock,
        }
    }

    fn answer(&mut self, turn: &Turn) -> String {
        match turn.said {
            Say::Break => self.write(&BREAK),
            Say::Type(text) => {
                let mut bytes = Vec::new();
                encode(text.as_bytes(), &mut bytes);
                self.write(&bytes);
            }
        }
        let (mut text, limit) = (String::new(), Instant::now() + LIMIT);
        loop {
            match self.bytes.recv_timeout(QUIET) {
                Ok(bytes) => text += &self.console_text(&bytes),
                Err(RecvTimeoutError::Disconnected) => panic!("the line ended after {text:?}"),
                Err(RecvTimeoutError::Timeout) => {
                    let shown = without_kernel_messages(&text);
                    if shown.ends_with(turn.end()) || Instant::now() > limit {
                        return shown;
                    }
                }
            }
        }
    }

    fn console_text(&mut self, bytes: &[u8]) -> String {
        let (mut text, mut events) = (String::new(), Vec::new());
        self.telnet.receive(bytes, &mut events);
        for event in events {
            match event {
                Event::Data(data) => text += &String::from_utf8_lossy(&data),
                Event::Reply(reply) => self.write(&reply),
                _ => {}
            }
        }
        text
    }

    fn write(&mut self, bytes: &[u8]) {
        let written = self.stdin.write_all(bytes);
        written
            .and_then(|()| self.stdin.flush())
            .expect("socat reads");
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ended = self.socat.kill().and_then(|()| self.socat.wait());
        let _down = bed(&["down"]).status();
    }
}

/// The bed's command, for a bed that meets no other one.
fn bed(arguments: &[&str]) -> Command {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/testbed");
    let place = std::env::var_os("BED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let script = if place.is_dir() {
        place.join("bed")
    } else {
        place
    };
    let mut command = Command::new(script);
    command
        .args(arguments)
        .env("BED_DIR", "/tmp/clusterd-fidelity")
        .env("BED_LAB", "fidelitylab")
        .env("BED_MON", "fidelitymon");
    command
}
