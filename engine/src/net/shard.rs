//! One media thread: its sockets, its rooms and the loop between them.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use str0m::Rtc;

use super::builder::{self, Job};
use super::bundle::together;
use super::burst::Bundle;
use super::demux::{Demux, Owner, Path};
use super::outbox::Outbox;
use super::pace::Pace;
use super::port::{Buffers, Port};
use super::streams::Streams;
use crate::command::{Addressed, Command};
use crate::endpoint::{Endpoint, Transport};
use crate::event::{Event, Refusal};
use crate::ids::{IdMap, PeerId, RoomId};
use crate::room::{Datagram, Effects, Room};

/// Commands that wait for a media thread.
pub const COMMANDS: usize = 4_096;
/// Datagrams that landed on another thread's socket.
const STRAYS: usize = 1_024;
/// Packets handed to the TCP thread in one go.
const MAX_STREAM_BUNDLE: usize = 64;
/// How often one socket is read before the rooms have their turn.
const READS: usize = 16;
/// Commands taken before the sockets have their turn.
const COMMANDS_AT_ONCE: usize = 256;
/// The longest sleep; the caller's queue is tried again after it.
const IDLE: Duration = Duration::from_secs(5);
const BEHIND: Duration = Duration::from_millis(20);
const WAKE: Token = Token(usize::MAX);

/// What a media thread is told.
#[derive(Debug)]
pub enum Message {
    /// A new room.
    OpenRoom(RoomId),
    /// The end of a room.
    CloseRoom(RoomId),
    /// Something for a room.
    Command(Addressed),
    /// A connection that was asked for.
    Built {
        /// Whose.
        peer: PeerId,
        /// It.
        rtc: Box<Rtc>,
    },
    /// A connection that could not be made.
    NotBuilt {
        /// Whose.
        peer: PeerId,
    },
    /// Add your counters; who is last tells them.
    Stats(Arc<Tally>),
    /// End.
    Stop,
}

/// What threads tell each other.
#[derive(Debug)]
pub enum Stray {
    /// It landed on another thread's socket.
    Datagram {
        /// That thread.
        shard: usize,
        /// Whence.
        from: Endpoint,
        /// How to answer.
        path: Path,
        /// It.
        bytes: Vec<u8>,
    },
    /// The address is mine: send me what comes from it.
    Mine {
        /// Whose it is.
        shard: usize,
        /// Which.
        address: Endpoint,
    },
    /// It came by a TCP connection.
    Packet {
        /// Whence.
        from: Endpoint,
        /// How to answer.
        path: Path,
        /// It.
        bytes: Vec<u8>,
    },
}

/// Where a packet was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// On a socket of this thread's.
    Here,
    /// On one of another thread's.
    Shard(usize),
    /// On a TCP connection: every thread was asked that may own it.
    Stream,
}

/// Counters that are added up over the threads.
#[derive(Debug)]
pub struct Tally {
    /// The caller's number.
    pub request: u64,
    missing: AtomicUsize,
    sums: Mutex<Vec<(&'static str, u64)>>,
}

impl Tally {
    /// One that `threads` threads add to.
    pub fn new(request: u64, threads: usize) -> Self {
        Self { request, missing: AtomicUsize::new(threads), sums: Mutex::new(Vec::new()) }
    }

    fn add(&self, counters: &[(&'static str, u64)]) -> Option<Vec<(&'static str, u64)>> {
        let mut sums = match self.sums.lock() {
            Ok(sums) => sums,
            Err(poisoned) => poisoned.into_inner(),
        };
        for (name, value) in counters {
            match sums.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += value,
                None => sums.push((name, *value)),
            }
        }
        let last = self.missing.fetch_sub(1, Ordering::AcqRel) == 1;
        last.then(|| sums.clone())
    }
}

/// The way to a media thread.
#[derive(Debug, Clone)]
pub struct Link {
    messages: SyncSender<Message>,
    strays: SyncSender<Stray>,
    waker: Arc<Waker>,
}

impl Link {
    /// False when it lags too far behind. Err when it has ended.
    pub fn try_send(&self, message: Message) -> Result<bool, ()> {
        match self.messages.try_send(message) {
            Ok(()) => {
                let _ = self.waker.wake();
                Ok(true)
            }
            Err(TrySendError::Full(_)) => Ok(false),
            Err(TrySendError::Disconnected(_)) => Err(()),
        }
    }

    /// Waits until it is taken; nothing when the thread has ended.
    pub fn deliver(&self, message: Message) {
        if self.messages.send(message).is_ok() {
            let _ = self.waker.wake();
        }
    }

    /// False when it is lost, because too many wait.
    pub fn stray(&self, stray: Stray) -> bool {
        let sent = self.strays.try_send(stray).is_ok();
        if sent {
            let _ = self.waker.wake();
        }
        sent
    }
}

struct Slot {
    room: Room,
    deadline: Option<Instant>,
    touched: bool,
}

/// Traffic of one thread.
#[derive(Debug, Default)]
struct Traffic {
    datagrams_in: u64,
    datagrams_out: u64,
    bytes_in: u64,
    bytes_out: u64,
    datagrams_dropped: u64,
}

impl Traffic {
    /// Of so many datagrams, together of so many bytes, some were sent.
    fn count_out(&mut self, sent: usize, datagrams: usize, bytes: usize) {
        self.datagrams_out += sent as u64;
        self.datagrams_dropped += datagrams.saturating_sub(sent) as u64;
        self.bytes_out += (bytes * sent / datagrams.max(1)) as u64;
    }
}

/// The receiving ends of a link.
pub struct Ends {
    messages: Receiver<Message>,
    strays: Receiver<Stray>,
    poll: Poll,
}

/// Both sides of the way to a thread that is to be started.
pub fn link() -> io::Result<(Link, Ends)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let (messages, message_end) = sync_channel(COMMANDS);
    let (strays, stray_end) = sync_channel(STRAYS);
    let ends = Ends { messages: message_end, strays: stray_end, poll };
    Ok((Link { messages, strays, waker }, ends))
}

/// One media thread.
pub struct Shard {
    index: usize,
    ends: Ends,
    ports: Vec<Port>,
    /// Whether its sockets are read here, or by the first thread alone.
    reads: bool,
    candidates: Arc<[Endpoint]>,
    links: Vec<Link>,
    streams: Option<Streams>,
    builder: SyncSender<Job>,
    outbox: Outbox,
    rooms: IdMap<RoomId, Slot>,
    demux: Demux,
    effects: Effects,
    traffic: Traffic,
    locals: Vec<SocketAddr>,
    /// What goes to each socket at the end of a turn; the memory is used again.
    bursts: Vec<Vec<Bundle>>,
}

/// What a media thread is made of.
pub struct Parts {
    /// Its number.
    pub index: usize,
    /// Its ends.
    pub ends: Ends,
    /// Its sockets, in the order of all threads'.
    pub ports: Vec<Port>,
    /// Whether it reads them.
    pub reads: bool,
    /// Where clients reach all of them.
    pub candidates: Arc<[Endpoint]>,
    /// All threads.
    pub links: Vec<Link>,
    /// Clients on TCP, where that is listened on.
    pub streams: Option<Streams>,
    /// Makes connections.
    pub builder: SyncSender<Job>,
    /// To the caller.
    pub outbox: Outbox,
}

impl Shard {
    /// Registers the sockets.
    pub fn new(parts: Parts) -> io::Result<Self> {
        let Parts { index, ends, mut ports, reads, candidates, links, streams, builder, outbox } =
            parts;
        if reads {
            for (token, port) in ports.iter_mut().enumerate() {
                ends.poll.registry().register(
                    &mut port.socket,
                    Token(token),
                    Interest::READABLE,
                )?;
            }
        }
        let locals = ports.iter().map(|port| port.local).collect();
        let bursts = vec![Vec::new(); ports.len()];
        Ok(Self {
            index,
            ends,
            ports,
            reads,
            candidates,
            links,
            streams,
            builder,
            outbox,
            rooms: IdMap::default(),
            demux: Demux::default(),
            effects: Effects::default(),
            traffic: Traffic::default(),
            locals,
            bursts,
        })
    }

    /// Until it is told to stop.
    pub fn run(mut self) {
        let mut events = Events::with_capacity(64);
        let mut buffers = Buffers::new();
        let mut more = self.reads;
        let mut pace = Pace::new(Instant::now());
        loop {
            let begun = Instant::now();
            let timeout =
                if more { Duration::ZERO } else { self.sleep(begun).max(pace.rest(begun)) };
            if let Err(error) = self.ends.poll.poll(&mut events, Some(timeout))
                && error.kind() != io::ErrorKind::Interrupted
            {
                self.fail_all(&format!("poll: {error}"));
                return;
            }
            let heard = events.iter().any(|event| event.token() != WAKE);
            if heard && !more {
                thread::sleep(pace.gather(begun, Instant::now()));
            }
            more |= heard;
            let now = Instant::now();
            pace.turn(now);
            match self.take_messages(now) {
                Taken::Stop => return self.stop(now),
                Taken::More => {
                    let _ = self.links.get(self.index).map(|link| link.waker.wake());
                }
                Taken::All => {}
            }
            self.take_strays(now);
            if more {
                more = self.read(now, &mut buffers);
            }
            self.settle(now);
            self.outbox.tell(&mut self.effects.events);
        }
    }

    fn sleep(&self, now: Instant) -> Duration {
        let next = self.rooms.values().filter_map(|slot| slot.deadline).min();
        let longest = if self.outbox.is_behind() { BEHIND } else { IDLE };
        next.map_or(longest, |next| next.saturating_duration_since(now).min(longest))
    }

    fn take_messages(&mut self, now: Instant) -> Taken {
        for _ in 0..COMMANDS_AT_ONCE {
            let Ok(message) = self.ends.messages.try_recv() else {
                return Taken::All;
            };
            match message {
                Message::OpenRoom(id) => {
                    let room = Room::new(id, self.candidates.clone());
                    self.rooms.insert(id, Slot { room, deadline: None, touched: false });
                }
                Message::CloseRoom(id) => self.close_room(now, id),
                Message::Command(addressed) => self.command(now, addressed),
                Message::Built { peer, rtc } => {
                    if let Some(room) = self.demux.room(peer) {
                        self.guard(room, |room, effects| room.built(now, peer, rtc, effects));
                    }
                }
                Message::NotBuilt { peer } => {
                    if let Some(room) = self.demux.room(peer) {
                        let command = Command::ClosePeer { peer };
                        self.command(now, Addressed { room, command });
                    }
                }
                Message::Stats(tally) => self.add_stats(&tally),
                Message::Stop => return Taken::Stop,
            }
        }
        Taken::More
    }

    fn command(&mut self, now: Instant, Addressed { room, command }: Addressed) {
        if !self.rooms.contains_key(&room) {
            if let Some((peer, request)) = command.awaits() {
                let detail = "no such room".to_owned();
                let reason = Refusal::Gone;
                self.effects.events.push(Event::Refused { peer, request, reason, detail });
            }
            return;
        }
        if let Command::OpenPeer { peer, .. } = &command {
            self.demux.open(room, *peer);
        }
        self.guard(room, |room, effects| room.command(now, command, effects));
    }

    fn close_room(&mut self, now: Instant, id: RoomId) {
        self.guard(id, |room, effects| room.close(now, effects));
        self.effects.closed.clear();
        if let Some(slot) = self.rooms.remove(&id) {
            self.flush();
            drop_quietly(slot);
        }
        self.demux.close_room(id);
        self.release();
    }

    /// Runs a room's code. A panic in it ends this room, and no other.
    fn guard(&mut self, id: RoomId, run: impl FnOnce(&mut Room, &mut Effects)) {
        let Some(slot) = self.rooms.get_mut(&id) else {
            return;
        };
        slot.touched = true;
        let effects = &mut self.effects;
        let result = catch_unwind(AssertUnwindSafe(|| run(&mut slot.room, effects)));
        if let Err(panic) = result {
            let reason = reason(panic.as_ref());
            if let Some(slot) = self.rooms.remove(&id) {
                drop_quietly(slot);
            }
            self.demux.close_room(id);
            self.effects.events.push(Event::RoomFailed { room: id, reason });
        }
        self.note_effects();
    }

    /// Names and ends of connections must be known before the next datagram.
    fn note_effects(&mut self) {
        for (peer, name) in self.effects.names.drain(..) {
            self.demux.name(peer, name);
        }
        for peer in self.effects.closed.drain(..) {
            self.demux.close(peer);
        }
        self.release();
        for build in self.effects.builds.drain(..) {
            let job = Job { build, shard: self.index };
            if let Err(TrySendError::Full(job)) = self.builder.try_send(job) {
                // A storm of joins: slower here than there, but done.
                if let Some(link) = self.links.get(self.index) {
                    let _ = link.try_send(builder::make(job.build));
                }
            }
        }
    }

    /// Reads what came. True when there may be more: the rooms have their turn first.
    fn read(&mut self, now: Instant, buffers: &mut Buffers) -> bool {
        let ports = std::mem::take(&mut self.ports);
        let mut more = false;
        for (index, port) in ports.iter().enumerate() {
            let read = (0..READS).all(|_| {
                let received = port.receive(buffers, |from, to, bytes| {
                    let path = Path::Datagrams { port: index, local: to };
                    self.datagram(now, Endpoint::udp(from), path, bytes, Origin::Here);
                });
                received.unwrap_or(false)
            });
            more |= read;
        }
        self.ports = ports;
        more
    }

    fn datagram(&mut self, now: Instant, from: Endpoint, path: Path, bytes: &[u8], origin: Origin) {
        let owner = self.demux.owner(from, bytes);
        if origin == Origin::Here || matches!((origin, owner), (Origin::Stream, Owner::Here(..))) {
            self.traffic.datagrams_in += 1;
            self.traffic.bytes_in += bytes.len() as u64;
        }
        match owner {
            Owner::Here(room, peer) => {
                let to = self.destination(from, path);
                self.guard(room, |room, effects| {
                    room.datagram(now, peer, (from, to), bytes, effects);
                });
                self.bind(path, origin);
            }
            Owner::There(shard) if origin == Origin::Here => self.pass(shard, from, path, bytes),
            Owner::Ask if origin == Origin::Here && self.links.len() > 1 => {
                for shard in 0..self.links.len() {
                    if shard != self.index {
                        self.pass(shard, from, path, bytes);
                    }
                }
            }
            _ => self.traffic.datagrams_dropped += 1,
        }
    }

    fn bind(&mut self, path: Path, origin: Origin) {
        let shard = self.index;
        for (peer, address) in self.effects.bound.drain(..) {
            self.demux.bind(peer, address, path);
            match (origin, path, &self.streams) {
                (Origin::Shard(other), _, _) => {
                    if let Some(link) = self.links.get(other) {
                        link.stray(Stray::Mine { shard, address });
                    }
                }
                (Origin::Stream, Path::Stream { connection, .. }, Some(streams)) => {
                    streams.prove(connection, shard);
                }
                _ => {}
            }
        }
        self.release();
    }

    /// TCP connections that lead to nobody end.
    fn release(&mut self) {
        for connection in self.demux.released() {
            if let Some(streams) = &self.streams {
                streams.close(connection);
            }
        }
    }

    fn pass(&mut self, shard: usize, from: Endpoint, path: Path, bytes: &[u8]) {
        let stray = Stray::Datagram { shard: self.index, from, path, bytes: bytes.to_vec() };
        if !self.links.get(shard).is_some_and(|link| link.stray(stray)) {
            self.traffic.datagrams_dropped += 1;
        }
    }

    fn take_strays(&mut self, now: Instant) {
        for _ in 0..STRAYS {
            match self.ends.strays.try_recv() {
                Ok(Stray::Datagram { shard, from, path, bytes }) => {
                    self.datagram(now, from, path, &bytes, Origin::Shard(shard));
                }
                Ok(Stray::Packet { from, path, bytes }) => {
                    self.datagram(now, from, path, &bytes, Origin::Stream);
                }
                Ok(Stray::Mine { shard, address }) => self.demux.note_elsewhere(address, shard),
                Err(_) => return,
            }
        }
    }

    /// The candidate that a datagram was sent to. Behind a translated address it is the first of
    /// its family.
    fn destination(&self, from: Endpoint, path: Path) -> Endpoint {
        let (local, ip) = match path {
            Path::Datagrams { port, local } => (self.locals.get(port).copied(), local),
            Path::Stream { local, .. } => (None, Some(local)),
        };
        let fits = |candidate: &&Endpoint| {
            candidate.transport == from.transport
                && candidate.address.is_ipv6() == from.address.is_ipv6()
        };
        let fitting = || self.candidates.iter().filter(fits);
        let exact = fitting().find(|candidate| ip == Some(candidate.address.ip()));
        exact.or_else(|| fitting().next()).copied().unwrap_or_else(|| {
            let address = local.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
            Endpoint { transport: from.transport, address }
        })
    }

    fn settle(&mut self, now: Instant) {
        let due: Vec<RoomId> = self
            .rooms
            .iter()
            .filter(|(_, slot)| slot.touched || slot.deadline.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.guard(id, |room, effects| room.settle(now, effects));
            if let Some(slot) = self.rooms.get_mut(&id) {
                slot.touched = false;
                slot.deadline = slot.room.deadline();
            }
        }
        self.flush();
    }

    /// Sends everything: neighbours of one size to one destination as a bundle, and the bundles of
    /// each socket together.
    fn flush(&mut self) {
        let datagrams = &self.effects.datagrams;
        let mut rest = datagrams.list();
        while let Some((first, others)) = rest.split_first() {
            let size = first.range.len();
            let to = first.destination;
            // Ours are lite: they never check. The others' checks are the only STUN requests.
            let is_check = datagrams.bytes(first.range.clone()).first().is_some_and(|b| *b < 4);
            let path = self.demux.path(to);
            if is_check && path.is_none() {
                self.demux.note_check(first.peer, to);
            }
            if to.transport == Transport::Tcp {
                let count = together(rest, MAX_STREAM_BUNDLE);
                let bytes = datagrams.bytes(span(rest, count));
                let sent = match (path, &self.streams) {
                    (Some(Path::Stream { connection, .. }), Some(streams)) => {
                        streams.send(connection, bytes, size)
                    }
                    _ => false,
                };
                self.traffic.count_out(if sent { count } else { 0 }, count, bytes.len());
                rest = rest.get(count..).unwrap_or_default();
                continue;
            }
            let (index, local) = match path {
                Some(Path::Datagrams { port, local }) => (Some(port), local),
                _ => {
                    let v6 = to.address.is_ipv6();
                    (self.ports.iter().position(|port| port.local.is_ipv6() == v6), None)
                }
            };
            let found =
                index.and_then(|index| Some((self.ports.get(index)?, self.bursts.get_mut(index)?)));
            let Some((port, burst)) = found else {
                self.traffic.datagrams_dropped += 1;
                rest = others;
                continue;
            };
            let count = together(rest, port.bundle(size));
            let from = local.filter(|_| port.local.ip().is_unspecified());
            burst.push(Bundle { to: to.address, from, range: span(rest, count), size });
            rest = rest.get(count..).unwrap_or_default();
        }
        for (port, burst) in self.ports.iter().zip(&mut self.bursts) {
            port.send(burst, datagrams.all_bytes(), |bundle, sent| {
                self.traffic.count_out(sent, bundle.datagrams(), bundle.range.len());
            });
            burst.clear();
        }
        self.effects.datagrams.clear();
    }

    fn add_stats(&mut self, tally: &Tally) {
        let sizes = self.rooms.values().map(|slot| slot.room.sizes());
        let (tracks, subscriptions) =
            sizes.fold((0, 0), |sum, room| (sum.0 + room.0, sum.1 + room.1));
        let counters = self.effects.counters;
        let sums = tally.add(&[
            ("rooms", self.rooms.len() as u64),
            ("peers", self.demux.len() as u64),
            ("tracks", tracks as u64),
            ("subscriptions", subscriptions as u64),
            ("datagrams_in", self.traffic.datagrams_in),
            ("datagrams_out", self.traffic.datagrams_out),
            ("bytes_in", self.traffic.bytes_in),
            ("bytes_out", self.traffic.bytes_out),
            ("datagrams_dropped", self.traffic.datagrams_dropped),
            ("packets_in", counters.packets_in),
            ("packets_forwarded", counters.packets_forwarded),
            ("key_frame_requests", counters.key_frame_requests),
            ("data_in", counters.data_in),
            ("data_out", counters.data_out),
            ("data_dropped", counters.data_dropped),
        ]);
        if let Some(counters) = sums {
            self.effects.events.push(Event::StatsReady { request: tally.request, counters });
        }
    }

    fn stop(&mut self, now: Instant) {
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for room in rooms {
            self.close_room(now, room);
        }
    }

    fn fail_all(&mut self, reason: &str) {
        let rooms: Vec<RoomId> = self.rooms.drain().map(|(id, _)| id).collect();
        for room in rooms {
            let reason = reason.to_owned();
            self.effects.events.push(Event::RoomFailed { room, reason });
        }
        self.outbox.tell(&mut self.effects.events);
    }
}

/// Where the bytes of the first so many lie.
fn span(datagrams: &[Datagram], count: usize) -> Range<usize> {
    let these = datagrams.get(..count).unwrap_or(datagrams);
    let start = these.first().map_or(0, |first| first.range.start);
    start..these.last().map_or(start, |last| last.range.end)
}

enum Taken {
    All,
    More,
    Stop,
}

/// A room that panicked may panic again while it is dropped.
fn drop_quietly(slot: Slot) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(slot)));
}

fn reason(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("panic").to_owned()
}
