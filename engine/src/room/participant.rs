//! A seat, and the reliable data that waits for its client.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::command::{LastSequence, Rights};
use crate::ids::PeerId;

/// A reader that lags by more than this has lost the connection's pace for good.
pub const BACKLOG_BYTES: usize = 4 * 1024 * 1024;

/// One participant of a room.
#[derive(Debug)]
pub struct Participant {
    /// The identity, as in its token.
    pub identity: String,
    /// This connection's id on the wire.
    pub sid: String,
    /// What it may do.
    pub rights: Rights,
    /// Its connections, publisher or single first.
    pub peers: Vec<PeerId>,
    /// The number of its last reliable packet: what comes again after a resume is not forwarded.
    pub last_sequence: LastSequence,
    backlog: VecDeque<Arc<[u8]>>,
    backlog_bytes: usize,
    overflowed: bool,
}

/// What came of a message for a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// It waits.
    Waits,
    /// Too much waits: all of it is dropped, and the participant gets nothing reliable any more.
    Overflow,
    /// It overflowed before.
    Dropped,
}

impl Participant {
    /// A new seat.
    pub fn new(identity: String, sid: String, rights: Rights, last_sequence: LastSequence) -> Self {
        Self {
            identity,
            sid,
            rights,
            peers: Vec::new(),
            last_sequence,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            overflowed: false,
        }
    }

    /// A reliable message that cannot be sent yet.
    pub fn queue(&mut self, message: Arc<[u8]>) -> Queued {
        if self.overflowed {
            return Queued::Dropped;
        }
        if self.backlog_bytes + message.len() > BACKLOG_BYTES {
            self.overflowed = true;
            self.backlog = VecDeque::new();
            self.backlog_bytes = 0;
            return Queued::Overflow;
        }
        self.backlog_bytes += message.len();
        self.backlog.push_back(message);
        Queued::Waits
    }

    /// The oldest message that waits.
    pub fn oldest(&self) -> Option<Arc<[u8]>> {
        self.backlog.front().cloned()
    }

    /// The oldest message was sent.
    pub fn sent(&mut self) {
        if let Some(message) = self.backlog.pop_front() {
            self.backlog_bytes -= message.len();
        }
    }

    /// Whether it gets nothing reliable any more.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_lags_too_far_holds_no_memory() {
        let rights = Rights { can_publish_data: true, can_subscribe: true, hidden: false };
        let mut participant =
            Participant::new("ann".into(), "PA_1".into(), rights, Default::default());
        let message: Arc<[u8]> = vec![0; 60_000].into();
        let fits = BACKLOG_BYTES / message.len();
        for _ in 0..fits {
            assert_eq!(participant.queue(message.clone()), Queued::Waits);
        }
        assert_eq!(participant.queue(message.clone()), Queued::Overflow);
        assert!(participant.oldest().is_none());
        assert_eq!(participant.queue(message.clone()), Queued::Dropped);
        assert_eq!(Arc::strong_count(&message), 1);
    }
}
