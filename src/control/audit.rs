//! The audit log's lines: every order that a person gives over the control socket, who they are, and what
//! came of it. The first line is there before anything is done, the second when they are answered.
//!
//! ```text
//! 17 alice uid=1000 login=alice terminal=pts/3 pid=4711 asks: operate {"do":"say","cluster":"pki-ca",…}
//! 17 alice: told
//! 18 bob uid=1001 login=bob terminal=none pid=4720 asks: operate {"do":"reload","dry_run":false}
//! 18 bob: refused (not_yours): bob has no right to operate, …
//! ```
//!
//! After `asks:` stands the right by which it is theirs; one that they have not, or where several would do
//! all of them (`power or operate`).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::person::Person;
use super::protocol::{Answer, Ask};
use crate::config::Right;

/// Where the lines go; each is data, not made harmless yet.
pub type Ledger = Box<dyn Fn(String) + Send + Sync>;

/// The audit log of one socket.
pub(super) struct Audit {
    ledger: Ledger,
    /// Of the last order.
    number: AtomicU64,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// An order that was noted, and whose outcome is to be.
#[derive(Debug)]
pub(super) struct Noted(u64);

impl Audit {
    pub(super) fn new(ledger: Ledger) -> Audit {
        let number = AtomicU64::new(0);
        Audit { ledger, number }
    }

    /// Somebody who has no right at all was turned away.
    pub(super) fn turned_away(&self, person: &Person) {
        (self.ledger)(format!(
            "{} {} has no right here and was turned away",
            self.next(),
            person.whole()
        ));
    }

    /// Somebody gives an order. Who only looks on is not noted.
    pub(super) fn asked(&self, person: &Person, ask: &Ask) -> Option<Noted> {
        let rights = ask.rights();
        if rights == [Right::Watch] {
            return None;
        }
        let theirs = person.has_of(rights);
        let number = self.next();
        let order = serde_json::to_string(ask).unwrap_or_default();
        (self.ledger)(format!(
            "{number} {} asks: {} {order}",
            person.whole(),
            theirs.map_or_else(|| words(rights), |right| right.word().to_owned())
        ));
        Some(Noted(number))
    }

    /// What came of it.
    pub(super) fn answered(&self, noted: Option<&Noted>, person: &Person, answer: &Answer) {
        let Some(Noted(number)) = noted else {
            return;
        };
        (self.ledger)(format!("{number} {}: {}", person.name, outcome(answer)));
    }

    fn next(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// `power or operate`.
pub(super) fn words(rights: &[Right]) -> String {
    let words: Vec<&str> = rights.iter().map(|right| right.word()).collect();
    words.join(" or ")
}

fn outcome(answer: &Answer) -> String {
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let json = serde_json::to_value(answer).unwrap_or_default();
    match answer {
        Answer::Refused { text, .. } => format!("refused ({}): {text}", word(&json["code"])),
        Answer::Tested {
            good: false, text, ..
        } => format!("tested, and not taken: {text}"),
        Answer::PowerStatus { .. } => format!("power {}", word(&json["report"]["state"])),
        Answer::Faulty { faults } => format!("nothing was changed: {} faults", faults.len()),
        _ => word(&json["is"]),
    }
}
