//! The commands' end of the control socket. Blocking: a command has nothing else to do.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::limits;
use super::protocol::{Answer, Ask, Refusal, Reply, Request, VERSION};

/// Why a command got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no daemon answers at {}: is it running? start it with: clusterd run --home {}", .socket.display(), .home.display())]
    NoDaemon {
        /// The socket.
        socket: PathBuf,
        /// The home directory.
        home: PathBuf,
    },
    /// The socket is another user's.
    #[error("may not connect to {}: it belongs to another user; run the command as the user that clusterd runs as, or be let in by `control_group` and `access` in its clusterd.yaml", .socket.display())]
    NotYours {
        /// The socket.
        socket: PathBuf,
    },
    /// The connection failed.
    #[error("failed to talk to the daemon at {}: {why}", .socket.display())]
    Broken {
        /// The socket.
        socket: PathBuf,
        /// What happened.
        why: String,
    },
    /// The daemon says no.
    #[error("{text}")]
    Refused {
        /// Why, for programs.
        code: Refusal,
        /// Why, for people.
        text: String,
    },
}

/// A connection to the daemon of a home.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the daemon that guards the clusters of `home` and listens at `socket`.
    ///
    /// # Errors
    /// There is none, or it is not for this user.
    pub fn connect(home: &Path, socket: &Path) -> Result<Client, ClientError> {
        let socket = socket.to_owned();
        let stream = UnixStream::connect(&socket).map_err(|err| match err.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NoDaemon {
                socket: socket.clone(),
                home: home.to_owned(),
            },
            io::ErrorKind::PermissionDenied => ClientError::NotYours {
                socket: socket.clone(),
            },
            _ => broken(&socket, &err),
        })?;
        stream
            .set_read_timeout(Some(limits::PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(limits::PATIENCE)))
            .map_err(|err| broken(&socket, &err))?;
        Ok(Client {
            socket,
            stream: BufReader::new(stream),
        })
    }

    /// Asks, and waits for the answer; a refusal is an error.
    ///
    /// # Errors
    /// The connection fails, the answer is none of this protocol, or a refusal.
    pub fn ask(&mut self, ask: Ask) -> Result<Answer, ClientError> {
        let reply = self.exchange(&Request { v: VERSION, ask });
        let reply = reply.map_err(|err| broken(&self.socket, &err))?;
        match reply.answer {
            Answer::Refused { code, text } => Err(ClientError::Refused { code, text }),
            answer => Ok(answer),
        }
    }

    /// The connection after an `attach`, with what has come of its frames already.
    ///
    /// # Errors
    /// The connection fails.
    pub fn into_stream(self) -> io::Result<(UnixStream, Vec<u8>)> {
        let first = self.stream.buffer().to_vec();
        let stream = self.stream.into_inner();
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        Ok((stream, first))
    }

    fn exchange(&mut self, request: &Request) -> io::Result<Reply> {
        let patience = limits::patience(&request.ask);
        self.stream.get_ref().set_read_timeout(Some(patience))?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line)?;
        let mut reply = Vec::new();
        let mut limited = (&mut self.stream).take(limits::REPLY);
        limited.read_until(b'\n', &mut reply).map_err(|err| {
            if err.kind() == io::ErrorKind::WouldBlock {
                let text = format!("no answer within {} s", patience.as_secs());
                io::Error::new(io::ErrorKind::TimedOut, text)
            } else {
                err
            }
        })?;
        if reply.pop() != Some(b'\n') {
            return Err(io::Error::other("it closed the connection"));
        }
        read(&reply).map_err(io::Error::other)
    }
}

/// Reads a reply; the version first, so that a daemon of another version is told apart from a broken one.
fn read(line: &[u8]) -> Result<Reply, String> {
    let unknown = |err: serde_json::Error| format!("its answer is not understood: {err}");
    let json: serde_json::Value = serde_json::from_slice(line).map_err(unknown)?;
    match json.get("v").and_then(serde_json::Value::as_u64) {
        Some(v) if v != u64::from(VERSION) => Err(format!(
            "it speaks protocol version {v}, this clusterd {VERSION}: use the clusterd of the same version"
        )),
        _ => serde_json::from_value(json).map_err(unknown),
    }
}

fn broken(socket: &Path, err: &io::Error) -> ClientError {
    ClientError::Broken {
        socket: socket.to_owned(),
        why: err.to_string(),
    }
}
