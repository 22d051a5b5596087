//! Telnet options (RFC 1143): which are agreed, and what is answered to a request. ECHO (RFC 857),
//! SUPPRESS-GO-AHEAD (RFC 858) and BINARY (RFC 856) are spoken, all others refused.

use super::{IAC, TelnetRole};

const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;

const BINARY: u8 = 0;
const ECHO: u8 = 1;
const SUPPRESS_GO_AHEAD: u8 = 3;
const SPOKEN: usize = 4;

/// Answers a peer may cause without sending text: far more than any greeting needs.
pub(super) const ALLOWANCE: u32 = 64;

/// Bytes of text that earn one more answer.
pub(super) const TEXT_FOR_AN_ANSWER: usize = 64;

/// The four words of negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Will,
    Wont,
    Do,
    Dont,
}

impl Verb {
    pub(super) fn from_byte(byte: u8) -> Option<Verb> {
        match byte {
            WILL => Some(Verb::Will),
            WONT => Some(Verb::Wont),
            DO => Some(Verb::Do),
            DONT => Some(Verb::Dont),
            _ => None,
        }
    }
}

/// What a server says first.
pub(super) fn greeting(role: TelnetRole) -> &'static [u8] {
    match role {
        TelnetRole::Client => &[],
        TelnetRole::Server => &[
            IAC,
            WILL,
            ECHO,
            IAC,
            WILL,
            SUPPRESS_GO_AHEAD,
            IAC,
            WILL,
            BINARY,
            IAC,
            DO,
            BINARY,
        ],
    }
}

/// One side of one option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Agreed {
    #[default]
    No,
    /// Our greeting asked for it, the answer is still to come.
    WantYes,
    Yes,
}

/// One side of all options: ours, or the peer's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Side {
    agreed: [Agreed; SPOKEN],
    /// One bit for each option that was refused since the peer last took it back.
    refused: [u64; 4],
}

/// The state of the negotiation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    role: TelnetRole,
    ours: Side,
    theirs: Side,
    allowance: u32,
    text: usize,
    ignored: u64,
}

impl Options {
    pub(super) fn new(role: TelnetRole) -> Options {
        let mut options = Options {
            role,
            ours: Side::default(),
            theirs: Side::default(),
            allowance: ALLOWANCE,
            text: 0,
            ignored: 0,
        };
        if role == TelnetRole::Server {
            for option in [ECHO, SUPPRESS_GO_AHEAD, BINARY] {
                options.ours.agreed[usize::from(option)] = Agreed::WantYes;
            }
            options.theirs.agreed[usize::from(BINARY)] = Agreed::WantYes;
        }
        options
    }

    /// Whether the peer's bytes come to us untranslated.
    pub(super) fn receives_binary(&self) -> bool {
        self.theirs.agreed[usize::from(BINARY)] == Agreed::Yes
    }

    /// Requests left unanswered because the allowance was spent.
    pub(super) fn ignored(&self) -> u64 {
        self.ignored
    }

    /// `count` bytes of text came: they earn answers, up to the full allowance.
    pub(super) fn earn(&mut self, count: usize) {
        self.text = self.text.saturating_add(count);
        while self.allowance < ALLOWANCE && self.text >= TEXT_FOR_AN_ANSWER {
            self.text -= TEXT_FOR_AN_ANSWER;
            self.allowance += 1;
        }
        if self.allowance == ALLOWANCE {
            self.text = 0;
        }
    }

    /// The peer says `verb` `option`: what to answer, if anything.
    pub(super) fn request(&mut self, verb: Verb, option: u8) -> Option<[u8; 3]> {
        let role = self.role;
        let (side, yes, no) = match verb {
            Verb::Will | Verb::Wont => (&mut self.theirs, DO, DONT),
            Verb::Do | Verb::Dont => (&mut self.ours, WILL, WONT),
        };
        let answer = match verb {
            Verb::Will if accepts_theirs(role, option) => side.agree(option).then_some(yes),
            Verb::Do if accepts_ours(role, option) => side.agree(option).then_some(yes),
            Verb::Will | Verb::Do => side.unrefused(option).then_some(no),
            Verb::Wont | Verb::Dont => side.ended(option).then_some(no),
        };
        let answer = answer?;
        if self.allowance == 0 {
            self.ignored += 1;
            return None;
        }
        self.allowance -= 1;
        side.settle(option, answer == yes, matches!(verb, Verb::Will | Verb::Do));
        Some([IAC, answer, option])
    }
}

/// What the peer may do: a server echoes, both may be binary and leave go-aheads out.
fn accepts_theirs(role: TelnetRole, option: u8) -> bool {
    matches!(option, BINARY | SUPPRESS_GO_AHEAD) || (option == ECHO && role == TelnetRole::Client)
}

/// What we do when asked. A client never sends a go-ahead, so it may well promise that.
fn accepts_ours(role: TelnetRole, option: u8) -> bool {
    matches!(option, BINARY | SUPPRESS_GO_AHEAD) || (option == ECHO && role == TelnetRole::Server)
}

impl Side {
    /// The peer wants what we accept: whether that is news that needs an answer.
    fn agree(&mut self, option: u8) -> bool {
        let agreed = &mut self.agreed[usize::from(option)];
        if *agreed == Agreed::WantYes {
            *agreed = Agreed::Yes;
        }
        *agreed == Agreed::No
    }

    /// The peer wants what we do not: whether it has not been told yet.
    fn unrefused(&self, option: u8) -> bool {
        let (word, bit) = place(option);
        self.refused[word] & bit == 0
    }

    /// The peer ends an option or refuses it: whether that needs an answer.
    fn ended(&mut self, option: u8) -> bool {
        let (word, bit) = place(option);
        self.refused[word] &= !bit;
        match self.agreed.get_mut(usize::from(option)) {
            Some(agreed) if *agreed == Agreed::WantYes => {
                *agreed = Agreed::No;
                false
            }
            Some(agreed) => *agreed == Agreed::Yes,
            None => false,
        }
    }

    /// Writes down what an answer settled: `accepted`, after a `request` to begin or an end.
    fn settle(&mut self, option: u8, accepted: bool, request: bool) {
        if request && !accepted {
            let (word, bit) = place(option);
            self.refused[word] |= bit;
        } else if let Some(agreed) = self.agreed.get_mut(usize::from(option)) {
            *agreed = if accepted { Agreed::Yes } else { Agreed::No };
        }
    }
}

fn place(option: u8) -> (usize, u64) {
    (usize::from(option / 64), 1 << (option % 64))
}
