//! What a subscriber got.

use std::collections::HashMap;
use std::time::Instant;

use crate::stamp::Stamp;

/// One stream: which numbers came.
#[derive(Debug, Default)]
struct Row {
    highest: Option<u64>,
    /// Numbers that were skipped, and when that was seen.
    missing: HashMap<u64, Instant>,
}

impl Row {
    /// True when the number is new.
    fn note(&mut self, number: u64, now: Instant) -> bool {
        match self.highest {
            Some(highest) if number <= highest => self.missing.remove(&number).is_some(),
            Some(highest) => {
                self.missing.extend((highest + 1..number).map(|missing| (missing, now)));
                self.highest = Some(number);
                true
            }
            None => {
                self.highest = Some(number);
                true
            }
        }
    }

    fn lost(&self, from: Instant, to: Instant) -> usize {
        self.missing.values().filter(|seen| **seen >= from && **seen < to).count()
    }
}

/// One subscriber's.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Packets that were decrypted, are the publisher's, and came for the first time.
    pub verified: u64,
    /// Packets without a stamp of ours (padding, probes), which count for nothing.
    pub foreign: u64,
    /// Came again.
    pub duplicates: u64,
    /// One-way delays in microseconds, while they are wanted.
    pub latency_us: Vec<u32>,
    /// By the stream's sequence numbers.
    streams: HashMap<u32, Row>,
    /// By the publisher's own count, which no server can renumber.
    layers: HashMap<(u16, u8), Row>,
    entered: HashMap<u16, Instant>,
    /// The layer that each track is shown in.
    shown: HashMap<u16, u8>,
}

impl Ledger {
    /// One packet.
    pub fn note(&mut self, now: Instant, ssrc: u32, seq: u64, payload: &[u8], measuring: bool) {
        let fresh = self.streams.entry(ssrc).or_default().note(seq, now);
        let Some(stamp) = Stamp::read(payload) else {
            self.foreign += 1;
            return;
        };
        let row = self.layers.entry((stamp.track, stamp.layer)).or_default();
        if self.shown.insert(stamp.track, stamp.layer) != Some(stamp.layer) {
            // What came in this layer while another was shown was not meant to arrive.
            row.highest = None;
        }
        if !row.note(stamp.count.into(), now) || !fresh {
            self.duplicates += 1;
            return;
        }
        self.verified += 1;
        if stamp.entry {
            self.entered.entry(stamp.track).or_insert(now);
        }
        if measuring {
            let us = Stamp::now_ns().saturating_sub(stamp.sent_ns) / 1_000;
            self.latency_us.push(us.min(u64::from(u32::MAX)) as u32);
        }
    }

    /// Tracks whose first key frame is there.
    pub fn tracks(&self) -> usize {
        self.entered.len()
    }

    /// When the first key frame of any track was there.
    pub fn first_entry(&self) -> Option<Instant> {
        self.entered.values().min().copied()
    }

    /// Packets that were missed between two moments and never came. What a server drops is seen
    /// by the publisher's count even where it renumbers; a change of layers is no loss.
    pub fn lost(&self, from: Instant, to: Instant) -> usize {
        let by = |rows: &mut dyn Iterator<Item = &Row>| rows.map(|row| row.lost(from, to)).sum();
        let streams: usize = by(&mut self.streams.values());
        let layers: usize = by(&mut self.layers.values());
        streams.max(layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn payload(count: u32) -> Vec<u8> {
        let mut payload = vec![0; 40];
        let sent_ns = Stamp::now_ns();
        Stamp { sent_ns, track: 1, layer: 0, entry: count == 1, count }.write(&mut payload);
        payload
    }

    #[test]
    fn what_never_came_is_lost_what_came_late_is_not_and_nothing_counts_twice() {
        let start = Instant::now();
        let mut ledger = Ledger::default();
        for (seq, count) in [(10, 1), (11, 2), (14, 5), (12, 3), (12, 3), (15, 6)] {
            ledger.note(start, 7, seq, &payload(count), true);
        }
        ledger.note(start, 7, 16, &[0; 40], true);
        let end = start + Duration::from_secs(1);
        assert_eq!((ledger.verified, ledger.duplicates, ledger.foreign), (5, 1, 1));
        assert_eq!((ledger.lost(start, end), ledger.lost(end, end)), (1, 0));
        assert_eq!((ledger.tracks(), ledger.latency_us.len()), (1, 5));
    }

    #[test]
    fn a_server_that_drops_and_renumbers_is_seen() {
        let start = Instant::now();
        let mut ledger = Ledger::default();
        ledger.note(start, 7, 10, &payload(1), false);
        ledger.note(start, 7, 11, &payload(4), false);
        assert_eq!(ledger.lost(start, start + Duration::from_secs(1)), 2);
    }
}
