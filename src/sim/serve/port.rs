//! One console port, as a terminal server has them: one client at a time, a second one is closed
//! at once; a refused port resets its client and has no listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::proto::telnet::{Event, Telnet, TelnetRole, encode};

use super::super::rig::ConsoleLink;
use super::{BIND_AGAIN, Bench, Outside, WAITING};

/// Keeps the port `number` as its link is.
pub(super) async fn keep(bench: Arc<Bench>, number: usize, first: TcpListener) {
    let Ok(address) = first.local_addr() else {
        return;
    };
    let mut outside = bench.outside.subscribe();
    let mut listener = Some(first);
    loop {
        let open = listener.take();
        let up = |o: &Outside| o.links[number] != ConsoleLink::Refused;
        if outside.wait_for(up).await.is_err() {
            return;
        }
        let open = match open {
            Some(open) => open,
            None => bind(address).await,
        };
        if accept(&bench, number, &open, &mut outside).await.is_err() {
            return;
        }
    }
}

async fn bind(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(BIND_AGAIN).await,
        }
    }
}

/// Serves clients until the port is refused.
async fn accept(
    bench: &Arc<Bench>,
    number: usize,
    listener: &TcpListener,
    outside: &mut watch::Receiver<Outside>,
) -> Result<(), watch::error::RecvError> {
    let mut client: JoinSet<()> = JoinSet::new();
    loop {
        tokio::select! {
            refused = outside.wait_for(|o| o.links[number] == ConsoleLink::Refused) => {
                return refused.map(drop);
            }
            Some(_) = client.join_next() => {}
            Ok((stream, _)) = listener.accept() => {
                bench.accepted[number].fetch_add(1, Ordering::Relaxed);
                while client.try_join_next().is_some() {}
                if client.is_empty() {
                    client.spawn(talk(Arc::clone(bench), number, stream));
                }
            }
        }
    }
}

/// Takes the port's output from the bench as long as it lives.
struct Attached {
    bench: Arc<Bench>,
    number: usize,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.bench.clients()[self.number] = None;
    }
}

async fn talk(bench: Arc<Bench>, number: usize, mut stream: TcpStream) {
    // A port that is cut resets its connection (RST), as the test bed's do; both options are
    // best effort.
    let socket = SockRef::from(&stream);
    let _reset = socket.set_linger(Some(Duration::ZERO));
    let _fast = socket.set_tcp_nodelay(true);
    let hung = bench.outside.borrow().links[number] == ConsoleLink::Hung;
    if hung {
        let mut outside = bench.outside.subscribe();
        let mended = outside
            .wait_for(|o| o.links[number] != ConsoleLink::Hung)
            .await;
        return drop(mended);
    }
    let mut telnet = Telnet::new(TelnetRole::Server);
    if stream.write_all(telnet.greeting()).await.is_err() {
        return;
    }
    let (sender, mut output) = mpsc::channel(WAITING);
    bench.clients()[number] = Some(sender);
    let attached = Attached { bench, number };
    let mut buffer = [0; 4096];
    loop {
        let mut answer = Vec::new();
        tokio::select! {
            Some(bytes) = output.recv() => encode(&bytes, &mut answer),
            read = stream.read(&mut buffer) => match read {
                Ok(count) if count > 0 => {
                    take(&attached, &mut telnet, &buffer[..count], &mut answer);
                }
                _ => return,
            }
        }
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// What a client sent: typed bytes and BREAKs go to the node in their order.
fn take(attached: &Attached, telnet: &mut Telnet, bytes: &[u8], answer: &mut Vec<u8>) {
    let mut events = Vec::new();
    telnet.receive(bytes, &mut events);
    let Attached { bench, number } = attached;
    for event in events {
        match event {
            Event::Data(typed) => bench.order(|rig, now| rig.type_to(*number, &typed, now)),
            Event::Break => bench.order(|rig, now| rig.send_break(*number, now)),
            Event::Reply(reply) => answer.extend_from_slice(&reply),
            Event::TimingMark | Event::ComPort(_) | Event::ComPortSays(_) => {}
        }
    }
}
