//! The simulated nodes over real sockets on the loopback address.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;
use crate::proto::telnet::{BREAK, Event, Telnet, TelnetRole};
use crate::sim::Times;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);

const PROMPT: Condition = Condition::Prompt { resumable: false };

struct Client {
    stream: TcpStream,
    telnet: Telnet,
    seen: String,
}

impl Client {
    async fn connect(address: SocketAddr) -> Client {
        Client {
            stream: TcpStream::connect(address).await.unwrap(),
            telnet: Telnet::new(TelnetRole::Client),
            seen: String::new(),
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.seen.clear();
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Reads on until `text` came; false if the connection ended before.
    async fn sees(&mut self, text: &str) -> bool {
        let mut buffer = [0; 1024];
        while !self.seen.contains(text) {
            let read = timeout(LIMIT, self.stream.read(&mut buffer)).await;
            let Ok(count @ 1..) = read.unwrap_or_else(|_| panic!("{text:?} in {:?}", self.seen))
            else {
                return false;
            };
            let mut events = Vec::new();
            self.telnet.receive(&buffer[..count], &mut events);
            for event in events {
                match event {
                    Event::Data(bytes) => self.seen += &String::from_utf8_lossy(&bytes),
                    Event::Reply(bytes) => self.stream.write_all(&bytes).await.unwrap(),
                    strange => panic!("a server says no such thing: {strange:?}"),
                }
            }
        }
        true
    }

    /// A new client whose node has answered RETURN with its prompt.
    async fn at_prompt(address: SocketAddr) -> Client {
        let mut client = Client::connect(address).await;
        while client.stream.write_all(b"\r").await.is_err() || !client.sees("\r\nok ").await {
            client = Client::connect(address).await;
        }
        client
    }

    async fn is_closed(&mut self) -> bool {
        !self.sees("text that never comes").await
    }
}

async fn pair() -> SimHandle {
    let node = |name, id| NodeSpec::openbios(name, id).with_times(Times::QUICK);
    let nodes = vec![node("alpha", 0x8077_0001), node("beta", 0x8077_0002)];
    let sim = serve(ServeSpec::on_loopback(nodes)).await.unwrap();
    sim.start();
    let at_prompt = |(_, condition): &(_, Condition)| *condition == PROMPT;
    while !sim.snapshot().nodes.iter().all(at_prompt) {
        tokio::task::yield_now().await;
    }
    sim
}

#[tokio::test]
async fn a_node_boots_is_stopped_by_break_and_resumed_over_telnet() {
    let sim = pair().await;
    let service = sim.service().unwrap();
    assert!(TcpStream::connect(service).await.is_err());
    let mut alpha = Client::at_prompt(sim.consoles()[0]).await;
    alpha.send(b"boot disk\r").await;
    assert!(alpha.sees("service console login: ").await);
    let mut probe = timeout(LIMIT, TcpStream::connect(service)).await.unwrap();
    while probe.is_err() {
        tokio::task::yield_now().await;
        probe = TcpStream::connect(service).await;
    }
    alpha.send(&BREAK).await;
    assert!(alpha.sees("Type  'go' to resume\r\n\r\nok ").await);
    assert_eq!(
        sim.snapshot().nodes[0].1,
        Condition::Prompt { resumable: true }
    );
    while TcpStream::connect(service).await.is_ok() {
        tokio::task::yield_now().await;
    }
    alpha.send(b"go\r\r").await;
    assert!(alpha.sees("service console login: ").await);
    assert_eq!(sim.transcript(0).breaks(Moment::ZERO), 1);
    let snapshot = sim.snapshot();
    assert_eq!(
        (snapshot.disk.boot_order(), snapshot.disk.violations()),
        (vec!["alpha"], 0)
    );
}

#[tokio::test]
async fn a_port_takes_one_client_and_closes_a_second_at_once() {
    let sim = pair().await;
    let mut first = Client::at_prompt(sim.consoles()[1]).await;
    let mut second = Client::connect(sim.consoles()[1]).await;
    assert!(second.is_closed().await);
    assert_eq!(second.seen, "");
    first.send(b"hex 1 2 + u.\r").await;
    assert!(first.sees("3 \r\nok ").await);
    drop(first);
    // The port is free as soon as the end of the first connection is seen.
    Client::at_prompt(sim.consoles()[1]).await;
}

#[tokio::test]
async fn a_refused_port_resets_its_client_and_a_hung_one_is_silent() {
    let sim = pair().await;
    let mut alpha = Client::at_prompt(sim.consoles()[0]).await;
    sim.set_link(0, ConsoleLink::Refused);
    assert!(alpha.is_closed().await);
    while TcpStream::connect(sim.consoles()[0]).await.is_ok() {
        tokio::task::yield_now().await;
    }
    sim.set_link(0, ConsoleLink::Hung);
    let mut hung = loop {
        match TcpStream::connect(sim.consoles()[0]).await {
            Ok(stream) => break stream,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    hung.write_all(b"\r").await.unwrap();
    let silent = timeout(Duration::from_millis(200), hung.read(&mut [0; 16])).await;
    assert!(silent.is_err());
    sim.set_link(0, ConsoleLink::Up);
    Client::at_prompt(sim.consoles()[0]).await;
}

#[tokio::test]
async fn faults_come_through_the_handle_and_the_table_names_the_ports() {
    let sim = pair().await;
    let table = sim.table();
    assert!(table.contains(&format!("telnet 127.0.0.1 {}", sim.consoles()[1].port())));
    assert!(table.contains("beta         80770002"), "{table}");
    let mut alpha = Client::at_prompt(sim.consoles()[0]).await;
    alpha.send(b"boot disk\r").await;
    assert!(alpha.sees("console login: ").await);
    sim.panic(0);
    assert!(alpha.sees("end Kernel panic").await);
    let snapshot = sim.snapshot();
    assert!(snapshot.answers_ping && !snapshot.serving);
    sim.power(0, false);
    assert_eq!(
        sim.snapshot().nodes[0],
        ("alpha".to_owned(), Condition::Off)
    );
}
