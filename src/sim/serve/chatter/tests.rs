//! Talking ports over real sockets on the loopback address.

use std::net::Ipv4Addr;

use tokio::time::timeout;

use tokio::io::AsyncReadExt;

use super::*;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);

fn two(lines_per_s: f64, speech: Speech) -> Chatter {
    let node = |n: u32| NodeSpec::sun(&format!("sun{n}"), 0x80b1_0000 + n);
    chatter(ChatterSpec {
        nodes: vec![node(1), node(2)],
        listen: Ipv4Addr::LOCALHOST.into(),
        base_port: 0,
        lines_per_s,
        speech,
        seed: 7,
        panic_after: None,
    })
    .unwrap()
}

async fn until_says(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = Vec::new();
    let read = async {
        loop {
            let told = String::from_utf8_lossy(&seen).into_owned();
            if told.contains(text) {
                return told;
            }
            let mut buffer = [0; 512];
            match stream.read(&mut buffer).await {
                Ok(count @ 1..) => seen.extend_from_slice(&buffer[..count]),
                other => panic!("{other:?} after {told:?}"),
            }
        }
    };
    timeout(LIMIT, read).await.expect("it comes in time")
}

#[tokio::test]
async fn each_port_talks_and_has_one_client() {
    let ports = two(200.0, Speech::Raw);
    let mut one = TcpStream::connect(ports.consoles()[0]).await.unwrap();
    until_says(&mut one, "\r\n").await;
    let mut second = TcpStream::connect(ports.consoles()[0]).await.unwrap();
    let ended = timeout(LIMIT, second.read(&mut [0; 9])).await.unwrap();
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    let mut other = TcpStream::connect(ports.consoles()[1]).await.unwrap();
    until_says(&mut other, "SC Alert: ").await;
}

#[tokio::test]
async fn a_quiet_pair_answers_as_a_pair_does() {
    let ports = two(0.0, Speech::Raw);
    let mut runs = TcpStream::connect(ports.consoles()[0]).await.unwrap();
    runs.write_all(b"\r").await.unwrap();
    until_says(&mut runs, "\r\nsun1 console login: ").await;
    let mut waits = TcpStream::connect(ports.consoles()[1]).await.unwrap();
    waits.write_all(b"\r").await.unwrap();
    until_says(&mut waits, "\r\n{0} ok ").await;
    waits.write_all(b"hex a0 b + u.\r").await.unwrap();
    until_says(&mut waits, "\r\nab \r\n{0} ok ").await;
    waits.write_all(b"banner\r").await.unwrap();
    until_says(&mut waits, "Host ID: 80b10002.").await;
}

#[tokio::test]
async fn it_panics_when_told_to_and_is_silent_then() {
    let mut ports = ChatterSpec {
        nodes: vec![NodeSpec::sun("sun1", 1)],
        listen: Ipv4Addr::LOCALHOST.into(),
        base_port: 0,
        lines_per_s: 500.0,
        speech: Speech::Telnet,
        seed: 7,
        panic_after: None,
    };
    ports.panic_after = Some(Duration::from_millis(100));
    let ports = chatter(ports).unwrap();
    let mut console = TcpStream::connect(ports.consoles()[0]).await.unwrap();
    let told = until_says(&mut console, "a100447790\r\n").await;
    assert!(told.ends_with("a100447790\r\n"), "{told}");
    console.write_all(b"\r").await.unwrap();
    let silent = timeout(Duration::from_millis(200), console.read(&mut [0; 9])).await;
    assert!(silent.is_err(), "{silent:?}");
}
