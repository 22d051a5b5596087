//! Telnet options (RFC 1143): which are agreed, and what is answered to a request. ECHO (RFC 857),
//! SUPPRESS-GO-AHEAD (RFC 858), BINARY (RFC 856) and, by a client that was told to, COM-PORT-OPTION
//! (RFC 2217) are spoken, all others refused. TIMING-MARK (RFC 860) is a question and no state.

use super::{IAC, TelnetRole};

const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;

const BINARY: u8 = 0;
const ECHO: u8 = 1;
const SUPPRESS_GO_AHEAD: u8 = 3;
pub(super) const TIMING_MARK: u8 = 6;
pub(super) const COM_PORT: u8 = 44;
const SPOKEN: [u8; 4] = [BINARY, ECHO, SUPPRESS_GO_AHEAD, COM_PORT];

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

/// What a server says first, and what a client does that wants a line set.
const SERVER: &[u8] = &[
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
];
const COM_PORT_CLIENT: &[u8] = &[
    IAC,
    WILL,
    COM_PORT,
    IAC,
    WILL,
    BINARY,
    IAC,
    DO,
    BINARY,
    IAC,
    WILL,
    SUPPRESS_GO_AHEAD,
    IAC,
    DO,
    SUPPRESS_GO_AHEAD,
];

/// The question that every session that lives answers, with WILL or WONT (RFC 860).
pub(super) const DO_TIMING_MARK: [u8; 3] = [IAC, DO, TIMING_MARK];

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
    /// In the order of [`SPOKEN`].
    agreed: [Agreed; SPOKEN.len()],
    /// One bit for each option that was refused since the peer last took it back.
    refused: [u64; 4],
}

/// The state of the negotiation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    role: TelnetRole,
    com_port: bool,
    ours: Side,
    theirs: Side,
    allowance: u32,
    text: usize,
    ignored: u64,
}

impl Options {
    pub(super) fn new(role: TelnetRole, com_port: bool) -> Options {
        let mut options = Options {
            role,
            com_port,
            ours: Side::default(),
            theirs: Side::default(),
            allowance: ALLOWANCE,
            text: 0,
            ignored: 0,
        };
        for request in options.greeting().chunks_exact(3) {
            let side = match request[1] {
                WILL => &mut options.ours,
                _ => &mut options.theirs,
            };
            if let Some(agreed) = side.of(request[2]) {
                *agreed = Agreed::WantYes;
            }
        }
        options
    }

    /// What is said first.
    pub(super) fn greeting(&self) -> &'static [u8] {
        match self.role {
            TelnetRole::Server => SERVER,
            TelnetRole::Client if self.com_port => COM_PORT_CLIENT,
            TelnetRole::Client => &[],
        }
    }

    /// Whether the peer's bytes come to us untranslated.
    pub(super) fn receives_binary(&self) -> bool {
        self.theirs.has(BINARY) == Some(Agreed::Yes)
    }

    /// Whether COM-PORT-OPTION is agreed; `None` while its answer is still to come.
    pub(super) fn com_port(&self) -> Option<bool> {
        match self.ours.has(COM_PORT) {
            Some(Agreed::WantYes) => None,
            agreed => Some(agreed == Some(Agreed::Yes)),
        }
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
        if (verb, option) == (Verb::Do, TIMING_MARK) {
            return self.mark();
        }
        let accepts = match verb {
            Verb::Will => self.accepts_theirs(option),
            Verb::Do => self.accepts_ours(option),
            Verb::Wont | Verb::Dont => false,
        };
        let (side, yes, no) = match verb {
            Verb::Will | Verb::Wont => (&mut self.theirs, DO, DONT),
            Verb::Do | Verb::Dont => (&mut self.ours, WILL, WONT),
        };
        let answer = match verb {
            Verb::Will | Verb::Do if accepts => side.agree(option).then_some(yes),
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

    /// The peer asks whether we are there. Every time it is told WONT, which answers as well as WILL
    /// does and which not even a peer that says DO to every WILL answers in turn. A server gives it
    /// freely, for its client takes silence for death; a client out of its allowance.
    fn mark(&mut self) -> Option<[u8; 3]> {
        if self.role == TelnetRole::Client {
            if self.allowance == 0 {
                self.ignored += 1;
                return None;
            }
            self.allowance -= 1;
        }
        Some([IAC, WONT, TIMING_MARK])
    }

    /// What the peer may do: a server echoes, both may be binary and leave go-aheads out.
    fn accepts_theirs(&self, option: u8) -> bool {
        matches!(option, BINARY | SUPPRESS_GO_AHEAD)
            || (option == ECHO && self.role == TelnetRole::Client)
    }

    /// What we do when asked. A client never sends a go-ahead, so it may well promise that.
    fn accepts_ours(&self, option: u8) -> bool {
        matches!(option, BINARY | SUPPRESS_GO_AHEAD)
            || (option == ECHO && self.role == TelnetRole::Server)
            || (option == COM_PORT && self.com_port)
    }
}

impl Side {
    /// The state of an option that is spoken.
    fn of(&mut self, option: u8) -> Option<&mut Agreed> {
        let at = SPOKEN.iter().position(|&spoken| spoken == option)?;
        self.agreed.get_mut(at)
    }

    fn has(&self, option: u8) -> Option<Agreed> {
        let at = SPOKEN.iter().position(|&spoken| spoken == option)?;
        self.agreed.get(at).copied()
    }

    /// The peer wants what we accept: whether that is news that needs an answer.
    fn agree(&mut self, option: u8) -> bool {
        let Some(agreed) = self.of(option) else {
            return false;
        };
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
        match self.of(option) {
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
        } else if let Some(agreed) = self.of(option) {
            *agreed = if accepted { Agreed::Yes } else { Agreed::No };
        }
    }
}

fn place(option: u8) -> (usize, u64) {
    (usize::from(option / 64), 1 << (option % 64))
}
