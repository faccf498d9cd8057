//! The engine as its caller sees it: media threads behind bounded queues.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use thiserror::Error;

use super::builder;
use super::outbox::{Inbox, Wake, queue};
use super::port::{Port, primary_address};
use super::shard::{Ends, Link, Message, Parts, Shard, Tally, link};
use crate::command::{Addressed, Command};
use crate::event::Event;
use crate::ids::RoomId;

/// More threads than this are a typing error.
const MAX_THREADS: usize = 256;

/// Why a call was not done.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The media thread lags behind.
    #[error("a media thread is {} commands behind", super::shard::COMMANDS)]
    QueueFull,
    /// The engine was closed.
    #[error("the engine is closed")]
    Closed,
    /// A socket could not be bound.
    #[error("cannot bind UDP {address}: {error}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(String),
    /// The system gives no thread or no poll.
    #[error("the system refuses a media thread: {0}")]
    System(#[from] io::Error),
}

/// How an engine is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to receive.
    pub bind: Vec<SocketAddr>,
    /// What to tell clients instead of what is bound.
    pub advertise: Vec<IpAddr>,
    /// Media threads.
    pub threads: usize,
}

/// Media threads and the way to them.
#[derive(Debug)]
pub struct Engine {
    links: Vec<Link>,
    threads: Vec<JoinHandle<()>>,
    inbox: Inbox,
    bound: Vec<SocketAddr>,
    candidates: Arc<[SocketAddr]>,
    rooms: AtomicU32,
    members: AtomicU32,
}

impl Engine {
    /// Binds the sockets and starts the threads.
    pub fn start(config: &Config, wake: Wake) -> Result<Self, EngineError> {
        if config.threads == 0 || config.threads > MAX_THREADS {
            return Err(EngineError::Config(format!("threads must be 1 to {MAX_THREADS}")));
        }
        if config.bind.is_empty() {
            return Err(EngineError::Config("no address to bind".to_owned()));
        }
        let shared = config.threads > 1 && Port::can_share();
        let mut ports = bind(&config.bind, config.threads, shared)?;
        let bound: Vec<SocketAddr> =
            ports.first().into_iter().flatten().map(|port| port.local).collect();
        let candidates: Arc<[SocketAddr]> = candidates(&bound, &config.advertise)?.into();
        let (outboxes, inbox) = queue(wake);
        let (links, ends): (Vec<Link>, Vec<Ends>) = (0..config.threads)
            .map(|_| link())
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .unzip();
        let for_builder = links.clone();
        let (builder, builder_thread) = builder::start(move || for_builder)?;
        let mut threads = Vec::new();
        for (index, ends) in ends.into_iter().enumerate() {
            let shard = Shard::new(Parts {
                index,
                ends,
                ports: ports.get_mut(index).map(std::mem::take).unwrap_or_default(),
                reads: shared || index == 0,
                candidates: candidates.clone(),
                links: links.clone(),
                builder: builder.clone(),
                outbox: outboxes.make(),
            })?;
            let name = format!("moim-media-{index}");
            threads.push(thread::Builder::new().name(name).spawn(move || shard.run())?);
        }
        threads.push(builder_thread);
        let (rooms, members) = (AtomicU32::new(1), AtomicU32::new(1));
        Ok(Self { links, threads, inbox, bound, candidates, rooms, members })
    }

    /// The addresses bound.
    pub fn bound(&self) -> &[SocketAddr] {
        &self.bound
    }

    /// The addresses told to clients.
    pub fn candidates(&self) -> &[SocketAddr] {
        &self.candidates
    }

    /// The oldest events.
    pub fn drain(&self, limit: usize) -> Vec<Event> {
        self.inbox.take(limit)
    }

    /// A new room.
    pub fn open_room(&self) -> Result<RoomId, EngineError> {
        let number = self.rooms.fetch_add(1, Ordering::Relaxed);
        let room = RoomId::numbered(number);
        self.send(room, Message::OpenRoom(room))?;
        Ok(room)
    }

    /// Ends a room.
    pub fn close_room(&self, room: RoomId) -> Result<(), EngineError> {
        self.send(room, Message::CloseRoom(room))
    }

    /// Something for a room.
    pub fn command(&self, room: RoomId, command: Command) -> Result<(), EngineError> {
        self.send(room, Message::Command(Addressed { room, command }))
    }

    /// Asks for the counters of all threads.
    pub fn stats(&self, request: u64) -> Result<(), EngineError> {
        let tally = Arc::new(Tally::new(request, self.links.len()));
        for link in &self.links {
            tell(link, Message::Stats(tally.clone()))?;
        }
        Ok(())
    }

    /// A number for the next member of a room.
    pub fn next_member(&self) -> u32 {
        self.members.fetch_add(1, Ordering::Relaxed)
    }

    fn send(&self, room: RoomId, message: Message) -> Result<(), EngineError> {
        match self.links.get(room.shard(self.links.len())) {
            Some(link) => tell(link, message),
            None => Err(EngineError::Closed),
        }
    }
}

fn tell(link: &Link, message: Message) -> Result<(), EngineError> {
    match link.try_send(message) {
        Ok(true) => Ok(()),
        Ok(false) => Err(EngineError::QueueFull),
        Err(()) => Err(EngineError::Closed),
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for link in self.links.drain(..) {
            link.deliver(Message::Stop);
        }
        // The builder ends when the last media thread has let go of it.
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Each thread's sockets. Where the system cannot spread datagrams, all share the first thread's.
fn bind(
    addresses: &[SocketAddr],
    threads: usize,
    shared: bool,
) -> Result<Vec<Vec<Port>>, EngineError> {
    let mut ports: Vec<Vec<Port>> = (0..threads).map(|_| Vec::new()).collect();
    for address in addresses {
        let failed = |error| EngineError::Bind { address: *address, error };
        let first = Port::bind(*address, shared).map_err(failed)?;
        let local = first.local;
        for others in ports.iter_mut().skip(1) {
            let port = if shared { Port::bind(local, true) } else { first.again() };
            others.push(port.map_err(failed)?);
        }
        if let Some(ports) = ports.first_mut() {
            ports.push(first);
        }
    }
    Ok(ports)
}

/// What clients are told: each advertised address with the port of its family's first socket.
fn candidates(bound: &[SocketAddr], advertise: &[IpAddr]) -> Result<Vec<SocketAddr>, EngineError> {
    let mut candidates = Vec::new();
    for ip in advertise {
        match bound.iter().find(|local| local.is_ipv6() == ip.is_ipv6()) {
            Some(local) => candidates.push(SocketAddr::new(*ip, local.port())),
            None => {
                return Err(EngineError::Config(format!("{ip}: no socket of its family is bound")));
            }
        }
    }
    if !advertise.is_empty() {
        return Ok(candidates);
    }
    for local in bound {
        let ip = match local.ip().is_unspecified() {
            true => primary_address(local.is_ipv6()),
            false => Some(local.ip()),
        };
        let loopback = match local.is_ipv6() {
            true => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            false => IpAddr::from([127, 0, 0, 1]),
        };
        candidates.push(SocketAddr::new(ip.unwrap_or(loopback), local.port()));
    }
    Ok(candidates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{PeerMode, PeerOptions, Rights};
    use crate::ids::{ParticipantId, PeerId};
    use socket2::{Domain, Socket, Type};
    use std::time::{Duration, Instant};

    fn engine(threads: usize) -> Engine {
        // Nobody listens at the other end: the tests ask again and again instead.
        let deaf = Wake::new(Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap());
        let bind = vec!["127.0.0.1:0".parse().unwrap()];
        Engine::start(&Config { bind, advertise: Vec::new(), threads }, deaf).unwrap()
    }

    fn next(engine: &Engine, wanted: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if let Some(event) = engine.drain(64).into_iter().find(|event| wanted(event)) {
                return event;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("no such event");
    }

    fn peer(engine: &Engine, room: RoomId) -> PeerId {
        let participant = ParticipantId::new(room, engine.next_member());
        let rights = Rights { can_publish_data: true, can_subscribe: true, hidden: false };
        let (identity, sid) = ("ann".to_owned(), "PA_1".to_owned());
        let open = Command::OpenParticipant {
            participant,
            identity,
            sid,
            rights,
            last_sequence: Default::default(),
        };
        engine.command(room, open).unwrap();
        let peer = PeerId::new(room, engine.next_member());
        let (mode, codecs) = (PeerMode::Subscriber, vec!["opus".to_owned()]);
        let options = PeerOptions { mode, ice_lite: true, codecs, rtx: true };
        engine.command(room, Command::OpenPeer { participant, peer, options }).unwrap();
        peer
    }

    #[test]
    fn a_panic_in_one_room_ends_that_room_and_no_other() {
        let engine = engine(1);
        let (bad, good) = (engine.open_room().unwrap(), engine.open_room().unwrap());
        let (lost, kept) = (peer(&engine, bad), peer(&engine, good));
        engine.command(bad, Command::Panic).unwrap();
        let failed = next(&engine, |event| matches!(event, Event::RoomFailed { .. }));
        assert_eq!(failed, Event::RoomFailed { room: bad, reason: "asked to".to_owned() });
        let offer = |peer| Command::CreateOffer { peer, request: 1, ice_restart: false };
        engine.command(bad, offer(lost)).unwrap();
        let gone = next(&engine, |event| matches!(event, Event::Refused { .. }));
        assert!(matches!(gone, Event::Refused { peer, .. } if peer == lost));
        engine.command(good, offer(kept)).unwrap();
        next(&engine, |event| matches!(event, Event::Offered { peer, .. } if *peer == kept));
    }

    #[test]
    fn a_caller_that_is_faster_than_a_media_thread_is_told_and_no_answer_is_lost() {
        let engine = engine(1);
        let room = engine.open_room().unwrap();
        let ann = peer(&engine, room);
        let (mut sent, mut answered) = (0u64, 0);
        let refused = |event: &Event| matches!(event, Event::Refused { .. });
        let deadline = Instant::now() + Duration::from_secs(60);
        while answered < 20_000 && Instant::now() < deadline {
            let (peer, request) = (ann, sent);
            let answer = Command::AcceptAnswer { peer, request, sdp: String::new() };
            match (sent < 20_000).then(|| engine.command(room, answer)) {
                Some(Ok(())) => sent += 1,
                Some(Err(EngineError::QueueFull)) | None => {
                    answered += engine.drain(usize::MAX).iter().filter(|e| refused(e)).count();
                }
                Some(Err(other)) => panic!("{other}"),
            }
        }
        assert_eq!((sent, answered), (20_000, 20_000));
    }
}
