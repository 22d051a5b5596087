//! Links against peers that are not ours: QEMU's telnet port, a cable that is pulled, a thousand
//! consoles at once. `cargo test --test console_links -- --ignored` runs them.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clusterd::console::{Address, Console, LinkSettings, Order, Said};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Set by the parent: without it a child must not touch the network it finds itself in.
const OURS: &str = "CLUSTERD_TEST_OWN_NETWORK";

/// A program that ends with its owner.
struct Program(Child);

impl Program {
    fn start(words: &str) -> Program {
        let mut words = words.split(' ');
        let mut command = Command::new(words.next().unwrap());
        let command = command
            .args(words)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        Program(command.spawn().expect("the program is installed"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(words: &str) {
    let mut parts = words.split(' ');
    let status = Command::new(parts.next().unwrap())
        .args(parts)
        .status()
        .unwrap();
    assert!(status.success(), "{words}");
}

async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> T {
    let end = timeout(limit, future).await;
    end.unwrap_or_else(|_| panic!("nothing happened in {limit:?}"))
}

/// Waits for the link; a peer that has not started yet refuses a few times.
async fn up(console: &mut Console) -> u64 {
    loop {
        match within(Duration::from_secs(30), console.next()).await {
            Said::Up { epoch } => return epoch,
            Said::Down { why, .. } => assert!(why.contains("refused"), "{why}"),
            said => panic!("{said:?}"),
        }
    }
}

/// Reads until the node has said `wanted`; all that it said.
async fn sees(console: &mut Console, wanted: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        let said = timeout(Duration::from_secs(120), console.next()).await;
        match said.unwrap_or_else(|_| panic!("{wanted:?} does not come: {seen:?}")) {
            Said::Bytes { bytes, .. } => seen += &String::from_utf8_lossy(&bytes),
            said => panic!("{said:?} after {seen:?}"),
        }
    }
    seen
}

/// QEMU's parser knows few commands of telnet and takes three bytes for each: a question that it
/// misread would be typed at the guest, or swallow what is typed behind it.
#[tokio::test]
#[ignore = "needs qemu-system-sparc"]
async fn a_timing_mark_does_not_disturb_a_guest_of_qemu() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = free.local_addr().unwrap();
    drop(free);
    let machine = "qemu-system-sparc -display none -monitor none -nodefaults -m 32 -prom-env auto-boot?=false";
    let _guest = Program::start(&format!(
        "{machine} -serial telnet:{port},server=on,wait=on"
    ));
    let settings = LinkSettings {
        keepalive_idle: Duration::from_millis(200),
        user_timeout: Duration::from_secs(1),
        ..LinkSettings::default()
    };
    let address: Address = format!("telnet://{port}").parse().unwrap();
    let mut console = Console::open(address, settings);
    let epoch = up(&mut console).await;
    sees(&mut console, "0 > ").await;
    // It does not answer the question that it was asked: it is not ended for that.
    let quiet = timeout(Duration::from_secs(3), console.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    for round in 10_u32..13 {
        console.order(Order::Break { epoch });
        let bytes = format!("{round:x} 5 * .\r").into_bytes();
        console.order(Order::Type { epoch, bytes });
        let said = within(Duration::from_secs(5), console.next()).await;
        assert!(
            matches!(said, Said::Broke { .. } | Said::Bytes { .. }),
            "{said:?}"
        );
        let mut seen = String::new();
        while !seen.ends_with("0 > ") {
            match within(Duration::from_secs(30), console.next()).await {
                Said::Bytes { bytes, .. } => seen += &String::from_utf8_lossy(&bytes),
                Said::Broke { .. } => {}
                said => panic!("{said:?}"),
            }
        }
        let product = format!(" {:x} ", round * 5);
        assert!(seen.contains(&product), "{seen:?}");
        assert!(seen.is_ascii(), "{seen:?}");
    }
}

#[test]
#[ignore = "needs socat and network namespaces"]
fn a_pulled_cable_is_found_in_the_time_that_is_set() {
    let mut child = Command::new("unshare");
    child
        // With the child all that it started ends.
        .args(["--user", "--map-root-user", "--net", "--pid"])
        .args(["--fork", "--kill-child", "--mount-proc"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_with_a_cable", "--ignored", "--nocapture"])
        .env(OURS, "1");
    assert!(child.status().unwrap().success());
}

/// Two network namespaces and a cable between them.
#[tokio::test]
#[ignore = "run by a_pulled_cable_is_found_in_the_time_that_is_set"]
async fn child_with_a_cable() {
    if std::env::var_os(OURS).is_none() {
        return;
    }
    let far = Program::start("unshare --net sleep 600");
    let pid = far.0.id();
    let there = format!("nsenter --net=/proc/{pid}/ns/net --");
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();
    // The child makes its namespace in its own time.
    while std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap() == own {
        tokio::task::yield_now().await;
    }
    run(&format!(
        "ip link add near type veth peer name far netns {pid}"
    ));
    run("ip address add 192.0.2.1/24 dev near");
    run("ip link set near up");
    run(&format!("{there} ip address add 192.0.2.2/24 dev far"));
    run(&format!("{there} ip link set far up"));
    let _server = Program::start(&format!(
        "{there} socat TCP-LISTEN:2001,fork,reuseaddr PIPE"
    ));
    for idle in [true, false] {
        let settings = LinkSettings {
            keepalive_idle: Duration::from_secs(1),
            keepalive_interval: Duration::from_secs(1),
            user_timeout: Duration::from_secs(3),
            ..LinkSettings::default()
        };
        let lost_after = settings.lost_after();
        let mut console = Console::open("telnet://192.0.2.2:2001".parse().unwrap(), settings);
        let epoch = up(&mut console).await;
        let bytes = b"echo".to_vec();
        console.order(Order::Type { epoch, bytes });
        sees(&mut console, "echo").await;
        run(&format!("{there} ip link set far down"));
        let pulled = Instant::now();
        if !idle {
            console.order(Order::Break { epoch });
        }
        let why = loop {
            match within(Duration::from_secs(30), console.next()).await {
                Said::Down { why, .. } => break why,
                Said::Broke { .. } => {}
                said => panic!("{said:?}"),
            }
        };
        let took = pulled.elapsed();
        println!("measured: idle {idle}, lost after {took:?}: {why}");
        assert!(why.contains("192.0.2.2:2001 no longer answers"), "{why}");
        assert!(took < lost_after + Duration::from_secs(3), "{took:?}");
        run(&format!("{there} ip link set far up"));
        // It comes back by itself.
        loop {
            if let Said::Up { .. } = within(Duration::from_secs(30), console.next()).await {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn a_thousand_consoles_of_one_server_attach() {
    const CONSOLES: usize = 1000;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut clients = Vec::new();
        while let Ok((mut client, _)) = listener.accept().await {
            client
                .write_all(b"\xff\xfb\x01\xff\xfb\x03ok ")
                .await
                .unwrap();
            clients.push(client);
        }
    });
    let address: Address = format!("telnet://{at}").parse().unwrap();
    let begun = Instant::now();
    let open = |_| Console::open(address.clone(), LinkSettings::default());
    let mut consoles: Vec<Console> = (0..CONSOLES).map(open).collect();
    for console in &mut consoles {
        up(console).await;
    }
    println!(
        "measured: {CONSOLES} consoles attached in {:?}",
        begun.elapsed()
    );
}
