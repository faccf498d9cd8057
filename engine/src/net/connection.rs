//! One TCP connection of a client.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use super::framing::{Deframer, frame};

/// What waits in front of a client that reads slowly. What comes above that is lost, as a network
/// would lose it: the client asks for it again, or gets a lower layer.
const WAITING_BYTES: usize = 128 * 1024;
/// The system's own buffer in front of it; what lies there comes late.
const KERNEL_BUFFER_BYTES: usize = 64 * 1024;
/// Reads of one connection before the others have their turn.
const READS: usize = 8;

/// Time until a check of ICE has proved whose it is.
const PROOF: Duration = Duration::from_secs(10);
/// A client checks its way each few seconds: who is silent for so long is gone.
const SILENCE: Duration = Duration::from_secs(45);
/// Who takes nothing for so long is gone too.
const STUCK: Duration = Duration::from_secs(20);

/// How reading went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// All there was.
    All,
    /// There may be more.
    More,
    /// It has ended, or speaks something else.
    End,
}

/// One connection, which is nobody's until a check of ICE on it has proved whose it is.
#[derive(Debug)]
pub struct Connection {
    /// Registered with the thread's poll.
    pub stream: TcpStream,
    /// The client's address.
    pub remote: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
    /// The media thread of its room, once that is known.
    pub shard: Option<usize>,
    deframer: Deframer,
    waiting: Vec<u8>,
    written: usize,
    opened: Instant,
    heard: Instant,
    stuck: Option<Instant>,
}

impl Connection {
    /// One that was accepted.
    pub fn new(stream: TcpStream, remote: SocketAddr, now: Instant) -> io::Result<Self> {
        // A packet is not held back for the next one.
        stream.set_nodelay(true)?;
        let _ = socket2::SockRef::from(&stream).set_send_buffer_size(KERNEL_BUFFER_BYTES);
        let local = stream.local_addr()?;
        Ok(Self {
            stream,
            remote,
            local,
            shard: None,
            deframer: Deframer::default(),
            waiting: Vec::new(),
            written: 0,
            opened: now,
            heard: now,
            stuck: None,
        })
    }

    /// Reads what came; `on` gets each packet.
    pub fn read(&mut self, now: Instant, buffer: &mut [u8], mut on: impl FnMut(&[u8])) -> Heard {
        for _ in 0..READS {
            match self.stream.read(buffer) {
                Ok(0) => return Heard::End,
                Ok(count) => {
                    self.heard = now;
                    let bytes = buffer.get(..count).unwrap_or_default();
                    if self.deframer.take(bytes, &mut on).is_err() {
                        return Heard::End;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::All,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Heard::End,
            }
        }
        Heard::More
    }

    /// Adds a packet to what is written next; false when it is lost because too much waits.
    pub fn push(&mut self, packet: &[u8]) -> bool {
        self.waiting.len() - self.written + packet.len() <= WAITING_BYTES
            && frame(packet, &mut self.waiting)
    }

    /// Writes what the system takes. False when the connection has ended.
    pub fn flush(&mut self, now: Instant) -> bool {
        while let Some(rest) = self.waiting.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return false,
                Ok(count) => {
                    self.written += count;
                    self.stuck = None;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.waiting.drain(..self.written);
                    self.written = 0;
                    self.stuck.get_or_insert(now);
                    return true;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        self.waiting.clear();
        self.written = 0;
        true
    }

    /// Whether nobody is at the other end any more, or nobody that we know.
    pub fn is_over(&self, now: Instant) -> bool {
        let since = |then: Instant| now.saturating_duration_since(then);
        (self.shard.is_none() && since(self.opened) > PROOF)
            || since(self.heard) > SILENCE
            || self.stuck.is_some_and(|stuck| since(stuck) > STUCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection, and its client's end.
    fn pair() -> (Connection, std::net::TcpStream) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, remote) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(stream);
        (Connection::new(stream, remote, Instant::now()).unwrap(), client)
    }

    #[test]
    fn who_does_not_read_loses_whole_packets_and_holds_a_bounded_part_of_our_memory() {
        let (mut connection, mut client) = pair();
        let now = Instant::now();
        let packet = |n: u32| [&n.to_be_bytes()[..], &[7; 996]].concat();
        let mut lost = 0;
        for n in 0..20_000 {
            lost += u32::from(!connection.push(&packet(n)));
            assert!(connection.flush(now));
        }
        assert!(lost > 1_000, "{lost} lost");
        assert!(connection.waiting.capacity() < 4 * WAITING_BYTES);
        assert!(!connection.is_over(now) || connection.shard.is_none());
        assert!(connection.is_over(now + STUCK + STUCK));
        client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let (mut got, mut deframer) = (Vec::new(), Deframer::default());
        let mut buffer = [0; 65_536];
        while let Ok(count @ 1..) = client.read(&mut buffer) {
            deframer.take(&buffer[..count], |packet| got.push(packet.to_vec())).unwrap();
            assert!(connection.flush(now));
        }
        assert_eq!(got.len() + lost as usize, 20_000, "each one is whole, or lost");
        assert!(got.iter().all(|packet| packet.len() == 1_000));
    }

    #[test]
    fn a_connection_ends_that_proves_nothing_says_nothing_or_speaks_otherwise() {
        let (mut connection, mut client) = pair();
        let start = connection.opened;
        assert!(connection.is_over(start + PROOF + PROOF));
        connection.shard = Some(0);
        assert!(!connection.is_over(start + PROOF + PROOF));
        assert!(connection.is_over(start + 2 * SILENCE));
        client.write_all(b"\xff\xffGET / HTTP/1.1\r\n\r\n").unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut heard = Heard::All;
        while heard == Heard::All && Instant::now() < deadline {
            heard = connection.read(start, &mut [0; 100], |_| panic!("no packet"));
        }
        assert_eq!(heard, Heard::End);
    }
}
