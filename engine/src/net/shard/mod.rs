//! One media thread: its sockets, its rooms and the loop between them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Token};

use self::rooms::Slot;
use super::builder::Job;
use super::burst::Bundle;
use super::demux::Demux;
use super::link::{Ends, Link, Message, WAKE};
use super::outbox::Outbox;
use super::pace::Pace;
use super::port::{Buffers, Port};
use super::streams::Streams;
use super::tally::{Tally, Traffic};
use crate::command::{Addressed, Command};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::ids::{IdMap, RoomId};
use crate::room::Effects;

mod arriving;
mod leaving;
mod rooms;

/// Commands taken before the sockets have their turn.
const COMMANDS_AT_ONCE: usize = 256;
/// The longest sleep; the caller's queue is tried again after it.
const IDLE: Duration = Duration::from_secs(5);
const BEHIND: Duration = Duration::from_millis(20);

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
                    let _ = self.links.get(self.index).map(Link::wake);
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
                Message::OpenRoom(id) => self.open_room(id),
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

enum Taken {
    All,
    More,
    Stop,
}
