//! Keys that an agent holds.

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::sshd::{Sshd, hear, keygen, login, open, refused, up, within};

/// OpenSSH's agent on a socket of its own; it ends with its owner.
struct Agent {
    child: Child,
    socket: String,
}

impl Agent {
    async fn start(server: &Sshd) -> Agent {
        let socket = server.shown("agent");
        let mut command = Command::new("ssh-agent");
        command.args(["-D", "-a", &socket]).stdout(Stdio::null());
        let child = command.spawn().expect("openssh-client is installed");
        let there = async {
            while !fs::exists(&socket).unwrap() {
                tokio::task::yield_now().await;
            }
        };
        within(there).await;
        Agent { child, socket }
    }

    fn add(&self, key: &str) {
        let mut command = Command::new("ssh-add");
        command
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", &self.socket);
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All of it in one test: the agent's socket is told to the whole process.
#[tokio::test]
#[ignore = "needs openssh-server"]
async fn the_keys_of_an_agent_log_in() {
    let server = Sshd::start(&[]).await;
    let mut spec = server.console("echo in; exec cat");
    login(&mut spec).key = None;
    login(&mut spec).agent = true;
    told_to_us(None);
    let why = refused(spec.clone()).await;
    assert!(
        why.contains("agent (there is none: SSH_AUTH_SOCK is not set for clusterd)"),
        "{why}"
    );

    told_to_us(Some(&server.shown("nowhere")));
    let why = refused(spec.clone()).await;
    assert!(why.contains("no socket where SSH_AUTH_SOCK says"), "{why}");

    let agent = Agent::start(&server).await;
    told_to_us(Some(&agent.socket));
    let why = refused(spec.clone()).await;
    assert!(why.contains("agent (it holds no key)"), "{why}");

    keygen(server.dir.path(), "stranger", "ed25519");
    agent.add(&server.shown("stranger"));
    let why = refused(spec.clone()).await;
    assert!(
        why.contains("tried: agent; the server takes publickey"),
        "{why}"
    );

    keygen(server.dir.path(), "mine", "rsa");
    let both = server.public("mine") + &server.public("user");
    fs::write(server.path("authorized"), both).unwrap();
    for key in ["mine", "user"] {
        agent.add(&server.shown(key));
        let mut console = open(spec.clone());
        up(&mut console).await;
        hear(&mut console, "in").await;
        let mut command = Command::new("ssh-add");
        command.args(["-q", "-d", &server.shown(key)]);
        assert!(
            command
                .env("SSH_AUTH_SOCK", &agent.socket)
                .status()
                .unwrap()
                .success()
        );
    }
}

/// Tells this process where its agent is.
#[expect(unsafe_code)]
fn told_to_us(socket: Option<&str>) {
    // SAFETY: no other test of this program reads or writes the environment meanwhile; they are
    // run one after the other.
    unsafe {
        match socket {
            Some(socket) => std::env::set_var("SSH_AUTH_SOCK", socket),
            None => std::env::remove_var("SSH_AUTH_SOCK"),
        }
    }
}
