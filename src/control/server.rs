//! The daemon's end of the control socket.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::limits;
use super::person;
use super::protocol::{Answer, Ask, Refusal, Reply, Request, VERSION};

/// A request that is well formed and comes from somebody who may ask.
#[derive(Debug)]
pub struct Asked {
    /// What is wanted.
    pub ask: Ask,
    /// Who wants it.
    pub who: String,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Answer>,
}

/// The listening socket. Dropping it removes the socket's file.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    listener: UnixListener,
}

impl Server {
    /// Makes the socket at `path`, for its owner alone. The home is locked, so a socket that
    /// stands there is a dead daemon's and is replaced; a file of another kind is not.
    ///
    /// # Errors
    /// The socket cannot be made there.
    pub fn bind(path: &Path) -> io::Result<Server> {
        match std::fs::symlink_metadata(path) {
            Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_) => {
                return Err(io::Error::other(
                    "something else than a socket stands there",
                ));
            }
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(err) => return Err(err),
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(Server {
            path: path.to_owned(),
            listener,
        })
    }

    /// Takes requests for as long as it is polled, and hands them to `asked`.
    pub async fn serve(&self, asked: mpsc::Sender<Asked>) {
        let seats = Arc::new(Semaphore::new(limits::CONNECTIONS));
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(err) => {
                    tracing::warn!("failed to accept on the control socket: {err}");
                    // Out of file descriptors, most likely: some close with time.
                    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                    continue;
                }
            };
            let seat = Arc::clone(&seats).try_acquire_owned();
            let asked = asked.clone();
            tokio::spawn(async move {
                let talk = async {
                    match seat {
                        Ok(_seat) => converse(stream, asked).await,
                        Err(_) => {
                            refuse(stream, Refusal::Busy, "too many connections at once").await
                        }
                    }
                };
                if let Err(err) = talk.await {
                    tracing::debug!("a control connection failed: {err}");
                }
            });
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(err) = std::fs::remove_file(&self.path) {
            tracing::debug!("cannot remove {}: {err}", self.path.display());
        }
    }
}

async fn converse(stream: UnixStream, asked: mpsc::Sender<Asked>) -> io::Result<()> {
    let peer = stream.peer_cred()?;
    if !person::may_speak(&peer) {
        let who = person::name(&peer);
        tracing::warn!("{who} may not use the control socket and was refused");
        return refuse(
            stream,
            Refusal::NotYours,
            "this clusterd belongs to another user",
        )
        .await;
    }
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from);
    loop {
        let line = match timeout(limits::IDLE, limits::read_line(&mut from, limits::REQUEST)).await
        {
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None)) | Err(_) => return Ok(()),
            Ok(Err(err)) if err.kind() == io::ErrorKind::InvalidData => {
                let text = format!("a request is one line of at most {} bytes", limits::REQUEST);
                return write(&mut to, Answer::refused(Refusal::BadRequest, text)).await;
            }
            Ok(Err(err)) => return Err(err),
        };
        let answer = match understand(&line) {
            Ok(ask) => put(ask, person::name(&peer), &asked).await,
            Err(text) => Answer::refused(Refusal::BadRequest, text),
        };
        write(&mut to, answer).await?;
    }
}

/// Reads the version first, so that a request of another version is told just that.
fn understand(line: &[u8]) -> Result<Ask, String> {
    let json: serde_json::Value =
        serde_json::from_slice(line).map_err(|err| format!("this is no JSON: {err}"))?;
    match json.get("v").and_then(serde_json::Value::as_u64) {
        Some(v) if v == u64::from(VERSION) => {}
        Some(v) => {
            return Err(format!(
                "the request is of protocol version {v}, this clusterd speaks {VERSION}: use the clusterd of the same version"
            ));
        }
        None => return Err("the request has no version: \"v\" is missing".to_owned()),
    }
    serde_json::from_value::<Request>(json)
        .map(|request| request.ask)
        .map_err(|err| format!("this is no request: {err}"))
}

async fn put(ask: Ask, who: String, asked: &mpsc::Sender<Asked>) -> Answer {
    let (answer, answered) = oneshot::channel();
    let told = async {
        asked.send(Asked { ask, who, answer }).await.ok()?;
        answered.await.ok()
    };
    match timeout(limits::ANSWER, told).await {
        Ok(Some(answer)) => answer,
        Ok(None) => Answer::refused(Refusal::Busy, "clusterd is stopping"),
        Err(_) => Answer::refused(
            Refusal::Busy,
            "clusterd did not answer in time; see its log",
        ),
    }
}

async fn refuse(stream: UnixStream, code: Refusal, text: &str) -> io::Result<()> {
    let (_, mut to) = stream.into_split();
    write(&mut to, Answer::refused(code, text)).await
}

async fn write(to: &mut (impl AsyncWriteExt + Unpin), answer: Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(&Reply { v: VERSION, answer })?;
    line.push(b'\n');
    timeout(limits::ANSWER, to.write_all(&line))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
