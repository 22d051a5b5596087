//! A disk of four megabytes for clusterd alone: a tmpfs in a mount namespace that goes away with
//! the process that holds it, whatever becomes of the scene.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::pair::Pair;

/// A scene's logs and journal take less than one megabyte.
const SIZE: &str = "4m";

/// `ip netns exec`, which `bed exec` is, gives each command a mount namespace of its own. What
/// stood in the folder stands on the disk too. `cat` ends with this process.
const HOLD: &str = r#"
    exec 3< "$1" &&
    mount -t tmpfs -o "size=$2,mode=0700" tmpfs "$1" &&
    cp -a /proc/self/fd/3/. "$1/" &&
    exec 3<&- && echo mounted && exec cat"#;

pub struct SmallDisk {
    holder: Child,
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts it over a folder.
    pub fn over(pair: &Pair, at: &Path) -> SmallDisk {
        let mut holder = pair
            .bed(&["exec", "sh", "-c", HOLD, "sh"])
            .arg(at)
            .arg(SIZE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the disk is mounted");
        let mut said = [0; 8];
        let out = holder.stdout.as_mut().expect("a pipe");
        out.read_exact(&mut said)
            .expect("it says that it is mounted");
        assert_eq!(&said, b"mounted\n");
        let at = at.to_owned();
        SmallDisk { holder, at }
    }

    /// Words before a command line that bring the command to where the disk is seen.
    pub fn enter(&self) -> Vec<String> {
        let target = format!("--target={}", self.holder.id());
        ["nsenter", &target, "--mount"].map(str::to_owned).to_vec()
    }

    /// A path as this process must name it to see what clusterd sees there.
    pub fn seen(&self, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.id());
        let below = path.strip_prefix("/").expect("an absolute path");
        Path::new(&root).join(below)
    }

    fn filler(&self) -> PathBuf {
        self.seen(&self.at).join("filler")
    }

    /// Writes until nothing more can be written.
    pub fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("a file on the disk");
        // Whole pages first, then what is left of the last one.
        for piece in [4096, 1] {
            while filler.write_all(&vec![0x20; piece]).is_ok() {}
        }
    }

    /// Takes back what [`SmallDisk::fill`] wrote.
    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("the filler is there");
    }

    /// Copies all to the folder that the disk hides.
    pub fn keep(&self) {
        let from = self.seen(&self.at).join(".");
        let copied = Command::new("cp")
            .arg("-a")
            .arg(from)
            .arg(&self.at)
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "it is kept");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ended = self.holder.kill().and_then(|()| self.holder.wait());
    }
}
