//! Clients that have no UDP: one thread takes their TCP connections, cuts them into packets and
//! hands those to the media thread of their room. Source: RFC 6544 (we are passive), RFC 4571.
//!
//! A connection is nobody's until a check of ICE on it has proved whose it is: until then each
//! media thread is asked, anything but a check ends it, and so does time. Nothing here waits for a
//! client: what a slow one does not take is lost to it alone.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};

use super::connection::{Connection, Heard};
use super::demux::Path;
use super::link::{Link, Stray};
use crate::endpoint::Endpoint;

/// Bundles and news that wait for the thread.
const CAPACITY: usize = 4_096;
/// Connections at once.
const MOST: usize = 8_192;
/// Connections of one address (of IPv6: of one network) that have proved nothing yet. A browser
/// opens one for each pair of an interface of its own and an address of ours.
const UNPROVED_PER_ADDRESS: usize = 64;
/// Accepted, or taken from the queue, before the others have their turn.
const AT_ONCE: usize = 256;
const SWEEP: Duration = Duration::from_secs(1);
const READ_BYTES: usize = 16 * 1024;
const WAKE: Token = Token(usize::MAX);

/// What the thread is told.
#[derive(Debug)]
enum Task {
    /// Packets of `size` bytes, the last may be shorter.
    Send { connection: usize, bytes: Vec<u8>, size: usize },
    /// A check has proved that the connection is this thread's.
    Mine { connection: usize, shard: usize },
    /// Whose it was is gone.
    Close { connection: usize },
    /// End.
    Stop,
}

/// The way to the thread.
#[derive(Debug, Clone)]
pub struct Streams {
    tasks: SyncSender<Task>,
    waker: Arc<Waker>,
}

impl Streams {
    /// Packets for a client; false when they are lost.
    pub fn send(&self, connection: usize, bytes: &[u8], size: usize) -> bool {
        self.tell(Task::Send { connection, bytes: bytes.to_vec(), size })
    }

    /// Whose a connection is.
    pub fn prove(&self, connection: usize, shard: usize) {
        self.tell(Task::Mine { connection, shard });
    }

    /// Ends a connection. One that is not told, for want of room, ends by its silence.
    pub fn close(&self, connection: usize) {
        self.tell(Task::Close { connection });
    }

    /// Ends the thread.
    pub fn stop(&self) {
        if self.tasks.send(Task::Stop).is_ok() {
            let _ = self.waker.wake();
        }
    }

    fn tell(&self, task: Task) -> bool {
        match self.tasks.try_send(task) {
            Ok(()) => self.waker.wake().is_ok(),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

/// Starts the thread for listeners that do not block.
pub fn start(
    listeners: Vec<std::net::TcpListener>,
    links: Vec<Link>,
) -> io::Result<(Streams, JoinHandle<()>)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let (tasks, received) = sync_channel(CAPACITY);
    let mut listeners: Vec<TcpListener> =
        listeners.into_iter().map(TcpListener::from_std).collect();
    for (token, listener) in listeners.iter_mut().enumerate() {
        poll.registry().register(listener, Token(token), Interest::READABLE)?;
    }
    let thread = Thread {
        next: listeners.len(),
        poll,
        listeners,
        links,
        tasks: received,
        connections: HashMap::new(),
        unproved: HashMap::new(),
        unread: Vec::new(),
        swept: Instant::now(),
    };
    let name = "moim-tcp".to_owned();
    let handle = thread::Builder::new().name(name).spawn(move || thread.run())?;
    Ok((Streams { tasks, waker }, handle))
}

struct Thread {
    poll: Poll,
    listeners: Vec<TcpListener>,
    links: Vec<Link>,
    tasks: Receiver<Task>,
    connections: HashMap<usize, Connection>,
    next: usize,
    unproved: HashMap<IpAddr, usize>,
    /// Connections of which there may be more to read.
    unread: Vec<usize>,
    swept: Instant,
}

impl Thread {
    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let mut buffer = vec![0; READ_BYTES];
        let mut more = false;
        loop {
            let timeout = if more || !self.unread.is_empty() { Duration::ZERO } else { SWEEP };
            if let Err(error) = self.poll.poll(&mut events, Some(timeout))
                && error.kind() != io::ErrorKind::Interrupted
            {
                return;
            }
            let now = Instant::now();
            for number in std::mem::take(&mut self.unread) {
                self.read(now, number, &mut buffer);
            }
            for event in &events {
                match event.token() {
                    WAKE => {}
                    Token(number) if number < self.listeners.len() => self.accept(now, number),
                    Token(number) => {
                        if event.is_writable() {
                            self.flush(now, number);
                        }
                        if event.is_readable() || event.is_read_closed() {
                            self.read(now, number, &mut buffer);
                        }
                    }
                }
            }
            match self.take_tasks(now) {
                Some(full) => more = full,
                None => return,
            }
            if now.saturating_duration_since(self.swept) >= SWEEP {
                self.sweep(now);
            }
        }
    }

    fn accept(&mut self, now: Instant, listener: usize) {
        for _ in 0..AT_ONCE {
            let accepted = match self.listeners.get(listener) {
                Some(listener) => listener.accept(),
                None => return,
            };
            match accepted {
                Ok((stream, remote)) => {
                    // What is refused is closed by being dropped.
                    let _ = self.take_in(now, stream, remote);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nobody waits; or no descriptor is free, then the sweep tries again.
                Err(_) => return,
            }
        }
    }

    fn take_in(
        &mut self,
        now: Instant,
        stream: mio::net::TcpStream,
        remote: SocketAddr,
    ) -> io::Result<()> {
        let unproved = self.unproved.entry(neighbourhood(remote.ip())).or_default();
        if self.connections.len() >= MOST || *unproved >= UNPROVED_PER_ADDRESS {
            return Ok(());
        }
        let mut connection = Connection::new(stream, remote, now)?;
        let (number, both) = (self.next, Interest::READABLE | Interest::WRITABLE);
        self.poll.registry().register(&mut connection.stream, Token(number), both)?;
        *unproved += 1;
        self.next += 1;
        self.connections.insert(number, connection);
        Ok(())
    }

    fn read(&mut self, now: Instant, number: usize, buffer: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        let (shard, local) = (connection.shard, connection.local);
        let from = Endpoint::tcp(connection.remote);
        let path = Path::Stream { connection: number, local: local.ip() };
        let (links, mut stranger) = (&self.links, false);
        let heard = connection.read(now, buffer, |packet| match shard {
            Some(shard) => {
                hand_over(links.get(shard), from, path, packet);
            }
            // Source: RFC 7983, 7: the first byte of STUN is 0 to 3.
            None if packet.first().is_some_and(|first| *first < 4) => {
                for link in links {
                    hand_over(Some(link), from, path, packet);
                }
            }
            None => stranger = true,
        });
        match heard {
            Heard::End => self.close(number),
            _ if stranger => self.close(number),
            Heard::More => self.unread.push(number),
            Heard::All => {}
        }
    }

    /// False to go on waiting; true when more may wait; None at the end.
    fn take_tasks(&mut self, now: Instant) -> Option<bool> {
        for _ in 0..AT_ONCE {
            match self.tasks.try_recv() {
                Ok(Task::Send { connection, bytes, size }) => {
                    if let Some(one) = self.connections.get_mut(&connection) {
                        for packet in bytes.chunks(size.max(1)) {
                            one.push(packet);
                        }
                        self.flush(now, connection);
                    }
                }
                Ok(Task::Mine { connection, shard }) => self.prove(connection, shard),
                Ok(Task::Close { connection }) => self.close(connection),
                Ok(Task::Stop) => return None,
                Err(_) => return Some(false),
            }
        }
        Some(true)
    }

    fn prove(&mut self, number: usize, shard: usize) {
        if let Some(connection) = self.connections.get_mut(&number)
            && connection.shard.replace(shard).is_none()
        {
            let remote = connection.remote.ip();
            self.less_unproved(remote);
        }
    }

    fn flush(&mut self, now: Instant, number: usize) {
        let connection = self.connections.get_mut(&number);
        if connection.is_some_and(|connection| !connection.flush(now)) {
            self.close(number);
        }
    }

    fn close(&mut self, number: usize) {
        if let Some(mut connection) = self.connections.remove(&number) {
            let _ = self.poll.registry().deregister(&mut connection.stream);
            if connection.shard.is_none() {
                self.less_unproved(connection.remote.ip());
            }
        }
    }

    fn less_unproved(&mut self, remote: IpAddr) {
        let address = neighbourhood(remote);
        if let Some(count) = self.unproved.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.unproved.remove(&address);
            }
        }
    }

    fn sweep(&mut self, now: Instant) {
        self.swept = now;
        let over = self.connections.iter().filter(|(_, connection)| connection.is_over(now));
        let over: Vec<usize> = over.map(|(number, _)| *number).collect();
        for number in over {
            self.close(number);
        }
        self.unproved.retain(|_, count| *count > 0);
        for listener in 0..self.listeners.len() {
            self.accept(now, listener);
        }
    }
}

fn hand_over(link: Option<&Link>, from: Endpoint, path: Path, packet: &[u8]) {
    if let Some(link) = link {
        // A thread that lags loses it, as a socket's full buffer would.
        link.stray(Stray::Packet { from, path, bytes: packet.to_vec() });
    }
}

/// Whose limit a connection counts towards: an IPv6 host has a network of addresses.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(std::net::Ipv6Addr::from_bits(network))
        }
    }
}
