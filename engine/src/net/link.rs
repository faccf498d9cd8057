//! What media threads are told, by the caller and by each other, and the way to tell them.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use mio::{Poll, Token, Waker};
use str0m::Rtc;

use super::demux::Path;
use super::tally::Tally;
use crate::command::Addressed;
use crate::endpoint::Endpoint;
use crate::ids::{PeerId, RoomId};

/// Commands that wait for a media thread.
pub const COMMANDS: usize = 4_096;
/// Datagrams that landed on another thread's socket.
pub const STRAYS: usize = 1_024;
/// What wakes a thread that sleeps for its sockets.
pub const WAKE: Token = Token(usize::MAX);

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
                self.wake();
                Ok(true)
            }
            Err(TrySendError::Full(_)) => Ok(false),
            Err(TrySendError::Disconnected(_)) => Err(()),
        }
    }

    /// Waits until it is taken; nothing when the thread has ended.
    pub fn deliver(&self, message: Message) {
        if self.messages.send(message).is_ok() {
            self.wake();
        }
    }

    /// Has it look again, without a message.
    pub fn wake(&self) {
        let _ = self.waker.wake();
    }

    /// False when it is lost, because too many wait.
    pub fn stray(&self, stray: Stray) -> bool {
        let sent = self.strays.try_send(stray).is_ok();
        if sent {
            self.wake();
        }
        sent
    }
}

/// The receiving ends of a link.
pub struct Ends {
    /// From the caller.
    pub messages: Receiver<Message>,
    /// From other threads.
    pub strays: Receiver<Stray>,
    /// Where the thread sleeps.
    pub poll: Poll,
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
