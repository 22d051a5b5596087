//! The endpoint that Prometheus scrapes: `GET /metrics` over HTTP/1.1, one request a connection.
//!
//! It asks the daemon's desk as the control socket does, so it knows nothing that `clusterd metrics` does
//! not say. Connections, bytes and times are bounded: a client that says nothing, or reads nothing, costs
//! a place for some seconds and nobody else anything.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::alarm::{Alarms, Subject};
use crate::control::{Answer, Ask, Asked, Given};
use crate::script::program::Severity;

/// Connections at once; more are closed without a word.
const CONNECTIONS: usize = 8;
/// The longest request with all its headers, bytes.
const REQUEST: usize = 8 << 10;
/// Header lines of a request.
const HEADERS: usize = 64;
/// How long a client may take to ask.
const ASKED_WITHIN: Duration = Duration::from_secs(5);
/// How long the page may take to be made.
const MADE_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may take to read it.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Between two tries to listen.
const AGAIN: Duration = Duration::from_secs(10);
/// The alarm of an endpoint that cannot listen.
pub const FAILED: &str = "metrics";

/// Listens at `listen` and answers for as long as it is polled. Where it cannot listen it says so and tries
/// again: that Prometheus sees nothing keeps nobody from watching.
pub async fn serve(listen: SocketAddr, asked: mpsc::Sender<Asked>, alarms: Arc<Alarms>) {
    let listener = listener(listen, &alarms).await;
    serve_at(listener, asked, alarms).await;
}

async fn listener(listen: SocketAddr, alarms: &Alarms) -> TcpListener {
    loop {
        match TcpListener::bind(listen).await {
            Ok(listener) => return listener,
            Err(why) => {
                let text = format!(
                    "the metrics cannot be fetched: failed to listen at {listen}: {why}; it is tried again"
                );
                alarms.raise(&Subject::host(), Severity::Warning, FAILED, &text);
            }
        }
        sleep(AGAIN).await;
    }
}

/// The same, where somebody listens already.
pub async fn serve_at(listener: TcpListener, asked: mpsc::Sender<Asked>, alarms: Arc<Alarms>) {
    alarms.clear(&Subject::host(), FAILED);
    if let Ok(at) = listener.local_addr() {
        tracing::info!("metrics at http://{at}/metrics");
    }
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(err) => {
                tracing::warn!("failed to accept a connection for metrics: {err}");
                // Out of file descriptors, most likely: some close with time.
                sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let asked = asked.clone();
        tokio::spawn(async move {
            if let Err(err) = converse(stream, &asked).await {
                tracing::debug!("a connection for metrics failed: {err}");
            }
            drop(place);
        });
    }
}

async fn converse(mut stream: TcpStream, asked: &mpsc::Sender<Asked>) -> io::Result<()> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let wanted = timeout(ASKED_WITHIN, read(&mut stream))
        .await
        .map_err(late)??;
    let Some(wanted) = wanted else { return Ok(()) };
    let (status, kind, body) = match &wanted {
        Wanted::Page { .. } => match page(asked).await {
            Ok(text) => ("200 OK", prometheus::TEXT_FORMAT, text),
            Err(text) => ("503 Service Unavailable", PLAIN, text),
        },
        Wanted::Nothing => {
            let text = "the metrics are at /metrics\n".to_owned();
            ("404 Not Found", PLAIN, text)
        }
        Wanted::Act => {
            let text = "this can only be read: GET /metrics\n".to_owned();
            ("405 Method Not Allowed", PLAIN, text)
        }
        Wanted::Unclear => {
            let text = "this is no request of HTTP/1\n".to_owned();
            ("400 Bad Request", PLAIN, text)
        }
    };
    let mut answer = format!("HTTP/1.1 {status}\r\n");
    if matches!(wanted, Wanted::Act) {
        answer.push_str("Allow: GET, HEAD\r\n");
    }
    let length = body.len();
    let _ = write!(
        answer,
        "Content-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    if !matches!(wanted, Wanted::Page { body: false }) {
        answer.push_str(&body);
    }
    let write = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    timeout(READ_WITHIN, write).await.map_err(late)?
}

const PLAIN: &str = "text/plain; charset=utf-8";

/// What a client wants.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// The page; without its body for HEAD.
    Page { body: bool },
    /// Something that is not here.
    Nothing,
    /// To change something.
    Act,
    /// It does not speak HTTP.
    Unclear,
}

/// Reads a request; none: the client has gone.
async fn read(stream: &mut TcpStream) -> io::Result<Option<Wanted>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece[..count]);
        match understand(&bytes) {
            Some(wanted) => return Ok(Some(wanted)),
            None if bytes.len() >= REQUEST => return Ok(Some(Wanted::Unclear)),
            None => {}
        }
    }
}

/// What stands there, if it is all there.
fn understand(bytes: &[u8]) -> Option<Wanted> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) => return None,
        Ok(httparse::Status::Complete(_)) => {}
        Err(_) => return Some(Wanted::Unclear),
    }
    let path = request.path.unwrap_or_default();
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    Some(match (request.method.unwrap_or_default(), path) {
        ("GET", "/metrics") => Wanted::Page { body: true },
        ("HEAD", "/metrics") => Wanted::Page { body: false },
        ("GET" | "HEAD", _) => Wanted::Nothing,
        _ => Wanted::Act,
    })
}

async fn page(asked: &mpsc::Sender<Asked>) -> Result<String, String> {
    let (answer, answered) = oneshot::channel();
    let put = async {
        let who = "http".to_owned();
        let ask = Ask::Metrics;
        asked.send(Asked { ask, who, answer }).await.ok()?;
        answered.await.ok()
    };
    match timeout(MADE_WITHIN, put).await {
        Ok(Some(Given::Answer(Answer::Metrics { text }))) => Ok(text),
        Ok(_) => Err("clusterd is stopping\n".to_owned()),
        Err(_) => Err("clusterd did not answer in time; see its log\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_understood_when_they_are_whole() {
        for (text, wanted) in [
            ("GET /met", None),
            (
                "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n",
                Some(Wanted::Page { body: true }),
            ),
            (
                "HEAD /metrics?x=1 HTTP/1.0\r\n\r\n",
                Some(Wanted::Page { body: false }),
            ),
            ("GET / HTTP/1.1\r\n\r\n", Some(Wanted::Nothing)),
            ("POST /metrics HTTP/1.1\r\n\r\n", Some(Wanted::Act)),
            ("\x16\x03\x01\x02\n", Some(Wanted::Unclear)),
        ] {
            assert_eq!(understand(text.as_bytes()), wanted, "{text:?}");
        }
        let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        assert_eq!(understand(many.as_bytes()), Some(Wanted::Unclear));
    }
}
