//! A person at `clusterd console`, on a terminal of their own.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};

use super::{Home, command, until};

/// Somebody at a console.
pub struct Visitor {
    pub child: Child,
    keyboard: File,
    shown: Arc<Mutex<String>>,
    /// The terminal itself, to see how it was left.
    terminal: OwnedFd,
    before: Termios,
    from: usize,
}

impl Home {
    /// Somebody comes to a console with these arguments.
    pub fn visit(&self, args: &[&str]) -> Visitor {
        let pty = openpty(None, None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = command(&["console"])
            .args(args)
            .env("CLUSTER_HOME", self.dir.path())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let keyboard = File::from(pty.master);
        let mut screen = keyboard.try_clone().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]);
                seen.lock().unwrap().push_str(&text);
            }
        });
        Visitor {
            child,
            keyboard,
            shown,
            terminal: pty.slave,
            before,
            from: 0,
        }
    }
}

impl Visitor {
    /// They press these keys.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this is shown, after what was waited for last.
    #[track_caller]
    pub fn sees(&mut self, text: &str) {
        let shown = Arc::clone(&self.shown);
        let from = self.from;
        let found = super::found(|| {
            let shown = shown.lock().unwrap();
            shown[from..].find(text).map(|at| from + at + text.len())
        });
        let Some(found) = found else {
            panic!("{text:?} was not shown; this was:\n{}", self.all());
        };
        self.from = found;
    }

    /// All that was shown.
    pub fn all(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Whether the terminal is raw.
    pub fn is_raw(&self) -> bool {
        let now = tcgetattr(&self.terminal).unwrap();
        !now.local_flags.contains(LocalFlags::ICANON)
    }

    /// Waits for their end, and looks whether the terminal is as it was.
    #[track_caller]
    pub fn ends(mut self) -> (ExitStatus, String) {
        let status = until("the visitor's end", || self.child.try_wait().unwrap());
        let now = tcgetattr(&self.terminal).unwrap();
        assert!(now == self.before, "the terminal is not as it was");
        (status, self.all())
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        // They may have left already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
