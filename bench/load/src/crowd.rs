//! All clients, driven by one thread.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use tungstenite::WebSocket;

use crate::client::{Client, Plan, Side};
use crate::connection::{Buffers, Connection};
use crate::token::Keys;

const WAKE: Token = Token(usize::MAX);
/// Tokens of a client: its signalling, its publisher's and its subscriber's socket.
const TOKENS: usize = 3;
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// The scheduler sleeps no shorter than this: wakes are shared by neighbours.
const SHORTEST_SLEEP: Duration = Duration::from_micros(500);
const LONGEST_SLEEP: Duration = Duration::from_millis(20);

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its signalling.
    pub address: SocketAddr,
    /// What stands before the paths of its signalling: nothing, or such as `/livekit`.
    pub prefix: String,
    /// Its key.
    pub keys: Keys,
    /// The room that all join.
    pub room: String,
}

type Joined = (usize, Result<WebSocket<TcpStream>, String>);

/// The clients.
#[derive(Debug)]
pub struct Crowd {
    /// All that ever joined.
    pub clients: Vec<Client>,
    /// Whether delays are noted.
    pub measuring: bool,
    /// The longest that the loop was away from its sockets, in seconds, while measuring.
    pub longest_turn_s: f64,
    server: Server,
    poll: Poll,
    waker: Arc<Waker>,
    joined: Receiver<Joined>,
    joining: Sender<Joined>,
    buffers: Buffers,
    registered: Vec<[bool; TOKENS]>,
    last_ping: Instant,
}

impl Crowd {
    /// Nobody yet.
    pub fn new(server: Server) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (joining, joined) = channel();
        Ok(Self {
            clients: Vec::new(),
            measuring: false,
            longest_turn_s: 0.0,
            server,
            poll,
            waker,
            joined,
            joining,
            buffers: Buffers::new(),
            registered: Vec::new(),
            last_ping: Instant::now(),
        })
    }

    /// One more begins to join.
    pub fn join(&mut self, plans: Vec<Plan>, shown: Option<(u32, u32)>, subscribes: bool) -> usize {
        let index = self.clients.len();
        self.clients.push(Client::new(IpAddr::from([127, 0, 0, 1]), plans, shown));
        self.registered.push([false; TOKENS]);
        let (server, joining, waker) =
            (self.server.clone(), self.joining.clone(), self.waker.clone());
        // The upgrade is waited for elsewhere: media goes on meanwhile.
        thread::spawn(move || {
            let _ = joining.send((index, connect(&server, &format!("load-{index}"), subscribes)));
            let _ = waker.wake();
        });
        index
    }

    /// One turn of the loop.
    pub fn turn(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let deadline = self.clients.iter().filter_map(Client::deadline).min();
        let sleep = deadline.map_or(LONGEST_SLEEP, |at| at.saturating_duration_since(now));
        let mut events = Events::with_capacity(1_024);
        let sleep = sleep.clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
        if let Err(error) = self.poll.poll(&mut events, Some(sleep))
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        let begun = Instant::now();
        while let Ok((index, joined)) = self.joined.try_recv() {
            if let Some(client) = self.clients.get_mut(index) {
                match joined {
                    Ok(socket) => client.socket = Some(socket),
                    Err(error) => client.error = Some(error),
                }
                client.hear();
            }
        }
        for event in events.iter().filter(|event| event.token() != WAKE) {
            let (index, which) = (event.token().0 / TOKENS, event.token().0 % TOKENS);
            let Some(client) = self.clients.get_mut(index) else {
                continue;
            };
            match which {
                0 => client.hear(),
                1 => client.receive(Side::Publisher, &mut self.buffers, self.measuring),
                _ => client.receive(Side::Subscriber, &mut self.buffers, self.measuring),
            }
        }
        let now = Instant::now();
        let ping = now - self.last_ping >= PING_INTERVAL;
        if ping {
            self.last_ping = now;
        }
        for index in 0..self.clients.len() {
            if let Some(client) = self.clients.get_mut(index) {
                if ping {
                    client.ping();
                }
                client.drive(now, self.measuring);
            }
            self.register(index)?;
        }
        if self.measuring {
            self.longest_turn_s = self.longest_turn_s.max(begun.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Registers the sockets that are new.
    fn register(&mut self, index: usize) -> io::Result<()> {
        let (Some(client), Some(registered)) =
            (self.clients.get(index), self.registered.get_mut(index))
        else {
            return Ok(());
        };
        let udp = |connection: Option<&Connection>| connection.map(|one| one.socket.as_raw_fd());
        let sockets = [
            client.socket.as_ref().map(|socket| socket.get_ref().as_raw_fd()),
            udp(client.publisher.as_ref()),
            udp(client.subscriber.as_ref()),
        ];
        for (which, (socket, known)) in sockets.into_iter().zip(registered).enumerate() {
            if let Some(socket) = socket.filter(|_| !*known) {
                let token = Token(index * TOKENS + which);
                self.poll.registry().register(&mut SourceFd(&socket), token, Interest::READABLE)?;
                *known = true;
            }
        }
        Ok(())
    }

    /// Turns until `until` says so; false when that took too long.
    pub fn until(
        &mut self,
        limit: Duration,
        mut until: impl FnMut(&mut Self) -> bool,
    ) -> io::Result<bool> {
        let end = Instant::now() + limit;
        while !until(self) {
            if Instant::now() >= end {
                return Ok(false);
            }
            self.turn()?;
        }
        Ok(true)
    }

    /// Turns for a while.
    pub fn run(&mut self, time: Duration) -> io::Result<()> {
        self.until(time, |_| false).map(|_| ())
    }

    /// The local ports of all connections.
    pub fn ports(&self) -> Vec<u16> {
        let connections = self
            .clients
            .iter()
            .flat_map(|client| client.publisher.iter().chain(client.subscriber.iter()));
        connections.map(|connection| connection.local.port()).collect()
    }
}

fn connect(
    server: &Server,
    identity: &str,
    subscribes: bool,
) -> Result<WebSocket<TcpStream>, String> {
    let token = server.keys.token(&server.room, identity);
    let url = format!(
        "ws://{}{}/rtc?access_token={token}&auto_subscribe={}&protocol=15&sdk=go&version=2.0.0",
        server.address,
        server.prefix,
        u8::from(subscribes),
    );
    let stream = TcpStream::connect(server.address).map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (socket, _) = tungstenite::client(url, stream).map_err(|error| error.to_string())?;
    socket.get_ref().set_nonblocking(true).map_err(|error| error.to_string())?;
    Ok(socket)
}
