//! Typing on consoles, and asking the questions of a proof.

use std::time::Duration;

use crate::clock::Moment;
use crate::machine::action::EntryKind;
use crate::machine::alarm_code;
use crate::machine::asking::{self, Ask, Asking, Verdict};
use crate::machine::making::{Making, Piece};
use crate::machine::memory::GuardReading;
use crate::machine::node::{Identity, Node};
use crate::machine::package::Door;
use crate::machine::proof::{Proof, ProofKind};
use crate::machine::setup::{NodeId, PackageId};
use crate::machine::{Action, Event, Machine};
use crate::mutant::Guard;
use crate::script::program::{Firmware, Presence, Question, Severity};

/// A RETURN or a BREAK may be answered for so long.
const OWED: Duration = Duration::from_secs(3);

impl Machine {
    /// The link that the machine may type on: none while a person has the console (rule 16).
    fn unheld_epoch(&self, n: NodeId) -> Option<u64> {
        let person = self.person_at(n) && Guard::PersonTypes.stands();
        self.nodes[n].epoch().filter(|_| !person)
    }

    /// The same; none in maintenance or out of service either, where nothing is written (rule 15) but by a
    /// siege.
    fn free_epoch(&self, n: NodeId) -> Option<u64> {
        let kept = self.in_maintenance(n) && Guard::MaintenanceTypes.stands();
        let out = self.put_out(n) && Guard::OutTypes.stands();
        self.unheld_epoch(n).filter(|_| !kept && !out)
    }

    /// The one RETURN that a node out of service is typed where it may have said something unheard; false
    /// when nothing can be typed there.
    pub(super) fn asks_for_life(&mut self, n: NodeId) -> bool {
        let epoch = self.unheld_epoch(n);
        let Some(epoch) = epoch.filter(|_| !self.in_maintenance(n)) else {
            return false;
        };
        self.type_on(n, epoch, "\r");
        true
    }

    /// What a siege sends.
    pub(super) fn besiege(&mut self, n: NodeId, text: &str) {
        if let Some(epoch) = self.unheld_epoch(n) {
            self.break_on(n, epoch);
            self.type_on(n, epoch, text);
        }
    }

    /// Types text; false when the console is not connected, or a person has it.
    pub(super) fn type_text(&mut self, n: NodeId, text: &str) -> bool {
        let Some(epoch) = self.free_epoch(n) else {
            return false;
        };
        self.type_on(n, epoch, text);
        true
    }

    fn type_on(&mut self, n: NodeId, epoch: u64, text: &str) {
        let now = self.now;
        let mut kill = String::new();
        if std::mem::take(&mut self.nodes[n].dirty) && Guard::DirtyKilled.stands() {
            kill = self.firmware(n).map(|f| f.kill.clone()).unwrap_or_default();
        }
        let node = &mut self.nodes[n];
        node.begin_talk(now);
        node.owed_until = node.owed_until.max(Some(now + OWED));
        if text.ends_with('\r') {
            node.returned = Some(now);
        }
        node.keep_line(&kill);
        node.keep_line(text);
        // The firmware's input line is bytes; a script's text is Latin-1 at most.
        let bytes = kill
            .chars()
            .chain(text.chars())
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect();
        self.actions.push_back(Action::Type {
            node: n,
            epoch,
            bytes,
        });
        if text.trim() != "" {
            let node = self.setup.node_name(n).to_owned();
            self.event(Event::Typed {
                node,
                text: text.to_owned(),
            });
        }
    }

    /// Takes back what stands on a console's input line, so that no later RETURN runs it.
    pub(super) fn wipe_line(&mut self, n: NodeId) {
        if self.nodes[n].line.is_empty() {
            return;
        }
        let kill = self.firmware(n).map(|f| f.kill.clone()).unwrap_or_default();
        self.type_text(n, &kill);
    }

    /// Sends BREAK; false when the console is not connected, or a person has it.
    pub(super) fn send_break(&mut self, n: NodeId) -> bool {
        let Some(epoch) = self.free_epoch(n) else {
            return false;
        };
        self.break_on(n, epoch);
        true
    }

    fn break_on(&mut self, n: NodeId, epoch: u64) {
        let now = self.now;
        let node = &mut self.nodes[n];
        node.begin_talk(now);
        node.owed_until = node.owed_until.max(Some(now + OWED));
        if Guard::BreakVoidsMaking.stands() {
            node.making = Making::default();
        }
        let row = match node.broke {
            Some((at, count)) if now.since(at) < OWED => count.saturating_add(1),
            _ => 1,
        };
        node.broke = Some((now, row));
        self.actions.push_back(Action::Break { node: n, epoch });
        if row == 1 || row % 50 == 0 {
            let node = self.setup.node_name(n).to_owned();
            self.event(Event::Break { node, count: row });
        }
    }

    /// Begins a question of a proof; its end stands in `Node::answer`.
    pub(super) fn ask_question(
        &mut self,
        n: NodeId,
        question: &Question,
        values: &str,
        deadline: Moment,
    ) {
        let ask = match question {
            Question::Opens => Ask::Opens {
                device: values.to_owned(),
                line: 0,
                before: String::new(),
                again: false,
            },
            Question::Live => Ask::Live,
            Question::Identity => Ask::Identity,
            Question::Set {
                name,
                presence: Presence::WhereItExists,
                ..
            } => Ask::Exists {
                name: name.clone(),
                value: values.to_owned(),
            },
            Question::Set { name, presence, .. } => Ask::Setting {
                name: name.clone(),
                value: values.to_owned(),
                presence: *presence,
            },
            Question::Verify { name, presence, .. } => Ask::Reading {
                name: name.clone(),
                value: values.to_owned(),
                presence: *presence,
                set: false,
            },
            Question::Mark => match self.nonces.pop_front() {
                Some(number) => Ask::Marking {
                    word: format!("mk{number:08x}"),
                },
                None => return self.no_nonce(n),
            },
            Question::Unmarked => match self.nodes[n].making.mark() {
                Some(word) => Ask::Unmarked {
                    word: word.to_owned(),
                },
                None => {
                    self.nodes[n].answer = Some(Err(
                        "no word was defined before the reset, or something came between"
                            .to_owned(),
                    ));
                    return;
                }
            },
        };
        self.ask(n, ask, deadline);
    }

    fn no_nonce(&mut self, n: NodeId) {
        self.nodes[n].answer = Some(Err("no random numbers at hand".to_owned()));
    }

    fn ask(&mut self, n: NodeId, ask: Ask, deadline: Moment) {
        self.nodes[n].answer = None;
        self.nodes[n].end_question();
        let Some(firmware) = self.firmware(n) else {
            self.nodes[n].answer =
                Some(Err("no firmware block speaks to this platform".to_owned()));
            return;
        };
        let (text, sum) = match &ask {
            Ask::Live | Ask::Marking { .. } => {
                let (Some(a), Some(b)) = (self.nonces.pop_front(), self.nonces.pop_front()) else {
                    return self.no_nonce(n);
                };
                let (ta, tb) = (format!("{a:08x}"), format!("{b:08x}"));
                let word = match &ask {
                    Ask::Marking { word } => word.as_str(),
                    _ => "",
                };
                let template = if word.is_empty() {
                    &firmware.live
                } else {
                    &firmware.mark
                };
                let text = asking::fill(template, &[("a", &ta), ("b", &tb), ("mark", word)]);
                (text, Some(asking::sum(a, b)))
            }
            Ask::Identity => (firmware.identity.clone(), None),
            Ask::Opens { device, line, .. } => {
                let Some(template) = firmware.opens.get(*line) else {
                    let why = "its firmware block does not say how a device is opened";
                    self.nodes[n].answer = Some(Err(why.to_owned()));
                    return;
                };
                let Some(a) = self.nonces.pop_front() else {
                    return self.no_nonce(n);
                };
                // What stands behind the device is for the system that is booted. A quote would end the text.
                let device = device.split_whitespace().next().unwrap_or("");
                let device = device.replace('"', "");
                let number = format!("{a:08x}");
                let text = asking::fill(template, &[("a", &number), ("device", &device)]);
                (text, Some(asking::sum(a, 1)))
            }
            Ask::Exists { name, .. } | Ask::Reading { name, .. } => {
                (asking::fill(&firmware.get, &[("name", name)]), None)
            }
            Ask::Setting { name, value, .. } => (
                asking::fill(&firmware.set, &[("name", name), ("value", value)]),
                None,
            ),
            Ask::Marked { word } | Ask::Unmarked { word } => (
                asking::fill(&firmware.ask_mark, &[("mark", word)]),
                self.mark_sum(n, &ask),
            ),
        };
        if !self.type_text(n, &text) {
            self.nodes[n].answer = Some(Err("the console is not connected".to_owned()));
            return;
        }
        let typed = text.trim_end_matches(['\r', '\n']).to_owned();
        self.nodes[n].asking = Some(Box::new(Asking {
            ask,
            deadline,
            typed,
            sum,
        }));
    }

    /// The sum that a word answers is the one it was defined with.
    fn mark_sum(&self, n: NodeId, ask: &Ask) -> Option<String> {
        match ask {
            Ask::Marked { .. } => self.nodes[n].mark_sum.clone(),
            _ => None,
        }
    }

    /// A prompt shows: an open question may be answered now.
    pub(super) fn prompt_shows(&mut self, n: NodeId, firmware: &Firmware) {
        let Some(asking) = self.nodes[n].asking.clone() else {
            return;
        };
        match asking.judge(&self.nodes[n], firmware) {
            Verdict::NotYet => {}
            Verdict::Answered(piece) => {
                self.close_question(n, Ok(()));
                self.record(n, &piece, firmware);
            }
            Verdict::Next(next) => {
                self.nodes[n].mark_sum.clone_from(&asking.sum);
                self.ask(n, next, asking.deadline);
            }
            Verdict::Learnt(id) => self.learn_host_id(n, &id, firmware),
            Verdict::Wrong(why) => {
                if matches!(asking.ask, Ask::Identity) {
                    self.wrong_identity(n, &why);
                }
                self.close_question(n, Err(why));
            }
        }
    }

    fn close_question(&mut self, n: NodeId, answer: Result<(), String>) {
        let name = self.setup.node_name(n).to_owned();
        if let Err(why) = &answer {
            self.event(Event::Unanswered {
                node: name,
                text: why.clone(),
            });
        }
        let node = &mut self.nodes[n];
        node.end_question();
        node.answer = Some(answer);
        node.owed_until = None;
    }

    /// Gives up questions whose time is over.
    pub(super) fn tick_questions(&mut self) {
        for n in 0..self.nodes.len() {
            let over =
                |asking: &Asking| self.now >= asking.deadline && Guard::QuestionDeadline.stands();
            let Some(asking) = self.nodes[n].asking.as_deref().filter(|a| over(a)) else {
                continue;
            };
            let why = format!("{:?} was not answered as a live prompt must", asking.typed);
            self.close_question(n, Err(why));
        }
    }

    fn wrong_identity(&mut self, n: NodeId, why: &str) {
        if Guard::WrongIdentity.stands() {
            self.nodes[n].identity = Identity::Wrong(why.to_owned());
        }
        if let Some(p) = self.package_of(n) {
            let text = format!(
                "the console of {} shows {why}: swapped cables?",
                self.setup.node_name(n)
            );
            self.alarm(p, Severity::Critical, alarm_code::WRONG_IDENTITY, text);
            self.let_go_on(p, n);
        }
    }

    /// Rule 4: a machine that our own BREAK stopped and that is not the one we meant is told
    /// to go on, where nothing was booted in its place.
    fn let_go_on(&mut self, p: PackageId, n: NodeId) {
        let package = &self.packages[p];
        let in_place = package.primary == Some(n) && package.confirmed;
        let node = &self.nodes[n];
        let ours = node.broke.map(|(at, _)| at);
        let stopped = node.evidence.resumable.filter(|at| Some(*at) >= ours);
        let fence = self.door_on(n) == Some(Door::Fence) || Guard::GoOnFence.gone();
        let in_place = in_place || Guard::GoOnInPlace.gone();
        let stopped = stopped.is_some() || Guard::GoOnStopped.gone();
        if !(fence && in_place && stopped) {
            return;
        }
        self.nodes[n].evidence.resumable = None;
        self.type_text(n, "go\r");
    }

    /// Host IDs are learnt at adoption only, and must be unique.
    fn learn_host_id(&mut self, n: NodeId, id: &str, firmware: &Firmware) {
        let adopting = self
            .package_of(n)
            .is_some_and(|p| self.packages[p].adopting.is_some());
        let taken = self
            .nodes
            .iter()
            .any(|other| other.host_id.as_deref() == Some(id));
        if taken && Guard::HostIdTaken.stands() {
            let why = format!("Host ID {id}, which belongs to another node");
            self.wrong_identity(n, &why);
            return self.close_question(n, Err(why));
        }
        if !adopting && Guard::HostIdAdopting.stands() {
            let why = format!(
                "it shows Host ID {id}, but none is known for it: adopt the cluster to learn it"
            );
            return self.close_question(n, Err(why));
        }
        self.nodes[n].host_id = Some(id.to_owned());
        let node = self.setup.node_name(n).to_owned();
        self.event(Event::HostIdLearnt {
            node,
            id: id.to_owned(),
        });
        self.journal(
            EntryKind::HostId,
            Some(n),
            format!("Host ID {id} learnt at adoption"),
        );
        self.close_question(n, Ok(()));
        self.record(n, &Piece::Identity, firmware);
    }

    /// A piece was made: facts first, then the proof that may be whole now.
    pub(super) fn record(&mut self, n: NodeId, piece: &Piece, firmware: &Firmware) {
        let now = self.now;
        let name = self.setup.node_name(n).to_owned();
        let node = &mut self.nodes[n];
        let text = match piece {
            Piece::Live => {
                node.evidence.nonce = Some(now);
                "the prompt is live".to_owned()
            }
            Piece::Identity => {
                node.identity = Identity::Right(now);
                format!(
                    "Host ID {} is right",
                    node.host_id.as_deref().unwrap_or("?")
                )
            }
            Piece::Set(name, value) => format!("{name} is set to {value}, read back"),
            Piece::Verified(name, value) => format!("{name} reads {value}"),
            Piece::Mark(word) => format!("word {word} is defined"),
            Piece::Reset => "reset ordered; a prompt came".to_owned(),
            Piece::Unmarked => "that word is unknown now".to_owned(),
            Piece::Opens => "the boot device opens, and its first block can be read".to_owned(),
        };
        node.making.record(piece, firmware);
        let reads = matches!(piece, Piece::Set(..) | Piece::Verified(..));
        let holds = node.making.guarded(firmware);
        let guarded = holds && !node.guard_read;
        if reads && holds {
            self.date_guard(n);
        }
        if *piece == Piece::Identity {
            self.identities_are_right(n);
        }
        self.event(Event::Piece {
            node: name.clone(),
            text,
        });
        if guarded {
            self.nodes[n].guard_read = true;
            self.event(Event::GuardRead { node: name });
            self.journal(
                EntryKind::Guard,
                Some(n),
                "standing guard set and read back".to_owned(),
            );
            if let Some(p) = self.package_of(n) {
                self.tell_unknown_guards(p);
            }
        }
        let fenced = self.door_on(n) == Some(Door::Fence) || Guard::ProofInFence.gone();
        let whole = self.nodes[n].making.whole(firmware) || Guard::ProofWhole.gone();
        if fenced && whole {
            self.nodes[n].making = Making::default();
            self.nodes[n].settled = true;
            self.nodes[n].evidence.resumable = None;
            self.nodes[n].unfenced_failure = false;
            self.end_siege(n, "fully fenced");
            self.prove(n, ProofKind::FirmwareReset);
        }
    }

    /// The standing guard was read back just now: when, and by what, is for people.
    fn date_guard(&mut self, n: NodeId) {
        let state = self.package_of(n).map(|p| self.state(p));
        let by = match (self.door_on(n), state) {
            (Some(Door::Fence), _) => "a fence".to_owned(),
            (_, Some(state)) => format!("the script, in state {state}"),
            (_, None) => "the script".to_owned(),
        };
        let at = self.wall_now();
        self.nodes[n].guard_last = Some(Box::new(GuardReading { at, by }));
    }

    /// Ends the alarm of a wrong machine at a console, once none is left.
    fn identities_are_right(&mut self, n: NodeId) {
        let wrong = |node: &Node| matches!(node.identity, Identity::Wrong(_));
        if let Some(p) = self.package_of(n).filter(|_| !self.nodes.iter().any(wrong)) {
            self.clear(p, alarm_code::WRONG_IDENTITY);
        }
    }

    /// A proof is born.
    pub(super) fn prove(&mut self, n: NodeId, kind: ProofKind) {
        self.nodes[n].fence_tried = None;
        self.nodes[n].proof = Some(Proof {
            kind,
            born: self.now,
        });
    }

    /// A proof dies; it is made again, not remembered.
    pub(super) fn kill_proof(&mut self, n: NodeId, why: &str) {
        if let Some(proof) = self.nodes[n].proof.take() {
            let node = self.setup.node_name(n).to_owned();
            self.event(Event::ProofDied {
                node,
                kind: proof.kind,
                why: why.to_owned(),
            });
        }
    }

    /// Proofs that are too old.
    pub(super) fn expire_proofs(&mut self) {
        for n in 0..self.nodes.len() {
            let proof = self.nodes[n].proof.as_ref();
            let old = proof.is_some_and(|proof| !proof.lives(self.now));
            if old && Guard::ProofsExpire.stands() {
                self.kill_proof(n, "it is too old");
            }
        }
    }

    /// Whether a node is proved stopped now.
    pub(super) fn proved(&self, n: NodeId) -> bool {
        let node: &Node = &self.nodes[n];
        node.proof.as_ref().is_some_and(|p| p.lives(self.now))
    }
}
