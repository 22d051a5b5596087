//! The server's end with real sockets, and a daemon that lets everybody in.

use nix::sys::socket::{Backlog, bind, listen};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::*;
use crate::control::Outbox;

/// A server that lets every visitor in, and counts them.
fn open_house(path: &Path) -> mpsc::Receiver<Ask> {
    let server = Server::bind(path, None).unwrap();
    let (asked, mut asks) = mpsc::channel::<Asked>(8);
    let (heard, hears) = mpsc::channel(2 * limits::VISITS);
    let (_, access) = watch::channel(Access::default());
    tokio::spawn(async move { server.serve(asked, access, Box::new(|_| ())).await });
    tokio::spawn(async move {
        // The wishes of all of them are taken, and left alone.
        let (wishes, mut wished) = mpsc::channel(8);
        tokio::spawn(async move { while wished.recv().await.is_some() {} });
        while let Some(asked) = asks.recv().await {
            heard.try_send(asked.ask).unwrap();
            let visit = Visit {
                id: 0,
                wishes: wishes.clone(),
                outbox: Arc::new(Outbox::default()),
            };
            let answer = Answer::Attached {
                who: "alice".to_owned(),
            };
            let _ = asked.answer.send(Given::Visit(answer, visit));
        }
    });
    hears
}

struct Visitor(BufReader<UnixStream>);

impl Visitor {
    async fn comes(path: &Path) -> (Visitor, Value) {
        let mut stream = UnixStream::connect(path).await.unwrap();
        let ask = json!({ "v": 1, "ask": { "do": "attach", "cluster": "pki-ca", "node": "ca1", "grip": "force" } });
        stream
            .write_all(format!("{ask}\n").as_bytes())
            .await
            .unwrap();
        let mut visitor = Visitor(BufReader::new(stream));
        let mut line = String::new();
        visitor.0.read_line(&mut line).await.unwrap();
        (visitor, serde_json::from_str(&line).unwrap())
    }
}

#[tokio::test]
async fn a_visit_that_finds_no_place_takes_nobodys_pen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clusterd.sock");
    let mut asks = open_house(&path);
    let most = match nix::unistd::geteuid().is_root() {
        true => limits::VISITS,
        false => limits::VISITS / 2,
    };
    let mut visitors = Vec::new();
    for _ in 0..most {
        let (visitor, said) = Visitor::comes(&path).await;
        assert_eq!(said["answer"]["is"], "attached", "{said}");
        asks.recv().await.unwrap();
        visitors.push(visitor);
    }
    let (_, said) = Visitor::comes(&path).await;
    assert_eq!(said["answer"]["code"], "busy", "{said}");
    assert!(
        asks.try_recv().is_err(),
        "the daemon heard of it, and has given them the pen"
    );
    visitors.pop();
    // Its place is free as soon as the server has seen it go.
    loop {
        let (_, said) = Visitor::comes(&path).await;
        if said["answer"]["is"] == "attached" {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_dead_daemons_socket_is_replaced_and_a_living_ones_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clusterd.sock");
    // A daemon that was killed leaves its socket's file.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let first = Server::bind(&path, None).unwrap();
    let refused = Server::bind(&path, None).unwrap_err().to_string();
    assert!(
        refused.contains("a clusterd of another home answers there"),
        "{refused}"
    );
    drop(first);
    assert!(!path.exists());
    Server::bind(&path, None).unwrap();
}

#[test]
fn a_daemon_too_busy_to_answer_lives() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clusterd.sock");
    let address = UnixAddr::new(&path).unwrap();
    let flags = SockFlag::SOCK_NONBLOCK;
    let made = || socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
    let busy = made();
    bind(busy.as_raw_fd(), &address).unwrap();
    assert!(!answers(&path).unwrap(), "it does not listen");
    listen(&busy, Backlog::new(1).unwrap()).unwrap();
    let mut waiting = Vec::new();
    let full = loop {
        waiting.push(made());
        let last = waiting.last().unwrap();
        if let Err(err) = connect(last.as_raw_fd(), &address) {
            break err;
        }
    };
    assert_eq!(full, Errno::EAGAIN);
    assert!(answers(&path).unwrap());
}
