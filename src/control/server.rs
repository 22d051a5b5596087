//! The daemon's end of the control socket.

use std::fs::Permissions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::unistd::{Group, chown};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::audit::{Audit, Ledger, words};
use super::limits;
use super::person::Person;
use super::protocol::{Answer, Ask, Refusal, Reply, Request, VERSION};
use super::seats::{Full, Seat, Seats};
use super::visit::{self, May, Visit};
use crate::config::{Access, Right};

/// A request that is well formed and comes from somebody who may ask.
#[derive(Debug)]
pub struct Asked {
    /// What is wanted.
    pub ask: Ask,
    /// Who wants it.
    pub who: String,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Given>,
}

/// What comes of a request.
#[derive(Debug)]
pub enum Given {
    /// An answer.
    Answer(Answer),
    /// An answer, and a visit to a console over the same connection.
    Visit(Answer, Visit),
}

/// The listening socket. Dropping it removes the socket's file.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    listener: UnixListener,
}

impl Server {
    /// Makes the socket at `path`, for its owner and, if one is named, a group. A dead daemon's socket is replaced; one
    /// at which somebody answers is not (another home may name the same path), nor is a file of another kind.
    ///
    /// # Errors
    /// The socket cannot be made there, or is another's.
    pub fn bind(path: &Path, group: Option<&str>) -> io::Result<Server> {
        remove_socket(path)?;
        let making = making(path);
        let listener = match make(&making, group).and_then(|listener| {
            std::fs::rename(&making, path)?;
            Ok(listener)
        }) {
            Ok(listener) => listener,
            Err(err) => {
                // A socket that was not finished is in nobody's way, and its fault is the one to tell.
                let _ = std::fs::remove_file(&making);
                return Err(err);
            }
        };
        Ok(Server {
            path: path.to_owned(),
            listener,
        })
    }

    /// Takes requests for as long as it is polled, and hands those that `access` allows to
    /// `asked`. A new table counts for every connection that is made from then on. Orders, and what came
    /// of them, are told to `ledger`.
    pub async fn serve(
        &self,
        asked: mpsc::Sender<Asked>,
        access: watch::Receiver<Access>,
        ledger: Ledger,
    ) {
        let seats = Seats::new(limits::CONNECTIONS);
        let doorstep = Arc::new(Semaphore::new(limits::TURNED_AWAY));
        let house = Arc::new(House {
            asked,
            access,
            audit: Audit::new(ledger),
            visits: Seats::new(limits::VISITS),
            power: Seats::new(limits::POWER_QUESTIONS),
        });
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
            let Ok(uid) = stream.peer_cred().map(|peer| peer.uid()) else {
                continue;
            };
            let seat = seats.take(uid);
            let step = match &seat {
                Ok(_) => None,
                Err(_) => match Arc::clone(&doorstep).try_acquire_owned() {
                    Ok(step) => Some(step),
                    // Closed without a word: its descriptor is wanted for consoles and journal.
                    Err(_) => continue,
                },
            };
            let house = Arc::clone(&house);
            tokio::spawn(async move {
                let talk = async {
                    match seat {
                        Ok(seat) => converse(stream, &house, seat).await,
                        Err(full) => {
                            let text = crowded(full, "connections to the control socket");
                            refuse(stream, Refusal::Busy, &text).await
                        }
                    }
                };
                if let Err(err) = talk.await {
                    tracing::debug!("a control connection failed: {err}");
                }
                drop(step);
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

/// What all connections share.
struct House {
    asked: mpsc::Sender<Asked>,
    access: watch::Receiver<Access>,
    audit: Audit,
    visits: Arc<Seats>,
    power: Arc<Seats>,
}

impl House {
    /// The place that a request takes besides its connection's, if it takes one. It is given before the daemon
    /// hears of it: who finds none must not have taken anybody's pen.
    fn place(&self, ask: &Ask, person: &Person, uid: u32) -> Result<Option<Seat>, String> {
        let (seats, what) = match ask {
            // Whoever may not is refused, and keeps no place from others.
            _ if person.has_of(ask.rights()).is_none() => return Ok(None),
            Ask::Attach { .. } => (&self.visits, "visits to consoles"),
            Ask::PowerStatus { .. } => (&self.power, "questions to power legs"),
            _ => return Ok(None),
        };
        seats
            .take(uid)
            .map(Some)
            .map_err(|full| crowded(full, what))
    }
}

/// Where the socket is made before it takes its name: nobody may meet it before it has its rights. The
/// address of a socket is 108 bytes at most, so this name is no longer than `clusterd.sock`.
fn making(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Removes a dead daemon's socket; a living one's and a file of another kind stay, and are an error.
fn remove_socket(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => {
            if answers(path)? {
                return Err(io::Error::other("a clusterd of another home answers there"));
            }
            std::fs::remove_file(path)
        }
        Ok(_) => Err(io::Error::other(format!(
            "something else than a socket stands at {}",
            path.display()
        ))),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(err),
    }
}

/// Whether somebody listens at the socket, however busy they are. It waits for nobody.
fn answers(path: &Path) -> io::Result<bool> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let own = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    match connect(own.as_raw_fd(), &UnixAddr::new(path)?) {
        // Its queue of connections is full.
        Ok(()) | Err(Errno::EAGAIN) => Ok(true),
        Err(Errno::ECONNREFUSED | Errno::ENOENT) => Ok(false),
        Err(err) => Err(err.into()),
    }
}

fn make(path: &Path, group: Option<&str>) -> io::Result<UnixListener> {
    remove_socket(path)?;
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    if let Some(group) = group {
        open_to(path, group)?;
    }
    Ok(listener)
}

/// Opens the socket's file to a group, which the daemon must be in, unless it is root's.
fn open_to(path: &Path, name: &str) -> io::Result<()> {
    let group = Group::from_name(name)?;
    let group = group.ok_or_else(|| {
        io::Error::other(format!(
            "`control_group: {name}` in clusterd.yaml: there is no such group"
        ))
    })?;
    chown(path, None, Some(group.gid)).map_err(|err| {
        io::Error::other(format!(
            "cannot give it to `control_group: {name}` ({err}): add the daemon's user to that group"
        ))
    })?;
    std::fs::set_permissions(path, Permissions::from_mode(0o660))
}

/// What somebody is told who finds no place.
fn crowded(full: Full, what: &str) -> String {
    match full {
        Full::All => format!("there are too many {what} at once"),
        Full::Yours(most) => {
            format!("you have {most} {what}, and one user has no more: end some of them")
        }
    }
}

async fn converse(stream: UnixStream, house: &House, seat: Seat) -> io::Result<()> {
    let peer = stream.peer_cred()?;
    let access = house.access.borrow().clone();
    // The user database may be a directory server that takes its time.
    let identified = tokio::task::spawn_blocking(move || Person::identify(&peer, &access));
    let person = identified.await.map_err(io::Error::other)?;
    if !person.may_anything() {
        let who = &person.name;
        house.audit.turned_away(&person);
        tracing::warn!("{who} may not use the control socket and was refused");
        let text = format!(
            "this clusterd belongs to another user, and `access:` in its clusterd.yaml gives {who} no right"
        );
        return refuse(stream, Refusal::NotYours, &text).await;
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
        let ask = match Request::read(&line) {
            Ok(ask) => ask,
            Err(text) => {
                write(&mut to, Answer::refused(Refusal::BadRequest, text)).await?;
                continue;
            }
        };
        let place = match house.place(&ask, &person, peer.uid()) {
            Ok(place) => place,
            Err(text) => {
                write(&mut to, Answer::refused(Refusal::Busy, text)).await?;
                continue;
            }
        };
        match grant(ask, &person, house).await {
            Given::Answer(answer) => write(&mut to, answer).await?,
            Given::Visit(answer, visit) => {
                drop(seat);
                let may = if person.may(Right::Write) {
                    May::Write
                } else {
                    May::Watch
                };
                // Whatever happens, the visit is ended.
                let greeted = write(&mut to, answer).await;
                let went = visit::carry(from, to, visit, Some(may).filter(|_| greeted.is_ok()));
                let went = went.await;
                drop(place);
                return went;
            }
        }
    }
}

/// Puts a request that this person may make. An order is noted before it is put.
async fn grant(ask: Ask, person: &Person, house: &House) -> Given {
    let noted = house.audit.asked(person, &ask);
    let given = match person.has_of(ask.rights()) {
        Some(_) => put(ask, person.name.clone(), &house.asked).await,
        None => no_right(&ask, person),
    };
    let (Given::Answer(answer) | Given::Visit(answer, _)) = &given;
    house.audit.answered(noted.as_ref(), person, answer);
    given
}

fn no_right(ask: &Ask, person: &Person) -> Given {
    let rights = ask.rights();
    let who = &person.name;
    let right_word = words(rights);
    tracing::warn!("{who} has no right to {right_word} and was refused: {ask:?}");
    let spy = match (rights, person.may(Right::Watch)) {
        ([Right::Write], true) => "; --spy lets you look on",
        _ => "",
    };
    Given::Answer(Answer::refused(
        Refusal::NotYours,
        format!("{who} has no right to {right_word}, which `access:` in clusterd.yaml gives{spy}"),
    ))
}

async fn put(ask: Ask, who: String, asked: &mpsc::Sender<Asked>) -> Given {
    let (answer, answered) = oneshot::channel();
    let within = limits::answer(&ask);
    let told = async {
        asked.send(Asked { ask, who, answer }).await.ok()?;
        answered.await.ok()
    };
    match timeout(within, told).await {
        Ok(Some(given)) => given,
        Ok(None) => Given::Answer(Answer::refused(Refusal::Busy, "clusterd is stopping")),
        Err(_) => Given::Answer(Answer::refused(
            Refusal::Busy,
            "clusterd did not answer in time; see its log",
        )),
    }
}

/// Refuses whatever is asked. It is read first: a client that is still writing would see a
/// broken connection instead of the reason.
async fn refuse(stream: UnixStream, code: Refusal, text: &str) -> io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from);
    let asked = limits::read_line(&mut from, limits::REQUEST);
    // Whatever it is, the answer is the same.
    let _ = timeout(limits::HASTE, asked).await;
    write(&mut to, Answer::refused(code, text)).await
}

async fn write(to: &mut (impl AsyncWriteExt + Unpin), answer: Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(&Reply { v: VERSION, answer })?;
    line.push(b'\n');
    timeout(limits::ANSWER, to.write_all(&line))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

#[cfg(test)]
mod tests;
