//! Nodes, their shared disk, a terminal server whose cables can be crossed, and the cables of the
//! monitoring host: a whole cluster on a bench, in virtual time.
//!
//! Every call that takes `now` first does all that was due until then, node by node in the order
//! of time, so that the same calls give the same bytes and the same record on the disk.

use std::time::Duration;

use crate::clock::Moment;

use super::disk::SharedDisk;
use super::node::{Node, Typist};
use super::service_processor::{ProcessorOrder, ServiceProcessor};
use super::spec::NodeSpec;
use super::transcript::{Traffic, Transcript};
use super::wire::{BreakWay, Wire};

/// Output kept for a client that does not read; what comes then is lost, as at a real port.
const BUFFER: usize = 1 << 20;

/// The state of a console port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleLink {
    /// Connects and carries bytes.
    Up,
    /// Refuses connections, has reset the one there was.
    Refused,
    /// Connects, but carries nothing either way.
    Hung,
}

#[derive(Clone, Debug)]
struct Port {
    node: usize,
    link: ConsoleLink,
    wire: Wire,
    output: Vec<u8>,
    transcript: Transcript,
}

/// The bench. Ports are numbered from 0 as the nodes are, until cables are crossed.
#[derive(Clone, Debug)]
pub struct Rig {
    nodes: Vec<Node>,
    /// Between a node and its port, where it has one.
    processors: Vec<Option<ServiceProcessor>>,
    disk: SharedDisk,
    ports: Vec<Port>,
    service_cable: bool,
    console_cable: bool,
    rng: fastrand::Rng,
    now: Moment,
}

impl Rig {
    /// All nodes powered off, every cable in its place.
    pub fn new(specs: impl IntoIterator<Item = NodeSpec>) -> Rig {
        let nodes: Vec<Node> = specs.into_iter().map(Node::new).collect();
        let seeds = nodes.iter().map(|node| node.spec().seed);
        let seed = seeds.fold(0, |sum, seed| sum ^ seed.rotate_left(7));
        let port = |node| Port {
            node,
            link: ConsoleLink::Up,
            wire: Wire::default(),
            output: Vec::new(),
            transcript: Transcript::default(),
        };
        Rig {
            ports: (0..nodes.len()).map(port).collect(),
            processors: vec![None; nodes.len()],
            nodes,
            disk: SharedDisk::new(),
            service_cable: true,
            console_cable: true,
            rng: fastrand::Rng::with_seed(seed),
            now: Moment::ZERO,
        }
    }

    /// How many nodes there are, and ports.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node at all.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The number of the node with this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.spec().name == name)
    }

    /// A node as it is.
    pub fn node(&self, node: usize) -> &Node {
        &self.nodes[node]
    }

    /// A node, to do something to it at `now`; what it says at once reaches its port with the
    /// next call.
    pub fn node_at(&mut self, node: usize, now: Moment) -> &mut Node {
        self.advance(now);
        &mut self.nodes[node]
    }

    /// The moment that it has come to.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The shared disk and its record.
    pub fn disk(&self) -> &SharedDisk {
        &self.disk
    }

    /// The shared disk, to damage it at `now`.
    pub fn disk_at(&mut self, now: Moment) -> &mut SharedDisk {
        self.advance(now);
        &mut self.disk
    }

    /// Switches a node's power. A power cycle also mends its path to the disk, as on the test bed.
    pub fn power(&mut self, node: usize, on: bool, now: Moment) {
        self.node_at(node, now).power(on, now);
        if on {
            let name = self.nodes[node].spec().name.clone();
            self.disk.set_path_dead(&name, false);
        }
        self.collect();
    }

    /// The client of a port types.
    pub fn type_to(&mut self, port: usize, bytes: &[u8], now: Moment) {
        self.client_types(port, bytes, Typist::Clusterd, now);
    }

    /// A person types through the client of a port.
    pub fn pass_to(&mut self, port: usize, bytes: &[u8], now: Moment) {
        self.client_types(port, bytes, Typist::Person, now);
    }

    fn client_types(&mut self, port: usize, bytes: &[u8], typist: Typist, now: Moment) {
        self.advance(now);
        if self.carries(port) {
            let typed = Traffic::Typed(bytes.to_vec());
            self.ports[port].transcript.note(now, typed);
            let node = self.ports[port].node;
            match &mut self.processors[node] {
                Some(processor) => processor.types(bytes, typist, &mut self.nodes[node], now),
                None => self.nodes[node].typed(bytes, typist, now),
            }
            self.collect();
        }
    }

    /// What the service processor behind a port did since this was asked last, on the word of its
    /// session's client.
    pub(super) fn take_orders(&mut self, port: usize) -> Vec<ProcessorOrder> {
        let node = self.ports[port].node;
        let processor = self.processors[node].as_mut();
        processor
            .map(ServiceProcessor::take_orders)
            .unwrap_or_default()
    }

    /// Puts a service processor between a node and its port.
    pub fn attach_processor(&mut self, node: usize, processor: ServiceProcessor) {
        self.processors[node] = Some(processor);
    }

    /// A node's service processor, to do something to it at `now`.
    pub fn processor_at(&mut self, node: usize, now: Moment) -> Option<&mut ServiceProcessor> {
        self.advance(now);
        self.processors[node].as_mut()
    }

    /// A person types on another keyboard of the same console.
    pub fn operator_types(&mut self, port: usize, bytes: &[u8], now: Moment) {
        self.advance(now);
        let typed = Traffic::Operator(bytes.to_vec());
        self.ports[port].transcript.note(now, typed);
        let node = self.ports[port].node;
        match &mut self.processors[node] {
            Some(processor) => processor.another_types(bytes, &mut self.nodes[node], now),
            None => self.nodes[node].person_types(bytes, now),
        }
        self.collect();
    }

    /// The client of a port sends a BREAK.
    pub fn send_break(&mut self, port: usize, now: Moment) {
        self.advance(now);
        if self.carries(port) {
            self.ports[port].transcript.note(now, Traffic::Break);
            let node = self.ports[port].node;
            // A session of a service processor has no line on which a BREAK could come.
            if self.processors[node].is_none() && self.ports[port].wire.send_break(now) {
                self.nodes[node].send_break(now);
            }
            self.collect();
        }
    }

    /// The terminal server sends a BREAK to every node, as some do when they lose power
    /// (`FreeBSD` console-server article). Behind a service processor none of that comes to a node:
    /// there a person with a session of their own sends it.
    pub fn break_everything(&mut self, now: Moment) {
        self.break_lines(now);
        for (node, processor) in self.processors.iter_mut().enumerate() {
            if let Some(processor) = processor {
                processor.send_break(&mut self.nodes[node], now);
            }
        }
        self.collect();
    }

    /// BREAK on every line that leads to a node and not to its service processor.
    fn break_lines(&mut self, now: Moment) {
        self.advance(now);
        for port in &mut self.ports {
            port.transcript.note(now, Traffic::StrayBreak);
            if self.processors[port.node].is_none() {
                self.nodes[port.node].send_break(now);
            }
        }
        self.collect();
    }

    /// Does all that is due until `now`.
    pub fn advance(&mut self, now: Moment) {
        self.collect();
        let due = |(n, node): (usize, &Node)| node.poll_timeout().map(|at| (at, n));
        loop {
            let node = self.nodes.iter().enumerate().filter_map(due).min();
            let wire = self.wires_timeout();
            match (node, wire) {
                (node, Some(at)) if at <= now && node.is_none_or(|(first, _)| at <= first) => {
                    self.now = self.now.max(at);
                    self.late_breaks();
                }
                (Some((at, node)), _) if at <= now => {
                    let others = self.nodes.iter().enumerate().filter(|(n, _)| *n != node);
                    let others = others.filter_map(|(_, other)| other.poll_timeout());
                    let others = others.chain(wire).min();
                    let alone =
                        others.map_or(now, |other| now.min(other - Duration::from_micros(1)));
                    if at <= alone && self.nodes[node].beat_unnoticed(alone, &mut self.disk) {
                        continue;
                    }
                    self.now = self.now.max(at);
                    self.nodes[node].advance(at, &mut self.disk);
                }
                _ => break,
            }
            self.collect();
        }
        self.now = self.now.max(now);
        self.collect();
    }

    /// BREAKs that were under way come to their nodes.
    fn late_breaks(&mut self) {
        for port in 0..self.ports.len() {
            let node = self.ports[port].node;
            while self.ports[port].wire.break_arrives(self.now) {
                self.nodes[node].send_break(self.now);
            }
        }
    }

    fn wires_timeout(&self) -> Option<Moment> {
        self.ports
            .iter()
            .filter_map(|port| port.wire.poll_timeout())
            .min()
    }

    /// The moment at which something will happen by itself.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let nodes = self.nodes.iter().filter_map(Node::poll_timeout);
        nodes.chain(self.wires_timeout()).min()
    }

    /// The moment at which something will happen by itself of which anybody notices anything: a
    /// heartbeat on the disk, where one node alone writes, is nothing of the kind.
    pub(super) fn next_noticed(&self) -> Option<Moment> {
        let nodes = self.nodes.iter();
        let nodes = nodes.filter_map(|node| node.next_noticed(&self.disk));
        nodes.chain(self.wires_timeout()).min()
    }

    /// Whether everything that was written has been read, and said by those between.
    pub(super) fn is_read(&self) -> bool {
        let said = |(processor, node): (&Option<ServiceProcessor>, &Node)| {
            let processor = processor.as_ref();
            processor.is_none_or(|processor| processor.has_said_all(node))
        };
        self.processors.iter().zip(&self.nodes).all(said)
            && !self.nodes.iter().any(Node::has_output)
            && self.ports.iter().all(|port| port.output.is_empty())
    }

    /// Takes what a port has for its client.
    pub fn read(&mut self, port: usize) -> Vec<u8> {
        self.collect();
        std::mem::take(&mut self.ports[port].output)
    }

    /// Whether a connection to the port can be made and holds. A hung port connects too.
    pub fn link_up(&self, port: usize) -> bool {
        self.console_cable && self.ports[port].link != ConsoleLink::Refused
    }

    /// The state of a port.
    pub fn link(&self, port: usize) -> ConsoleLink {
        self.ports[port].link
    }

    /// Cuts a console port, or mends it. What was not read by then is lost.
    pub fn set_link(&mut self, port: usize, link: ConsoleLink, now: Moment) {
        self.advance(now);
        self.ports[port].link = link;
        self.ports[port].output.clear();
    }

    /// From now on so many of a thousand bytes from the node arrive wrong at this port.
    pub fn set_noise(&mut self, port: usize, per_thousand: u16, now: Moment) {
        self.advance(now);
        self.ports[port].wire.noise = per_thousand;
    }

    /// From now on so many of a thousand bytes from the node do not arrive at this port.
    pub fn set_loss(&mut self, port: usize, per_thousand: u16, now: Moment) {
        self.advance(now);
        self.ports[port].wire.lossy = per_thousand;
    }

    /// From now on what the node says arrives so much later.
    pub fn set_delay(&mut self, port: usize, delay: Duration, now: Moment) {
        self.advance(now);
        self.ports[port].wire.delay = delay;
    }

    /// From now on what the node says arrives in small pieces, or as it was said.
    pub fn set_split(&mut self, port: usize, split: bool, now: Moment) {
        self.advance(now);
        self.ports[port].wire.split = split;
    }

    /// How BREAKs come to the node from now on.
    pub fn set_break_way(&mut self, port: usize, way: BreakWay, now: Moment) {
        self.advance(now);
        self.ports[port].wire.breaks = way;
    }

    /// The terminal server loses its power, or has it again: then it sends a BREAK to every node
    /// before anybody can connect.
    pub fn power_server(&mut self, on: bool, now: Moment) {
        let link = if on {
            ConsoleLink::Up
        } else {
            ConsoleLink::Refused
        };
        for port in 0..self.ports.len() {
            self.set_link(port, link, now);
        }
        if on {
            self.break_lines(now);
            for port in &mut self.ports {
                port.output.clear();
            }
        }
    }

    /// Every cable is in its own port again, and carries what is sent, when it is sent.
    pub fn mend_wires(&mut self, now: Moment) {
        self.advance(now);
        for (n, port) in self.ports.iter_mut().enumerate() {
            port.node = n;
            port.wire.mend();
        }
    }

    /// Whether what a port's node says comes far too late, or not at all.
    pub(super) fn cut_off(&self, port: usize, now: Moment) -> bool {
        let between = self.processors[self.ports[port].node].as_ref();
        let hangs = between.is_some_and(ServiceProcessor::hangs);
        hangs || self.ports[port].wire.cuts_off(now)
    }

    /// Whether BREAKs come to a port's node later than they were sent.
    pub(super) fn delays_breaks(&self, port: usize) -> bool {
        self.ports[port].wire.delays_breaks()
    }

    /// Whether any cable is not in its own port.
    pub fn is_swapped(&self) -> bool {
        self.ports
            .iter()
            .enumerate()
            .any(|(n, port)| port.node != n)
    }

    /// Crosses the cables of two ports.
    pub fn swap_cables(&mut self, a: usize, b: usize, now: Moment) {
        self.advance(now);
        let node = self.ports[a].node;
        self.ports[a].node = self.ports[b].node;
        self.ports[b].node = node;
    }

    /// The node that a port's cable leads to.
    pub fn node_of(&self, port: usize) -> usize {
        self.ports[port].node
    }

    /// The monitoring host's own cable to the service network.
    pub fn set_service_cable(&mut self, plugged: bool, now: Moment) {
        self.advance(now);
        self.service_cable = plugged;
    }

    /// The monitoring host's own cable to the console network.
    pub fn set_console_cable(&mut self, plugged: bool, now: Moment) {
        self.advance(now);
        self.console_cable = plugged;
        for port in &mut self.ports {
            port.output.clear();
        }
    }

    /// Whether the monitoring host gets an answer to a ping of the service address.
    pub fn address_answers(&mut self, now: Moment) -> bool {
        self.advance(now);
        self.service_cable && self.nodes.iter().any(Node::answers_ping)
    }

    /// Whether a TCP probe of the service address succeeds.
    pub fn service_answers(&mut self, now: Moment) -> bool {
        self.advance(now);
        let serving = |node: &Node| node.serves() && node.answers_ping();
        self.service_cable && self.nodes.iter().any(serving)
    }

    /// Whether the gateway and the witnesses of the service network answer the monitoring host.
    pub fn witness_answers(&self) -> bool {
        self.service_cable
    }

    /// What went over a port.
    pub fn transcript(&self, port: usize) -> &Transcript {
        &self.ports[port].transcript
    }

    fn carries(&self, port: usize) -> bool {
        self.console_cable && self.ports[port].link == ConsoleLink::Up
    }

    /// Moves what the nodes wrote to their ports; it is lost where nobody can read it.
    fn collect(&mut self) {
        for port in 0..self.ports.len() {
            let node = self.ports[port].node;
            let idle = self.ports[port].wire.poll_timeout().is_none();
            if idle && !self.nodes[node].has_output() && self.processors[node].is_none() {
                continue;
            }
            let mut output = self.nodes[node].take_output();
            if let Some(processor) = &mut self.processors[node] {
                output = processor.show(&output, &self.nodes[node]);
            }
            output = self.ports[port].wire.carry(output, self.now, &mut self.rng);
            if output.is_empty() {
                continue;
            }
            let carries = self.carries(port);
            let port = &mut self.ports[port];
            if carries && port.output.len() + output.len() <= BUFFER {
                port.output.extend_from_slice(&output);
            }
            port.transcript.note(self.now, Traffic::Output(output));
        }
    }
}
