//! Serial ports: PTY pairs in place of hardware, and socat, which makes and takes them away as
//! an adapter comes and goes. `cargo test --test serial -- --ignored` runs it all where socat is.

use std::fs::File as Device;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;
use nix::sys::termios::{
    ControlFlags, InputFlags, LocalFlags, OutputFlags, SetArg, Termios, cfmakeraw, tcgetattr,
    tcsetattr,
};
use nix::unistd::ttyname;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use console_support::{Talk, node, within};

mod console_support;

/// A line of this machine: the node's end of it, and the port's name.
struct Line {
    node: File,
    name: PathBuf,
}

impl Line {
    fn new() -> Line {
        let pty = openpty(None, None).unwrap();
        // A program started meanwhile must not hold either end.
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let mut modes = tcgetattr(&pty.slave).unwrap();
        cfmakeraw(&mut modes);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &modes).unwrap();
        let name = ttyname(&pty.slave).unwrap();
        let node = File::from_std(Device::from(pty.master));
        Line { node, name }
    }

    fn address(&self) -> String {
        format!("serial:{}", self.name.display())
    }

    async fn typed(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        within(self.node.read_exact(&mut bytes)).await.unwrap();
        bytes
    }

    async fn says(&mut self, bytes: &[u8]) {
        self.node.write_all(bytes).await.unwrap();
        self.node.flush().await.unwrap();
    }

    /// How the port is set.
    fn modes(&self) -> Termios {
        let port = Device::open(&self.name).unwrap();
        tcgetattr(port).unwrap()
    }
}

fn all_bytes() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend_from_slice(b"\r\n\r\r\0\x11\x13\x03ok \xff");
    bytes
}

#[tokio::test]
async fn all_bytes_go_both_ways_with_a_break_among_them() {
    let mut line = Line::new();
    let mut talk = Talk::breaking(&line.address(), "line 40ms");
    talk.up().await;
    let all = all_bytes();
    talk.type_in(&all);
    assert_eq!(line.typed(all.len()).await, all);
    // A PTY takes a BREAK and does nothing.
    let broke = talk.send_break().await;
    assert!(broke.sent, "{broke:?}");
    assert_eq!(
        (broke.kind.as_str(), broke.acknowledged),
        ("line 40ms", None)
    );
    talk.type_in(b"go\r");
    assert_eq!(line.typed(3).await, b"go\r");
    line.says(&all).await;
    assert_eq!(talk.bytes(all.len()).await, all);
}

#[tokio::test]
async fn the_line_is_set_as_the_address_says() {
    let line = Line::new();
    let address = format!(
        "{}?speed=38400&bits=7&parity=odd&stop=2&flow=software",
        line.address()
    );
    let mut talk = Talk::open(&address);
    talk.up().await;
    let modes = line.modes();
    let set = modes.control_flags;
    // A PTY keeps its eight bits and no parity; the rest it takes.
    for flag in [
        ControlFlags::CLOCAL,
        ControlFlags::CREAD,
        ControlFlags::CSTOPB,
    ] {
        assert!(set.contains(flag), "{flag:?} in {set:?}");
    }
    assert!(!set.contains(ControlFlags::CRTSCTS));
    assert!(
        modes
            .input_flags
            .contains(InputFlags::IXON | InputFlags::IXOFF)
    );
    assert!(
        !modes
            .input_flags
            .intersects(InputFlags::ICRNL | InputFlags::ISTRIP)
    );
    assert!(!modes.output_flags.contains(OutputFlags::OPOST));
    let cooked = LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG;
    assert!(!modes.local_flags.intersects(cooked));
}

#[tokio::test]
async fn a_port_that_somebody_has_is_busy_and_says_who() {
    let line = Line::new();
    let mut first = Talk::open(&line.address());
    first.up().await;
    let mut second = Talk::open(&line.address());
    let busy = format!("port busy: {} is held by ", line.name.display());
    let why = second.down().await;
    assert_eq!(
        why,
        format!("{busy}another console of this program, or one of a user whom we cannot see")
    );
    drop(first);
    second.up().await;
    drop(second);

    // A program that locks nothing has it all the same.
    let mut getty = Command::new("sleep");
    let port = Device::options().read(true).write(true).open(&line.name);
    getty.arg("1000").stdin(Stdio::from(port.unwrap()));
    let mut getty = getty.kill_on_drop(true).spawn().unwrap();
    let pid = getty.id().unwrap();
    let mut third = Talk::open(&line.address());
    assert_eq!(third.down().await, format!("{busy}sleep (pid {pid})"));
    getty.kill().await.unwrap();
    third.up().await;
}

/// As `/dev/serial/by-id` does: one name, whatever device the adapter becomes.
#[tokio::test]
async fn an_adapter_that_is_pulled_and_comes_back_is_found_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let name = dir.path().join("usb-FTDI_FT232R_A9XYZ-if00-port0");
    let mut talk = Talk::open(&format!("serial:{}", name.display()));
    let shown = name.display();
    let why = talk.down().await;
    assert_eq!(
        why,
        format!("no device at {shown}: its adapter is not plugged in")
    );
    for round in 1..=3 {
        let mut line = Line::new();
        symlink(&line.name, &name).unwrap();
        assert_eq!(talk.up().await, round);
        line.says(b"ok ").await;
        talk.hear("ok ").await;
        talk.type_in("boot disk\r");
        assert_eq!(line.typed(10).await, b"boot disk\r");
        std::fs::remove_file(&name).unwrap();
        drop(line);
        let why = talk.down().await;
        assert_eq!(why, format!("{shown} is gone: its adapter was unplugged"));
    }
}

#[tokio::test]
async fn a_line_that_hangs_up_is_told_as_that() {
    let line = Line::new();
    let shown = line.name.display().to_string();
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("ttyS0");
    symlink("/dev/null", &link).unwrap();
    let mut null = Talk::open(&format!("serial:{}", link.display()));
    assert_eq!(
        null.down().await,
        format!("{} is no serial port", link.display())
    );
    let mut talk = Talk::open(&line.address());
    talk.up().await;
    drop(line);
    let why = talk.down().await;
    assert!(why.starts_with(&shown), "{why}");
    assert!(why.contains("unplugged"), "{why}");
}

/// What the port had not yet sent dies with its link.
#[tokio::test]
async fn nothing_typed_on_the_last_link_reaches_the_next() {
    let mut line = Line::new();
    let mut talk = Talk::open(&line.address());
    talk.up().await;
    // The node reads nothing: some of this is with it, the rest waits in the kernel and here.
    for _ in 0..60 {
        talk.type_in([b'o'; 1000]);
    }
    let first = line.typed(1).await;
    assert_eq!(first, b"o");
    drop(talk);
    let mut talk = Talk::open(&line.address());
    talk.up().await;
    talk.type_in("new");
    let mut old = 0;
    while line.typed(1).await != b"n" {
        old += 1;
    }
    assert!(old < 8192, "{old} bytes of the last link");
    assert_eq!(line.typed(2).await, b"ew");
}

fn socat(arguments: &[&str]) -> Child {
    let mut command = Command::new("socat");
    command.args(arguments).kill_on_drop(true);
    command.spawn().expect("socat is installed")
}

async fn there(path: &Path) {
    within(async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs socat"]
async fn a_line_of_socat_goes_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
    let [near, far] = [&ours, &theirs].map(|path| format!("pty,rawer,link={}", path.display()));
    let mut talk = Talk::open(&format!("serial:{}", ours.display()));
    for _ in 0..3 {
        let mut cable = socat(&[&near, &far]);
        there(&theirs).await;
        talk.up().await;
        let port = Device::options().read(true).write(true).open(&theirs);
        let mut node = File::from_std(port.unwrap());
        let all = all_bytes();
        talk.type_in(&all);
        let mut typed = vec![0; all.len()];
        within(node.read_exact(&mut typed)).await.unwrap();
        assert_eq!(typed, all);
        node.write_all(&all).await.unwrap();
        node.flush().await.unwrap();
        assert_eq!(talk.bytes(all.len()).await, all);
        cable.kill().await.unwrap();
        let why = talk.down().await;
        assert!(why.contains("unplugged"), "{why}");
        let _ = std::fs::remove_file(&ours);
        let _ = std::fs::remove_file(&theirs);
    }
}

/// A simulated node behind a serial port: socat carries the port to the node's.
#[tokio::test]
#[ignore = "needs socat"]
async fn a_simulated_node_is_booted_over_a_serial_port() {
    let sim = node().await;
    let dir = tempfile::tempdir().unwrap();
    let name = dir.path().join("ttyS0");
    let near = format!("pty,rawer,link={}", name.display());
    let _cable = socat(&[&near, &format!("tcp:{}", sim.consoles()[0])]);
    there(&name).await;
    let mut talk = Talk::open(&format!("serial:{}", name.display()));
    talk.up().await;
    talk.type_in("\r");
    talk.hear("ok ").await;
    talk.type_in("boot disk\r");
    talk.hear("login: ").await;
}
