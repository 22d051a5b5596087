//! One visit: keys to the daemon, output to the terminal, until either end has enough. The
//! terminal is what it was before on every way out: the end, an error, a signal, a panic.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::escape::{Command, Escape, HELP, Prefix, Said};
use super::keys::{self, MarkLine, Marked};
use super::terminal::{Bytes, Paper, Raw};
use crate::cli::Exit;
use crate::control::{Client, Frames, Grip, PAYLOAD, Seen, Wish};

/// Without a terminal: after the last byte was typed, output is waited for until the console
/// has been quiet for so long,
const QUIET: Duration = Duration::from_millis(500);
/// and at most so long.
const LINGER: Duration = Duration::from_secs(5);
/// So long may it take until all was typed: clusterd may be in the middle of a line.
const TYPED: Duration = Duration::from_secs(30);

/// Carries a visit to its end.
pub(super) fn carry(client: Client, node: &str, prefix: Prefix, bytes: Bytes) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime.and_then(|runtime| {
        let raw = Raw::enter()?;
        let (stream, first) = client.into_stream()?;
        runtime.block_on(async {
            let paper = Paper::new(raw.is_some(), bytes);
            let session = Session::new(stream, &first, paper, raw.is_some(), prefix)?;
            session.run(node).await
        })
    });
    match result {
        Ok(exit) => exit,
        Err(err) => {
            eprintln!("clusterd: the connection to the daemon failed: {err}");
            Exit::Faults
        }
    }
}

/// How a visit goes on.
enum Next {
    On,
    Over(Exit),
}

struct Session {
    to: OwnedWriteHalf,
    from: tokio::net::unix::OwnedReadHalf,
    frames: Frames,
    paper: Paper,
    /// There is a terminal.
    raw: bool,
    prefix: Prefix,
    escape: Escape,
    mark: Option<MarkLine>,
    /// Bytes sent, and told to be typed.
    sent: usize,
    typed: usize,
    refused: bool,
    /// When the input has ended: how long it may go on yet, at most and for quiet.
    ends: Option<(Instant, Instant)>,
}

impl Session {
    fn new(
        stream: std::os::unix::net::UnixStream,
        first: &[u8],
        paper: Paper,
        raw: bool,
        prefix: Prefix,
    ) -> io::Result<Session> {
        stream.set_nonblocking(true)?;
        let (from, to) = UnixStream::from_std(stream)?.into_split();
        let mut frames = Frames::default();
        frames.push(first);
        Ok(Session {
            to,
            from,
            frames,
            paper,
            raw,
            prefix,
            escape: Escape::new(prefix),
            mark: None,
            sent: 0,
            typed: 0,
            refused: false,
            ends: None,
        })
    }

    async fn run(mut self, node: &str) -> io::Result<Exit> {
        let mut signals = Signals::new()?;
        let mut keys = keys::read();
        if self.raw {
            let text = format!("{node}: {} ? for help, {0} . to leave", self.prefix);
            self.paper.note(&text)?;
        }
        let mut buffer = [0; PAYLOAD];
        let exit = loop {
            if let Some(exit) = self.show()? {
                break exit;
            }
            let end = self.end();
            let next = tokio::select! {
                count = self.from.read(&mut buffer) => self.heard(&buffer[..count?])?,
                pressed = keys.recv(), if self.ends.is_none() => self.pressed(pressed).await?,
                () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => {
                    Next::Over(self.piped_end())
                }
                name = signals.next() => {
                    self.paper.note(&format!("{name}: left"))?;
                    Next::Over(Exit::Faults)
                }
            };
            if let Next::Over(exit) = next {
                break exit;
            }
        };
        if self.raw {
            self.paper.note(&format!("left {node}"))?;
        }
        Ok(exit)
    }

    /// Shows all that has come whole.
    fn show(&mut self) -> io::Result<Option<Exit>> {
        while let Some(seen) = self.frames.seen().map_err(io::Error::other)? {
            match seen {
                Seen::Output(bytes) => self.paper.output(&bytes)?,
                Seen::Gap(lost) => self.paper.note(&format!(
                    "{lost} bytes of output are missing here: they came too fast"
                ))?,
                Seen::Note(text) => self.paper.note(&text)?,
                Seen::Typed(count) => self.typed += usize::try_from(count).unwrap_or(usize::MAX),
                Seen::Refused(text) => {
                    self.refused = true;
                    self.paper.note(&text)?;
                }
                Seen::End(why) => {
                    self.paper.note(&why)?;
                    return Ok(Some(if self.raw { Exit::Good } else { Exit::Faults }));
                }
            }
        }
        Ok(None)
    }

    fn heard(&mut self, bytes: &[u8]) -> io::Result<Next> {
        if bytes.is_empty() {
            self.paper.note("clusterd has closed the connection")?;
            return Ok(Next::Over(Exit::Faults));
        }
        self.frames.push(bytes);
        if let Some((_, quiet)) = &mut self.ends {
            *quiet = Instant::now() + QUIET;
        }
        Ok(Next::On)
    }

    async fn pressed(&mut self, pressed: Option<Vec<u8>>) -> io::Result<Next> {
        let Some(pressed) = pressed else {
            if self.raw {
                // The terminal has gone.
                return Ok(Next::Over(Exit::Good));
            }
            let now = Instant::now();
            self.ends = Some((now + TYPED + LINGER, now + QUIET));
            return Ok(Next::On);
        };
        if !self.raw {
            // What is piped is for the console, all of it; RETURN is a bare CR there.
            let bytes = pressed
                .into_iter()
                .map(|byte| if byte == b'\n' { b'\r' } else { byte })
                .collect();
            self.wish(Wish::Type(bytes)).await?;
            return Ok(Next::On);
        }
        let mut rest = pressed.as_slice();
        while !rest.is_empty() {
            if self.mark.is_some() {
                rest = self.marking(rest).await?;
                continue;
            }
            let (said, left) = self.escape.press(rest);
            rest = left;
            for said in said {
                match said {
                    Said::Bytes(bytes) => self.wish(Wish::Type(bytes)).await?,
                    Said::Command(Command::Leave) => return Ok(Next::Over(Exit::Good)),
                    Said::Command(command) => self.command(command).await?,
                }
            }
        }
        Ok(Next::On)
    }

    async fn command(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::Help => self.paper.lines(&self.help()),
            Command::Breaks => self
                .paper
                .note("l0  the console's BREAK, as its address says"),
            Command::Version => {
                let version = env!("CARGO_PKG_VERSION");
                self.paper.note(&format!("clusterd {version}"))
            }
            Command::Mark => {
                self.mark = Some(MarkLine::default());
                self.paper.lines("[mark, RETURN ends it]")
            }
            Command::Unknown(key) => {
                let key = char::from(key);
                let text = format!("{} {key:?} is no command; {0} ? lists them", self.prefix);
                self.paper.note(&text)
            }
            Command::Break => self.wish(Wish::Break).await,
            Command::Who => self.wish(Wish::Who).await,
            Command::Write => self.wish(Wish::Hold(Grip::Write)).await,
            Command::Force => self.wish(Wish::Hold(Grip::Force)).await,
            Command::Join => self.wish(Wish::Hold(Grip::Join)).await,
            Command::Spy => self.wish(Wish::Hold(Grip::Spy)).await,
            Command::Replay => self.wish(Wish::Replay).await,
            Command::Leave | Command::Nothing => Ok(()),
        }
    }

    fn help(&self) -> String {
        HELP.replace(
            "the escape sequence (^Ec, that is Control-E and c)",
            &format!("the escape sequence {}", self.prefix),
        )
    }

    /// Keys of a mark's text; gives those that came after it.
    async fn marking<'k>(&mut self, pressed: &'k [u8]) -> io::Result<&'k [u8]> {
        let Some(mark) = &mut self.mark else {
            return Ok(pressed);
        };
        let taken = match mark.press(pressed) {
            Marked::Typing(shown) => {
                self.paper.echo(&shown)?;
                return Ok(&[]);
            }
            Marked::Done(text, taken) => {
                self.wish(Wish::Mark(text)).await?;
                taken
            }
            Marked::GivenUp(taken) => {
                self.paper.note("no mark was made")?;
                taken
            }
        };
        self.mark = None;
        Ok(&pressed[taken..])
    }

    async fn wish(&mut self, wish: Wish) -> io::Result<()> {
        if let Wish::Type(bytes) = &wish {
            self.sent += bytes.len();
        }
        match wish.frame() {
            Some(frame) => self.to.write_all(&frame).await,
            None => Ok(()),
        }
    }

    /// When a visit without a terminal ends by itself: all was typed, and the console is quiet.
    fn end(&self) -> Option<Instant> {
        let (last, quiet) = self.ends?;
        let all = self.typed >= self.sent || self.refused;
        Some(if all { quiet.min(last) } else { last })
    }

    fn piped_end(&self) -> Exit {
        if self.refused {
            Exit::Refused
        } else if self.typed < self.sent {
            eprintln!("clusterd: not all was typed within {} s", TYPED.as_secs());
            Exit::Faults
        } else {
            Exit::Good
        }
    }
}

/// Signals that would end the process with the terminal raw.
struct Signals {
    wakes: mpsc::Receiver<&'static str>,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        let (sender, wakes) = mpsc::channel(1);
        for (kind, name) in [
            (SignalKind::terminate(), "terminated"),
            (SignalKind::hangup(), "the terminal has hung up"),
            (SignalKind::interrupt(), "interrupted"),
            (SignalKind::quit(), "quit"),
        ] {
            let mut signal: Signal = signal(kind)?;
            let sender = sender.clone();
            tokio::spawn(async move {
                if signal.recv().await.is_some() {
                    // An error means that it is over already.
                    let _ = sender.send(name).await;
                }
            });
        }
        Ok(Signals { wakes })
    }

    async fn next(&mut self) -> &'static str {
        match self.wakes.recv().await {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }
}
