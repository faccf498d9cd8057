//! Events on their way to the caller, and the wake-up of its event loop.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};

use socket2::Socket;

use crate::event::Event;

/// Events that wait for the caller. It is told no more until it drains; what only it can know
/// (answers, states) then waits at the media thread, what comes again anyway is dropped.
const CAPACITY: usize = 16_384;

/// One byte is written to a socket when events wait, and no second one until they were taken.
#[derive(Debug)]
pub struct Wake {
    socket: Socket,
    pending: AtomicBool,
}

impl Wake {
    /// `socket` is the writing end of a connected, non-blocking pair.
    pub fn new(socket: Socket) -> Self {
        Self { socket, pending: AtomicBool::new(false) }
    }

    /// Takes over the writing end of such a pair from another language.
    ///
    /// # Safety
    /// The descriptor (on Windows: the handle) is an open socket, and nobody else's.
    pub unsafe fn adopt(descriptor: i64) -> Self {
        #[cfg(unix)]
        let socket = {
            use std::os::fd::{FromRawFd, RawFd};
            // SAFETY: the caller says so.
            unsafe { Socket::from_raw_fd(descriptor as RawFd) }
        };
        #[cfg(windows)]
        let socket = {
            use std::os::windows::io::{FromRawSocket, RawSocket};
            // SAFETY: the caller says so.
            unsafe { Socket::from_raw_socket(descriptor as RawSocket) }
        };
        Self::new(socket)
    }

    fn ring(&self) {
        if !self.pending.swap(true, Ordering::AcqRel) {
            // The pair's buffer is empty, or its reader is gone: nothing to do about either.
            let _ = (&self.socket).write(&[1]);
        }
    }

    /// The byte was read; the next event rings again.
    pub fn heard(&self) {
        self.pending.store(false, Ordering::Release);
    }
}

/// A media thread's end of the queue.
#[derive(Debug)]
pub struct Outbox {
    sender: SyncSender<Event>,
    wake: Arc<Wake>,
    kept: VecDeque<Event>,
}

impl Outbox {
    /// Tells all events, in order.
    pub fn tell(&mut self, events: &mut Vec<Event>) {
        if events.is_empty() && self.kept.is_empty() {
            return;
        }
        self.kept.extend(events.drain(..));
        let mut told = false;
        while let Some(event) = self.kept.pop_front() {
            match self.sender.try_send(event) {
                Ok(()) => told = true,
                Err(TrySendError::Full(event)) => {
                    self.kept.push_front(event);
                    self.kept.retain(|event| !is_passing(event));
                    break;
                }
                // The engine is being closed.
                Err(TrySendError::Disconnected(_)) => self.kept.clear(),
            }
        }
        if told {
            self.wake.ring();
        }
    }

    /// Whether events wait here because the caller does not drain.
    pub fn is_behind(&self) -> bool {
        !self.kept.is_empty()
    }
}

/// The caller's end of the queue.
#[derive(Debug)]
pub struct Inbox {
    /// Only callers meet at this lock, never a media thread.
    receiver: Mutex<Receiver<Event>>,
    wake: Arc<Wake>,
}

impl Inbox {
    /// At most `limit` events; the caller has emptied the socket before.
    pub fn take(&self, limit: usize) -> Vec<Event> {
        self.wake.heard();
        let receiver = match self.receiver.lock() {
            Ok(receiver) => receiver,
            Err(poisoned) => poisoned.into_inner(),
        };
        let events: Vec<Event> = receiver.try_iter().take(limit).collect();
        if events.len() == limit {
            self.wake.ring();
        }
        events
    }
}

/// What is superseded by the next of its kind.
fn is_passing(event: &Event) -> bool {
    matches!(event, Event::Speakers { .. } | Event::PeerQuality { .. } | Event::DataReceived { .. })
}

/// Both ends; the sender's is cloned for each thread.
pub fn queue(wake: Wake) -> (OutboxMaker, Inbox) {
    let (sender, receiver) = sync_channel(CAPACITY);
    let wake = Arc::new(wake);
    (OutboxMaker { sender, wake: wake.clone() }, Inbox { receiver: Mutex::new(receiver), wake })
}

/// Makes an outbox for each thread.
#[derive(Debug, Clone)]
pub struct OutboxMaker {
    sender: SyncSender<Event>,
    wake: Arc<Wake>,
}

impl OutboxMaker {
    /// One more.
    pub fn make(&self) -> Outbox {
        Outbox { sender: self.sender.clone(), wake: self.wake.clone(), kept: VecDeque::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ParticipantId, PeerId, RoomId};
    use std::io::{self, Read};

    fn pair() -> io::Result<(Socket, Socket)> {
        use socket2::{Domain, SockAddr, Type};
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        listener.bind(&SockAddr::from(any))?;
        listener.listen(1)?;
        let reader = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        reader.connect(&listener.local_addr()?)?;
        let (writer, _) = listener.accept()?;
        writer.set_nonblocking(true)?;
        Ok((reader, writer))
    }

    fn quality() -> Event {
        Event::PeerQuality { peer: PeerId(1), loss_up: None, loss_down: None, rtt_ms: None }
    }

    #[test]
    fn one_byte_wakes_for_many_events() {
        let (mut reader, writer) = pair().unwrap();
        let (maker, inbox) = queue(Wake::new(writer));
        let mut outbox = maker.make();
        outbox.tell(&mut vec![quality(), quality()]);
        outbox.tell(&mut vec![quality()]);
        let mut bytes = [0; 8];
        assert_eq!(reader.read(&mut bytes).unwrap(), 1);
        assert_eq!(inbox.take(2).len(), 2);
        assert_eq!(reader.read(&mut bytes).unwrap(), 1, "more wait");
        assert_eq!(inbox.take(2).len(), 1);
    }

    #[test]
    fn a_caller_that_does_not_drain_loses_no_answer() {
        let (_reader, writer) = pair().unwrap();
        let (maker, inbox) = queue(Wake::new(writer));
        let mut outbox = maker.make();
        outbox.tell(&mut (0..CAPACITY).map(|_| quality()).collect());
        let answer = Event::NegotiationNeeded { peer: PeerId(7) };
        let speakers = Event::Speakers { room: RoomId(1), speakers: Vec::new() };
        let overflow = Event::DataOverflow { participant: ParticipantId(1) };
        outbox.tell(&mut vec![speakers, answer.clone(), quality(), overflow.clone()]);
        assert!(outbox.is_behind());
        assert_eq!(inbox.take(CAPACITY).len(), CAPACITY);
        outbox.tell(&mut Vec::new());
        assert_eq!(inbox.take(10), [answer, overflow]);
    }
}
