//! VP8's picture counters over a change of layers: decoders take a gap for a loss.

use str0m::rtp::{Vp8Descriptor, Vp8Patch};

/// The counters of one packet, where its descriptor has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Modulo 2^15.
    pub picture_id: Option<u16>,
    /// The base layer's index, modulo 2^8.
    pub tl0: Option<u8>,
    /// The index of the last key frame, modulo 2^5.
    pub key: Option<u8>,
}

/// What is added to the counters of the layer that is forwarded now.
#[derive(Debug, Default)]
pub struct PictureIds {
    picture_id: u16,
    tl0: u8,
    key: u8,
    last: Option<Counters>,
    engaged: bool,
}

const PICTURE_ID_MASK: u16 = 0x7fff;
const SHORT_MAX: u16 = 0x7f;
const KEY_MASK: u8 = 0x1f;

impl PictureIds {
    /// The next packet is the first of another layer: it follows the last one sent.
    pub fn switch(&mut self, payload: &[u8]) {
        let (Some(last), Ok(descriptor)) = (self.last, Vp8Descriptor::parse(payload)) else {
            return;
        };
        self.engaged = true;
        if let (Some(last), Some(next)) = (last.picture_id, descriptor.picture_id()) {
            self.picture_id = last.wrapping_add(1).wrapping_sub(next) & PICTURE_ID_MASK;
        }
        if let (Some(last), Some(next)) = (last.tl0, descriptor.tl0_pic_idx()) {
            self.tl0 = last.wrapping_add(1).wrapping_sub(next);
        }
        if let (Some(last), Some(next)) = (last.key, descriptor.key_idx()) {
            self.key = last.wrapping_add(1).wrapping_sub(next) & KEY_MASK;
        }
    }

    /// How this packet's descriptor is rewritten; `newest` when no later packet was sent.
    pub fn patch(&mut self, payload: &[u8], newest: bool) -> Option<Vp8Patch> {
        let descriptor = Vp8Descriptor::parse(payload).ok()?;
        let counters = Counters {
            picture_id: descriptor
                .picture_id()
                .map(|id| id.wrapping_add(self.picture_id) & PICTURE_ID_MASK),
            tl0: descriptor.tl0_pic_idx().map(|index| index.wrapping_add(self.tl0)),
            key: descriptor.key_idx().map(|index| index.wrapping_add(self.key) & KEY_MASK),
        };
        if newest {
            self.last = Some(counters);
        }
        if !self.engaged {
            return None;
        }
        let build = |mask: u16| {
            let mut patch = descriptor.patch();
            if let Some(id) = counters.picture_id {
                patch = patch.picture_id(id & mask);
            }
            if let Some(index) = counters.tl0 {
                patch = patch.tl0_pic_idx(index);
            }
            if let Some(index) = counters.key {
                patch = patch.key_idx(index);
            }
            patch.build().ok()
        };
        // A publisher with 7-bit picture ids: what does not fit wraps there.
        build(PICTURE_ID_MASK).or_else(|| build(SHORT_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(picture_id: u16, tl0: u8, key: u8) -> Vec<u8> {
        let id = picture_id.to_be_bytes();
        vec![0x90, 0xf0, 0x80 | id[0], id[1], tl0, 0x20 | key, 0x00]
    }

    fn counters(picture_id: u16, tl0: u8, key: u8) -> Option<Counters> {
        Some(Counters { picture_id: Some(picture_id), tl0: Some(tl0), key: Some(key) })
    }

    #[test]
    fn counters_go_on_by_one_over_a_switch_and_wrap() {
        let mut ids = PictureIds::default();
        let last = packet(0x7fff, 255, 31);
        assert!(ids.patch(&last, true).is_none(), "untouched before the first switch");
        let next = packet(77, 9, 3);
        ids.switch(&next);
        assert!(ids.patch(&next, true).is_some());
        assert_eq!(ids.last, counters(0, 0, 0));
        ids.patch(&packet(78, 10, 3), true);
        assert_eq!(ids.last, counters(1, 1, 0));
    }

    #[test]
    fn a_late_packet_does_not_move_the_counters_back() {
        let mut ids = PictureIds::default();
        ids.patch(&packet(20, 5, 1), true);
        ids.patch(&packet(19, 5, 1), false);
        ids.switch(&packet(500, 1, 1));
        ids.patch(&packet(500, 1, 1), true);
        assert_eq!(ids.last, counters(21, 6, 2));
    }

    #[test]
    fn seven_bit_picture_ids_wrap_at_seven_bits() {
        let mut ids = PictureIds::default();
        ids.patch(&packet(0x7f, 0, 0), true);
        let short = [0x90, 0x80, 0x05, 0x00];
        ids.switch(&short);
        assert!(ids.patch(&short, true).is_some());
    }
}
