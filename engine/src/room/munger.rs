//! One continuous RTP stream out of the layers that a subscriber is switched between.

use std::time::{Duration, Instant};

use str0m::format::Codec;
use str0m::rtp::Vp8Patch;

use super::thinning::Thinning;
use crate::codec::{DependencyDescriptor, FrameNumbers, PictureIds, Spatial};

/// The first sequence number that is sent: SRTP's rollover counter starts at zero, so it is low,
/// and above zero for packets that arrive before the first one.
const FIRST_SEQ: u64 = 1_000;

/// What is rewritten of one packet.
#[derive(Debug)]
pub struct Munged {
    /// Extended sequence number.
    pub seq: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// Whether it is the last packet of its picture.
    pub marker: bool,
    /// Replacement of VP8's counters.
    pub vp8: Option<Vp8Patch>,
    /// Replacement of the dependency descriptor.
    pub descriptor: Option<DependencyDescriptor>,
}

/// What is read of one packet.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// Extended sequence number.
    pub seq: u64,
    /// RTP timestamp.
    pub timestamp: u32,
    /// When the publisher captured it, on the clock of this machine.
    pub captured: Instant,
    /// Ticks of the timestamp in a second.
    pub clock_rate: u32,
    /// Whether it is the last packet of its picture.
    pub marker: bool,
    /// Its place, in a stream of several spatial layers.
    pub spatial: Option<Spatial>,
    /// The payload's codec.
    pub codec: Codec,
    /// The RTP payload.
    pub payload: &'a [u8],
    /// What the frame depends on, where its codec needs that to be said.
    pub descriptor: Option<&'a DependencyDescriptor>,
}

/// Offsets from a layer's numbers to those of the stream that is sent.
#[derive(Debug, Default)]
pub struct Munger {
    seq_offset: i64,
    timestamp_offset: u32,
    /// The first packet of the layer that is forwarded now: earlier ones come too late.
    first_seq: u64,
    last: Option<Sent>,
    thinning: Thinning,
    pictures: PictureIds,
    frames: FrameNumbers,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    seq: u64,
    timestamp: u32,
    captured: Instant,
}

/// Two frames never share a timestamp, even if they show the same picture in two layers.
const SMALLEST_STEP: Duration = Duration::from_millis(1);

impl Munger {
    /// This packet is the first of a layer (or the first at all, or the first after a pause).
    pub fn switch(&mut self, packet: &Incoming<'_>) {
        self.first_seq = packet.seq;
        let (seq, timestamp) = match self.last {
            None => (FIRST_SEQ, packet.timestamp),
            Some(last) => {
                let elapsed =
                    packet.captured.saturating_duration_since(last.captured).max(SMALLEST_STEP);
                let ticks = elapsed.as_secs_f64() * f64::from(packet.clock_rate);
                // Modulo 2^32 is what a timestamp is; a cast alone would saturate.
                (last.seq + 1, last.timestamp.wrapping_add(ticks as u64 as u32))
            }
        };
        self.seq_offset = seq as i64 - packet.seq as i64;
        self.thinning = Thinning::default();
        self.timestamp_offset = timestamp.wrapping_sub(packet.timestamp);
        if packet.codec == Codec::Vp8 {
            self.pictures.switch(packet.payload);
        }
        if let Some(descriptor) = packet.descriptor {
            self.frames.switch(descriptor);
        }
    }

    /// Whether a picture of several spatial layers begins with this packet.
    pub fn begins_picture(&self, packet: &Incoming<'_>) -> bool {
        packet.spatial.is_some_and(|spatial| spatial.id == 0)
            && self.thinning.is_new(packet.seq, packet.timestamp)
    }

    /// The packet's numbers on the stream that is sent, of which only spatial layers up to `level`
    /// are; None when it is of a higher one, or older than the switch.
    pub fn rewrite(&mut self, packet: &Incoming<'_>, level: u8) -> Option<Munged> {
        // Audio has no key frames to wait for: what was sent just before the first is welcome.
        let too_old = packet.seq < self.first_seq && !packet.codec.is_audio();
        if too_old {
            return None;
        }
        let left_out = match packet.spatial {
            Some(spatial) => {
                self.thinning.admit(packet.seq, packet.timestamp, spatial.id, level)?
            }
            None => 0,
        };
        let seq = packet.seq as i64 + self.seq_offset - left_out as i64;
        if seq <= 0 {
            return None;
        }
        let seq = seq as u64;
        let timestamp = packet.timestamp.wrapping_add(self.timestamp_offset);
        let newest = self.last.is_none_or(|last| seq > last.seq);
        if newest {
            self.last = Some(Sent { seq, timestamp, captured: packet.captured });
        }
        let vp8 = match packet.codec {
            Codec::Vp8 => self.pictures.patch(packet.payload, newest),
            _ => None,
        };
        let descriptor = packet.descriptor.and_then(|came| self.frames.rewrite(came));
        // A picture ends with the last of its layers that is sent.
        let ends = packet.spatial.is_some_and(|spatial| spatial.ends && spatial.id == level);
        Some(Munged { seq, timestamp, marker: packet.marker || ends, vp8, descriptor })
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    fn video(seq: u64, timestamp: u32, captured: Instant) -> Incoming<'static> {
        Incoming {
            seq,
            timestamp,
            captured,
            clock_rate: 90_000,
            marker: false,
            spatial: None,
            codec: Codec::H264,
            payload: &[0x65],
            descriptor: None,
        }
    }

    #[test]
    fn a_switch_goes_on_with_the_next_number_and_the_time_that_passed() {
        let start = Instant::now();
        let mut munger = Munger::default();
        let first = video(70_000, 5_000, start);
        munger.switch(&first);
        let sent = munger.rewrite(&first, 2).unwrap();
        assert_eq!((sent.seq, sent.timestamp), (FIRST_SEQ, 5_000));

        let other = video(9, u32::MAX - 10, start + Duration::from_millis(100));
        munger.switch(&other);
        let sent = munger.rewrite(&other, 2).unwrap();
        assert_eq!((sent.seq, sent.timestamp), (FIRST_SEQ + 1, 14_000));
        let next = video(10, 2_989, start + Duration::from_millis(133));
        let sent = munger.rewrite(&next, 2).unwrap();
        assert_eq!((sent.seq, sent.timestamp), (FIRST_SEQ + 2, 17_000));
    }

    #[test]
    fn the_same_picture_in_another_layer_has_a_later_timestamp() {
        let start = Instant::now();
        let mut munger = Munger::default();
        let low = video(1, 900, start);
        munger.switch(&low);
        munger.rewrite(&low, 2);
        let high = video(500, 77, start);
        munger.switch(&high);
        assert_eq!(munger.rewrite(&high, 2).unwrap().timestamp, 990);
    }

    #[test]
    fn packets_from_before_a_switch_are_not_sent_after_it() {
        let start = Instant::now();
        let mut munger = Munger::default();
        let key = video(100, 0, start);
        munger.switch(&key);
        munger.rewrite(&key, 2);
        assert!(munger.rewrite(&video(99, 0, start), 2).is_none());
        assert_eq!(munger.rewrite(&video(103, 0, start), 2).unwrap().seq, FIRST_SEQ + 3);
        assert_eq!(munger.rewrite(&video(102, 0, start), 2).unwrap().seq, FIRST_SEQ + 2);
    }
}
