//! Who is at the consoles of a cluster: what the consoles say goes to all of them, and what one
//! types goes through the machine, which may say no (design rule 16).
//!
//! ```text
//!  console ─► screen ─► outboxes (bounded, a slow one loses its oldest)
//!  visitor ─► wish ─► who may write, among people ─► machine: who may write, script or person
//! ```
//!
//! Among people the lock is advisory: one writes, the others look on; `join` writes beside them,
//! `force` takes it. Whoever looks on is never made a writer without asking for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::message::{Arrival, NoVisit};
use super::room::{Key, Pen, Room, Visitor};
use super::screen::Screen;
use crate::clock::Moment;
use crate::control::{Grip, Outbox, Seen, Visit, VisitorReport, Wish};
use crate::machine::action::PenWord;
use crate::machine::input::{Deed, Input};
use crate::machine::setup::NodeId;

/// People at one console.
const MOST: usize = 16;
/// Wishes that wait for a cluster's task.
const WISHES: usize = 64;
/// Keys that wait for the pen, bytes; a BREAK counts as 64.
const PENDING: usize = 4096;

/// All consoles of a cluster.
#[derive(Debug)]
pub(super) struct Visitors {
    rooms: Vec<Room>,
    idle: Duration,
    next: u64,
    /// Their way to the task; made for the first one who comes.
    wishes: Option<Wishes>,
}

type Wishes = (mpsc::Sender<(u64, Wish)>, mpsc::Receiver<(u64, Wish)>);

/// What is to be done for a visitor.
#[derive(Debug)]
pub(super) enum Errand {
    /// The machine is to be told.
    Feed(Input),
    /// A mark goes into the transcript.
    Mark(NodeId, String),
    /// Somebody has left.
    Left(NodeId, String),
    /// Somebody is there in another way now.
    Came(NodeId, String, &'static str),
}

impl Visitors {
    /// The consoles of these nodes, with those who were at them `before`.
    pub(super) fn new<'a>(
        names: impl Iterator<Item = &'a str>,
        idle: Duration,
        mut before: Option<Visitors>,
    ) -> Visitors {
        let room = |name: &str| {
            let known = before.as_mut().and_then(|before| {
                let at = before.rooms.iter().position(|room| room.name == name)?;
                Some(before.rooms.swap_remove(at))
            });
            let new = || Room {
                name: name.to_owned(),
                ..Room::default()
            };
            known.unwrap_or_else(new)
        };
        Visitors {
            rooms: names.map(room).collect(),
            idle,
            next: before.as_ref().map_or(0, |before| before.next),
            wishes: before.as_mut().and_then(|before| before.wishes.take()),
        }
    }

    /// The next wish. It is cancel safe.
    pub(super) async fn next(&mut self) -> (u64, Wish) {
        if let Some((_, wishes)) = &mut self.wishes
            && let Some(wish) = wishes.recv().await
        {
            return wish;
        }
        // Nobody has come yet.
        std::future::pending().await
    }

    /// Somebody comes to a console.
    pub(super) fn attach(
        &mut self,
        node: NodeId,
        arrival: Arrival,
        now: Moment,
    ) -> Result<(Visit, Vec<Errand>), NoVisit> {
        let room = &mut self.rooms[node];
        if room.visitors.len() >= MOST {
            return Err(NoVisit::Full);
        }
        self.next += 1;
        let id = self.next;
        let outbox = Arc::new(Outbox::default());
        let last = room.screen.last();
        if arrival.screen && last.is_empty() {
            outbox.note("it has said nothing since clusterd started");
        } else if arrival.screen {
            outbox.output(&last);
        }
        room.visitors.push(Visitor {
            id,
            who: arrival.who,
            writes: false,
            told: false,
            since: now,
            outbox: Arc::clone(&outbox),
        });
        let channel = || mpsc::channel(WISHES);
        let wishes = self.wishes.get_or_insert_with(channel).0.clone();
        let errands = self.hold(id, node, arrival.grip, true);
        let visit = Visit { id, wishes, outbox };
        Ok((visit, errands))
    }

    /// A visitor wants something.
    pub(super) fn wish(&mut self, id: u64, wish: Wish, now: Moment) -> Vec<Errand> {
        let here = |room: &Room| room.visitors.iter().any(|visitor| visitor.id == id);
        let Some(node) = self.rooms.iter().position(here) else {
            return Vec::new();
        };
        match wish {
            Wish::Type(bytes) => self.key(id, node, Key::Bytes(bytes)),
            Wish::Break => self.key(id, node, Key::Break),
            Wish::Hold(grip) => self.hold(id, node, grip, false),
            Wish::Leave => self.leave(id, node),
            Wish::Who => {
                self.rooms[node].tell_who(id, now);
                Vec::new()
            }
            Wish::Replay => {
                if let Some(visitor) = self.rooms[node].visitor(id) {
                    visitor.outbox.output(b"\r\n");
                    visitor.outbox.output(&self.rooms[node].screen.last());
                }
                Vec::new()
            }
            Wish::Mark(text) => {
                let Some(visitor) = self.rooms[node].visitor(id) else {
                    return Vec::new();
                };
                visitor.outbox.note("marked in the transcript");
                vec![Errand::Mark(
                    node,
                    format!("mark of {}: {text}", visitor.who),
                )]
            }
        }
    }

    fn key(&mut self, id: u64, node: NodeId, key: Key) -> Vec<Errand> {
        let idle = self.idle;
        let room = &mut self.rooms[node];
        let Some(visitor) = room.visitor(id) else {
            return Vec::new();
        };
        if !visitor.writes {
            room.turn_away(id);
            return Vec::new();
        }
        if room.pen == Pen::Granted {
            return room.feed(node, key).into_iter().collect();
        }
        let waiting: usize = room.pending.iter().map(Key::weight).sum();
        if waiting + key.weight() > PENDING {
            let text = "not typed: too much waits already for clusterd to end its own line";
            visitor.outbox.tell(Seen::Refused(text.to_owned()));
            return Vec::new();
        }
        room.pending.push_back(key);
        if room.pen == Pen::Asked {
            return Vec::new();
        }
        room.pen = Pen::Asked;
        vec![room.deed(node, Deed::Asks { idle })]
    }

    /// The machine says who may type, the script or a person. What waited goes there now.
    pub(super) fn pen_word(&mut self, node: NodeId, word: PenWord) -> Vec<Input> {
        let room = &mut self.rooms[node];
        match word {
            PenWord::Granted => {
                if room.pen != Pen::Granted {
                    room.note_others("types: the script leaves this console to them");
                }
                room.pen = Pen::Granted;
                let pending = std::mem::take(&mut room.pending);
                let fed = pending.into_iter().filter_map(|key| room.feed(node, key));
                let input = |errand| match errand {
                    Errand::Feed(input) => Some(input),
                    _ => None,
                };
                fed.collect::<Vec<_>>()
                    .into_iter()
                    .filter_map(input)
                    .collect()
            }
            PenWord::Waits => {
                room.note_writers("clusterd is asking this console something: your keys come next");
                Vec::new()
            }
            PenWord::Refused { why } => {
                room.refuse(&why);
                Vec::new()
            }
            PenWord::Ended { why } => {
                let had = room.pen == Pen::Granted;
                if room.pending.is_empty() {
                    room.pen = Pen::Free;
                } else {
                    room.refuse(&why);
                }
                if had {
                    let text = format!(
                        "the script goes on: {why}. An unfinished line is wiped; your next key makes it wait"
                    );
                    room.note_writers(&text);
                }
                Vec::new()
            }
        }
    }

    /// A person's bytes have gone to the console, or a BREAK.
    pub(super) fn typed(&self, node: NodeId, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let writers = self.rooms[node].visitors.iter().filter(|v| v.writes);
        writers.for_each(|visitor| visitor.outbox.tell(Seen::Typed(count)));
    }

    fn hold(&mut self, id: u64, node: NodeId, grip: Grip, first: bool) -> Vec<Errand> {
        let idle = self.idle;
        let room = &mut self.rooms[node];
        let Some(visitor) = room.visitor(id) else {
            return Vec::new();
        };
        let who = visitor.who.clone();
        let outbox = Arc::clone(&visitor.outbox);
        let others = room.others_writing(id);
        let writes = match grip {
            Grip::Spy => false,
            Grip::Write => others.is_none(),
            Grip::Join | Grip::Force => true,
        };
        match (grip, &others) {
            (Grip::Spy, _) => outbox.note("you look on"),
            (Grip::Write, Some(others)) => {
                outbox.tell(Seen::Refused(format!(
                    "you look on: {others} has the pen; ^Ecf takes it, ^Ecj writes beside them"
                )));
            }
            (Grip::Join, Some(others)) => outbox.note(format!("you write, and so does {others}")),
            (Grip::Force, Some(others)) => {
                outbox.note(format!("you have the pen; {others} looks on now"));
            }
            (_, None) => outbox.note("you have the pen"),
        }
        if grip == Grip::Force {
            room.send_to_look_on(id, &who);
        }
        let before = room.writers();
        let was = room.set_writes(id, writes);
        let mut errands = Vec::new();
        if first || was != writes {
            let how = match (writes, grip) {
                (false, _) => "looks on",
                (true, Grip::Join) => "writes beside the others",
                (true, Grip::Force) if others.is_some() => "took the pen by force",
                (true, _) => "has the pen",
            };
            room.note_all_but(id, &format!("{who} {how}"));
            errands.push(Errand::Came(node, who, how));
        }
        if room.pen != Pen::Free && room.writers() != before {
            errands.push(match room.writers() {
                // The pause goes on under the new name.
                Some(_) => room.deed(node, Deed::Asks { idle }),
                None => room.put_down(node, "the pen was put down"),
            });
        }
        errands
    }

    fn leave(&mut self, id: u64, node: NodeId) -> Vec<Errand> {
        let room = &mut self.rooms[node];
        let Some(at) = room.visitors.iter().position(|visitor| visitor.id == id) else {
            return Vec::new();
        };
        let visitor = room.visitors.remove(at);
        visitor.outbox.close("you have left");
        let who = visitor.who;
        let freed = visitor.writes && room.writers().is_none();
        let text = if freed {
            format!("{who} has left; nobody has the pen: ^Eca takes it")
        } else {
            format!("{who} has left")
        };
        room.note_all_but(id, &text);
        let mut errands = Vec::new();
        if freed && room.pen != Pen::Free {
            errands.push(room.put_down(node, &format!("{who} has left")));
        }
        errands.push(Errand::Left(node, who));
        errands
    }

    /// Visitors whose connection is gone without a word.
    pub(super) fn sweep(&mut self) -> Vec<Errand> {
        let gone = |room: &Room| {
            let gone = |visitor: &&Visitor| Arc::strong_count(&visitor.outbox) == 1;
            room.visitors.iter().find(gone).map(|visitor| visitor.id)
        };
        let found = self.rooms.iter().enumerate();
        let found: Vec<(usize, u64)> = found
            .filter_map(|(node, room)| gone(room).map(|id| (node, id)))
            .collect();
        found
            .into_iter()
            .flat_map(|(node, id)| self.leave(id, node))
            .collect()
    }

    /// The console said this.
    pub(super) fn hear(&mut self, node: NodeId, bytes: &[u8]) {
        let room = &mut self.rooms[node];
        room.screen.hear(bytes);
        for visitor in &room.visitors {
            visitor.outbox.output(bytes);
        }
    }

    /// The last output of a console.
    pub(super) fn screen(&self, node: NodeId) -> &Screen {
        &self.rooms[node].screen
    }

    /// Output of the console was lost before it came here.
    pub(super) fn gap(&self, node: NodeId, lost: u64) {
        for visitor in &self.rooms[node].visitors {
            visitor.outbox.tell(Seen::Gap(lost));
        }
    }

    /// Something that all at a console should know.
    pub(super) fn note(&self, node: NodeId, text: &str) {
        self.rooms[node].note_all_but(0, text);
    }

    /// Who is at a console.
    pub(super) fn report(&self, node: NodeId, now: Moment) -> Vec<VisitorReport> {
        let visitors = self.rooms[node].visitors.iter();
        visitors
            .map(|visitor| VisitorReport {
                who: visitor.who.clone(),
                writes: visitor.writes,
                since_ms: u64::try_from(now.since(visitor.since).as_millis()).unwrap_or(u64::MAX),
            })
            .collect()
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        for visitor in self.rooms.iter().flat_map(|room| &room.visitors) {
            visitor
                .outbox
                .close("clusterd does not hold this console any more");
        }
    }
}
