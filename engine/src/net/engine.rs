//! The engine as its caller sees it: media threads behind bounded queues.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use thiserror::Error;

use super::builder;
use super::link::{COMMANDS, Ends, Link, Message, link};
use super::outbox::{Inbox, Wake, queue};
use super::port::{self, Port, primary_address};
use super::shard::{Parts, Shard};
use super::streams::{self, Streams};
use super::tally::Tally;
use crate::command::{Addressed, Command};
use crate::endpoint::Endpoint;
use crate::event::Event;
use crate::ids::RoomId;

/// More threads than this are a typing error.
const MAX_THREADS: usize = 256;

/// Why a call was not done.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The media thread lags behind.
    #[error("a media thread is {} commands behind", COMMANDS)]
    QueueFull,
    /// The engine was closed.
    #[error("the engine is closed")]
    Closed,
    /// A socket could not be bound.
    #[error("cannot bind {protocol} {address}: {error}")]
    Bind {
        /// UDP or TCP.
        protocol: &'static str,
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
    /// Where clients without UDP may connect. Port 0 is the number of the UDP socket of the family,
    /// or any other where that is taken.
    pub tcp: Vec<SocketAddr>,
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
    candidates: Arc<[Endpoint]>,
    streams: Option<Streams>,
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
        let listeners = listen(&config.tcp, &bound)?;
        let mut all = candidates(&bound, &config.advertise, Endpoint::udp)?;
        all.extend(tcp_candidates(&listeners, &config.advertise)?);
        let candidates: Arc<[Endpoint]> = all.into();
        let (outboxes, inbox) = queue(wake);
        let (links, ends): (Vec<Link>, Vec<Ends>) = (0..config.threads)
            .map(|_| link())
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .unzip();
        let for_builder = links.clone();
        let (builder, builder_thread) = builder::start(move || for_builder)?;
        let (streams, stream_thread) = match listeners.is_empty() {
            true => (None, None),
            false => {
                let (streams, thread) = streams::start(listeners, links.clone())?;
                (Some(streams), Some(thread))
            }
        };
        let mut threads: Vec<_> = stream_thread.into_iter().collect();
        for (index, ends) in ends.into_iter().enumerate() {
            let shard = Shard::new(Parts {
                index,
                ends,
                ports: ports.get_mut(index).map(std::mem::take).unwrap_or_default(),
                reads: shared || index == 0,
                candidates: candidates.clone(),
                links: links.clone(),
                streams: streams.clone(),
                builder: builder.clone(),
                outbox: outboxes.make(),
            })?;
            let name = format!("moim-media-{index}");
            threads.push(thread::Builder::new().name(name).spawn(move || shard.run())?);
        }
        threads.push(builder_thread);
        let (rooms, members) = (AtomicU32::new(1), AtomicU32::new(1));
        Ok(Self { links, threads, inbox, bound, candidates, streams, rooms, members })
    }

    /// The addresses bound.
    pub fn bound(&self) -> &[SocketAddr] {
        &self.bound
    }

    /// The addresses told to clients.
    pub fn candidates(&self) -> &[Endpoint] {
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
        if let Some(streams) = &self.streams {
            streams.stop();
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
        let failed = |error| EngineError::Bind { protocol: "UDP", address: *address, error };
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

/// The sockets on which clients without UDP connect.
fn listen(tcp: &[SocketAddr], bound: &[SocketAddr]) -> Result<Vec<TcpListener>, EngineError> {
    let mut listeners = Vec::new();
    for address in tcp {
        let beside = bound.iter().find(|udp| udp.is_ipv6() == address.is_ipv6());
        let same = beside.filter(|_| address.port() == 0).map(SocketAddr::port);
        let wanted = SocketAddr::new(address.ip(), same.unwrap_or(address.port()));
        let found = port::listen(wanted).or_else(|error| match same {
            Some(_) => port::listen(*address),
            None => Err(error),
        });
        let failed = |error| EngineError::Bind { protocol: "TCP", address: *address, error };
        listeners.push(found.map_err(failed)?);
    }
    Ok(listeners)
}

/// The same for TCP: of the advertised addresses those whose family is listened on.
fn tcp_candidates(
    listeners: &[TcpListener],
    advertise: &[IpAddr],
) -> Result<Vec<Endpoint>, EngineError> {
    let bound = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
    let listened = |ip: &&IpAddr| bound.iter().any(|local| local.is_ipv6() == ip.is_ipv6());
    let told: Vec<IpAddr> = advertise.iter().filter(listened).copied().collect();
    candidates(&bound, &told, Endpoint::tcp)
}

/// What clients are told: each advertised address with the port of its family's first socket.
fn candidates(
    bound: &[SocketAddr],
    advertise: &[IpAddr],
    reached: fn(SocketAddr) -> Endpoint,
) -> Result<Vec<Endpoint>, EngineError> {
    let mut candidates = Vec::new();
    for ip in advertise {
        match bound.iter().find(|local| local.is_ipv6() == ip.is_ipv6()) {
            Some(local) => candidates.push(reached(SocketAddr::new(*ip, local.port()))),
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
        candidates.push(reached(SocketAddr::new(ip.unwrap_or(loopback), local.port())));
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
        let (advertise, tcp) = (Vec::new(), Vec::new());
        Engine::start(&Config { bind, advertise, tcp, threads }, deaf).unwrap()
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
