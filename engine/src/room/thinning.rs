//! Leaving higher spatial layers out of a stream, without a gap in its numbers.

use std::collections::VecDeque;

/// Late packets find the numbers of their time as far back as this: at thirty pictures a second
/// more than a second, in which a packet that was lost comes again or is of no use.
const SPANS: usize = 128;

/// Packets that are left out between two that are sent; no picture has as many.
const PENDING: usize = 512;

/// Counts what was left out of one stream.
#[derive(Debug, Default)]
pub struct Thinning {
    left_out: u64,
    /// Number and timestamp of the newest packet.
    newest: Option<(u64, u32)>,
    /// The newest that was sent.
    sent: Option<u64>,
    /// Those left out since: number and timestamp, rising.
    pending: Vec<(u64, u32)>,
    spans: VecDeque<Span>,
}

/// The packets from a number on, until that of the next span.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: u64,
    /// How many were left out before; None where they are left out themselves.
    left_out: Option<u64>,
    level: u8,
}

impl Thinning {
    /// Whether the packet is the newest yet, of a picture of which none came before.
    pub fn is_new(&self, seq: u64, timestamp: u32) -> bool {
        self.newest.is_none_or(|(newest, of)| seq > newest && timestamp != of)
    }

    /// How much lower the packet's number is for what was left out before it; None when it is left
    /// out too, because its layer is above `level`.
    ///
    /// A packet that is missing keeps its number, since it may be one of those that are sent; but
    /// not between two of one picture that are left out.
    pub fn admit(&mut self, seq: u64, timestamp: u32, layer: u8, level: u8) -> Option<u64> {
        if self.newest.is_none_or(|(newest, _)| seq > newest) {
            self.newest = Some((seq, timestamp));
        }
        if self.sent.is_some_and(|sent| seq <= sent) {
            // None: it is older than all that is known.
            let span = self.spans.iter().rev().find(|span| span.first <= seq)?;
            return span.left_out.filter(|_| layer <= span.level);
        }
        if layer > level {
            self.leave_out(seq, timestamp);
            return None;
        }
        self.settle(seq, level);
        self.sent = Some(seq);
        Some(self.left_out)
    }

    fn leave_out(&mut self, seq: u64, timestamp: u32) {
        let at = self.pending.partition_point(|(pending, _)| *pending < seq);
        if self.sent.is_some() && self.pending.len() < PENDING {
            self.pending.insert(at, (seq, timestamp));
        }
    }

    /// Numbers what comes before a packet that is sent.
    fn settle(&mut self, seq: u64, level: u8) {
        let Some(sent) = self.sent else {
            self.begin(0, Some(0), level);
            return;
        };
        let until = self.pending.partition_point(|(pending, _)| *pending < seq);
        let mut before: Option<(u64, u32)> = None;
        for (out, timestamp) in self.pending.drain(..until).collect::<Vec<_>>() {
            match before {
                Some((last, of)) if of == timestamp => self.left_out += out - last,
                _ => {
                    let first = before.map_or(sent, |(last, _)| last) + 1;
                    if first < out {
                        self.begin(first, Some(self.left_out), level);
                    }
                    self.begin(out, None, level);
                    self.left_out += 1;
                }
            }
            before = Some((out, timestamp));
        }
        let changed = self.spans.back().is_some_and(|span| span.level != level);
        match before {
            Some((last, _)) => self.begin(last + 1, Some(self.left_out), level),
            None if changed => self.begin(seq, Some(self.left_out), level),
            None => {}
        }
    }

    fn begin(&mut self, first: u64, left_out: Option<u64>, level: u8) {
        if self.spans.len() >= SPANS {
            self.spans.pop_front();
        }
        self.spans.push_back(Span { first, left_out, level });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of three layers; the layer of each packet in turn.
    const LAYERS: [u8; 6] = [0, 1, 1, 2, 2, 2];

    /// (number, timestamp, layer) of the packets of so many pictures.
    fn packets(pictures: u32) -> Vec<(u64, u32, u8)> {
        let of = |picture: u32| {
            let first = 1_000 + u64::from(picture) * LAYERS.len() as u64;
            (first..).zip(LAYERS).map(move |(seq, layer)| (seq, picture * 3_000, layer))
        };
        (0..pictures).flat_map(of).collect()
    }

    fn sent(packets: &[(u64, u32, u8)], level: impl Fn(u64) -> u8) -> Vec<u64> {
        let mut thinning = Thinning::default();
        let of = |(seq, timestamp, layer): &(u64, u32, u8)| {
            thinning.admit(*seq, *timestamp, *layer, level(*seq)).map(|less| seq - less)
        };
        packets.iter().filter_map(of).collect()
    }

    fn is_contiguous(numbers: &[u64]) -> bool {
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
    }

    #[test]
    fn the_numbers_of_what_is_sent_have_no_gap() {
        for (level, each) in [(0, 1), (1, 3), (2, 6)] {
            let numbers = sent(&packets(200), |_| level);
            assert_eq!(numbers.len(), 200 * each);
            assert!(is_contiguous(&numbers) && numbers[0] == 1_000);
        }
        // The level changes from picture to picture.
        let numbers = sent(&packets(90), |seq| ((seq - 1_000) / 6 % 3) as u8);
        assert_eq!(numbers.len(), 30 * (1 + 3 + 6));
        assert!(is_contiguous(&numbers));
    }

    #[test]
    fn what_comes_late_takes_the_number_that_was_kept_for_it() {
        let all = packets(50);
        for lost in 0..60 {
            let mut moved = all.clone();
            let late = moved.remove(lost);
            moved.insert(lost + 9, late);
            let mut numbers = sent(&moved, |_| 1);
            numbers.sort_unstable();
            let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
            numbers.dedup();
            let kept = all.iter().filter(|(_, _, layer)| *layer <= 1).count();
            assert_eq!(numbers.len(), kept, "packet {lost}: all are sent, each once");
            // At the edge of what is left out, one number may stay unused.
            assert!(last - first < kept as u64 + 1, "packet {lost}");
        }
    }

    #[test]
    fn packets_that_come_in_another_order_leave_no_gap() {
        let mut mixed = packets(60);
        for (n, picture) in mixed.chunks_mut(LAYERS.len()).enumerate() {
            picture.rotate_left(n % LAYERS.len());
            if n % 7 == 0 {
                picture.reverse();
            }
        }
        for level in [0, 1] {
            // The first packet is the one at which the layers were switched.
            let mut numbers = sent(&mixed[LAYERS.len()..], |_| level);
            numbers.sort_unstable();
            let first = numbers.iter().position(|number| *number > numbers[0] + 3).unwrap_or(1);
            assert!(is_contiguous(&numbers[first..]), "{numbers:?}");
        }
    }

    #[test]
    fn what_is_too_late_is_left_out() {
        let mut thinning = Thinning::default();
        for (seq, timestamp, layer) in packets(500) {
            thinning.admit(seq, timestamp, layer, 0);
        }
        assert!(thinning.spans.len() <= SPANS);
        assert_eq!(thinning.admit(1_000, 0, 0, 0), None);
    }
}
