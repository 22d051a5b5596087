//! What needs no server of others: one of the same library, on a port of this machine.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::server::{self, Auth, ChannelOpenHandle, Msg};
use russh::{Channel, ChannelId};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use super::*;

const LIMIT: Duration = Duration::from_secs(60);

/// It is known to everybody who reads this.
const HOST_KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACDGgi5a/mr0ja5ItkcgJoWgDMhWHxa7L5n+8K4PFltOFwAAAIioDFTpqAxU
6QAAAAtzc2gtZWQyNTUxOQAAACDGgi5a/mr0ja5ItkcgJoWgDMhWHxa7L5n+8K4PFltOFw
AAAEBb7JGCMi813qVuMXMHd0E1iu+A3RDgazJF0UTRJxU/O8aCLlr+avSNrki2RyAmhaAM
yFYfFrsvmf7wrg8WW04XAAAABHRlc3QB
-----END OPENSSH PRIVATE KEY-----
";

/// The packet that a flood is made of, bytes.
const PACKET: usize = 4096;

/// A server that lets everybody in and runs anything: `flood` sends without end.
struct Server {
    flooded: Arc<AtomicU64>,
}

impl server::Handler for Server {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut server::Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        if command == b"flood" {
            let (handle, flooded) = (session.handle(), Arc::clone(&self.flooded));
            tokio::spawn(async move {
                while handle.data(channel, vec![b'x'; PACKET]).await.is_ok() {
                    flooded.fetch_add(PACKET as u64, Ordering::Relaxed);
                }
            });
        }
        Ok(())
    }
}

/// The server's port, its home with known_hosts, and how much it has sent of its flood.
async fn serve() -> (u16, TempDir, Arc<AtomicU64>) {
    let key = PrivateKey::from_openssh(HOST_KEY).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let line = format!(
        "[127.0.0.1]:{port} {}\n",
        key.public_key().to_openssh().unwrap()
    );
    fs::write(dir.path().join("known_hosts"), line).unwrap();
    let flooded = Arc::new(AtomicU64::new(0));
    let handler = Server {
        flooded: Arc::clone(&flooded),
    };
    let config = server::Config {
        keys: vec![key],
        ..server::Config::default()
    };
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let session = server::run_stream(Arc::new(config), stream, handler);
        // It ends with the test, or with the connection.
        let _ = session.await.unwrap().await;
    });
    (port, dir, flooded)
}

async fn dialled(port: u16, dir: &TempDir, command: &str) -> Result<Wire, String> {
    let login = SshLogin {
        known_hosts: dir.path().join("known_hosts").display().to_string(),
        command: Some(command.to_owned()),
        pty: false,
        ..SshLogin::default()
    };
    let settings = LinkSettings {
        connect_timeout: LIMIT,
        ..LinkSettings::default()
    };
    let deadline = Instant::now() + LIMIT;
    dial(("a", "127.0.0.1", port), &login, &settings, deadline).await
}

/// What is in flight is bounded, however long nobody reads; then all of it is there.
#[tokio::test]
async fn a_flood_that_nobody_reads_stands_still() {
    let (port, dir, flooded) = serve().await;
    let mut wire = dialled(port, &dir, "flood").await.unwrap();
    let now = || flooded.load(Ordering::Relaxed);
    let mut before = u64::MAX;
    // It has come to a stand when nothing moved for a moment.
    timeout(LIMIT, async {
        while now() == 0 || now() != before {
            before = now();
            sleep(Duration::from_millis(300)).await;
        }
    })
    .await
    .expect("the flood goes on though nobody reads");
    let stands = now();
    println!("{stands} bytes are in flight");
    assert!(stands < 4 << 20, "{stands}");
    let mut bytes = vec![0; usize::try_from(stands).unwrap() + PACKET];
    let read = wire.reader.read_exact(&mut bytes);
    timeout(LIMIT, read).await.unwrap().unwrap();
    assert!(bytes.iter().all(|&byte| byte == b'x'));
}

#[tokio::test]
async fn a_server_is_dialled_only_if_it_is_known() {
    let (port, dir, _) = serve().await;
    fs::write(dir.path().join("known_hosts"), "").unwrap();
    let why = dialled(port, &dir, "anything").await.err().unwrap();
    assert!(why.starts_with("host key unknown: 127.0.0.1:"), "{why}");
    let (port, dir, _) = serve().await;
    dialled(port, &dir, "anything").await.unwrap();
}

/// Whoever answers on the port may be no SSH server at all.
#[tokio::test]
async fn a_server_that_speaks_something_else_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let greeting = b"\xff\xfb\x01login: \r\n";
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, greeting).await;
    });
    let dir = tempfile::tempdir().unwrap();
    let why = dialled(port, &dir, "anything").await.err().unwrap();
    println!("{why}");
    assert!(why.contains(&format!("127.0.0.1:{port}")), "{why}");
}
