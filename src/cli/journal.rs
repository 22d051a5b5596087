//! Where the commands that look back have the journal's entries from: the running daemon, or, where
//! none answers, the file itself, which is only read.

use std::path::PathBuf;
use std::time::Duration;

use super::{Exit, HomeArgs};
use crate::config;
use crate::control::{Answer, Ask, Client, ClientError, EventPage, EventsAsked, Refusal};
use crate::home::Home;
use crate::machine::availability::Beat;
use crate::store::{Reader, StoreError, WATCH_STATE};

/// Between two looks into the file of a journal that nobody writes.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The journal of a home.
pub(super) struct Book {
    home: Home,
    socket: PathBuf,
    client: Option<Client>,
    /// It was said that the file itself is read.
    said: bool,
}

impl Book {
    /// Of this home.
    pub(super) fn open(args: &HomeArgs) -> Result<Book, Exit> {
        let home = Home::open(&args.home).map_err(|why| {
            eprintln!("clusterd: {why}");
            Exit::NoHome
        })?;
        Ok(Book {
            socket: home.path(config::load_settings(&home).control_socket),
            home,
            client: None,
            said: false,
        })
    }

    /// The home it lies in.
    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// Whether the last page came from a running daemon.
    pub(super) fn lives(&self) -> bool {
        self.client.is_some()
    }

    /// Until when a daemon is known to have watched, by the file.
    pub(super) fn beat(&self) -> Option<Beat> {
        let state = Reader::open(self.home.dir()).ok()?.load_state(WATCH_STATE);
        serde_json::from_value(state.ok()??).ok()
    }

    /// A page; what goes wrong is printed and gives the exit code. A daemon that went away between two
    /// pages is no fault: the file goes on where it ended, and so does the next daemon.
    pub(super) fn page(&mut self, asked: &EventsAsked) -> Result<EventPage, Exit> {
        let again = self.client.is_some();
        let mut answer = self.ask(asked);
        if again && matches!(answer, Err(ClientError::Broken { .. })) {
            // It closes connections on which nobody says anything for a while.
            answer = self.ask(asked);
        }
        match answer {
            Ok(Answer::Events { page }) => {
                self.said = false;
                Ok(*page)
            }
            Ok(other) => Err(super::ask::unexpected(&other)),
            // One that ends closes its connections, and its journal.
            Err(
                ClientError::NoDaemon { .. }
                | ClientError::Broken { .. }
                | ClientError::Refused {
                    code: Refusal::Busy,
                    ..
                },
            ) => self.read_file(asked),
            Err(err @ (ClientError::NotYours { .. } | ClientError::Refused { .. })) => {
                eprintln!("clusterd: {err}");
                Err(Exit::Refused)
            }
        }
    }

    /// Every page to the last that is there now.
    pub(super) fn all(&mut self, mut asked: EventsAsked) -> Result<Vec<EventPage>, Exit> {
        let mut pages = Vec::new();
        loop {
            let page = self.page(&asked)?;
            asked.after = Some(page.last);
            let more = page.more;
            pages.push(page);
            if !more {
                return Ok(pages);
            }
        }
    }

    fn ask(&mut self, asked: &EventsAsked) -> Result<Answer, ClientError> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => Client::connect(self.home.dir(), &self.socket)?,
        };
        let answer = client.ask(Ask::Events(asked.clone()))?;
        self.client = Some(client);
        Ok(answer)
    }

    fn read_file(&mut self, asked: &EventsAsked) -> Result<EventPage, Exit> {
        if !self.said {
            eprintln!("clusterd: no daemon answers; the journal's file is read as it is");
            self.said = true;
        }
        let read = || -> Result<EventPage, StoreError> {
            let page = Reader::open(self.home.dir())?.page(&asked.wanted())?;
            Ok(page.into())
        };
        let page = read().map_err(|err| {
            eprintln!("clusterd: {err}");
            Exit::NoHome
        })?;
        if page.lines.is_empty() && asked.wait_ms > 0 {
            // Nobody can tell of the next one. To come back early does no harm.
            std::thread::park_timeout(LOOK_AGAIN);
        }
        Ok(page)
    }
}
