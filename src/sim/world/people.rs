//! People: operators with their words, and those who type at a console of clusterd's own.

use std::time::Duration;

use super::World;
use crate::clock::Moment;
use crate::machine::action::PenWord;
use crate::machine::input::{Deed, Input, Order, Upkeep, UpkeepOrder};
use crate::script::program::OperatorWord;

/// A person's pause ends after so long without a key.
const PERSON_IDLE: Duration = Duration::from_secs(60);

impl World {
    /// An operator says something.
    pub fn operator(&mut self, word: OperatorWord, node: Option<usize>) {
        if self.alive && self.overtaken(word) {
            return;
        }
        if word == OperatorWord::Release {
            self.watch.person_releases();
        }
        if let (OperatorWord::Confirm, Some(n)) = (word, node) {
            self.watch.person_confirms(n);
        }
        let order = Order {
            who: "op".to_owned(),
            word,
            node,
        };
        self.tell(Input::Operator(order));
    }

    /// An operator takes a node, or the whole cluster, into maintenance, or ends that.
    pub fn maintenance(&mut self, node: Option<usize>, lasts: Option<Duration>) {
        let reason = "work on it".to_owned();
        let order = UpkeepOrder {
            id: 0,
            who: "op".to_owned(),
            node,
            word: match lasts {
                Some(lasts) => Upkeep::Maintain { lasts, reason },
                None => Upkeep::EndMaintenance,
            },
        };
        self.tell(Input::Upkeep(order));
    }

    /// An operator takes a node out of service, whatever is true of it, or brings it back.
    pub fn out_of_service(&mut self, node: usize, lasts: Option<Duration>) {
        let reason = "a new mainboard".to_owned();
        let order = UpkeepOrder {
            id: 0,
            who: "op".to_owned(),
            node: Some(node),
            word: match lasts {
                Some(lasts) => Upkeep::OutOfService { lasts, reason },
                None => Upkeep::Back,
            },
        };
        self.tell(Input::Upkeep(order));
    }

    /// A person at a console of clusterd's own asks to type, and types `line` with its RETURN
    /// as soon as they may. What they are told stands in [`World::pen_words`].
    pub fn person_types(&mut self, node: usize, who: &str, line: &str) {
        self.typing = Some((node, who.to_owned(), format!("{line}\r").into_bytes()));
        let idle = PERSON_IDLE;
        self.person(node, who, Deed::Asks { idle });
    }

    /// They leave the console.
    pub fn person_leaves(&mut self, node: usize, who: &str) {
        self.typing = None;
        let why = "detached".to_owned();
        self.person(node, who, Deed::Leaves { why });
    }

    /// A person does something at a console.
    pub fn person(&mut self, node: usize, who: &str, deed: Deed) {
        let who = who.to_owned();
        self.tell(Input::Person { node, who, deed });
        self.type_if_granted();
    }

    /// What people at consoles were told.
    pub fn pen_words(&self) -> &[(Moment, usize, PenWord)] {
        &self.pen_words
    }

    pub(super) fn type_if_granted(&mut self) {
        let granted = |(_, node, word): &(Moment, usize, PenWord)| {
            let typist = self.typing.as_ref().map(|(node, ..)| node);
            typist == Some(node) && *word == PenWord::Granted
        };
        if self.pen_words.last().is_some_and(granted)
            && let Some((node, who, bytes)) = self.typing.take()
        {
            self.tell(Input::Person {
                node,
                who,
                deed: Deed::Types { bytes },
            });
        }
    }

    /// The line behind a console tells that it has a carrier, or has lost it.
    pub fn carrier(&mut self, node: usize, present: bool) {
        let epoch = self.ports[node].epoch;
        self.tell(Input::Carrier {
            node,
            epoch,
            present,
        });
    }
}
